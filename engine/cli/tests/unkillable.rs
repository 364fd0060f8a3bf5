//! `cancel` where a process of the run cannot be ended: it says so and names the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test stops at the first surprise, and says what did not run"
)]

mod scene;

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use scene::{Scene, Told};

/// A user who has no rights over our processes.
const NOBODY: u32 = 65_534;

/// Its process sheds the environment that says whose it is, and leads the group that the engine
/// noted.
const WORKFLOW: &str = "name: w\nstages:\n  s:\n    run: |\n      echo $$ > pid.new; mv pid.new \"$HERE/pid\"; exec sleep 1000\n    env: { HERE: \"HERE_FOLDER\" }\n";

/// The process that ends an engine's tasks when the engine is killed.
fn supervisor(scene: &Scene) -> u32 {
    let folder = scene.path().to_string_lossy().into_owned();
    let all = Path::new("/proc").read_dir().unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter()
        .find(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            line.contains("supervise") && line.contains(&folder)
        })
        .expect("a supervisor")
}

#[test]
fn what_cannot_be_ended_is_named_once_and_the_run_is_cancelled_all_the_same() {
    // The scene's folder belongs to whom the test runs as.
    let scene = Scene::new();
    if scene.path().metadata().unwrap().uid() != 0 {
        eprintln!("NOT RUN: only root can start a process that another user cannot end");
        return;
    }
    let here = scene.path().display().to_string();
    scene.file("workflow.yaml", WORKFLOW.replace("HERE_FOLDER", &here));
    let mut running = scene.start(&["run", "workflow.yaml"]);
    running.wait_for("pid");
    scene::signal(supervisor(&scene), "KILL");
    running.signal("KILL");
    running.end();
    let pid = scene.text("pid").trim().to_owned();
    // The state now belongs to somebody who may not end the process, who has a copy of the program
    // where it can be reached.
    let program: PathBuf = scene.path().join("sunward");
    std::fs::copy(env!("CARGO_BIN_EXE_sunward"), &program).unwrap();
    chown(scene.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    for path in scene::below(scene.path()) {
        std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let as_nobody = |args: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.args(args).current_dir(scene.path()).env_clear();
        command.uid(NOBODY).gid(NOBODY);
        Told::of(&command.output().unwrap())
    };
    let told = as_nobody(&["cancel", "--json"]);
    // Before anything is judged, so that nothing is left.
    let lives = !scene::has_ended(&pid);
    scene::signal(pid.parse().unwrap(), "KILL");
    assert!(lives, "another user ended it: {told:?}");
    assert_eq!(told.code, 3, "{told:?}");
    let json = told.json();
    assert_eq!(json["done"], "still-running", "{json}");
    assert_eq!(json["running"][0]["pid"].to_string(), pid, "{json}");
    assert_eq!(json["running"][0]["name"], "sleep", "{json}");
    assert_eq!(json["running"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(told.err, "", "it is told once, in the answer");
    let status = as_nobody(&["status", "--json"]).expect(0).json();
    assert_eq!(status["run"]["status"], "cancelled", "{status}");
}
