//! Measures the loop with a worker that takes no time. Run by hand:
//! `cargo test --release -p sunward-drive --test measure -- --ignored --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::allow_attributes,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a measurement prints, and uses part of the stories' world"
)]

mod world;

use std::sync::Arc;
use std::time::Instant;

use sunward_core::RunStatus;
use sunward_drive::{Event, Start};
use tempfile::TempDir;
use world::{Drive, StageExt, spec, stage};

#[test]
#[ignore = "a measurement"]
fn a_scatter_a_chain_and_the_same_again() {
    for cached in [false, true] {
        let tasks = 400_000;
        let mut wide = stage("wide").range(tasks);
        wide.outputs.clear();
        wide.cache.enabled = cached;
        let took = drive(&TempDir::new().unwrap(), &spec(vec![wide]));
        println!(
            "{tasks} tasks, cache {cached}: {:.0} tasks/s, first lease after {:?}",
            f64::from(u32::try_from(tasks).unwrap()) / took.0,
            took.1
        );
    }
    let mut chain = vec![stage("s0")];
    for at in 1..500 {
        chain.push(stage(&format!("s{at}")).reads("x", &format!("s{}", at - 1)));
    }
    let took = drive(&TempDir::new().unwrap(), &spec(chain));
    println!("a hop of a chain: {:.3} ms", took.0 * 1000.0 / 500.0);
    let home = TempDir::new().unwrap();
    let finished = spec(vec![
        stage("many").range(1000),
        stage("end").reads("x", "many"),
    ]);
    drive(&home, &finished);
    let took = drive(&home, &finished);
    println!("the same 1000 tasks again: {:.3} ms", took.0 * 1000.0);
}

/// The time from opening the journal to the end, and to the first lease.
fn drive(home: &TempDir, spec: &Arc<sunward_core::RunSpec>) -> (f64, std::time::Duration) {
    let begin = Instant::now();
    let mut first = None;
    let ended = Drive::new(home.path())
        .watch(Start::Submit(Arc::clone(spec)), &mut |event, _| {
            if matches!(event, Event::Leased { .. }) {
                first.get_or_insert_with(|| begin.elapsed());
            }
        })
        .unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded);
    (begin.elapsed().as_secs_f64(), first.unwrap_or_default())
}
