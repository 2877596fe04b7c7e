//! NAT gateways.
//!
//! ```text
//! pending ─▶ available ─▶ deleting ─▶ deleted ─▶ (forgotten an hour later)
//!    └─────▶ failed ─────────────────────────────┘
//! ```

use jiff::{SignedDuration, Timestamp};
use wire::{Error, ec2 as api};

use super::filter::{Kind, Query, text};
use super::interface::{self, NewInterface};
use super::state::{NatGateway, Requester};
use super::{address, error, internet_gateway, subnet, tags};
use crate::{Context, Region};

/// How long making or removing one takes.
pub(super) const WORK: SignedDuration = SignedDuration::from_secs(1);
/// How long one that is gone is still shown.
pub(super) const SHOWN: SignedDuration = SignedDuration::from_hours(1);
/// Gateways of one zone.
const MOST: usize = 5;

pub(super) fn get<'a>(region: &'a Region, id: &str) -> Result<&'a NatGateway, Error> {
    region
        .ec2
        .nat_gateways
        .get(id)
        .ok_or_else(|| error::nat_gateway(id))
}

impl NatGateway {
    /// Whether packets may be sent to it, now or soon.
    pub(super) fn is_live(&self) -> bool {
        matches!(
            self.state,
            api::NatGatewayState::Pending | api::NatGatewayState::Available
        )
    }

    fn is_over(&self) -> bool {
        matches!(
            self.state,
            api::NatGatewayState::Deleted | api::NatGatewayState::Failed
        )
    }
}

pub(super) fn create_nat_gateway(
    region: &mut Region,
    context: &Context,
    input: api::CreateNatGatewayRequest,
) -> Result<api::CreateNatGatewayResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[
        (
            "regional NAT gateways",
            input.availability_mode == Some(api::AvailabilityMode::Regional)
                || input.availability_zone_addresses.is_some()
                || input.vpc_id.is_some(),
        ),
        (
            "secondary addresses of NAT gateways",
            input.secondary_allocation_ids.is_some()
                || input.secondary_private_ip_address_count.unwrap_or(0) > 0
                || input.secondary_private_ip_addresses.is_some(),
        ),
    ])?;
    let subnet_id = input.subnet_id.ok_or_else(|| error::missing("subnetId"))?;
    let tags = tags::specified(input.tag_specifications, "natgateway")?;
    if let Some(token) = &input.client_token {
        let same = region
            .ec2
            .nat_gateways
            .values()
            .find(|row| row.client_token.as_ref() == Some(token));
        if let Some(same) = same {
            return Ok(api::CreateNatGatewayResult {
                client_token: input.client_token.clone(),
                nat_gateway: Some(answer(region, same)),
            });
        }
    }
    let subnet = subnet::get(region, &subnet_id)?;
    let (vpc, zone) = (subnet.vpc.clone(), subnet.zone.clone());
    let in_zone = region.ec2.nat_gateways.values().filter(|row| {
        !row.is_over() && subnet::get(region, &row.subnet).is_ok_and(|subnet| subnet.zone == zone)
    });
    if in_zone.count() >= MOST {
        return Err(error::refused(
            "NatGatewayLimitExceeded",
            format!("Performing this operation would exceed the limit of {MOST} NAT gateways"),
        ));
    }
    let connectivity = input
        .connectivity_type
        .unwrap_or(api::ConnectivityType::Public);
    let public = connectivity == api::ConnectivityType::Public;
    let allocation = match (public, input.allocation_id) {
        (true, None) => return Err(error::missing("AllocationId")),
        (false, Some(_)) => {
            return Err(error::refused(
                "InvalidParameter",
                "AllocationId cannot be specified for a private NAT gateway.",
            ));
        }
        (_, allocation) => allocation,
    };
    let elastic = match &allocation {
        Some(id) => Some(
            region
                .ec2
                .addresses
                .get(id)
                .ok_or_else(|| error::allocation(id))?
                .clone(),
        ),
        None => None,
    };
    let id = context.ec2_id("nat");
    let wanted = input
        .private_ip_address
        .map(|text| {
            text.parse()
                .map_err(|_| error::invalid(format!("Invalid IPv4 address: {text}")))
        })
        .transpose()?;
    let new = NewInterface {
        without_groups: true,
        description: format!("Interface for NAT Gateway {id}"),
        requester: Some(Requester::owned_by(&region.settings.account, "amazon-aws")),
        interface_type: api::NetworkInterfaceType::NatGateway,
        address: wanted,
        source_dest_check: false,
        ..NewInterface::new(&subnet_id)
    };
    let interface_id = interface::create(region, context, new)?;
    let private_address = interface::get(region, &interface_id)?.address;
    let mut row = NatGateway {
        id: id.clone(),
        vpc,
        subnet: subnet_id,
        connectivity,
        state: api::NatGatewayState::Pending,
        failure: None,
        interface: interface_id.as_str().to_owned(),
        private_address,
        public_address: elastic.as_ref().map(|elastic| elastic.address),
        allocation,
        association: None,
        created_at: context.now,
        deleted_at: None,
        client_token: input.client_token.clone(),
    };
    if let Some(elastic) = elastic {
        if elastic.association.is_some() {
            let text = format!("Elastic IP address [{}] is already associated", elastic.id);
            fail(region, &mut row, "Resource.AlreadyAssociated", text);
        } else {
            let made = address::associate(region, context, &elastic.id, interface_id.as_str())?;
            row.association = Some(made.id);
        }
    }
    region.ec2.nat_gateways.insert(id.clone(), row);
    tags::keep(region, &id, tags);
    Ok(api::CreateNatGatewayResult {
        client_token: input.client_token,
        nat_gateway: Some(answer(region, get(region, &id)?)),
    })
}

