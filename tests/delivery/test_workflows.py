"""The workflows, by outside judges, and by what is asked of them."""

import pathlib
import re
import subprocess

import pytest
import yaml

import stacks

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))


def load(path):
    flow = yaml.safe_load(path.read_text())
    # YAML 1.1 takes the key `on` for a truth.
    flow["on"] = flow.pop(True)
    return flow


FLOWS = {path.stem: load(path) for path in FILES}
JOBS = [(name, job, flow["jobs"][job]) for name, flow in FLOWS.items() for job in flow["jobs"]]
EACH_JOB = pytest.mark.parametrize(("name", "job", "does"), JOBS, ids=[f"{name}-{job}" for name, job, _ in JOBS])


def judged(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint():
    judged("actionlint", "-no-color", "-shellcheck=", "-pyflakes=", *(str(path) for path in FILES))


def test_zizmor():
    """What it is told to overlook says why in .github/zizmor.yml."""
    judged("zizmor", "--offline", "--no-progress", ".github/workflows")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path):
    for used in re.findall(r"^\s*(?:- )?uses: (.+)$", path.read_text(), re.MULTILINE):
        assert re.fullmatch(r"\./\.github/workflows/\w+\.yml|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used


def test_an_action_has_one_version():
    found = {}
    for path in FILES:
        for action, version in re.findall(r"uses: ([\w-]+/[\w-]+)@(.+)$", path.read_text(), re.MULTILINE):
            assert found.setdefault(action, version) == version, (path, action)


@EACH_JOB
def test_a_job_ends(name, job, does):
    if "uses" not in does:
        assert 0 < does["timeout-minutes"] <= 120


# What a job may do on GitHub beyond reading the code, and why it has to.
RIGHTS = {
    "id-token: write": "configure-aws-credentials",
    "attestations: write": "attest-build-provenance",
    "pull-requests: write": "pipeline comment",
    "actions: read": "pipeline since",
}


@EACH_JOB
def test_least_permissions(name, job, does):
    assert FLOWS[name]["permissions"] == {}
    rights = {f"{what}: {how}" for what, how in does["permissions"].items()} - {"contents: read"}
    steps = yaml.safe_dump(does.get("steps", []), width=10_000)
    if "uses" in does:
        called = FLOWS[pathlib.Path(does["uses"]).stem]
        needed = {f"{what}: {how}" for inner in called["jobs"].values() for what, how in inner["permissions"].items()} - {"contents: read"}
    else:
        needed = {right for right, used in RIGHTS.items() if used in steps}
    assert rights == needed


@EACH_JOB
def test_what_a_caller_says_is_never_part_of_a_script(name, job, does):
    for step in does.get("steps", []):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    assert "secrets" not in does


def test_what_workflows_do_is_in_files():
    """A step runs one command; what decides is where tests reach it."""
    for name, job, does in JOBS:
        for step in does.get("steps", []):
            assert len(step.get("run", "").strip().splitlines()) <= 1, (name, job)


@pytest.mark.parametrize(
    ("name", "triggers", "calls"),
    [
        ("feature", {"push": {"branches-ignore": ["main"]}, "workflow_dispatch": None}, {"check", "plan"}),
        ("dev", {"workflow_dispatch": None}, {"deploy"}),
        ("stage", {"push": {"branches": ["main"]}, "workflow_dispatch": None}, {"deploy"}),
        ("prod", {"push": {"tags": ["v*"]}, "workflow_dispatch": None}, {"deploy"}),
    ],
)
def test_triggers(name, triggers, calls):
    flow = FLOWS[name]
    assert flow["on"] == triggers
    assert {pathlib.Path(job["uses"]).stem for job in flow["jobs"].values()} == calls
    environments = {job["with"]["environment"] for job in flow["jobs"].values() if "with" in job}
    assert environments == {"dev" if name == "feature" else name}


def test_nothing_else_starts_by_itself():
    begins = {name for name, flow in FLOWS.items() if set(flow["on"]) - {"workflow_call", "workflow_dispatch"}}
    assert begins == {"feature", "stage", "prod", "drift"}
    for name, flow in FLOWS.items():
        assert not set(flow["on"]) & {"pull_request_target", "workflow_run", "issue_comment"}, name


def test_prod_gets_what_stage_has():
    assert FLOWS["prod"]["jobs"]["deploy"]["with"]["promotes-from"] == "stage"
    assert "promotes-from" not in FLOWS["stage"]["jobs"]["deploy"]["with"]


def test_deploy_is_test_build_plan_deploy():
    jobs = FLOWS["deploy"]["jobs"]
    assert {pathlib.Path(job["uses"]).stem for job in jobs.values() if "uses" in job} == {"check", "image", "stack"}
    for name, job in jobs.items():
        if pathlib.Path(job.get("uses", "")).stem == "stack":
            assert job["with"]["stack"] == name
    for reusable in ("check", "deploy", "image", "plan", "stack"):
        assert "workflow_call" in FLOWS[reusable]["on"]


def before(jobs, name):
    """All jobs that are over when a job begins."""
    needs = jobs[name].get("needs", [])
    needs = [needs] if isinstance(needs, str) else needs
    return set(needs).union(*(before(jobs, one) for one in needs))


def test_stacks_are_deployed_after_those_that_they_read():
    jobs = FLOWS["deploy"]["jobs"]
    for stack in stacks.ordered():
        if stack not in stacks.BY_HAND:
            assert stacks.reads(stack) - stacks.BY_HAND <= before(jobs, stack), stack
            assert "check" in before(jobs, stack)
    assert "image" in before(jobs, "service")
    assert set(FLOWS["drift"]["jobs"]["stack"]["strategy"]["matrix"]["stack"]) >= set(stacks.ordered()) - stacks.BY_HAND


def test_an_apply_waits_for_a_person_and_for_the_one_before():
    jobs = FLOWS["stack"]["jobs"]
    assert "environment" not in jobs["plan"]
    apply = jobs["apply"]
    assert apply["needs"] == "plan"
    assert apply["if"] == "needs.plan.outputs.changes == 'true'"
    assert apply["environment"] == "${{ inputs.environment }}"
    assert apply["concurrency"] == {"group": "apply-${{ inputs.environment }}-${{ inputs.stack }}", "cancel-in-progress": False}
    assert apply["steps"][-1]["env"]["SEAL"] == "${{ needs.plan.outputs.seal }}"
    assert apply["steps"][-1]["run"].startswith("exec .github/pipeline/pipeline apply ")


@EACH_JOB
def test_only_jobs_that_wait_for_a_person_take_roles_that_change(name, job, does):
    roles = [step["with"]["role-to-assume"] for step in does.get("steps", []) if "role-to-assume" in step.get("with", {})]
    for role in roles:
        assert role.endswith(("-plan", "-apply", "-image"))
        assert role.endswith("-plan") == ("environment" not in does)
