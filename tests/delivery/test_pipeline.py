"""What the pipeline decides: what a change affects, in which order, what is told, what is refused."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

import comment
import image
import migrate
import plan
import since
import stacks
from common import Failed, Refusal

EVERY = ["dev", "stage", "prod"]


# Stacks


def test_each_stack_comes_after_those_that_it_reads():
    order = stacks.ordered()
    assert order[0] == "bootstrap"
    for place, stack in enumerate(order):
        assert stacks.reads(stack) <= set(order[:place]), stack
    assert stacks.reads("service") >= {"bootstrap", "network", "registry", "database"}


def mine():
    return [stack for stack in stacks.ordered() if stack not in stacks.BY_HAND]


@pytest.mark.parametrize(
    ("paths", "environments", "affected"),
    [
        ([], EVERY, []),
        (["README.md", "docs/architecture.md", "crates/region/src/lib.rs"], EVERY, []),
        (["infra/stacks/network/main.tf"], EVERY, ["network"]),
        (["infra/stacks/network/tests/inputs.tftest.hcl"], EVERY, ["network"]),
        (["infra/stacks/networking/main.tf"], EVERY, []),
        (["infra/modules/balancer/main.tf"], EVERY, ["service"]),
        (["infra/modules/network/main.tf"], EVERY, ["network"]),
        (["infra/modules/network/main.tf", "infra/modules/registry/main.tf"], EVERY, ["network", "registry"]),
        (["infra/environments/dev/database.tfvars"], ["dev"], ["database"]),
        (["infra/environments/prod/database.tfvars"], ["dev"], []),
        (["infra/environments/prod/database.tfvars"], EVERY, ["database"]),
        (["app/links/src/main.rs"], EVERY, ["service"]),
        (["Cargo.lock"], EVERY, ["service"]),
        # A person applies bootstrap, whatever of it changes.
        (["infra/stacks/bootstrap/main.tf", "infra/modules/delivery/main.tf"], EVERY, []),
        (["infra/environments/dev/bootstrap.tfvars"], ["dev"], []),
    ],
)
def test_affected(paths, environments, affected):
    # The order of stacks that do not read each other is nobody's business.
    assert sorted(stacks.affected(paths, environments)) == affected


@pytest.mark.parametrize("path", [".github/pipeline/plan.py", "infra/stack.sh", "infra/environments/dev/common.tfvars"])
def test_what_affects_every_stack(path):
    assert stacks.affected([path], ["dev"]) == mine()


def test_stacks_that_read_each_other_are_refused(tmp_path, monkeypatch):
    for one, other in (("a", "b"), ("b", "a")):
        folder = tmp_path / "stacks" / one
        folder.mkdir(parents=True)
        (folder / "main.tf").write_text(f'    key    = "{other}/terraform.tfstate"\n')
    monkeypatch.setattr(stacks, "INFRA", tmp_path)
    with pytest.raises(Refusal, match="the stacks a, b read each other"):
        stacks.ordered()


def test_a_commit_that_is_gone_affects_everything(capsys):
    for base in ("0" * 40, "0", "", "f" * 40):
        stacks.main(base, "dev")
        assert capsys.readouterr().out == f"stacks={json.dumps(mine())}\n"


# Summaries


def change(address, *actions):
    secret = {"password": "hunter2"}
    return {"address": address, "change": {"actions": list(actions), "before": secret, "after": secret}}


def test_a_summary_has_addresses_and_no_values():
    shown = {
        "resource_changes": [
            change("a.made", "create"), change("a.changed", "update"), change("a.gone", "delete"),
            change("a.replaced", "delete", "create"), change("a.replaced_first", "create", "delete"),
            change("a.same", "no-op"), change("data.a.read", "read"), change("a.let_go", "forget"),
        ],
        "planned_values": {"password": "hunter2"},
    }
    text = plan.summary("dev", "service", shown)
    assert text == (
        "### dev: service\n\n**3 will be destroyed or replaced.** 6 to change.\n\n```diff\n"
        "  + a.made\n  ~ a.changed\n  - a.gone\n-/+ a.replaced\n-/+ a.replaced_first\n  . a.let_go\n```\n"
    )
    assert "hunter2" not in text


def test_the_comment_is_one_and_not_too_long(tmp_path):
    assert comment.body(tmp_path) == "<!-- plan -->\nNo stack is affected."
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.md").write_text(f"### {name}\n")
    assert comment.body(tmp_path) == "<!-- plan -->\n### a\n\n### b\n"
    (tmp_path / "a/summary.md").write_text("x" * 100_000)
    text = comment.body(tmp_path)
    assert len(text) < 65_536
    assert text.endswith("The rest is on the run's page.")


class Gh:
    """GitHub's command line, which answers from a list of what each call begins with."""

    def __init__(self, **answers):
        self.answers, self.calls = answers, []

    def __call__(self, *command):
        self.calls.append(command)
        self.stdout = self.answers[command[1]] if command[1] != "api" or "--paginate" in command else ""
        return self


