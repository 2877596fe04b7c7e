"""The steps of the workflows for real: Terraform, the AWS CLI and skopeo against a region."""

import base64
import json
import re
import time

import pytest

from desk import BUCKET, layout


@pytest.fixture(scope="session")
def network(desk):
    """The first plan of the network, and what its apply said."""
    plan = desk.plan("network", "network-first")
    return plan, plan.apply()


@pytest.fixture(scope="session")
def registry(desk):
    plan = desk.plan("registry", "registry-first")
    done = plan.apply()
    assert done.returncode == 0, done.stdout
    return plan


def test_the_approved_plan_applies(desk, network):
    plan, done = network
    assert plan.changes
    assert done.returncode == 0, done.stdout
    assert len(desk.client("ec2").describe_vpcs(Filters=[{"Name": "tag:state", "Values": [f"{BUCKET}/network"]}])["Vpcs"]) == 1
    again = desk.plan("network", "network-again")
    assert not again.changes
    assert again.summary == "### dev: network\n\nNo changes.\n"


def test_a_summary_says_what_and_never_a_value(network):
    plan, _ = network
    assert "  + module.network.aws_vpc.this\n" in plan.summary
    assert "destroyed" not in plan.summary
    for value in ("10.0.", "eu-central-1", "arn:", "links-dev"):
        # The zones are keys of what is made for them, and so are part of an address.
        assert value not in re.sub(r'\["[^"]*"\]', "", plan.summary)


def test_a_plan_is_applied_once(network):
    plan, _ = network
    done = plan.apply()
    assert done.returncode == 1
    assert "the plan is stale: network was applied since it was made; plan again" in done.stdout


def test_a_changed_plan_is_refused(registry):
    plan = registry.copy("plan-changed")
    with open(plan.folder / "plan.tfplan", "ab") as file:
        file.write(b"more")
    done = plan.apply()
    assert done.returncode == 1
    assert "this is not the plan that was approved: its file was changed" in done.stdout


def test_a_foreign_plan_with_a_manifest_that_fits_is_refused(registry, network):
    """Who can replace the artifact can replace all of it, but not what the plan's job handed on."""
    foreign, _ = network
    done = foreign.apply(stack="registry", SEAL=registry.seal)
    assert done.returncode == 1
    assert "this is not the plan that was approved: its manifest was changed" in done.stdout


def test_a_plan_of_another_stack_is_refused(registry):
    done = registry.apply(stack="network")
    assert done.returncode == 1
    assert "the plan is for the stack registry, not network" in done.stdout


def test_a_plan_of_another_commit_is_refused(desk, registry):
    planned = json.loads((registry.folder / "manifest.json").read_text())["commit"]
    now = desk.commit()
    done = registry.apply()
    assert done.returncode == 1
    assert f"the plan is for the commit {planned}, not {now}" in done.stdout


def test_a_stack_waits_for_what_it_reads(desk, network):
    done = desk.pipeline("plan", "dev", "service", desk.folder / "early", IMAGE="sha256:" + "0" * 64)
    assert done.returncode == 1
    assert "never applied in dev: apply that first" in done.stdout
    assert "database" in done.stdout


