//! Which networks see a private hosted zone.

use wire::{Error, route53 as api};

use super::name::Name;
use super::state::{Vpc, Zone};
use super::{change, error, page, zone};
use crate::services::ec2;
use crate::{Context, Region};

/// Networks of one private zone.
pub(super) const MOST: usize = 300;

pub(super) fn answer(vpc: &Vpc) -> api::VPC {
    api::VPC {
        vpc_id: Some(vpc.id.clone()),
        vpc_region: vpc.region.parse().ok(),
    }
}

/// The network that a call names, which has to be one of this region.
pub(super) fn checked(region: &Region, asked: &api::VPC) -> Result<Vpc, Error> {
    let id = asked.vpc_id.clone().unwrap_or_default();
    let place = asked.vpc_region.map_or("", api::VPCRegion::as_str);
    if id.is_empty() || place.is_empty() {
        return Err(error::invalid_input(
            "Both VPCId and VPCRegion have to be given.",
        ));
    }
    if place != region.settings.region || ec2::vpc::get(region, &id).is_err() {
        return Err(error::invalid_vpc_id(format!(
            "The VPC {id} in region {place} that you provided is not valid."
        )));
    }
    Ok(Vpc {
        id,
        region: place.to_owned(),
    })
}

/// A network sees at most one zone of a name.
pub(super) fn check_name_free(region: &Region, vpc: &Vpc, name: &Name) -> Result<(), Error> {
    let name = name.to_string();
    let mut all = region.route53.zones.values();
    match all.find(|zone| zone.name == name && zone.vpcs.contains(vpc)) {
        None => Ok(()),
        Some(zone) => Err(error::conflicting_domain_exists(format!(
            "The VPC {} in region {} has already been associated with the hosted zone {} with the same domain name.",
            vpc.id, vpc.region, zone.id
        ))),
    }
}

fn private<'a>(region: &'a Region, id: &str) -> Result<&'a Zone, Error> {
    let zone = zone::get(region, id)?;
    if zone.private() {
        return Ok(zone);
    }
    Err(error::public_zone_vpc_association(format!(
        "The hosted zone {} is public: VPCs can only be associated with private hosted zones.",
        zone.id
    )))
}

pub(super) fn associate_vpc_with_hosted_zone(
    region: &mut Region,
    context: &Context,
    input: api::AssociateVPCWithHostedZoneRequest,
) -> Result<api::AssociateVPCWithHostedZoneResponse, Error> {
    let zone = private(region, &input.hosted_zone_id)?;
    let vpc = checked(region, &input.vpc)?;
    check_name_free(region, &vpc, &zone::name(zone))?;
    if zone.vpcs.len() >= MOST {
        return Err(wire::route53::error::limits_exceeded(
            "Limits Exceeded: MAX_VPCS_ASSOCIATED_BY_ZONE",
        ));
    }
    let id = zone.id.clone();
    if let Some(zone) = region.route53.zones.get_mut(&id) {
        zone.vpcs.push(vpc);
    }
    Ok(api::AssociateVPCWithHostedZoneResponse {
        change_info: Some(change::submit(region, context, input.comment)),
    })
}

pub(super) fn disassociate_vpc_from_hosted_zone(
    region: &mut Region,
    context: &Context,
    input: api::DisassociateVPCFromHostedZoneRequest,
) -> Result<api::DisassociateVPCFromHostedZoneResponse, Error> {
    let zone = zone::get(region, &input.hosted_zone_id)?;
    let asked = Vpc {
        id: input.vpc.vpc_id.unwrap_or_default(),
        region: input
            .vpc
            .vpc_region
            .map_or("", api::VPCRegion::as_str)
            .to_owned(),
    };
    if !zone.vpcs.contains(&asked) {
        return Err(error::vpc_association_not_found(format!(
            "The VPC: {} and hosted zone {} are not associated.",
            asked.id, zone.id
        )));
    }
    if zone.vpcs.len() == 1 {
        return Err(error::last_vpc_association(format!(
            "The VPC {} is the last one that is associated with the private hosted zone {}.",
            asked.id, zone.id
        )));
    }
    let id = zone.id.clone();
    if let Some(zone) = region.route53.zones.get_mut(&id) {
        zone.vpcs.retain(|vpc| *vpc != asked);
    }
    Ok(api::DisassociateVPCFromHostedZoneResponse {
        change_info: Some(change::submit(region, context, input.comment)),
    })
}

pub(super) fn list_hosted_zones_by_vpc(
    region: &Region,
    _: &Context,
    input: api::ListHostedZonesByVPCRequest,
) -> Result<api::ListHostedZonesByVPCResponse, Error> {
    let vpc = checked(
        region,
        &api::VPC {
            vpc_id: Some(input.vpc_id),
            vpc_region: Some(input.vpc_region),
        },
    )?;
    let most = page::most(input.max_items.as_deref(), 100)?;
    let all = region.route53.zones.values();
    let piece = crate::page::page(
        all.filter(|zone| zone.vpcs.contains(&vpc)),
        |zone| zone.id.clone(),
        input.next_token.as_deref(),
        most,
    )
    .map_err(|_| error::invalid_pagination_token("The pagination token is not valid."))?;
    let shown = piece.items.into_iter().map(|zone| api::HostedZoneSummary {
        hosted_zone_id: Some(zone.id.clone()),
        name: Some(zone.name.clone()),
        owner: Some(api::HostedZoneOwner {
            owning_account: Some(region.settings.account.clone()),
            owning_service: None,
        }),
    });
    Ok(api::ListHostedZonesByVPCResponse {
        hosted_zone_summaries: Some(shown.collect()),
        max_items: Some(most.to_string()),
        next_token: piece.next,
    })
}
