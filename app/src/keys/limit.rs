//! How many requests a caller may make: so many a minute, evenly, with as many at once after a rest (GCRA).

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_mins(1);
/// Callers remembered; when there are more, those who have rested are forgotten.
const MAX_CALLERS: usize = 10_000;

/// Limits of this process; each task has its own.
#[derive(Default)]
pub struct Limiter {
    /// When each caller will have its whole allowance again.
    full_at: Mutex<HashMap<String, Instant>>,
}

/// Where a caller stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// A minute.
    pub quota: u32,
    pub remaining: u32,
    /// Until the whole quota is there again.
    pub reset: Duration,
}

/// One request too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    pub standing: Standing,
    /// Until the next is allowed.
    pub retry_after: Duration,
}

impl Limiter {
    pub fn take(&self, caller: &str, quota: u32, now: Instant) -> Result<Standing, Limited> {
        let quota = quota.max(1);
        let each = WINDOW / quota;
        let mut full_at = self.full_at.lock().expect("no holder panics");
        if full_at.len() >= MAX_CALLERS {
            full_at.retain(|_, at| *at > now);
            // All are busy: who is forgotten gets a fresh allowance, which is better than to refuse strangers.
            if full_at.len() >= MAX_CALLERS {
                full_at.clear();
            }
        }
        let before = full_at.get(caller).copied().unwrap_or(now).max(now);
        let after = before + each;
        let standing = |full_at: Instant| {
            let used = full_at.saturating_duration_since(now);
            let taken = used.as_nanos().div_ceil(each.as_nanos().max(1));
            Standing {
                quota,
                remaining: quota.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX)),
                reset: used,
            }
        };
        // Whole steps: what the division by the quota leaves must not cost a request.
        let retry_after = (after - now).saturating_sub(each * quota);
        if !retry_after.is_zero() {
            return Err(Limited {
                standing: standing(before),
                retry_after,
            });
        }
        full_at.insert(caller.to_owned(), after);
        Ok(standing(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_used_up_and_comes_back() {
        let limiter = Limiter::default();
        let begin = Instant::now();
        for left in (0..7).rev() {
            let standing = limiter.take("a", 7, begin).unwrap();
            assert_eq!(standing.remaining, left);
        }
        let refused = limiter.take("a", 7, begin).unwrap_err();
        assert_eq!(refused.standing.remaining, 0);
        assert!(refused.retry_after <= WINDOW / 7, "{refused:?}");
        assert!(limiter.take("b", 7, begin).is_ok());
        let later = begin + refused.retry_after;
        assert_eq!(limiter.take("a", 7, later).unwrap().remaining, 0);
        assert!(limiter.take("a", 7, later).is_err());
        assert_eq!(
            limiter.take("a", 7, begin + WINDOW * 2).unwrap().remaining,
            6
        );
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let limiter = Limiter::default();
        let now = Instant::now();
        for number in 0..=MAX_CALLERS {
            assert!(limiter.take(&number.to_string(), 1, now).is_ok());
        }
        assert!(limiter.full_at.lock().unwrap().len() <= MAX_CALLERS);
    }
}
