//! What expressions come to.

use std::collections::BTreeMap;

use super::{Env, Series, Value, evaluate, parse};

/// Values at 0, 60, 120, …; `-` is none.
fn series(text: &str) -> Series {
    let points = (0..)
        .zip(text.split(' '))
        .filter_map(|(number, value)| Some((number * 60, value.parse().ok()?)));
    Series {
        label: String::new(),
        period: 60,
        points: points.collect(),
    }
}

fn drawn(series: &Series) -> String {
    let drawn: Vec<String> = (0..4)
        .map(|number| {
            let value = series.points.get(&(number * 60));
            value.map_or("-".to_owned(), |value| format!("{value}"))
        })
        .collect();
    drawn.join(" ")
}

fn come_to(expression: &str) -> Result<String, String> {
    let values: BTreeMap<&str, Value> = [
        ("m1", "1 2 3 4"),
        ("m2", "10 - 30 0"),
        ("m3", "- 6 - 2"),
        ("none", "- - - -"),
    ]
    .into_iter()
    .map(|(id, text)| (id, Value::Series(series(text))))
    .collect();
    let env = Env {
        values: values.iter().map(|(id, value)| (*id, value)).collect(),
        metrics: vec!["m1", "m2", "m3", "none"],
        grid: vec![0, 60, 120, 180],
        period: 60,
        search: &|search, statistic, period| {
            assert_eq!((search, statistic, period), ("{N} x", "Sum", 300));
            Ok(vec![series("5 5 5 5")])
        },
    };
    Ok(match evaluate(&parse(expression)?, &env)? {
        Value::Number(number) => format!("{number}"),
        Value::Series(one) => drawn(&one),
        Value::Array(all) => all.iter().map(drawn).collect::<Vec<_>>().join(" | "),
        Value::Text(text) => format!("\"{text}\""),
    })
}

#[test]
fn expressions_come_to_what_aws_says() {
    for (expression, result) in [
        ("1 + 2 * 3 ^ 2", "19"),
        ("2 ^ 3 ^ 2", "512"),
        ("-2 ^ 2", "-4"),
        ("(1 + 2) * 3", "9"),
        ("1.5e1 - .5", "14.5"),
        ("m1 + 1", "2 3 4 5"),
        ("10 - m1", "9 8 7 6"),
        ("m1 + m2", "11 - 33 4"),
        // By zero there is nothing.
        ("m1 / m2", "0.1 - 0.1 -"),
        (
            "100 * m1 / (m1 + m2)",
            "9.090909090909092 - 9.090909090909092 100",
        ),
        ("m1 > 2", "0 0 1 1"),
        ("m1 >= 2 AND m1 < 4", "0 1 1 0"),
        ("m1 == 1 || m1 == 4", "1 0 0 1"),
        ("m1 != 1", "0 1 1 1"),
        ("!(m1 > 2)", "1 1 0 0"),
        ("[m1, m2] * 2", "2 4 6 8 | 20 - 60 0"),
        ("m1 * [m2, m3]", "10 - 90 0 | - 12 - 8"),
        ("AVG(m1)", "2.5"),
        ("AVG(m2)", "13.333333333333334"),
        ("AVG([m1, m2])", "5.5 1 16.5 2"),
        ("SUM([m1, m2, m3])", "11 8 33 6"),
        ("SUM(METRICS())", "11 8 33 6"),
        ("MIN([m1, m2])", "1 2 3 0"),
        ("MAX([m1, m2])", "10 2 30 4"),
        ("MAX(m2)", "30"),
        ("STDDEV(m1)", "1.118033988749895"),
        ("m1 - AVG(m1)", "-1.5 -0.5 0.5 1.5"),
        ("METRIC_COUNT(METRICS())", "4"),
        ("METRIC_COUNT(METRICS('m'))", "3"),
        ("DATAPOINT_COUNT(m2)", "3"),
        ("ABS(0 - m1)", "1 2 3 4"),
        ("CEIL(m1 / 2)", "1 1 2 2"),
        ("FLOOR(m1 / 2)", "0 1 1 2"),
        ("LOG10(m1 * 0 + 100)", "2 2 2 2"),
        ("FILL(m2, 0)", "10 0 30 0"),
        ("FILL(m2, REPEAT)", "10 10 30 0"),
        ("FILL(m2, LINEAR)", "10 20 30 0"),
        ("FILL(m3, REPEAT)", "- 6 6 2"),
        ("FILL(none, 7)", "7 7 7 7"),
        ("FILL([m2, m3], 0)", "10 0 30 0 | 0 6 0 2"),
        ("m1 + FILL(m2, 0)", "11 2 33 4"),
        ("IF(m1 > 2, m1, 0)", "0 0 3 4"),
        ("IF(m1 > 2, m2)", "- - 30 0"),
        ("IF(1, m1, m2)", "1 2 3 4"),
        ("IF(m1 > 2, 1, m3)", "- 6 1 1"),
        ("DIFF(m1)", "- 1 1 1"),
        ("DIFF(m2)", "- - 20 -30"),
        ("DIFF_TIME(m2)", "- - 120 60"),
        ("RATE(m1 * 60)", "- 1 1 1"),
        ("RATE(m2 * 60)", "- - 10 -30"),
        ("RUNNING_SUM(m1)", "1 3 6 10"),
        ("PERIOD(m1)", "60"),
        (
            "m1 / PERIOD(m1)",
            "0.016666666666666666 0.03333333333333333 0.05 0.06666666666666667",
        ),
        ("TIME_SERIES(5)", "5 5 5 5"),
        ("REMOVE_EMPTY(METRICS())", "1 2 3 4 | 10 - 30 0 | - 6 - 2"),
        ("FIRST([m2, m1])", "10 - 30 0"),
        ("LAST([m2, m1])", "1 2 3 4"),
        ("SLICE([m1, m2, m3], 1, 3)", "10 - 30 0 | - 6 - 2"),
        ("SLICE([m1, m2, m3], 2)", "- 6 - 2"),
        (
            "SORT([m1, m2, m3], MAX, DESC)",
            "10 - 30 0 | - 6 - 2 | 1 2 3 4",
        ),
        ("SORT([m1, none, m3], SUM, ASC, 2)", "- 6 - 2 | 1 2 3 4"),
        ("SUM([m1, SUM(SEARCH('{N} x', 'Sum', 300))])", "6 7 8 9"),
        ("EPOCH(m1)", "0 60 120 180"),
        ("MINUTE(m1)", "0 1 2 3"),
        ("HOUR(m1)", "0 0 0 0"),
        ("DAY(m1)", "4 4 4 4"),
        ("YEAR(m1) + MONTH(m1) + DATE(m1)", "1972 1972 1972 1972"),
    ] {
        assert_eq!(come_to(expression).as_deref(), Ok(result), "{expression}");
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    for (expression, error) in [
        ("m9", "Undeclared variable: m9"),
        ("FOO(m1)", "Function 'FOO' not found"),
        (
            "LAMBDA('x')",
            "Function 'LAMBDA' is not supported by Terrella",
        ),
        (
            "[m1] + [m2]",
            "Unsupported operand type(s) for +: '[Array[TimeSeries], Array[TimeSeries]]'",
        ),
        ("ABS()", "Function ABS does not take 0 arguments"),
        ("ABS(m1, m2)", "Function ABS does not take 2 arguments"),
        (
            "PERIOD(1)",
            "Function PERIOD does not support the argument type Scalar",
        ),
    ] {
        assert_eq!(come_to(expression), Err(error.to_owned()), "{expression}");
    }
}
