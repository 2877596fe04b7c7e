"""CloudWatch: metrics, alarms and dashboards, in each of the protocols that clients speak."""

import copy
import json
from datetime import UTC, datetime, timedelta

import botocore.session
import pytest

from tour import ACCOUNT, CONFIG, REGION, TAGS, every, refused, tag_list, tags_of, wait_until

ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm"


@pytest.fixture
def cloudwatch(aws):
    """As the client chooses its protocol by itself: CBOR."""
    return aws("cloudwatch")


@pytest.fixture(params=["smithy-rpc-v2-cbor", "json", "query"])
def spoken(request, region):
    """A client that is made to speak one protocol."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def only(service, kind, api_version=None):
        model = load(service, kind, api_version=api_version)
        if kind == "service-2":
            model = copy.deepcopy(model)
            model["metadata"] |= {"protocol": request.param, "protocols": [request.param]}
        return model

    loader.load_service_model = only
    return session.create_client(
        "cloudwatch",
        region_name=REGION,
        endpoint_url=region.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=CONFIG,
    )


def minute(ago):
    """The beginning of a minute, so many before this one."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=ago)


def alarm(name, **changed):
    return {
        "AlarmName": name,
        "Namespace": "Tour",
        "MetricName": "Latency",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 0.5,
        "ComparisonOperator": "GreaterThanThreshold",
    } | changed


def test_metrics_live_in_every_protocol(spoken):
    dimensions = [{"Name": "Service", "Value": "links"}]
    at = minute(5)
    spoken.put_metric_data(
        Namespace="Tour",
        MetricData=[
            {"MetricName": "Latency", "Dimensions": dimensions, "Timestamp": at, "Value": 0.25, "Unit": "Seconds"},
            {
                "MetricName": "Latency",
                "Dimensions": dimensions,
                "Timestamp": at + timedelta(seconds=70),
                "Values": [1.0, 2.0],
                "Counts": [9.0, 1.0],
                "Unit": "Seconds",
            },
        ],
    )
    [metric] = every(spoken, "list_metrics", "Metrics", Namespace="Tour")
    assert metric == {"Namespace": "Tour", "MetricName": "Latency", "Dimensions": dimensions}
    stat = {"Metric": metric, "Period": 60, "Stat": "p90", "Unit": "Seconds"}
    answer = spoken.get_metric_data(
        StartTime=at,
        EndTime=minute(0),
        ScanBy="TimestampAscending",
        MetricDataQueries=[
            {"Id": "m", "MetricStat": stat, "ReturnData": False},
            {"Id": "ms", "Expression": "m * 1000", "Label": "milliseconds"},
        ],
    )
    [result] = answer["MetricDataResults"]
    assert (result["Id"], result["Label"], result["StatusCode"]) == ("ms", "milliseconds", "Complete")
    assert result["Timestamps"] == [at, at + timedelta(minutes=1)]
    assert result["Values"] == [250.0, 1000.0]
    statistics = spoken.get_metric_statistics(
        **metric, StartTime=at, EndTime=minute(0), Period=300, Statistics=["SampleCount", "Sum", "Maximum"]
    )
    [point] = statistics["Datapoints"]
    assert (point["SampleCount"], point["Sum"], point["Maximum"], point["Unit"]) == (11.0, 11.25, 2.0, "Seconds")
    with refused("InvalidParameterValue", "must be of the same size", status=400):
        spoken.put_metric_data(
            Namespace="Tour", MetricData=[{"MetricName": "Latency", "Values": [1.0], "Counts": [1.0, 2.0]}]
        )
    with refused("InvalidParameterCombination", "exceeds the limit of 1440"):
        spoken.get_metric_statistics(**metric, StartTime=minute(3000), EndTime=minute(0), Period=60, Statistics=["Sum"])


