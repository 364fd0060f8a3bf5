//! The store can be listed, verified and pruned, and never loses data that must stay.
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

/// Every kind of joined view: files, a folder, several folders, tables in other forms.
fn joined(store: &Store, folder: &Path) -> Vec<(&'static str, Dataset, Wanted)> {
    let file = |name: &str, text: &str| {
        fs::write(folder.join(name), text).unwrap();
        store.blob(&folder.join(name)).unwrap()
    };
    let tree = |name: &str| {
        let tree = folder.join(name);
        fs::create_dir_all(tree.join("deep")).unwrap();
        fs::write(tree.join("deep/x"), name).unwrap();
        fs::write(tree.join("run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(tree.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("deep/x", tree.join("l")).unwrap();
        store.folder_blob(&tree).unwrap()
    };
    let txt = Wanted {
        ext: Some("txt".into()),
        ..Wanted::default()
    };
    let csv = Wanted {
        form: Form::Csv,
        ..Wanted::default()
    };
    let files = store.concat(&[file("a", "a"), file("b", "b")]).unwrap();
    let trees = store.concat(&[tree("t"), tree("u")]).unwrap();
    vec![
        ("file", file("c", "c"), txt.clone()),
        ("files", files, txt),
        ("folder", tree("v"), Wanted::default()),
        ("folders", trees, Wanted::default()),
        ("table", table(store, 7), csv),
    ]
}

/// All files below a path.
fn files_below(path: &Path) -> Vec<std::path::PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().flatten();
    entries
        .flat_map(|entry| files_below(&entry.path()))
        .collect()
}

/// Replaces a file as an editor does. Its part stays unchanged.
fn replace(path: &Path) {
    let text = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path, text.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>()).unwrap();
}

type Harm = fn(&Path);

#[test]
fn joined_views_are_compared_with_their_parts_and_made_again() {
    let harms: [(&str, Harm); 4] = [
        ("rm", |path| fs::remove_file(path).unwrap()),
        ("replace", replace),
        ("grow", |path| {
            let text = fs::read(path).unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path, [&text[..], b"more"].concat()).unwrap();
        }),
        ("add", |path| {
            fs::write(path.with_extension("new"), "x").unwrap()
        }),
    ];
    for (harm, what) in harms {
        let (home, store) = store();
        for (kind, dataset, wanted) in joined(&store, home.path()) {
            let path = store.materialise(&dataset, &wanted).unwrap();
            assert_eq!(store.verify_joined().unwrap(), [], "{kind}");
            let before: Vec<_> = files_below(&path)
                .iter()
                .map(|file| (file.clone(), fs::read(file).unwrap()))
                .collect();
            let victims: Vec<_> = before.iter().filter(|(file, _)| file.is_file()).collect();
            for (victim, _) in victims {
                if !path.is_dir() && matches!(harm, "rm" | "add") {
                    continue;
                }
                what(victim);
                let found = store.verify_joined().unwrap();
                assert_eq!(found.len(), 1, "{harm} {kind} {}", victim.display());
                assert!(found[0].path == path && found[0].made_again, "{found:?}");
                let mut after = files_below(&path);
                after.sort();
                let mut names: Vec<_> = before.iter().map(|(file, _)| file.clone()).collect();
                names.sort();
                assert_eq!(after, names, "{harm} {kind}");
                for (file, bytes) in &before {
                    assert_eq!(&fs::read(file).unwrap(), bytes, "{harm} {kind}");
                }
                assert_eq!(store.verify_joined().unwrap(), [], "{harm} {kind}");
            }
        }
        assert!(store.verify().unwrap().is_empty());
        let left = fs::read_dir(store.root().join("tmp")).unwrap().count();
        assert_eq!(left, 0, "nothing is left of the comparison");
    }
}

#[test]
fn a_joined_view_whose_part_is_gone_is_left_and_given_to_nobody() {
    let (home, store) = store();
    for (kind, dataset, wanted) in joined(&store, home.path()) {
        let path = store.materialise(&dataset, &wanted).unwrap();
        store.remove(&dataset.parts[0].digest).unwrap();
        assert_eq!(store.verify_joined().unwrap(), [], "{kind}");
        assert!(path.exists(), "{kind}: it may be the last copy");
        assert!(store.materialise(&dataset, &wanted).is_err(), "{kind}");
    }
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
