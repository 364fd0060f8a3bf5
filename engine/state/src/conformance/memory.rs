//! Conformance tests of rows that save work: results by key, files, derived datasets.

use sunward_core::{TaskResult, Timestamp};

use super::Site;
use super::sample::{dataset, group, key, result};
use crate::error::StateError;
use crate::group::{FileRecord, FileStamp, Group};

/// Each key returns its own newest result.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn results_are_found_by_key_and_replaced(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    let mut first = group(Vec::new());
    first.results = (0..50).rev().map(|n| (key(n), result(n))).collect();
    engine.append(&first)?;
    let mut second = group(Vec::new());
    second.results = vec![(key(3), result(300)), (key(60), TaskResult::default())];
    engine.append(&second)?;
    let asked = [key(49), key(99), key(3), key(60), key(49)];
    let expected = [
        Some(result(49)),
        None,
        Some(result(300)),
        Some(TaskResult::default()),
        Some(result(49)),
    ];
    assert_eq!(engine.lookup_results(&asked)?, expected);
    assert!(engine.lookup_results(&[])?.is_empty());
    drop(engine);
    assert_eq!(site.reader()?.lookup_results(&asked)?, expected);
    Ok(())
}

/// Results carry the day of their last use and are removed on request.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn results_can_be_forgotten(site: &dyn Site) -> Result<(), StateError> {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    let mut engine = site.engine()?;
    engine.append(&Group {
        at: Timestamp(DAY_MS),
        results: vec![(key(1), result(1)), (key(2), result(2))],
        ..Group::default()
    })?;
    engine.append(&Group {
        at: Timestamp(3 * DAY_MS),
        used: vec![key(2), key(9)],
        ..Group::default()
    })?;
    let mut seen = Vec::new();
    engine.each_result(&mut |key, result, used| seen.push((key, result, used)))?;
    let mut expected = vec![
        (key(1), result(1), Timestamp(DAY_MS)),
        (key(2), result(2), Timestamp(3 * DAY_MS)),
    ];
    expected.sort_by_key(|(key, ..)| *key);
    assert_eq!(seen, expected);
    engine.forget_results(&[key(1), key(9)])?;
    assert_eq!(
        engine.lookup_results(&[key(1), key(2)])?,
        [None, Some(result(2))]
    );
    Ok(())
}

/// A file's record is found while nothing about the file has changed, for each way of reading it.
///
/// # Errors
///
/// Fails if the journal returns an error.
pub fn a_changed_file_is_not_recalled(site: &dyn Site) -> Result<(), StateError> {
    let mut engine = site.engine()?;
    let stamp = FileStamp {
        device: 1,
        inode: u64::MAX,
        size: 10,
        mtime_ns: -5,
        ctime_ns: 7,
    };
    let record = |stamp, number| FileRecord {
        stamp,
        reading: key(1),
        dataset: dataset(number),
    };
    engine.append(&Group {
        files: vec![record(stamp, 1)],
        ..Group::default()
    })?;
    assert_eq!(engine.recall_file(&stamp, key(1))?, Some(dataset(1)));
    assert_eq!(engine.recall_file(&stamp, key(2))?, None, "read otherwise");
    let changed = [
        FileStamp { device: 2, ..stamp },
        FileStamp { inode: 2, ..stamp },
        FileStamp { size: 11, ..stamp },
        FileStamp {
            mtime_ns: -4,
            ..stamp
        },
        FileStamp {
            ctime_ns: 8,
            ..stamp
        },
    ];
    for stamp in changed {
        assert_eq!(engine.recall_file(&stamp, key(1))?, None);
    }
    let rewritten = changed[3];
    engine.append(&Group {
        files: vec![record(rewritten, 2)],
        ..Group::default()
    })?;
    assert_eq!(engine.recall_file(&rewritten, key(1))?, Some(dataset(2)));
    engine.forget_memory()?;
    assert_eq!(engine.recall_file(&rewritten, key(1))?, None);
    Ok(())
}
