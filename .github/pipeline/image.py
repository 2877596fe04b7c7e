"""Images: built once, known by their digest from then on, copied from one environment to the next."""

import base64
import json
import os
import re
import time

from common import Refusal, aws, backend, commit, output, run, state, tell

# Findings that keep an image from being deployed.
REFUSED = ("CRITICAL", "HIGH")
SCAN_LIMIT = 300
SCAN_PAUSE = 5


def main(environment, what, source):
    if what == "build":
        found = push(environment, f"oci:{source}", [])
    elif what == "promote":
        found = push(environment, f"docker://{repository(source)}:{commit()}", ["--src-creds", login(source)])
    else:
        raise Refusal(f"an image can be built or promoted, not {what}")
    scan(environment, found)
    tell("digest", found)


def main_deployed(environment):
    """Nothing where there is no service yet, or one that runs a tag."""
    found = state(environment, "service")
    image = found["outputs"].get("image", {}).get("value", "") if found else ""
    print(image.partition("@")[2])


def repository(environment):
    return output(environment, "registry", "repository_url")


def login(environment):
    """The registry's name and password, good for twelve hours."""
    token = aws("ecr", "get-authorization-token", "--region", backend(environment)["region"])
    return base64.b64decode(token["authorizationData"][0]["authorizationToken"]).decode()


def push(environment, source, options):
    """Copies an image to the environment's repository, under the commit's tag. That it is there is fine."""
    target = f"docker://{repository(environment)}"
    creds = login(environment)
    there = tagged(environment, commit())
    if there is None:
        run("skopeo", "copy", "--preserve-digests", *transport(), *options, "--dest-creds", creds, source, f"{target}:{commit()}")
        there = tagged(environment, commit())
    if there is None or not re.fullmatch(r"sha256:[0-9a-f]{64}", there):
        raise Refusal(f"the image was pushed, and {target} does not know the tag {commit()}")
    return there


def transport():
    """Plain HTTP where the endpoint says so, as a region on this machine does."""
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return ["--src-tls-verify=false", "--dest-tls-verify=false"] if plain else []


def tagged(environment, tag):
    """The digest under a tag; None where nothing has it."""
    where = backend(environment)
    name = output(environment, "registry", "repository_name")
    images = aws("ecr", "describe-images", "--region", where["region"], "--repository-name", name)["imageDetails"]
    return next((image["imageDigest"] for image in images if tag in image.get("imageTags", [])), None)


def scan(environment, digest):
    """Waits for the registry's scan and refuses an image with grave findings. A registry that scans nothing says so."""
    where = backend(environment)
    name = output(environment, "registry", "repository_name")
    begun = time.monotonic()
    while True:
        try:
            found = aws("ecr", "describe-image-scan-findings", "--region", where["region"], "--repository-name", name, "--image-id", f"imageDigest={digest}")
        except Refusal:
            print(f"{digest} was not scanned: this registry has no findings for it")
            return
        status = found["imageScanStatus"]["status"]
        if status == "COMPLETE":
            break
        if status not in ("IN_PROGRESS", "PENDING") or time.monotonic() - begun > SCAN_LIMIT:
            raise Refusal(f"the scan of {digest} is {status}: look at it in ECR, then run this again")
        time.sleep(SCAN_PAUSE)
    counts = found["imageScanFindings"].get("findingSeverityCounts", {})
    grave = {severity: counts[severity] for severity in REFUSED if counts.get(severity)}
    if grave:
        raise Refusal(f"{digest} has findings of {json.dumps(grave)}: mend them, or build on a newer base")
