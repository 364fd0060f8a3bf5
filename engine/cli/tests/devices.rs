//! The library's kernels with `--device host`: from their CUDA sources, on the processor instead of
//! a GPU, in processes of their own.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod expected;
mod scene;

use expected::{Example, Variant};
use scene::{Scene, Told};

/// Runs the first `ways` variants of an example from its kernels' CUDA sources, and compares the
/// results with `expected.yaml`.
fn gives_what_is_expected(name: &str, ways: usize) {
    let example = Example::named(name);
    for variant in example.expected.runs.iter().take(ways) {
        let scene = Scene::new();
        example.copy_to(scene.path(), variant);
        let told = scene.run(&["--device", "host", "--out", "out", "--format", "csv"]);
        told.expect(0);
        example.assert_outputs(&scene.path().join("out"), variant);
    }
}

#[test]
fn the_similarity_screen_is_the_same_from_cuda_source_however_it_is_cut() {
    gives_what_is_expected("similarity-screen", 3);
}

#[test]
fn the_nao_index_is_the_same_from_cuda_source_however_it_is_cut() {
    gives_what_is_expected("nao-index", 3);
}

#[test]
fn poses_are_scored_the_same_from_cuda_source() {
    gives_what_is_expected("pose-rescoring", 1);
}

/// An example with changes to its text.
fn changed(name: &str, changes: &[(&str, &str)]) -> Scene {
    let scene = Scene::new();
    let mut variant = Variant::default();
    for (old, new) in changes {
        variant.replace.insert((*old).to_owned(), (*new).to_owned());
    }
    Example::named(name).copy_to(scene.path(), &variant);
    scene
}

/// The similarity screen as one task.
const ONE_TASK: (&str, &str) = ("rows: 1000", "rows: 100000");

#[test]
fn what_has_no_cuda_source_runs_its_twin_and_says_so_and_cpu_says_nothing() {
    let scene = changed("similarity-screen", &[ONE_TASK]);
    let cpu = scene.run(&["--device", "cpu"]).expect(0);
    assert!(!cpu.err.contains("twin"), "{}", cpu.err);
    let anew = ["--fresh", "--force", "search", "--force", "merge"];
    let host = scene.run(&[&["--device", "host"], &anew[..]].concat());
    let host = host
        .expect(0)
        .says(&["no CUDA source: topk_merge runs its CPU twin"]);
    assert!(!host.err.contains("tanimoto_topk"), "{}", host.err);
}

#[test]
fn a_kernel_that_fails_in_a_child_says_what_it_says_in_this_process() {
    let scene = changed("nao-index", &[("rows: 13", "rows: 1000")]);
    let fails = |device: &str| {
        let told = scene.run(&["--fresh", "--device", device, "-p", "yfirst=80"]);
        let said = told.expect(1).err;
        let failed = said.lines().find(|line| line.starts_with("failed: "));
        failed.unwrap_or(&said).to_owned()
    };
    let (cpu, host) = (fails("cpu"), fails("host"));
    assert!(cpu.contains("regrid/0, attempt 1: parameter"), "{cpu}");
    assert_eq!(cpu, host);
}

#[test]
fn a_child_is_ended_at_the_stages_timeout() {
    // All pairs of the library would take hours on the processor.
    let endless = "queries: params.library }\n    timeout: 1s";
    let scene = changed(
        "similarity-screen",
        &[ONE_TASK, ("queries: params.queries }", endless)],
    );
    let told = scene.run(&["--device", "host", "--until", "search"]);
    told.expect(1).says(&["search/0", "`timeout` of 1s"]);
}

#[test]
fn without_a_compiler_it_is_said_what_to_do() {
    let scene = changed("similarity-screen", &[ONE_TASK]);
    let mut command = scene.command(&["run", "workflow.yaml", "--device", "host"]);
    command.env("PATH", scene.path());
    let told = Told::of(&command.output().unwrap());
    told.expect(2)
        .says(&["--device host", "set CXX", "--device cpu"]);
}

/// The devices that made the results of the stage `search`, from `status --json`.
fn made_on(scene: &Scene, run: &str) -> serde_json::Value {
    let told = scene.sunward(&["status", run, "--json"]).expect(0);
    told.json()["run"]["stages"]["search"]["ran_on"].clone()
}

#[test]
fn every_result_says_what_kind_of_device_made_it_and_keeps_that_in_the_cache() {
    let scene = changed("similarity-screen", &[ONE_TASK]);
    scene.run(&["--device", "host"]).expect(0);
    let host = serde_json::json!([{ "on": "cuda-on-cpu", "results": 1 }]);
    assert_eq!(made_on(&scene, "r1"), host);
    let status = scene.sunward(&["status", "r1"]).expect(0).out;
    assert!(status.contains("CUDA on cpu"), "{status}");
    let why = scene.sunward(&["explain", "r1", "search/0"]).expect(0).out;
    assert!(why.contains("made on CUDA on cpu"), "{why}");
    let report = scene.sunward(&["report", "r1", "--json"]).expect(0).json();
    let attempts = report["attempts"].as_array().unwrap();
    let ran_on = |task: &str| {
        let found = attempts.iter().find(|attempt| attempt["task"] == task);
        found.unwrap()["ran_on"].clone()
    };
    assert_eq!(ran_on("search/0"), "cuda-on-cpu");
    assert_eq!(ran_on("merge/0"), "cpu");
    // The results come from the cache, although this device would not make them.
    scene.run(&["--fresh", "--device", "cpu"]).expect(0);
    assert_eq!(made_on(&scene, "r2"), host);
    let anew = ["--fresh", "--device", "cpu", "--force", "search"];
    scene.run(&anew).expect(0);
    let cpu = serde_json::json!([{ "on": "cpu", "results": 1 }]);
    assert_eq!(made_on(&scene, "r3"), cpu);
}
