//! GAIA (Hanafy et al., ASPLOS '24): at home, waiting no longer than allowed, for jobs whose length
//! is known only as their queue's mean.
//!
//! Adapted: there is one queue, and its mean is that of all stages it was ever asked about, as the
//! published one is measured on past jobs; the longest wait is what each one's deadline leaves. Its
//! cost model (reserved and spot machines) has no counterpart here.
//!
//! Jobs that are all equally long have their queue's mean, so Lowest-Window then decides as
//! `wait-awhile` does: what GAIA loses by not knowing lengths shows only where they differ.

use std::collections::BTreeSet;

use sunward_core::place::{Ask, AskId};

use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};

/// A queue, of which only the mean length is known.
#[derive(Clone, Debug, Default)]
struct Queue {
    /// What was counted already.
    known: BTreeSet<AskId>,
    sum_ms: u128,
}

impl Queue {
    /// Counts those that came.
    fn join(&mut self, asks: &[Ask]) {
        for ask in asks {
            if self.known.insert(ask.id) {
                let rounds = u64::from(ask.tasks.div_ceil(ask.width.max(1)).max(1));
                let length_ms = ask.task_ms.max(1).saturating_mul(rounds);
                self.sum_ms += u128::from(length_ms);
            }
        }
    }

    /// The mean length, in milliseconds.
    fn mean_ms(&self) -> u64 {
        let count = u128::try_from(self.known.len().max(1)).unwrap_or(1);
        u64::try_from(self.sum_ms / count)
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// The window that a job of mean length would have.
    fn window(&self, spot: Spot) -> Spot {
        Spot {
            end_ms: spot.start_ms.saturating_add(self.mean_ms()),
            ..spot
        }
    }
}

/// Lowest-Window: the start whose window of mean length is cleanest.
#[derive(Clone, Debug, Default)]
pub struct LowestWindow {
    queue: Queue,
}

impl Rule for LowestWindow {
    fn begin(&mut self, view: &View<'_>) {
        self.queue.join(&view.problem.asks);
    }

    fn rate(&self, view: &View<'_>, _turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        Some((view.window(self.queue.window(spot)), spot.start_ms))
    }
}

/// Carbon-Time: the start that saves most carbon for each moment until the end. It decides once:
/// asked again it would put off what comes due as long as any later start is cleaner.
#[derive(Clone, Debug, Default)]
pub struct CarbonTime {
    queue: Queue,
}

impl Rule for CarbonTime {
    fn begin(&mut self, view: &View<'_>) {
        self.queue.join(&view.problem.asks);
    }

    fn keeps(&self) -> bool {
        true
    }

    fn rate(&self, view: &View<'_>, turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        let window = |start_ms| {
            let from = turn.spot(spot.pool, start_ms);
            view.window(self.queue.window(from))
        };
        let saved = window(turn.ready_ms).saturating_sub(window(spot.start_ms));
        let wait_ms = spot.start_ms.saturating_sub(turn.ready_ms);
        let until_end_ms = wait_ms.saturating_add(self.queue.mean_ms()).max(1);
        // In thousandths, so that small savings can be told apart.
        let rate = u128::from(saved) * 1000 / u128::from(until_end_ms);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        Some((u64::MAX - rate, spot.start_ms))
    }
}
