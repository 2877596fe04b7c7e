//! What state a metric alarm is in, from the periods it looks at: M of N, with what is missing.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>

use wire::cloudwatch::{ComparisonOperator, StateValue};

use super::super::state::TreatMissing;

/// How many periods beyond N are looked at, in case some of the newest N are missing. AWS does
/// not publish its number; its example has two.
pub(super) const BEYOND: u32 = 2;

/// One period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Period {
    /// Its start, in seconds.
    pub(super) at: i64,
    pub(super) datum: Option<Datum>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Datum {
    pub(super) value: f64,
    /// How many samples it is made of; `None` for what was computed.
    pub(super) samples: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    /// `None`: the alarm keeps its state.
    pub(super) state: Option<StateValue>,
    /// The periods that decided, newest first: the real ones, and the missing ones that were
    /// filled in.
    pub(super) evaluated: Vec<Period>,
}

impl Decision {
    /// The real datapoints that decided, newest first.
    pub(super) fn data(&self) -> impl DoubleEndedIterator<Item = (i64, Datum)> + Clone {
        self.evaluated
            .iter()
            .filter_map(|period| Some((period.at, period.datum?)))
    }

    pub(super) fn filled(&self) -> usize {
        self.evaluated
            .iter()
            .filter(|period| period.datum.is_none())
            .count()
    }
}

/// M of N, and what is past the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Terms {
    pub(super) comparison: ComparisonOperator,
    pub(super) threshold: f64,
    /// N.
    pub(super) periods: usize,
    /// M.
    pub(super) least: usize,
    pub(super) missing: TreatMissing,
}

impl Terms {
    pub(super) fn breaches(&self, value: f64) -> bool {
        match self.comparison {
            ComparisonOperator::GreaterThanOrEqualToThreshold => value >= self.threshold,
            ComparisonOperator::GreaterThanThreshold => value > self.threshold,
            ComparisonOperator::LessThanThreshold => value < self.threshold,
            ComparisonOperator::LessThanOrEqualToThreshold => value <= self.threshold,
            // Alarms on anomaly detection are not taken.
            _ => false,
        }
    }
}

