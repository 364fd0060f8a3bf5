//! Named pipes and devices in place of files. Every verb and option that takes a path refuses them
//! at once.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::process::Command;
use std::time::Duration;

use scene::Scene;

/// Much longer than a refusal takes. A verb that waits for the pipe takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

fn with_pipe(workflow: &str) -> Scene {
    let scene = Scene::with(workflow);
    for name in ["pipe", "pipe.csv", "pipe.nc", "pipe.arrow", "zone/DE.csv"] {
        std::fs::create_dir_all(scene.path().join(name).parent().unwrap()).unwrap();
        let made = Command::new("mkfifo").arg(scene.path().join(name)).status();
        assert!(made.expect("mkfifo").success());
    }
    scene
}

/// Runs `sunward`, and ends it if it waits for the pipe's writer.
fn told(scene: &Scene, args: &[&str]) -> (i32, String) {
    let mut limited = Command::new("timeout");
    limited.args(["-s", "KILL", &PATIENCE.as_secs().to_string()]);
    let mut limited = scene::wrapped(limited, &scene.command(args));
    let output = limited.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    (output.status.code().unwrap_or(-1), said)
}

const COMMAND: &str = "name: w\nstages: { a: { run: [/bin/true] } }\n";

#[test]
fn every_path_of_the_command_line_is_a_regular_file() {
    let scene = with_pipe(COMMAND);
    scene.recorded_world();
    let cases: &[&[&str]] = &[
        &["check", "pipe"],
        &["run", "pipe"],
        &["plan", "pipe"],
        &["graph", "pipe"],
        &["run", "workflow.yaml", "--params", "pipe"],
        &["plan", "workflow.yaml", "--fleet", "pipe", "--grid", "grid"],
        &[
            "plan",
            "workflow.yaml",
            "--fleet",
            "fleet.yaml",
            "--grid",
            "zone",
        ],
        &[
            "simulate",
            "--fleet",
            "fleet.yaml",
            "--grid",
            "grid",
            "--jobs",
            "pipe",
        ],
    ];
    for args in cases {
        let (code, said) = told(&scene, args);
        assert_eq!(code, 2, "{args:?}: {said}");
        assert!(
            said.contains("pipe") || said.contains("zone"),
            "{args:?}: {said}"
        );
    }
}

#[test]
fn every_file_that_a_workflow_names_is_a_regular_file() {
    let read = |input: &str| {
        format!(
            "name: w\nstages: {{ a: {{ run: \"cat ${{{{ inputs.i }}}}\", inputs: {{ i: {input} }} }} }}\n"
        )
    };
    let workflows = [
        read("./pipe.csv"),
        read("./pipe.nc"),
        read("./pipe.arrow"),
        read("{ from: ./pipe, as: file }"),
        read("{ from: /dev/zero, as: file }"),
        "name: w\nstages: { a: { run: \"sh ./pipe\", files: [./pipe] } }\n".to_owned(),
    ];
    for workflow in workflows {
        let scene = with_pipe(&workflow);
        let (code, said) = told(&scene, &["check", "workflow.yaml"]);
        assert!([0, 2].contains(&code), "{workflow}{said}");
        let (code, said) = told(&scene, &["run", "workflow.yaml"]);
        assert!([1, 2].contains(&code), "{workflow}{said}");
        assert!(said.contains("regular file"), "{workflow}{said}");
    }
}
