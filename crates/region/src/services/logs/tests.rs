//! CloudWatch Logs as its callers see it.

use wire::logs as api;
use wire::logs::op;

use super::stream::{Addition, touch};
use super::{group, stream};
use crate::Tags;
use crate::testing::Bench;

fn make(bench: &mut Bench, name: &str) {
    let input = api::CreateLogGroupRequest {
        log_group_name: name.into(),
        tags: Some(Tags::from([("env".into(), "dev".into())])),
        ..Default::default()
    };
    bench
        .call::<op::CreateLogGroup>("logs", input)
        .expect("it is made");
}

fn described(bench: &mut Bench, name: &str) -> api::LogGroup {
    let input = api::DescribeLogGroupsRequest {
        log_group_name_prefix: Some(name.into()),
        ..Default::default()
    };
    let answer = bench
        .call::<op::DescribeLogGroups>("logs", input)
        .expect("they are listed");
    answer.log_groups.expect("a list").swap_remove(0)
}

#[test]
fn a_group_is_told_as_the_provider_needs_it() {
    let mut bench = Bench::new();
    make(&mut bench, "/ecs/links");
    let found = described(&mut bench, "/ecs/links");
    let arn = "arn:aws:logs:eu-central-1:000000000000:log-group:/ecs/links";
    assert_eq!(found.arn, Some(format!("{arn}:*")));
    assert_eq!(found.log_group_arn.as_deref(), Some(arn));
    assert_eq!(found.retention_in_days, None);
    assert_eq!(found.kms_key_id, None);
    assert_eq!(found.log_group_class, Some(api::LogGroupClass::Standard));
    assert_eq!(found.creation_time, Some(bench.now.as_millisecond()));

    let days = api::PutRetentionPolicyRequest {
        log_group_name: "/ecs/links".into(),
        retention_in_days: 14,
    };
    bench
        .call::<op::PutRetentionPolicy>("logs", days)
        .expect("it is put");
    bench.restart();
    assert_eq!(
        described(&mut bench, "/ecs/links").retention_in_days,
        Some(14)
    );
    assert_eq!(
        group::keeps_from(&bench.region, "/ecs/links", bench.now),
        Some(bench.now - jiff::SignedDuration::from_hours(14 * 24))
    );
    let none = api::DeleteRetentionPolicyRequest {
        log_group_name: "/ecs/links".into(),
    };
    bench
        .call::<op::DeleteRetentionPolicy>("logs", none)
        .expect("it is deleted");
    assert_eq!(
        group::keeps_from(&bench.region, "/ecs/links", bench.now),
        None
    );

    for arn in [arn.to_owned(), format!("{arn}:*")] {
        let tags = bench
            .call::<op::ListTagsForResource>(
                "logs",
                api::ListTagsForResourceRequest { resource_arn: arn },
            )
            .expect("they are listed");
        assert_eq!(tags.tags, Some(Tags::from([("env".into(), "dev".into())])));
    }
    let untag = api::UntagResourceRequest {
        resource_arn: arn.into(),
        tag_keys: vec!["env".into()],
    };
    bench
        .call::<op::UntagResource>("logs", untag)
        .expect("it is removed");
    let tags = api::ListTagsForResourceRequest {
        resource_arn: arn.into(),
    };
    let tags = bench
        .call::<op::ListTagsForResource>("logs", tags)
        .expect("they are listed");
    assert_eq!(tags.tags, Some(Tags::new()), "a map, though an empty one");
}

#[test]
fn what_is_wrong_with_a_group_is_said_in_awss_words() {
    let mut bench = Bench::new();
    make(&mut bench, "g");
    let again = api::CreateLogGroupRequest {
        log_group_name: "g".into(),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::CreateLogGroup>("logs", again),
        (
            "ResourceAlreadyExistsException".into(),
            "The specified log group already exists".into()
        )
    );
    let odd = api::CreateLogGroupRequest {
        log_group_name: "a b".into(),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::CreateLogGroup>("logs", odd).0,
        "InvalidParameterException"
    );
    let key = api::CreateLogGroupRequest {
        log_group_name: "k".into(),
        kms_key_id: Some("arn:aws:kms:eu-central-1:000000000000:key/none".into()),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::CreateLogGroup>("logs", key).0,
        "InvalidParameterException"
    );
    let days = api::PutRetentionPolicyRequest {
        log_group_name: "g".into(),
        retention_in_days: 15,
    };
    let refused = bench.refused::<op::PutRetentionPolicy>("logs", days);
    assert_eq!(refused.0, "InvalidParameterException");
    assert!(
        refused
            .1
            .contains("Member must satisfy enum value set: [1, 3, 5, 7, 14,"),
        "{}",
        refused.1
    );
    let none = api::DeleteLogGroupRequest {
        log_group_name: "none".into(),
    };
    assert_eq!(
        bench.refused::<op::DeleteLogGroup>("logs", none),
        (
            "ResourceNotFoundException".into(),
            "The specified log group does not exist.".into()
        )
    );
}

