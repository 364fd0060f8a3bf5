//! How long attempts of one command have taken: their mean, and their spread.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The number of buckets between a time and its double. A quantile is at most a sixteenth too long.
const PER_OCTAVE: u64 = 16;

/// The bits of a number below [`PER_OCTAVE`].
const BITS: u32 = PER_OCTAVE.ilog2();

/// The wall times of attempts that succeeded. Times are counted in buckets that are narrow for short
/// times and wide for long ones, so that a million attempts take no more room than a few hundred
/// numbers, and the same attempts give the same buckets in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// The number of attempts.
    pub(crate) attempts: u64,
    /// Their total wall time, in microseconds.
    wall_us: u64,
    /// The longest of them, in milliseconds.
    pub(crate) longest_ms: u64,
    /// The number of attempts by bucket.
    buckets: BTreeMap<u16, u64>,
}

impl Pace {
    /// Adds one attempt.
    pub(crate) fn add(&mut self, wall_us: u64) {
        let ms = wall_us.div_ceil(1000);
        self.attempts = self.attempts.saturating_add(1);
        self.wall_us = self.wall_us.saturating_add(wall_us);
        self.longest_ms = self.longest_ms.max(ms);
        *self.buckets.entry(bucket(ms)).or_default() += 1;
    }

    /// Adds the attempts of another pace.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.wall_us = self.wall_us.saturating_add(other.wall_us);
        self.longest_ms = self.longest_ms.max(other.longest_ms);
        for (bucket, count) in &other.buckets {
            let sum = self.buckets.entry(*bucket).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// The mean wall time of an attempt in microseconds, once there is one.
    pub(crate) fn mean_us(&self) -> Option<u64> {
        self.wall_us.checked_div(self.attempts)
    }

    /// A time in milliseconds that the next attempt exceeds with at most this chance, in parts per
    /// million, if it is like these. This is the quantile of rank `(n + 1) (1 - risk)`, which holds
    /// for any distribution; the longest attempt if there are too few for that rank.
    pub(crate) fn quantile_ms(&self, risk_ppm: u64) -> u64 {
        let ranks = u128::from(self.attempts) + 1;
        let above = ranks * u128::from(risk_ppm.min(1_000_000)) / 1_000_000;
        let mut left = ranks.saturating_sub(above).min(u128::from(self.attempts));
        for (bucket, count) in &self.buckets {
            let count = u128::from(*count);
            if left <= count {
                return longest_in(*bucket).min(self.longest_ms);
            }
            left -= count;
        }
        self.longest_ms
    }
}

/// How long attempts of several commands have taken, by the meaning of their stages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times(pub(crate) BTreeMap<Digest, Pace>);

impl Times {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the attempts of others.
    pub fn merge(&mut self, other: &Self) {
        for (meaning, pace) in &other.0 {
            self.0.entry(*meaning).or_default().merge(pace);
        }
    }
}

/// The bucket of a time in milliseconds.
fn bucket(ms: u64) -> u16 {
    let ms = ms.max(1);
    let octave = ms.ilog2();
    let within = if octave >= BITS {
        ms >> (octave - BITS)
    } else {
        ms << (BITS - octave)
    };
    let index = u64::from(octave) * PER_OCTAVE + within % PER_OCTAVE;
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// The longest time of a bucket, in milliseconds.
fn longest_in(bucket: u16) -> u64 {
    let octave = u32::from(bucket) >> BITS;
    let within = PER_OCTAVE + u64::from(bucket) % PER_OCTAVE;
    if octave < BITS {
        return within >> (BITS - octave);
    }
    let next = u128::from(within + 1) << (octave - BITS);
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Pace, bucket, longest_in};

    fn pace(ms: &[u64]) -> Pace {
        let mut pace = Pace::default();
        ms.iter().for_each(|ms| pace.add(ms * 1000));
        pace
    }

    #[test]
    fn equal_attempts_have_no_spread() {
        let pace = pace(&[3_600_000; 40]);
        assert_eq!(pace.mean_us(), Some(3_600_000_000));
        for risk_ppm in [1, 50_000, 100_000, 500_000] {
            assert_eq!(pace.quantile_ms(risk_ppm), 3_600_000);
        }
    }

    #[test]
    fn a_tenth_of_a_hundred_attempts_is_longer_than_the_ninetieth() {
        let times: Vec<u64> = (1..=99).map(|minutes| minutes * 60_000).collect();
        let p90 = pace(&times).quantile_ms(100_000);
        assert!((90 * 60_000..=96 * 60_000).contains(&p90), "{p90}");
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_times_and_is_narrow(ms in 1_u64..1 << 50) {
            let longest = longest_in(bucket(ms));
            prop_assert!(longest >= ms);
            prop_assert!(longest - ms <= ms / 16);
            prop_assert!(bucket(longest) == bucket(ms) && bucket(longest + 1) > bucket(ms));
        }

        #[test]
        fn merged_paces_are_the_pace_of_all(
            some in prop::collection::vec(1_u64..100_000_000, 0..40),
            others in prop::collection::vec(1_u64..100_000_000, 0..40),
        ) {
            let mut merged = pace(&some);
            merged.merge(&pace(&others));
            prop_assert_eq!(merged, pace(&[some, others].concat()));
        }

        #[test]
        fn a_quantile_is_that_of_the_sorted_times_and_falls_with_the_risk(
            mut times in prop::collection::vec(1_u64..100_000_000, 1..60),
            risk_ppm in 1_u64..1_000_000,
            more_ppm in 0_u64..1_000_000,
        ) {
            let pace = pace(&times);
            times.sort_unstable();
            let n = u64::try_from(times.len()).unwrap();
            let rank = (n + 1 - (n + 1) * risk_ppm / 1_000_000).clamp(1, n);
            let exact = times[usize::try_from(rank).unwrap() - 1];
            let found = pace.quantile_ms(risk_ppm);
            prop_assert!(found >= exact && found <= exact + exact / 16, "{found} for {exact}");
            prop_assert!(pace.quantile_ms(risk_ppm + more_ppm) <= found);
        }
    }
}
