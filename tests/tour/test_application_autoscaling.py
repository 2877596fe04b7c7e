"""Application Auto Scaling: targets, policies, scheduled actions, activities, and the clock that brings them."""

from datetime import datetime, timedelta
import json

import pytest

from image import Registry
from tour import ACCOUNT, REGION, TAGS, Aws, Network, Region, Server, every, refused, wait_until

RESOURCE = "service/tour/app"
WHAT = dict(ServiceNamespace="ecs", ResourceId=RESOURCE, ScalableDimension="ecs:service:DesiredCount")


@pytest.fixture
def scaling(aws):
    return aws("application-autoscaling")


@pytest.fixture
def ecs(aws):
    return service_of_two(aws)


@pytest.fixture
def own(tmp_path_factory):
    """A region of the test's own: time that was moved stays moved."""
    with Server(tmp_path_factory.mktemp("own")) as server:
        yield server


def service_of_two(aws):
    """A cluster with a service of two tasks, which stay on their way: the region has no machine."""
    ecs = aws("ecs")
    network = Network(aws("ec2"))
    aws("ecr").create_repository(repositoryName="app")
    Registry(aws).push("app", "1")
    ecs.create_cluster(clusterName="tour")
    ecs.register_task_definition(
        family="app",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app:1", "essential": True}],
    )
    ecs.create_service(
        cluster="tour",
        serviceName="app",
        taskDefinition="app",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": network.subnets, "securityGroups": [network.group]}},
    )
    return ecs


def desired(ecs):
    return ecs.describe_services(cluster="tour", services=["app"])["services"][0]["desiredCount"]


def test_a_target_lives(aws, ecs, scaling):
    arn = scaling.register_scalable_target(**WHAT, MinCapacity=1, MaxCapacity=4, Tags=TAGS)["ScalableTargetARN"]
    [seen] = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[RESOURCE])["ScalableTargets"]
    assert (seen["MinCapacity"], seen["MaxCapacity"], seen["ScalableTargetARN"]) == (1, 4, arn)
    assert seen["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_ECSService")
    assert set(seen["SuspendedState"].values()) == {False}
    role = aws("iam").get_role(RoleName="AWSServiceRoleForApplicationAutoScaling_ECSService")["Role"]
    assert role["Arn"] == seen["RoleARN"]
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == TAGS
    scaling.tag_resource(ResourceARN=arn, Tags={"more": "yes"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=list(TAGS))
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"more": "yes"}
    # Registered again, only what is given changes, and the desired count follows the bounds.
    scaling.register_scalable_target(**WHAT, MinCapacity=3)
    assert desired(ecs) == 3
    [activity] = scaling.describe_scaling_activities(ServiceNamespace="ecs")["ScalingActivities"]
    assert (activity["Description"], activity["Cause"]) == ("Setting desired count to 3.", "minimum capacity was set to 3")
    scaling.deregister_scalable_target(**WHAT)
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    with refused("ObjectNotFoundException", "No scalable target registered for service namespace: ecs"):
        scaling.deregister_scalable_target(**WHAT)
    with refused("ValidationException", "ECS service doesn't exist"):
        scaling.register_scalable_target(**{**WHAT, "ResourceId": "service/tour/absent"}, MinCapacity=1, MaxCapacity=2)
    with refused("NotImplemented", "dynamodb"):
        scaling.register_scalable_target(
            ServiceNamespace="dynamodb",
            ResourceId="table/app",
            ScalableDimension="dynamodb:table:ReadCapacityUnits",
            MinCapacity=1,
            MaxCapacity=2,
        )


