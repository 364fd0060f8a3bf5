//! A run as the journal records it, folded for looking at.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use sunward_core::{
    Account, Carbon, Fact, Intensities, PoolId, RunId, RunSpec, RunState, RunStatus, State,
    Timestamp,
};
use sunward_state::{Reader, Scope, is_engaged};

use crate::attempts::{Attempt, History};
use crate::exit::wrong_input;

/// One run, folded from its facts.
pub(crate) struct Recorded {
    state: State,
    id: RunId,
    /// How it stands: a run that goes on by name though no engine is at work was interrupted.
    pub(crate) status: RunStatus,
    /// What was measured since has changed its account.
    pub(crate) restated: bool,
}

impl Recorded {
    /// Folds it.
    ///
    /// # Errors
    /// When the journal cannot be read, or its facts do not follow from one another.
    pub(crate) fn read(reader: &dyn Reader, home: &Path, id: RunId) -> anyhow::Result<Self> {
        let state = reader.load_run(id)?;
        let Some(run) = state.run(id) else {
            return Err(no_run(id));
        };
        let status = match run.status {
            RunStatus::Running if !is_engaged(home) => RunStatus::Interrupted,
            status => status,
        };
        Ok(Self {
            state,
            id,
            status,
            restated: false,
        })
    }

    /// A run that has just ended here, as its engine left it.
    pub(crate) const fn just_ended(state: State, id: RunId, status: RunStatus) -> Self {
        Self {
            state,
            id,
            status,
            restated: false,
        }
    }

    /// What it came to in carbon, as far as the grids are known.
    pub(crate) fn account(&self) -> Account {
        self.state.account(self.id)
    }

    /// The grid zones that it was placed in, each once.
    pub(crate) fn zones(&self) -> Vec<String> {
        let fleet = self.state.fleet();
        let pools = fleet.into_iter().flat_map(|fleet| &fleet.pools);
        let zones: BTreeSet<String> = pools.map(|pool| pool.zone.clone()).collect();
        zones.into_iter().collect()
    }

    /// What is known better now replaces what it was told with.
    pub(crate) fn restate(&mut self, known: &Intensities) {
        let before = self.account();
        self.state.restate(known);
        self.restated = self.account() != before;
    }

    /// What an attempt of it in a pool emitted, as far as the grids are known; `None` while they
    /// are not.
    pub(crate) fn carbon_of(&self, pool: PoolId, attempt: &Attempt) -> Option<Carbon> {
        let began = Timestamp(attempt.started_ms);
        self.state
            .carbon_of(pool, began, attempt.wall_us, attempt.energy)
    }

    /// Its state.
    ///
    /// # Errors
    /// Never: it was there when this was read.
    pub(crate) fn run(&self) -> anyhow::Result<&RunState> {
        self.state.run(self.id).ok_or_else(|| no_run(self.id))
    }
}

fn no_run(id: RunId) -> anyhow::Error {
    wrong_input(format!(
        "there is no run {id}; sunward status lists the runs"
    ))
}

/// The newest runs of one file, at most `most`, older than `before` where that is given; as one
/// state.
///
/// # Errors
/// When the journal cannot be read.
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

/// The attempts of a run, and when its stages were ready.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn history(reader: &dyn Reader, id: RunId) -> anyhow::Result<History> {
    let mut history = History::new(id);
    reader.replay(Scope::Run(id), &mut |fact| history.add(&fact))?;
    Ok(history)
}

/// What was submitted, as adopted last.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn spec(reader: &dyn Reader, id: RunId) -> anyhow::Result<Arc<RunSpec>> {
    let mut found = None;
    reader.replay(Scope::Run(id), &mut |fact| match fact {
        Fact::Submitted { spec, .. } | Fact::Resumed { spec, .. } => found = Some(spec),
        _ => {}
    })?;
    found.ok_or_else(|| no_run(id))
}
