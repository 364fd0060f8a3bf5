//! The state: runs, their stages and tasks, and workers. Only `apply` changes it.

pub(crate) mod agenda;
pub(crate) mod at_home;
pub(crate) mod awaited;
pub(crate) mod course;
pub(crate) mod curtailed;
mod following;
pub(crate) mod lanes;
mod last_start;
pub(crate) mod listing;
pub(crate) mod pace;
pub(crate) mod placed;
pub(crate) mod run;
pub(crate) mod shared;
pub(crate) mod sharing;
mod sources;
pub(crate) mod stage;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use pace::Times;
pub use run::RunState;
pub use shared::Units;
pub use stage::{StageEnd, TaskFailure};
pub use view::StageView;

use agenda::Agenda;
use lanes::Lanes;
use shared::Queue;

use crate::energy::Energy;
use crate::fact::RunStatus;
use crate::ids::{RunId, StageId, Timestamp, WorkerId};
use crate::input::Capacity;
use crate::ledger::{Account, Carbon, Intensities, Meter, Rows, Signal, rows, split};
use crate::place::Outlook;
use crate::plan::Plan;
use crate::pool::{Fleet, PoolId};
use crate::task::TaskStatus;

/// Everything that the facts so far have made true. It can be written as a snapshot; recovery then
/// applies only the facts after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(crate) runs: BTreeMap<RunId, RunState>,
    /// The newest run id ever used, archived runs included.
    pub(crate) newest: Option<RunId>,
    /// Runs in progress.
    pub(crate) active: BTreeSet<RunId>,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    /// Runs from which something follows.
    pub(crate) stirred: BTreeSet<RunId>,
    /// Runs in progress that have a budget.
    pub(crate) budgeted: BTreeSet<RunId>,
    /// Runs with tasks that wait for another attempt, by the earliest moment of one.
    pub(crate) wakes: BTreeSet<(Timestamp, RunId)>,
    /// Stages with tasks to lease, by the workers to which they are offered.
    pub(crate) lanes: Lanes,
    /// Ready tasks that wait for units of what all tasks share, or are about to take some.
    pub(crate) shared: Queue,
    pub(crate) agenda: Agenda,
    /// Grid intensities since the oldest run in progress was submitted.
    pub(crate) intensities: Intensities,
    /// Who publishes the figures of each zone, and when that was last read.
    pub(crate) signals: (Timestamp, BTreeMap<String, Signal>),
}

/// A worker that has joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worker {
    pub(crate) pool: PoolId,
    pub(crate) capacity: Capacity,
    /// The most devices that it ever had. If it has none now, tasks that ask for one wait for their
    /// return.
    pub(crate) gpus_lent: u32,
    /// The number of leases that it holds, by stage.
    pub(crate) held: BTreeMap<(RunId, StageId), u32>,
}

impl Worker {
    /// Removes `count` leases of a stage.
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
    /// An empty state that places every stage, even one without a choice of where or when. It is
    /// used to preview a run.
    #[must_use]
    pub fn looking_ahead() -> Self {
        let mut state = Self::default();
        state.agenda.asks_of_all = true;
        state
    }

    /// How long attempts of a plan's commands took, as far as the facts of this state show it.
    #[must_use]
    pub fn times(&self, plan: &Plan) -> Times {
        let meanings = plan.stages.iter().map(|planned| planned.meaning);
        let known = meanings.filter_map(|meaning| {
            let pace = self.agenda.paces.0.get(&meaning)?;
            Some((meaning, pace.clone()))
        });
        Times(known.collect())
    }

    /// Finds a run that is kept in memory.
    #[must_use]
    pub fn run(&self, run: RunId) -> Option<&RunState> {
        self.runs.get(&run)
    }

