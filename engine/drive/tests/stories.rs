//! Whole runs, with a real journal and a simulated worker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    unreachable_pub,
    reason = "tests may panic"
)]

mod world;

use std::sync::Arc;

use sunward_core::{RunStatus, Timestamp};
use sunward_drive::{Control, DriveError, Event, Start};
use sunward_state::sqlite::request_cancel;
use sunward_state::{Reader, Sqlite, SqliteReader};
use tempfile::TempDir;
use world::{Begun, Drive, Mood, StageExt, again, assert_replayed, output, spec, stage};

fn diamond() -> Arc<sunward_core::RunSpec> {
    spec(vec![
        stage("source"),
        stage("spread").reads("table", "source").range(20),
        stage("sliced")
            .reads("table", "spread")
            .rows_of("table", 25),
        stage("end")
            .reads("left", "spread")
            .reads("right", "sliced"),
    ])
}

fn total(begun: &Begun) -> u32 {
    begun.lock().unwrap().values().sum()
}

#[test]
fn a_chain_runs_each_stage_once_and_the_journal_tells_the_same() {
    let home = TempDir::new().unwrap();
    let spec = spec(vec![
        stage("a"),
        stage("b").reads("x", "a"),
        stage("c").reads("x", "b"),
    ]);
    let drive = Drive::new(home.path());
    let begun = Arc::clone(&drive.begun);
    let ended = drive.run(Start::Submit(spec)).unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    assert_eq!(total(&begun), 3);
    assert_replayed(home.path(), &ended);
}

#[test]
fn a_scatter_is_gathered_in_task_order_whoever_finds_its_inputs() {
    let mut outputs = Vec::new();
    for slow_hands in [false, true] {
        let home = TempDir::new().unwrap();
        let mut drive = Drive::new(home.path());
        drive.slow_hands = slow_hands;
        let ended = drive.run(Start::Submit(diamond())).unwrap();
        assert_eq!(ended.status, RunStatus::Succeeded);
        let run = ended.state.run(ended.run).unwrap();
        let sliced = run.find("sliced").unwrap();
        assert_eq!(sliced.task_count(), Some(8), "200 rows, 25 a task");
        assert_replayed(home.path(), &ended);
        outputs.push(output(&ended));
    }
    assert_eq!(outputs[0], outputs[1]);
}

#[test]
fn the_same_again_comes_from_the_cache_and_begins_nothing() {
    let home = TempDir::new().unwrap();
    let first = Drive::new(home.path())
        .run(Start::Submit(diamond()))
        .unwrap();
    let drive = Drive::new(home.path());
    let begun = Arc::clone(&drive.begun);
    let second = drive.run(Start::Submit(diamond())).unwrap();
    assert_eq!(second.status, RunStatus::Succeeded);
    assert_ne!(second.run, first.run);
    assert_eq!(total(&begun), 0);
    assert_eq!(output(&second), output(&first));
    assert_replayed(home.path(), &second);
}

#[test]
fn a_stage_without_cache_runs_again_in_the_next_run() {
    let home = TempDir::new().unwrap();
    let spec = spec(vec![stage("a"), stage("b").reads("x", "a").uncached()]);
    Drive::new(home.path())
        .run(Start::Submit(Arc::clone(&spec)))
        .unwrap();
    let drive = Drive::new(home.path());
    let begun = Arc::clone(&drive.begun);
    drive.run(Start::Submit(spec)).unwrap();
    let begun = begun.lock().unwrap();
    assert_eq!(begun.get(&("a".to_owned(), 0)), None);
    assert_eq!(begun.get(&("b".to_owned(), 0)), Some(&1));
}

