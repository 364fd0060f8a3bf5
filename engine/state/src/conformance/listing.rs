//! Conformance tests of runs: listing, archive, and who may read and write.

use sunward_core::{Fact, RunId, RunStatus, Timestamp};

use super::Site;
use super::sample::{ended, facts, finished, group, joined, leased, spec, submitted};
use crate::derive::digest_params;
use crate::error::StateError;
use crate::journal::{CancelRequest, Scope};

/// The listing agrees with the facts and needs no folding.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn the_listing_follows_the_facts(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    assert_eq!(engine.next_run_id()?, RunId(1));
    assert!(engine.newest_run()?.is_none());
    engine.append(&group(vec![submitted(1), submitted(2)]))?;
    assert_eq!(engine.next_run_id()?, RunId(3));
    engine.append(&group(vec![ended(1, RunStatus::Failed)]))?;
    let row = engine.run(RunId(1))?;
    let row = row.as_ref();
    assert_eq!(row.map(|row| row.status), Some(RunStatus::Failed));
    assert_eq!(row.map(|row| row.submitted), Some(Timestamp(10)));
    assert_eq!(row.and_then(|row| row.ended), Some(Timestamp(15)));
    assert_eq!(row.map(|row| row.workflow.as_str()), Some("sample"));
    engine.append(&group(vec![Fact::Reopened {
        run: RunId(1),
        at: Timestamp(20),
        again: Vec::new(),
    }]))?;
    let again = engine.run(RunId(1))?;
    assert_eq!(
        again.as_ref().map(|row| row.status),
        Some(RunStatus::Running)
    );
    assert_eq!(again.and_then(|row| row.ended), None);
    engine.append(&group(vec![
        Fact::EngineStarted { at: Timestamp(30) },
        submitted(3),
    ]))?;
    let statuses: Vec<RunStatus> = engine.runs()?.iter().map(|row| row.status).collect();
    let (stopped, going) = (RunStatus::Interrupted, RunStatus::Running);
    assert_eq!(statuses, [stopped, stopped, going], "an engine starts anew");
    let all: Vec<RunId> = engine.runs()?.iter().map(|row| row.run).collect();
    assert_eq!(all, [RunId(1), RunId(2), RunId(3)]);
    assert_eq!(engine.newest_run()?.map(|row| row.run), Some(RunId(3)));
    Ok(())
}

/// Unfinished runs are found by path and params. `run FILE` asks for them first.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn unfinished_runs_are_found_by_path_and_params(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    let mine = spec("/a/workflow.yaml", 1);
    let others = [spec("/b/workflow.yaml", 1), spec("/a/workflow.yaml", 2)];
    let statuses = [
        RunStatus::Interrupted,
        RunStatus::Succeeded,
        RunStatus::Held,
        RunStatus::Cancelled,
        RunStatus::Failed,
        RunStatus::Running,
    ];
    let mut run = 0;
    for status in statuses {
        for spec in others.iter().chain([&mine]) {
            run += 1;
            let mut facts = vec![Fact::Submitted {
                run: RunId(run),
                at: Timestamp(run),
                spec: std::sync::Arc::clone(spec),
            }];
            if status != RunStatus::Running {
                facts.push(ended(run, status));
            }
            engine.append(&group(facts))?;
        }
    }
    let found = engine.unfinished(&mine.path, digest_params(&mine.params)?)?;
    let runs: Vec<u64> = found.iter().map(|row| row.run.0).collect();
    assert_eq!(runs, [18, 9, 3], "running, held, interrupted; newest first");
    Ok(())
}

