//! Energy by pool and quarter of an hour. Carbon is derived from it again when measured intensities
//! replace forecasts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::pool::PoolId;

/// A quarter of an hour in milliseconds. It is the finest step at which grids publish intensities
/// everywhere; 5-minute markets are averaged to it.
pub const QUARTER_MS: u64 = 900_000;

/// A quarter of an hour, counted from 1970-01-01T00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Quarter(pub u32);

impl Quarter {
    /// The quarter that contains a moment.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.0 / QUARTER_MS).unwrap_or(u32::MAX))
    }

    /// The start of the quarter.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp(u64::from(self.0) * QUARTER_MS)
    }
}

/// Energy by pool and quarter of an hour, in millijoules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarters(BTreeMap<(PoolId, Quarter), u64>);

impl Quarters {
    /// Adds `count` equal attempts that ran at the same time, with `each` millijoules of energy
    /// each.
    pub(crate) fn add(
        &mut self,
        pool: PoolId,
        began: Timestamp,
        wall_us: u64,
        each: u64,
        count: u64,
    ) {
        for (quarter, millijoules) in split(began, wall_us, each) {
            let sum = self.0.entry((pool, quarter)).or_default();
            *sum = sum.saturating_add(millijoules.saturating_mul(count));
        }
    }

    /// Adds the energy of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (at, millijoules) in &other.0 {
            let sum = self.0.entry(*at).or_default();
            *sum = sum.saturating_add(*millijoules);
        }
    }

    /// Each pool and quarter with its energy in millijoules, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (PoolId, Quarter, u64)> + '_ {
        self.0
            .iter()
            .map(|((pool, quarter), millijoules)| (*pool, *quarter, *millijoules))
    }

    /// The total energy, in millijoules.
    #[must_use]
    pub fn millijoules(&self) -> u64 {
        self.0.values().fold(0, |sum, one| sum.saturating_add(*one))
    }

    /// Whether no energy is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Splits the energy of one attempt over the quarters that it ran in, in proportion to its time in
/// each. Each part is a difference of rounded running sums, so the parts add up exactly to the
/// whole.
pub fn split(
    began: Timestamp,
    wall_us: u64,
    millijoules: u64,
) -> impl Iterator<Item = (Quarter, u64)> {
    let began_us = u128::from(began.0) * 1000;
    let ended_us = began_us + u128::from(wall_us);
    let first = Quarter::of(began);
    // An attempt that ends with a quarter has no part in the next.
    let last_us = ended_us.saturating_sub(1).max(began_us);
    let last = Quarter::of(Timestamp(u64::try_from(last_us / 1000).unwrap_or(u64::MAX)));
    let up_to = move |quarter: Quarter| -> u64 {
        if quarter >= last {
            return millijoules;
        }
        let end_us = (u128::from(quarter.0) + 1) * u128::from(QUARTER_MS) * 1000;
        let share =
            u128::from(millijoules) * end_us.saturating_sub(began_us) / u128::from(wall_us.max(1));
        u64::try_from(share).unwrap_or(millijoules)
    };
    (first.0..=last.0).map(Quarter).map(move |quarter| {
        let before = if quarter > first {
            up_to(Quarter(quarter.0 - 1))
        } else {
            0
        };
        (quarter, up_to(quarter) - before)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{QUARTER_MS, Quarter, Quarters, split};
    use crate::ids::Timestamp;
    use crate::pool::PoolId;

    #[test]
    fn an_attempt_across_two_quarters_counts_in_each_by_its_time_there() {
        let began = Timestamp(10 * QUARTER_MS - 300_000);
        let parts: Vec<_> = split(began, 900_000_000, 900).collect();
        assert_eq!(parts, [(Quarter(9), 300), (Quarter(10), 600)]);
    }

    #[test]
    fn one_that_ends_with_a_quarter_has_no_part_in_the_next() {
        let parts: Vec<_> = split(Timestamp(0), QUARTER_MS * 1000, 7).collect();
        assert_eq!(parts, [(Quarter(0), 7)]);
    }

    #[test]
    fn one_that_took_no_time_counts_where_it_was() {
        assert_eq!(
            split(Timestamp(QUARTER_MS), 0, 5).collect::<Vec<_>>(),
            [(Quarter(1), 5)]
        );
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(
            began in 0_u64..10_000_000_000,
            wall_us in 0_u64..100_000_000_000,
            millijoules in 0_u64..1_000_000_000_000,
        ) {
            let parts: Vec<_> = split(Timestamp(began), wall_us, millijoules).collect();
            prop_assert_eq!(parts.iter().map(|(_, part)| part).sum::<u64>(), millijoules);
            prop_assert!(parts.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }

        #[test]
        fn equal_attempts_count_as_often_as_they_ran(count in 1_u64..50, wall_us in 0_u64..10_000_000_000) {
            let mut together = Quarters::default();
            together.add(PoolId(0), Timestamp(5), wall_us, 12_345, count);
            let mut apart = Quarters::default();
            for _ in 0..count {
                apart.add(PoolId(0), Timestamp(5), wall_us, 12_345, 1);
            }
            prop_assert_eq!(together, apart);
        }
    }
}