#[test]
fn a_crash_after_any_group_is_resumed_to_the_same_answer() {
    let home = TempDir::new().unwrap();
    let whole = Drive::new(home.path())
        .run(Start::Submit(diamond()))
        .unwrap();
    let expected = output(&whole);
    for groups in 0.. {
        let home = TempDir::new().unwrap();
        let mut drive = Drive::new(home.path());
        drive.groups_left = groups;
        let begun = Arc::clone(&drive.begun);
        let broken = drive.run(Start::Submit(diamond()));
        let crashed = match broken {
            Ok(_) => false,
            Err(DriveError::State(error)) => {
                assert!(error.to_string().contains("full"), "{error}");
                true
            }
            Err(other) => panic!("{other}"),
        };
        let finished_before = finished_tasks(home.path());
        let mut drive = Drive::new(home.path());
        drive.begun = Arc::clone(&begun);
        let ended = drive.run(again(home.path(), &diamond())).unwrap();
        assert_eq!(ended.status, RunStatus::Succeeded, "after {groups} groups");
        assert_eq!(output(&ended), expected, "after {groups} groups");
        assert_replayed(home.path(), &ended);
        let twice = begun.lock().unwrap().values().filter(|n| **n > 1).count();
        let done_once = begun.lock().unwrap().len() - twice;
        assert!(
            done_once >= finished_before,
            "what was finished is not begun again"
        );
        if !crashed {
            assert!(groups > 5, "the story has {groups} groups");
            break;
        }
    }
}

fn finished_tasks(home: &std::path::Path) -> usize {
    let Ok(reader) = SqliteReader::open(home) else {
        return 0;
    };
    let mut count = 0;
    reader
        .replay(sunward_state::Scope::Live, &mut |fact| {
            if let sunward_core::Fact::Finished { successes, .. } = fact {
                count += successes.len();
            }
        })
        .unwrap();
    count
}

#[test]
fn an_interrupted_run_stops_cleanly_and_goes_on_later() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.mood = Mood::Stuck;
    let line = drive.line();
    let ended = drive
        .watch(Start::Submit(diamond()), &mut |event, _| {
            if matches!(event, Event::Leased { .. }) {
                line.control(Control::Interrupt);
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Interrupted);
    assert_replayed(home.path(), &ended);
    let resumed = Drive::new(home.path())
        .run(again(home.path(), &diamond()))
        .unwrap();
    assert_eq!(resumed.run, ended.run);
    assert_eq!(resumed.status, RunStatus::Succeeded);
}

#[test]
fn a_second_interrupt_stops_at_once_and_the_run_can_be_resumed() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.mood = Mood::Stuck;
    let line = drive.line();
    let ended = drive
        .watch(Start::Submit(diamond()), &mut |event, _| {
            if matches!(event, Event::Leased { .. }) {
                line.control(Control::Interrupt);
                line.control(Control::Interrupt);
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Interrupted);
    let resumed = Drive::new(home.path())
        .run(again(home.path(), &diamond()))
        .unwrap();
    assert_eq!(resumed.run, ended.run);
    assert_eq!(resumed.status, RunStatus::Succeeded);
    assert_replayed(home.path(), &resumed);
}

#[test]
fn a_request_of_another_process_cancels_the_run() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.mood = Mood::Stuck;
    let mut noticed = false;
    let ended = drive
        .watch(Start::Submit(diamond()), &mut |event, _| match event {
            Event::Leased { lease } => {
                request_cancel(home.path(), lease.run, Timestamp(1)).unwrap();
            }
            Event::CancelRequested { .. } => noticed = true,
            _ => {}
        })
        .unwrap();
    assert!(noticed);
    assert_eq!(ended.status, RunStatus::Cancelled);
    assert_replayed(home.path(), &ended);
    let reader = Sqlite::open(home.path()).unwrap();
    assert!(reader.cancel_requests().unwrap().is_empty());
}

#[test]
fn a_failure_is_told_with_its_message_and_the_run_can_be_retried() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.mood = Mood::Failing;
    let mut told = Vec::new();
    let ended = drive
        .watch(Start::Submit(diamond()), &mut |event, _| {
            if let Event::Failed { failure, .. } = event {
                told.push(failure.message.clone());
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Failed);
    assert_eq!(told, ["it pretended"]);
    assert_replayed(home.path(), &ended);
    let run = ended.run;
    let retried = Drive::new(home.path())
        .run(Start::Retry { run, spec: None })
        .unwrap();
    assert_eq!(retried.status, RunStatus::Succeeded);
    assert_eq!(retried.run, run);
    assert_replayed(home.path(), &retried);
}

#[test]
fn a_worker_that_leaves_ends_the_drive_and_nothing_finished_is_lost() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.mood = Mood::Leaving;
    let refusal = drive.run(Start::Submit(diamond())).unwrap_err();
    assert!(matches!(refusal, DriveError::NoWorker), "{refusal}");
    let ended = Drive::new(home.path())
        .run(again(home.path(), &diamond()))
        .unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
}

#[test]
fn a_panic_on_the_loop_ends_it_and_the_run_can_go_on() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.mood = Mood::Panicking;
    let refusal = drive.run(Start::Submit(diamond())).unwrap_err();
    assert!(matches!(refusal, DriveError::Panicked { .. }), "{refusal}");
    let told = refusal.to_string();
    assert!(
        told.contains("the transport fell over") && told.contains("report"),
        "{told}"
    );
    let ended = Drive::new(home.path())
        .run(again(home.path(), &diamond()))
        .unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
}

