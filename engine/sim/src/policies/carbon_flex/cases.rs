//! What was done in states like the present one.

/// How many of the nearest cases are averaged.
const NEAREST: usize = 5;

/// The fewest cases from which anything is said: those of two days.
const ENOUGH: usize = 48;

/// The features of an hour at one home, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The share of the next day's hours that are cleaner than this one.
    pub(super) rank_permille: u64,
    /// The intensity now, relative to the mean of the next day.
    pub(super) ratio_permille: u64,
    /// How much of the time until their deadlines the waiting jobs need.
    pub(super) urgency_permille: u64,
}

impl State {
    fn distance(self, other: Self) -> u64 {
        let square = |one: u64, other: u64| one.abs_diff(other).pow(2);
        square(self.rank_permille, other.rank_permille)
            + square(self.ratio_permille, other.ratio_permille)
            + square(self.urgency_permille, other.urgency_permille)
    }
}

/// What the oracle did in a state: the share of the waiting work's width that it ran, in thousandths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) state: State,
    pub(super) permille: u64,
}

/// All cases that were learned.
#[derive(Clone, Debug, Default)]
pub(super) struct Cases(Vec<Case>);

impl Cases {
    pub(super) const fn new(cases: Vec<Case>) -> Self {
        Self(cases)
    }

    /// The mean of the nearest cases; of equally near ones the older come first. `None` if there are
    /// too few.
    pub(super) fn nearest(&self, state: State) -> Option<u64> {
        if self.0.len() < ENOUGH {
            return None;
        }
        let near = self.0.iter().enumerate();
        let near = near.map(|(at, case)| (case.state.distance(state), at, case.permille));
        let mut near: Vec<(u64, usize, u64)> = near.collect();
        near.select_nth_unstable(NEAREST - 1);
        let sum: u64 = near.iter().take(NEAREST).map(|(_, _, share)| *share).sum();
        Some(sum / u64::try_from(NEAREST).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, Cases, ENOUGH, State};

    #[test]
    fn the_nearest_are_averaged_once_there_are_enough() {
        let case = |rank: u64| Case {
            state: State {
                rank_permille: rank * 20,
                ..State::default()
            },
            permille: 1000 - rank * 20,
        };
        let all: Vec<Case> = (0..48).map(case).collect();
        let state = State {
            rank_permille: 500,
            ..State::default()
        };
        assert_eq!(Cases::new(all.clone()).nearest(state), Some(500));
        assert_eq!(Cases::new(all[1..ENOUGH].to_vec()).nearest(state), None);
    }
}
