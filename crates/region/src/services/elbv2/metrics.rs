//! What went through load balancers, told to CloudWatch once a minute.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>

use std::collections::BTreeMap;

use jiff::Timestamp;
use wire::cloudwatch::StandardUnit;
use world::balancer::node::{Counters, Histogram, LoadBalancerCounters, ZoneCounters};
use world::measure::NodeTraffic;

use super::target_group::load_balancer_of;
use crate::services::cloudwatch::metric::{self, Measured, Sample};
use crate::{Context, Region};

/// A second has so many of the unit in which answers are timed.
const MICROSECONDS: f64 = 1_000_000.0;

type Dimensions<'a> = [(&'static str, &'a str)];

/// Collects what is to be told of one load balancer.
struct Teller<'a> {
    at: Timestamp,
    load_balancer: &'a str,
    samples: Vec<Sample>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of a minute")]
fn number(count: u64) -> f64 {
    count as f64
}

/// Each event is a sample of its own, as AWS counts them.
fn ones(count: u64) -> Measured {
    if count == 0 {
        return Measured::Value(0.0);
    }
    let count = number(count);
    Measured::Set {
        count,
        sum: count,
        minimum: 1.0,
        maximum: 1.0,
    }
}

impl Teller<'_> {
    fn tell(&mut self, name: &str, unit: StandardUnit, measured: Measured, more: &Dimensions) {
        let dimensions = [("LoadBalancer", self.load_balancer)]
            .iter()
            .chain(more)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.samples.push(Sample {
            namespace: "AWS/ApplicationELB".to_owned(),
            name: name.to_owned(),
            dimensions,
            unit,
            at: self.at,
            high_resolution: false,
            measured,
        });
    }

    fn count(&mut self, name: &str, count: u64, more: &Dimensions) {
        self.tell(name, StandardUnit::Count, ones(count), more);
    }

    /// AWS tells these only when there is something to tell.
    fn count_any(&mut self, name: &str, count: u64, more: &Dimensions) {
        if count > 0 {
            self.count(name, count, more);
        }
    }

    /// What a load balancer, or its node in one zone, counted by itself.
    fn own(&mut self, counted: &LoadBalancerCounters, more: &Dimensions) {
        for (name, count) in [
            ("NewConnectionCount", counted.new_connections),
            ("RejectedConnectionCount", counted.rejected_connections),
            (
                "ClientTLSNegotiationErrorCount",
                counted.client_tls_negotiation_errors,
            ),
            ("HTTP_Redirect_Count", counted.http_redirects),
            (
                "HTTP_Redirect_Url_Limit_Exceeded_Count",
                counted.http_redirect_url_limit_exceeded,
            ),
            ("HTTP_Fixed_Response_Count", counted.http_fixed_responses),
            (
                "DesyncMitigationMode_NonCompliant_Request_Count",
                counted.desync_non_compliant_requests,
            ),
            (
                "ForwardedInvalidHeaderRequestCount",
                counted.forwarded_invalid_header_requests,
            ),
        ] {
            self.count_any(name, count, more);
        }
        for (name, unit, amount) in [
            (
                "ActiveConnectionCount",
                StandardUnit::Count,
                counted.active_connections,
            ),
            (
                "ProcessedBytes",
                StandardUnit::Bytes,
                counted.processed_bytes,
            ),
        ] {
            if amount > 0 {
                self.tell(name, unit, Measured::Value(number(amount)), more);
            }
        }
        for class in 3..=5_u16 {
            let count = counted
                .elb_status
                .iter()
                .filter(|(status, _)| **status / 100 == class)
                .map(|(_, count)| count)
                .sum();
            self.count_any(&format!("HTTPCode_ELB_{class}XX_Count"), count, more);
        }
        for status in [500, 502, 503, 504_u16] {
            let count = counted.elb_status.get(&status).copied().unwrap_or(0);
            self.count_any(&format!("HTTPCode_ELB_{status}_Count"), count, more);
        }
    }

    /// What targets did. That there were none of a kind is told where any request came.
    fn targets(&mut self, counted: &ZoneCounters, more: &Dimensions) {
        for class in 2..=5_u16 {
            let count = counted.target_status.get(&class).copied().unwrap_or(0);
            if counted.requests > 0 || count > 0 {
                self.count(&format!("HTTPCode_Target_{class}XX_Count"), count, more);
            }
        }
        self.count_any(
            "TargetConnectionErrorCount",
            counted.target_connection_errors,
            more,
        );
        self.count_any(
            "TargetTLSNegotiationErrorCount",
            counted.target_tls_negotiation_errors,
            more,
        );
        if counted.target_response_time.count > 0 {
            let times = Measured::Values(times(&counted.target_response_time));
            self.tell("TargetResponseTime", StandardUnit::Seconds, times, more);
        }
    }
}

