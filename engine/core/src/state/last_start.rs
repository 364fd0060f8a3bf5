//! The last start of a stage whose machines may be taken when its start comes.

use super::agenda::{Agenda, waits};
use super::run::RunState;
use super::stage::Phase;
use crate::ids::{StageId, Timestamp};

impl RunState {
    /// The last moment at which a ready stage can begin where it is placed, and keep its `max_delay`
    /// and its deadline with its margin. `None` if it does not wait, or some of it has begun.
    pub(crate) fn last_start(&self, id: StageId) -> Option<Timestamp> {
        let (planned, stage) = self.get(id)?;
        let placed = stage.placed.as_deref()?;
        let has_begun = placed.used.iter().any(|used| *used > 0);
        if stage.phase != Phase::Open || has_begun || !waits(&self.spec, planned) {
            return None;
        }
        let (own, all) = (&planned.stage.place, &self.spec.workflow.place);
        let delay_ms = own.max_delay_ms.or(all.max_delay_ms);
        let by_delay = delay_ms.map(|ms| stage.ready_at.after_ms(ms));
        let placement = &placed.placement;
        let length_ms = placement.end()?.since_ms(placement.start()?);
        let left_ms = length_ms.saturating_add(placement.timing.margin.ms);
        let due_ms = own.deadline_ms.into_iter().chain(all.deadline_ms).min();
        let due = due_ms.map(|ms| self.submitted_at.after_ms(ms));
        let by_due = due.map(|due| Timestamp(due.0.saturating_sub(left_ms)));
        by_delay.into_iter().chain(by_due).min()
    }

    /// When room is looked for again, if the stage has none where it is placed: at its last start,
    /// and in each slot after it.
    pub(crate) fn next_look(&self, id: StageId, agenda: &Agenda) -> Option<Timestamp> {
        let (_, stage) = self.get(id)?;
        let decided_at = stage.placed.as_deref()?.placement.decided_at;
        let last = self.last_start(id)?;
        if last > decided_at {
            return Some(last);
        }
        let slot_ms = agenda.outlook.as_ref()?.slot_ms.max(1);
        Some(decided_at.after_ms(slot_ms))
    }
}
