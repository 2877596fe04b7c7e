"""Which stacks there are, who reads whom, and which of them a change can affect."""

import json
import re

from common import INFRA, ROOT, Refusal, run, tell

# A person applies it: a pipeline that could would decide its own rights.
BY_HAND = {"bootstrap"}
# What is built into the image, which only the service's stack takes.
IMAGE = ("app/", "Cargo.lock", "Cargo.toml")
# What decides how every stack is planned and applied.
EVERYTHING = (".github/", "infra/stack.sh")


def text(stack):
    return "".join(path.read_text() for path in sorted((INFRA / "stacks" / stack).glob("*.tf")))


def reads(stack):
    """The stacks whose states a stack reads."""
    return set(re.findall(r'^\s*key\s*=\s*"(.+)/terraform\.tfstate"', text(stack), re.MULTILINE)) - {stack}


def ordered():
    """Every stack, each after those that it reads."""
    left = {folder.name: reads(folder.name) for folder in sorted((INFRA / "stacks").iterdir()) if folder.is_dir()}
    found = []
    while left:
        ready = [stack for stack, others in left.items() if others <= set(found)]
        if not ready:
            raise Refusal(f"the stacks {', '.join(left)} read each other")
        found += ready[:1]
        del left[ready[0]]
    return found


def affected(paths, environments):
    """The pipeline's stacks that a change of these paths can affect, in order.

    A stack is affected by its own files, by the modules that it uses, and by its values in one of
    the environments.
    """
    found = []
    for stack in ordered():
        used = {f"infra/modules/{name}/" for name in re.findall(r'source\s*=\s*"../../modules/(\w+)"', text(stack))}
        begins = (f"infra/stacks/{stack}/", *used, *EVERYTHING)
        values = {f"infra/environments/{one}/{name}" for one in environments for name in ("common.tfvars", "backend.hcl", f"{stack}.tfvars")}
        if "image" in re.findall(r'variable "(\w+)"', text(stack)):
            begins += IMAGE
        if stack not in BY_HAND and any(path.startswith(begins) or path in values for path in paths):
            found.append(stack)
    return found


def main(base, *environments):
    environments = environments or tuple(folder.name for folder in sorted((INFRA / "environments").iterdir()))
    if set(base) <= {"0"} or run("git", "-C", ROOT, "cat-file", "-e", f"{base}^{{commit}}", expect=(0, 1, 128)).returncode:
        # A first push has nothing before it, and what was before a forced one may be gone.
        paths = run("git", "-C", ROOT, "ls-files").stdout.splitlines()
    else:
        paths = run("git", "-C", ROOT, "diff", "--name-only", f"{base}...HEAD").stdout.splitlines()
    tell("stacks", json.dumps(affected(paths, environments)))
