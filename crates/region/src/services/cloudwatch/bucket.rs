//! What was measured in one stretch of time: count, sum, extremes and, where single values were
//! given, how they are distributed.

/// More distinct values than this are merged into classes of about two per cent.
const MOST_VALUES: usize = 150;
/// The ratio of neighbouring classes.
const RATIO: f64 = 1.02;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bucket {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
    /// Values and how often each came, ascending. `None`: sums came without their values, so that
    /// percentiles cannot be told.
    pub(super) values: Option<Vec<(f64, f64)>>,
}

impl Bucket {
    pub(super) fn of_value(value: f64) -> Self {
        Self::of_values(&[(value, 1.0)])
    }

    /// Values with their counts; there is at least one.
    pub(super) fn of_values(values: &[(f64, f64)]) -> Self {
        let mut bucket = Self {
            count: 0.0,
            sum: 0.0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            values: None,
        };
        let mut sorted = values.to_vec();
        sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (value, count) in &sorted {
            bucket.count += count;
            bucket.sum += value * count;
            bucket.minimum = bucket.minimum.min(*value);
            bucket.maximum = bucket.maximum.max(*value);
        }
        bucket.values = Some(merged(sorted));
        bucket
    }

    /// Of a set of statistics. Where it can only be one value, that value is known.
    pub(super) fn of_set(count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        #[expect(clippy::float_cmp, reason = "AWS asks for equality")]
        let one_value = minimum == maximum;
        Self {
            count,
            sum,
            minimum,
            maximum,
            values: one_value.then(|| vec![(minimum, count)]),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.values = match (self.values.take(), &other.values) {
            (Some(mut mine), Some(theirs)) => {
                mine.extend_from_slice(theirs);
                mine.sort_by(|one, other| one.0.total_cmp(&other.0));
                Some(merged(mine))
            }
            _ => None,
        };
    }
}

/// Joins equal values of an ascending list; a long list is made coarser.
fn merged(sorted: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let exact = joined(sorted);
    if exact.len() <= MOST_VALUES {
        return exact;
    }
    joined(
        exact
            .into_iter()
            .map(|(value, count)| (class(value), count))
            .collect(),
    )
}

fn joined(sorted: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut list: Vec<(f64, f64)> = Vec::with_capacity(sorted.len());
    for (value, count) in sorted {
        match list.last_mut() {
            #[expect(clippy::float_cmp, reason = "the same value, not one near it")]
            Some(last) if last.0 == value => last.1 += count,
            _ => list.push((value, count)),
        }
    }
    list
}

/// The middle of the class a value belongs to. Ascends with its value, and is its own class.
fn class(value: f64) -> f64 {
    if value == 0.0 {
        return value;
    }
    let rank = (value.abs().ln() / RATIO.ln()).round();
    (rank * RATIO.ln()).exp().copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_set_of_one_value_keeps_its_value() {
        assert_eq!(
            Bucket::of_set(3.0, 6.0, 2.0, 2.0).values,
            Some(vec![(2.0, 3.0)])
        );
        assert_eq!(Bucket::of_set(3.0, 6.0, 1.0, 3.0).values, None);
        let mut bucket = Bucket::of_value(1.0);
        bucket.add(&Bucket::of_set(2.0, 5.0, 2.0, 3.0));
        assert_eq!((bucket.count, bucket.sum, bucket.values), (3.0, 6.0, None));
    }

    proptest! {
        #[test]
        fn many_values_stay_few_and_near(values in proptest::collection::vec(0.001f64..1e6, 1..600)) {
            let mut bucket = Bucket::of_value(values[0]);
            for value in &values[1..] {
                bucket.add(&Bucket::of_value(*value));
            }
            let kept = bucket.values.expect("values were given");
            prop_assert!(kept.len() < 1400, "{}", kept.len());
            let count: f64 = kept.iter().map(|(_, count)| count).sum();
            let given = u32::try_from(values.len()).expect("few");
            prop_assert!((count - f64::from(given)).abs() < 1e-6);
            prop_assert!(kept.windows(2).all(|two| two[0].0 < two[1].0));
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let middle = sorted[sorted.len() / 2];
            let mut rank = 0.0;
            let found = kept.iter().find(|(_, count)| {
                rank += count;
                rank > f64::from(given / 2)
            });
            let found = found.expect("there is a middle").0;
            prop_assert!((found / middle - 1.0).abs() < 0.0405, "{found} {middle}");
        }
    }
}
