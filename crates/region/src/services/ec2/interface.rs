//! Network interfaces as other services make and drop them.

use std::net::Ipv4Addr;

use wire::{Error, ec2 as api};
use world::InterfaceId;

use super::state::{Attachment, Interface, Requester};
use super::{address, cidr, error, security_group, subnet, tags};
use crate::{Context, Region, Tags};

/// Security groups one interface may carry.
const MOST_GROUPS: usize = 5;

/// What a new interface should be. An interface that a service makes for itself names it as
/// `requester`, is attached from the beginning, and only that service can drop it.
#[derive(Debug, Clone)]
pub struct NewInterface {
    pub subnet: String,
    /// None: the VPC's default group. An interface that takes no groups, as a NAT gateway's,
    /// says so by `without_groups`.
    pub security_groups: Vec<String>,
    pub without_groups: bool,
    pub description: String,
    pub requester: Option<Requester>,
    pub interface_type: api::NetworkInterfaceType,
    /// A wish for one address of the subnet.
    pub address: Option<Ipv4Addr>,
    pub source_dest_check: bool,
    pub tags: Tags,
}

impl NewInterface {
    /// An ordinary interface in a subnet.
    pub fn new(subnet: impl Into<String>) -> Self {
        Self {
            subnet: subnet.into(),
            security_groups: Vec::new(),
            without_groups: false,
            description: String::new(),
            requester: None,
            interface_type: api::NetworkInterfaceType::Interface,
            address: None,
            source_dest_check: true,
            tags: Tags::new(),
        }
    }
}

impl Requester {
    /// A service by its id, such as `amazon-elb`, which also owns what the interface is on.
    pub fn service(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            instance_owner: id.to_owned(),
        }
    }

    pub fn owned_by(id: &str, instance_owner: &str) -> Self {
        Self {
            id: id.to_owned(),
            instance_owner: instance_owner.to_owned(),
        }
    }
}

pub(super) fn row<'a>(region: &'a Region, id: &str) -> Result<&'a Interface, Error> {
    region
        .ec2
        .interfaces
        .get(id)
        .ok_or_else(|| error::interface(id))
}

/// An interface by its id.
pub fn get<'a>(region: &'a Region, id: &InterfaceId) -> Result<&'a Interface, Error> {
    row(region, id.as_str())
}

/// Makes an interface with a free address of its subnet.
///
/// # Errors
/// If the subnet or a group is not there, the groups are of another VPC or too many, or no
/// address is free.
pub fn create(
    region: &mut Region,
    context: &Context,
    new: NewInterface,
) -> Result<InterfaceId, Error> {
    let subnet = subnet::get(region, &new.subnet)?;
    let vpc = subnet.vpc.clone();
    let groups = if new.without_groups {
        Vec::new()
    } else {
        check_groups(region, &vpc, &new.subnet, new.security_groups)?
    };
    let used = subnet::used(region, &new.subnet);
    let address = match new.address {
        Some(wanted) => {
            if !subnet.cidr.contains(&wanted) || cidr::reserved(subnet.cidr, wanted) {
                return Err(error::invalid(format!(
                    "Address {wanted} does not fall within the subnet's address range"
                )));
            }
            if used.contains(&wanted) {
                return Err(error::refused(
                    "InvalidIPAddress.InUse",
                    format!("Address {wanted} is in use."),
                ));
            }
            wanted
        }
        None => cidr::free_address(context, subnet.cidr, &used)
            .ok_or_else(|| no_address(&new.subnet))?,
    };
    let id = context.ec2_id("eni");
    let attachment = new.requester.is_some().then(|| Attachment {
        id: context.ec2_id("eni-attach"),
        at: context.now,
    });
    let interface = Interface {
        id: id.clone(),
        vpc,
        subnet: new.subnet,
        address,
        secondary: Vec::new(),
        mac: mac(context),
        security_groups: groups,
        description: new.description,
        interface_type: new.interface_type,
        requester: new.requester,
        attachment,
        public_address: None,
        source_dest_check: new.source_dest_check,
    };
    region.ec2.interfaces.insert(id.clone(), interface);
    tags::keep(region, &id, new.tags);
    Ok(InterfaceId::new(id))
}

/// A hardware address of the kind that nobody is given.
fn mac(context: &Context) -> String {
    let mut mac = "02".to_owned();
    for byte in context.bytes::<5>() {
        mac.push(':');
        mac.push_str(&hex::encode([byte]));
    }
    mac
}

pub(super) fn no_address(subnet: &str) -> Error {
    error::refused(
        "InsufficientFreeAddressesInSubnet",
        format!(
            "The specified subnet {subnet} does not have enough free addresses to satisfy the request."
        ),
    )
}

/// The groups an interface of a VPC shall carry, or why it cannot.
pub(super) fn check_groups(
    region: &Region,
    vpc: &str,
    subject: &str,
    groups: Vec<String>,
) -> Result<Vec<String>, Error> {
    if groups.is_empty() {
        return Ok(security_group::default_of(region, vpc)
            .into_iter()
            .collect());
    }
    let mut own: Vec<String> = Vec::new();
    for id in groups {
        let group = security_group::get(region, &id)?;
        if group.vpc != vpc {
            return Err(error::refused(
                "InvalidParameter",
                format!("Security group {id} and subnet {subject} belong to different networks."),
            ));
        }
        if !own.contains(&id) {
            own.push(id);
        }
    }
    if own.len() > MOST_GROUPS {
        return Err(error::refused(
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        ));
    }
    Ok(own)
}

/// Changes the groups of an interface that the calling service made.
pub fn set_security_groups(
    region: &mut Region,
    id: &InterfaceId,
    groups: Vec<String>,
) -> Result<(), Error> {
    let interface = get(region, id)?;
    let (vpc, subnet) = (interface.vpc.clone(), interface.subnet.clone());
    let groups = check_groups(region, &vpc, &subnet, groups)?;
    if let Some(row) = region.ec2.interfaces.get_mut(id.as_str()) {
        row.security_groups = groups;
    }
    Ok(())
}

/// Drops an interface and gives its addresses back; nothing if it is gone already.
pub fn delete(region: &mut Region, id: &InterfaceId) {
    address::release_from(region, id.as_str());
    region.ec2.interfaces.remove(id.as_str());
    tags::forget(region, id.as_str());
}

/// Refuses to let a client change what a service made for itself.
pub(super) fn check_unmanaged(interface: &Interface) -> Result<(), Error> {
    if interface.requester.is_some() {
        return Err(Error::new(
            "AuthFailure",
            403,
            "You do not have permission to access the specified resource.",
        ));
    }
    Ok(())
}

/// Who owns what an interface is attached to.
pub(super) fn owner_of_attachment(region: &Region, interface: &Interface) -> String {
    match &interface.requester {
        Some(requester) => requester.instance_owner.clone(),
        None => region.settings.account.clone(),
    }
}
