//! Two homes that share a bucket share results, but use only those that are valid.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test stops at the first surprise, and says what did not run"
)]

mod fake_bucket;
mod scene;

use std::collections::BTreeMap;

use fake_bucket::FakeBucket;
use scene::{Scene, Told};

const WORKFLOW: &str = "name: w\nstages:\n  s:\n    run: echo ${{ item }} > ${{ outputs.o }}\n    scatter: { range: 20 }\n    outputs: { o: { format: file, ext: txt } }\noutputs: { o: s.o }\n";

/// Runs in a home of its own, with the environment variables of the bucket's client.
fn run_in(scene: &Scene, home: &str, store: &str) -> Told {
    let args = [
        "run",
        "workflow.yaml",
        "--json",
        "--home",
        home,
        "--store",
        store,
    ];
    let mut command = scene.command(&args);
    for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env(name, value);
    }
    Told::of(&command.output().expect("starting sunward"))
}

#[test]
fn what_one_home_did_another_takes_from_the_bucket() {
    let Ok(bucket) = std::env::var("SUNWARD_TEST_S3") else {
        eprintln!("NOT RUN: no S3 server; `cargo xtask test` starts one");
        return;
    };
    let scene = Scene::with(WORKFLOW);
    let store = format!("{bucket}/shared-{}", std::process::id());
    let first = run_in(&scene, "one", &store).expect(0).json();
    assert_eq!(first["stages"]["s"]["ran"], 20);
    let second = run_in(&scene, "two", &store).expect(0).json();
    assert_eq!(second["stages"]["s"]["cached"], 20, "{second}");
    assert_eq!(second["stages"]["s"]["ran"], 0);
    assert_eq!(
        first["outputs"]["o"]["digest"],
        second["outputs"]["o"]["digest"]
    );
    std::fs::remove_dir_all(scene.path().join("one")).expect("one home is gone");
    let files = run_in(&scene, "two", &store).expect(0).json();
    assert_eq!(files["stages"]["s"]["cached"], 20);
}

/// Runs `sunward` with arguments in a home of its own, on a bucket.
fn sunward(scene: &Scene, bucket: &FakeBucket, home: &str, args: &[&str]) -> Told {
    let mut command = scene.command(&[args, &["--home", home]].concat());
    bucket.tell(&mut command);
    Told::of(&command.output().expect("starting sunward"))
}

const ON_BUCKET: [&str; 5] = ["run", "workflow.yaml", "--json", "--store", "s3://b/p"];

/// A file, a table and a folder in two stages.
const SEVERAL: &str = r#"name: w
stages:
  a:
    run: |
      echo precious > ${{ outputs.o }}; printf 'n\n1\n2\n' > ${{ outputs.t }}
      mkdir ${{ outputs.d }}; echo inner > ${{ outputs.d }}/f
    outputs: { o: { format: file, ext: txt }, t: { format: csv }, d: { format: dir } }
  b:
    inputs: { o: a.o, t: { from: a.t, as: csv }, d: a.d }
    run: cat ${{ inputs.o }} ${{ inputs.t }} ${{ inputs.d }}/f > ${{ outputs.all }}
    outputs: { all: { format: file, ext: txt } }
outputs: { all: b.all, o: a.o, t: a.t, d: a.d }
"#;

