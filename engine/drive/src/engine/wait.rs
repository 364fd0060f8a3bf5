//! Waits for the next arrival.

use std::time::Duration;

use sunward_core::next_wakeup;

use super::{Engine, IDLE};
use crate::inbox::Arrival;

impl Engine<'_, '_> {
    /// Waits for the next arrival, or until something is due.
    pub(super) fn wait(&mut self) -> Option<Arrival> {
        let arrived = self.inbox.try_next();
        if arrived.is_some() {
            return arrived;
        }
        let look = self.watch.as_ref().and_then(|watch| watch.next());
        let due = next_wakeup(&self.state).into_iter().chain(look).min();
        if let Some(due) = due
            && !self.awaits_an_answer()
        {
            self.clock.idle_until(due);
        }
        let mut patience = IDLE;
        if let Some(due) = due {
            patience = patience.min(self.clock.real(due.since_ms(self.clock.now())));
        }
        if let Some(due) = self.observer.due_in() {
            patience = patience.min(due);
        }
        let looked = self.requests_looked_at.elapsed();
        patience = patience.min(self.limits.requests_every.saturating_sub(looked));
        // Waits at least a millisecond. Otherwise the loop would spin if a moment has almost come.
        self.inbox
            .next_within(patience.max(Duration::from_millis(1)))
    }

    /// Whether one of the loop's own threads is at work. Its answer will arrive.
    fn awaits_an_answer(&self) -> bool {
        self.writer.is_busy()
            || self.questions.is_busy()
            || self.solver.is_busy()
            || self.watch.as_ref().is_some_and(|watch| watch.is_looking())
    }
}
