//! Attributes: settings by name, with the values AWS gives them and what they may be.

use std::collections::BTreeMap;

use wire::Error;

use super::error;

/// What an attribute's value may be.
pub(super) enum Domain {
    Bool,
    /// From, to, and whether 0 stands for off beside them.
    Number(i64, i64, bool),
    OneOf(&'static [&'static str]),
    /// `off` or a number.
    OffOr(i64, i64),
    Text,
    /// Kept, but nothing here acts on it, so only this value is taken.
    Only(&'static str),
}

/// Name, AWS's own value, and what else it may be.
pub(super) type Attribute = (&'static str, &'static str, Domain);

pub(super) const LOAD_BALANCER: &[Attribute] = &[
    ("access_logs.s3.bucket", "", Domain::Text),
    ("access_logs.s3.enabled", "false", Domain::Bool),
    ("access_logs.s3.prefix", "", Domain::Text),
    (
        "client_keep_alive.seconds",
        "3600",
        Domain::Number(60, 604_800, false),
    ),
    ("connection_logs.s3.bucket", "", Domain::Text),
    ("connection_logs.s3.enabled", "false", Domain::Bool),
    ("connection_logs.s3.prefix", "", Domain::Text),
    ("deletion_protection.enabled", "false", Domain::Bool),
    (
        "idle_timeout.timeout_seconds",
        "60",
        Domain::Number(1, 4000, false),
    ),
    ("ipv6.deny_all_igw_traffic", "false", Domain::Only("false")),
    (
        "load_balancing.cross_zone.enabled",
        "true",
        Domain::Only("true"),
    ),
    (
        "routing.http.desync_mitigation_mode",
        "defensive",
        Domain::OneOf(&["monitor", "defensive", "strictest"]),
    ),
    (
        "routing.http.drop_invalid_header_fields.enabled",
        "false",
        Domain::Bool,
    ),
    (
        "routing.http.preserve_host_header.enabled",
        "false",
        Domain::Bool,
    ),
    (
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "false",
        Domain::Bool,
    ),
    (
        "routing.http.xff_client_port.enabled",
        "false",
        Domain::Bool,
    ),
    (
        "routing.http.xff_header_processing.mode",
        "append",
        Domain::OneOf(&["append", "preserve", "remove"]),
    ),
    ("routing.http2.enabled", "true", Domain::Bool),
    ("waf.fail_open.enabled", "false", Domain::Bool),
    ("zonal_shift.config.enabled", "false", Domain::Bool),
];

pub(super) const TARGET_GROUP: &[Attribute] = &[
    (
        "deregistration_delay.timeout_seconds",
        "300",
        Domain::Number(0, 3600, false),
    ),
    (
        "load_balancing.algorithm.anomaly_mitigation",
        "off",
        Domain::OneOf(&["on", "off"]),
    ),
    (
        "load_balancing.algorithm.type",
        "round_robin",
        Domain::OneOf(&[
            "round_robin",
            "least_outstanding_requests",
            "weighted_random",
        ]),
    ),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Domain::OneOf(&["true", "false", "use_load_balancer_configuration"]),
    ),
    (
        "slow_start.duration_seconds",
        "0",
        Domain::Number(30, 900, true),
    ),
    ("stickiness.app_cookie.cookie_name", "", Domain::Text),
    (
        "stickiness.app_cookie.duration_seconds",
        "86400",
        Domain::Number(1, 604_800, false),
    ),
    ("stickiness.enabled", "false", Domain::Bool),
    (
        "stickiness.lb_cookie.duration_seconds",
        "86400",
        Domain::Number(1, 604_800, false),
    ),
    (
        "stickiness.type",
        "lb_cookie",
        Domain::OneOf(&["lb_cookie", "app_cookie"]),
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        "1",
        Domain::OffOr(1, 1000),
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "off",
        Domain::OffOr(1, 100),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "1",
        Domain::Number(1, 1000, false),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
        Domain::OffOr(1, 100),
    ),
];

/// What a listener may do to headers. The nodes do none of it yet.
pub(super) const LISTENER: &[Attribute] = &[(
    "routing.http.response.server.enabled",
    "true",
    Domain::Only("true"),
)];

