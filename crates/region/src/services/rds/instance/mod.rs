//! Database instances: how they are found, what of them is the same for every operation.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod modify;
pub(super) mod replica;
pub(super) mod restore;
pub(super) mod run;

use wire::Error;
use world::InterfaceId;

use super::error::{invalid_instance_state, no_instance};
use super::state::{Instance, Status};
use crate::{Context, Region};

/// Whether there is any instance.
pub fn any(region: &Region) -> bool {
    !region.rds.instances.is_empty()
}

/// The instance of that identifier.
pub fn by_name<'a>(region: &'a Region, name: &str) -> Option<&'a Instance> {
    region
        .rds
        .instances
        .values()
        .find(|one| one.name.eq_ignore_ascii_case(name))
}

/// The instance that an identifier or an ARN means.
pub(super) fn get<'a>(region: &'a Region, id: &str) -> Result<&'a Instance, Error> {
    let name = if id.starts_with("arn:") {
        id.rsplit(':').next().unwrap_or_default()
    } else {
        id
    };
    by_name(region, name)
        .filter(|one| !id.starts_with("arn:") || one.arn == id)
        .ok_or_else(|| no_instance(id))
}

pub(super) fn available<'a>(region: &'a Region, id: &str) -> Result<&'a Instance, Error> {
    let instance = get(region, id)?;
    if instance.status == Status::Available {
        return Ok(instance);
    }
    Err(invalid_instance_state(format!(
        "Database instance {} is not in available state.",
        instance.name
    )))
}

/// The interfaces of a subnet group's instances.
pub(super) fn places<'a>(
    region: &'a Region,
    group: &'a str,
) -> impl Iterator<Item = InterfaceId> + 'a {
    let members = region
        .rds
        .instances
        .values()
        .filter(move |one| one.subnet_group == group);
    members
        .flat_map(|one| std::iter::once(&one.place).chain(one.standby.as_ref()))
        .map(|place| place.interface.clone())
}

/// The instances that follow one, by resource id.
pub(super) fn followers<'a>(
    region: &'a Region,
    resource_id: &'a str,
) -> impl Iterator<Item = &'a Instance> {
    region
        .rds
        .instances
        .values()
        .filter(move |one| one.replica_of.as_deref() == Some(resource_id))
}

/// Changes a row that is known to be there.
pub(super) fn change(region: &mut Region, resource_id: &str, how: impl FnOnce(&mut Instance)) {
    if let Some(row) = region.rds.instances.get_mut(resource_id) {
        how(row);
    }
}

impl Instance {
    /// The name under which clients find it.
    pub fn endpoint(&self, region: &Region) -> String {
        let token = region.rds.tokens.get(TOKEN).map_or("", String::as_str);
        format!(
            "{}.{token}.{}.rds.amazonaws.com",
            self.name, region.settings.region
        )
    }

    /// Where it answers now.
    pub fn active_interface(&self) -> &InterfaceId {
        self.observed
            .active_interface
            .as_ref()
            .unwrap_or(&self.place.interface)
    }

    /// How the machine's own user reaches it.
    pub fn local(&self) -> Option<&str> {
        self.observed.local.as_deref()
    }
}

const TOKEN: &str = "endpoint";

/// The account's part of every endpoint's name, made when the first is needed.
pub(super) fn ensure_token(region: &mut Region, context: &Context) {
    if !region.rds.tokens.contains(TOKEN) {
        let tail = context.pick(11, b"abcdefghijklmnopqrstuvwxyz0123456789");
        region
            .rds
            .tokens
            .insert(TOKEN.to_owned(), format!("c{tail}"));
    }
}