/// The middle of each bucket in seconds, and how often.
fn times(histogram: &Histogram) -> Vec<(f64, f64)> {
    let middle = |low: u64| number(low + low / 32) / MICROSECONDS;
    let buckets = histogram.buckets.iter();
    buckets
        .map(|(low, count)| (middle(*low), number(*count)))
        .collect()
}

/// The four ways in which a load balancer's use is counted; the greatest is paid.
///
/// <https://aws.amazon.com/elasticloadbalancing/pricing/>
fn capacity_units(counted: &LoadBalancerCounters) -> f64 {
    let free = counted.requests.saturating_mul(10);
    [
        number(counted.new_connections) / 60.0 / 25.0,
        number(counted.active_connections) / 3000.0,
        number(counted.processed_bytes) * 60.0 / 1e9,
        number(counted.rule_evaluations.saturating_sub(free)) / 60.0 / 1000.0,
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

fn add(sum: &mut LoadBalancerCounters, one: &LoadBalancerCounters) {
    for (sum, one) in [
        (&mut sum.new_connections, one.new_connections),
        (&mut sum.active_connections, one.active_connections),
        (&mut sum.rejected_connections, one.rejected_connections),
        (
            &mut sum.client_tls_negotiation_errors,
            one.client_tls_negotiation_errors,
        ),
        (&mut sum.processed_bytes, one.processed_bytes),
        (&mut sum.requests, one.requests),
        (&mut sum.rule_evaluations, one.rule_evaluations),
        (&mut sum.http_redirects, one.http_redirects),
        (
            &mut sum.http_redirect_url_limit_exceeded,
            one.http_redirect_url_limit_exceeded,
        ),
        (&mut sum.http_fixed_responses, one.http_fixed_responses),
        (
            &mut sum.desync_non_compliant_requests,
            one.desync_non_compliant_requests,
        ),
        (
            &mut sum.forwarded_invalid_header_requests,
            one.forwarded_invalid_header_requests,
        ),
    ] {
        *sum += one;
    }
    add_each(&mut sum.elb_status, &one.elb_status);
}

fn add_each<K: Ord + Copy>(sum: &mut BTreeMap<K, u64>, one: &BTreeMap<K, u64>) {
    for (key, count) in one {
        *sum.entry(*key).or_default() += count;
    }
}

fn add_zone(sum: &mut ZoneCounters, one: &ZoneCounters) {
    sum.requests += one.requests;
    sum.target_connection_errors += one.target_connection_errors;
    sum.target_tls_negotiation_errors += one.target_tls_negotiation_errors;
    add_each(&mut sum.target_status, &one.target_status);
    let (sum, one) = (&mut sum.target_response_time, &one.target_response_time);
    sum.count += one.count;
    sum.sum += one.sum;
    add_each(&mut sum.buckets, &one.buckets);
}

/// How many targets of a group, or of it in one zone, are registered, healthy and unhealthy.
#[derive(Debug, Default, Clone, Copy)]
struct Hosts {
    registered: u64,
    healthy: u64,
    unhealthy: u64,
}

/// Of all targets of a group, by zone. Those that drain are not registered any more.
fn hosts(region: &Region, group: &str) -> BTreeMap<String, Hosts> {
    let mut zones: BTreeMap<String, Hosts> = BTreeMap::new();
    for ((of, _), row) in region.elbv2.targets.iter() {
        if of != group || row.draining_until.is_some() {
            continue;
        }
        let zone = row.zone.clone().unwrap_or_else(|| "all".to_owned());
        let hosts = zones.entry(zone).or_default();
        hosts.registered += 1;
        match row.observed.as_ref().map(|seen| seen.state.as_str()) {
            Some("healthy") => hosts.healthy += 1,
            Some("unhealthy") => hosts.unhealthy += 1,
            _ => {}
        }
    }
    zones
}

pub(super) fn observe(
    region: &mut Region,
    context: &Context,
    at: Timestamp,
    nodes: &[NodeTraffic],
) {
    let mut samples = Vec::new();
    for row in region.elbv2.load_balancers.values() {
        let own: Vec<&NodeTraffic> = nodes.iter().filter(|one| one.balancer == row.id).collect();
        if own.is_empty() {
            continue;
        }
        let mut teller = Teller {
            at,
            load_balancer: row.id.as_str(),
            samples: Vec::new(),
        };
        let groups: Vec<&String> = region
            .elbv2
            .target_groups
            .keys()
            .filter(|arn| load_balancer_of(region, arn).as_deref() == Some(row.arn.as_str()))
            .collect();
        load_balancer(region, &mut teller, &own, &groups);
        for arn in &groups {
            target_group(region, &mut teller, &own, arn);
        }
        samples.append(&mut teller.samples);
    }
    for sample in samples {
        metric::record(region, context, &sample);
    }
}

/// All of a load balancer, and by zone.
fn load_balancer(region: &Region, teller: &mut Teller, nodes: &[&NodeTraffic], groups: &[&String]) {
    let mut all = LoadBalancerCounters::default();
    let mut zones: BTreeMap<&str, LoadBalancerCounters> = BTreeMap::new();
    let mut targets = ZoneCounters::default();
    let mut target_zones: BTreeMap<&str, ZoneCounters> = BTreeMap::new();
    for node in nodes {
        add(&mut all, &node.counters.load_balancer);
        let zone = zones.entry(&node.zone).or_default();
        add(zone, &node.counters.load_balancer);
        for group in node.counters.target_groups.values() {
            for (zone, counted) in &group.zones {
                add_zone(&mut targets, counted);
                add_zone(target_zones.entry(zone).or_default(), counted);
            }
        }
    }
    let registered = groups.iter().any(|arn| !hosts(region, arn).is_empty());
    teller.own(&all, &[]);
    teller.targets(&targets, &[]);
    if all.rule_evaluations > 0 {
        let count = Measured::Value(number(all.rule_evaluations));
        teller.tell("RuleEvaluations", StandardUnit::Count, count, &[]);
    }
    let units = Measured::Value(capacity_units(&all));
    teller.tell("ConsumedLCUs", StandardUnit::Count, units, &[]);
    if registered || all.requests > 0 {
        teller.count("RequestCount", all.requests, &[]);
    }
    for (zone, counted) in &zones {
        let more = [("AvailabilityZone", *zone)];
        teller.own(counted, &more);
        if registered || counted.requests > 0 {
            teller.count("RequestCount", counted.requests, &more);
        }
    }
    for (zone, counted) in &target_zones {
        teller.targets(counted, &[("AvailabilityZone", *zone)]);
    }
}

/// All of a target group, and by its targets' zones.
fn target_group(region: &Region, teller: &mut Teller, nodes: &[&NodeTraffic], arn: &str) {
    // `targetgroup/<name>/<id>`
    let tail = arn.rsplit(':').next().unwrap_or_default();
    let hosts = hosts(region, arn);
    let counted = |node: &&NodeTraffic| {
        let groups: &Counters = &node.counters;
        groups.target_groups.get(arn).cloned()
    };
    let mut all = ZoneCounters::default();
    let mut zones: BTreeMap<String, ZoneCounters> = BTreeMap::new();
    // Zones whose targets nobody was sent to count too.
    for zone in hosts.keys() {
        zones.entry(zone.clone()).or_default();
    }
    let mut unhealthy_routing = 0;
    for group in nodes.iter().filter_map(counted) {
        unhealthy_routing += group.unhealthy_routing_requests;
        for (zone, counted) in &group.zones {
            add_zone(&mut all, counted);
            add_zone(zones.entry(zone.clone()).or_default(), counted);
        }
    }
    let together = hosts.values().fold(Hosts::default(), |sum, one| Hosts {
        registered: sum.registered + one.registered,
        healthy: sum.healthy + one.healthy,
        unhealthy: sum.unhealthy + one.unhealthy,
    });
    let group = ("TargetGroup", tail);
    teller.count_any("UnhealthyRoutingRequestCount", unhealthy_routing, &[group]);
    group_metrics(teller, &all, together, &[group]);
    for (zone, counted) in &zones {
        let hosts = hosts.get(zone).copied().unwrap_or_default();
        group_metrics(teller, counted, hosts, &[group, ("AvailabilityZone", zone)]);
    }
}

fn group_metrics(teller: &mut Teller, counted: &ZoneCounters, hosts: Hosts, more: &Dimensions) {
    teller.targets(counted, more);
    if hosts.registered > 0 || counted.requests > 0 {
        teller.count("RequestCount", counted.requests, more);
    }
    if hosts.registered > 0 {
        for (name, count) in [
            ("HealthyHostCount", hosts.healthy),
            ("UnHealthyHostCount", hosts.unhealthy),
        ] {
            let count = Measured::Value(number(count));
            teller.tell(name, StandardUnit::Count, count, more);
        }
    }
    let shared_by = match (hosts.healthy, hosts.registered) {
        (0, registered) => registered,
        (healthy, _) => healthy,
    };
    if shared_by > 0 {
        let each = Measured::Value(number(counted.requests) / number(shared_by));
        teller.tell(
            "RequestCountPerTarget",
            StandardUnit::Count,
            each.clone(),
            more,
        );
        // This one is told for the group alone too.
        if let [group] = more {
            let sample = Sample {
                namespace: "AWS/ApplicationELB".to_owned(),
                name: "RequestCountPerTarget".to_owned(),
                dimensions: vec![(group.0.to_owned(), group.1.to_owned())],
                unit: StandardUnit::Count,
                at: teller.at,
                high_resolution: false,
                measured: each,
            };
            teller.samples.push(sample);
        }
    }
}
