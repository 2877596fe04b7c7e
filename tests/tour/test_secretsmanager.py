"""Secrets Manager: secrets, their versions and stages, recovery windows, policies."""

import json

import pytest

from tour import ACCOUNT, REGION, TAGS, every, refused, tag_list, tags_of

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate"


@pytest.fixture
def secrets(aws):
    return aws("secretsmanager")


def test_a_secret_lives(secrets):
    made = secrets.create_secret(Name="app/db", SecretString="one", Description="tour", Tags=tag_list())
    assert made["ARN"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:app/db-")
    with refused("ResourceExistsException", "The operation failed because the secret app/db already exists."):
        secrets.create_secret(Name="app/db", SecretString="x")
    seen = secrets.describe_secret(SecretId="app/db")
    assert (seen["Description"], tags_of(seen["Tags"])) == ("tour", TAGS)
    # Its name, its whole ARN, and the ARN without the random part.
    for name in ("app/db", made["ARN"], made["ARN"][:-7]):
        assert secrets.get_secret_value(SecretId=name)["SecretString"] == "one"
    secrets.update_secret(SecretId="app/db", Description="changed", SecretString="two")
    assert secrets.get_secret_value(SecretId="app/db")["SecretString"] == "two"
    secrets.untag_resource(SecretId="app/db", TagKeys=["team"])
    secrets.tag_resource(SecretId="app/db", Tags=[{"Key": "stage", "Value": "changed"}])
    assert tags_of(secrets.describe_secret(SecretId="app/db")["Tags"]) == {"stage": "changed"}
    secrets.delete_secret(SecretId="app/db", ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret."):
        secrets.describe_secret(SecretId="app/db")


def test_versions_and_stages(secrets):
    first = secrets.create_secret(Name="app", SecretString="one")["VersionId"]
    second = secrets.put_secret_value(SecretId="app", SecretString="two")["VersionId"]
    get = lambda **which: secrets.get_secret_value(SecretId="app", **which)["SecretString"]
    assert (get(), get(VersionStage="AWSPREVIOUS"), get(VersionId=first)) == ("two", "one", "one")
    third = secrets.put_secret_value(SecretId="app", SecretBinary=b"\x00\x01", VersionStages=["AWSPENDING"])["VersionId"]
    assert secrets.get_secret_value(SecretId="app", VersionId=third)["SecretBinary"] == b"\x00\x01"
    assert get() == "two"
    secrets.update_secret_version_stage(
        SecretId="app", VersionStage="AWSCURRENT", MoveToVersionId=first, RemoveFromVersionId=second
    )
    stages = {one["VersionId"]: set(one["VersionStages"]) for one in secrets.list_secret_version_ids(SecretId="app")["Versions"] if one.get("VersionStages")}
    assert stages == {first: {"AWSCURRENT"}, second: {"AWSPREVIOUS"}, third: {"AWSPENDING"}}
    with refused("InvalidParameterException"):
        secrets.update_secret_version_stage(SecretId="app", VersionStage="AWSCURRENT", MoveToVersionId=third)
    with refused("ResourceNotFoundException", "staging label: NONE"):
        get(VersionStage="NONE")
    # The same request again does nothing; with another value it is refused.
    token = "0" * 32
    secrets.put_secret_value(SecretId="app", ClientRequestToken=token, SecretString="three")
    secrets.put_secret_value(SecretId="app", ClientRequestToken=token, SecretString="three")
    with refused("ResourceExistsException"):
        secrets.put_secret_value(SecretId="app", ClientRequestToken=token, SecretString="four")


def test_a_secret_can_be_had_back(secrets):
    secrets.create_secret(Name="app", SecretString="one")
    for arguments, message in [
        ({"RecoveryWindowInDays": 3}, "RecoveryWindowInDays"),
        ({"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}, "You can't use ForceDeleteWithoutRecovery"),
    ]:
        with refused("InvalidParameterException", message):
            secrets.delete_secret(SecretId="app", **arguments)
    secrets.delete_secret(SecretId="app", RecoveryWindowInDays=7)
    assert "DeletedDate" in secrets.describe_secret(SecretId="app")
    with refused("InvalidRequestException", "marked for deletion"):
        secrets.get_secret_value(SecretId="app")
    with refused("InvalidRequestException", "scheduled for deletion"):
        secrets.create_secret(Name="app", SecretString="x")
    assert every(secrets, "list_secrets", "SecretList") == []
    assert [one["Name"] for one in every(secrets, "list_secrets", "SecretList", IncludePlannedDeletion=True)] == ["app"]
    secrets.restore_secret(SecretId="app")
    assert secrets.get_secret_value(SecretId="app")["SecretString"] == "one"


def test_a_policy_lives(secrets):
    secrets.create_secret(Name="app", SecretString="one")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId="app")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
        ],
    }
    secrets.put_resource_policy(SecretId="app", ResourcePolicy=json.dumps(policy))
    assert json.loads(secrets.get_resource_policy(SecretId="app")["ResourcePolicy"]) == policy
    with refused("MalformedPolicyDocumentException"):
        secrets.put_resource_policy(SecretId="app", ResourcePolicy="{")
    secrets.delete_resource_policy(SecretId="app")


def test_random_passwords(secrets):
    made = secrets.get_random_password(PasswordLength=40, ExcludePunctuation=True)["RandomPassword"]
    assert len(made) == 40 and made.isalnum()
    assert " " in secrets.get_random_password(PasswordLength=4000, IncludeSpace=True)["RandomPassword"]
    with refused("InvalidParameterException"):
        secrets.get_random_password(PasswordLength=3, RequireEachIncludedType=True)


def test_a_rotation_needs_its_function(secrets):
    secrets.create_secret(Name="app", SecretString="one")
    with refused("InvalidRequestException"):
        secrets.rotate_secret(SecretId="app")
    with refused("AccessDeniedException"):
        secrets.rotate_secret(SecretId="app", RotationLambdaARN=LAMBDA, RotationRules={"AutomaticallyAfterDays": 30})


def test_lists_come_in_pages(secrets):
    for number in range(5):
        secrets.create_secret(Name=f"app-{number}", SecretString="x", Tags=[{"Key": "odd", "Value": str(number % 2)}])
    pages = list(secrets.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["SecretList"]) for page in pages] == [2, 2, 1]
    odd = every(secrets, "list_secrets", "SecretList", Filters=[{"Key": "tag-value", "Values": ["1"]}])
    assert {one["Name"] for one in odd} == {"app-1", "app-3"}
    many = secrets.batch_get_secret_value(SecretIdList=["app-0", "app-1", "absent"])
    assert {one["Name"] for one in many["SecretValues"]} == {"app-0", "app-1"}
    assert [one["ErrorCode"] for one in many["Errors"]] == ["ResourceNotFoundException"]


def test_names_and_sizes(aws, secrets):
    with refused("ValidationException"):
        secrets.create_secret(Name="no spaces", SecretString="x")
    with refused("ValidationException"):
        aws.unchecked("secretsmanager").create_secret(Name="big", SecretString="x" * 65537)
    with refused("NotImplemented", "ReplicateSecretToRegions"):
        secrets.replicate_secret_to_regions(SecretId="app", AddReplicaRegions=[{"Region": "eu-west-1"}])
