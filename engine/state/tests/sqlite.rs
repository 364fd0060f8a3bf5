//! SQLite passes the tests of every journal, and reports its own failures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests may panic"
)]

use proptest::prelude::*;
use rusqlite::Connection;
use sunward_core::{Fact, RunId, Timestamp};
use sunward_state::conformance::{self, Site, sample};
use sunward_state::sqlite::{DATABASE, request_cancel};
use sunward_state::{Journal, Reader, Scope, Sqlite, SqliteReader, StateError};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn database(&self) -> Connection {
        Connection::open(self.0.path().join(DATABASE)).unwrap()
    }
}

impl Site for Folder {
    fn engine(&self) -> Result<Box<dyn Journal>, StateError> {
        Ok(Box::new(Sqlite::open(self.0.path())?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StateError> {
        Ok(Box::new(SqliteReader::open(self.0.path())?))
    }

    fn request_cancel(&self, run: RunId, at: Timestamp) -> Result<(), StateError> {
        request_cancel(self.0.path(), run, at)
    }
}

macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        $(#[test]
        fn $story() {
            conformance::$story(&Folder::new()).unwrap();
        })*
    };
}

stories!(
    a_changed_file_is_not_recalled,
    a_group_comes_whole_or_not_at_all,
    a_reader_sees_what_the_engine_wrote,
    a_request_to_cancel_reaches_the_engine_once,
    a_second_engine_is_refused,
    a_snapshot_and_its_tail_fold_to_the_same,
    an_acknowledged_group_outlives_its_writer,
    an_archived_run_keeps_its_answers,
    an_archived_run_may_go_on_and_be_archived_again,
    an_empty_group_changes_nothing,
    facts_of_one_run_are_found_alone,
    groups_fold_in_the_order_they_were_appended,
    many_runs_in_one_group_keep_their_order,
    results_are_found_by_key_and_replaced,
    results_can_be_forgotten,
    the_listing_follows_the_facts,
    unfinished_runs_are_found_by_path_and_params,
);

#[test]
fn a_changed_byte_in_the_journal_is_told_with_its_place_and_nothing_is_archived() {
    let folder = Folder::new();
    let mut engine = folder.engine().unwrap();
    engine
        .append(&sample::group(vec![sample::submitted(1)]))
        .unwrap();
    engine
        .append(&sample::group(vec![sample::finished(1, 0, 3)]))
        .unwrap();
    folder
        .database()
        .execute(
            "UPDATE journal SET blob = CAST(substr(blob, 1, 40) || x'00' || substr(blob, 42) AS BLOB) WHERE position = 2",
            [],
        )
        .unwrap();
    let error = sample::facts(&*engine, Scope::Live).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("row 2 of the journal"), "{message}");
    assert!(message.contains("checksum"), "{message}");
    assert!(message.contains(DATABASE), "{message}");
    assert!(engine.archive(RunId(1)).is_err());
    let left: i64 = folder
        .database()
        .query_row("SELECT count(*) FROM journal", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 2);
}

#[test]
fn a_file_that_is_no_database_is_told_as_damage() {
    let folder = Folder::new();
    std::fs::write(folder.0.path().join(DATABASE), vec![7; 8192]).unwrap();
    let error = Sqlite::open(folder.0.path()).unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
}

#[test]
fn a_state_of_another_version_is_no_damage_and_is_left_alone() {
    for format in ["1", "99"] {
        let folder = Folder::new();
        drop(folder.engine().unwrap());
        folder
            .database()
            .execute("UPDATE meta SET value = ?1 WHERE name = 'format'", [format])
            .unwrap();
        let bytes = || std::fs::read(folder.0.path().join(DATABASE)).unwrap();
        let before = bytes();
        for error in [
            Sqlite::open(folder.0.path()).map(drop).unwrap_err(),
            SqliteReader::open(folder.0.path()).map(drop).unwrap_err(),
        ] {
            let told = error.to_string();
            assert!(told.contains(&format!("it has format {format}")), "{told}");
            assert!(told.contains("give another --home"), "{told}");
            assert!(error.is_infrastructure());
        }
        assert!(before == bytes());
    }
}

#[test]
fn a_full_disk_is_told_and_what_was_acknowledged_stays() {
    let folder = Folder::new();
    let mut engine = Sqlite::open(folder.0.path()).unwrap();
    engine
        .append(&sample::group(vec![sample::submitted(1)]))
        .unwrap();
    engine.limit_pages(40).unwrap();
    let mut acknowledged = vec![sample::submitted(1)];
    let error = loop {
        let fact = sample::finished(1, 0, 200);
        match engine.append(&sample::group(vec![fact.clone()])) {
            Ok(_) => acknowledged.push(fact),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StateError::Full { .. }), "{error}");
    drop(engine);
    let reader = folder.reader().unwrap();
    assert_eq!(sample::facts(&*reader, Scope::Live).unwrap(), acknowledged);
}

#[test]
fn a_fact_longer_than_a_row_takes_one_row_and_a_longer_group_several() {
    let folder = Folder::new();
    let mut engine = folder.engine().unwrap();
    let facts: Vec<Fact> = [sample::submitted(1)]
        .into_iter()
        .chain((0..4).map(|n| sample::finished(1, n * 80_000, 80_000)))
        .collect();
    engine.append(&sample::group(facts.clone())).unwrap();
    assert_eq!(sample::facts(&*engine, Scope::Live).unwrap(), facts);
    let rows: i64 = folder
        .database()
        .query_row("SELECT count(*) FROM journal", [], |row| row.get(0))
        .unwrap();
    assert!(rows > 1, "{rows}");
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let run = 1_u64..4;
    prop_oneof![
        (run.clone(), 0_u32..1000, 0_u32..20).prop_map(|(r, f, n)| sample::finished(r, f, n)),
        (run, any::<u32>(), any::<u32>()).prop_map(|(r, f, n)| sample::leased(r, f, n)),
        any::<u32>().prop_map(sample::joined),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_groups_are_read_back_whole_and_in_order(
        groups in prop::collection::vec(prop::collection::vec(any_fact(), 0..12), 0..8),
        reopen_after in 0_usize..8,
    ) {
        let folder = Folder::new();
        let mut engine = folder.engine().unwrap();
        for (number, facts) in groups.iter().enumerate() {
            if number == reopen_after {
                drop(engine);
                engine = folder.engine().unwrap();
            }
            engine.append(&sample::group(facts.clone())).unwrap();
        }
        prop_assert_eq!(sample::facts(&*engine, Scope::Live).unwrap(), groups.concat());
    }
}