def test_alarms_live_in_every_protocol(spoken):
    spoken.put_metric_alarm(
        **alarm("slow", AlarmDescription="too slow", TreatMissingData="notBreaching", Tags=tag_list())
    )
    [seen] = every(spoken, "describe_alarms", "MetricAlarms")
    assert seen["AlarmArn"] == f"{ARN}:slow"
    assert (seen["StateValue"], seen["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert (seen["Threshold"], seen["EvaluationPeriods"], seen["Dimensions"]) == (0.5, 2, [])
    assert tags_of(spoken.list_tags_for_resource(ResourceARN=seen["AlarmArn"])["Tags"]) == TAGS
    spoken.untag_resource(ResourceARN=seen["AlarmArn"], TagKeys=["team"])
    spoken.tag_resource(ResourceARN=seen["AlarmArn"], Tags=[{"Key": "stage", "Value": "changed"}])
    assert tags_of(spoken.list_tags_for_resource(ResourceARN=seen["AlarmArn"])["Tags"]) == {"stage": "changed"}

    spoken.put_composite_alarm(AlarmName="bad", AlarmRule="ALARM(slow) AND NOT OK(slow)")
    spoken.set_alarm_state(AlarmName="slow", StateValue="ALARM", StateReason="a test")
    [bad] = every(spoken, "describe_alarms", "CompositeAlarms", AlarmTypes=["CompositeAlarm"])
    assert bad["StateValue"] == "ALARM"
    assert bad["StateReason"].startswith(f"{ARN}:slow transitioned to ALARM at ")
    items = every(spoken, "describe_alarm_history", "AlarmHistoryItems", AlarmName="slow", HistoryItemType="StateUpdate")
    data = json.loads(items[-1]["HistoryData"])
    assert data["newState"]["stateReason"] == "a test"
    assert items[-1]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"

    with refused("ValidationError", "composite alarm(s) depending on it", status=400):
        spoken.delete_alarms(AlarmNames=["slow"])
    with refused("ResourceNotFound", status=404):
        spoken.set_alarm_state(AlarmName="absent", StateValue="OK", StateReason="a test")
    spoken.delete_alarms(AlarmNames=["bad", "slow"])
    assert every(spoken, "describe_alarms", "MetricAlarms") == []


def test_dashboards_live_in_every_protocol(spoken):
    widget = {"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "é"}}
    body = json.dumps({"widgets": [widget]})
    assert spoken.put_dashboard(DashboardName="main", DashboardBody=body)["DashboardValidationMessages"] == []
    found = spoken.get_dashboard(DashboardName="main")
    assert found["DashboardArn"] == f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/main"
    assert found["DashboardBody"] == body
    [entry] = every(spoken, "list_dashboards", "DashboardEntries")
    assert (entry["DashboardName"], entry["Size"]) == ("main", len(body.encode()))
    with refused("InvalidParameterInput", "there are 1 validation errors", status=400):
        spoken.put_dashboard(DashboardName="main", DashboardBody='{"widgets":[{"type":"text","properties":{}}]}')
    spoken.delete_dashboards(DashboardNames=["main"])
    with refused("ResourceNotFound", "main does not exist", status=404):
        spoken.get_dashboard(DashboardName="main")


def test_bad_values_are_refused_in_awss_words(cloudwatch, aws):
    unchecked = aws.unchecked("cloudwatch")
    with refused("ValidationError", "Value 'INVALID' at 'stateValue' failed to satisfy constraint"):
        unchecked.set_alarm_state(AlarmName="a", StateValue="INVALID", StateReason="a test")
    with refused("ValidationError", "Period must be 10, 20, 30 or a multiple of 60"):
        cloudwatch.put_metric_alarm(**alarm("odd", Period=45))
    with refused("NotImplemented"):
        cloudwatch.put_anomaly_detector(
            SingleMetricAnomalyDetector={"Namespace": "Tour", "MetricName": "Latency", "Stat": "Sum"}
        )


def test_many_alarms_come_in_pages(cloudwatch):
    for number in range(7):
        cloudwatch.put_metric_alarm(**alarm(f"alarm-{number}"))
    found = every(cloudwatch, "describe_alarms", "MetricAlarms", size=3)
    assert [one["AlarmName"] for one in found] == [f"alarm-{number}" for number in range(7)]
    [one] = cloudwatch.describe_alarms_for_metric(
        Namespace="Tour", MetricName="Latency", Period=60
    )["MetricAlarms"][-1:]
    assert one["AlarmName"] == "alarm-6"
    history = every(cloudwatch, "describe_alarm_history", "AlarmHistoryItems", size=2)
    assert sorted(item["AlarmName"] for item in history) == [f"alarm-{number}" for number in range(7)]


def test_a_point_past_the_threshold_sets_an_alarm_off(cloudwatch):
    # Two minutes that are over, and one that may be over when the alarm is looked at.
    cloudwatch.put_metric_data(
        Namespace="Tour",
        MetricData=[
            {"MetricName": "Latency", "Timestamp": minute(ago), "Value": 2.0, "StorageResolution": 1}
            for ago in range(4)
        ],
    )
    # Looked at every ten seconds.
    cloudwatch.put_metric_alarm(**alarm("slow", Period=10, EvaluationPeriods=12, DatapointsToAlarm=1))
    cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=["slow"], WaiterConfig={"Delay": 1, "MaxAttempts": 3})

    def state():
        return cloudwatch.describe_alarms(AlarmNames=["slow"], StateValue="ALARM")["MetricAlarms"]

    [seen] = wait_until(state, "the alarm", seconds=25)
    assert seen["StateReason"].startswith("Threshold Crossed: ")
    assert json.loads(seen["StateReasonData"])["period"] == 10
