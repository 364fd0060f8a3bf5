//! Lists across runs of what to do next. They are updated stage by stage as facts are applied, so
//! that deciding never looks at runs that wait.

use std::collections::BTreeSet;

use super::agenda::{Agenda, waits};
use super::lanes::{Lane, Lanes, Listing};
use super::placed::Asking;
use super::run::{RunState, Stopping};
use super::stage::Phase;
use super::{State, TaskStatus};
use crate::fact::RunStatus;
use crate::ids::{RunId, StageId, Timestamp};
use crate::place::{AskId, Why};
use crate::planning::gpus;
use crate::pool::PoolId;

impl State {
    /// Updates the lists with the stages of a run that changed.
    pub(crate) fn relist(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let mut touched = std::mem::take(&mut run.touched);
        touched.sort_unstable();
        touched.dedup();
        for stage in touched {
            relist_stage(run, stage, &mut self.agenda, &mut self.lanes);
            if let Some(ready) = run.ready_to_share(stage) {
                self.shared.note((id, stage), ready);
            }
        }
        if run.has_work() {
            self.stirred.insert(id);
        } else {
            self.stirred.remove(&id);
        }
        let budget = &run.spec.workflow.budget;
        if run.goes_on() && (budget.gco2e.is_some() || budget.kwh.is_some()) {
            self.budgeted.insert(id);
        } else {
            self.budgeted.remove(&id);
        }
        let wake = run.first_wake();
        if wake != run.wake {
            if let Some(old) = run.wake {
                self.wakes.remove(&(old, id));
            }
            self.wakes.extend(wake.map(|at| (at, id)));
            run.wake = wake;
        }
    }

    /// Updates the lists with all stages of all runs in progress.
    pub(crate) fn relist_all(&mut self) {
        for id in self.active.clone() {
            if let Some(run) = self.runs.get_mut(&id) {
                run.touch_all();
            }
            self.relist(id);
        }
    }
}

impl RunState {
    /// Whether the run is in progress and not being stopped.
    fn goes_on(&self) -> bool {
        self.status == RunStatus::Running && self.stopping.is_none()
    }

    /// The number of ready tasks of a stage that takes units of what all tasks share; `None` for
    /// any other stage.
    fn ready_to_share(&self, id: StageId) -> Option<u32> {
        let (planned, stage) = self.get(id)?;
        if planned.stage.resources.shared.is_empty() {
            return None;
        }
        let ends = !self.goes_on() || stage.phase != Phase::Open;
        Some(if ends { 0 } else { stage.ready.len() })
    }

    /// Whether something follows from the run without any input.
    fn has_work(&self) -> bool {
        self.status == RunStatus::Running
            && match self.stopping {
                Some(Stopping::Cancel) => self.active_tasks == 0,
                Some(Stopping::Interrupt | Stopping::Hold) => {
                    self.active_tasks == 0 || self.open_stages == 0
                }
                None => {
                    self.open_stages == 0
                        || !self.unblocked.is_empty()
                        || !self.askable.is_empty()
                        || !self.sharing.done.is_empty()
                }
            }
    }

    /// The earliest moment at which one of its tasks may be tried again.
    fn first_wake(&self) -> Option<Timestamp> {
        let first = self.backoffs.first().filter(|_| self.goes_on());
        first.map(|(due, _, _)| *due)
    }

    /// The lists that a stage belongs on.
    fn listing(&self, id: StageId, agenda: &Agenda) -> Option<Listing> {
        let (planned, stage) = self.get(id)?;
        if !self.goes_on() || matches!(stage.phase, Phase::Ended(_)) {
            return None;
        }
        let leasable = self.leasable.contains(&id);
        let gpus = gpus(&planned.stage.resources.gpus) > 0;
        if stage.from_cache || !agenda.governs(&self.spec, planned) {
            let lane = Lane {
                pool: None,
                gpus,
                follows: stage.to_come.is_some(),
            };
            return leasable.then(|| Listing {
                lanes: vec![lane],
                ..Listing::default()
            });
        }
        let placed = stage.placed.as_deref();
        let stands = stage.asking == Asking::No;
        let mut listing = Listing {
            wanted: stage.asking == Asking::Wanted && stage.not_begun(planned) > 0,
            movable: placed.is_none_or(super::placed::Placed::is_movable),
            ..Listing::default()
        };
        let Some(placed) = placed else {
            return Some(listing);
        };
        listing.each = placed.each;
        let active = stage.counts.of(TaskStatus::Active);
        listing.held = placed.held(stands, active);
        if leasable && stands {
            let open = placed.open_segments().filter(|(_, left)| *left > 0);
            let mut pools: Vec<PoolId> = open.map(|(pool, _)| pool).collect();
            pools.sort_unstable();
            pools.dedup();
            listing.lanes = pools
                .into_iter()
                .map(|pool| Lane {
                    pool: Some(pool),
                    gpus,
                    follows: false,
                })
                .collect();
            // A late stage whose upstream stages ended early has no reason to wait for its start.
            let hurries = !waits(&self.spec, planned) || placed.placement.why == Why::Late;
            let at_once = placed.early && placed.opened == 0 && hurries;
            listing.start = placed.next_start().or_else(|| self.next_look(id, agenda));
            if at_once && listing.start.is_some() {
                listing.start = Some(Timestamp::default());
            }
        }
        Some(listing)
    }

    /// The number of tasks of a stage that are leased or may still run.
    pub(crate) fn open_tasks(&self, id: StageId) -> u32 {
        self.get(id).map_or(0, |(planned, stage)| {
            let active = stage.counts.of(TaskStatus::Active);
            stage.not_begun(planned).saturating_add(active)
        })
    }
}

fn relist_stage(run: &mut RunState, id: StageId, agenda: &mut Agenda, lanes: &mut Lanes) {
    let new = run.listing(id, agenda).unwrap_or_default();
    let ask = AskId {
        run: run.id,
        stage: id,
    };
    let Some(stage) = run.stages.get_mut(id.place()) else {
        return;
    };
    if stage.listing == new {
        return;
    }
    let old = std::mem::take(&mut stage.listing);
    if old.lanes != new.lanes {
        for lane in &old.lanes {
            if let Some(list) = lanes.get_mut(lane) {
                list.remove(&(ask.run, id));
                if list.is_empty() {
                    lanes.remove(lane);
                }
            }
        }
        for lane in &new.lanes {
            lanes.entry(*lane).or_default().insert((ask.run, id));
        }
    }
    if old.start != new.start {
        old.start.map(|at| agenda.starts.remove(&(at, ask)));
        agenda.starts.extend(new.start.map(|at| (at, ask)));
    }
    list(&mut agenda.wanted, ask, new.wanted);
    list(&mut agenda.movable, ask, new.movable);
    if old.held != new.held || old.each != new.each {
        agenda.promise(&old.held, old.each, false);
        agenda.promise(&new.held, new.each, true);
        old.end().map(|at| agenda.ends.remove(&(at, ask)));
        agenda.ends.extend(new.end().map(|at| (at, ask)));
    }
    stage.listing = new;
}

fn list(list: &mut BTreeSet<AskId>, id: AskId, belongs: bool) {
    if belongs {
        list.insert(id);
    } else {
        list.remove(&id);
    }
}
