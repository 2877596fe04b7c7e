//! Elastic Load Balancing: application load balancers, their listeners and rules, and the target
//! groups they send to.
//!
//! Other services use [`target::register`], [`target::deregister`], [`target::health`] and
//! [`target_group::get`].

mod action;
mod attribute;
mod certificate;
mod condition;
mod desire;
mod error;
mod limit;
mod listener;
mod load_balancer;
mod metrics;
mod page;
mod rule;
mod ssl_policy;
mod state;
mod tags;
pub mod target;
pub mod target_group;

#[cfg(test)]
pub(crate) mod tests;

pub use certificate::using_certificate;
pub use load_balancer::hosted_zone;
pub use state::{State, TargetGroup};

use wire::elbv2 as api;
use world::Event;
use world::event::BalancerStatus;

use crate::{Context, Region, Service};

pub(crate) const SERVICE: Service = Service {
    reconcile,
    deadline,
    desire: desire::desire,
    observe,
    awaits: target::awaits,
    ..Service::new("elbv2", handler)
};

/// A listener as the machine's own user reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The load balancer's name.
    pub balancer: String,
    /// The listener's port.
    pub port: u16,
    pub protocol: &'static str,
    /// Host address such as `127.0.0.1:8080`, once it is published.
    pub address: Option<String>,
    /// Why it is not.
    pub failure: Option<String>,
    /// A host name that leads there.
    pub host: String,
}

/// Every listener of a load balancer that faces the internet, by name and port.
pub fn endpoints(region: &Region) -> Vec<Endpoint> {
    let mut all = Vec::new();
    for row in region.elbv2.load_balancers.values() {
        if row.scheme != api::LoadBalancerSchemeEnum::InternetFacing {
            continue;
        }
        for listener in desire::listeners(region, row) {
            let published = row.published.iter().find(|one| one.port == listener.port);
            all.push(Endpoint {
                balancer: row.name.clone(),
                port: listener.port,
                protocol: listener.protocol.as_str(),
                address: published.and_then(|one| one.address.clone()),
                failure: published.and_then(|one| one.failure.clone()),
                host: certificate::host_name(row),
            });
        }
    }
    all.sort_by(|one, other| (&one.balancer, one.port).cmp(&(&other.balancer, other.port)));
    all
}

/// A load balancer as the one who looks up its name sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub addresses: Vec<std::net::Ipv4Addr>,
    /// Whether every target group it sends to has a healthy target.
    pub healthy: bool,
}

/// Finds a load balancer by its DNS name, with or without `dualstack.` before it and a dot at the
/// end.
pub fn by_name(region: &Region, name: &str) -> Option<Named> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let name = name.strip_prefix("dualstack.").unwrap_or(&name);
    let mut all = region.elbv2.load_balancers.values();
    let row = all.find(|row| row.dns_name == name)?;
    Some(Named {
        addresses: load_balancer::addresses(region, row),
        healthy: desire::groups(region, row)
            .into_iter()
            .all(|group| target::any_healthy(region, group)),
    })
}

/// A load balancer is active once its nodes serve, or at once while it has nothing to serve.
fn reconcile(region: &mut Region, context: &Context) {
    target::reconcile(region, context);
    certificate::reconcile(region, context);
    let ready: Vec<String> = region
        .elbv2
        .load_balancers
        .values()
        .filter(|row| row.state == api::LoadBalancerStateEnum::Provisioning)
        .filter(|row| {
            desire::listeners(region, row).is_empty() || row.ready.len() >= row.nodes.len()
        })
        .map(|row| row.arn.clone())
        .collect();
    for arn in ready {
        if let Some(row) = region.elbv2.load_balancers.get_mut(&arn) {
            row.state = api::LoadBalancerStateEnum::Active;
        }
    }
}

fn deadline(region: &Region) -> Option<jiff::Timestamp> {
    let all = [target::deadline(region), certificate::deadline(region)];
    all.into_iter().flatten().min()
}

fn observe(region: &mut Region, context: &Context, event: &Event) {
    if let Event::Measured(measured) = event
        && let Some(nodes) = &measured.nodes
    {
        metrics::observe(region, context, measured.minute(), nodes);
    }
    let Event::Balancer(status) = event else {
        return;
    };
    let BalancerStatus {
        balancer,
        ready_nodes,
        targets,
        listeners,
    } = status;
    let known = |row: &&state::LoadBalancer| row.id == *balancer;
    let Some(row) = region.elbv2.load_balancers.values().find(known) else {
        return;
    };
    let arn = row.arn.clone();
    if (row.ready != *ready_nodes || row.published != *listeners)
        && let Some(row) = region.elbv2.load_balancers.get_mut(&arn)
    {
        row.ready.clone_from(ready_nodes);
        row.published.clone_from(listeners);
    }
    target::observe(region, &arn, targets);
}

crate::operations! { wire::elbv2::op;
    write AddListenerCertificates => listener::add_listener_certificates,
    write AddTags => tags::add_tags,
    write CreateListener => listener::create_listener,
    write CreateLoadBalancer => load_balancer::create_load_balancer,
    write CreateRule => rule::create_rule,
    write CreateTargetGroup => target_group::create_target_group,
    write DeleteListener => listener::delete_listener,
    write DeleteLoadBalancer => load_balancer::delete_load_balancer,
    write DeleteRule => rule::delete_rule,
    write DeleteTargetGroup => target_group::delete_target_group,
    write DeregisterTargets => target::deregister_targets,
    read DescribeAccountLimits => limit::describe_account_limits,
    read DescribeCapacityReservation => load_balancer::describe_capacity_reservation,
    read DescribeListenerAttributes => listener::describe_listener_attributes,
    read DescribeListenerCertificates => listener::describe_listener_certificates,
    read DescribeListeners => listener::describe_listeners,
    read DescribeLoadBalancerAttributes => load_balancer::describe_load_balancer_attributes,
    read DescribeLoadBalancers => load_balancer::describe_load_balancers,
    read DescribeRules => rule::describe_rules,
    read DescribeSSLPolicies => ssl_policy::describe_ssl_policies,
    read DescribeTags => tags::describe_tags,
    read DescribeTargetGroupAttributes => target_group::describe_target_group_attributes,
    read DescribeTargetGroups => target_group::describe_target_groups,
    read DescribeTargetHealth => target::describe_target_health,
    write ModifyListener => listener::modify_listener,
    write ModifyListenerAttributes => listener::modify_listener_attributes,
    write ModifyLoadBalancerAttributes => load_balancer::modify_load_balancer_attributes,
    write ModifyRule => rule::modify_rule,
    write ModifyTargetGroup => target_group::modify_target_group,
    write ModifyTargetGroupAttributes => target_group::modify_target_group_attributes,
    write RegisterTargets => target::register_targets,
    write RemoveListenerCertificates => listener::remove_listener_certificates,
    write RemoveTags => tags::remove_tags,
    write SetIpAddressType => load_balancer::set_ip_address_type,
    write SetRulePriorities => rule::set_rule_priorities,
    write SetSecurityGroups => load_balancer::set_security_groups,
    write SetSubnets => load_balancer::set_subnets,
}