@pytest.mark.parametrize(
    ("comments", "changed"),
    [
        ("", ["gh", "api", "repos/{owner}/{repo}/issues/7/comments"]),
        ('{"id": 1, "body": "hello"}\n', ["gh", "api", "repos/{owner}/{repo}/issues/7/comments"]),
        (
            '{"id": 1, "body": "hello"}\n{"id": 2, "body": "<!-- plan -->\\nold"}\n',
            ["gh", "api", "--method", "PATCH", "repos/{owner}/{repo}/issues/comments/2"],
        ),
    ],
)
def test_a_comment_is_made_once_and_then_updated(comments, changed, tmp_path, monkeypatch):
    gh = Gh(pr='[{"number": 7}]', api=comments)
    monkeypatch.setattr(comment, "run", gh)
    comment.main("branch", tmp_path)
    assert list(gh.calls[-1]) == [*changed, "-f", "body=<!-- plan -->\nNo stack is affected."]


def test_a_branch_without_a_pull_request_is_not_commented(tmp_path, monkeypatch):
    gh = Gh(pr="[]")
    monkeypatch.setattr(comment, "run", gh)
    comment.main("branch", tmp_path)
    assert len(gh.calls) == 1


@pytest.mark.parametrize(("runs", "told"), [("[]", "0"), ('[{"headSha": "c0ffee"}]', "c0ffee")])
def test_changes_count_since_the_last_success(runs, told, monkeypatch, capsys):
    monkeypatch.setattr(since, "run", Gh(run=runs))
    since.main("stage.yml", "main")
    assert capsys.readouterr().out == f"since={told}\n"


# Plans

STATES = {"bootstrap": {"lineage": "b", "serial": 3}, "network": {"lineage": "n", "serial": 7}}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plan.tfplan").write_bytes(b"the plan")
    manifest = {
        "version": plan.VERSION, "environment": "stage", "stack": "network", "commit": "c0ffee", "image": None,
        "plan": plan.digest(tmp_path / "plan.tfplan"), "states": STATES,
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def verify(folder, environment="stage", stack="network", seal=None, commit="c0ffee", current=None):
    sealed = plan.digest(folder / "manifest.json") if seal is None else seal
    return plan.verify(environment, stack, folder, sealed, commit, STATES if current is None else current)


def test_the_approved_plan_is_taken(folder):
    assert verify(folder)["plan"] == plan.digest(folder / "plan.tfplan")
    # A state that the plan was not made from may move.
    verify(folder, current={**STATES, "service": {"lineage": "s", "serial": 1}})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"environment": "prod"}, "the plan is for the environment stage, not prod; plan again"),
        ({"stack": "database"}, "the plan is for the stack network, not database; plan again"),
        ({"commit": "beef"}, "the plan is for the commit c0ffee, not beef; plan again"),
        ({"seal": ""}, "the plan comes without its seal"),
        ({"seal": "0" * 64}, "not the plan that was approved: its manifest was changed; plan again"),
        ({"current": {**STATES, "network": {"lineage": "n", "serial": 8}}}, "the plan is stale: network was applied"),
        ({"current": {**STATES, "network": {"lineage": "other", "serial": 7}}}, "the plan is stale: network was applied"),
        ({"current": {**STATES, "bootstrap": {"lineage": "b", "serial": 4}}}, "the plan is stale: bootstrap was applied"),
        ({"current": {}}, "the plan is stale: bootstrap, network was applied"),
    ],
)
def test_refused(folder, arguments, sentence):
    with pytest.raises(Refusal, match=sentence):
        verify(folder, **arguments)


def test_a_changed_file_is_refused(folder):
    (folder / "plan.tfplan").write_bytes(b"another plan")
    with pytest.raises(Refusal, match="not the plan that was approved: its file was changed; plan again"):
        verify(folder)


