//! Dashboards.

use wire::cloudwatch as api;
use wire::cloudwatch::op;

use super::SERVICE;
use crate::testing::Bench;

const BODY: &str = r#"{"widgets":[{"type":"metric","x":0,"y":0,"width":6,"height":6,"properties":{"metrics":[["AWS/EC2","CPUUtilization","InstanceId","i-1"]],"region":"eu-central-1","view":"timeSeries","stacked":false}}]}"#;

fn dashboard(name: &str, body: &str) -> api::PutDashboardInput {
    api::PutDashboardInput {
        dashboard_name: name.into(),
        dashboard_body: body.into(),
        tags: None,
    }
}

#[test]
fn a_dashboard_is_kept_word_for_word() {
    let mut bench = Bench::new();
    let put = bench
        .call::<op::PutDashboard>(SERVICE, dashboard("main", BODY))
        .expect("it is put");
    assert_eq!(
        put.dashboard_validation_messages.map(|all| all.len()),
        Some(0)
    );
    bench.restart();
    let name = || api::GetDashboardInput {
        dashboard_name: "main".into(),
    };
    let found = bench
        .call::<op::GetDashboard>(SERVICE, name())
        .expect("it is there");
    assert_eq!(found.dashboard_body.as_deref(), Some(BODY));
    let arn = "arn:aws:cloudwatch::000000000000:dashboard/main";
    assert_eq!(found.dashboard_arn.as_deref(), Some(arn));
    let listed = |bench: &mut Bench, prefix: &str| {
        let input = api::ListDashboardsInput {
            dashboard_name_prefix: Some(prefix.into()),
            next_token: None,
        };
        let answer = bench
            .call::<op::ListDashboards>(SERVICE, input)
            .expect("they are listed");
        answer.dashboard_entries.expect("a list")
    };
    let entries = listed(&mut bench, "ma");
    assert_eq!(entries[0].size, i64::try_from(BODY.len()).ok());
    assert_eq!(entries[0].last_modified, Some(bench.now));
    assert_eq!(listed(&mut bench, "x").len(), 0);

    let tag = api::TagResourceInput {
        resource_arn: arn.into(),
        tags: vec![api::Tag {
            key: "env".into(),
            value: "dev".into(),
        }],
    };
    bench
        .call::<op::TagResource>(SERVICE, tag)
        .expect("it is tagged");
    let again = r#"{"widgets":[],"extra":1}"#;
    let put = bench
        .call::<op::PutDashboard>(SERVICE, dashboard("main", again))
        .expect("it is put");
    let warnings = put.dashboard_validation_messages.expect("a list");
    assert_eq!(
        warnings[0].message.as_deref(),
        Some("The \"extra\" property is not expected, will be ignored")
    );
    let tags = api::ListTagsForResourceInput {
        resource_arn: arn.into(),
    };
    let tags = bench
        .call::<op::ListTagsForResource>(SERVICE, tags)
        .expect("they are listed");
    assert_eq!(tags.tags.map(|all| all.len()), Some(1), "kept on an update");

    let gone = |name: &str| api::DeleteDashboardsInput {
        dashboard_names: vec!["main".into(), name.into()],
    };
    assert_eq!(
        bench
            .refused::<op::DeleteDashboards>(SERVICE, gone("absent"))
            .0,
        "ResourceNotFound"
    );
    let gone = api::DeleteDashboardsInput {
        dashboard_names: vec!["main".into()],
    };
    bench
        .call::<op::DeleteDashboards>(SERVICE, gone)
        .expect("it is deleted");
    assert_eq!(
        bench.refused::<op::GetDashboard>(SERVICE, name()),
        (
            "ResourceNotFound".into(),
            "Dashboard main does not exist".into()
        )
    );
}

#[test]
fn what_is_no_dashboard_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.refused::<op::PutDashboard>(SERVICE, dashboard("a b", BODY)),
        (
            "InvalidParameterValue".into(),
            "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).".into()
        )
    );
    assert_eq!(
        bench.refused::<op::PutDashboard>(SERVICE, dashboard("a", "{")),
        (
            "InvalidParameterInput".into(),
            "The field DashboardBody must be a valid JSON object".into()
        )
    );
    let error = bench
        .call::<op::PutDashboard>(
            SERVICE,
            dashboard("a", r#"{"widgets":[{"type":"text","properties":{}}]}"#),
        )
        .expect_err("it is refused");
    assert!(
        error.message.starts_with("The dashboard body is invalid, there are 1 validation errors:\n[\n  {\n    \"dataPath\": \"/widgets/0/properties\""),
        "{}",
        error.message
    );
    assert_eq!(error.fields.len(), 1);
}
