//! Master passwords: sealed at rest, and managed in Secrets Manager when that is asked for.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wire::Error;

use super::error::invalid_value;
use super::instance::change;
use super::state::{Instance, MasterSecret};
use crate::services::kms::{cipher, key};
use crate::services::secretsmanager::{managed, password};
use crate::{Context, Region, Tags};

const LENGTH: usize = 28;
/// What PostgreSQL's master password may not hold on RDS.
const EXCLUDED: &str = "/@\" '\\`";
const ROTATE_DAYS: i64 = 7;

pub(super) fn random(context: &Context) -> String {
    password::random(context, LENGTH, EXCLUDED)
}

pub(super) fn checked(password: &str) -> Result<(), Error> {
    let fine = |one: char| one.is_ascii_graphic() && !"/@\"".contains(one);
    if !(8..=128).contains(&password.len()) {
        return Err(invalid_value(
            "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters or longer than 128.",
        ));
    }
    if !password.chars().all(fine) {
        return Err(invalid_value(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.",
        ));
    }
    Ok(())
}

/// Base64 of the password, encrypted under RDS's own key.
pub(super) fn sealed(
    region: &mut Region,
    context: &Context,
    password: &str,
) -> Result<String, Error> {
    let key = key::aws_managed(region, context, "rds");
    let blob = cipher::encrypt(region, context, &key, &BTreeMap::new(), password.as_bytes())?;
    Ok(STANDARD.encode(blob))
}

/// The password itself, for the server. RDS's own key is never disabled, so it opens.
pub(super) fn opened(region: &Region, instance: &Instance) -> Option<String> {
    let blob = STANDARD.decode(&instance.password).ok()?;
    let plaintext = cipher::decrypt(region, &BTreeMap::new(), &blob).ok()?;
    String::from_utf8(plaintext.bytes).ok()
}

fn content(username: &str, password: &str) -> String {
    serde_json::json!({ "username": username, "password": password }).to_string()
}

/// Puts the password in a secret of RDS's.
pub(super) fn manage(
    region: &mut Region,
    context: &Context,
    resource_id: &str,
    password: &str,
    kms_key: Option<&str>,
) -> Result<(), Error> {
    let Some(instance) = region.rds.instances.get(resource_id) else {
        return Ok(());
    };
    let (instance_arn, username) = (instance.arn.clone(), instance.master_username.clone());
    let key = match kms_key {
        None => key::aws_managed(region, context, "secretsmanager"),
        Some(kms_key) => kms_key.to_owned(),
    };
    let key_arn = key::resolve(region, &key)
        .filter(|key| key.usable())
        .map(|key| key.arn.clone())
        .ok_or_else(|| {
            wire::rds::error::kms_key_not_accessible_fault(format!(
                "The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it."
            ))
        })?;
    let name = format!("rds!db-{}", context.uuid());
    let new = managed::New {
        name: &name,
        owner: "rds",
        description: &format!("Secret associated with primary RDS DB instance: {instance_arn}"),
        kms_key: kms_key.map(|_| key_arn.as_str()),
        value: &content(&username, password),
        tags: Tags::from([
            (
                "aws:rds:primaryDBInstanceArn".to_owned(),
                instance_arn.clone(),
            ),
            (
                "aws:secretsmanager:owningService".to_owned(),
                "rds".to_owned(),
            ),
        ]),
        rotate_after_days: ROTATE_DAYS,
    };
    let arn = managed::create(region, context, new)?;
    change(region, resource_id, |row| {
        row.secret = Some(MasterSecret {
            arn,
            kms_key_id: key_arn,
        });
    });
    Ok(())
}

/// Gives the server and its secret a new password.
pub(super) fn rotate(
    region: &mut Region,
    context: &Context,
    resource_id: &str,
) -> Result<(), Error> {
    let Some(instance) = region.rds.instances.get(resource_id) else {
        return Ok(());
    };
    let Some(secret) = instance.secret.clone() else {
        return Ok(());
    };
    let username = instance.master_username.clone();
    let password = random(context);
    let blob = sealed(region, context, &password)?;
    managed::rotate(region, context, &secret.arn, &content(&username, &password))?;
    change(region, resource_id, |row| row.password = blob);
    Ok(())
}

/// Removes the secret, as when the instance goes or its password is no longer managed.
pub(super) fn unmanage(region: &mut Region, resource_id: &str) {
    let secret = region
        .rds
        .instances
        .get(resource_id)
        .and_then(|one| one.secret.clone());
    if let Some(secret) = secret {
        managed::delete(region, &secret.arn);
        change(region, resource_id, |row| row.secret = None);
    }
}
