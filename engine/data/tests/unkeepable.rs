//! Outputs of commands that cannot be kept, and those that the engine repairs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests may panic"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use sunward_core::{Blame, Dataset};
use sunward_data::{DataError, Store, Wanted};
use sunward_workflows::{Form, OutputFormat};

type Make = fn(&Path);

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A file that consists of a hole.
fn sparse(path: &Path, bytes: u64) {
    fs::File::create(path).unwrap().set_len(bytes).unwrap();
}

fn inside(path: &Path, make: impl FnOnce(&Path)) {
    fs::create_dir(path).unwrap();
    fs::write(path.join("good"), "good").unwrap();
    make(&path.join("bad"));
}

fn adopted(
    make: Make,
    format: OutputFormat,
) -> (tempfile::TempDir, Store, Result<Dataset, DataError>) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    let path = home.path().join("out");
    make(&path);
    let adopted = store.adopt(&path, format, None);
    (home, store, adopted)
}

#[test]
fn what_cannot_be_kept_is_the_commands_fault_and_named() {
    let all = [
        OutputFormat::File,
        OutputFormat::Dir,
        OutputFormat::Csv,
        OutputFormat::Arrow,
        OutputFormat::Parquet,
    ];
    let dir = [OutputFormat::Dir];
    let one_file = [OutputFormat::File];
    let csv = [OutputFormat::Csv];
    let cases: [(&str, Make, &[OutputFormat]); 12] = [
        ("a pipe", fifo, &all),
        ("a dangling link", |p| symlink("nowhere", p).unwrap(), &all),
        ("a device", |p| symlink("/dev/null", p).unwrap(), &all),
        ("a socket", |p| drop(UnixListener::bind(p).unwrap()), &all),
        (
            "a link to a file that cannot be read",
            |p| symlink("/proc/self/mem", p).unwrap(),
            &all,
        ),
        (
            "a link to a file that is larger than the disk",
            |p| {
                sparse(&p.with_extension("holes"), 8 << 40);
                symlink(p.with_extension("holes"), p).unwrap();
            },
            &one_file,
        ),
        ("a line that is too long", |p| sparse(p, 600 << 20), &csv),
        ("a pipe inside", |p| inside(p, fifo), &dir),
        (
            "a dangling link inside",
            |p| inside(p, |b| symlink("nowhere", b).unwrap()),
            &dir,
        ),
        (
            "a link that leaves",
            |p| inside(p, |b| symlink("../tmp", b).unwrap()),
            &dir,
        ),
        (
            "an absolute link",
            |p| inside(p, |b| symlink("/etc/passwd", b).unwrap()),
            &dir,
        ),
        (
            "a socket inside",
            |p| inside(p, |b| drop(UnixListener::bind(b).unwrap())),
            &dir,
        ),
    ];
    for (what, make, formats) in cases {
        for format in formats {
            let (_home, _, adopted) = adopted(make, *format);
            let error = adopted.unwrap_err();
            assert_eq!(error.blame(), Blame::User, "{what} as {format:?}: {error}");
            let name = if what.ends_with("inside")
                || what.contains("link that")
                || what.starts_with("an absolute")
            {
                "out/bad"
            } else {
                "out"
            };
            assert!(error.to_string().contains(name), "{what}: {error}");
        }
    }
}

#[test]
fn modes_are_mended_and_special_bits_dropped() {
    for bits in [0o000, 0o200, 0o444, 0o4755, 0o2755, 0o1644] {
        let (_home, store, kept) = {
            let home = tempfile::tempdir().unwrap();
            let store = Store::open(home.path(), None).unwrap();
            let path = home.path().join("out");
            fs::write(&path, "x").unwrap();
            mode(&path, bits);
            let kept = store.adopt(&path, OutputFormat::File, None).unwrap();
            (home, store, kept)
        };
        let part = store.part_path(&kept.parts[0].digest);
        let found = fs::metadata(part).unwrap().permissions().mode() & 0o7777;
        assert_eq!(found & 0o7222, 0, "{bits:o} became {found:o}");
        assert_eq!(found & 0o444, 0o444, "{bits:o} became {found:o}");
    }
    for bits in [0o000, 0o555, 0o311, 0o700] {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), None).unwrap();
        let path = home.path().join("out");
        fs::create_dir_all(path.join("sub")).unwrap();
        fs::write(path.join("sub/x"), "x").unwrap();
        mode(&path.join("sub"), bits);
        mode(&path, bits);
        store.adopt(&path, OutputFormat::Dir, None).unwrap();
    }
}

