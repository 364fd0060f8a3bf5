//! The order of places and times by an ask's goals.
//!
//! A goal decides only between figures that differ by more than 5 % of the best one; else later
//! goals decide, and emissions last. Comparing two places at a time would not be an order: of three
//! places, each may be within 5 % of the next. So the best figure of all places comes first
//! ([`Bands`]), and figures within 5 % of it count as it ([`Rank`]). Ranks add up, so stages that are
//! planned together, and rounds of an array, are compared in the same way as one stage.

use super::ask::{Ask, Prefer};
use super::board::Board;
use crate::pool::PoolId;

/// Two figures count as equal in a goal when they differ by at most a twentieth (5 %). Otherwise the
/// first goal would always decide, and the later ones never.
const WITHIN: u64 = 20;

/// The number of goals there are, so the longest list.
const GOALS: usize = 5;

/// The figures of a place and time, by goal. Lower is better.
pub(crate) type Figures = [u64; GOALS];

/// An ask's goals, most important first. Emissions decide in the end anyway, so they are left out
/// at the end of the list.
pub(crate) fn goals(ask: &Ask) -> &[Prefer] {
    let mut goals = ask.prefer.as_slice();
    while let Some((Prefer::Carbon, rest)) = goals.split_last() {
        goals = rest;
    }
    goals.get(..GOALS).unwrap_or(goals)
}

/// Whether emissions alone decide.
pub(crate) fn are_carbon(ask: &Ask) -> bool {
    goals(ask).is_empty()
}

/// Whether the earliest end decides first. Such an ask never waits.
pub(crate) fn are_time_first(ask: &Ask) -> bool {
    goals(ask).first() == Some(&Prefer::Time)
}

/// Some tasks of an ask in one pool, at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) pool: PoolId,
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
    pub(crate) tasks: u32,
    /// Its emissions as they are compared; see [`super::choice::Block`].
    pub(crate) compared: u64,
}

impl Spot {
    /// Its figures by an ask's goals, for an ask that is ready at `ready_ms`.
    pub(crate) fn figures(&self, board: &Board, ask: &Ask, ready_ms: u64) -> Figures {
        let mut figures = [0; GOALS];
        for (figure, goal) in figures.iter_mut().zip(goals(ask)) {
            *figure = self.figure(board, ask, ready_ms, *goal);
        }
        figures
    }

    fn figure(&self, board: &Board, ask: &Ask, ready_ms: u64, goal: Prefer) -> u64 {
        let (start_ms, end_ms) = (self.start_ms, self.end_ms);
        let tasks = u64::from(self.tasks);
        match goal {
            Prefer::Carbon => self.compared,
            Prefer::Surplus => self.outside(board, ask, board.surplus(self.pool, start_ms, end_ms)),
            Prefer::Idle => self.outside(board, ask, board.idle(ask, self.pool, start_ms, end_ms)),
            Prefer::Time => end_ms.saturating_sub(ready_ms).saturating_mul(tasks),
            Prefer::Cost => {
                let gpu_ms = u128::from(ask.task_ms) * u128::from(tasks) * u128::from(ask.gpus);
                let price = gpu_ms.saturating_mul(u128::from(board.price_micros(self.pool)));
                u64::try_from(price / 3_600_000).unwrap_or(u64::MAX)
            }
        }
    }

    /// The task time that lies outside of some slots, of which this many are inside the spot.
    fn outside(&self, board: &Board, ask: &Ask, inside: u32) -> u64 {
        let length_ms = self.end_ms.saturating_sub(self.start_ms);
        let slots = length_ms.div_ceil(board.slot_ms).max(1);
        let outside = 1000 - (u64::from(inside) * 1000 / slots).min(1000);
        let all = ask.task_ms.saturating_mul(u64::from(self.tasks));
        all.saturating_mul(outside) / 1000
    }
}

