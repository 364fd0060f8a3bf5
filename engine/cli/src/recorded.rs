//! A run, read from the journal.

use std::collections::BTreeSet;
use std::path::Path;

use sunward_core::{
    Account, Carbon, Intensities, PoolId, RunId, RunState, RunStatus, State, Timestamp,
    explain::{Wait, waits},
};
use sunward_state::{Reader, Scope, is_engaged};

use crate::attempts::{Attempt, History};
use crate::exit::wrong_input;
use crate::machine::now;
use crate::view::demand::DemandView;

/// The state of one run, folded from its facts.
pub(crate) struct Recorded {
    state: State,
    id: RunId,
    /// Its status. A run that is in progress without an engine was interrupted.
    pub(crate) status: RunStatus,
    /// Whether intensities measured after the run have changed its account.
    pub(crate) restated: bool,
    /// The time of its last fact, if its engine was killed.
    last_fact_at: Option<Timestamp>,
}

impl Recorded {
    /// Reads a run.
    ///
    /// # Errors
    /// Fails if there is no such run, if the journal cannot be read, or if its facts contradict
    /// each other.
    pub(crate) fn read(reader: &dyn Reader, home: &Path, id: RunId) -> anyhow::Result<Self> {
        let state = reader.load_run(id)?;
        let Some(run) = state.run(id) else {
            return Err(no_run(id));
        };
        let status = match run.status {
            RunStatus::Running if !is_engaged(home) => RunStatus::Interrupted,
            status => status,
        };
        let is_killed = status == RunStatus::Interrupted && run.ended_at.is_none();
        let last_fact_at = match is_killed {
            true => last_fact_at(reader, id)?,
            false => None,
        };
        Ok(Self {
            state,
            id,
            status,
            restated: false,
            last_fact_at,
        })
    }

    /// A run that has just ended in this process.
    pub(crate) const fn just_ended(state: State, id: RunId, status: RunStatus) -> Self {
        Self {
            state,
            id,
            status,
            restated: false,
            last_fact_at: None,
        }
    }

    /// The time until which the run has lasted: its end, its last fact if its engine was killed, or
    /// now.
    pub(crate) fn until(&self, run: &RunState) -> Timestamp {
        let ended = run.ended_at.filter(|_| self.status != RunStatus::Running);
        ended.unwrap_or_else(|| match self.status {
            RunStatus::Running => self.present(run),
            _ => self.last_fact_at.unwrap_or_else(|| run.last_stood_at()),
        })
    }

    /// The state that holds it, and nothing but it.
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// The run's own time: what its clock shows now, or its end.
    pub(crate) fn present(&self, run: &RunState) -> Timestamp {
        run.present(now(), self.status == RunStatus::Running)
    }

    /// What its stages wait for, while an engine runs it.
    pub(crate) fn waits(&self) -> Vec<Wait> {
        match self.status {
            RunStatus::Running => waits(&self.state, self.id),
            _ => Vec::new(),
        }
    }

    /// What a grid operator asks of its pools, and what its tasks did for it.
    pub(crate) fn demand(&self, run: &RunState) -> Option<DemandView> {
        let is_running = self.status == RunStatus::Running;
        DemandView::of(self.state.curtailments(), run, is_running)
    }

    /// Its emissions, as far as intensities are known.
    pub(crate) fn account(&self) -> Account {
        self.state.account(self.id)
    }

    /// The grid zones of its fleet, each once.
    pub(crate) fn zones(&self) -> Vec<String> {
        let fleet = self.state.fleet();
        let pools = fleet.into_iter().flat_map(|fleet| &fleet.pools);
        let zones: BTreeSet<String> = pools.map(|pool| pool.zone.clone()).collect();
        zones.into_iter().collect()
    }

    /// Replaces intensities by better ones.
    pub(crate) fn restate(&mut self, known: &Intensities) {
        let before = self.account();
        self.state.restate(known);
        self.restated = self.account() != before;
    }

    /// The emissions of an attempt in a pool; `None` if the intensities are not known.
    pub(crate) fn carbon_of(&self, pool: PoolId, attempt: &Attempt) -> Option<Carbon> {
        let began = Timestamp(attempt.started_ms);
        self.state
            .carbon_of(pool, began, attempt.wall_us, attempt.energy)
    }

    /// The state of the run.
    ///
    /// # Errors
    /// Never fails in practice, because [`Recorded::read`] has found the run.
    pub(crate) fn run(&self) -> anyhow::Result<&RunState> {
        self.state.run(self.id).ok_or_else(|| no_run(self.id))
    }
}

/// The time of a run's last fact that has one.
///
/// # Errors
/// Fails if the journal cannot be read.
pub(crate) fn last_fact_at(reader: &dyn Reader, id: RunId) -> anyhow::Result<Option<Timestamp>> {
    let mut last = None;
    reader.replay(Scope::Run(id), &mut |fact| last = last.max(fact.at()))?;
    Ok(last)
}

fn no_run(id: RunId) -> anyhow::Error {
    wrong_input(format!(
        "there is no run {id}; `sunward status` lists the runs"
    ))
}

/// Reads the newest runs of one file into one state: at most `most` runs, older than `before` if
/// that is given.
///
/// # Errors
/// Fails if the journal cannot be read.
pub(crate) fn earlier(
    reader: &dyn Reader,
    path: &str,
    before: Option<RunId>,
    most: usize,
) -> anyhow::Result<State> {
    let mut state = State::default();
    let rows = reader.runs()?;
    let wanted = rows
        .iter()
        .rev()
        .filter(|row| row.path == path && before.is_none_or(|before| row.run < before))
        .take(most);
    for row in wanted {
        if let Some(run) = reader.load_run(row.run)?.run(row.run) {
            state.restore(run.clone());
        }
    }
    Ok(state)
}

/// Reads the attempts of a run, and when its stages were ready.
///
/// # Errors
/// Fails if the journal cannot be read.
pub(crate) fn history(reader: &dyn Reader, id: RunId) -> anyhow::Result<History> {
    let mut history = History::new(id);
    reader.replay(Scope::Run(id), &mut |fact| history.add(&fact))?;
    Ok(history)
}
