//! Reports events to an observer, no more often than they can be read.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use sunward_core::{Fact, RunId, RunStatus, StageId, State, TaskId, Timestamp};
use tracing::Span;

use crate::event::Event;

/// Called with an event and the current state.
pub type Observer<'o> = dyn FnMut(&Event<'_>, &State) + 'o;

/// The observer, and when progress was last reported.
pub(crate) struct ThrottledObserver<'a, 'o> {
    run: RunId,
    observer: &'a mut Observer<'o>,
    every: Duration,
    told: Option<Instant>,
    changed: bool,
    /// Tracing spans of the stages in progress.
    spans: BTreeMap<StageId, Span>,
    /// By stage: the start that was last reported.
    deferred: BTreeMap<StageId, Timestamp>,
    /// True after the observer panicked. It gets no more events, and the run continues.
    is_broken: bool,
}

impl<'a, 'o> ThrottledObserver<'a, 'o> {
    pub(crate) const fn new(run: RunId, observer: &'a mut Observer<'o>, every: Duration) -> Self {
        Self {
            run,
            observer,
            every,
            told: None,
            changed: false,
            spans: BTreeMap::new(),
            deferred: BTreeMap::new(),
            is_broken: false,
        }
    }

    /// Reports one event at once.
    pub(crate) fn tell(&mut self, event: &Event<'_>, state: &State) {
        if self.is_broken {
            return;
        }
        let observer = &mut self.observer;
        if catch_unwind(AssertUnwindSafe(|| observer(event, state))).is_err() {
            self.is_broken = true;
            tracing::error!("showing progress failed unexpectedly; the run continues without it");
        }
    }

    /// Reports that the run starts or continues.
    pub(crate) fn began(&mut self, state: &State) {
        let run = self.run;
        self.tell(&Event::Began { run }, state);
    }

    /// Reports pending progress, then the run's end.
    pub(crate) fn ended(&mut self, status: RunStatus, state: &State) {
        let run = self.run;
        tracing::info!(%run, ?status, "run ended");
        self.tell(&Event::Progress, state);
        self.tell(&Event::Ended { run, status }, state);
        self.changed = false;
    }

    /// Handles a fact: failures are reported at once, everything else counts as progress.
    pub(crate) fn note(&mut self, fact: &Fact, state: &State, now: Timestamp) {
        self.changed = true;
        match fact {
            Fact::Resolved { stage, .. } => {
                self.open(*stage, state);
                self.see_deferred(*stage, state, now);
            }
            Fact::LookedUp { stage, .. } | Fact::Placed { stage, .. } => {
                self.see_deferred(*stage, state, now);
            }
            Fact::RunEnded { .. } => self.spans.clear(),
            Fact::Failed {
                run,
                stage,
                index,
                failure,
                retry_at,
                ..
            } => {
                let task = TaskId {
                    run: *run,
                    stage: *stage,
                    index: *index,
                };
                let span = self.spans.get(stage).cloned().unwrap_or(Span::none());
                tracing::warn!(parent: &span, %run, index, kind = ?failure.kind, "attempt failed");
                let retry_at = *retry_at;
                self.tell(
                    &Event::Failed {
                        task,
                        failure,
                        retry_at,
                    },
                    state,
                );
            }
            Fact::Unresolvable {
                run,
                stage,
                failure,
            } => {
                tracing::warn!(%run, stage = stage.0, "stage cannot start");
                let (run, stage) = (*run, *stage);
                self.tell(
                    &Event::Unresolvable {
                        run,
                        stage,
                        failure,
                    },
                    state,
                );
            }
            _ => {}
        }
    }

    /// Reports that a stage waits for its start: once, and again when the start has moved.
    fn see_deferred(&mut self, id: StageId, state: &State, now: Timestamp) {
        let Some(stage) = state.run(self.run).and_then(|run| run.stage(id)) else {
            return;
        };
        let (Some(until), Some(placement)) = (stage.deferred_until(), stage.placement()) else {
            return;
        };
        let slot_ms = state.outlook().map_or(0, |outlook| outlook.slot_ms);
        if is_news(self.deferred.get(&id).copied(), until, now, slot_ms) {
            self.deferred.insert(id, until);
            tracing::info!(stage = stage.name(), until = until.0, "deferred");
            let stage = id;
            self.tell(
                &Event::Deferred {
                    stage,
                    until,
                    placement,
                },
                state,
            );
        }
    }

    /// Opens a stage's span, which lasts until the stage ends.
    fn open(&mut self, stage: StageId, state: &State) {
        let view = state.run(self.run).and_then(|run| run.stage(stage));
        if let Some(view) = view {
            let tasks = view.task_count().unwrap_or_default();
            let span = tracing::info_span!("stage", name = view.name(), tasks);
            self.spans.insert(stage, span);
        }
    }

    /// Closes the spans of stages that have ended.
    fn close_ended(&mut self, state: &State) {
        let Some(run) = state.run(self.run) else {
            return;
        };
        self.spans
            .retain(|stage, _| run.stage(*stage).is_some_and(|view| view.end().is_none()));
    }

    /// Reports progress if there is any and it is time.
    pub(crate) fn progress(&mut self, state: &State) {
        if self.due_in() == Some(Duration::ZERO) {
            self.changed = false;
            self.told = Some(Instant::now());
            self.close_ended(state);
            self.tell(&Event::Progress, state);
        }
    }

    /// The time until progress is reported, if there is any.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        if !self.changed {
            return None;
        }
        Some(self.told.map_or(Duration::ZERO, |told| {
            self.every.saturating_sub(told.elapsed())
        }))
    }
}

/// The least wait worth reporting, as a fraction of a slot.
const WAIT_FRACTION: u64 = 10;

/// Whether a stage's wait is worth reporting: it is longer than a moment, and its start is at least
/// a slot away from the last reported one.
fn is_news(told: Option<Timestamp>, until: Timestamp, now: Timestamp, slot_ms: u64) -> bool {
    let waits = until.since_ms(now) > slot_ms / WAIT_FRACTION;
    waits && told.is_none_or(|told| told.0.abs_diff(until.0) >= slot_ms.max(1))
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, is_news};

    const SLOT_MS: u64 = 900_000;

    #[test]
    fn a_wait_is_told_once_and_again_when_it_moves_by_a_slot() {
        let (now, until) = (Timestamp(SLOT_MS * 100), Timestamp(SLOT_MS * 110));
        assert!(is_news(None, until, now, SLOT_MS));
        assert!(!is_news(Some(until), until, now, SLOT_MS), "the same again");
        let almost = Timestamp(until.0 + SLOT_MS - 1);
        assert!(!is_news(Some(until), almost, now, SLOT_MS));
        let earlier = Timestamp(until.0 - SLOT_MS);
        assert!(is_news(Some(until), earlier, now, SLOT_MS));
        assert!(is_news(Some(until), until.after_ms(SLOT_MS), now, SLOT_MS));
    }

    #[test]
    fn what_begins_at_once_does_not_wait() {
        let now = Timestamp(SLOT_MS * 100 + 7_000);
        assert!(!is_news(None, now, now, SLOT_MS));
        assert!(!is_news(None, now.after_ms(400), now, SLOT_MS));
        assert!(!is_news(None, Timestamp(now.0 - 1), now, SLOT_MS));
        assert!(is_news(None, now.after_ms(SLOT_MS / 2), now, SLOT_MS));
    }
}