def test_a_changed_manifest_is_refused(folder):
    seal = plan.digest(folder / "manifest.json")
    (folder / "plan.tfplan").write_bytes(b"another plan")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "plan": plan.digest(folder / "plan.tfplan")}))
    with pytest.raises(Refusal, match="its manifest was changed"):
        verify(folder, seal=seal)


def test_another_versions_manifest_is_refused(folder):
    (folder / "manifest.json").write_text('{"version": 0}')
    with pytest.raises(Refusal, match="made by another version of the pipeline"):
        verify(folder)


@pytest.mark.parametrize("name", ["plan.tfplan", "manifest.json"])
def test_a_folder_without_its_plan_is_refused(folder, name):
    seal = plan.digest(folder / "manifest.json")
    (folder / name).unlink()
    with pytest.raises(Refusal, match=f"has no {name}: the plan was not handed on"):
        verify(folder, seal=seal)


def test_nothing_is_migrated_for_a_plan_that_is_refused(folder, monkeypatch):
    monkeypatch.setattr(plan, "commit", lambda: "beef")
    monkeypatch.setattr(plan, "states", lambda *_: STATES)
    monkeypatch.setattr(plan, "refuse_unknown", lambda _: None)
    monkeypatch.setattr(migrate, "main", lambda *_: pytest.fail("migrated"))
    monkeypatch.setattr(plan, "terraform", lambda *_, **__: pytest.fail("applied"))
    monkeypatch.setenv("SEAL", plan.digest(folder / "manifest.json"))
    with pytest.raises(Refusal, match="the plan is for the commit"):
        plan.main_apply("stage", "network", folder)


@pytest.mark.parametrize("given", ["", "latest", "sha256:short"])
def test_an_image_is_a_digest(given, monkeypatch):
    monkeypatch.setenv("IMAGE", given)
    with pytest.raises(Refusal, match="set IMAGE to its digest"):
        plan.wanted_image("dev")


def test_the_deployed_image(monkeypatch):
    monkeypatch.setenv("IMAGE", "deployed")
    monkeypatch.setattr(image, "deployed", lambda _: "")
    with pytest.raises(Refusal, match="no digest is deployed in dev yet"):
        plan.wanted_image("dev")
    monkeypatch.setattr(image, "deployed", lambda _: "sha256:" + "a" * 64)
    assert plan.wanted_image("dev") == "sha256:" + "a" * 64


# A run that is cancelled


RUNS = """
import signal, sys
sys.path.insert(0, sys.argv[1])
from common import Refusal, run
signal.signal(signal.SIGTERM, signal.default_int_handler)
try:
    run("python3", "-c", sys.argv[2], *sys.argv[3:], shown=True)
except Refusal as refusal:
    sys.exit(str(refusal))
"""
# As Terraform does: on the first interrupt it ends in good order, on the second at once.
HOLDS = """
import pathlib, signal, sys, time
held, over = map(pathlib.Path, sys.argv[1:])
try:
    held.touch()
    signal.pause()
except KeyboardInterrupt:
    time.sleep(0.5)
    held.unlink()
    over.touch()
"""


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_what_runs_ends_in_good_order_when_the_job_is_cancelled(told, tmp_path):
    held, over = tmp_path / "held", tmp_path / "over"
    modules = pathlib.Path(plan.__file__).parent
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNS, modules, HOLDS, held, over], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with runner:
        begun = time.monotonic()
        while not held.exists():
            assert time.monotonic() - begun < 20, "it does not begin"
            time.sleep(0.01)
        # To all that share its terminal, as Ctrl-C is.
        os.killpg(runner.pid, told)
        said = runner.communicate(timeout=20)[1]
    assert runner.returncode == 1
    assert "interrupted, and what it ran has ended" in said
    assert over.exists()
    assert not held.exists()


# Images and migrations, by an AWS CLI that answers from a list


class Done:
    returncode, stderr = 254, ""

    def __init__(self, stderr):
        self.stderr = stderr


class Cli:
    """Answers by operation; a string is an error of that name."""

    def __init__(self, **answers):
        self.answers, self.calls = answers, []

    def __call__(self, service, operation, *arguments):
        self.calls.append((operation, arguments))
        answer = self.answers[operation.replace("-", "_")]
        if isinstance(answer, str):
            raise Failed(("aws", service, operation), Done(f"An error occurred ({answer})"))
        return answer


