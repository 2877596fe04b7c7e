"""The rights of the pipeline, as `infra/stacks/bootstrap` gives them: two environments are applied, and the
policy simulator is asked what their roles may do."""

import os
import subprocess
from pathlib import Path

import pytest

from tour import ACCOUNT, REGION, Aws, Server

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ["dev", "stage"]

#: A region without TLS and budgets; and what the provider waits a minute for is left out.
VALUES = """
tls_only                = false
monthly_budget          = 0
access_log_days         = null
noncurrent_version_days = null
"""

# Applying takes half a minute for each environment: the provider waits for keys and for rules.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def iam(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("rights")) as server:
        aws = Aws(server)
        for environment in ENVIRONMENTS:
            aws("s3").create_bucket(
                Bucket=f"links-{environment}-terraform-state",
                CreateBucketConfiguration={"LocationConstraint": REGION},
            )
            apply(server, environment, tmp_path_factory.mktemp(environment))
        yield aws("iam")


def apply(server, environment, data):
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "TF_DATA_DIR": str(data),
        "TF_IN_AUTOMATION": "1",
    }
    values = data / "values.tfvars"
    values.write_text(VALUES)
    command = [ROOT / "scripts/terraform", ROOT / "infra/stack.sh", environment, "bootstrap", "apply", "-auto-approve"]
    command.append(f"-var-file={values}")
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"bootstrap of {environment} was not applied:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def role(name):
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def owned(environment, stack):
    """Keys of a request about a thing that a stack made."""
    return {"aws:ResourceTag/environment": environment, "aws:ResourceTag/state": f"links-{environment}-terraform-state/{stack}"}


def made(environment, stack):
    """Keys of a request that makes something."""
    return {"aws:RequestTag/environment": environment, "aws:RequestTag/state": f"links-{environment}-terraform-state/{stack}"}


