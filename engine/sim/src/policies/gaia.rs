//! GAIA (Hanafy et al., ASPLOS '24): jobs stay at home and wait for a limited time. A job's length
//! is known only as the mean of its queue.
//!
//! Adaptations: there is one queue; its mean is that of all stages seen so far, since the paper
//! measures it on past jobs. The longest wait is what each stage's deadline allows. The paper's
//! cost model (reserved and spot machines) has no counterpart here. If all jobs are equally long,
//! Lowest-Window decides as `wait-awhile` does; the cost of not knowing lengths shows only where
//! lengths differ.

use std::collections::BTreeSet;

use sunward_core::place::{Ask, AskId};

use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};

/// A queue of jobs, of which only the mean length is known.
#[derive(Clone, Debug, Default)]
struct Queue {
    /// The asks that were counted.
    known: BTreeSet<AskId>,
    sum_ms: u128,
}

impl Queue {
    /// Counts asks that are new.
    fn join(&mut self, asks: &[Ask]) {
        for ask in asks {
            if self.known.insert(ask.id) {
                let rounds = u64::from(ask.tasks.div_ceil(ask.width.max(1)).max(1));
                let length_ms = ask.task_ms.max(1).saturating_mul(rounds);
                self.sum_ms += u128::from(length_ms);
            }
        }
    }

    /// The mean length in milliseconds.
    fn mean_ms(&self) -> u64 {
        let count = u128::try_from(self.known.len().max(1)).unwrap_or(1);
        u64::try_from(self.sum_ms / count)
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// The same start with the mean length.
    fn window(&self, spot: Spot) -> Spot {
        Spot {
            end_ms: spot.start_ms.saturating_add(self.mean_ms()),
            ..spot
        }
    }
}

/// The policy Lowest-Window: the start whose window of mean length is cleanest.
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

/// The policy Carbon-Time: the start that saves most carbon for each moment until the end. It
/// decides once: if it were asked again, it would delay a due stage for as long as any later start
/// is cleaner.
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
        // In thousandths, so that small savings remain distinguishable.
        let rate = u128::from(saved) * 1000 / u128::from(until_end_ms);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        Some((u64::MAX - rate, spot.start_ms))
    }
}
