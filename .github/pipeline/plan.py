"""Plans a stack into a folder, and applies exactly what is in such a folder.

The folder goes from one job to another as an artifact, which anybody with write access to the
repository could replace. So its manifest is sealed: the plan job's output is the seal, and the
apply job is given it by GitHub, not by the artifact.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re

import image as images
import migrate
import stacks
from common import INFRA, Failed, Refusal, commit, run, state, tell

VERSION = 1
PLAN, MANIFEST, SUMMARY = "plan.tfplan", "manifest.json", "summary.md"
# What IMAGE says for the image that the service runs.
DEPLOYED = "deployed"
# How long an apply waits for another one's lock.
LOCK_TIMEOUT = "15m"
# Terraform's exit status of a plan that would change something.
CHANGES = 2
MARKS = {"create": "+", "update": "~", "delete": "-", "read": "<", "forget": "."}


def main_plan(environment, stack, folder):
    folder = pathlib.Path(folder).resolve()
    changes = planned(environment, stack, folder)
    tell("changes", json.dumps(changes))
    tell("seal", digest(folder / MANIFEST))


def main_drift(environment, stack, folder):
    if planned(environment, stack, pathlib.Path(folder).resolve()):
        raise Refusal(f"{stack} of {environment} is not what this commit says: deploy, or find out who changed it")


def planned(environment, stack, folder):
    """Plans into the folder; whether anything would change."""
    folder.mkdir(parents=True, exist_ok=True)
    refuse_unknown(stack)
    seen = states(environment, stack)
    missing = [name for name in sorted(stacks.reads(stack)) if seen[name] is None]
    if missing:
        raise Refusal(f"{stack} reads {', '.join(missing)}, never applied in {environment}: apply that first")
    image = wanted_image(environment) if takes_image(stack) else None
    values = ["-var", f"image={image}"] if image else []
    # A plan has no right to write, and a lock would be written.
    done = terraform(environment, stack, "plan", "-lock=false", "-detailed-exitcode", f"-out={folder / PLAN}", *values, expect=(0, CHANGES))
    shown = json.loads(terraform(environment, stack, "show", "-json", folder / PLAN).stdout)
    manifest = {
        "version": VERSION,
        "environment": environment,
        "stack": stack,
        "commit": commit(),
        "image": image,
        "plan": digest(folder / PLAN),
        "states": seen,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    told = summary(environment, stack, shown)
    (folder / SUMMARY).write_text(told)
    print(told)
    # The page of the run, which is what a person reads before approving.
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(page, "a", encoding="utf-8") as file:
            file.write(told + "\n")
    return done.returncode == CHANGES


def wanted_image(environment):
    """The digest in IMAGE, or that of the running service where IMAGE says `deployed`."""
    image = os.environ.get("IMAGE", "")
    if image == DEPLOYED:
        image = images.deployed(environment)
        if not image:
            raise Refusal(f"no digest is deployed in {environment} yet: the service is planned by its first deployment")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", image):
        raise Refusal(f"the service needs an image: set IMAGE to its digest (sha256:…), not '{image}'")
    return image


def main_apply(environment, stack, folder):
    folder = pathlib.Path(folder).resolve()
    refuse_unknown(stack)
    manifest = verify(environment, stack, folder, os.environ.get("SEAL", ""), commit(), states(environment, stack))
    if manifest["image"]:
        # Nothing is migrated for a plan that was refused, and only with the image that it deploys.
        migrate.main(environment, manifest["image"])
    # The state's lock is the last word: whoever comes second waits for it, and finds the plan stale then.
    timeout = os.environ.get("LOCK_TIMEOUT", LOCK_TIMEOUT)
    try:
        terraform(environment, stack, "apply", f"-lock-timeout={timeout}", folder / PLAN, shown=True)
    except Failed as failed:
        serving = "The version before goes on serving. " if manifest["image"] else ""
        raise Refusal(
            f"{failed}: {serving}Terraform says above why. What it did before that is in the state. If the plan was stale, "
            f"plan again; if the state is locked by a run that is dead, `infra/stack.sh {environment} {stack} force-unlock ID` "
            f"with the ID above; else mend the cause and deploy again"
        ) from failed


def verify(environment, stack, folder, seal, now, current):
    """That the folder holds the plan that was approved, and that nothing it was made from has moved."""
    again = "plan again, and have that approved"
    for name in (PLAN, MANIFEST):
        if not (folder / name).is_file():
            raise Refusal(f"{folder} has no {name}: the plan was not handed on; {again}")
    if not seal:
        raise Refusal("the plan comes without its seal: set SEAL to what `plan` said")
    if digest(folder / MANIFEST) != seal:
        raise Refusal(f"this is not the plan that was approved: its manifest was changed; {again}")
    manifest = json.loads((folder / MANIFEST).read_text())
    if manifest.get("version") != VERSION:
        raise Refusal(f"the plan was made by another version of the pipeline; {again}")
    if digest(folder / PLAN) != manifest["plan"]:
        raise Refusal(f"this is not the plan that was approved: its file was changed; {again}")
    for name, wanted in (("environment", environment), ("stack", stack), ("commit", now)):
        if manifest[name] != wanted:
            raise Refusal(f"the plan is for the {name} {manifest[name]}, not {wanted}; {again}")
    moved = sorted(name for name, seen in manifest["states"].items() if current.get(name) != seen)
    if moved:
        raise Refusal(f"the plan is stale: {', '.join(moved)} was applied since it was made; {again}")
    return manifest


def states(environment, stack):
    """Where the states stand that a plan is made from: its own, and those that it reads."""
    names = sorted({stack} | stacks.reads(stack))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(lambda name: standing(state(environment, name)), names), strict=True))


def standing(found):
    return None if found is None else {"lineage": found["lineage"], "serial": found["serial"]}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def takes_image(stack):
    return 'variable "image" {' in stacks.text(stack)


def refuse_unknown(stack):
    if stack in stacks.BY_HAND:
        raise Refusal(f"{stack} is applied by a person: see infra/README.md")
    if stack not in stacks.ordered():
        raise Refusal(f"there is no stack {stack}")


def terraform(environment, stack, *arguments, expect=(0,), shown=False):
    """Terraform in a stack. What differs where it is planned comes in TF_CLI_ARGS_…, as for anybody."""
    return run(INFRA / "stack.sh", environment, stack, *arguments, expect=expect, shown=shown, environment={"TF_IN_AUTOMATION": "1"})


def summary(environment, stack, shown):
    """What a plan would do, for a person: addresses and actions, never a value."""
    lines = []
    for change in shown.get("resource_changes", []):
        actions = change["change"]["actions"]
        if actions in (["no-op"], ["read"]):
            continue
        mark = "-/+" if sorted(actions) == ["create", "delete"] else MARKS[actions[0]]
        lines.append((mark, change["address"]))
    title = f"### {environment}: {stack}"
    if not lines:
        return f"{title}\n\nNo changes.\n"
    gone = [address for mark, address in lines if "-" in mark]
    warning = f"**{len(gone)} will be destroyed or replaced.** " if gone else ""
    body = "\n".join(f"{mark:>3} {address}" for mark, address in lines)
    return f"{title}\n\n{warning}{len(lines)} to change.\n\n```diff\n{body}\n```\n"
