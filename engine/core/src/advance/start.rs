//! Starts placed stages, and drops placements that were made for another time.

use crate::fact::Fact;
use crate::ids::Timestamp;
use crate::order::Step;
use crate::place::AskId;
use crate::state::State;

/// The most stages handled in one step.
const BATCH: usize = 4096;

/// Opens the segments whose start has come.
///
/// A stage that becomes ready a slot or more after its planned start is placed again. So is a stage
/// that becomes ready a slot or more before its start and need not wait. In both cases what was
/// known when it was placed has changed. A stage that was placed when it was already ready begins
/// at its planned start.
pub(super) fn start(state: &State, now: Timestamp, step: &mut Step) {
    let Some(outlook) = &state.agenda.outlook else {
        return;
    };
    let due = state.agenda.starts.iter();
    for &(look_at, ask) in due.take_while(|(at, _)| *at <= now).take(BATCH) {
        let Some((early, start)) = next(state, ask) else {
            continue;
        };
        let is_late = now.since_ms(start) >= outlook.slot_ms;
        let is_ahead = look_at == Timestamp::default() && start.since_ms(now) >= outlook.slot_ms;
        let (run, stage) = (ask.run, ask.stage);
        step.facts.push(if early && (is_late || is_ahead) {
            let at = now;
            Fact::PlacementLapsed { run, stage, at }
        } else {
            let at = now;
            Fact::StartCame { run, stage, at }
        });
    }
}

/// Whether the stage was placed before it was ready, and the start of its next segment.
fn next(state: &State, ask: AskId) -> Option<(bool, Timestamp)> {
    let (_, stage) = state.runs.get(&ask.run)?.get(ask.stage)?;
    let placed = stage.placed.as_deref()?;
    Some((placed.early && placed.opened == 0, placed.next_start()?))
}