/// Decides over the evaluation range, newest period first.
pub(super) fn decide(terms: &Terms, range: &[Period]) -> Decision {
    let real = range.iter().filter(|period| period.datum.is_some()).count();
    // The newest real ones, from as far back as the range goes; where there are too few, as many
    // of the newest missing ones as are needed.
    let mut to_take = real.min(terms.periods);
    let mut to_fill = terms.periods - to_take;
    let mut evaluated = Vec::with_capacity(terms.periods);
    let mut breaching = 0;
    let mut oldest_breach = 0;
    for (age, period) in (1..).zip(range) {
        match period.datum {
            Some(datum) if to_take > 0 => {
                to_take -= 1;
                evaluated.push(*period);
                if terms.breaches(datum.value) {
                    breaching += 1;
                    oldest_breach = age;
                }
            }
            None if to_fill > 0 => {
                to_fill -= 1;
                evaluated.push(*period);
            }
            _ => {}
        }
    }
    let taken = real.min(terms.periods);
    let fine = taken - breaching;
    let filled = terms.periods - taken;
    let alarm = |is: bool| {
        Some(if is {
            StateValue::Alarm
        } else {
            StateValue::Ok
        })
    };
    let state = if filled == 0 || breaching >= terms.least {
        alarm(breaching >= terms.least)
    } else {
        match terms.missing {
            TreatMissing::Breaching => alarm(breaching + filled >= terms.least),
            TreatMissing::NotBreaching => alarm(false),
            TreatMissing::Missing if taken == 0 => Some(StateValue::InsufficientData),
            _ if fine > 0 => alarm(false),
            // All that is known breaches, but it is too little. Where it is old enough, the
            // alarm does not wait for more.
            TreatMissing::Missing if oldest_breach >= terms.least => alarm(true),
            TreatMissing::Missing | TreatMissing::Ignore => None,
        }
    };
    Decision { state, evaluated }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Periods as AWS's pages draw them: the newest right, `0` fine, `X` breaching, `-` missing.
    fn drawn(text: &str) -> Vec<Period> {
        let mut periods: Vec<Period> = (0..)
            .zip(text.split(' '))
            .map(|(at, sign)| Period {
                at,
                datum: match sign {
                    "-" => None,
                    sign => Some(Datum {
                        value: if sign == "X" { 1.0 } else { 0.0 },
                        samples: Some(1.0),
                    }),
                },
            })
            .collect();
        periods.reverse();
        periods
    }

    fn state(
        text: &str,
        least: usize,
        periods: usize,
        missing: TreatMissing,
    ) -> (&'static str, usize) {
        let terms = Terms {
            comparison: ComparisonOperator::GreaterThanThreshold,
            threshold: 0.5,
            periods,
            least,
            missing,
        };
        let decision = decide(&terms, &drawn(text));
        assert!(decision.evaluated.len() <= periods.max(1));
        let state = decision.state.map_or("keep", StateValue::as_str);
        (state, decision.filled())
    }

    #[test]
    fn missing_data_is_treated_as_aws_says() {
        use TreatMissing::{Breaching, Ignore, Missing as Default, NotBreaching};
        const NONE: &str = "INSUFFICIENT_DATA";
        // Drawn, M, N, filled in, then the state for missing, ignore, breaching, notBreaching.
        for (text, least, periods, filled, states) in [
            // The first table of the page.
            ("0 - X - X", 3, 3, 0, ["OK", "OK", "OK", "OK"]),
            ("0 - - - -", 3, 3, 2, ["OK", "OK", "OK", "OK"]),
            ("- - - - -", 3, 3, 3, [NONE, "keep", "ALARM", "OK"]),
            ("0 X X - X", 3, 3, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("- - X - -", 3, 3, 2, ["ALARM", "keep", "ALARM", "OK"]),
            // The second.
            ("0 - X - X", 2, 3, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("0 0 X 0 X", 2, 3, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("0 - X - -", 2, 3, 1, ["OK", "OK", "ALARM", "OK"]),
            ("- - - - 0", 2, 3, 2, ["OK", "OK", "ALARM", "OK"]),
            ("- - - X -", 2, 3, 2, ["ALARM", "keep", "ALARM", "OK"]),
            // Its text: no alarm on one datapoint that came just now.
            ("- - - - X", 3, 3, 2, ["keep", "keep", "ALARM", "OK"]),
            ("- - - X -", 3, 3, 2, ["keep", "keep", "ALARM", "OK"]),
            ("- - - X 0", 3, 3, 1, ["OK", "OK", "OK", "OK"]),
            ("- - X - 0", 3, 3, 1, ["OK", "OK", "OK", "OK"]),
            // What is real decides where there is enough of it.
            ("X X X 0 0", 2, 3, 0, ["OK", "OK", "OK", "OK"]),
            ("X X 0 - X", 2, 3, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("X", 1, 1, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("X - -", 1, 1, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]),
            ("- - -", 1, 1, 1, [NONE, "keep", "ALARM", "OK"]),
        ] {
            for (missing, wanted) in [Default, Ignore, Breaching, NotBreaching]
                .into_iter()
                .zip(states)
            {
                let found = state(text, least, periods, missing);
                assert_eq!(
                    found,
                    (wanted, filled),
                    "{text}, {least} of {periods}, {missing:?}"
                );
            }
        }
    }

    #[test]
    fn the_threshold_itself_breaches_where_it_says_so() {
        use ComparisonOperator as Operator;
        for (comparison, below, at, above) in [
            (Operator::GreaterThanThreshold, false, false, true),
            (Operator::GreaterThanOrEqualToThreshold, false, true, true),
            (Operator::LessThanThreshold, true, false, false),
            (Operator::LessThanOrEqualToThreshold, true, true, false),
        ] {
            let terms = Terms {
                comparison,
                threshold: 5.0,
                periods: 1,
                least: 1,
                missing: TreatMissing::Missing,
            };
            assert_eq!(
                [4.0, 5.0, 6.0].map(|value| terms.breaches(value)),
                [below, at, above]
            );
        }
    }

    proptest! {
        /// More breaching never turns an alarm off.
        #[test]
        fn a_breach_more_is_no_better(
            signs in proptest::collection::vec(0u8..3, 1..9),
            place in 0usize..9,
            periods in 1usize..6,
            least in 1usize..6,
            missing in proptest::sample::select(vec![
                TreatMissing::Missing, TreatMissing::Ignore, TreatMissing::Breaching, TreatMissing::NotBreaching,
            ]),
        ) {
            let least = least.min(periods);
            let text = |signs: &[u8]| {
                let drawn: Vec<&str> = signs.iter().map(|sign| ["0", "X", "-"][usize::from(*sign)]).collect();
                drawn.join(" ")
            };
            let mut worse = signs.clone();
            let place = place % worse.len();
            prop_assume!(worse[place] == 0);
            let before = state(&text(&signs), least, periods, missing).0;
            worse[place] = 1;
            let after = state(&text(&worse), least, periods, missing).0;
            prop_assert!(before != "ALARM" || after == "ALARM", "{} {before} {after}", text(&signs));
        }
    }
}
