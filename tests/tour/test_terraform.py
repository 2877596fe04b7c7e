"""Terraform stacks that are not this repository's own, by the unmodified provider: they apply, plan nothing
afterwards, change, plan nothing again, and leave nothing behind."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tour import REGION

ROOT = Path(__file__).resolve().parents[2]


class Stack:
    """A configuration below tests/terraform, in a folder of its own."""

    def __init__(self, name, folder, url):
        self.folder = folder / name
        shutil.copytree(ROOT / "tests/terraform" / name, self.folder)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))},
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Buckets stand in the path where the endpoint is an address.
            "AWS_S3_USE_PATH_STYLE": "true",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }

    def run(self, *arguments, codes=(0,)):
        done = subprocess.run(
            [ROOT / "scripts/terraform", "terraform", f"-chdir={self.folder}", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode in codes, f"terraform {' '.join(arguments)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.returncode

    def apply(self, *values):
        self.run("apply", "-auto-approve", "-no-color", *values)
        # 2 would say that there is something to change.
        assert self.run("plan", "-detailed-exitcode", "-no-color", *values, codes=(0, 2)) == 0, self.plan(*values)

    def plan(self, *values):
        done = subprocess.run(
            [ROOT / "scripts/terraform", "terraform", f"-chdir={self.folder}", "plan", "-no-color", *values],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return f"planned again after apply:\n{done.stdout}"


def left(aws):
    """What a destroyed stack could have left."""
    return {
        "balancers": aws("elbv2").describe_load_balancers()["LoadBalancers"],
        "groups": aws("elbv2").describe_target_groups()["TargetGroups"],
        "vpcs": [one for one in aws("ec2").describe_vpcs()["Vpcs"] if not one["IsDefault"]],
        "security": [one for one in aws("ec2").describe_security_groups()["SecurityGroups"] if one["GroupName"] != "default"],
        "prefix lists": [one for one in aws("ec2").describe_managed_prefix_lists()["PrefixLists"] if one["OwnerId"] != "AWS"],
        "interfaces": aws("ec2").describe_network_interfaces()["NetworkInterfaces"],
        "buckets": aws("s3").list_buckets()["Buckets"],
        "clusters": aws("ecs").list_clusters()["clusterArns"],
        "repositories": aws("ecr").describe_repositories()["repositories"],
        "secrets": aws("secretsmanager").list_secrets()["SecretList"],
        "logs": aws("logs").describe_log_groups()["logGroups"],
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("shared", ['-var=paths={"5"="/new/*","20"="/static/*"}', "-var=open_ports=[80,8080]", '-var=offices={"192.0.2.0/24"="north","203.0.113.0/24"="east"}']),
        ("shop", ["-var=zones=3", "-var=log_days=14", "-var=level=debug"]),
    ],
)
def test_a_stack_lives(aws, region, tmp_path, name, change):
    stack = Stack(name, tmp_path, region.url)
    stack.run("init", "-no-color")
    stack.apply()
    stack.apply(*change)
    stack.run("destroy", "-auto-approve", "-no-color", *change)
    assert not any(left(aws).values()), left(aws)