#[test]
fn a_stream_takes_note_of_its_events() {
    let mut bench = Bench::new();
    make(&mut bench, "g");
    let at = bench.now;
    let addition = |from: i64, to: i64| Addition {
        first: at + jiff::SignedDuration::from_secs(from),
        last: at + jiff::SignedDuration::from_secs(to),
        bytes: 100,
    };
    let add = |bench: &mut Bench, stream: &str, addition, create| {
        bench.write(|region, context| touch(region, context, "g", stream, addition, create))
    };
    assert!(
        add(&mut bench, "s", addition(0, 1), false).is_err(),
        "it has to be made first"
    );
    add(&mut bench, "s", addition(5, 6), true).expect("it is made");
    add(&mut bench, "s", addition(2, 4), false).expect("it is there");
    assert!(stream::exists(&bench.region, "g", "s"));
    let list = api::DescribeLogStreamsRequest {
        log_group_name: Some("g".into()),
        ..Default::default()
    };
    let found = bench
        .call::<op::DescribeLogStreams>("logs", list)
        .expect("they are listed");
    let found = &found.log_streams.expect("a list")[0];
    assert_eq!(
        found.first_event_timestamp,
        Some(at.as_millisecond() + 2000)
    );
    assert_eq!(found.last_event_timestamp, Some(at.as_millisecond() + 6000));
    assert_eq!(found.last_ingestion_time, Some(at.as_millisecond()));
    assert_eq!(described(&mut bench, "g").stored_bytes, Some(200));

    bench
        .call::<op::DeleteLogGroup>(
            "logs",
            api::DeleteLogGroupRequest {
                log_group_name: "g".into(),
            },
        )
        .expect("it goes");
    assert!(
        !stream::exists(&bench.region, "g", "s"),
        "its streams go with it"
    );
    assert!(
        bench
            .write(|region, context| touch(region, context, "g", "s", addition(0, 0), true))
            .is_err()
    );
}

#[test]
fn streams_are_ordered_by_name_or_by_time() {
    let mut bench = Bench::new();
    make(&mut bench, "g");
    for (name, seconds) in [("a", 3), ("b", 1), ("c", 2)] {
        let moment = bench.now + jiff::SignedDuration::from_secs(seconds);
        let addition = Addition {
            first: moment,
            last: moment,
            bytes: 1,
        };
        bench
            .write(|region, context| touch(region, context, "g", name, addition, true))
            .expect("it is made");
    }
    for (order, descending, expected) in [
        (None, false, "abc"),
        (None, true, "cba"),
        (Some(api::OrderBy::LastEventTime), false, "bca"),
        (Some(api::OrderBy::LastEventTime), true, "acb"),
    ] {
        let mut names = String::new();
        let mut next = None;
        loop {
            let input = api::DescribeLogStreamsRequest {
                log_group_name: Some("g".into()),
                order_by: order,
                descending: Some(descending),
                limit: Some(2),
                next_token: next,
                ..Default::default()
            };
            let answer = bench
                .call::<op::DescribeLogStreams>("logs", input)
                .expect("they are listed");
            names.extend(
                answer
                    .log_streams
                    .expect("a list")
                    .into_iter()
                    .filter_map(|one| one.log_stream_name),
            );
            next = answer.next_token;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(names, expected, "{order:?} {descending}");
    }
}

#[test]
fn a_metric_filter_with_the_same_name_is_replaced() {
    let mut bench = Bench::new();
    make(&mut bench, "g");
    let put = |value: &str| api::PutMetricFilterRequest {
        log_group_name: "g".into(),
        filter_name: "errors".into(),
        filter_pattern: "ERROR".into(),
        metric_transformations: vec![api::MetricTransformation {
            metric_name: "Errors".into(),
            metric_namespace: "links".into(),
            metric_value: value.into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    bench
        .call::<op::PutMetricFilter>("logs", put("1"))
        .expect("it is put");
    bench
        .call::<op::PutMetricFilter>("logs", put("2"))
        .expect("it is put");
    let list = || api::DescribeMetricFiltersRequest {
        log_group_name: Some("g".into()),
        ..Default::default()
    };
    let found = bench
        .call::<op::DescribeMetricFilters>("logs", list())
        .expect("they are listed");
    let found = found.metric_filters.expect("a list");
    assert_eq!(found.len(), 1);
    let one = &found[0].metric_transformations.as_ref().expect("a list")[0];
    assert_eq!(one.metric_value, "2");
    assert_eq!(one.unit, Some(api::StandardUnit::None));
    assert_eq!(described(&mut bench, "g").metric_filter_count, Some(1));
    let delete = || api::DeleteMetricFilterRequest {
        log_group_name: "g".into(),
        filter_name: "errors".into(),
    };
    bench
        .call::<op::DeleteMetricFilter>("logs", delete())
        .expect("it goes");
    assert_eq!(
        bench.refused::<op::DeleteMetricFilter>("logs", delete()).0,
        "ResourceNotFoundException"
    );
}

#[test]
fn deletion_protection_keeps_a_group() {
    let mut bench = Bench::new();
    make(&mut bench, "g");
    let protect = |on| api::PutLogGroupDeletionProtectionRequest {
        log_group_identifier: "g".into(),
        deletion_protection_enabled: on,
    };
    bench
        .call::<op::PutLogGroupDeletionProtection>("logs", protect(true))
        .expect("it is put");
    let delete = || api::DeleteLogGroupRequest {
        log_group_name: "g".into(),
    };
    assert_eq!(
        bench.refused::<op::DeleteLogGroup>("logs", delete()).0,
        "ValidationException"
    );
    bench
        .call::<op::PutLogGroupDeletionProtection>("logs", protect(false))
        .expect("it is put");
    bench
        .call::<op::DeleteLogGroup>("logs", delete())
        .expect("it goes");
}