/// Whether one total is better than another in a goal in which they differ by more than 5 %; `None`
/// if they do not differ so in any.
pub(crate) fn decide(one: &Figures, other: &Figures) -> Option<bool> {
    let pairs = one.iter().zip(other);
    let mut apart = pairs.filter(|(one, other)| {
        let least = *(*one).min(*other);
        one.abs_diff(**other) > least / WITHIN
    });
    apart.next().map(|(one, other)| one < other)
}

/// For each goal, the best figure and the highest one that counts as it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bands([(u64, u64); GOALS]);

impl Default for Bands {
    fn default() -> Self {
        Self([(0, u64::MAX); GOALS])
    }
}

impl Bands {
    /// The bands of all places and times that there are. Of those that are best in one goal, the
    /// best in the next goal decides where the next band is.
    pub(crate) fn of(ask: &Ask, all: &[Figures]) -> Self {
        let mut bands = Self::default();
        for level in 0..goals(ask).len() {
            let best = all.iter().filter(|figures| bands.hold(figures));
            if let Some(least) = best.map(|figures| figures[level]).min() {
                bands.0[level] = (least, least.saturating_add(least / WITHIN));
            }
        }
        bands
    }

    fn hold(&self, figures: &Figures) -> bool {
        let mut pairs = figures.iter().zip(&self.0);
        pairs.all(|(one, (_, most))| one <= most)
    }

    /// The rank of a spot. A figure below the band stays: the spot is worse in an earlier goal, and
    /// is compared with others that are.
    pub(crate) fn rank(&self, figures: &Figures, compared: u64) -> Rank {
        let mut figures = *figures;
        for (figure, (least, most)) in figures.iter_mut().zip(&self.0) {
            if (*least..=*most).contains(figure) {
                *figure = *least;
            }
        }
        Rank { figures, compared }
    }
}

/// How good a place and time is: its figure in each goal, then its emissions. Lower is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) figures: Figures,
    pub(crate) compared: u64,
}

/// What placing work costs: emissions alone for asks without other goals, which is the usual case
/// and the fastest, or a [`Rank`].
pub(crate) trait Cost: Copy + Ord {
    /// The cost of nothing.
    const NOTHING: Self;
    /// More than anything costs. It exceeds any real cost, and a sum over 4096 stages does not
    /// saturate.
    const NO_ROOM: Self;

    /// The cost of a spot of an ask that is ready at `ready_ms`.
    fn of(board: &Board, ask: &Ask, bands: &Bands, ready_ms: u64, spot: &Spot) -> Self;

    /// Both together.
    fn and(self, other: Self) -> Self;

    /// An equal share of it.
    fn shared(self, among: u64) -> Self;
}

impl Cost for u64 {
    const NOTHING: Self = 0;
    const NO_ROOM: Self = Self::MAX / 4096;

    fn of(_: &Board, _: &Ask, _: &Bands, _: u64, spot: &Spot) -> Self {
        spot.compared
    }

    fn and(self, other: Self) -> Self {
        self.saturating_add(other)
    }

    fn shared(self, among: u64) -> Self {
        self / among.max(1)
    }
}

impl Cost for Rank {
    const NOTHING: Self = Self {
        figures: [0; GOALS],
        compared: 0,
    };
    const NO_ROOM: Self = Self {
        figures: [u64::MAX / 4096; GOALS],
        compared: u64::MAX / 4096,
    };

    /// An ask that never waits costs nothing: it begins when it is ready, wherever others would
    /// like it to begin.
    fn of(board: &Board, ask: &Ask, bands: &Bands, ready_ms: u64, spot: &Spot) -> Self {
        if are_time_first(ask) {
            return Self::NOTHING;
        }
        bands.rank(&spot.figures(board, ask, ready_ms), spot.compared)
    }

    fn and(self, other: Self) -> Self {
        let mut sum = self;
        for (one, more) in sum.figures.iter_mut().zip(other.figures) {
            *one = one.saturating_add(more);
        }
        sum.compared = sum.compared.saturating_add(other.compared);
        sum
    }

    fn shared(self, among: u64) -> Self {
        let among = among.max(1);
        Self {
            figures: self.figures.map(|figure| figure / among),
            compared: self.compared / among,
        }
    }
}
