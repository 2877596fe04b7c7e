"""What every step needs: where things are, how programs are run, how a refusal is said."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INFRA = ROOT / "infra"


class Refusal(Exception):
    """Something that must not go on; says what to do."""


class Failed(Refusal):
    """A program that ended otherwise than it should; `errors` is what it said of that."""

    def __init__(self, command, done):
        # What it printed is left out: a plan's holds values.
        self.errors = done.stderr or ""
        said = f"\n{self.errors.strip()}" if self.errors.strip() else ""
        super().__init__(f"`{' '.join(str(part) for part in command[:4])} …` ended with {done.returncode}{said}")


def run(*command, environment=None, expect=(0,), shown=False):
    """Runs a program and gives what it printed, or shows that as it comes."""
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=None if shown else subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
            # An interrupt reaches it once, from here: Terraform gives its lock back on the first and leaves it on the second.
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise Refusal(f"{error.filename} is missing: install it and put it on the PATH") from error
    done = subprocess.CompletedProcess(command, *ended(process))
    if done.returncode not in expect:
        raise Failed(command, done)
    return done


def ended(process):
    """Waits for a program, also for one that is told to end; gives its status, output and errors."""
    interrupted = False
    while True:
        try:
            output, errors = process.communicate()
            break
        except KeyboardInterrupt:
            interrupted = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
    if interrupted:
        raise Refusal("interrupted, and what it ran has ended; do it again")
    return process.returncode, output, errors


def aws(*arguments):
    """What an AWS CLI call answers."""
    answer = run("aws", *arguments, "--output", "json").stdout
    return json.loads(answer) if answer.strip() else None


def local():
    """Whether this is a region on one's own machine: plain HTTP, and nobody scans its images."""
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")


def backend(environment):
    """Bucket and region of an environment's states."""
    return values(environment, "backend.hcl")


def name(environment):
    """What the environment's stacks name their things by."""
    common = values(environment, "common.tfvars")
    return f"{common['project']}-{common['environment']}"


def values(environment, file):
    """The plain strings in one of an environment's files."""
    path = INFRA / "environments" / environment / file
    if not path.exists():
        raise Refusal(f"there is no environment {environment}: {path.relative_to(ROOT)} is missing")
    return dict(re.findall(r'^(\w+)\s*=\s*"(.*)"', path.read_text(), re.MULTILINE))


def state(environment, stack):
    """A stack's state as it is now, or None where it was never applied."""
    where = backend(environment)
    key = f"{stack}/terraform.tfstate"
    try:
        # A role may list under the stack's own prefix only. What is not there would else be
        # refused, not missing, and a plan could not tell a first deployment from a lack of rights.
        listed = aws("s3api", "list-objects-v2", "--region", where["region"], "--bucket", where["bucket"], "--prefix", key)
        if not any(one["Key"] == key for one in (listed or {}).get("Contents", [])):
            return None
        return json.loads(run("aws", "s3", "cp", "--quiet", "--region", where["region"], f"s3://{where['bucket']}/{key}", "-").stdout)
    except Failed as failed:
        raise Refusal(f"the state of {stack} in {environment} cannot be read: {failed.errors.strip() or failed}") from failed


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
