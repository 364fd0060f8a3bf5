//! What grid operators ask of pools, how far each pool is restricted now, and how much power its
//! tasks take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::State;
use crate::curtailment::{Curtailment, Curtailments, Level};
use crate::estimate;
use crate::ids::{RunId, StageId, Timestamp};
use crate::plan::PlannedStage;
use crate::pool::PoolId;
use crate::state::RunState;

/// The curtailments, and what was done about them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Curtailed {
    pub(crate) known: Arc<Curtailments>,
    /// The pools that are restricted since `at`. All others are free.
    pub(crate) levels: BTreeMap<PoolId, Level>,
    pub(crate) at: Timestamp,
    /// When the levels change next.
    pub(crate) next: Option<Timestamp>,
    /// The runs of which stages are held back.
    pub(crate) held: BTreeSet<RunId>,
    /// Whether they were told to the engine that runs now. Otherwise an earlier one was told.
    pub(crate) is_confirmed: bool,
}

impl Curtailed {
    /// How far a pool is restricted.
    pub(crate) fn level(&self, pool: PoolId) -> Level {
        self.levels.get(&pool).copied().unwrap_or_default()
    }

    /// The pools that are restricted at a moment.
    pub(crate) fn levels_at(&self, at: Timestamp) -> BTreeMap<PoolId, Level> {
        let pools = self.known.pools().into_iter();
        let levels = pools.map(|pool| (pool, self.known.level(pool, at)));
        levels.filter(|(_, level)| !level.is_free()).collect()
    }

    /// Finds out when the levels change next: at once if they are not those of `at`, else at the first
    /// moment after it at which some pool is restricted otherwise.
    pub(crate) fn schedule(&mut self) {
        let is_due = |at: &Timestamp| self.levels_at(*at) != self.levels;
        let now = Some(self.at).filter(is_due);
        self.next = now.or_else(|| {
            let moments = self.known.changes_after(self.at);
            moments.into_iter().find(is_due)
        });
    }
}

impl State {
    /// What grid operators ask of pools, as far as it is known.
    #[must_use]
    pub fn curtailments(&self) -> &Curtailments {
        &self.agenda.curtailed.known
    }

    /// The power of the tasks that a pool's workers hold, in milliwatts. It is at least the power of
    /// those that run.
    #[must_use]
    pub fn power_held(&self, pool: PoolId) -> u64 {
        let workers = self.workers.values().filter(|worker| worker.pool == pool);
        let held = workers.flat_map(|worker| &worker.held);
        let power = held.filter_map(|((run, stage), count)| {
            let (planned, _) = self.runs.get(run)?.get(*stage)?;
            Some(
                self.power_of(planned, pool)
                    .saturating_mul(u64::from(*count)),
            )
        });
        power.fold(0, u64::saturating_add)
    }

    /// The power of one task of a stage in a pool, in milliwatts.
    pub(crate) fn power_of(&self, planned: &PlannedStage, pool: PoolId) -> u64 {
        estimate::each(&self.agenda, planned, &[pool]).milliwatts
    }

    /// The power that new tasks may take in a pool, in milliwatts; `None` without a cap.
    pub(crate) fn power_left(&self, pool: PoolId) -> Option<u64> {
        let cap = self.agenda.curtailed.level(pool).cap_milliwatts?;
        Some(cap.saturating_sub(self.power_held(pool)))
    }

    /// The curtailment that keeps a stage's ready tasks from being leased now, and its pool. For a
    /// stage without a placement, all pools that have a worker are restricted.
    pub(crate) fn held_back(&self, run: &RunState, id: StageId) -> Option<(PoolId, &Curtailment)> {
        let curtailed = &self.agenda.curtailed;
        if curtailed.levels.is_empty() {
            return None;
        }
        let (planned, stage) = run.get(id)?;
        let bars = |pool: PoolId| {
            let level = curtailed.level(pool);
            let left = self.power_left(pool);
            level.halted || left.is_some_and(|left| left < self.power_of(planned, pool))
        };
        let segments = stage.placed.iter().flat_map(|one| &one.placement.segments);
        let placed: Vec<PoolId> = segments.map(|one| one.pool).collect();
        let pools = if placed.is_empty() {
            self.workers.values().map(|worker| worker.pool).collect()
        } else {
            placed
        };
        let first = *pools.first()?;
        if !pools.into_iter().all(bars) {
            return None;
        }
        let why = curtailed.known.strictest(first, curtailed.at)?;
        Some((first, why))
    }
}
