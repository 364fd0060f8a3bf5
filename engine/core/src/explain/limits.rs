//! Tasks that wait for units of what all tasks share.

use std::fmt;

use serde::Serialize;

use crate::advance::{Shortage, Turns, turns};
use crate::ids::{RunId, StageId};
use crate::state::State;

/// The units for which the tasks of a stage wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitReached {
    /// The name of the limit.
    pub name: String,
    /// The units that one task asks for.
    pub asked: u32,
    /// The units that tasks hold.
    pub in_use: u64,
    /// How many there are.
    pub limit: u64,
    /// The stage for whose tasks, which wait longer, the free units are kept; `None` if there are
    /// too few.
    pub kept_for: Option<String>,
}

/// What keeps tasks from units, as the next leases would find it.
pub(super) struct Limits<'a> {
    state: &'a State,
    turns: Turns,
}

impl<'a> Limits<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let turns = turns(state);
        Self { state, turns }
    }

    /// The units for which the ready tasks of a stage wait, if they wait for some.
    pub(super) fn reached(&self, run: RunId, stage: StageId) -> Option<LimitReached> {
        let Shortage {
            name,
            asked,
            in_use,
            limit,
            kept_for,
        } = self.turns.shortage((run, stage))?.clone();
        Some(LimitReached {
            name,
            asked,
            in_use,
            limit,
            kept_for: kept_for.and_then(|(of, stage)| {
                let stage = self.state.run(of)?.stage(stage)?;
                Some(match of == run {
                    true => stage.name().to_owned(),
                    false => format!("{} of {of}", stage.name()),
                })
            }),
        })
    }
}

impl fmt::Display for LimitReached {
    /// `file_server: 4 of 4 in use`, `2 of file_server: 3 of 4 in use`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.asked > 1 {
            write!(f, "{} of ", self.asked)?;
        }
        write!(f, "{}: {} of {} in use", self.name, self.in_use, self.limit)?;
        match &self.kept_for {
            Some(stage) => write!(f, ", and {stage} has waited longer"),
            None => Ok(()),
        }
    }
}
