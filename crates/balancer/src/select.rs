//! Which target group, and which target of it, a request goes to. Chance comes in as a number.

use world::balancer::Algorithm;

/// What selection needs to know of a target that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Requests it is working on.
    pub outstanding: usize,
    /// Of 1000 requests that would be its due, how many it gets while it starts slowly.
    pub permille: u32,
}

/// The index of the group that `chance` picks by weight; `None` if all weights are zero.
pub(crate) fn weighted(weights: impl Iterator<Item = u32> + Clone, chance: u64) -> Option<usize> {
    let total: u64 = weights.clone().map(u64::from).sum();
    if total == 0 {
        return None;
    }
    let mut point = chance % total;
    for (index, weight) in weights.enumerate() {
        match point.checked_sub(u64::from(weight)) {
            Some(left) => point = left,
            None => return Some(index),
        }
    }
    None
}

/// The index of the target to use among `count`, which `candidate` describes. `turn` is the
/// group's round-robin counter and moves on.
pub(crate) fn target(
    algorithm: Algorithm,
    count: usize,
    candidate: impl Fn(usize) -> Candidate,
    turn: &mut usize,
    mut chance: u64,
) -> Option<usize> {
    if count == 0 {
        return None;
    }
    let start = *turn % count;
    match algorithm {
        Algorithm::RoundRobin => {
            // A target that starts slowly gives up most of its turns, to whoever is next.
            for step in 0..count {
                let index = (start + step) % count;
                let permille = candidate(index).permille;
                let draw = chance % 1000;
                chance = chance.rotate_left(17).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                if permille >= 1000 || draw < u64::from(permille) {
                    *turn = index + 1;
                    return Some(index);
                }
            }
            *turn = start + 1;
            Some(start)
        }
        Algorithm::LeastOutstandingRequests => {
            *turn = start + 1;
            (0..count)
                .map(|step| (start + step) % count)
                .min_by_key(|index| candidate(*index).outstanding)
        }
        Algorithm::WeightedRandom => usize::try_from(chance % count as u64).ok(),
    }
}

/// How much of its share a target gets `elapsed` into a slow start of `duration`: linear.
pub(crate) fn slow_start_permille(elapsed_ms: u64, duration_ms: u64) -> u32 {
    if elapsed_ms >= duration_ms {
        return 1000;
    }
    let permille = u128::from(elapsed_ms) * 1000 / u128::from(duration_ms);
    // Never nothing: a lone target must be reachable, and the first request ends the cold.
    u32::try_from(permille).unwrap_or(1000).max(1)
}

/// Whether so few targets are healthy that all get requests, healthy or not.
pub(crate) fn fails_open(
    healthy: usize,
    registered: usize,
    count: u32,
    percentage: Option<u32>,
) -> bool {
    healthy < count as usize
        || percentage.is_some_and(|p| (healthy as u64) * 100 < (registered as u64) * u64::from(p))
}

/// A small random number generator (SplitMix64), one per core.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WARM: Candidate = Candidate {
        outstanding: 0,
        permille: 1000,
    };

    #[test]
    fn weights_cut_the_line_in_proportion() {
        let picks = |weights: &[u32]| -> Vec<Option<usize>> {
            (0..4)
                .map(|chance| weighted(weights.iter().copied(), chance))
                .collect()
        };
        assert_eq!(picks(&[1, 3]), [Some(0), Some(1), Some(1), Some(1)]);
        assert_eq!(picks(&[0, 2, 0]), [Some(1); 4]);
        assert_eq!(picks(&[0, 0]), [None; 4]);
        assert_eq!(picks(&[]), [None; 4]);
    }

    #[test]
    fn round_robin_takes_turns() {
        let mut turn = 0;
        let picks: Vec<_> = (0..5)
            .map(|_| target(Algorithm::RoundRobin, 3, |_| WARM, &mut turn, 7).unwrap())
            .collect();
        assert_eq!(picks, [0, 1, 2, 0, 1]);
        assert_eq!(
            target(Algorithm::RoundRobin, 0, |_| WARM, &mut turn, 7),
            None
        );
    }

    #[test]
    fn the_idlest_gets_it_and_ties_take_turns() {
        let busy = [2, 1, 1];
        let mut turn = 0;
        let candidate = |i: usize| Candidate {
            outstanding: busy[i],
            permille: 1000,
        };
        let picks: Vec<_> = (0..4)
            .map(|_| {
                target(
                    Algorithm::LeastOutstandingRequests,
                    3,
                    candidate,
                    &mut turn,
                    0,
                )
                .unwrap()
            })
            .collect();
        assert!(picks.iter().all(|p| *p != 0) && picks.contains(&1) && picks.contains(&2));
    }

    #[test]
    fn a_slow_starter_gets_its_share_of_a_share() {
        assert_eq!(slow_start_permille(0, 30_000), 1);
        assert_eq!(slow_start_permille(15_000, 30_000), 500);
        assert_eq!(slow_start_permille(30_000, 30_000), 1000);
        assert_eq!(slow_start_permille(5, 0), 1000);
        let mut chance = Chance::new(1);
        let mut turn = 0;
        let cold = |i: usize| Candidate {
            outstanding: 0,
            permille: if i == 0 { 200 } else { 1000 },
        };
        let hits = (0..10_000)
            .filter(|_| target(Algorithm::RoundRobin, 2, cold, &mut turn, chance.next()) == Some(0))
            .count();
        // Half of the turns would be 5000; a fifth of those, with the seed fixed.
        assert!((1200..2200).contains(&hits), "{hits}");
        let lone = target(
            Algorithm::RoundRobin,
            1,
            |_| Candidate {
                outstanding: 0,
                permille: 1,
            },
            &mut turn,
            999,
        );
        assert_eq!(lone, Some(0));
    }

    #[test]
    fn fails_open_below_count_or_percentage() {
        assert!(fails_open(0, 3, 1, None));
        assert!(!fails_open(1, 3, 1, None));
        assert!(fails_open(1, 3, 1, Some(50)));
        assert!(!fails_open(2, 3, 1, Some(50)));
        assert!(fails_open(2, 3, 3, None));
    }

    proptest! {
        #[test]
        fn weight_zero_is_never_chosen_and_a_choice_is_in_range(
            weights in prop::collection::vec(0u32..1000, 0..6), chance: u64,
        ) {
            if let Some(index) = weighted(weights.iter().copied(), chance) {
                prop_assert!(weights[index] > 0);
            } else {
                prop_assert_eq!(weights.iter().sum::<u32>(), 0);
            }
        }

        #[test]
        fn some_target_is_always_found(
            count in 1usize..9, mut turn: usize, chance: u64, permille in 0u32..1001, pick in 0usize..3,
        ) {
            let algorithm = [
                Algorithm::RoundRobin,
                Algorithm::LeastOutstandingRequests,
                Algorithm::WeightedRandom,
            ][pick];
            let index = target(algorithm, count, |_| Candidate { outstanding: 0, permille }, &mut turn, chance);
            prop_assert!(index.is_some_and(|i| i < count));
        }
    }
}