#[test]
fn whatever_is_wrong_in_a_bucket_is_told_and_made_again() {
    type Harm = fn(&mut BTreeMap<String, Vec<u8>>);
    fn each(objects: &mut BTreeMap<String, Vec<u8>>, of: &str, harm: impl Fn(&mut Vec<u8>)) {
        let chosen = objects.iter_mut().filter(|(path, _)| path.contains(of));
        let count = chosen.map(|(_, bytes)| harm(bytes)).count();
        assert!(count > 0, "no objects of {of}");
    }
    /// Each object has the bytes of the next one.
    fn swap(objects: &mut BTreeMap<String, Vec<u8>>, of: &str) {
        let paths: Vec<String> = objects.keys().filter(|p| p.contains(of)).cloned().collect();
        let bytes: Vec<Vec<u8>> = paths.iter().map(|path| objects[path].clone()).collect();
        for (number, path) in paths.iter().enumerate() {
            objects.insert(path.clone(), bytes[(number + 1) % bytes.len()].clone());
        }
    }
    let harms: [(&str, Harm, &str); 8] = [
        ("nothing", |_| {}, ""),
        (
            "parts flipped",
            |all| each(all, "/cas/", |b| b.iter_mut().for_each(|byte| *byte ^= 1)),
            "it is made again",
        ),
        (
            "parts cut",
            |all| each(all, "/cas/", |b| b.truncate(b.len() / 2)),
            "",
        ),
        (
            "parts gone",
            |all| all.retain(|p, _| !p.contains("/cas/")),
            "",
        ),
        ("parts swapped", |all| swap(all, "/cas/"), ""),
        (
            "results swapped",
            |all| swap(all, "/results/"),
            "is not used",
        ),
        (
            "results flipped",
            |all| {
                each(all, "/results/", |b| {
                    let at = b.len() - 20;
                    b[at] ^= 1;
                });
            },
            "is not used",
        ),
        (
            "results of another kind",
            |all| each(all, "/results/", |b| *b = b"{}".to_vec()),
            "is not used",
        ),
    ];
    for (what, harm, told) in harms {
        let bucket = FakeBucket::start();
        let scene = Scene::with(SEVERAL);
        let first = sunward(&scene, &bucket, "one", &ON_BUCKET).expect(0).json();
        bucket.change(harm);
        let args = [&ON_BUCKET[..], &["--out", "out"]].concat();
        let second = sunward(&scene, &bucket, "two", &args);
        assert_eq!(second.code, 0, "{what}: {second:?}");
        assert_eq!(
            scene.text("out/all.txt"),
            "precious\nn\n1\n2\ninner\n",
            "{what}"
        );
        assert!(second.err.contains(told), "{what}: {second:?}");
        let json = second.json();
        assert_eq!(
            json["outputs"]["t"]["digest"],
            first["outputs"]["t"]["digest"]
        );
        if what == "nothing" {
            assert_eq!(json["stages"]["b"]["cached"], 1, "{json}");
        }
        // Results from the bucket can be shown, and the whole store is sound.
        for (port, text) in [("o", "9 B"), ("all", "1 file"), ("d", "1 "), ("t", "2")] {
            let shown = sunward(&scene, &bucket, "two", &["show", port]);
            assert_eq!(shown.code, 0, "{what}: {shown:?}");
            assert!(shown.out.contains(text), "{what}: {shown:?}");
        }
        sunward(&scene, &bucket, "two", &["cache", "verify"]).expect(0);
        // Recomputed results are in the bucket too.
        let third = sunward(&scene, &bucket, "three", &ON_BUCKET);
        assert_eq!(third.code, 0, "{what}: {third:?}");
        assert_eq!(third.json()["stages"]["b"]["cached"], 1, "{what}");
    }
}

#[test]
fn a_bucket_that_takes_nothing_for_a_while_is_told_and_waited_for() {
    let bucket = FakeBucket::start();
    bucket.be_busy(true);
    let scene = Scene::with(WORKFLOW);
    let mut command = scene.command(&ON_BUCKET);
    bucket.tell(&mut command);
    let mut running = scene.start_command(command);
    running.wait_for_word("waiting for s3://b/p");
    bucket.be_busy(false);
    let told = running.end().expect(0);
    assert!(told.err.contains("503"), "{told:?}");
    assert_eq!(told.json()["stages"]["s"]["failed"], 0, "{told:?}");
}

/// Two stages whose results go to a bucket, and one that does not wait for either.
const REFUSED: &str = r#"name: w
defaults: { retry: { on: [timeout] } }
stages:
  early: { run: "echo early > ${{ outputs.o }}; echo x >> \"$HERE/early\"", env: { HERE: "HERE_FOLDER" }, outputs: { o: { format: file, ext: txt } } }
  gate: { inputs: { i: early.o }, run: "touch \"$HERE/gate\"; while [ ! -e \"$HERE/go\" ]; do sleep 0.05; done", env: { HERE: "HERE_FOLDER" } }
  late: { needs: gate, run: "echo late > ${{ outputs.o }}; echo x >> \"$HERE/late\"", env: { HERE: "HERE_FOLDER" }, outputs: { o: { format: file, ext: txt } } }
outputs: { early: early.o, late: late.o }
"#;

/// The pipeline asks for no retries of passing faults, so that one transfer's patience is all there
/// is: half a minute.
#[test]
fn a_bucket_that_takes_nothing_any_more_ends_the_run_and_the_same_command_goes_on_later() {
    let bucket = FakeBucket::start();
    let scene = Scene::new();
    let here = scene.path().display().to_string();
    scene.file("workflow.yaml", REFUSED.replace("HERE_FOLDER", &here));
    let mut command = scene.command(&ON_BUCKET);
    bucket.tell(&mut command);
    let mut running = scene.start_command(command);
    running.wait_for("gate");
    bucket.be_busy(true);
    scene.file("go", "");
    let told = running.end();
    assert_eq!(told.code, 3, "{told:?}");
    for word in [
        "waiting for s3://b/p",
        "503",
        "put a part",
        "check the network",
    ] {
        assert!(told.err.contains(word), "{word}: {told:?}");
    }
    let json = told.json();
    assert_eq!(json["stages"]["early"]["ran"], 1, "{json}");
    assert_eq!(json["stages"]["late"]["failed"], 1, "{json}");
    bucket.be_busy(false);
    let mut command = scene.command(&[&ON_BUCKET[..], &["--out", "out"]].concat());
    bucket.tell(&mut command);
    let told = Told::of(&command.output().expect("starting sunward")).expect(0);
    assert_eq!(scene.text("out/late.txt"), "late\n", "{told:?}");
    assert_eq!(scene.text("out/early.txt"), "early\n", "{told:?}");
    assert_eq!(
        scene.text("early"),
        "x\n",
        "what had succeeded did not run again"
    );
}