BOUNDARY = {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/links-dev-workload-boundary"}
STATES = "arn:aws:s3:::links-dev-terraform-state"
VPC = arn("ec2", "vpc/vpc-1")
SERVICE = arn("ecs", "service/links-{}/links-{}")

#: Role, action, resource, keys: allowed, denied (by silence), forbidden (by a Deny).
CASES = [
    # A plan reads what it has to, and changes nothing, however it asks.
    ("links-dev-network-plan", "ec2:DescribeVpcs", "*", {}, "allowed"),
    ("links-dev-network-plan", "s3:GetObject", f"{STATES}/network/terraform.tfstate", {}, "allowed"),
    ("links-dev-network-plan", "s3:GetObject", f"{STATES}/database/terraform.tfstate", {}, "denied"),
    ("links-dev-network-plan", "s3:PutObject", f"{STATES}/network/terraform.tfstate", {}, "denied"),
    ("links-dev-network-plan", "ec2:CreateVpc", VPC, made("dev", "network"), "denied"),
    ("links-dev-network-plan", "ec2:DeleteVpc", VPC, owned("dev", "network"), "denied"),
    ("links-dev-service-plan", "secretsmanager:GetSecretValue", arn("secretsmanager", "secret:links-dev-database-abcdef"), {}, "denied"),
    # An apply changes its stack's own.
    ("links-dev-network-apply", "ec2:CreateVpc", VPC, made("dev", "network"), "allowed"),
    ("links-dev-network-apply", "ec2:CreateVpc", VPC, {}, "denied"),
    ("links-dev-network-apply", "ec2:CreateSubnet", VPC, made("dev", "network"), "denied"),
    ("links-dev-network-apply", "ec2:CreateSubnet", VPC, made("dev", "network") | owned("dev", "network"), "allowed"),
    ("links-dev-network-apply", "ec2:DeleteVpc", VPC, owned("dev", "network"), "allowed"),
    ("links-dev-network-apply", "ec2:DeleteVpc", VPC, {}, "denied"),
    ("links-dev-network-apply", "ec2:DeleteVpc", VPC, owned("dev", "another"), "denied"),
    ("links-dev-service-apply", "ec2:DeleteVpc", VPC, owned("dev", "network"), "denied"),
    ("links-dev-service-apply", "ecs:UpdateService", SERVICE.format("dev", "dev"), {}, "allowed"),
    ("links-dev-service-apply", "rds:DeleteDBInstance", arn("rds", "db:links-dev"), {}, "denied"),
    ("links-dev-database-apply", "rds:ModifyDBInstance", arn("rds", "db:links-dev"), {}, "allowed"),
    ("links-dev-registry-apply", "ecr:PutLifecyclePolicy", arn("ecr", "repository/links-dev"), {}, "allowed"),
    ("links-dev-registry-apply", "ecr:BatchDeleteImage", arn("ecr", "repository/links-dev"), {}, "denied"),
    ("links-dev-network-apply", "s3:PutObject", f"{STATES}/network/terraform.tfstate", {}, "allowed"),
    ("links-dev-network-apply", "s3:PutObject", f"{STATES}/database/terraform.tfstate", {}, "denied"),
    ("links-dev-network-apply", "s3:DeleteObject", f"{STATES}/network/terraform.tfstate.tflock", {}, "allowed"),
    ("links-dev-network-apply", "s3:DeleteObject", f"{STATES}/network/terraform.tfstate", {}, "denied"),
    # Not another environment's, by name or by tag.
    ("links-dev-network-apply", "ec2:DeleteVpc", VPC, owned("stage", "network"), "forbidden"),
    ("links-dev-network-apply", "ec2:CreateVpc", VPC, made("stage", "network"), "forbidden"),
    ("links-dev-service-apply", "ecs:UpdateService", SERVICE.format("stage", "stage"), {}, "denied"),
    ("links-dev-database-apply", "rds:ModifyDBInstance", arn("rds", "db:links-stage"), {}, "denied"),
    ("links-dev-network-apply", "s3:GetObject", "arn:aws:s3:::links-stage-terraform-state/network/terraform.tfstate", {}, "denied"),
    ("links-dev-service-apply", "iam:PassRole", role("links-stage-task"), {"iam:PassedToService": "ecs-tasks.amazonaws.com"}, "denied"),
    # Nor what bootstrap made.
    ("links-dev-network-apply", "s3:PutObject", f"{STATES}/bootstrap/terraform.tfstate", {}, "forbidden"),
    ("links-dev-network-apply", "s3:PutBucketPolicy", STATES, {}, "denied"),
    ("links-dev-database-apply", "kms:ScheduleKeyDeletion", arn("kms", "key/1"), {}, "denied"),
    ("links-dev-database-apply", "kms:PutKeyPolicy", arn("kms", "key/1"), {}, "denied"),
    # It gives rights to its stack's roles, inside their boundary, and to nobody else.
    ("links-dev-service-apply", "iam:CreateRole", role("links-dev-task"), BOUNDARY, "allowed"),
    ("links-dev-service-apply", "iam:CreateRole", role("links-dev-task"), {}, "denied"),
    ("links-dev-service-apply", "iam:CreateRole", role("links-dev-admin"), BOUNDARY, "denied"),
    ("links-dev-service-apply", "iam:PutRolePolicy", role("links-dev-service-apply"), BOUNDARY, "denied"),
    ("links-dev-service-apply", "iam:UpdateAssumeRolePolicy", role("links-dev-service-apply"), {}, "denied"),
    ("links-dev-service-apply", "iam:DeleteRolePermissionsBoundary", role("links-dev-service-apply"), {}, "denied"),
    ("links-dev-service-apply", "iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/links-dev-delivery-boundary", {}, "denied"),
    ("links-dev-service-apply", "sts:AssumeRole", role("links-dev-database-apply"), {}, "denied"),
    ("links-dev-service-apply", "iam:PassRole", role("links-dev-task"), {"iam:PassedToService": "ecs-tasks.amazonaws.com"}, "allowed"),
    ("links-dev-service-apply", "iam:PassRole", role("links-dev-task"), {"iam:PassedToService": "ec2.amazonaws.com"}, "denied"),
    ("links-dev-service-apply", "iam:PassRole", role("links-dev-flow-logs"), {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}, "denied"),
    # Whose a thing is cannot be forgotten.
    ("links-dev-network-apply", "ec2:DeleteTags", VPC, owned("dev", "network") | {"aws:TagKeys": ["Name"]}, "allowed"),
    ("links-dev-network-apply", "ec2:DeleteTags", VPC, owned("dev", "network") | {"aws:TagKeys": ["Name", "state"]}, "forbidden"),
    # Images are added to one repository, and promoted from the one before.
    ("links-dev-image", "ecr:PutImage", arn("ecr", "repository/links-dev"), {}, "allowed"),
    ("links-dev-image", "ecr:BatchDeleteImage", arn("ecr", "repository/links-dev"), {}, "denied"),
    ("links-dev-image", "ecr:PutImage", arn("ecr", "repository/links-stage"), {}, "denied"),
    ("links-stage-image", "ecr:BatchGetImage", arn("ecr", "repository/links-dev"), {}, "allowed"),
    ("links-stage-image", "ecr:PutImage", arn("ecr", "repository/links-dev"), {}, "denied"),
    ("links-dev-image", "ecs:UpdateService", SERVICE.format("dev", "dev"), {}, "denied"),
]
DECISIONS = {"allowed": "allowed", "implicitDeny": "denied", "explicitDeny": "forbidden"}


def decide(iam, name, action, resource, keys):
    entries = [
        {
            "ContextKeyName": key,
            "ContextKeyType": "string" if isinstance(value, str) else "stringList",
            "ContextKeyValues": [value] if isinstance(value, str) else value,
        }
        for key, value in keys.items()
    ]
    answer = iam.simulate_principal_policy(
        PolicySourceArn=role(name), ActionNames=[action], ResourceArns=[resource], ContextEntries=entries
    )
    (result,) = answer["EvaluationResults"]
    return DECISIONS[result["EvalDecision"]]


def test_roles_may_do_what_they_need_and_no_more(iam):
    wrong = [
        f"{name}: {action} on {resource} with {keys} is {decision}, not {expected}"
        for name, action, resource, keys, expected in CASES
        if (decision := decide(iam, name, action, resource, keys)) != expected
    ]
    assert not wrong, "\n".join(wrong)


def test_every_role_of_the_pipeline_is_bounded(iam):
    roles = [one for page in iam.get_paginator("list_roles").paginate() for one in page["Roles"]]
    names = {one["RoleName"] for one in roles}
    assert {f"links-{environment}-{stack}-{kind}" for environment in ENVIRONMENTS for stack in ["network", "service"] for kind in ["plan", "apply"]} <= names
    for name in names:
        if name.startswith("links-"):
            environment = name.split("-")[1]
            boundary = iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
            assert boundary == f"arn:aws:iam::{ACCOUNT}:policy/links-{environment}-delivery-boundary"


def test_a_statement_that_needs_a_key_says_so(iam):
    answer = iam.simulate_principal_policy(
        PolicySourceArn=role("links-dev-network-apply"), ActionNames=["ec2:DeleteVpc"], ResourceArns=[VPC]
    )
    (result,) = answer["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert "aws:resourcetag/state" in [key.lower() for key in result["MissingContextValues"]]
    # What the boundary says by itself is told apart.
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
