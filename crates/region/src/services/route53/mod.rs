//! Route 53: hosted zones, what is kept in them, and who sees it. Health checks, traffic policies,
//! DNSSEC signing and registration are not there.
//!
//! Other services ask [`record::lookup`] what everybody finds under a name.

mod change;
mod delegation;
mod error;
mod name;
mod page;
pub mod record;
mod state;
mod tags;
#[cfg(test)]
pub(crate) mod tests;
mod value;
mod vpc;
mod zone;

pub use state::State;

use world::{VpcId, World};

use crate::services::ec2;
use crate::{Region, Service};

pub(crate) const SERVICE: Service = Service {
    desire,
    ..Service::new("route53", handler)
};

/// Public zones are everybody's; a private one is seen from its networks, as long as those have both
/// DNS attributes on.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html>
fn desire(region: &Region, world: &mut World) {
    for (name, zone) in delegation::reached(region) {
        let answers = record::world(region, zone);
        world.internet.zones.insert(name, answers);
    }
    for zone in region.route53.zones.values().filter(|zone| zone.private()) {
        let answers = record::world(region, zone);
        for vpc in &zone.vpcs {
            let sees = ec2::vpc::get(region, &vpc.id)
                .is_ok_and(|row| row.dns_support && row.dns_hostnames);
            if let Some(network) = world.vpcs.get_mut(&VpcId::new(vpc.id.clone()))
                && sees
            {
                let name = zone::name(zone).plain();
                network.zones.insert(name, answers.clone());
            }
        }
    }
}

crate::operations! { wire::route53::op;
    write AssociateVPCWithHostedZone => vpc::associate_vpc_with_hosted_zone,
    write ChangeResourceRecordSets => change::change_resource_record_sets,
    write ChangeTagsForResource => tags::change_tags_for_resource,
    write CreateHostedZone => zone::create_hosted_zone,
    write CreateReusableDelegationSet => delegation::create_reusable_delegation_set,
    write DeleteHostedZone => zone::delete_hosted_zone,
    write DeleteReusableDelegationSet => delegation::delete_reusable_delegation_set,
    write DisassociateVPCFromHostedZone => vpc::disassociate_vpc_from_hosted_zone,
    read GetAccountLimit => zone::get_account_limit,
    read GetChange => change::get_change,
    read GetDNSSEC => zone::get_dnssec,
    read GetHostedZone => zone::get_hosted_zone,
    read GetHostedZoneCount => zone::get_hosted_zone_count,
    read GetHostedZoneLimit => zone::get_hosted_zone_limit,
    read GetReusableDelegationSet => delegation::get_reusable_delegation_set,
    read GetReusableDelegationSetLimit => delegation::get_reusable_delegation_set_limit,
    read ListHostedZones => zone::list_hosted_zones,
    read ListHostedZonesByName => zone::list_hosted_zones_by_name,
    read ListHostedZonesByVPC => vpc::list_hosted_zones_by_vpc,
    read ListResourceRecordSets => record::list_resource_record_sets,
    read ListReusableDelegationSets => delegation::list_reusable_delegation_sets,
    read ListTagsForResource => tags::list_tags_for_resource,
    read ListTagsForResources => tags::list_tags_for_resources,
    write UpdateHostedZoneComment => zone::update_hosted_zone_comment,
}
