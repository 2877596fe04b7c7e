//! Numbers and moments as AWS writes them into reasons, notifications and history.

use jiff::Timestamp;

/// A number as Java writes a double: at least one decimal, and an exponent from 10⁷ and below 10⁻³.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// `2026-01-05T08:00:00.000+0000`.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// `05/01/26 08:00:00`, as in reasons.
pub(super) fn short_moment(at: Timestamp) -> String {
    at.strftime("%d/%m/%y %H:%M:%S").to_string()
}

/// `Monday 05 January, 2026 08:00:00 UTC`, as in mails and reasons of composite alarms.
pub(super) fn long_moment(at: Timestamp) -> String {
    at.strftime("%A %d %B, %Y %H:%M:%S UTC").to_string()
}

/// `datapoint` or `datapoints`.
pub(super) fn datapoints(count: usize) -> &'static str {
    if count == 1 {
        "datapoint"
    } else {
        "datapoints"
    }
}

/// A region as notifications name it, such as `EU (Frankfurt)`; one without such a name by its code.
pub(super) fn region_name(code: &str) -> &str {
    match code {
        "af-south-1" => "Africa (Cape Town)",
        "ap-east-1" => "Asia Pacific (Hong Kong)",
        "ap-northeast-1" => "Asia Pacific (Tokyo)",
        "ap-northeast-2" => "Asia Pacific (Seoul)",
        "ap-northeast-3" => "Asia Pacific (Osaka)",
        "ap-south-1" => "Asia Pacific (Mumbai)",
        "ap-southeast-1" => "Asia Pacific (Singapore)",
        "ap-southeast-2" => "Asia Pacific (Sydney)",
        "ca-central-1" => "Canada (Central)",
        "eu-central-1" => "EU (Frankfurt)",
        "eu-north-1" => "EU (Stockholm)",
        "eu-south-1" => "EU (Milan)",
        "eu-west-1" => "EU (Ireland)",
        "eu-west-2" => "EU (London)",
        "eu-west-3" => "EU (Paris)",
        "sa-east-1" => "South America (Sao Paulo)",
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-1" => "US West (N. California)",
        "us-west-2" => "US West (Oregon)",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        for (value, text) in [
            (2.0, "2.0"),
            (0.0, "0.0"),
            (21.5, "21.5"),
            (0.051_642_750_700_314_84, "0.05164275070031484"),
            (400_000.0, "400000.0"),
            (10_000_000.0, "1.0E7"),
            (-15_500_000.0, "-1.55E7"),
            (0.000_5, "5.0E-4"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn moments_are_written_as_aws_writes_them() {
        let at: Timestamp = "2025-06-15T12:07:17.04Z".parse().expect("it is a moment");
        assert_eq!(moment(at), "2025-06-15T12:07:17.040+0000");
        assert_eq!(short_moment(at), "15/06/25 12:07:17");
        assert_eq!(long_moment(at), "Sunday 15 June, 2025 12:07:17 UTC");
    }
}
