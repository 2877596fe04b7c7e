"""CloudWatch Logs: groups, streams, events, filters."""

import json
import time

import pytest

from tour import ACCOUNT, REGION, TAGS, every, refused


@pytest.fixture
def logs(aws):
    return aws("logs")


@pytest.fixture
def stream(logs):
    logs.create_log_group(logGroupName="/app", tags=TAGS)
    logs.create_log_stream(logGroupName="/app", logStreamName="one")
    return {"logGroupName": "/app", "logStreamName": "one"}


def now():
    return int(time.time() * 1000)


def test_a_group_lives(logs):
    logs.create_log_group(logGroupName="/app", tags=TAGS)
    with refused("ResourceAlreadyExistsException", "The specified log group already exists"):
        logs.create_log_group(logGroupName="/app")
    [seen] = every(logs, "describe_log_groups", "logGroups", logGroupNamePrefix="/app")
    assert seen["arn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/app:*"
    assert "retentionInDays" not in seen
    logs.put_retention_policy(logGroupName="/app", retentionInDays=7)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
    with refused("InvalidParameterException"):
        logs.put_retention_policy(logGroupName="/app", retentionInDays=8)
    logs.delete_retention_policy(logGroupName="/app")
    arn = seen["arn"].removesuffix(":*")
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == TAGS
    logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    logs.tag_resource(resourceArn=arn, tags={"stage": "changed"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"stage": "changed"}
    logs.delete_log_group(logGroupName="/app")
    with refused("ResourceNotFoundException", "The specified log group does not exist."):
        logs.delete_log_group(logGroupName="/app")


def test_events_are_kept_in_order(logs, stream):
    start = now()
    events = [{"timestamp": start + at, "message": f"line {at}"} for at in range(25)]
    assert "rejectedLogEventsInfo" not in logs.put_log_events(**stream, logEvents=events)
    got = logs.get_log_events(**stream, startFromHead=True, limit=10)
    seen = [one["message"] for one in got["events"]]
    while got["events"]:
        got = logs.get_log_events(**stream, startFromHead=True, limit=10, nextToken=got["nextForwardToken"])
        seen += [one["message"] for one in got["events"]]
    assert seen == [f"line {at}" for at in range(25)]
    assert [one["message"] for one in logs.get_log_events(**stream, limit=2)["events"]] == ["line 23", "line 24"]
    found = every(logs, "filter_log_events", "events", 3, logGroupName="/app", filterPattern='"line 2"')
    assert [one["message"] for one in found] == ["line 2"] + [f"line {at}" for at in range(20, 25)]
    between = logs.get_log_events(**stream, startTime=start + 5, endTime=start + 8, startFromHead=True)["events"]
    assert [one["message"] for one in between] == ["line 5", "line 6", "line 7"]
    [seen] = every(logs, "describe_log_streams", "logStreams", logGroupName="/app")
    assert (seen["firstEventTimestamp"], seen["lastEventTimestamp"]) == (start, start + 24)
    logs.delete_log_stream(**stream)
    with refused("ResourceNotFoundException", "The specified log stream does not exist."):
        logs.get_log_events(**stream)


def test_events_that_are_not_taken(aws, logs, stream):
    old = now() - 15 * 24 * 3600 * 1000
    told = logs.put_log_events(**stream, logEvents=[{"timestamp": old, "message": "old"}, {"timestamp": now(), "message": "new"}])
    assert told["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    told = logs.put_log_events(**stream, logEvents=[{"timestamp": now() + 3 * 3600 * 1000, "message": "to come"}])
    assert told["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    with refused("InvalidParameterException", "chronological"):
        logs.put_log_events(**stream, logEvents=[{"timestamp": now() + at, "message": "x"} for at in (5, 0)])
    with refused("InvalidParameterException"):
        aws.unchecked("logs").put_log_events(**stream, logEvents=[])
    with refused("InvalidParameterException"):
        logs.put_log_events(**stream, logEvents=[{"timestamp": now(), "message": "x" * 1_100_000}])
    with refused("ResourceNotFoundException"):
        logs.put_log_events(logGroupName="/app", logStreamName="absent", logEvents=[{"timestamp": now(), "message": "x"}])
    assert [one["message"] for one in logs.get_log_events(**stream, startFromHead=True)["events"]] == ["new"]


def test_a_metric_filter_lives(logs, stream):
    logs.put_metric_filter(
        logGroupName="/app",
        filterName="errors",
        filterPattern="ERROR",
        metricTransformations=[{"metricName": "Errors", "metricNamespace": "App", "metricValue": "1"}],
    )
    [seen] = every(logs, "describe_metric_filters", "metricFilters", logGroupName="/app")
    assert seen["filterPattern"] == "ERROR" and seen["metricTransformations"][0]["metricName"] == "Errors"
    assert logs.describe_log_groups()["logGroups"][0]["metricFilterCount"] == 1
    logs.delete_metric_filter(logGroupName="/app", filterName="errors")
    with refused("ResourceNotFoundException"):
        logs.delete_metric_filter(logGroupName="/app", filterName="errors")


def test_a_resource_policy_lives(logs):
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents", "Resource": "*"}],
        }
    )
    logs.put_resource_policy(policyName="es", policyDocument=policy)
    [seen] = every(logs, "describe_resource_policies", "resourcePolicies")
    assert json.loads(seen["policyDocument"]) == json.loads(policy)
    logs.delete_resource_policy(policyName="es")


def test_lists_come_in_pages(logs):
    for number in range(5):
        logs.create_log_group(logGroupName=f"/app/{number}")
    pages = list(logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["logGroups"]) for page in pages] == [2, 2, 1]


def test_what_is_not_there_is_refused_by_name(aws, logs, stream):
    with refused("NotImplemented", "StartQuery"):
        logs.start_query(logGroupName="/app", startTime=0, endTime=1, queryString="fields @message")
    for name in ("no spaces", "a" * 513, "aws/mine"):
        with refused("InvalidParameterException"):
            aws.unchecked("logs").create_log_group(logGroupName=name)
