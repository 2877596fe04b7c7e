"""Images: built once, known by their digest from then on, copied from one environment to the next."""

import json
import os
import pathlib
import re
import tempfile
import time

from common import Failed, Refusal, aws, backend, commit, local, name, run, state, tell

# Findings that keep an image from being deployed.
REFUSED = ("CRITICAL", "HIGH")
# A basic scan ends; an enhanced one goes on for as long as the image is there.
FINISHED = ("COMPLETE", "ACTIVE")
# Seconds for which a scan is waited for, and between two looks.
SCAN_LIMIT = 300
SCAN_PAUSE = 5


def main(environment, what, source):
    if what not in ("build", "promote"):
        raise Refusal(f"an image can be built or promoted, not {what}")
    if what == "build" and not (pathlib.Path(source) / "index.json").is_file():
        raise Refusal(f"{source} is no image layout: make one with `terrella image --output {source}`")
    found = tagged(environment, commit())
    if found is None:
        found = push(environment, what, source)
    else:
        print(f"{name(environment)} has an image of {commit()} already, which stays")
    scan(environment, found)
    tell("digest", found)


def main_deployed(environment):
    print(deployed(environment))


def deployed(environment):
    """The digest that the service runs; nothing where there is no service yet, or one that runs a tag."""
    found = state(environment, "service")
    image = found["outputs"].get("image", {}).get("value", "") if found else ""
    return image.partition("@")[2]


def push(environment, what, source):
    """Copies an image to the environment's repository, under the commit's tag, and gives its digest."""
    # The registry is the account's, and its repositories have the environments' names: so the role
    # that pushes images needs to see no state.
    login = aws("ecr", "get-authorization-token", "--region", backend(environment)["region"])["authorizationData"][0]
    registry = login["proxyEndpoint"].partition("://")[2]
    if local():
        # Nobody but AWS gives the registry's name an address; a region's is its endpoint.
        registry = os.environ["AWS_ENDPOINT_URL"].partition("://")[2].strip("/")
    if what == "promote":
        if tagged(source, commit()) is None:
            raise Refusal(f"{name(source)} has no image of {commit()}: deploy this commit to {source} first")
        source = f"docker://{registry}/{name(source)}:{commit()}"
    else:
        source = f"oci:{source}"
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false"] if local() else []
    with tempfile.TemporaryDirectory() as folder:
        # In a file, because a command line is seen by every user of the machine.
        authorization = pathlib.Path(folder) / "auth.json"
        authorization.touch(mode=0o600)
        authorization.write_text(json.dumps({"auths": {registry: {"auth": login["authorizationToken"]}}}))
        target = f"docker://{registry}/{name(environment)}:{commit()}"
        run("skopeo", "copy", "--preserve-digests", *plain, "--authfile", authorization, source, target)
    there = tagged(environment, commit())
    if there is None:
        raise Refusal(f"the image was pushed, and {name(environment)} does not know the tag {commit()}")
    return there


def tagged(environment, tag):
    """The digest under a tag; None where nothing has it."""
    try:
        images = aws(
            "ecr", "describe-images", "--region", backend(environment)["region"], "--repository-name", name(environment),
            "--image-ids", f"imageTag={tag}",
        )
    except Failed as failed:
        if "ImageNotFoundException" in failed.errors:
            return None
        if "RepositoryNotFoundException" in failed.errors:
            raise Refusal(f"there is no repository {name(environment)}: apply the stack registry of {environment} first") from failed
        raise
    return images["imageDetails"][0]["imageDigest"]


def scan(environment, digest):
    """Waits for the registry's scan, begun by the push, and refuses an image with grave findings."""
    begun = time.monotonic()
    while True:
        try:
            found = aws(
                "ecr", "describe-image-scan-findings", "--region", backend(environment)["region"],
                "--repository-name", name(environment), "--image-id", f"imageDigest={digest}",
            )
            status = found["imageScanStatus"]["status"]
        except Failed as failed:
            if "ScanNotFoundException" not in failed.errors:
                raise
            if local():
                print(f"{digest} was not scanned: a region on one's own machine scans nothing")
                return
            status = "PENDING"
        if status in FINISHED:
            break
        if status not in ("IN_PROGRESS", "PENDING") or time.monotonic() - begun > SCAN_LIMIT:
            raise Refusal(f"the scan of {digest} is {status}: look at it in ECR, then run this again")
        time.sleep(SCAN_PAUSE)
    counts = found["imageScanFindings"].get("findingSeverityCounts", {})
    grave = {severity: counts[severity] for severity in REFUSED if counts.get(severity)}
    if grave:
        raise Refusal(f"{digest} has findings of {json.dumps(grave)}: mend them, or build on a newer base")