#[test]
fn links_that_stay_inside_are_kept_as_links() {
    let (_home, store, kept) = adopted(
        |path| {
            fs::create_dir_all(path.join("lib")).unwrap();
            fs::write(path.join("lib/libx.so.1"), "x").unwrap();
            symlink("libx.so.1", path.join("lib/libx.so")).unwrap();
            symlink("lib", path.join("lib64")).unwrap();
            symlink("../lib/libx.so", path.join("lib/self")).unwrap();
        },
        OutputFormat::Dir,
    );
    let folder = store
        .materialise(&kept.unwrap(), &Wanted::default())
        .unwrap();
    assert_eq!(
        fs::read_link(folder.join("lib/libx.so")).unwrap(),
        Path::new("libx.so.1")
    );
    assert_eq!(fs::read_to_string(folder.join("lib64/self")).unwrap(), "x");
}

/// Keeping 500 GiB takes minutes. The test ends early only if keeping does.
#[test]
fn keeping_a_large_file_stops_between_blocks() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    let path = home.path().join("out");
    sparse(&path, 500 << 30);
    let stop = Arc::new(AtomicBool::new(false));
    let (begun, begins) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let stopped = store.stopped_by(&stop);
        let kept = scope.spawn(move || {
            begun.send(()).unwrap();
            stopped.adopt(&path, OutputFormat::File, None)
        });
        begins.recv().unwrap();
        stop.store(true, Ordering::Relaxed);
        let error = kept.join().unwrap().unwrap_err();
        assert_eq!(error.blame(), Blame::Nobody, "{error}");
    });
}

#[test]
fn copying_a_large_file_stops_between_blocks() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    let (path, target) = (home.path().join("out"), home.path().join("target"));
    sparse(&target, 4 << 30);
    symlink(&target, &path).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let stopped = store.stopped_by(&stop);
        let kept = scope.spawn(move || stopped.adopt(&path, OutputFormat::File, None));
        let copies = || fs::read_dir(store.incoming_folder()).unwrap().flatten();
        let begun = || copies().any(|copy| copy.metadata().is_ok_and(|found| found.len() > 0));
        while !begun() && !kept.is_finished() {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        let error = kept.join().unwrap().unwrap_err();
        assert_eq!(error.blame(), Blame::Nobody, "{error}");
        assert_eq!(copies().count(), 0, "the copy is deleted");
    });
}

#[test]
fn reading_a_table_stops_with_the_run() {
    for format in [
        OutputFormat::Csv,
        OutputFormat::Arrow,
        OutputFormat::Parquet,
    ] {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), None).unwrap();
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
        let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
        let table = store.write_table(batch.schema(), &[batch]).unwrap();
        let (path, form) = match format {
            OutputFormat::Csv => (home.path().join("out.csv"), Form::Csv),
            OutputFormat::Parquet => (home.path().join("out.parquet"), Form::Parquet),
            _ => (home.path().join("out.arrow"), Form::Arrow),
        };
        store.export(&table, &path, form, None).unwrap();
        let stop = Arc::new(AtomicBool::new(true));
        let error = store.stopped_by(&stop).adopt(&path, format, None);
        assert_eq!(error.unwrap_err().blame(), Blame::Nobody, "{format:?}");
        store.adopt(&path, format, None).unwrap();
    }
}

#[test]
fn keeping_a_folder_ends_when_it_is_not_wanted_any_more() {
    let home = tempfile::tempdir().unwrap();
    let stop = Arc::new(AtomicBool::new(true));
    let store = Store::open(home.path(), None).unwrap().stopped_by(&stop);
    let path = home.path().join("out");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("x"), "x").unwrap();
    let error = store.adopt(&path, OutputFormat::Dir, None).unwrap_err();
    assert_eq!(error.blame(), Blame::Nobody, "{error}");
}
