//! A real S3 server (it checks signatures and stores files on disk): parts and results are uploaded
//! and read on another host, and errors say what is wrong with the bucket, key or address.
//!
//! The server is started by `services/s3-up` of the shared folder. Where that is absent, a line
//! says that these stories did not run. The store takes credentials from its environment, so each
//! story runs in a process of its own: this test starts itself again with the story's name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use sunward_core::{Dataset, Digest, TaskResult};
use sunward_data::{FileMemory, FileStamp, NoMemory, ResultIndex, Store, Wanted};

const STORY: &str = "SUNWARD_TEST_STORY";

/// A story, and the differences of its environment from the server's own.
type Story = (&'static str, fn(), &'static [(&'static str, &'static str)]);

const STORIES: [Story; 7] = [
    (
        "objects",
        objects_are_read_in_the_version_that_was_listed,
        &[],
    ),
    ("parts", parts_written_here_are_read_there, &[]),
    (
        "results",
        results_are_shared_once_their_parts_are_there,
        &[],
    ),
    ("bucket", a_missing_bucket_is_named, &[]),
    (
        "secret",
        a_wrong_secret_is_said_to_be_refused,
        &[("AWS_SECRET_ACCESS_KEY", "wrong")],
    ),
    ("reader", who_may_only_read_is_told_when_writing, &[]),
    (
        "away",
        a_server_that_is_away_is_not_waited_for_long,
        &[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"),
        ],
    ),
];

#[test]
fn every_story_against_a_real_s3_server() {
    if let Ok(name) = std::env::var(STORY) {
        let story = STORIES.iter().find(|story| story.0 == name).unwrap();
        return story.1();
    }
    let Some(server) = Server::start() else {
        return;
    };
    for (name, _, changes) in STORIES {
        let mut environment = server.environment.clone();
        if name == "reader" {
            for key in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
                let value = environment[key].clone();
                environment.insert(key.into(), format!("{value}ro"));
            }
        }
        environment.extend(
            changes
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        );
        let ended = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "every_story_against_a_real_s3_server",
                "--nocapture",
            ])
            .envs(environment)
            .env(STORY, name)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "story '{name}':\n{said}");
    }
}

/// The test's own server. It ends with the test.
struct Server {
    services: PathBuf,
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Server {
    fn start() -> Option<Self> {
        let shared = std::env::var("SUNWARD_SHARED").map_or_else(
            |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            PathBuf::from,
        );
        let services = shared.join("services");
        let up = services.join("s3-up");
        if !up.exists() {
            eprintln!(
                "NOT RUN: the store against a real S3 server: {} is absent",
                up.display()
            );
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let started = Command::new(&up)
            .env("SERVICES_DIR", folder.path())
            .output()
            .unwrap();
        if !started.status.success() {
            let why = String::from_utf8_lossy(&started.stderr);
            eprintln!("NOT RUN: the store against a real S3 server: it did not start: {why}");
            return None;
        }
        let file = String::from_utf8(started.stdout).unwrap();
        let text = std::fs::read_to_string(file.trim()).unwrap();
        let environment = text
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Some(Self {
            services,
            folder,
            environment,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new(self.services.join("s3-down"))
            .env("SERVICES_DIR", self.folder.path())
            .output();
    }
}

fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(range));
    RecordBatch::try_from_iter([("x", column)]).unwrap()
}

fn write(store: &Store, range: std::ops::Range<i64>) -> Dataset {
    let batch = numbers(range);
    store.write_table(batch.schema(), &[batch]).unwrap()
}

fn open(home: &Path, prefix: &str) -> Store {
    Store::open(home, Some(&format!("s3://test/{prefix}"))).unwrap()
}

fn refusal(home: &Path, url: &str) -> String {
    Store::open(home, Some(url)).unwrap_err().to_string()
}

fn parts_written_here_are_read_there() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (open(here.path(), "parts"), open(there.path(), "parts"));
    // Three range reads, and an empty one.
    let big = write(&a, 0..2_500_000);
    let empty = a.empty(numbers(0..0).schema()).unwrap();
    assert!(big.bytes() > 2 * (8 << 20));
    for dataset in [&big, &empty] {
        assert!(!b.is_local(dataset));
        assert!(b.is_available(dataset).unwrap());
        let rows = b.table(dataset).unwrap().read(None).unwrap();
        assert_eq!(rows, a.table(dataset).unwrap().read(None).unwrap());
        assert!(b.is_local(dataset));
    }
    // Writing the same part from another host is not a conflict.
    assert_eq!(write(&b, 0..2_500_000), big);
    let folder = here.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a"), "a").unwrap();
    let dir = a
        .read_blob(&folder.display().to_string(), &NoMemory)
        .unwrap();
    let path = b.materialise(&dir, &Wanted::default()).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("a")).unwrap(), "a");
    let nowhere = Dataset {
        parts: vec![sunward_core::PartRef {
            digest: Digest::of(b"?"),
            bytes: 1,
            rows: 1,
        }],
        ..big
    };
    assert!(!b.is_available(&nowhere).unwrap());
    let error = b.table(&nowhere).unwrap_err().to_string();
    assert!(error.contains("is not in the store"), "{error}");
}

