//! The store can be listed, checked and made smaller, and never loses what must stay.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use sunward_core::{Dataset, Digest, TaskResult};
use sunward_data::{NoMemory, PruneOptions, ResultIndex, Store, Wanted};
use sunward_workflows::Form;

const HOUR: Duration = Duration::from_secs(3600);

fn store() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    (home, store)
}

fn table(store: &Store, first: i64) -> Dataset {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + 1000));
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    store.write_table(batch.schema(), &[batch]).unwrap()
}

fn set_age(path: &Path, age: Duration) {
    let file = File::open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

fn age_part(store: &Store, dataset: &Dataset, age: Duration) {
    for part in &dataset.parts {
        set_age(&store.part_path(&part.digest), age);
    }
}

#[test]
fn usage_counts_parts_once_and_links_not_at_all() {
    let (_home, store) = store();
    let dataset = table(&store, 0);
    store.materialise(&dataset, &Wanted::default()).unwrap();
    let usage = store.usage().unwrap();
    assert_eq!((usage.parts, usage.part_bytes), (1, dataset.bytes()));
    assert_eq!((usage.joined, usage.joined_bytes), (1, 0));
    let csv = Wanted {
        form: Form::Csv,
        ..Wanted::default()
    };
    let path = store.materialise(&dataset, &csv).unwrap();
    assert_eq!(
        store.usage().unwrap().joined_bytes,
        fs::metadata(path).unwrap().len()
    );
}

#[test]
fn verify_names_exactly_the_damaged_part() {
    let (_home, store) = store();
    let (good, bad) = (table(&store, 0), table(&store, 5));
    assert!(store.verify().unwrap().is_empty());
    let path = store.part_path(&bad.parts[0].digest);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[2000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let damaged = store.verify().unwrap();
    assert_eq!(damaged.len(), 1);
    assert_eq!(
        (damaged[0].digest, &damaged[0].path),
        (bad.parts[0].digest, &path)
    );
    store.remove(&bad.parts[0].digest).unwrap();
    assert!(!store.is_local(&bad) && store.is_local(&good));
}

#[test]
fn pruning_by_age_keeps_what_is_young_or_needed() {
    let (_home, store) = store();
    let tables: Vec<Dataset> = (0..4).map(|i| table(&store, i)).collect();
    for (dataset, hours) in tables.iter().zip([50, 50, 10, 0]) {
        age_part(&store, dataset, HOUR * hours);
    }
    let options = PruneOptions {
        older: Some(HOUR * 24),
        keep: BTreeSet::from([tables[1].parts[0].digest]),
        ..PruneOptions::default()
    };
    let pruned = store.prune(&options).unwrap();
    assert_eq!((pruned.parts, pruned.bytes), (1, tables[0].bytes()));
    let left: Vec<bool> = tables.iter().map(|t| store.is_local(t)).collect();
    assert_eq!(left, [false, true, true, true]);
}

#[test]
fn pruning_by_size_takes_joined_files_first_then_the_oldest() {
    let (_home, store) = store();
    let tables: Vec<Dataset> = (0..3).map(|i| table(&store, i)).collect();
    let csv = Wanted {
        form: Form::Csv,
        ..Wanted::default()
    };
    let joined = store.materialise(&tables[0], &csv).unwrap();
    set_age(&joined, HOUR * 2);
    for (dataset, hours) in tables.iter().zip([20, 40, 30]) {
        age_part(&store, dataset, HOUR * hours);
    }
    let one = tables[0].bytes();
    let most = |bytes| PruneOptions {
        max_bytes: Some(bytes),
        ..PruneOptions::default()
    };
    assert_eq!(store.prune(&most(3 * one)).unwrap().parts, 0);
    assert!(!joined.exists());
    assert_eq!(store.prune(&most(2 * one)).unwrap().parts, 1);
    let left: Vec<bool> = tables.iter().map(|t| store.is_local(t)).collect();
    assert_eq!(left, [true, false, true]);
}

#[test]
fn nothing_younger_than_the_grace_goes() {
    let (_home, store) = store();
    let dataset = table(&store, 0);
    let pruned = store.prune(&PruneOptions {
        max_bytes: Some(0),
        ..PruneOptions::default()
    });
    assert_eq!(pruned.unwrap().parts, 0);
    let options = PruneOptions {
        grace: Some(Duration::ZERO),
        ..PruneOptions::default()
    };
    assert_eq!(store.prune(&options).unwrap().parts, 1);
    assert!(!store.is_local(&dataset));
}

#[test]
fn a_kept_folder_keeps_its_files() {
    let (home, store) = store();
    let folder = home.path().join("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a"), "a").unwrap();
    let dir = store
        .read_blob(&folder.display().to_string(), &NoMemory)
        .unwrap();
    let options = PruneOptions {
        keep: BTreeSet::from([dir.parts[0].digest]),
        grace: Some(Duration::ZERO),
        ..PruneOptions::default()
    };
    store.prune(&options).unwrap();
    let path = store.materialise(&dir, &Wanted::default()).unwrap();
    assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "a");
}

#[test]
fn a_table_that_is_being_read_survives_pruning() {
    let (_home, store) = store();
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100_000));
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    let dataset = store.write_table(batch.schema(), &[batch]).unwrap();
    let reader = store.table(&dataset).unwrap();
    let options = PruneOptions {
        grace: Some(Duration::ZERO),
        ..PruneOptions::default()
    };
    store.prune(&options).unwrap();
    assert!(!store.is_local(&dataset));
    assert_eq!(reader.read(None).unwrap().num_rows(), 100_000);
}

#[test]
fn without_a_remote_the_shared_index_knows_nothing() {
    let (_home, store) = store();
    let index = ResultIndex::open(&store).unwrap();
    let key = Digest::of(b"key");
    index.put(key, &TaskResult::default());
    assert_eq!(index.get(&[key, key]).unwrap(), [None, None]);
    index.flush();
}