fn fail(region: &mut Region, row: &mut NatGateway, code: &str, message: String) {
    row.state = api::NatGatewayState::Failed;
    row.failure = Some((code.to_owned(), message));
    row.association = None;
    interface::delete(region, &row.interface.clone().into());
}

pub(super) fn delete_nat_gateway(
    region: &mut Region,
    context: &Context,
    input: api::DeleteNatGatewayRequest,
) -> Result<api::DeleteNatGatewayResult, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.nat_gateway_id;
    let row = get(region, &id)?;
    if row.state == api::NatGatewayState::Deleted {
        return Err(error::nat_gateway(&id));
    }
    if row.state != api::NatGatewayState::Deleting
        && let Some(row) = region.ec2.nat_gateways.get_mut(&id)
    {
        row.state = api::NatGatewayState::Deleting;
        row.deleted_at = Some(context.now);
    }
    Ok(api::DeleteNatGatewayResult {
        nat_gateway_id: Some(id),
    })
}

/// When the row moves on by time alone.
fn due(row: &NatGateway) -> Option<Timestamp> {
    let (since, wait) = match row.state {
        api::NatGatewayState::Pending => (row.created_at, WORK),
        api::NatGatewayState::Deleting => (row.deleted_at?, WORK),
        api::NatGatewayState::Deleted => (row.deleted_at?, WORK + SHOWN),
        api::NatGatewayState::Failed => (row.created_at, SHOWN),
        api::NatGatewayState::Available => return None,
    };
    since.checked_add(wait).ok()
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    region.ec2.nat_gateways.values().filter_map(due).min()
}

pub(super) fn reconcile(region: &mut Region, context: &Context) {
    let ready: Vec<NatGateway> = region
        .ec2
        .nat_gateways
        .values()
        .filter(|row| due(row).is_some_and(|at| at <= context.now))
        .cloned()
        .collect();
    for mut row in ready {
        match row.state {
            api::NatGatewayState::Pending => {
                let public = row.connectivity == api::ConnectivityType::Public;
                if public && internet_gateway::of_vpc(region, &row.vpc).is_none() {
                    let text = format!("Network {} has no Internet gateway attached", row.vpc);
                    fail(region, &mut row, "Gateway.NotAttached", text);
                } else {
                    row.state = api::NatGatewayState::Available;
                }
            }
            api::NatGatewayState::Deleting => {
                interface::delete(region, &row.interface.clone().into());
                row.state = api::NatGatewayState::Deleted;
                row.association = None;
            }
            api::NatGatewayState::Deleted | api::NatGatewayState::Failed => {
                region.ec2.nat_gateways.remove(&row.id);
                tags::forget(region, &row.id);
                continue;
            }
            api::NatGatewayState::Available => continue,
        }
        region.ec2.nat_gateways.insert(row.id.clone(), row);
    }
}

const GATEWAYS: Kind<api::NatGateway> = Kind {
    id: |gateway| gateway.nat_gateway_id.clone().unwrap_or_default(),
    tags: |gateway| &gateway.tags,
    filters: &[
        ("nat-gateway-id", |one| text(one.nat_gateway_id.as_ref())),
        ("state", |one| text(one.state.as_ref())),
        ("subnet-id", |one| text(one.subnet_id.as_ref())),
        ("vpc-id", |one| text(one.vpc_id.as_ref())),
        ("connectivity-type", |one| {
            text(one.connectivity_type.as_ref())
        }),
    ],
    missing: error::nat_gateway,
};

pub(super) fn describe_nat_gateways(
    region: &Region,
    _: &Context,
    input: api::DescribeNatGatewaysRequest,
) -> Result<api::DescribeNatGatewaysResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region
        .ec2
        .nat_gateways
        .values()
        .map(|row| answer(region, row));
    let query = Query {
        ids: input.nat_gateway_ids,
        filters: input.filter,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (gateways, next_token) = GATEWAYS.select(query, all)?;
    Ok(api::DescribeNatGatewaysResult {
        nat_gateways: Some(gateways),
        next_token,
    })
}

fn answer(region: &Region, row: &NatGateway) -> api::NatGateway {
    let status = match row.state {
        api::NatGatewayState::Pending => api::NatGatewayAddressStatus::Associating,
        api::NatGatewayState::Failed => api::NatGatewayAddressStatus::Failed,
        _ => api::NatGatewayAddressStatus::Succeeded,
    };
    let address = api::NatGatewayAddress {
        allocation_id: row.allocation.clone(),
        association_id: row.association.clone(),
        is_primary: Some(true),
        network_interface_id: Some(row.interface.clone()),
        private_ip: Some(row.private_address.to_string()),
        public_ip: row.public_address.map(|address| address.to_string()),
        status: Some(status),
        ..Default::default()
    };
    let (failure_code, failure_message) = row.failure.clone().unzip();
    api::NatGateway {
        availability_mode: Some(api::AvailabilityMode::Zonal),
        connectivity_type: Some(row.connectivity),
        create_time: Some(row.created_at),
        delete_time: row.deleted_at,
        failure_code,
        failure_message,
        nat_gateway_addresses: Some(vec![address]),
        nat_gateway_id: Some(row.id.clone()),
        state: Some(row.state),
        subnet_id: Some(row.subnet.clone()),
        tags: tags::of(region, &row.id),
        vpc_id: Some(row.vpc.clone()),
        ..Default::default()
    }
}
