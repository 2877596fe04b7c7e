//! What services say about inputs that break their constraints.

use serde_json::{Value as Json, json};

/// The error for an input that is given as JSON.
fn error(service: &str, operation: &str, input: Json) -> Option<(String, String)> {
    let service = wire::service(service).expect("a service");
    let operation = service.operation(operation).expect("an operation");
    let value = wire::json::read(operation.input, input).expect("an input of the right types");
    let error = wire::validate_input(service, operation, &value).err()?;
    Some((error.code.into_owned(), error.message))
}

#[test]
fn recorded_texts() {
    let cases = [
        (
            "cloudwatch",
            "SetAlarmState",
            json!({"AlarmName": "a", "StateValue": "INVALID", "StateReason": "r"}),
            "ValidationError",
            "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: \
             Member must satisfy enum value set: [OK, ALARM, INSUFFICIENT_DATA]",
        ),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "Session1:2"}),
            "ValidationError",
            "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        ),
    ];
    for (service, operation, input, code, message) in cases {
        assert_eq!(
            error(service, operation, input),
            Some((code.to_owned(), message.to_owned()))
        );
    }
}

#[test]
fn each_family() {
    let cases = [
        (
            "iam",
            "GetRole",
            json!({}),
            "ValidationError",
            "Value null at 'roleName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "ec2",
            "CreateSubnet",
            json!({}),
            "MissingParameter",
            "The request must contain the parameter VpcId",
        ),
        (
            "ec2",
            "CreateVpc",
            json!({"instanceTenancy": "x"}),
            "InvalidParameterValue",
            "Value (x) for parameter instanceTenancy is invalid.",
        ),
        (
            "ec2",
            "DescribeVpcs",
            json!({"MaxResults": 1}),
            "InvalidParameterValue",
            "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
        ),
        (
            "rds",
            "DeleteDBInstance",
            json!({}),
            "MissingParameter",
            "The request must contain the parameter DBInstanceIdentifier",
        ),
        (
            "kms",
            "DescribeKey",
            json!({"KeyId": ""}),
            "ValidationException",
            "Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "logs",
            "CreateLogGroup",
            json!({"logGroupName": "a b"}),
            "InvalidParameterException",
            "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
        ),
        (
            "secretsmanager",
            "CreateSecret",
            json!({"Name": "n", "SecretString": ""}),
            "ValidationException",
            "Value '*** Sensitive Data Redacted ***' at 'secretString'",
        ),
        (
            "iam",
            "TagRole",
            json!({"RoleName": "r", "Tags": [{"Key": "", "Value": "v"}]}),
            "ValidationError",
            "at 'tags.1.member.key'",
        ),
        (
            "application_autoscaling",
            "DescribeScalableTargets",
            json!({"ServiceNamespace": "ecs", "ResourceIds": [""]}),
            "ValidationException",
            "Value '[]' at 'resourceIds' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1600, Member must have length greater than or equal to 1",
        ),
        (
            "ecr",
            "CreateRepository",
            json!({"repositoryName": "AB"}),
            "InvalidParameterException",
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '",
        ),
        (
            "ecs",
            "CreateService",
            json!({"serviceName": "s", "launchType": "x"}),
            "InvalidParameterException",
            "at 'launchType'",
        ),
    ];
    for (service, operation, input, code, part) in cases {
        let (found, message) = error(service, operation, input)
            .unwrap_or_else(|| panic!("{service} {operation} accepts it"));
        assert_eq!(found, code, "{service} {operation}: {message}");
        assert!(message.contains(part), "{service} {operation}: {message}");
    }
}

#[test]
fn all_failures_are_told() {
    let (_, message) = error("iam", "CreateRole", json!({"Path": "x"})).expect("a failure");
    assert!(
        message.starts_with("3 validation errors detected: "),
        "{message}"
    );
    assert_eq!(message.matches("; ").count(), 2, "{message}");
}

#[test]
fn good_inputs_pass() {
    assert_eq!(
        error(
            "ec2",
            "CreateVpc",
            json!({"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "default"})
        ),
        None
    );
    assert_eq!(
        error(
            "iam",
            "CreateRole",
            json!({"RoleName": "r", "AssumeRolePolicyDocument": "{}"})
        ),
        None
    );
}