def findings(status, **counts):
    return {"imageScanStatus": {"status": status}, "imageScanFindings": {"findingSeverityCounts": counts}}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (findings("COMPLETE", LOW=9, MEDIUM=2), None),
        (findings("ACTIVE"), None),
        (findings("COMPLETE", HIGH=1), 'has findings of {"HIGH": 1}'),
        (findings("COMPLETE", CRITICAL=2, LOW=1), 'has findings of {"CRITICAL": 2}'),
        (findings("FAILED"), "the scan of sha256:x is FAILED"),
        # What may not be read was not found clean.
        ("AccessDeniedException", "AccessDeniedException"),
        ("ScanNotFoundException", "the scan of sha256:x is PENDING"),
    ],
)
def test_scans(answer, sentence, monkeypatch):
    monkeypatch.setattr(image, "aws", Cli(describe_image_scan_findings=answer))
    monkeypatch.setattr(image, "SCAN_LIMIT", -1)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    if sentence is None:
        image.scan("dev", "sha256:x")
    else:
        with pytest.raises(Refusal) as refused:
            image.scan("dev", "sha256:x")
        assert sentence in str(refused.value)


@pytest.fixture
def service(monkeypatch):
    """A service that runs, and what its migration's task comes to."""
    container = {"name": "links", "image": "old", "command": ["serve"], "healthCheck": {}, "environment": []}
    task = {"taskArn": "task", "lastStatus": "STOPPED", "containers": [{"exitCode": 0}]}
    cli = Cli(
        describe_services={"services": [{"taskDefinition": "links:1", "networkConfiguration": {"awsvpcConfiguration": {}}}]},
        describe_task_definition={"taskDefinition": {"family": "links", "revision": 1, "status": "ACTIVE", "containerDefinitions": [container]}},
        register_task_definition={"taskDefinition": {"taskDefinitionArn": "links:2"}},
        run_task={"failures": [], "tasks": [task]},
        describe_tasks={"tasks": [task]},
        deregister_task_definition={},
    )
    registered = []

    def aws(service, operation, *arguments):
        if operation == "register-task-definition":
            path = arguments[arguments.index("--cli-input-json") + 1].removeprefix("file://")
            with open(path, encoding="utf-8") as file:
                registered.append(json.load(file))
        return cli(service, operation, *arguments)

    cli.registered, cli.task = registered, task
    monkeypatch.setattr(migrate, "aws", aws)
    monkeypatch.setattr(migrate, "state", lambda *_: {})
    monkeypatch.setattr(migrate, "output", lambda _, stack, name: f"{stack}.{name}")
    return cli


def test_a_migration_runs_the_new_image_with_the_services_own_definition(service):
    migrate.main("dev", "sha256:new")
    (definition,) = service.registered
    assert set(definition) == {"family", "containerDefinitions"}
    (container,) = definition["containerDefinitions"]
    assert container == {
        "name": "links", "image": "registry.repository_url@sha256:new", "command": ["migrate"], "environment": [],
    }
    assert service.calls[-1][0] == "deregister-task-definition"


def test_a_failed_migration_is_told(service):
    service.task["containers"][0]["exitCode"] = 3
    with pytest.raises(Refusal, match="it ended with 3; the version before goes on serving. The log group service.log_group_name"):
        migrate.main("dev", "sha256:new")
    assert service.calls[-1][0] == "deregister-task-definition"


def test_a_migration_that_cannot_start_is_told(service):
    service.answers["run_task"] = {"failures": [{"reason": "RESOURCE:CPU"}], "tasks": []}
    with pytest.raises(Refusal, match="could not be started: RESOURCE:CPU"):
        migrate.main("dev", "sha256:new")
    assert service.calls[-1][0] == "deregister-task-definition"


def test_a_migration_that_never_ends_is_stopped(service, monkeypatch):
    monkeypatch.setattr(migrate, "LIMIT", -1)
    service.task["lastStatus"] = "RUNNING"
    service.answers["stop_task"] = {}
    with pytest.raises(Refusal, match="did not end in -1 s and was stopped"):
        migrate.main("dev", "sha256:new")
    assert "stop-task" in [operation for operation, _ in service.calls]


def test_a_first_deployment_migrates_nothing(service, monkeypatch):
    monkeypatch.setattr(migrate, "state", lambda *_: None)
    migrate.main("dev", "sha256:new")
    assert service.calls == []
