//! What IAM refuses about a document before it keeps it, in its own words.

use std::collections::BTreeSet;

use super::{Choice, Malformed, Policy, Principal, Statement, Version};

const SYNTAX: &str = "Syntax errors in policy.";
const PARTITIONS: &[&str] = &["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "*"];

/// A policy of a role, user or group, or a managed one.
pub fn identity(document: &str) -> Result<Policy, String> {
    let policy = Policy::parse(document).map_err(|malformed| match malformed {
        Malformed::Version(_) => {
            "Policy document must be version 2012-10-17 or greater.".to_owned()
        }
        _ => SYNTAX.to_owned(),
    })?;
    if policy.version != Version::V2012 {
        return Err("Policy document must be version 2012-10-17 or greater.".to_owned());
    }
    if policy.statements.is_empty() {
        return Err(SYNTAX.to_owned());
    }
    for statement in &policy.statements {
        if statement.principals.is_some() {
            return Err("Policy document should not specify a principal.".to_owned());
        }
        let actions =
            filled(statement.actions.as_ref()).ok_or("Policy statement must contain actions.")?;
        let resources = filled(statement.resources.as_ref())
            .ok_or("Policy statement must contain resources.")?;
        actions.patterns.iter().try_for_each(|one| action(one))?;
        resources.patterns.iter().try_for_each(|one| arn(one))?;
        condition_keys(statement)?;
    }
    unique_sids(&policy)?;
    Ok(policy)
}

/// A role's trust policy.
pub fn trust(document: &str) -> Result<Policy, String> {
    let policy = Policy::parse(document).map_err(|malformed| match malformed {
        Malformed::Json => "This policy contains invalid Json".to_owned(),
        Malformed::Missing(field) => format!("Missing required field {field}"),
        Malformed::Unknown(field) => format!("Unknown field {field}"),
        Malformed::Version(_) => "The policy must contain a valid version string".to_owned(),
        Malformed::Form(_) => SYNTAX.to_owned(),
    })?;
    for statement in &policy.statements {
        if statement.resources.is_some() {
            return Err("Has prohibited field Resource".to_owned());
        }
        let principals = statement
            .principals
            .as_ref()
            .ok_or("Missing required field Principal")?;
        for principal in &principals.names {
            trusted(principal)?;
        }
        let actions = filled(statement.actions.as_ref()).ok_or("Missing required field Action")?;
        let sts = |one: &String| one.to_ascii_lowercase().starts_with("sts:");
        if !actions.patterns.iter().all(sts) {
            return Err("AssumeRole policy may only specify STS AssumeRole actions.".to_owned());
        }
    }
    unique_sids(&policy)?;
    Ok(policy)
}

/// A policy that belongs to a resource, such as a key or a secret.
pub fn resource(document: &str) -> Result<Policy, Malformed> {
    let policy = Policy::parse(document)?;
    for statement in &policy.statements {
        if statement.principals.is_none() {
            return Err(Malformed::Missing("Principal"));
        }
        if filled(statement.actions.as_ref()).is_none() {
            return Err(Malformed::Missing("Action"));
        }
    }
    Ok(policy)
}

fn filled(choice: Option<&Choice>) -> Option<&Choice> {
    choice.filter(|choice| !choice.patterns.is_empty())
}

fn action(text: &str) -> Result<(), String> {
    const VENDOR: &str =
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
    if text == "*" {
        return Ok(());
    }
    let (vendor, name) = text.split_once(':').ok_or(VENDOR)?;
    if name.contains(':') {
        return Err("Actions/Condition can contain only one colon.".to_owned());
    }
    let fine = |character: char| character.is_ascii_alphanumeric() || "-._*".contains(character);
    if vendor.is_empty() || !vendor.chars().all(fine) {
        return Err(format!("Vendor {vendor} is not valid"));
    }
    Ok(())
}

fn condition_keys(statement: &Statement) -> Result<(), String> {
    for condition in &statement.conditions {
        if !condition.key.contains(':') {
            return Err(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                    .to_owned(),
            );
        }
    }
    Ok(())
}

fn arn(text: &str) -> Result<(), String> {
    if text == "*" || text.starts_with('*') {
        return Ok(());
    }
    let Some(rest) = text.strip_prefix("arn:") else {
        return Err(format!("Resource {text} must be in ARN format or \"*\"."));
    };
    let partition = rest.split(':').next().unwrap_or_default();
    if !PARTITIONS.contains(&partition) {
        return Err(format!(
            "Partition \"{partition}\" is not valid for resource \"{text}\"."
        ));
    }
    Ok(())
}

/// Whom a trust policy may name: accounts, and ARNs of IAM and STS.
fn trusted(principal: &Principal) -> Result<(), String> {
    let (kind, name, fine) = match principal {
        Principal::Aws(name) => ("AWS", name, is_principal_arn(name)),
        Principal::Service(name) => ("SERVICE", name, is_service(name)),
        Principal::Federated(name) => ("Federated", name, !name.is_empty()),
        Principal::CanonicalUser(name) => ("CanonicalUser", name, false),
        Principal::Everyone => return Ok(()),
    };
    if fine {
        Ok(())
    } else {
        Err(format!(
            "Invalid principal in policy: \"{kind}\":\"{name}\""
        ))
    }
}

fn is_principal_arn(name: &str) -> bool {
    let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if account(name) {
        return true;
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam" | "sts", "", id, resource]
        if partition.starts_with("aws") && account(id) && !resource.is_empty())
}

fn is_service(name: &str) -> bool {
    let fine = |character: char| character.is_ascii_alphanumeric() || "-.".contains(character);
    let known = [
        ".amazonaws.com",
        ".amazonaws.com.cn",
        ".aws.internal",
        ".aws.com",
    ];
    name.chars().all(fine) && known.iter().any(|end| name.ends_with(end))
}

fn unique_sids(policy: &Policy) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for sid in policy.statements.iter().filter_map(|one| one.sid.as_ref()) {
        if !seen.insert(sid) {
            return Err("Statement IDs (SID) in a single policy must be unique.".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_policies() {
        let document =
            |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        for (text, expected) in [
            ("{".to_owned(), SYNTAX),
            (r#"{"Version":"2012-10-17"}"#.to_owned(), SYNTAX),
            (document("[]"), SYNTAX),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#.to_owned(),
                "Policy document must be version 2012-10-17 or greater.",
            ),
            (
                document(r#"{"Effect":"Allow","Resource":"*"}"#),
                "Policy statement must contain actions.",
            ),
            (
                document(r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#),
                "Policy statement must contain actions.",
            ),
            (
                document(r#"{"Effect":"Allow","Action":"*"}"#),
                "Policy statement must contain resources.",
            ),
            (
                document(r#"{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}"#),
                "Policy document should not specify a principal.",
            ),
            (
                document(r#"{"Effect":"Allow","Action":"Get","Resource":"*"}"#),
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            ),
            (
                document(r#"{"Effect":"Allow","Action":"s3:a:b","Resource":"*"}"#),
                "Actions/Condition can contain only one colon.",
            ),
            (
                document(r#"{"Effect":"Allow","Action":"a a:b","Resource":"*"}"#),
                "Vendor a a is not valid",
            ),
            (
                document(r#"{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}"#),
                "Resource bucket must be in ARN format or \"*\".",
            ),
            (
                document(r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:red:s3:::b"}"#),
                "Partition \"red\" is not valid for resource \"arn:red:s3:::b\".",
            ),
            (
                document(
                    r#"[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"}]"#,
                ),
                "Statement IDs (SID) in a single policy must be unique.",
            ),
            (
                document(r#"{"Effect":"Maybe","Action":"s3:*","Resource":"*"}"#),
                SYNTAX,
            ),
        ] {
            assert_eq!(identity(&text).expect_err(&text), expected, "{text}");
        }
        let fine = document(
            r#"{"Effect":"Allow","Action":["s3:Get*","ecr:*"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}"#,
        );
        assert!(identity(&fine).is_ok());
    }

    #[test]
    fn trust_policies() {
        let document = |rest: &str| {
            format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{rest}}}}}"#)
        };
        for (text, expected) in [
            ("{".to_owned(), "This policy contains invalid Json"),
            (
                document(r#""Action":"sts:AssumeRole""#),
                "Missing required field Principal",
            ),
            (
                document(r#""Principal":{"Service":"ecs.amazonaws.com"}"#),
                "Missing required field Action",
            ),
            (
                document(r#""Principal":"*","Action":"s3:*""#),
                "AssumeRole policy may only specify STS AssumeRole actions.",
            ),
            (
                document(r#""Principal":"*","Action":"sts:AssumeRole","Resource":"*""#),
                "Has prohibited field Resource",
            ),
            (
                document(r#""Principal":{"AWS":"AROAEXAMPLE"},"Action":"sts:AssumeRole""#),
                "Invalid principal in policy: \"AWS\":\"AROAEXAMPLE\"",
            ),
            (
                document(r#""Principal":{"Service":"nobody"},"Action":"sts:AssumeRole""#),
                "Invalid principal in policy: \"SERVICE\":\"nobody\"",
            ),
        ] {
            assert_eq!(trust(&text).expect_err(&text), expected, "{text}");
        }
        for fine in [
            r#""Principal":{"Service":["ecs-tasks.amazonaws.com"]},"Action":"sts:AssumeRole""#,
            r#""Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":["sts:AssumeRole","sts:TagSession"]"#,
            r#""Principal":{"Federated":"arn:aws:iam::000000000000:oidc-provider/x"},"Action":"sts:AssumeRoleWithWebIdentity""#,
        ] {
            assert!(trust(&document(fine)).is_ok(), "{fine}");
        }
    }
}