/// Writes an object, as anyone may beside Sunward.
fn put(key: &str, text: &str) {
    let of = |name: &str| std::env::var(name).unwrap();
    let user = format!(
        "{}:{}",
        of("AWS_ACCESS_KEY_ID"),
        of("AWS_SECRET_ACCESS_KEY")
    );
    let url = format!("{}/test/{key}", of("AWS_ENDPOINT_URL"));
    let ended = Command::new("curl")
        .args(["-sf", "--aws-sigv4", "aws:amz:us-east-1:s3", "-u", &user])
        .args(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])
        .args(["-X", "PUT", "--data-binary", text, &url])
        .output()
        .unwrap();
    assert!(ended.status.success(), "{key}: {ended:?}");
}

/// What was read of objects, by their stamps.
#[derive(Default)]
struct Noted(RefCell<BTreeMap<FileStamp, Dataset>>);

impl FileMemory for Noted {
    fn get(&self, stamp: &FileStamp) -> Option<Dataset> {
        self.0.borrow().get(stamp).cloned()
    }

    fn put(&self, stamp: &FileStamp, dataset: &Dataset) {
        self.0.borrow_mut().insert(*stamp, dataset.clone());
    }
}

fn objects_are_read_in_the_version_that_was_listed() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    for key in [
        "in/b.txt",
        "in/a.txt",
        "in/.hidden",
        "in/sub/c.txt",
        "in/sub/d.nc",
    ] {
        put(key, key);
    }
    put("deep/sub/x", "");
    let of = |address: &str| {
        let objects = store.objects(address).unwrap();
        let short = objects
            .iter()
            .map(|one| one.address.replace("s3://test/", ""));
        short.collect::<Vec<_>>()
    };
    assert_eq!(of("s3://test/in/"), ["in/a.txt", "in/b.txt"]);
    assert_eq!(of("s3://test/in/*.txt"), ["in/a.txt", "in/b.txt"]);
    assert_eq!(
        of("s3://test/in/**/*.{nc,txt}"),
        ["in/a.txt", "in/b.txt", "in/sub/c.txt", "in/sub/d.nc"]
    );
    assert_eq!(of("s3://test/i*/s?b/**"), ["in/sub/c.txt", "in/sub/d.nc"]);
    assert_eq!(of("s3://test/in/a.txt"), ["in/a.txt"]);
    assert_eq!(of("s3://test/in/a"), Vec::<String>::new());
    assert_eq!(of("s3://test/none/"), Vec::<String>::new());
    let error = store.objects("s3://test/deep/").unwrap_err().to_string();
    assert!(error.contains("write s3://test/deep/**"), "{error}");
    for address in [
        "s3://nosuchbucket/x/",
        "s3://nosuchbucket/x",
        "s3://nosuchbucket/*",
    ] {
        let error = store.objects(address).unwrap_err().to_string();
        assert!(error.contains("no such bucket"), "{error}");
    }

    let memory = Noted::default();
    let preview = store.clone().for_preview();
    let listed = store.objects("s3://test/in/").unwrap();
    let unread = preview.read_objects(&listed, false, &memory).unwrap();
    assert!(memory.0.borrow().is_empty(), "a preview fetches nothing");
    let read = store.read_objects(&listed, true, &memory).unwrap();
    let digests = |all: &[Dataset]| {
        all.iter()
            .map(|one| one.parts[0].digest)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        digests(&read),
        [b"in/a.txt", b"in/b.txt"].map(|text| Digest::of(text))
    );
    assert_ne!(digests(&unread), digests(&read));
    let again = store.objects("s3://test/in/").unwrap();
    assert_eq!(again, listed);
    assert_eq!(preview.read_objects(&again, false, &memory).unwrap(), read);
    // What has changed since it was listed is not read as what was listed.
    put("in/b.txt", "in/B.txt");
    let other = Noted::default();
    let error = store
        .read_objects(&listed, true, &other)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("s3://test/in/b.txt has changed since"),
        "{error}"
    );
    let again = store.objects("s3://test/in/").unwrap();
    let read = store.read_objects(&again, true, &memory).unwrap();
    assert_eq!(
        digests(&read),
        [b"in/a.txt", b"in/B.txt"].map(|text| Digest::of(text))
    );
    assert_eq!(memory.0.borrow().len(), 3);
    // Several requests for one object.
    let large = "0123456789abcdef".repeat(1 << 20);
    let file = home.path().join("large");
    std::fs::write(&file, &large).unwrap();
    put("large/x", &format!("@{}", file.display()));
    let listed = store.objects("s3://test/large/").unwrap();
    let read = store.read_objects(&listed, true, &memory).unwrap();
    assert_eq!(digests(&read), [Digest::of(large.as_bytes())]);
}