#[test]
fn progress_is_told_at_the_end_even_of_a_short_run() {
    let home = TempDir::new().unwrap();
    let mut told = Vec::new();
    Drive::new(home.path())
        .watch(Start::Submit(diamond()), &mut |event, state| {
            if let Event::Progress = event {
                let run = state.newest().and_then(|run| state.run(run)).unwrap();
                told.push(run.stages().map(|stage| stage.ran_tasks()).sum::<u32>());
            }
        })
        .unwrap();
    assert_eq!(told.last(), Some(&30), "1 + 20 + 8 + 1 tasks");
    assert!(told.is_sorted());
}

#[test]
fn hands_that_panic_fail_the_stage_and_not_the_engine() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.clumsy_hands = true;
    let mut told = Vec::new();
    let ended = drive
        .watch(Start::Submit(diamond()), &mut |event, _| {
            if let Event::Unresolvable { failure, .. } = event {
                told.push(failure.message.clone());
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Failed);
    assert!(told[0].contains("report"), "{told:?}");
    assert_replayed(home.path(), &ended);
}

#[test]
fn more_panics_than_threads_end_the_run_all_the_same() {
    let home = TempDir::new().unwrap();
    let mut drive = Drive::new(home.path());
    drive.clumsy_hands = true;
    let mut stages = vec![stage("source")];
    stages.extend((0..20).map(|n| stage(&format!("s{n}")).reads("table", "source")));
    let ended = drive.run(Start::Submit(spec(stages))).unwrap();
    assert_eq!(ended.status, RunStatus::Failed);
    assert_replayed(home.path(), &ended);
}

#[test]
fn an_observer_that_panics_is_told_nothing_more_and_the_run_goes_on() {
    let home = TempDir::new().unwrap();
    let mut told = 0;
    let ended = Drive::new(home.path())
        .watch(Start::Submit(diamond()), &mut |_, _| {
            told += 1;
            panic!("the terminal is gone");
        })
        .unwrap();
    assert_eq!((ended.status, told), (RunStatus::Succeeded, 1));
    assert_replayed(home.path(), &ended);
}

#[test]
fn a_finished_run_is_not_resumed_but_refused() {
    let home = TempDir::new().unwrap();
    let spec = spec(vec![stage("a")]);
    let ended = Drive::new(home.path())
        .run(Start::Submit(Arc::clone(&spec)))
        .unwrap();
    let run = ended.run;
    for start in [
        Start::Resume { run, spec },
        Start::Retry { run, spec: None },
    ] {
        let refusal = Drive::new(home.path()).run(start).unwrap_err().to_string();
        assert!(
            refusal.contains("r1 cannot continue: it is succeeded"),
            "{refusal}"
        );
    }
}

#[test]
fn a_task_that_may_be_tried_again_is_when_its_wait_is_over() {
    let home = TempDir::new().unwrap();
    let mut patient = stage("patient").range(3);
    patient.retry.max_attempts = 2;
    patient.retry.backoff_ms = 20;
    patient.retry.on = vec![sunward_workflows::RetryOn::Any];
    let mut drive = Drive::new(home.path());
    drive.mood = Mood::FailingOnce;
    let begun = Arc::clone(&drive.begun);
    let mut waits = 0;
    let ended = drive
        .watch(Start::Submit(spec(vec![patient])), &mut |event, _| {
            if let Event::Failed { retry_at, .. } = event {
                waits += u32::from(retry_at.is_some());
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    assert_eq!((waits, total(&begun)), (3, 6));
    assert_replayed(home.path(), &ended);
}
