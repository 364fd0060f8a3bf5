//! Cancels a run that no engine drives, by writing the facts itself.

use sunward_core::{Fact, Input, RunId, RunStatus, State, Timestamp, advance, apply, decide};
use sunward_state::{Group, Journal};

use crate::error::DriveError;

/// Cancels an unfinished run in a journal that the caller holds as its engine. Returns the run's
/// status afterwards. Nothing of the run is in progress, since its engine is gone.
///
/// # Errors
///
/// Fails if the journal cannot be read or written.
pub fn cancel<J: Journal + ?Sized>(
    journal: &mut J,
    run: RunId,
    now: Timestamp,
) -> Result<Option<RunStatus>, DriveError> {
    let mut state = journal.load_run(run)?;
    let mut facts = Vec::new();
    for input in [Input::Start, Input::Cancel { run }] {
        let step = decide(&state, now, input);
        take(&mut state, run, step.facts, &mut facts)?;
    }
    loop {
        let step = advance(&state, now);
        if step.facts.is_empty() {
            break;
        }
        take(&mut state, run, step.facts, &mut facts)?;
    }
    let group = Group {
        at: now,
        facts,
        ..Group::default()
    };
    if !group.is_empty() {
        journal.append(&group)?;
    }
    Ok(state.run(run).map(|run| run.status))
}

fn take(
    state: &mut State,
    run: RunId,
    facts: Vec<Fact>,
    all: &mut Vec<Fact>,
) -> Result<(), DriveError> {
    for fact in facts {
        apply(state, &fact).map_err(|why| DriveError::Illegal {
            run,
            why: why.to_string(),
        })?;
        all.push(fact);
    }
    Ok(())
}
