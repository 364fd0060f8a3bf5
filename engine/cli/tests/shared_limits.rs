//! Limits that all tasks share, from the workflow and from the settings.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::process::Command;

use scene::{Scene, Told};

/// Tasks that each take one license, and fail if another task holds one.
const LICENSED: &str = "name: w
limits: { license: 1 }
params: { lock: { type: string } }
stages:
  each:
    scatter: { range: 12 }
    resources: { shared: { license: 1 } }
    run: mkdir ${{ params.lock }}; echo ${{ item }}; rmdir ${{ params.lock }}
";

/// A task that runs until something is written to a pipe, and two that want the same units.
const GATED: &str = "name: w
limits: { file_server: 4 }
params: { gate: { type: string } }
stages:
  first:
    resources: { shared: { file_server: 3 } }
    run: cat ${{ params.gate }}
  second:
    scatter: { range: 2 }
    resources: { shared: { file_server: 2 } }
    run: echo ${{ item }}
";

/// Runs `sunward` with these settings.
fn with_settings(scene: &Scene, settings: &str, args: &[&str]) -> Told {
    let path = scene.file("settings.yaml", settings);
    let mut command = scene.command(args);
    command.env("SUNWARD_CONFIG", path);
    Told::of(&command.output().unwrap())
}

#[test]
fn tasks_that_share_one_license_never_run_at_once() {
    let scene = Scene::with(LICENSED);
    let lock = format!("lock={}", scene.path().join("lock").display());
    let told = scene.run(&["-p", &lock, "--jobs", "8"]).expect(0).json();
    assert_eq!(told["stages"]["each"]["ran"], 12);
}

#[test]
fn status_and_explain_say_what_waits_for_which_limit() {
    let scene = Scene::with(GATED);
    let gate = scene.path().join("gate");
    let made = Command::new("mkfifo").arg(&gate).status().unwrap();
    assert!(made.success());
    let param = format!("gate={}", gate.display());
    let run = scene.start(&["run", "workflow.yaml", "-p", &param, "--jobs", "8"]);
    // The state does not exist before the run has begun.
    let status = || scene.sunward(&["status", "r1", "--json"]);
    let waits = |told: Told| -> Option<serde_json::Value> {
        let told: serde_json::Value = serde_json::from_str(&told.out).ok()?;
        let waits = told["run"]["waits"].as_array()?.clone();
        waits.into_iter().find(|wait| wait["waits_for"] == "limit")
    };
    let mut looks = std::iter::repeat_with(|| waits(status())).take(2000);
    let wait = looks.find_map(|found| found).expect("tasks wait");
    assert_eq!(wait["stage"], "second");
    assert_eq!(wait["tasks"], 2);
    assert_eq!(wait["limit"]["name"], "file_server");
    assert_eq!(wait["limit"]["in_use"], 3);
    assert_eq!(wait["limit"]["limit"], 4);
    let page = scene.sunward(&["status", "r1"]).expect(0).out;
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = "2 tasks wait for 2 of file_server: 3 of 4 in use";
    assert!(page.contains(words), "{page}");
    let why = scene.sunward(&["explain", "second/1"]).expect(0).out;
    assert!(
        why.contains("it waits for 2 of file_server: 3 of 4 in use"),
        "{why}"
    );
    std::fs::write(&gate, "go\n").unwrap();
    run.end().expect(0);
}

#[test]
fn of_a_workflows_limit_and_that_of_the_settings_the_smaller_applies() {
    let scene = Scene::with(GATED);
    let args = ["plan", "workflow.yaml", "-p", "gate=x", "--json"];
    let limit = |settings: &str| {
        let told = with_settings(&scene, settings, &args).expect(0).json();
        let limit = &told["limits"][0];
        (limit["limit"].clone(), limit["stated_by"].clone())
    };
    assert_eq!(limit("zone: DE"), (4.into(), "workflow".into()));
    assert_eq!(
        limit("limits: { file_server: 3, other: 1 }"),
        (3.into(), "settings".into())
    );
    assert_eq!(
        limit("limits: { file_server: 9 }"),
        (4.into(), "workflow".into())
    );
    let told = with_settings(&scene, "limits: { file_server: 3 }", &args[..4]).expect(0);
    let words = "at most 3 of file_server at once, as your settings file says";
    assert!(told.out.contains(words), "{}", told.out);
    assert!(told.out.contains("2 of file_server"), "{}", told.out);
}

#[test]
fn check_knows_the_limits_of_the_settings() {
    let scene = Scene::with(GATED);
    let check = |settings: &str| with_settings(&scene, settings, &["check", "workflow.yaml"]);
    let told = check("limits: { file_server: 2 }").expect(2);
    let words = "`file_server: 3` is more than the limit in your settings, which is 2";
    assert!(told.out.contains(words), "{}", told.out);

    let bare = GATED.replace("limits: { file_server: 4 }\n", "");
    scene.file("workflow.yaml", bare);
    check("limits: { file_server: 4 }").expect(0);
    let told = check("limits: { fileserver: 4 }").expect(2);
    assert!(told.out.contains("SW0308"), "{}", told.out);
    assert!(
        told.out.contains("did you mean `fileserver`?"),
        "{}",
        told.out
    );
    let told = check("zone: DE").expect(2);
    assert!(
        told.out.contains("there is no limit `file_server`"),
        "{}",
        told.out
    );
}