/// The value in force.
pub(super) fn value<'a>(
    known: &'static [Attribute],
    set: &'a BTreeMap<String, String>,
    key: &str,
) -> &'a str {
    let own = set.get(key).map(String::as_str);
    own.or_else(|| {
        let default = known.iter().find(|(name, ..)| *name == key);
        default.map(|(_, value, _)| *value)
    })
    .unwrap_or("")
}

/// A number in force; every number was checked when it came in.
pub(super) fn number(
    known: &'static [Attribute],
    set: &BTreeMap<String, String>,
    key: &str,
) -> u64 {
    value(known, set, key).parse().unwrap_or(0)
}

/// All attributes with the values in force.
pub(super) fn all(
    known: &'static [Attribute],
    set: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    known
        .iter()
        .map(|(name, ..)| ((*name).to_owned(), value(known, set, name).to_owned()))
        .collect()
}

/// Takes the attributes of a request, or says which is wrong.
pub(super) fn change(
    known: &'static [Attribute],
    kind: &str,
    set: &mut BTreeMap<String, String>,
    asked: impl IntoIterator<Item = (Option<String>, Option<String>)>,
) -> Result<(), Error> {
    for (key, value) in asked {
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        let Some((_, default, domain)) = known.iter().find(|(name, ..)| *name == key) else {
            return Err(error::validation(format!(
                "{kind} attribute key '{key}' is not recognized"
            )));
        };
        check(kind, &key, &value, domain)?;
        if value == *default {
            set.remove(&key);
        } else {
            set.insert(key, value);
        }
    }
    Ok(())
}

fn check(kind: &str, key: &str, value: &str, domain: &Domain) -> Result<(), Error> {
    let number = value.parse::<i64>().ok();
    let within = |from, to| number.is_some_and(|number| (from..=to).contains(&number));
    let (valid, rule) = match domain {
        Domain::Bool => (
            matches!(value, "true" | "false"),
            "must be 'true' or 'false'".to_owned(),
        ),
        Domain::Number(from, to, off) => (
            within(*from, *to) || (*off && number == Some(0)),
            format!("must be a number from {from} to {to}"),
        ),
        Domain::OneOf(values) => (
            values.contains(&value),
            format!("must be one of '{}'", values.join("', '")),
        ),
        Domain::OffOr(from, to) => (
            value == "off" || within(*from, *to),
            format!("must be 'off' or a number from {from} to {to}"),
        ),
        Domain::Text => (true, String::new()),
        Domain::Only(only) => {
            if value != *only {
                return Err(error::absent(&format!(
                    "another value than '{only}' for the attribute '{key}'"
                )));
            }
            (true, String::new())
        }
    };
    if valid {
        return Ok(());
    }
    Err(error::validation(format!(
        "{kind} attribute value '{value}' for '{key}' is not valid: it {rule}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(known: &'static [Attribute], key: &str, value: &str) -> Result<(), Error> {
        let asked = [(Some(key.to_owned()), Some(value.to_owned()))];
        change(known, "Load balancer", &mut BTreeMap::new(), asked)
    }

    #[test]
    fn every_default_is_one_of_its_own_values() {
        for known in [LOAD_BALANCER, TARGET_GROUP, LISTENER] {
            for (name, default, domain) in known {
                check("", name, default, domain).unwrap();
            }
        }
    }

    #[test]
    fn values_that_are_refused() {
        let cases = [
            (LOAD_BALANCER, "idle_timeout.timeout_seconds", "4001"),
            (LOAD_BALANCER, "idle_timeout.timeout_seconds", "x"),
            (LOAD_BALANCER, "routing.http2.enabled", "yes"),
            (LOAD_BALANCER, "routing.http.desync_mitigation_mode", "off"),
            (TARGET_GROUP, "deregistration_delay.timeout_seconds", "3601"),
            (TARGET_GROUP, "slow_start.duration_seconds", "29"),
            (TARGET_GROUP, "stickiness.type", "source_ip"),
        ];
        for (known, key, value) in cases {
            assert_eq!(
                one(known, key, value).unwrap_err().code,
                "ValidationError",
                "{key}={value}"
            );
        }
        one(TARGET_GROUP, "slow_start.duration_seconds", "0").unwrap();
        let unknown = one(LOAD_BALANCER, "colour", "red").unwrap_err();
        assert_eq!(
            unknown.message,
            "Load balancer attribute key 'colour' is not recognized"
        );
    }
}
