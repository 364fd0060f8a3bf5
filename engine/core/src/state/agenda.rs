//! The data that placement uses: pools, the outlook, stages to place, and reservations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::curtailed::Curtailed;
use super::pace::{Pace, Times};
use crate::digest::Digest;
use crate::ids::Timestamp;
use crate::place::{Arrivals, AskId, Outlook, Reserved, Segment, Taken};
use crate::plan::{PlannedStage, RunSpec};
use crate::pool::{Fleet, PoolId};

/// The data that placement uses. All of it follows from facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Agenda {
    /// The fleet; `None` until it is known.
    pub(crate) fleet: Option<Arc<Fleet>>,
    /// The newest outlook. It is forgotten when an engine starts, since that engine may have no
    /// forecast feed.
    pub(crate) outlook: Option<Arc<Outlook>>,
    /// Pools whose workers have all left. A stage is placed there only if there is no other choice,
    /// until a worker is back.
    pub(crate) deserted: BTreeSet<PoolId>,
    /// Stages that are part of the next problem.
    pub(crate) wanted: BTreeSet<AskId>,
    /// Stages of the problem that is being solved, with their number of tasks.
    pub(crate) solving: BTreeMap<AskId, u32>,
    /// The moment at which that problem's outlook was issued.
    pub(crate) solving_on: Timestamp,
    /// Stages that a new outlook can still move.
    pub(crate) movable: BTreeSet<AskId>,
    /// Ready stages whose next segment is not open yet, by the moment to look at them. That is the
    /// segment's start, or 0 for a stage that need not wait for it.
    pub(crate) starts: BTreeSet<(Timestamp, AskId)>,
    /// Stages that hold reservations, by their expected end.
    pub(crate) ends: BTreeSet<(Timestamp, AskId)>,
    /// The capacity of pools that placed stages have reserved, by slot.
    pub(crate) reserved: Arc<Reserved>,
    /// The work that arrived within the last day.
    pub(crate) arrivals: Arrivals,
    /// GPU-milliseconds used by each project.
    pub(crate) used: BTreeMap<String, u64>,
    /// How long attempts of stages with this meaning took. The estimate for later stages is their
    /// mean, and the margin follows from their spread.
    pub(crate) paces: Times,
    /// The same of archived runs.
    pub(crate) archived_paces: Times,
    /// What grid operators ask of pools.
    pub(crate) curtailed: Curtailed,
    /// Places every stage, even one without a choice of where or when. Used for previews; never
    /// journaled.
    #[serde(skip)]
    pub(crate) asks_of_all: bool,
}

impl Agenda {
    /// Whether a stage is placed: the fleet and an outlook are known, and there is a choice of
    /// where or when.
    pub(crate) fn governs(&self, spec: &RunSpec, planned: &PlannedStage) -> bool {
        let (Some(fleet), Some(_)) = (&self.fleet, &self.outlook) else {
            return false;
        };
        planned.selected && (self.asks_of_all || fleet.pools.len() > 1 || waits(spec, planned))
    }

    /// How long attempts of stages with this meaning took, those of archived runs included.
    pub(crate) fn pace(&self, meaning: Digest) -> Option<Pace> {
        let mut known = [&self.archived_paces, &self.paces]
            .into_iter()
            .filter_map(|times| times.0.get(&meaning));
        let mut pace = known.next()?.clone();
        known.for_each(|more| pace.merge(more));
        Some(pace)
    }

    /// Reserves the capacity of a stage's segments, or releases it if `holds` is false.
    pub(crate) fn promise(&mut self, segments: &[Segment], each: Taken, holds: bool) {
        let slot_ms = match &self.outlook {
            Some(outlook) if outlook.slot_ms > 0 => outlook.slot_ms,
            Some(_) | None => return,
        };
        let first_kept = self
            .outlook
            .as_ref()
            .map_or(0, |outlook| outlook.first_slot);
        for segment in segments {
            let at_once = segment.at_once.min(segment.tasks);
            let slots = (segment.start.0 / slot_ms).max(first_kept)
                ..segment.end.0.div_ceil(slot_ms).max(first_kept);
            if at_once == 0 || slots.is_empty() {
                continue;
            }
            let reserved = Arc::make_mut(&mut self.reserved);
            let place = segment.pool.place();
            if reserved.pools.len() <= place {
                reserved.pools.resize(place + 1, BTreeMap::new());
            }
            let Some(pool) = reserved.pools.get_mut(place) else {
                continue;
            };
            for slot in slots {
                if holds {
                    add(pool.entry(slot).or_default(), each, at_once);
                } else if let Some(taken) = pool.get_mut(&slot) {
                    subtract(taken, each, at_once);
                    if *taken == Taken::default() {
                        pool.remove(&slot);
                    }
                }
            }
        }
    }

    /// Drops reservations before a slot.
    pub(crate) fn trim(&mut self, first_slot: u64) {
        let stale = |pool: &BTreeMap<u64, Taken>| {
            pool.first_key_value()
                .is_some_and(|(slot, _)| *slot < first_slot)
        };
        if self.reserved.pools.iter().any(stale) {
            for pool in &mut Arc::make_mut(&mut self.reserved).pools {
                *pool = pool.split_off(&first_slot);
            }
        }
    }
}

/// Whether a stage may wait for a better hour: it has a deadline or a `max_delay`, and the user did
/// not pass `--now`.
pub(crate) const fn waits(spec: &RunSpec, planned: &PlannedStage) -> bool {
    let (stage, workflow) = (&planned.stage.place, &spec.workflow.place);
    !spec.placing.at_once
        && (stage.deadline_ms.is_some()
            || stage.max_delay_ms.is_some()
            || workflow.deadline_ms.is_some()
            || workflow.max_delay_ms.is_some())
}

/// Adds the capacity of `tasks` tasks.
pub(crate) fn add(taken: &mut Taken, each: Taken, tasks: u32) {
    taken.gpus = taken.gpus.saturating_add(each.gpus.saturating_mul(tasks));
    taken.cpus = taken.cpus.saturating_add(each.cpus.saturating_mul(tasks));
    let milliwatts = each.milliwatts.saturating_mul(u64::from(tasks));
    taken.milliwatts = taken.milliwatts.saturating_add(milliwatts);
}

fn subtract(taken: &mut Taken, each: Taken, tasks: u32) {
    taken.gpus = taken.gpus.saturating_sub(each.gpus.saturating_mul(tasks));
    taken.cpus = taken.cpus.saturating_sub(each.cpus.saturating_mul(tasks));
    let milliwatts = each.milliwatts.saturating_mul(u64::from(tasks));
    taken.milliwatts = taken.milliwatts.saturating_sub(milliwatts);
}
