"""Runs the service's migration with a new image before that takes traffic."""

import json
import pathlib
import tempfile
import time

from common import Refusal, aws, backend, output, state

COMMAND = ["migrate"]
LIMIT = 900
PAUSE = 3
# What DescribeTaskDefinition tells and RegisterTaskDefinition does not take.
TOLD = ("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy", "deregisteredAt")


def main(environment, image):
    if state(environment, "service") is None:
        print("there is no service yet: its first tasks migrate for themselves")
        return
    region = ("--region", backend(environment)["region"])
    cluster = output(environment, "service", "cluster_name")
    name = output(environment, "service", "service_name")
    service = aws("ecs", "describe-services", *region, "--cluster", cluster, "--services", name)["services"][0]
    revision = register(region, service["taskDefinition"], f"{output(environment, 'registry', 'repository_url')}@{image}")
    try:
        task = run_to_its_end(region, cluster, service, revision)
    finally:
        aws("ecs", "deregister-task-definition", *region, "--task-definition", revision)
    code = task["containers"][0].get("exitCode")
    if code != 0:
        why = task.get("stoppedReason", "") if code is None else f"it ended with {code}"
        group = output(environment, "service", "log_group_name")
        raise Refusal(f"the migration failed: {why}; the version before goes on serving. The log group {group} says more")
    print(f"migrated with {image}")


def register(region, current, image):
    """The running revision with another image, whose only task is to migrate."""
    definition = aws("ecs", "describe-task-definition", *region, "--task-definition", current)["taskDefinition"]
    definition = {name: value for name, value in definition.items() if name not in TOLD}
    definition["containerDefinitions"][0].update(image=image, command=COMMAND)
    definition["containerDefinitions"][0].pop("healthCheck", None)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "definition.json"
        path.write_text(json.dumps(definition))
        made = aws("ecs", "register-task-definition", *region, "--cli-input-json", path.as_uri())
    return made["taskDefinition"]["taskDefinitionArn"]


def run_to_its_end(region, cluster, service, revision):
    """Where the service's tasks run, with what they may reach."""
    started = aws(
        "ecs", "run-task", *region, "--cluster", cluster, "--task-definition", revision, "--launch-type", "FARGATE",
        "--started-by", "migration", "--network-configuration", json.dumps(service["networkConfiguration"]),
    )
    if started["failures"]:
        raise Refusal(f"the migration could not be started: {started['failures'][0].get('reason')}")
    arn = started["tasks"][0]["taskArn"]
    begun = time.monotonic()
    while True:
        task = aws("ecs", "describe-tasks", *region, "--cluster", cluster, "--tasks", arn)["tasks"][0]
        if task["lastStatus"] == "STOPPED":
            return task
        if time.monotonic() - begun > LIMIT:
            aws("ecs", "stop-task", *region, "--cluster", cluster, "--task", arn, "--reason", "the migration took too long")
            raise Refusal(f"the migration did not end in {LIMIT} s and was stopped; the version before goes on serving")
        time.sleep(PAUSE)
