//! Rotation. There are no Lambda functions here, so only secrets that a service owns rotate: the
//! service sees that its secret is due ([`super::managed::due`]) and gives it a new value.

use jiff::SignedDuration;
use wire::Error;
use wire::secretsmanager as api;

use super::error::{invalid_parameter, invalid_request};
use super::secret::{living, living_mut};
use super::version::{self, CURRENT, PENDING};
use crate::{Context, Region};

pub(super) fn rotate_secret(
    region: &mut Region,
    context: &Context,
    input: api::RotateSecretRequest,
) -> Result<api::RotateSecretResponse, Error> {
    let row = living(region, &input.secret_id)?;
    if input.rotation_lambda_arn.is_some() {
        // What AWS answers about a function that it may not call.
        return Err(Error::new(
            "AccessDeniedException",
            400,
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com. (Terrella has no Lambda functions.)",
        ));
    }
    if row.owner.is_none() {
        return Err(invalid_request(
            "No Lambda rotation function ARN is associated with this secret.",
        ));
    }
    if let Some((id, version)) = row.at_stage(PENDING)
        && !version.stages.contains(CURRENT)
    {
        return Err(invalid_request(format!(
            "A previous rotation isn't complete. That rotation will be reattempted. ({id})"
        )));
    }
    let days = match input.rotation_rules {
        None => None,
        Some(rules) if rules.schedule_expression.is_some() => {
            return Err(invalid_parameter(
                "Terrella rotates by AutomaticallyAfterDays only: it does not read schedule expressions.",
            ));
        }
        Some(rules) => rules.automatically_after_days,
    };
    if days.is_some_and(|days| !(1..=1000).contains(&days)) {
        return Err(invalid_parameter(
            "AutomaticallyAfterDays must be between 1 and 1000.",
        ));
    }
    let token = match input.client_request_token {
        Some(token) => version::checked_token(Some(token))?,
        None => context.uuid(),
    };
    let now = input.rotate_immediately != Some(false);
    let row = living_mut(region, &input.secret_id)?;
    if let Some(rotation) = row.rotation.as_mut() {
        rotation.enabled = true;
        if let Some(days) = days {
            rotation.days = days;
        }
        rotation.next_at = Some(context.now + SignedDuration::from_hours(24 * rotation.days));
        if now {
            rotation.next_at = Some(context.now);
            rotation.pending = Some(token.clone());
        }
    }
    Ok(api::RotateSecretResponse {
        arn: Some(row.arn.clone()),
        name: Some(row.name.clone()),
        version_id: now.then_some(token),
    })
}

pub(super) fn cancel_rotate_secret(
    region: &mut Region,
    _: &Context,
    input: api::CancelRotateSecretRequest,
) -> Result<api::CancelRotateSecretResponse, Error> {
    let row = living_mut(region, &input.secret_id)?;
    if let Some(owner) = &row.owner {
        return Err(invalid_request(format!(
            "You can't cancel the rotation of a secret that is managed by {owner}."
        )));
    }
    if let Some(rotation) = row.rotation.as_mut() {
        rotation.enabled = false;
        rotation.next_at = None;
    }
    Ok(api::CancelRotateSecretResponse {
        arn: Some(row.arn.clone()),
        name: Some(row.name.clone()),
        version_id: None,
    })
}
