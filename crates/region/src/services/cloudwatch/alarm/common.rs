//! What metric and composite alarms have in common when they are put.

use wire::Error;

use super::super::error::validation;

const MOST_ACTIONS: usize = 5;
const LONGEST_NAME: usize = 255;
const LONGEST_DESCRIPTION: usize = 1024;

pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(validation(format!(
            "AlarmName must have 1 to {LONGEST_NAME} characters."
        )));
    }
    if name.contains(|letter: char| letter.is_ascii_control()) {
        return Err(validation(
            "AlarmName must not contain ASCII Control characters",
        ));
    }
    Ok(())
}

pub(super) fn check_description(description: Option<&str>) -> Result<(), Error> {
    if description.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(validation(format!(
            "AlarmDescription must have at most {LONGEST_DESCRIPTION} characters."
        )));
    }
    Ok(())
}

/// Checks the actions of one state.
pub(super) fn actions(given: Option<Vec<String>>, composite: bool) -> Result<Vec<String>, Error> {
    let actions = given.unwrap_or_default();
    if actions.len() > MOST_ACTIONS {
        return Err(validation(format!(
            "An alarm can have at most {MOST_ACTIONS} actions for a state."
        )));
    }
    for action in &actions {
        let parts: Vec<&str> = action.splitn(6, ':').collect();
        let [arn, partition, service, _, _, resource] = parts.as_slice() else {
            return Err(validation(format!("Invalid arn syntax: {action}")));
        };
        if *arn != "arn"
            || partition.is_empty()
            || service.is_empty()
            || resource.is_empty()
            || action.contains(char::is_whitespace)
        {
            return Err(validation(format!("Invalid arn syntax: {action}")));
        }
        if composite && matches!(*service, "autoscaling" | "automate" | "swf") {
            return Err(validation(format!(
                "Composite alarms cannot perform the action {action}: they notify SNS topics, invoke Lambda functions, and create OpsItems and incidents."
            )));
        }
    }
    Ok(actions)
}