def test_locks(desk, registry):
    """A lock is waited for, then told, and the way out that is told works. Of two applies that begin
    at once with a good plan, the second waits for the first one's lock, and is stale then."""
    s3 = desk.client("s3")
    values = desk.repository / "infra/environments/dev/registry.tfvars"
    values.write_text(values.read_text().replace("images_kept  = 20", "images_kept  = 33"))
    desk.commit()
    plan = desk.plan("registry", "registry-more")
    assert plan.changes
    lock = {
        "ID": "6b9f0a3e-0000-4000-8000-000000000001", "Operation": "OperationTypeApply", "Info": "", "Who": "a dead run",
        "Version": "1.11.4", "Created": "2026-01-01T00:00:00Z", "Path": f"{BUCKET}/registry/terraform.tfstate",
    }
    s3.put_object(Bucket=BUCKET, Key="registry/terraform.tfstate.tflock", Body=json.dumps(lock).encode())
    begun = time.monotonic()
    done = plan.apply(LOCK_TIMEOUT="2s")
    assert done.returncode == 1
    assert time.monotonic() - begun > 2
    assert "a dead run" in done.stdout
    assert "infra/stack.sh dev registry force-unlock ID" in done.stdout
    desk.must("infra/stack.sh", "dev", "registry", "force-unlock", "-force", lock["ID"])

    both = [desk.start(*plan.command(), data=f"data-{number}", SEAL=plan.seal) for number in range(2)]
    said = [process.communicate(timeout=240)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes == [0, 1], said
    loser = said[0] if both[0].returncode else said[1]
    assert "stale" in loser, loser


def test_drift(desk, network):
    ec2 = desk.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:state", "Values": [f"{BUCKET}/network"]}])["Vpcs"][0]["VpcId"]
    tag = {"Key": "project", "Value": "somebody's"}
    ec2.create_tags(Resources=[vpc], Tags=[tag])
    done = desk.pipeline("drift", "dev", "network", desk.folder / "moved")
    ec2.create_tags(Resources=[vpc], Tags=[{**tag, "Value": "links"}])
    assert done.returncode == 1
    assert "network of dev is not what this commit says" in done.stdout
    assert "  ~ module.network.aws_vpc.this" in done.stdout
    assert "somebody's" not in done.stdout


def test_images(desk, registry):
    """Built once: a tag never moves, in the registry and in the script."""
    commit = desk.commit()
    first, second = desk.folder / "first", desk.folder / "second"
    digest = layout(first, "first")
    layout(second, "second")
    done = desk.pipeline("image", "dev", "build", first)
    assert done.returncode == 0, done.stdout
    assert f"digest={digest}\n" in done.stdout
    assert "was not scanned" in done.stdout

    done = desk.pipeline("image", "dev", "build", second)
    assert done.returncode == 0, done.stdout
    assert f"digest={digest}\n" in done.stdout
    assert f"links-dev has an image of {commit} already" in done.stdout

    login = desk.client("ecr").get_authorization_token()["authorizationData"][0]
    target = f"docker://{desk.url.partition('://')[2].strip('/')}/links-dev:{commit}"
    creds = base64.b64decode(login["authorizationToken"]).decode()
    done = desk.run("skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", creds, f"oci:{second}", target)
    assert done.returncode != 0
    assert "immutable" in done.stdout


def test_an_image_that_is_not_there_is_not_pushed(desk, registry):
    desk.commit()
    done = desk.pipeline("image", "dev", "build", desk.folder / "nowhere")
    assert done.returncode == 1
    assert "is no image layout: make one with `terrella image --output" in done.stdout


def test_deployed(desk, registry):
    assert desk.pipeline("deployed", "dev").stdout == "\n"
    s3, key = desk.client("s3"), "service/terraform.tfstate"
    digest = "sha256:" + "a" * 64
    state = {"version": 4, "lineage": "x", "serial": 1, "outputs": {"image": {"value": f"host/links-dev@{digest}"}}}
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(state).encode())
    try:
        assert desk.pipeline("deployed", "dev").stdout == f"{digest}\n"
    finally:
        s3.delete_object(Bucket=BUCKET, Key=key)


def test_what_is_not_the_pipelines_business(desk):
    for arguments, sentence in (
        (("plan", "dev", "bootstrap", "x"), "bootstrap is applied by a person"),
        (("plan", "dev", "nothing", "x"), "there is no stack nothing"),
        (("plan", "moon", "network", "x"), "there is no environment moon"),
        (("plan", "dev"), "wrong arguments"),
    ):
        done = desk.pipeline(*arguments)
        assert done.returncode == 1
        assert sentence in done.stdout
        assert "Traceback" not in done.stdout
