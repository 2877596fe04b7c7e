"""What every step needs: where things are, how programs are run, how a refusal is said."""

import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INFRA = ROOT / "infra"


class Refusal(Exception):
    """Something that must not go on; says what to do."""


def run(*command, environment=None, expect=(0,)):
    """Runs a program and gives what it printed; its own errors are shown as they come."""
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}, check=False
    )
    if done.returncode not in expect:
        raise Refusal(f"`{' '.join(str(part) for part in command[:4])} …` ended with {done.returncode}\n{done.stdout}".rstrip())
    return done


def aws(*arguments):
    """What an AWS CLI call answers."""
    answer = run("aws", *arguments, "--output", "json").stdout
    return json.loads(answer) if answer.strip() else None


def backend(environment):
    """Bucket and region of an environment's states."""
    path = INFRA / "environments" / environment / "backend.hcl"
    if not path.exists():
        raise Refusal(f"there is no environment {environment}: {path.relative_to(ROOT)} is missing")
    return dict(re.findall(r'^(\w+)\s*=\s*"(.*)"', path.read_text(), re.MULTILINE))


def state(environment, stack):
    """A stack's state as it is now, or None where it was never applied."""
    where = backend(environment)
    done = subprocess.run(
        ["aws", "s3", "cp", "--quiet", "--region", where["region"], f"s3://{where['bucket']}/{stack}/terraform.tfstate", "-"],
        capture_output=True, text=True, check=False,
    )
    if done.returncode == 0:
        return json.loads(done.stdout)
    if "404" in done.stderr or "NoSuchKey" in done.stderr or "Not Found" in done.stderr:
        return None
    raise Refusal(f"the state of {stack} cannot be read: {done.stderr.strip()}")


def output(environment, stack, name):
    """A stack's output; a refusal names the stack that is to be applied first."""
    found = state(environment, stack)
    if found is None or name not in found["outputs"]:
        raise Refusal(f"the stack {stack} of {environment} has no output {name}: apply {stack} first")
    return found["outputs"][name]["value"]


def commit():
    """The commit that is checked out."""
    return run("git", "-C", ROOT, "rev-parse", "HEAD").stdout.strip()


def tell(name, value):
    """An output of the workflow's step; printed on a desk."""
    line = f"{name}={value}"
    print(line)
    if path := os.environ.get("GITHUB_OUTPUT"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
