"""ECS: clusters, task definitions, services and tasks on Fargate. Nothing runs here: the region has no machine."""

import json

import pytest

from image import Registry
from tour import ACCOUNT, REGION, TAGS, Network, every, refused, tag_list, tags_of, wait_until


@pytest.fixture
def ecs(aws):
    return aws("ecs")


@pytest.fixture
def network(aws):
    return Network(aws("ec2"))


@pytest.fixture
def role(aws):
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    # A task whose image is not there would stop at once.
    aws("ecr").create_repository(repositoryName="app")
    Registry(aws).push("app", "1")
    return aws("iam").create_role(RoleName="execution", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]


def definition(role, **more):
    return {
        "family": "app",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": role,
        "containerDefinitions": [
            {
                "name": "app",
                "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app:1",
                "essential": True,
                "portMappings": [{"containerPort": 8080}],
                "environment": [{"name": "STAGE", "value": "tour"}],
            }
        ],
        **more,
    }


def placed(network, public=False):
    return {
        "awsvpcConfiguration": {
            "subnets": network.subnets,
            "securityGroups": [network.group],
            "assignPublicIp": "ENABLED" if public else "DISABLED",
        }
    }


def test_a_cluster_lives(ecs):
    made = ecs.create_cluster(
        clusterName="tour", settings=[{"name": "containerInsights", "value": "enabled"}], tags=tag_list("key", "value")
    )["cluster"]
    assert (made["status"], made["clusterArn"]) == ("ACTIVE", f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/tour")
    # Asking for what is there already gives it again.
    assert ecs.create_cluster(clusterName="tour")["cluster"]["clusterArn"] == made["clusterArn"]
    [seen] = ecs.describe_clusters(clusters=["tour"], include=["TAGS", "SETTINGS"])["clusters"]
    assert tags_of(seen["tags"], "key", "value") == TAGS
    assert seen["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    ecs.put_cluster_capacity_providers(
        cluster="tour",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    )
    ecs.update_cluster_settings(cluster="tour", settings=[{"name": "containerInsights", "value": "disabled"}])
    ecs.untag_resource(resourceArn=made["clusterArn"], tagKeys=["team"])
    assert tags_of(ecs.list_tags_for_resource(resourceArn=made["clusterArn"])["tags"], "key", "value") == {"stage": "tour"}
    assert every(ecs, "list_clusters", "clusterArns") == [made["clusterArn"]]
    got = ecs.describe_clusters(clusters=["absent"])
    assert (got["clusters"], got["failures"][0]["reason"]) == ([], "MISSING")
    assert ecs.delete_cluster(cluster="tour")["cluster"]["status"] == "INACTIVE"
    with refused("ClusterNotFoundException", "Cluster not found."):
        ecs.list_services(cluster="absent")


def test_a_task_definition_lives(ecs, role):
    made = ecs.register_task_definition(**definition(role), tags=tag_list("key", "value"))
    assert made["taskDefinition"]["taskDefinitionArn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/app:1"
    assert tags_of(made["tags"], "key", "value") == TAGS
    assert made["taskDefinition"]["containerDefinitions"][0]["portMappings"] == [
        {"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}
    ]
    second = ecs.register_task_definition(**definition(role))["taskDefinition"]
    assert second["revision"] == 2
    assert ecs.describe_task_definition(taskDefinition="app")["taskDefinition"]["revision"] == 2
    assert every(ecs, "list_task_definition_families", "families") == ["app"]
    assert [arn.rsplit(":")[-1] for arn in every(ecs, "list_task_definitions", "taskDefinitionArns", familyPrefix="app")] == ["1", "2"]
    assert ecs.deregister_task_definition(taskDefinition="app:1")["taskDefinition"]["status"] == "INACTIVE"
    assert every(ecs, "list_task_definitions", "taskDefinitionArns", status="INACTIVE")[0].endswith("app:1")
    got = ecs.delete_task_definitions(taskDefinitions=["app:1", "app:2"])
    assert [one["status"] for one in got["taskDefinitions"]] == ["DELETE_IN_PROGRESS"]
    assert len(got["failures"]) == 1
    with refused("ClientException", "Unable to describe task definition."):
        ecs.describe_task_definition(taskDefinition="absent")


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"cpu": "256", "memory": "4096"}, "ClientException", "No Fargate configuration exists for given values"),
        ({"cpu": "300", "memory": "512"}, "ClientException", "No Fargate configuration exists for given values"),
        ({"networkMode": "bridge"}, "ClientException", "Fargate only supports network mode"),
        ({"containerDefinitions": []}, "ClientException", "Container list cannot be empty."),
        ({"family": "no spaces"}, "ClientException", "Family"),
    ],
)
def test_task_definitions_that_fargate_cannot_run(ecs, role, change, code, message):
    with refused(code, message):
        ecs.register_task_definition(**{**definition(role), **change})


