//! What is true now: runs, their stages and tasks, and the workers. Only `apply` changes it.

pub(crate) mod agenda;
pub(crate) mod listing;
pub(crate) mod placed;
pub(crate) mod run;
pub(crate) mod sharing;
pub(crate) mod stage;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use run::RunState;
pub use stage::{StageEnd, TaskFailure};
pub use view::StageView;

use agenda::Agenda;
use listing::Lanes;

use crate::fact::RunStatus;
use crate::ids::{RunId, StageId, Timestamp, WorkerId};
use crate::input::{Capacity, Energy};
use crate::ledger::{Account, Carbon, Intensities, split};
use crate::place::Outlook;
use crate::pool::{Fleet, PoolId};
use crate::task::TaskStatus;

/// What is true now. It can be written whole as a snapshot; facts after it go on from there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(crate) runs: BTreeMap<RunId, RunState>,
    /// The newest id ever taken, archived runs included.
    pub(crate) newest: Option<RunId>,
    /// Runs that go on.
    pub(crate) active: BTreeSet<RunId>,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    /// Runs from which something follows.
    pub(crate) stirred: BTreeSet<RunId>,
    /// Runs that go on and have a budget.
    pub(crate) budgeted: BTreeSet<RunId>,
    /// By when the first of their tasks may be tried again, runs.
    pub(crate) wakes: BTreeSet<(Timestamp, RunId)>,
    /// Tasks to lease.
    pub(crate) lanes: Lanes,
    pub(crate) agenda: Agenda,
    /// What is known of the grids since the oldest run that goes on was submitted.
    pub(crate) intensities: Intensities,
}

/// A worker that is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worker {
    pub(crate) pool: PoolId,
    pub(crate) capacity: Capacity,
    /// The most devices it ever had: with none left, what asks for one waits for its return.
    pub(crate) gpus_lent: u32,
    /// How many tasks of which stage it has leases of.
    pub(crate) held: BTreeMap<(RunId, StageId), u32>,
}

impl Worker {
    /// It has so many leases less.
    pub(crate) fn release(&mut self, run: RunId, stage: StageId, count: u32) {
        if let Some(held) = self.held.get_mut(&(run, stage)) {
            *held = held.saturating_sub(count);
            if *held == 0 {
                self.held.remove(&(run, stage));
            }
        }
    }
}

impl State {
    /// An empty state that asks for places of every stage, also of those that have no choice of where
    /// or when: what a run would come to can be seen before there is one.
    #[must_use]
    pub fn looking_ahead() -> Self {
        let mut state = Self::default();
        state.agenda.asks_of_all = true;
        state
    }

    /// One run.
    #[must_use]
    pub fn run(&self, run: RunId) -> Option<&RunState> {
        self.runs.get(&run)
    }

    /// All runs that are kept, oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = (RunId, &RunState)> {
        self.runs.iter().map(|(id, run)| (*id, run))
    }

    /// The newest run.
    #[must_use]
    pub fn newest(&self) -> Option<RunId> {
        self.runs.keys().next_back().copied()
    }

    /// The id that the next run gets.
    #[must_use]
    pub fn next_run(&self) -> RunId {
        RunId(self.newest.map_or(1, |newest| newest.0 + 1))
    }

    /// Runs that go on now.
    pub fn going_on(&self) -> impl Iterator<Item = RunId> + '_ {
        self.active.iter().copied()
    }

    /// The workers that are there.
    pub fn workers(&self) -> impl Iterator<Item = (WorkerId, Capacity)> + '_ {
        self.workers
            .iter()
            .map(|(id, worker)| (*id, worker.capacity))
    }

    /// The pools, once they are known.
    #[must_use]
    pub fn fleet(&self) -> Option<&Fleet> {
        self.agenda.fleet.as_deref()
    }

    /// What is known of grids and pools, once it is.
    #[must_use]
    pub fn outlook(&self) -> Option<&Outlook> {
        self.agenda.outlook.as_deref()
    }

    /// What is known of the grids in the time of the runs that go on.
    #[must_use]
    pub const fn intensities(&self) -> &Intensities {
        &self.intensities
    }

    /// What a stage of a run came to in carbon, as far as the grids are known by now.
    #[must_use]
    pub fn stage_account(&self, run: RunId, stage: StageId) -> Account {
        let ledger = self.runs.get(&run).and_then(|run| run.get(stage));
        let nowhere = Fleet::default();
        let fleet = self.fleet().unwrap_or(&nowhere);
        ledger.map_or_else(Account::default, |(_, stage)| {
            Account::of(&stage.ledger, fleet, &self.intensities)
        })
    }

    /// What a run came to in carbon, as far as the grids are known by now.
    #[must_use]
    pub fn account(&self, run: RunId) -> Account {
        let mut sum = Account::default();
        for stage in self.runs.get(&run).into_iter().flat_map(RunState::ids) {
            sum.merge(&self.stage_account(run, stage));
        }
        sum
    }

    /// What one attempt in a pool emitted; `None` unless an intensity is known for all of it.
    #[must_use]
    pub fn carbon_of(
        &self,
        pool: PoolId,
        began: Timestamp,
        wall_us: u64,
        energy: Energy,
    ) -> Option<Carbon> {
        let pool = self.fleet()?.get(pool)?;
        let millijoules = energy.millijoules()?;
        split(began, wall_us, millijoules)
            .map(|(quarter, millijoules)| {
                let known = self.intensities.get(&pool.zone, quarter)?;
                let mg = known.average_mg_per_kwh?;
                Some(Carbon::of(millijoules, pool.pue_permille, mg))
            })
            .sum()
    }

    /// What was measured of grids elsewhere restates what is known here; the facts stay as they are.
    pub fn restate(&mut self, known: &Intensities) {
        self.intensities.restate(known);
    }

    /// How many slots of pools are promised, and how many stages are listed for placing: nothing of
    /// either is left once all runs have ended.
    #[must_use]
    pub fn promises(&self) -> (usize, usize) {
        let agenda = &self.agenda;
        let slots = agenda.reserved.pools.iter().map(BTreeMap::len).sum();
        let listed = agenda.wanted.len() + agenda.movable.len() + agenda.ends.len();
        (slots, listed + agenda.starts.len() + agenda.solving.len())
    }

    /// The pool of a worker that is there.
    #[must_use]
    pub fn pool_of(&self, worker: WorkerId) -> Option<PoolId> {
        self.workers.get(&worker).map(|worker| worker.pool)
    }

    /// Takes a finished run out, once it is archived; `None` when it is not there or goes on.
    pub fn archive(&mut self, run: RunId) -> Option<RunState> {
        match self.runs.get(&run)?.status {
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => {
                self.runs.remove(&run)
            }
            RunStatus::Running | RunStatus::Held | RunStatus::Interrupted => None,
        }
    }

    /// Puts an archived run back, so that it can be read or retried.
    pub fn restore(&mut self, run: RunState) {
        self.newest = self.newest.max(Some(run.id));
        self.runs.entry(run.id).or_insert(run);
    }

    /// When something is to be decided although nothing arrived: give [`crate::Input::Tick`] then.
    /// Any fact may change the answer.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let wake = self.wakes.first().map(|(due, _)| *due);
        let start = self.agenda.starts.first().map(|(start, _)| *start);
        wake.into_iter().chain(start).min()
    }
}

/// When something is to be decided although nothing arrived; see [`State::next_wakeup`].
#[must_use]
pub fn next_wakeup(state: &State) -> Option<Timestamp> {
    state.next_wakeup()
}
