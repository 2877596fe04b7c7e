//! Secrets that another service owns, such as a database's master password.

use jiff::{SignedDuration, Timestamp};
use wire::Error;

use super::error::no_secret;
use super::secret::{self, find};
use super::state::Rotation;
use super::value::Value;
use super::version::{self, CURRENT};
use crate::{Context, Region};

/// A secret to be made for a service.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Such as `rds!db-<uuid>`.
    pub name: &'a str,
    /// Such as `rds`.
    pub owner: &'a str,
    pub description: &'a str,
    /// `None`: Secrets Manager's own key.
    pub kms_key: Option<&'a str>,
    pub value: &'a str,
    /// Tags that say whose it is; they may begin with `aws:`.
    pub tags: crate::Tags,
    pub rotate_after_days: i64,
}

/// Makes the secret. Gives its ARN.
pub fn create(region: &mut Region, context: &Context, new: New) -> Result<String, Error> {
    secret::insert(region, context, new.name, Some(new.owner));
    let row = region
        .secretsmanager
        .secrets
        .get_mut(new.name)
        .ok_or_else(no_secret)?;
    row.description = Some(new.description.to_owned());
    row.kms_key_id = new.kms_key.map(str::to_owned);
    row.tags = new.tags;
    row.rotation = Some(Rotation {
        enabled: true,
        days: new.rotate_after_days,
        duration: None,
        next_at: Some(context.now + SignedDuration::from_hours(24 * new.rotate_after_days)),
        pending: None,
    });
    let arn = row.arn.clone();
    let value = Value::Text(new.value.to_owned());
    version::add(
        region,
        context,
        new.name,
        &context.uuid(),
        &value,
        &[CURRENT.to_owned()],
    )?;
    Ok(arn)
}

/// Gives the secret a new value, which becomes current at once; the old one becomes previous.
pub fn rotate(region: &mut Region, context: &Context, arn: &str, value: &str) -> Result<(), Error> {
    let row = find(region, arn)?;
    let name = row.name.clone();
    let pending = row
        .rotation
        .as_ref()
        .and_then(|rotation| rotation.pending.clone());
    let id = pending.unwrap_or_else(|| context.uuid());
    let value = Value::Text(value.to_owned());
    version::add(region, context, &name, &id, &value, &[CURRENT.to_owned()])?;
    let row = region
        .secretsmanager
        .secrets
        .get_mut(&name)
        .ok_or_else(no_secret)?;
    row.rotated_at = Some(context.now);
    if let Some(rotation) = row.rotation.as_mut() {
        rotation.pending = None;
        rotation.next_at = Some(context.now + SignedDuration::from_hours(24 * rotation.days));
    }
    Ok(())
}

/// Removes the secret at once, as its service does when what it belongs to goes.
pub fn delete(region: &mut Region, arn: &str) {
    if let Some(name) = secret::resolve(region, arn).map(|row| row.name.clone()) {
        region.secretsmanager.secrets.remove(&name);
    }
}

/// Puts off a rotation that could not be done now, as when the secret's key is disabled.
pub fn postpone(region: &mut Region, context: &Context, arn: &str) {
    let name = secret::resolve(region, arn).map(|row| row.name.clone());
    if let Some(row) = name.and_then(|name| region.secretsmanager.secrets.get_mut(&name))
        && let Some(rotation) = row.rotation.as_mut()
    {
        rotation.next_at = Some(context.now + SignedDuration::from_hours(1));
    }
}

/// When the secret has to get its next value; a moment that has passed means now.
pub fn due(region: &Region, arn: &str) -> Option<Timestamp> {
    let rotation = secret::resolve(region, arn)?.rotation.as_ref()?;
    rotation.next_at.filter(|_| rotation.enabled)
}
