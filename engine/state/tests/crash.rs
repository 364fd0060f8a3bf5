//! A writer that is killed at any moment loses no acknowledged group.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "tests may panic and talk"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use sunward_core::Fact;
use sunward_state::conformance::sample;
use sunward_state::{Journal, Scope, Sqlite};
use tempfile::TempDir;

/// The variable with the home of the process that is killed.
const HOME: &str = "SUNWARD_TEST_CRASH_HOME";

/// The writer prints this after each acknowledged group.
const ACKNOWLEDGED: &str = "acknowledged ";

/// A group of two facts and one result, so that a partial group would be noticed.
fn group(number: u32) -> sunward_state::Group {
    let mut group = sample::group(vec![
        sample::leased(1, number, 1),
        sample::finished(1, number, 1),
    ]);
    group.results = vec![(
        sample::key(u64::from(number)),
        sample::result(u64::from(number)),
    )];
    group
}

#[test]
#[ignore = "runs as the process that is killed by the test below"]
fn writer() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let mut engine = Sqlite::open(Path::new(&home)).unwrap();
    let facts = sample::facts(&engine, Scope::Live).unwrap();
    if facts.is_empty() {
        engine
            .append(&sample::group(vec![sample::submitted(1)]))
            .unwrap();
    }
    let first = u32::try_from(facts.len().saturating_sub(1) / 2).unwrap();
    for number in first.. {
        engine.append(&group(number)).unwrap();
        println!("{ACKNOWLEDGED}{number}");
    }
}

#[test]
fn a_writer_killed_at_any_moment_keeps_every_acknowledged_group() {
    let home = TempDir::new().unwrap();
    for round in 1..=8_u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--ignored", "--nocapture"])
            .env(HOME, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = None;
        let mut seen = 0;
        for line in lines {
            let line = line.unwrap();
            // The test harness writes to the same pipe, also without ending its line.
            let Some((_, number)) = line.split_once(ACKNOWLEDGED) else {
                continue;
            };
            acknowledged = number.parse::<u32>().ok().or(acknowledged);
            seen += 1;
            if seen == round * 7 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        check(home.path(), acknowledged.unwrap());
    }
}

/// Checks that all groups up to the last acknowledged one are there, and none in part.
fn check(home: &Path, acknowledged: u32) {
    let engine = Sqlite::open(home).unwrap();
    let facts = sample::facts(&engine, Scope::Live).unwrap();
    let groups = u32::try_from((facts.len() - 1) / 2).unwrap();
    assert!(
        groups > acknowledged,
        "{groups} groups, {acknowledged} acknowledged"
    );
    let expected: Vec<Fact> = [sample::submitted(1)]
        .into_iter()
        .chain((0..groups).flat_map(|number| group(number).facts))
        .collect();
    assert_eq!(facts, expected);
    let keys: Vec<_> = (0..=groups)
        .map(|number| sample::key(u64::from(number)))
        .collect();
    let found = sunward_state::Reader::lookup_results(&engine, &keys).unwrap();
    let (last, all) = found.split_last().unwrap();
    assert!(all.iter().all(Option::is_some), "a result is missing");
    assert!(last.is_none(), "a result without its facts");
}
