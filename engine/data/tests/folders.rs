//! Folders of many files. Small files share parts, and a restored folder equals the original.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use proptest::prelude::*;
use sunward_core::Dataset;
use sunward_data::{DataError, NoMemory, PruneOptions, Store, Wanted, path_digest};
use sunward_workflows::{Form, OutputFormat};

/// Files of at most this many bytes share parts.
const SMALL: usize = 64 << 10;

fn store() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    (home, store)
}

/// The content of a folder by relative path: the bytes of a file and whether it is executable, or
/// the target of a symbolic link.
fn read(folder: &Path) -> BTreeMap<String, (Vec<u8>, bool)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let found = fs::symlink_metadata(&path).unwrap();
            if found.is_dir() {
                all.insert(name, (b"folder".to_vec(), false));
                folders.push(path);
            } else if found.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                all.insert(name, (target.display().to_string().into_bytes(), false));
            } else {
                let executable = found.permissions().mode() & 0o100 != 0;
                all.insert(name, (fs::read(&path).unwrap(), executable));
            }
        }
    }
    all
}

fn make(folder: &Path, files: &[(String, Vec<u8>, bool)]) {
    fs::create_dir_all(folder.join("empty")).unwrap();
    for (name, bytes, executable) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let mode = if *executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
    symlink("empty", folder.join("link")).unwrap();
}

fn adopt(store: &Store, folder: &Path) -> Dataset {
    store.adopt(folder, OutputFormat::Dir, None).unwrap()
}

/// Files with sizes around the limits.
fn edges() -> Vec<(String, Vec<u8>, bool)> {
    let sizes = [0, 1, 2, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL];
    let names = ["a/b", "a.b", "a/c/d", "b", "é/z", "z"];
    let mut files = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        for (other, name) in names.into_iter().enumerate() {
            // Two of the files are equal.
            let byte = u8::try_from(if other == 1 { 0 } else { other }).unwrap();
            files.push((format!("{name}{number}"), vec![byte; size], other % 2 == 1));
        }
    }
    files
}

/// Checks that a shared path, an export and a view all equal the original folder.
fn comes_back(
    home: &Path,
    store: &Store,
    dataset: &Dataset,
    expected: &BTreeMap<String, (Vec<u8>, bool)>,
) {
    let shared = store.materialise(dataset, &Wanted::default()).unwrap();
    let out = home.join("out");
    store.export(dataset, &out, Form::Arrow, None).unwrap();
    let mut views = store.views();
    let view = store.view(dataset, &Wanted::default(), false).unwrap();
    views.place(&view, &home.join("view")).unwrap();
    for folder in [&shared, &out, &home.join("view")] {
        assert_eq!(&read(folder), expected, "{}", folder.display());
    }
    assert!(views.compare().is_ok());
}

#[test]
fn every_file_comes_back_and_small_ones_share_parts() {
    let (home, store) = store();
    let folder = home.path().join("folder");
    make(&folder, &edges());
    let expected = read(&folder);
    let digest = path_digest(&folder).unwrap();
    let dataset = adopt(&store, &folder);
    assert_eq!(dataset.content, digest);
    comes_back(home.path(), &store, &dataset, &expected);
    // The list, one part of small files, and each larger content once.
    assert_eq!(store.parts().unwrap().len(), 1 + 1 + 2 * 5);
    assert!(store.verify().unwrap().is_empty());
}

#[test]
fn a_users_folder_is_the_same_and_is_not_touched() {
    let (home, store) = store();
    let folder = home.path().join("folder");
    make(&folder, &edges());
    let closed = folder.join("b1");
    fs::set_permissions(&closed, Permissions::from_mode(0o600)).unwrap();
    let before = read(&folder);
    let name = folder.display().to_string();
    let read_in = store.read_blob(&name, &NoMemory).unwrap();
    assert_eq!(read(&folder), before);
    assert_eq!(
        fs::metadata(&closed).unwrap().permissions().mode() & 0o777,
        0o600
    );
    comes_back(home.path(), &store, &read_in, &before);
    let parts = store.parts().unwrap();
    assert_eq!(
        adopt(&store, &folder),
        read_in,
        "equal parts of equal folders"
    );
    assert_eq!(store.parts().unwrap().len(), parts.len());
}