def test_policies_live(scaling, ecs):
    tracking = {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 60,
    }
    steps = {
        "AdjustmentType": "ChangeInCapacity",
        "Cooldown": 60,
        "MetricAggregationType": "Maximum",
        "StepAdjustments": [
            {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 1},
            {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 3},
        ],
    }
    arguments = dict(**WHAT, PolicyName="cpu", PolicyType="TargetTrackingScaling")
    with refused("ObjectNotFoundException"):
        scaling.put_scaling_policy(**arguments, TargetTrackingScalingPolicyConfiguration=tracking)
    scaling.register_scalable_target(**WHAT, MinCapacity=1, MaxCapacity=4)
    arn = scaling.put_scaling_policy(**arguments, TargetTrackingScalingPolicyConfiguration=tracking)["PolicyARN"]
    assert arn.endswith(f":resource/ecs/{RESOURCE}:policyName/cpu")
    scaling.put_scaling_policy(**WHAT, PolicyName="steps", PolicyType="StepScaling", StepScalingPolicyConfiguration=steps)
    [cpu, second] = every(scaling, "describe_scaling_policies", "ScalingPolicies", size=1, ServiceNamespace="ecs")
    assert cpu["TargetTrackingScalingPolicyConfiguration"] == {**tracking, "DisableScaleIn": False}
    assert second["StepScalingPolicyConfiguration"] == steps
    tracking["TargetValue"] = 70.0
    assert scaling.put_scaling_policy(**arguments, TargetTrackingScalingPolicyConfiguration=tracking)["PolicyARN"] == arn
    with refused("ValidationException", "Only one TargetTrackingScaling policy for a given metric specification is allowed."):
        scaling.put_scaling_policy(**{**arguments, "PolicyName": "twin"}, TargetTrackingScalingPolicyConfiguration=tracking)
    scaling.delete_scaling_policy(**WHAT, PolicyName="cpu")
    with refused("ObjectNotFoundException"):
        scaling.delete_scaling_policy(**WHAT, PolicyName="cpu")


def test_schedules_live_and_come_with_time(own):
    region, aws = Region(own), Aws(own)
    scaling, ecs = aws("application-autoscaling"), service_of_two(aws)
    scaling.register_scalable_target(**WHAT, MinCapacity=2, MaxCapacity=4)
    evening = dict(
        **WHAT,
        ScheduledActionName="evening",
        Schedule="cron(0 18 * * ? *)",
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 0},
    )
    scaling.put_scheduled_action(**evening)
    [seen] = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
    assert {key: seen[key] for key in evening} == evening
    with refused("ValidationException", "schedule"):
        scaling.put_scheduled_action(**{**evening, "Schedule": "cron(0 18 * * * *)"})
    with refused("ValidationException", "Mars"):
        scaling.put_scheduled_action(**{**evening, "Timezone": "Mars/Base"})
    before = region.clock()
    after = region.clock(jump_seconds=24 * 3600)
    # The answer has nanoseconds, which Python's dates have not.
    then, now = (datetime.fromisoformat(one["now"][:19]) for one in (before, after))
    assert now - then >= timedelta(days=1)
    assert desired(ecs) == 0
    causes = [one["Cause"] for one in scaling.describe_scaling_activities(ServiceNamespace="ecs")["ScalingActivities"]]
    assert causes == ["maximum capacity was set to 0", "scheduled action name evening was triggered"]
    # Clients go by their own clocks, and are answered as before.
    assert ecs.list_clusters()["clusterArns"]
    scaling.delete_scheduled_action(**WHAT, ScheduledActionName="evening")
    with refused("ObjectNotFoundException"):
        scaling.delete_scheduled_action(**WHAT, ScheduledActionName="evening")


def test_sessions_end_by_the_clocks_of_clients(own):
    region, aws = Region(own), Aws(own)
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}],
    }
    arn = aws("iam").create_role(RoleName="tour", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    role = aws.as_role(arn)
    region.clock(jump_seconds=48 * 3600)
    assert role("sts").get_caller_identity()["Account"] == ACCOUNT


def test_time_runs_faster_where_asked(own):
    region = Region(own)
    start = region.clock(rate=3600)
    assert start["rate"] == 3600
    wait_until(lambda: region.clock()["ahead_seconds"] > start["ahead_seconds"] + 600, "ten minutes")
    assert region.clock(rate=1)["rate"] == 1