def test_a_service_lives(aws, ecs, network, role):
    ecs.create_cluster(clusterName="tour")
    ecs.register_task_definition(**definition(role))
    elb = aws("elbv2")
    group = elb.create_target_group(Name="app", Protocol="HTTP", Port=8080, TargetType="ip", VpcId=network.vpc)["TargetGroups"][0]["TargetGroupArn"]
    arguments = dict(
        cluster="tour",
        serviceName="app",
        taskDefinition="app",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=placed(network),
        loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
        healthCheckGracePeriodSeconds=30,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        propagateTags="SERVICE",
        tags=tag_list("key", "value"),
    )
    with refused("InvalidParameterException", "does not have an associated load balancer"):
        ecs.create_service(**arguments)
    balancer = elb.create_load_balancer(Name="web", Subnets=network.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}]
    )
    for change, code, message in [
        ({"cluster": "absent"}, "ClusterNotFoundException", "Cluster not found."),
        ({"taskDefinition": "absent"}, "ClientException", "TaskDefinition"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-00000000000000000"]}}}, "InvalidParameterException", "subnet"),
        ({"loadBalancers": [{"targetGroupArn": group, "containerName": "other", "containerPort": 8080}]}, "InvalidParameterException", "other"),
    ]:
        with refused(code, message):
            ecs.create_service(**{**arguments, **change})
    made = ecs.create_service(**arguments)["service"]
    assert (made["status"], made["desiredCount"], made["schedulingStrategy"]) == ("ACTIVE", 2, "REPLICA")
    assert made["serviceArn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/tour/app"
    [deployment] = made["deployments"]
    assert (deployment["status"], deployment["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    with refused("InvalidParameterException", "Creation of service was not idempotent."):
        ecs.create_service(**arguments)

    # The scheduler asks for two tasks; with no machine they stay on their way.
    tasks = wait_until(lambda: ecs.list_tasks(cluster="tour", serviceName="app")["taskArns"], "tasks of the service")
    assert len(tasks) == 2
    described = ecs.describe_tasks(cluster="tour", tasks=tasks, include=["TAGS"])["tasks"]
    assert {one["group"] for one in described} == {"service:app"}
    assert all(tags_of(one["tags"], "key", "value") == TAGS for one in described)
    [seen] = ecs.describe_services(cluster="tour", services=["app"], include=["TAGS"])["services"]
    assert (seen["runningCount"], seen["pendingCount"]) == (0, 2)
    assert any("has started 2 tasks" in event["message"] for event in seen["events"])

    with refused("ClusterContainsServicesException"):
        ecs.delete_cluster(cluster="tour")
    with refused("InvalidParameterException", "The service cannot be stopped while it is scaled above 0."):
        ecs.delete_service(cluster="tour", service="app")
    ecs.update_service(cluster="tour", service="app", desiredCount=0)
    assert every(ecs, "list_services", "serviceArns", cluster="tour") == [made["serviceArn"]]
    assert ecs.delete_service(cluster="tour", service="app", force=True)["service"]["status"] == "DRAINING"
    with refused("ServiceNotFoundException"):
        ecs.update_service(cluster="tour", service="absent", desiredCount=1)


def test_a_task_of_its_own(ecs, network, role):
    ecs.create_cluster(clusterName="tour")
    ecs.register_task_definition(**definition(role))
    got = ecs.run_task(
        cluster="tour",
        taskDefinition="app",
        launchType="FARGATE",
        networkConfiguration=placed(network),
        startedBy="tour",
        overrides={"containerOverrides": [{"name": "app", "command": ["migrate"]}]},
        tags=tag_list("key", "value"),
    )
    assert got["failures"] == []
    [task] = got["tasks"]
    assert (task["lastStatus"], task["desiredStatus"], task["startedBy"]) == ("PROVISIONING", "RUNNING", "tour")
    assert every(ecs, "list_tasks", "taskArns", cluster="tour", startedBy="tour") == [task["taskArn"]]
    with refused("InvalidParameterException", "Network Configuration"):
        ecs.run_task(cluster="tour", taskDefinition="app", launchType="FARGATE")
    stopped = ecs.stop_task(cluster="tour", task=task["taskArn"], reason="enough")["task"]
    assert (stopped["desiredStatus"], stopped["stoppedReason"], stopped["stopCode"]) == ("STOPPED", "enough", "UserInitiated")
    with refused("InvalidParameterException"):
        ecs.stop_task(cluster="tour", task="00000000000000000000000000000000")
    got = ecs.describe_tasks(cluster="tour", tasks=["00000000000000000000000000000000"])
    assert [one["reason"] for one in got["failures"]] == ["MISSING"]


def test_account_settings(ecs):
    ecs.put_account_setting_default(name="containerInsights", value="enabled")
    got = {one["name"]: one["value"] for one in every(ecs, "list_account_settings", "settings", effectiveSettings=True)}
    assert got["containerInsights"] == "enabled"


def test_lists_come_in_pages(ecs):
    for number in range(5):
        ecs.create_cluster(clusterName=f"tour-{number}")
    pages = list(ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["clusterArns"]) for page in pages] == [2, 2, 1]


def test_what_is_not_there_is_refused_by_name(ecs):
    with refused("NotImplemented", "ExecuteCommand"):
        ecs.execute_command(task="x", command="/bin/sh", interactive=True)
