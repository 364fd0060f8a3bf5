//! Two homes that share a bucket share work.

mod scene;

use scene::{Scene, Told};

const WORKFLOW: &str = "name: w\nstages:\n  s:\n    run: echo ${{ item }} > ${{ outputs.o }}\n    scatter: { range: 20 }\n    outputs: { o: { format: file, ext: txt } }\noutputs: { o: s.o }\n";

/// Runs in a home of its own, with what a client of the bucket needs in the environment.
#[expect(clippy::expect_used, reason = "a test stops at the first surprise")]
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
