"""What every tour needs: a region that is served, clients of it, and refusals as assertions."""

import ctypes
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
REGION = "eu-central-1"
ZONES = [f"{REGION}{letter}" for letter in "abc"]

#: Refusals are looked at, not tried again; an answer that does not come is a failure soon.
CONFIG = Config(
    retries={"total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=30,
)
#: Tags that AWS's own tools would set, in the two spellings that its services use.
TAGS = {"team": "links", "stage": "tour"}


def tag_list(key="Key", value="Value"):
    """`TAGS` as a list of pairs; ECS and some others write the names in lower case."""
    return [{key: name, value: text} for name, text in TAGS.items()]


def tags_of(pairs, key="Key", value="Value"):
    """A service's list of pairs as a dictionary."""
    return {pair[key]: pair[value] for pair in pairs}


def _die_with_parent():
    """Ends the served region when the tests are killed (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    """`terrella serve --no-machine` on a free port, ended when the block is left."""

    def __init__(self, data):
        self.data = data
        self.log = data / "serve.log"

    def __enter__(self):
        program = os.environ.get("TERRELLA")
        if not program:
            pytest.fail("TERRELLA has to name the program; tests/tour/run sets it")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--no-machine", "--port", "0", "--data-dir", str(self.data / "data")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=_die_with_parent,
            )
        line = self.process.stdout.readline().decode()
        found = re.search(r"http://\S+", line)
        if not found:
            self.__exit__()
            pytest.fail(f"the region did not start:\n{self.log.read_text()}")
        self.url = found.group()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
        panics = [line for line in self.log.read_text().splitlines() if "panicked" in line]
        assert not panics, f"the region panicked, see {self.log}: {panics}"


class Region:
    """What is asked about the region rather than of AWS."""

    def __init__(self, server):
        self.url = server.url

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_terrella/{path}", method=method, data=data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def clock(self, **change):
        """The region's time, after a change of it if one is given: `rate`, `jump_seconds` or `jump_to`."""
        return self.ask("POST", "clock", change) if change else self.ask("GET", "clock")

    def reset(self):
        assert self.ask("POST", "reset") == {"status": "empty"}


class Aws:
    """Clients of one principal, made when they are first asked for."""

    def __init__(self, server, key="test", secret="test", token=None, region=REGION):
        self.server = server
        self.session = boto3.Session(key, secret, token, region_name=region)
        self.made = {}

    def __call__(self, service, **config):
        """A client, with further settings of botocore's `Config`; each is made once."""
        wanted = (service, repr(sorted(config.items())))
        if wanted not in self.made:
            self.made[wanted] = self.session.client(
                service, endpoint_url=self.server.url, config=CONFIG.merge(Config(**config))
            )
        return self.made[wanted]

    def unchecked(self, service):
        """A client that does not check arguments itself, so that the region has to."""
        return self(service, parameter_validation=False)

    def as_role(self, arn, name="tour"):
        """Clients of a role that this principal assumes."""
        got = self("sts").assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]
        return Aws(self.server, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])


@contextmanager
def refused(code, message="", status=None):
    """The block is refused with this code and with a message that holds this text."""
    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == code, caught.value
    assert message in error.get("Message", ""), caught.value
    if status is not None:
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status, caught.value


def wait_until(look, what, seconds=20):
    """Waits for something that the region does by itself; `look` answers something true then."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


def every(client, operation, member, size=None, **arguments):
    """All items of all pages, in order, by boto3's own paginator."""
    pages = client.get_paginator(operation).paginate(
        **arguments, **({"PaginationConfig": {"PageSize": size}} if size else {})
    )
    return [item for page in pages for item in page.get(member, [])]


class Network:
    """A VPC with a subnet in each zone, an internet gateway and a security group, by boto3."""

    def __init__(self, ec2):
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for number, zone in enumerate(ZONES)
        ]
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.group = ec2.create_security_group(GroupName="web", Description="web", VpcId=self.vpc)["GroupId"]
