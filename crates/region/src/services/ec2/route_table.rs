//! Route tables and which subnets they are in force for.

use wire::{Error, Unit, ec2 as api};

use super::filter::{Kind, Query, each, text};
use super::state::{RouteTable, RouteTableAssociation};
use super::{error, route, subnet, tags, vpc};
use crate::{Context, Region};

pub(super) fn get<'a>(region: &'a Region, id: &str) -> Result<&'a RouteTable, Error> {
    region
        .ec2
        .route_tables
        .get(id)
        .ok_or_else(|| error::route_table(id))
}

impl RouteTable {
    pub(super) fn is_main(&self) -> bool {
        self.associations.iter().any(|one| one.subnet.is_none())
    }
}

/// The table in force in a subnet: its own, else the VPC's main one.
pub(super) fn in_force<'a>(region: &'a Region, vpc: &str, subnet: &str) -> Option<&'a RouteTable> {
    let tables = || {
        region
            .ec2
            .route_tables
            .values()
            .filter(|row| row.vpc == vpc)
    };
    let own = tables().find(|table| {
        table
            .associations
            .iter()
            .any(|one| one.subnet.as_deref() == Some(subnet))
    });
    own.or_else(|| tables().find(|table| table.is_main()))
}

pub(super) fn make_main(region: &mut Region, context: &Context, vpc: &str) {
    let id = context.ec2_id("rtb");
    let table = RouteTable {
        id: id.clone(),
        vpc: vpc.to_owned(),
        routes: Vec::new(),
        associations: vec![RouteTableAssociation {
            id: context.ec2_id("rtbassoc"),
            subnet: None,
        }],
    };
    region.ec2.route_tables.insert(id, table);
}

pub(super) fn create_route_table(
    region: &mut Region,
    context: &Context,
    input: api::CreateRouteTableRequest,
) -> Result<api::CreateRouteTableResult, Error> {
    error::dry_run(input.dry_run)?;
    vpc::get(region, &input.vpc_id)?;
    let tags = tags::specified(input.tag_specifications, "route-table")?;
    let id = context.ec2_id("rtb");
    let table = RouteTable {
        id: id.clone(),
        vpc: input.vpc_id,
        routes: Vec::new(),
        associations: Vec::new(),
    };
    region.ec2.route_tables.insert(id.clone(), table);
    tags::keep(region, &id, tags);
    Ok(api::CreateRouteTableResult {
        route_table: Some(answer(region, get(region, &id)?)),
        client_token: input.client_token,
    })
}

pub(super) fn delete_route_table(
    region: &mut Region,
    _: &Context,
    input: api::DeleteRouteTableRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.route_table_id;
    if !get(region, &id)?.associations.is_empty() {
        return Err(error::dependency(format!(
            "The routeTable '{id}' has dependencies and cannot be deleted."
        )));
    }
    let endpoints: Vec<String> = region
        .ec2
        .endpoints
        .values()
        .filter(|row| row.route_tables.contains(&id))
        .map(|row| row.id.clone())
        .collect();
    for endpoint in endpoints {
        if let Some(row) = region.ec2.endpoints.get_mut(&endpoint) {
            row.route_tables.retain(|table| *table != id);
        }
    }
    region.ec2.route_tables.remove(&id);
    tags::forget(region, &id);
    Ok(Unit {})
}

pub(super) fn associate_route_table(
    region: &mut Region,
    context: &Context,
    input: api::AssociateRouteTableRequest,
) -> Result<api::AssociateRouteTableResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[(
        "route tables of gateways",
        input.gateway_id.is_some() || input.public_ipv4_pool.is_some(),
    )])?;
    let subnet_id = input.subnet_id.ok_or_else(|| error::missing("subnetId"))?;
    let table = get(region, &input.route_table_id)?;
    let subnet = subnet::get(region, &subnet_id)?;
    check_networks(table, &subnet.id, &subnet.vpc)?;
    if let Some(own) = table
        .associations
        .iter()
        .find(|one| one.subnet.as_ref() == Some(&subnet_id))
    {
        return Ok(api::AssociateRouteTableResult {
            association_id: Some(own.id.clone()),
            association_state: Some(associated()),
        });
    }
    let elsewhere = region.ec2.route_tables.values().any(|other| {
        other
            .associations
            .iter()
            .any(|one| one.subnet.as_ref() == Some(&subnet_id))
    });
    if elsewhere {
        return Err(error::refused(
            "Resource.AlreadyAssociated",
            format!(
                "the specified association for route table {} conflicts with an existing association",
                input.route_table_id
            ),
        ));
    }
    let id = context.ec2_id("rtbassoc");
    attach(region, &input.route_table_id, &id, Some(subnet_id));
    Ok(api::AssociateRouteTableResult {
        association_id: Some(id),
        association_state: Some(associated()),
    })
}

fn check_networks(table: &RouteTable, subject: &str, vpc: &str) -> Result<(), Error> {
    if table.vpc == vpc {
        return Ok(());
    }
    Err(error::refused(
        "InvalidParameterValue",
        format!(
            "Route table {} and {subject} belong to different networks",
            table.id
        ),
    ))
}

fn attach(region: &mut Region, table: &str, id: &str, subnet: Option<String>) {
    if let Some(table) = region.ec2.route_tables.get_mut(table) {
        table.associations.push(RouteTableAssociation {
            id: id.to_owned(),
            subnet,
        });
    }
}