#[test]
fn pruning_keeps_the_parts_of_a_folder_and_damage_to_one_is_noticed() {
    let (home, store) = store();
    let folder = home.path().join("folder");
    make(&folder, &edges());
    let dataset = adopt(&store, &folder);
    let manifest = dataset.parts[0].digest;
    let options = PruneOptions {
        keep: BTreeSet::from([manifest]),
        grace: Some(Duration::ZERO),
        ..PruneOptions::default()
    };
    assert_eq!(store.prune(&options).unwrap().parts, 0);
    for part in store.parts().unwrap() {
        let path = store.part_path(&part.digest);
        let bytes = fs::read(&path).unwrap();
        let write = |bytes: &[u8]| {
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            fs::write(&path, bytes).unwrap();
        };
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        write(&flipped);
        assert_eq!(store.verify().unwrap().len(), 1);
        write(&bytes[..bytes.len() - 1]);
        assert!(!store.is_local(&dataset) && !store.is_available(&dataset).unwrap());
        let error = store.materialise(&dataset, &Wanted::default()).unwrap_err();
        assert!(matches!(error, DataError::Damaged { .. }), "{error}");
        write(&bytes);
        assert!(store.is_local(&dataset));
    }
}

#[test]
fn keeping_a_folder_ends_early_when_it_is_not_wanted_any_more() {
    let (home, store) = store();
    let folder = home.path().join("folder");
    make(&folder, &edges());
    let stop = Arc::new(AtomicBool::new(true));
    let stopped = store.stopped_by(&stop);
    for error in [
        stopped.adopt(&folder, OutputFormat::Dir, None).unwrap_err(),
        stopped.folder_blob(&folder).unwrap_err(),
    ] {
        assert!(matches!(error, DataError::Stopped), "{error}");
    }
    let kept = adopt(&store, &folder);
    let view = store.view(&kept, &Wanted::default(), false).unwrap();
    let placed = stopped.views().place(&view, &home.path().join("view"));
    assert!(matches!(placed, Err(DataError::Stopped)));
}

#[test]
fn a_list_that_leads_out_or_beyond_its_parts_is_damage() {
    let (home, store) = store();
    let folder = home.path().join("folder");
    make(&folder, &[("a".into(), b"1".to_vec(), false)]);
    let good = adopt(&store, &folder);
    let text = fs::read_to_string(store.part_path(&good.parts[0].digest)).unwrap();
    assert!(
        text.starts_with("sunward folder 3\n[{\"digest\":\""),
        "{text}"
    );
    for (from, to) in [
        ("\"a\"", "\"../a\""),
        ("\"a\"", "\"/a\""),
        ("\"a\"", "\"\""),
        ("\"part\":0", "\"part\":1"),
        ("\"at\":0", "\"at\":1"),
        ("\"at\":0", "\"at\":18446744073709551615"),
        ("\"bytes\":1,\"part\"", "\"bytes\":2,\"part\""),
        ("\"link\":\"empty\"", "\"link\":\"../empty\""),
        ("folder 3", "folder 9"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let forged = home.path().join("forged");
        fs::write(&forged, text.replace(from, to)).unwrap();
        let mut dataset = good.clone();
        dataset.parts = store.blob(&forged).unwrap().parts;
        let error = store.materialise(&dataset, &Wanted::default()).unwrap_err();
        assert!(matches!(error, DataError::Damaged { .. }), "{to}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_folder_comes_back(
        files in prop::collection::btree_map(
            "[ab]{1,2}/[cd.]{0,1}e{1,3}",
            (0_usize..200_000, any::<u8>(), any::<bool>()),
            0..40,
        ),
    ) {
        let (home, store) = store();
        let folder = home.path().join("folder");
        let files: Vec<_> = files
            .into_iter()
            .map(|(name, (size, byte, executable))| {
                // Most files are small.
                let size = if size % 4 == 0 { size } else { size % 500 };
                (name, vec![byte; size], executable)
            })
            .collect();
        make(&folder, &files);
        let expected = read(&folder);
        let digest = path_digest(&folder).unwrap();
        let dataset = adopt(&store, &folder);
        prop_assert_eq!(dataset.content, digest);
        comes_back(home.path(), &store, &dataset, &expected);
    }
}
