//! The limits of open files that the engine needs, and the permissions of its home.
#![allow(
    clippy::panic,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should say so and stop"
)]

mod scene;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use scene::{Scene, Told};

const WORKFLOW: &str = "name: w\nstages:\n  a:\n    run: echo ${{ item }} > ${{ outputs.o }}\n    scatter: { range: 40 }\n    outputs: { o: { format: file, ext: txt } }\n  b:\n    run: mkdir ${{ outputs.d }}; echo x > ${{ outputs.d }}/x\n    outputs: { d: { format: dir } }\noutputs: { o: a.o, d: b.d }\n";

/// A workflow that makes files of most kinds: logs, parts, joined files, converted tables, slices,
/// checkpoints, notes on derived data.
const EVERYTHING: &str = r#"
name: w
params: { fail: { type: bool, default: false } }
stages:
  a:
    run: echo ${{ item }} > ${{ outputs.o }}; echo logged
    scatter: { range: 3 }
    outputs: { o: { format: file, ext: txt } }
  b:
    run: mkdir -p ${{ outputs.d }}/in/it; cp ${{ inputs.all }}/* ${{ outputs.d }}/in; ln -s in ${{ outputs.d }}/link
    inputs: { all: a.o }
    outputs: { d: { format: dir } }
  c:
    run: find -L ${{ inputs.d }} > ${{ outputs.o }}; cp ${{ inputs.t }} ${{ outputs.t }}
    inputs: { d: b.d, t: { from: ./data.csv, as: csv } }
    outputs: { o: { format: file }, t: { format: csv } }
  rows:
    run: echo ${{ item.a }} > ${{ outputs.o }}
    scatter: { over: t }
    inputs: { t: c.t }
    outputs: { o: { format: file } }
  end:
    run: cat ${{ inputs.t }}; echo x > $SUNWARD_CHECKPOINT/x; ! ${{ params.fail }}
    checkpoint: true
    inputs: { t: { from: c.t, as: csv } }
outputs: { o: a.o, d: b.d, t: c.t }
"#;

/// Runs the workflow under a limit of open files.
fn limited(scene: &Scene, limit: &str, jobs: &str) -> Told {
    let sunward = scene.command(&["run", "workflow.yaml", "--json", "-j", jobs]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]);
    Told::of(&scene::wrapped(shell, &sunward).output().unwrap())
}

#[test]
fn a_soft_limit_of_open_files_is_raised() {
    let scene = Scene::with(WORKFLOW);
    limited(&scene, "-S -n 16", "16").expect(0);
}

#[test]
fn too_few_open_files_are_told_at_once_with_the_remedy() {
    for (limit, jobs) in [
        ("8", "2"),
        ("12", "2"),
        ("40", "16"),
        ("100", "16"),
        ("55", "2"),
    ] {
        let scene = Scene::with(WORKFLOW);
        let told = limited(&scene, &format!("-n {limit}"), jobs);
        assert_eq!(told.code, 3, "{limit}: {told:?}");
        for word in ["too few files may be open", "ulimit -n", "`-j`"] {
            assert!(told.err.contains(word), "{limit}: {told:?}");
        }
        assert!(
            !scene.path().join(".sunward").exists(),
            "nothing is created"
        );
    }
}

#[test]
fn what_is_called_enough_is_enough() {
    for (limit, jobs) in [(40 + 8 * 2, "2"), (40 + 8 * 16, "16")] {
        let scene = Scene::with(WORKFLOW);
        limited(&scene, &format!("-n {limit}"), jobs).expect(0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_home_is_its_owners_alone() {
    for umask in ["000", "002", "022", "077"] {
        let scene = Scene::with(EVERYTHING);
        scene.file("data.csv", "a,b\n1,x\n2,y\n");
        let run = |more: &[&str]| {
            let words = [&["run", "workflow.yaml", "--json", "-j", "2"], more].concat();
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("umask {umask} && exec \"$@\""), "sh"]);
            let sunward = scene.command(&words);
            let output = scene::wrapped(shell, &sunward).output();
            Told::of(&output.unwrap())
        };
        run(&[]).expect(0);
        run(&["-p", "fail=true"]).expect(1);
        // The store is in doubt after a crash, which has files of its own.
        let doubt = scene.file(".sunward/store/default/unclean", "");
        fs::set_permissions(doubt, fs::Permissions::from_mode(0o600)).unwrap();
        run(&["--fresh", "--out", "results"]).expect(0);
        let home = scene.path().join(".sunward");
        assert_eq!(mode(&home), 0o700, "{umask}");
        // What a command leaves for its next attempt is the command's own.
        let of_commands =
            |path: &Path| path.is_file() && path.starts_with(home.join("runs/r2/checkpoints"));
        for path in scene::below(&home) {
            if path.is_symlink() || of_commands(&path) {
                continue;
            }
            let (mode, shown) = (mode(&path), path.display());
            let is_part = ["cas", "joined"].iter().any(|folder| {
                path.is_file() && path.starts_with(home.join("store/default").join(folder))
            });
            // Parts are read-only for everybody, in folders that others cannot enter.
            let of_others = if is_part { 0o033 } else { 0o077 };
            assert_eq!(mode & of_others, 0, "umask {umask}: {mode:o} {shown}");
        }
    }
}

#[test]
fn a_home_that_settings_share_is_open_to_the_group_and_to_nobody_else() {
    let scene = Scene::with(WORKFLOW);
    scene.file("config.yaml", "shared: group\n");
    let run = |workflow: &str| {
        let mut command = scene.command(&["run", workflow, "--json"]);
        command.env("SUNWARD_CONFIG", scene.path().join("config.yaml"));
        Told::of(&command.output().unwrap()).expect(0)
    };
    run("workflow.yaml");
    let home = scene.path().join(".sunward");
    let group = fs::metadata(&home).unwrap().gid();
    for path in scene::below(&home).into_iter().chain([home.clone()]) {
        let (mode, shown) = (mode(&path), path.display());
        assert_eq!(fs::symlink_metadata(&path).unwrap().gid(), group, "{shown}");
        if path.is_dir() {
            assert_eq!(mode & 0o777, 0o770, "{shown}");
        } else if path.starts_with(home.join("store/default/cas"))
            || path.starts_with(home.join("store/default/joined"))
        {
            // The files are read-only, in folders that others cannot enter.
            assert_eq!(mode & 0o440, 0o440, "{shown}");
        } else {
            assert_eq!(mode & 0o777, 0o660, "{shown}");
        }
    }
}

/// `retry` looks before it resolves packages, as `run` does.
#[test]
fn too_few_open_files_are_told_by_retry_before_anything_else_is_done() {
    let scene = Scene::with("name: w\nstages:\n  a:\n    run: exit 7\n");
    scene.run(&[]).expect(1);
    scene.file(
        "workflow.yaml",
        "name: w\nstages:\n  a:\n    run: exit 7\n    python: { packages: [sunward-has-no-such-package] }\n",
    );
    let before = scene::below(scene.path());
    let sunward = scene.command(&["retry", "--json", "-j", "16"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 100 && exec \"$@\"", "sh"]);
    let told = Told::of(&scene::wrapped(shell, &sunward).output().unwrap());
    assert_eq!(told.code, 3, "{told:?}");
    assert!(told.err.contains("too few files may be open"), "{told:?}");
    assert!(!told.err.contains("package"), "{told:?}");
    assert_eq!(scene::below(scene.path()), before, "nothing is created");
}
