//! Conformance tests of facts: order, atomicity, durability.

use sunward_core::{RunId, RunStatus, State, apply};

use super::Site;
use super::sample::{ended, facts, finished, group, joined, leased, resolved, submitted, tasks};
use crate::error::StateError;
use crate::journal::Scope;

/// Facts are read as they were appended, oldest first, and positions only grow.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn groups_fold_in_the_order_they_were_appended(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    let groups = [
        vec![joined(1), submitted(1)],
        vec![leased(1, 0, 4)],
        vec![finished(1, 0, 2), finished(1, 2, 2)],
    ];
    let mut newest = engine.newest_position()?;
    for facts in &groups {
        let position = engine.append(&group(facts.clone()))?;
        assert!(position > newest, "positions grow");
        assert_eq!(engine.newest_position()?, position);
        newest = position;
    }
    assert_eq!(facts(&*engine, Scope::Live)?, groups.concat());
    Ok(())
}

/// Facts of several runs and of workers in one group are folded in the order in which they became
/// true, not run by run.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn many_runs_in_one_group_keep_their_order(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    let mixed = vec![
        submitted(1),
        submitted(2),
        joined(1),
        leased(2, 0, 1),
        leased(1, 0, 1),
        finished(2, 0, 1),
        finished(1, 0, 1),
    ];
    engine.append(&group(mixed.clone()))?;
    assert_eq!(facts(&*engine, Scope::Live)?, mixed);
    Ok(())
}

/// A run can be folded without the others: from its own facts, those of engines and workers in between,
/// and, while it is in progress, those after.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn facts_of_one_run_are_found_alone(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    engine.append(&group(vec![
        submitted(1),
        joined(1),
        submitted(2),
        leased(1, 0, 1),
    ]))?;
    engine.append(&group(vec![finished(1, 0, 1), leased(2, 0, 1)]))?;
    let mine = facts(&*engine, Scope::Run(RunId(1)))?;
    let expected = [submitted(1), joined(1), leased(1, 0, 1), finished(1, 0, 1)];
    assert_eq!(mine, expected, "with the worker that came in between");
    assert!(facts(&*engine, Scope::Run(RunId(3)))?.is_empty());
    // What comes later concerns it as long as it is in progress.
    engine.append(&group(vec![joined(2)]))?;
    let mine = facts(&*engine, Scope::Run(RunId(1)))?;
    assert_eq!(mine.last(), Some(&joined(2)));
    Ok(())
}

/// An acknowledged group is still there after the state is opened again.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn an_acknowledged_group_outlives_its_writer(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    engine.append(&group(vec![submitted(1)]))?;
    let position = engine.append(&group(vec![leased(1, 0, 1)]))?;
    drop(engine);
    let mut engine = site.engine()?;
    assert_eq!(engine.newest_position()?, position);
    assert_eq!(
        facts(&*engine, Scope::Live)?,
        [submitted(1), leased(1, 0, 1)]
    );
    let later = engine.append(&group(vec![finished(1, 0, 1)]))?;
    assert!(later > position, "positions go on growing");
    Ok(())
}

/// A group with one fact that cannot be written leaves nothing: no fact, no row, no result.
///
/// # Errors
///
/// Fails if the journal refuses what it should accept.
pub fn a_group_comes_whole_or_not_at_all(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    engine.append(&group(vec![submitted(1)]))?;
    let mut twice = group(vec![submitted(2), finished(2, 0, 1), submitted(1)]);
    twice
        .results
        .push((super::sample::key(7), super::sample::result(7)));
    assert!(engine.append(&twice).is_err(), "run 1 exists already");
    assert_eq!(facts(&*engine, Scope::Live)?, [submitted(1)]);
    assert!(engine.run(RunId(2))?.is_none());
    assert_eq!(engine.lookup_results(&[super::sample::key(7)])?, [None]);
    engine.append(&group(vec![submitted(2)]))?;
    Ok(())
}

/// An empty group writes nothing.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn an_empty_group_changes_nothing(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    let before = engine.append(&group(vec![submitted(1)]))?;
    assert_eq!(engine.append(&group(Vec::new()))?, before);
    assert_eq!(facts(&*engine, Scope::Live)?, [submitted(1)]);
    Ok(())
}

/// A snapshot and the facts after it fold to the same state as all facts. This also holds after a
/// reopening, and if a run in the snapshot was archived.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn a_snapshot_and_its_tail_fold_to_the_same(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    let (first, second) = (tasks(1), tasks(2));
    engine.append(&group(vec![
        joined(1),
        first,
        second,
        resolved(1),
        resolved(2),
    ]))?;
    engine.append(&group(vec![leased(1, 0, 2), leased(2, 0, 4)]))?;
    let before = engine.fold()?;
    engine.snapshot(&before)?;
    assert_eq!(engine.fold()?, before);
    let tail = vec![finished(1, 0, 2), finished(2, 0, 3)];
    engine.append(&group(tail.clone()))?;
    let mut whole = State::default();
    for fact in facts(&*engine, Scope::Live)? {
        assert_eq!(apply(&mut whole, &fact), Ok(()));
    }
    assert_eq!(engine.fold()?, whole);
    drop(engine);
    let mut engine = site.engine()?;
    assert_eq!(engine.fold()?, whole);
    let alone = engine.load_run(RunId(2))?;
    assert_eq!(alone.run(RunId(2)), whole.run(RunId(2)));
    engine.append(&group(vec![leased(1, 2, 2), finished(1, 2, 2)]))?;
    engine.append(&group(vec![ended(1, RunStatus::Succeeded)]))?;
    let finished = engine.fold()?;
    engine.snapshot(&finished)?;
    engine.archive(RunId(1))?;
    let left = engine.fold()?;
    assert!(left.run(RunId(1)).is_none());
    assert_eq!(left.run(RunId(2)), whole.run(RunId(2)));
    let archived = engine.load_run(RunId(1))?;
    assert_eq!(archived.run(RunId(1)), finished.run(RunId(1)));
    Ok(())
}
