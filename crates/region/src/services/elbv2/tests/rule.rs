use wire::elbv2::{self as api, op};

use super::{balancer, fixed, forward, group, listener, place};
use crate::services::ec2::tests::lab::Lab;

fn path(pattern: &str) -> api::RuleCondition {
    api::RuleCondition {
        field: Some("path-pattern".into()),
        path_pattern_config: Some(api::PathPatternConditionConfig {
            values: Some(vec![pattern.to_owned()]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn host(names: &[&str]) -> api::RuleCondition {
    api::RuleCondition {
        field: Some("host-header".into()),
        values: Some(names.iter().map(|&name| name.to_owned()).collect()),
        ..Default::default()
    }
}

fn new_rule(listener: &str, priority: i64, condition: api::RuleCondition) -> api::CreateRuleInput {
    api::CreateRuleInput {
        listener_arn: listener.to_owned(),
        priority,
        conditions: vec![condition],
        actions: vec![fixed("404")],
        ..Default::default()
    }
}

fn rule(lab: &mut Lab, listener: &str, priority: i64, condition: api::RuleCondition) -> String {
    let made = lab.call(op::CreateRule, new_rule(listener, priority, condition));
    made.rules.unwrap().remove(0).rule_arn.unwrap()
}

fn all(lab: &mut Lab, listener: &str) -> Vec<api::Rule> {
    let input = api::DescribeRulesInput {
        listener_arn: Some(listener.to_owned()),
        ..Default::default()
    };
    lab.call(op::DescribeRules, input).rules.unwrap()
}

#[test]
fn rules_are_listed_by_priority_and_the_default_one_last() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let lb = balancer(&mut lab, &place, "web");
    let web = listener(&mut lab, &lb, 80, fixed("503"));
    let (twenty, three) = (
        rule(&mut lab, &web, 20, path("/b*")),
        rule(&mut lab, &web, 3, host(&["a.test"])),
    );
    assert!(twenty.contains(":listener-rule/app/web/"));
    let shown = all(&mut lab, &web);
    let order: Vec<_> = shown
        .iter()
        .map(|one| one.priority.as_deref().unwrap())
        .collect();
    assert_eq!(order, ["3", "20", "default"]);
    // However the values came in, they are shown in both places.
    let condition = &shown[0].conditions.as_ref().unwrap()[0];
    assert_eq!(
        condition.values,
        condition.host_header_config.as_ref().unwrap().values
    );
    let condition = &shown[1].conditions.as_ref().unwrap()[0];
    assert_eq!(condition.values.as_ref().unwrap(), &["/b*"]);
    assert_eq!(shown[2].is_default, Some(true));

    let swap = api::SetRulePrioritiesInput {
        rule_priorities: vec![
            api::RulePriorityPair {
                rule_arn: Some(three.clone()),
                priority: Some(20),
            },
            api::RulePriorityPair {
                rule_arn: Some(twenty.clone()),
                priority: Some(3),
            },
        ],
    };
    lab.call(op::SetRulePriorities, swap);
    assert_eq!(all(&mut lab, &web)[0].rule_arn.as_ref(), Some(&twenty));
    let taken = api::SetRulePrioritiesInput {
        rule_priorities: vec![api::RulePriorityPair {
            rule_arn: Some(three.clone()),
            priority: Some(3),
        }],
    };
    assert_eq!(
        lab.refused(op::SetRulePriorities, taken),
        (
            "PriorityInUse".into(),
            "Priority '3' is currently in use".into()
        )
    );

    let default = shown[2].rule_arn.clone().unwrap();
    let delete = |arn: &str| api::DeleteRuleInput {
        rule_arn: arn.to_owned(),
    };
    assert_eq!(
        lab.refused(op::DeleteRule, delete(&default)).0,
        "OperationNotPermitted"
    );
    let modify = api::ModifyRuleInput {
        rule_arn: default.clone(),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::ModifyRule, modify).0,
        "OperationNotPermitted"
    );
    let by_arn = api::DescribeRulesInput {
        rule_arns: Some(vec![default]),
        ..Default::default()
    };
    assert_eq!(lab.call(op::DescribeRules, by_arn).rules.unwrap().len(), 1);
    lab.call(op::DeleteRule, delete(&three));
    assert_eq!(
        lab.refused(op::DeleteRule, delete(&three)).0,
        "RuleNotFound"
    );
}

#[test]
fn a_rule_s_group_is_in_use() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let lb = balancer(&mut lab, &place, "web");
    let tg = group(&mut lab, &place.vpc, "web");
    let web = listener(&mut lab, &lb, 80, fixed("503"));
    let arn = rule(&mut lab, &web, 1, path("/*"));
    let change = api::ModifyRuleInput {
        rule_arn: arn.clone(),
        actions: Some(vec![forward(&tg)]),
        ..Default::default()
    };
    lab.call(op::ModifyRule, change);
    let delete = || api::DeleteTargetGroupInput {
        target_group_arn: tg.clone(),
    };
    assert_eq!(
        lab.refused(op::DeleteTargetGroup, delete()).0,
        "ResourceInUse"
    );
    lab.call(
        op::DeleteListener,
        api::DeleteListenerInput { listener_arn: web },
    );
    assert_eq!(lab.region.elbv2.rules.len(), 0);
    lab.call(op::DeleteTargetGroup, delete());
}

#[test]
fn requests_that_are_refused() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let lb = balancer(&mut lab, &place, "web");
    let web = listener(&mut lab, &lb, 80, fixed("503"));
    rule(&mut lab, &web, 1, path("/*"));
    let other = |field: &str| api::RuleCondition {
        field: Some(field.to_owned()),
        ..Default::default()
    };
    let source = |range: &str| api::RuleCondition {
        source_ip_config: Some(api::SourceIpConditionConfig {
            values: Some(vec![range.to_owned()]),
        }),
        ..other("source-ip")
    };
    let method = |name: &str| api::RuleCondition {
        http_request_method_config: Some(api::HttpRequestMethodConditionConfig {
            values: Some(vec![name.to_owned()]),
        }),
        ..other("http-request-method")
    };
    let header = |name: &str| api::RuleCondition {
        http_header_config: Some(api::HttpHeaderConditionConfig {
            http_header_name: Some(name.to_owned()),
            values: Some(vec!["x".into()]),
            ..Default::default()
        }),
        ..other("http-header")
    };
    let regex = api::RuleCondition {
        regex_values: Some(vec!["^x".into()]),
        ..other("path-pattern")
    };
    let many = api::CreateRuleInput {
        conditions: vec![host(&["a", "b", "c"]), header("x"), header("y"), path("/z")],
        ..new_rule(&web, 2, path("/"))
    };
    let twice = api::CreateRuleInput {
        conditions: vec![path("/a"), path("/b")],
        ..new_rule(&web, 2, path("/"))
    };
    let cases = [
        (new_rule("arn", 2, path("/")), "ListenerNotFound"),
        (new_rule(&web, 0, path("/")), "ValidationError"),
        (new_rule(&web, 50_001, path("/")), "ValidationError"),
        (new_rule(&web, 1, path("/")), "PriorityInUse"),
        (new_rule(&web, 2, other("colour")), "ValidationError"),
        (new_rule(&web, 2, other("path-pattern")), "ValidationError"),
        (new_rule(&web, 2, path(&"x".repeat(129))), "ValidationError"),
        (new_rule(&web, 2, path("/*/*/*/*/*/*/*")), "ValidationError"),
        (
            new_rule(&web, 2, host(&["a", "b", "c", "d"])),
            "ValidationError",
        ),
        (
            new_rule(&web, 2, source("255.255.255.255/32")),
            "ValidationError",
        ),
        (new_rule(&web, 2, source("10.0.0.0")), "ValidationError"),
        (new_rule(&web, 2, method("get")), "ValidationError"),
        (new_rule(&web, 2, header("a b")), "ValidationError"),
        (new_rule(&web, 2, regex), "UnsupportedOperation"),
        (
            api::CreateRuleInput {
                actions: vec![],
                ..new_rule(&web, 2, path("/"))
            },
            "ValidationError",
        ),
        (
            api::CreateRuleInput {
                actions: vec![forward("arn")],
                ..new_rule(&web, 2, path("/"))
            },
            "TargetGroupNotFound",
        ),
        (many, "ValidationError"),
        (twice, "ValidationError"),
    ];
    for (input, code) in cases {
        assert_eq!(
            lab.refused(op::CreateRule, input.clone()).0,
            code,
            "{input:?}"
        );
    }
    for priority in 2..=100 {
        rule(&mut lab, &web, priority, path("/"));
    }
    assert_eq!(
        lab.refused(op::CreateRule, new_rule(&web, 101, path("/")))
            .0,
        "TooManyRules"
    );
}
