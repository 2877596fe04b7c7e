"""The AWS CLI, once over each protocol: it has parsers, pagers and waiters of its own."""

import json
import os
import subprocess

import pytest

from tour import ACCOUNT, REGION, TAGS


@pytest.fixture
def cli(region, tmp_path):
    """`cli("ec2", "describe-vpcs")` gives what it prints, read as JSON."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": region.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(*arguments, refusal=None):
        done = subprocess.run(
            ["aws", *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        if refusal:
            assert done.returncode != 0 and refusal in done.stderr, (arguments, done.stdout, done.stderr)
            return None
        assert done.returncode == 0, (arguments, done.stderr)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    return run


def test_ec2_query(cli):
    vpc = cli("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", "--tag-specifications", "ResourceType=vpc,Tags=[{Key=team,Value=links}]")
    vpc = vpc["Vpc"]["VpcId"]
    cli("ec2", "wait", "vpc-available", "--vpc-ids", vpc)
    found = cli("ec2", "describe-vpcs", "--filters", "Name=tag:team,Values=links", "--query", "Vpcs[].VpcId", "--output", "text")
    assert found.strip() == vpc
    cli("ec2", "create-vpc", "--cidr-block", "10.0.0.0/8", refusal="(InvalidVpc.Range)")
    for number in range(6):
        cli("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", f"10.0.{number}.0/24")
    subnets = cli("ec2", "describe-subnets", "--filters", f"Name=vpc-id,Values={vpc}", "--page-size", "5")
    assert len(subnets["Subnets"]) == 6
    cli("ec2", "run-instances", "--image-id", "ami-00000000", refusal="Terrella does not implement the operation RunInstances")


def test_query(cli):
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    cli("iam", "create-role", "--role-name", "app", "--assume-role-policy-document", json.dumps(trust), "--tags", "Key=team,Value=links")
    role = cli("iam", "get-role", "--role-name", "app")["Role"]
    assert role["AssumeRolePolicyDocument"] == trust
    cli("iam", "get-role", "--role-name", "absent", refusal="(NoSuchEntity)")
    assert cli("sts", "get-caller-identity")["Account"] == ACCOUNT
    versions = cli("rds", "describe-db-engine-versions", "--engine", "postgres")["DBEngineVersions"]
    assert {one["Engine"] for one in versions} == {"postgres"}
    assert cli("elbv2", "describe-load-balancers") == {"LoadBalancers": []}


def test_json(cli):
    cli("ecs", "create-cluster", "--cluster-name", "tour", "--tags", *(f"key={key},value={value}" for key, value in TAGS.items()))
    [cluster] = cli("ecs", "describe-clusters", "--clusters", "tour", "--include", "TAGS")["clusters"]
    assert {one["key"]: one["value"] for one in cluster["tags"]} == TAGS
    cli("ecs", "list-tasks", "--cluster", "absent", refusal="(ClusterNotFoundException)")
    cli("ecr", "create-repository", "--repository-name", "app", "--image-tag-mutability", "IMMUTABLE")
    assert len(cli("ecr", "get-login-password").strip()) > 20
    cli("logs", "create-log-group", "--log-group-name", "/app")
    assert [one["logGroupName"] for one in cli("logs", "describe-log-groups")["logGroups"]] == ["/app"]
    cli("secretsmanager", "create-secret", "--name", "app", "--secret-string", "one")
    value = cli("secretsmanager", "get-secret-value", "--secret-id", "app", "--query", "SecretString", "--output", "text")
    assert value.strip() == "one"
    key = cli("kms", "create-key")["KeyMetadata"]["KeyId"]
    sealed = cli("kms", "encrypt", "--key-id", key, "--plaintext", "hello", "--query", "CiphertextBlob", "--output", "text").strip()
    assert len(sealed) > 40


def test_rest_xml(cli, tmp_path):
    (tmp_path / "site").mkdir()
    for name in ("a", "b"):
        (tmp_path / "site" / name).write_text(name * 1000)
    cli("s3", "mb", "s3://tour")
    cli("s3", "sync", "site", "s3://tour/site")
    listed = cli("s3", "ls", "s3://tour/site/")
    assert [line.split()[-1] for line in listed.splitlines()] == ["a", "b"]
    cli("s3", "cp", "s3://tour/site/a", "back")
    assert (tmp_path / "back").read_text() == "a" * 1000
    cli("s3", "mv", "s3://tour/site/a", "s3://tour/moved")
    cli("s3api", "put-object", "--bucket", "tour", "--key", "lock", "--if-none-match", "*")
    cli("s3api", "put-object", "--bucket", "tour", "--key", "lock", "--if-none-match", "*", refusal="(PreconditionFailed)")
    cli("s3api", "get-object", "--bucket", "tour", "--key", "absent", "x", refusal="(NoSuchKey)")
    cli("s3", "rm", "s3://tour", "--recursive")
    cli("s3", "rb", "s3://tour")
    assert cli("s3api", "list-buckets")["Buckets"] == []


def test_a_service_that_is_not_there(cli):
    # One of each family: JSON, query, REST.
    for arguments in (("dynamodb", "list-tables"), ("cloudformation", "list-stacks"), ("lambda", "list-functions")):
        cli(*arguments, refusal="(NotImplemented)")
    cli("cloudformation", "list-stacks", refusal="the operation ListStacks is not there")