fn associated() -> api::RouteTableAssociationState {
    api::RouteTableAssociationState {
        state: Some(api::RouteTableAssociationStateCode::Associated),
        status_message: None,
    }
}

fn find_association(region: &Region, id: &str) -> Result<(String, RouteTableAssociation), Error> {
    region
        .ec2
        .route_tables
        .values()
        .find_map(|table| {
            let found = table.associations.iter().find(|one| one.id == id)?;
            Some((table.id.clone(), found.clone()))
        })
        .ok_or_else(|| error::association(id))
}

fn detach(region: &mut Region, table: &str, id: &str) {
    if let Some(table) = region.ec2.route_tables.get_mut(table) {
        table.associations.retain(|one| one.id != id);
    }
}

pub(super) fn disassociate_route_table(
    region: &mut Region,
    _: &Context,
    input: api::DisassociateRouteTableRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let (table, association) = find_association(region, &input.association_id)?;
    if association.subnet.is_none() {
        return Err(error::invalid(
            "cannot disassociate the main route table association",
        ));
    }
    detach(region, &table, &association.id);
    Ok(Unit {})
}

pub(super) fn replace_route_table_association(
    region: &mut Region,
    context: &Context,
    input: api::ReplaceRouteTableAssociationRequest,
) -> Result<api::ReplaceRouteTableAssociationResult, Error> {
    error::dry_run(input.dry_run)?;
    let (old, association) = find_association(region, &input.association_id)?;
    let table = get(region, &input.route_table_id)?;
    let vpc = get(region, &old)?.vpc.clone();
    check_networks(table, &old, &vpc)?;
    if old == input.route_table_id {
        return Ok(api::ReplaceRouteTableAssociationResult {
            new_association_id: Some(association.id),
            association_state: Some(associated()),
        });
    }
    let id = context.ec2_id("rtbassoc");
    detach(region, &old, &association.id);
    attach(region, &input.route_table_id, &id, association.subnet);
    Ok(api::ReplaceRouteTableAssociationResult {
        new_association_id: Some(id),
        association_state: Some(associated()),
    })
}

const TABLES: Kind<api::RouteTable> = Kind {
    id: |table| table.route_table_id.clone().unwrap_or_default(),
    tags: |table| &table.tags,
    filters: &[
        ("route-table-id", |one| text(one.route_table_id.as_ref())),
        ("vpc-id", |one| text(one.vpc_id.as_ref())),
        ("owner-id", |one| text(one.owner_id.as_ref())),
        ("association.gateway-id", |_| Vec::new()),
        ("association.main", |one| {
            each(one.associations.as_ref(), |to| Some(to.main?.to_string()))
        }),
        ("association.route-table-association-id", |one| {
            each(one.associations.as_ref(), |to| {
                to.route_table_association_id.clone()
            })
        }),
        ("association.route-table-id", |one| {
            each(one.associations.as_ref(), |to| to.route_table_id.clone())
        }),
        ("association.subnet-id", |one| {
            each(one.associations.as_ref(), |to| to.subnet_id.clone())
        }),
        ("route.destination-cidr-block", |one| {
            each(one.routes.as_ref(), |route| {
                route.destination_cidr_block.clone()
            })
        }),
        ("route.destination-ipv6-cidr-block", |_| Vec::new()),
        ("route.destination-prefix-list-id", |one| {
            each(one.routes.as_ref(), |route| {
                route.destination_prefix_list_id.clone()
            })
        }),
        ("route.egress-only-internet-gateway-id", |_| Vec::new()),
        ("route.gateway-id", |one| {
            each(one.routes.as_ref(), |route| route.gateway_id.clone())
        }),
        ("route.instance-id", |_| Vec::new()),
        ("route.nat-gateway-id", |one| {
            each(one.routes.as_ref(), |route| route.nat_gateway_id.clone())
        }),
        ("route.transit-gateway-id", |_| Vec::new()),
        ("route.vpc-peering-connection-id", |_| Vec::new()),
        ("route.origin", |one| {
            each(one.routes.as_ref(), |route| Some(route.origin?.to_string()))
        }),
        ("route.state", |one| {
            each(one.routes.as_ref(), |route| Some(route.state?.to_string()))
        }),
    ],
    missing: error::route_table,
};

pub(super) fn describe_route_tables(
    region: &Region,
    _: &Context,
    input: api::DescribeRouteTablesRequest,
) -> Result<api::DescribeRouteTablesResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region
        .ec2
        .route_tables
        .values()
        .map(|row| answer(region, row));
    let query = Query {
        ids: input.route_table_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (tables, next_token) = TABLES.select(query, all)?;
    Ok(api::DescribeRouteTablesResult {
        route_tables: Some(tables),
        next_token,
    })
}

fn answer(region: &Region, table: &RouteTable) -> api::RouteTable {
    let associations = table
        .associations
        .iter()
        .map(|one| api::RouteTableAssociation {
            association_state: Some(associated()),
            main: Some(one.subnet.is_none()),
            route_table_association_id: Some(one.id.clone()),
            route_table_id: Some(table.id.clone()),
            subnet_id: one.subnet.clone(),
            ..Default::default()
        });
    api::RouteTable {
        associations: Some(associations.collect()),
        owner_id: Some(region.settings.account.clone()),
        propagating_vgws: Some(Vec::new()),
        route_table_id: Some(table.id.clone()),
        routes: Some(route::answers(region, table)),
        tags: tags::of(region, &table.id),
        vpc_id: Some(table.vpc.clone()),
    }
}