/// A finished run that is archived can still be read.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn an_archived_run_keeps_its_answers(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    engine.append(&group(vec![joined(1), submitted(1), leased(1, 0, 3)]))?;
    engine.append(&group(vec![submitted(2), finished(1, 0, 3)]))?;
    engine.append(&group(vec![ended(1, RunStatus::Succeeded)]))?;
    let before = facts(&*engine, Scope::Run(RunId(1)))?;
    let position = engine.newest_position()?;
    engine.archive(RunId(1))?;
    assert_eq!(facts(&*engine, Scope::Run(RunId(1)))?, before);
    assert_eq!(facts(&*engine, Scope::Live)?, [joined(1), submitted(2)]);
    let row = engine.run(RunId(1))?;
    assert_eq!(row.map(|row| row.status), Some(RunStatus::Succeeded));
    assert!(engine.append(&group(vec![leased(2, 0, 1)]))? > position);
    drop(engine);
    assert_eq!(facts(&*site.reader()?, Scope::Run(RunId(1)))?, before);
    assert!(site.engine()?.archive(RunId(9)).is_err(), "no such run");
    Ok(())
}

/// `retry` can continue an archived run, which can be archived again.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn an_archived_run_may_go_on_and_be_archived_again(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    let first = vec![submitted(1), ended(1, RunStatus::Failed)];
    let second = vec![
        Fact::Reopened {
            run: RunId(1),
            at: Timestamp(30),
            again: Vec::new(),
        },
        leased(1, 0, 1),
        finished(1, 0, 1),
        ended(1, RunStatus::Succeeded),
    ];
    engine.append(&group(first.clone()))?;
    engine.archive(RunId(1))?;
    engine.append(&group(second.clone()))?;
    let whole = [first, second].concat();
    assert_eq!(facts(&*engine, Scope::Run(RunId(1)))?, whole);
    engine.archive(RunId(1))?;
    engine.archive(RunId(1))?;
    assert_eq!(facts(&*engine, Scope::Run(RunId(1)))?, whole);
    assert!(facts(&*engine, Scope::Live)?.is_empty());
    Ok(())
}

/// A state has one engine at a time; the refusal names the one that holds it.
///
/// # Errors
///
/// Fails if the journal refuses the first engine.
pub fn a_second_engine_is_refused(site: &dyn Site) -> Result<(), StateError> {
    let engine = site.engine()?;
    let refusal = site.engine().err().map(|error| error.to_string());
    let refusal = refusal.unwrap_or_default();
    let pid = std::process::id().to_string();
    assert!(refusal.contains(&pid), "{refusal:?} names process {pid}");
    drop(engine);
    site.engine()?;
    Ok(())
}

/// A reader needs no write permission and sees each group once it is acknowledged.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn a_reader_sees_what_the_engine_wrote(site: &dyn Site) -> Result<(), StateError> {
    assert!(site.reader().is_err(), "nothing is there yet");
    let mut engine = site.engine()?;
    engine.append(&group(vec![submitted(1)]))?;
    let reader = site.reader()?;
    let beside = engine.reader()?;
    assert_eq!(facts(&*reader, Scope::Live)?.len(), 1);
    engine.append(&group(vec![leased(1, 0, 1)]))?;
    for reader in [reader, beside] {
        assert_eq!(
            facts(&*reader, Scope::Live)?,
            [submitted(1), leased(1, 0, 1)]
        );
        assert_eq!(reader.newest_position()?, engine.newest_position()?);
    }
    Ok(())
}

/// Another process's request to cancel arrives exactly once.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn a_request_to_cancel_reaches_the_engine_once(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    engine.append(&group(vec![submitted(1)]))?;
    assert!(engine.take_cancel_requests()?.is_empty());
    assert!(
        site.request_cancel(RunId(2), Timestamp(5)).is_err(),
        "there is no run 2"
    );
    site.request_cancel(RunId(1), Timestamp(6))?;
    let expected = [CancelRequest {
        run: RunId(1),
        at: Timestamp(6),
    }];
    assert_eq!(engine.cancel_requests()?, expected, "looking takes nothing");
    assert_eq!(engine.take_cancel_requests()?, expected);
    assert!(engine.take_cancel_requests()?.is_empty());
    Ok(())
}