    /// All runs that are kept in memory, oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = (RunId, &RunState)> {
        self.runs.iter().map(|(id, run)| (*id, run))
    }

    /// The newest run that is kept in memory.
    #[must_use]
    pub fn newest(&self) -> Option<RunId> {
        self.runs.keys().next_back().copied()
    }

    /// The id that the next run gets.
    #[must_use]
    pub fn next_run(&self) -> RunId {
        RunId(self.newest.map_or(1, |newest| newest.0 + 1))
    }

    /// Runs in progress.
    pub fn going_on(&self) -> impl Iterator<Item = RunId> + '_ {
        self.active.iter().copied()
    }

    /// When the oldest run in progress was submitted.
    pub(crate) fn oldest_active(&self) -> Option<Timestamp> {
        let active = self.active.iter().filter_map(|id| self.runs.get(id));
        active.map(|run| run.submitted_at).min()
    }

    /// All workers with their capacities.
    pub fn workers(&self) -> impl Iterator<Item = (WorkerId, Capacity)> + '_ {
        self.workers
            .iter()
            .map(|(id, worker)| (*id, worker.capacity))
    }

    /// The fleet, once it is known.
    #[must_use]
    pub fn fleet(&self) -> Option<&Fleet> {
        self.agenda.fleet.as_deref()
    }

    /// The newest outlook on grids and pools, if there is one.
    #[must_use]
    pub fn outlook(&self) -> Option<&Outlook> {
        self.agenda.outlook.as_deref()
    }

    /// Grid intensities since the oldest run in progress was submitted.
    #[must_use]
    pub const fn intensities(&self) -> &Intensities {
        &self.intensities
    }

    /// The carbon account of a stage, by the intensities that are known now.
    #[must_use]
    pub fn stage_account(&self, run: RunId, stage: StageId) -> Account {
        let ledger = self.runs.get(&run).and_then(|run| run.get(stage));
        let nowhere = Fleet::default();
        let fleet = self.fleet().unwrap_or(&nowhere);
        ledger.map_or_else(Account::default, |(_, stage)| {
            Account::of(&stage.ledger, fleet, &self.intensities)
        })
    }

    /// The carbon account of a run, by the intensities that are known now.
    #[must_use]
    pub fn account(&self, run: RunId) -> Account {
        let mut sum = Account::default();
        for stage in self.runs.get(&run).into_iter().flat_map(RunState::ids) {
            sum.merge(&self.stage_account(run, stage));
        }
        sum
    }

    /// The rows behind the account of a run: by attempt and quarter of an hour if that gives at most
    /// `most` rows, else by stage, pool and quarter. `meters` are all attempts of the run.
    #[must_use]
    pub fn rows(&self, run: RunId, meters: &[Meter], most: usize) -> Rows {
        let nowhere = Fleet::default();
        let fleet = self.fleet().unwrap_or(&nowhere);
        let run = self.runs.get(&run);
        let stages = run.into_iter().flat_map(RunState::stages);
        let ledgers: Vec<_> = stages.map(|stage| (stage.id, stage.ledger())).collect();
        rows(&ledgers, meters, fleet, &self.intensities, most)
    }

    /// The emissions of one attempt in a pool; `None` unless an intensity is known for all of its
    /// energy.
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
                let mg = known.average_mg_per_kwh()?;
                Some(Carbon::of(millijoules, pool.pue_permille, mg))
            })
            .sum()
    }

    /// Replaces intensities with surer ones from elsewhere. This changes accounts but adds no
    /// facts.
    pub fn restate(&mut self, known: &Intensities) {
        self.intensities.restate(known);
    }

    /// The number of reserved slots of pools, and of entries on the lists for placing and for units
    /// of what tasks share. Both are 0 once all runs have ended.
    #[must_use]
    pub fn promises(&self) -> (usize, usize) {
        let agenda = &self.agenda;
        let slots = agenda.reserved.pools.iter().map(BTreeMap::len).sum();
        let listed = agenda.wanted.len() + agenda.movable.len() + agenda.ends.len();
        let listed = listed + self.shared.turns().len();
        (slots, listed + agenda.starts.len() + agenda.solving.len())
    }

    /// The pool of a worker; `None` if the worker has left.
    #[must_use]
    pub fn pool_of(&self, worker: WorkerId) -> Option<PoolId> {
        self.workers.get(&worker).map(|worker| worker.pool)
    }

    /// Removes a finished run once it is archived; `None` if there is no such run or it can still
    /// continue.
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

    /// The moment at which the core must decide again even without an input: give it
    /// [`crate::Input::Tick`] then. Any fact may change this moment.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let wake = self.wakes.first().map(|(due, _)| *due);
        let start = self.agenda.starts.first().map(|(start, _)| *start);
        let curtailed = self.agenda.curtailed.next;
        wake.into_iter().chain(start).chain(curtailed).min()
    }
}

/// The moment at which the core must decide again even without an input; see
/// [`State::next_wakeup`].
#[must_use]
pub fn next_wakeup(state: &State) -> Option<Timestamp> {
    state.next_wakeup()
}