fn results_are_shared_once_their_parts_are_there() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (open(here.path(), "results"), open(there.path(), "results"));
    let whole = TaskResult::of_cpu(vec![write(&a, 0..10)]);
    let mut lost = whole.clone();
    lost.ports[0].parts[0].digest = Digest::of(b"lost");
    let index = ResultIndex::open(&a).unwrap();
    let keys = [b"whole", b"lost!", b"never"].map(|key| Digest::of(key));
    index.put(keys[0], &whole);
    index.put(keys[1], &lost);
    index.flush();
    let found = ResultIndex::open(&b).unwrap().get(&keys).unwrap();
    assert_eq!(found, [Some(whole), None, None]);
}

fn a_missing_bucket_is_named() {
    let home = tempfile::tempdir().unwrap();
    let error = refusal(home.path(), "s3://nosuchbucket/x");
    assert!(
        error.contains("nosuchbucket") && error.contains("no such bucket"),
        "{error}"
    );
    let error = refusal(home.path(), "gs://bucket/x");
    assert!(error.contains("s3://bucket/prefix"), "{error}");
    assert!(refusal(home.path(), "s3:///x").contains("names no bucket"));
}

fn a_wrong_secret_is_said_to_be_refused() {
    let home = tempfile::tempdir().unwrap();
    let here = Store::open(home.path(), None).unwrap();
    for address in ["s3://test/in/", "s3://test/in/x"] {
        let error = here.objects(address).unwrap_err().to_string();
        assert!(error.contains("AWS_SECRET_ACCESS_KEY"), "{error}");
    }
    let error = refusal(home.path(), "s3://test/x");
    assert!(error.contains("AWS_SECRET_ACCESS_KEY"), "{error}");
}

fn who_may_only_read_is_told_when_writing() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path(), "reader");
    let batch = numbers(0..10);
    let error = store.write_table(batch.schema(), &[batch]).unwrap_err();
    assert!(error.is_infrastructure());
    let error = error.to_string();
    assert!(
        error.contains("put a part") && error.contains("access was refused"),
        "{error}"
    );
}

fn a_server_that_is_away_is_not_waited_for_long() {
    let home = tempfile::tempdir().unwrap();
    let error = refusal(home.path(), "s3://test/x");
    assert!(error.contains("AWS_ENDPOINT_URL"), "{error}");
}
