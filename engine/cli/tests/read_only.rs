//! Reading a home needs no write permission, as on a read-only disk, or in another user's home.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what did not run"
)]

mod scene;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use scene::{Scene, Told};

const WORKFLOW: &str = "\
name: shared
stages:
  t: { run: 'printf \"a\\n1\\n2\\n\" > ${{ outputs.t }}', outputs: { t: { format: csv } } }
  f: { run: 'echo x > ${{ outputs.f }}', outputs: { f: { format: file, ext: txt } } }
  d: { run: 'mkdir ${{ outputs.d }}; echo y > ${{ outputs.d }}/y', outputs: { d: { format: dir } } }
  e: { run: 'false ${{ item }}', scatter: { over: [] }, outputs: { e: { format: csv, schema: { a: int64 } } } }
outputs: { t: t.t, f: f.f, d: d.d, e: e.e }
";

/// A user without files here.
const NOBODY: &str = "65534";

/// The size and times of everything below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let known = |path: PathBuf| {
        let meta = path.symlink_metadata().unwrap();
        (path, (meta.len(), meta.mtime(), meta.mtime_nsec()))
    };
    scene::below(folder).into_iter().map(known).collect()
}

/// Makes everything below a folder readable and not writable for all users.
fn share(folder: &Path) {
    for path in scene::below(folder).into_iter().chain([folder.to_owned()]) {
        if path.is_symlink() {
            continue;
        }
        let mode = if path.is_dir() { 0o555 } else { 0o444 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Runs `sunward` as a user who may not write to the scene's home.
fn look(scene: &Scene, elsewhere: &Path, args: &[&str]) -> Option<Told> {
    let plain = scene.command(args);
    let is_root = rustix::process::geteuid().is_root();
    let mut command = match is_root {
        false => plain,
        true => {
            let mut other = Command::new("setpriv");
            other.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
            scene::wrapped(other, &plain)
        }
    };
    command
        .current_dir(elsewhere)
        .env("HOME", elsewhere)
        .arg("--home")
        .arg(scene.path().join(".sunward"));
    match command.output() {
        Ok(output) => Some(Told::of(&output)),
        Err(error) => {
            eprintln!("NOT RUN: {command:?} cannot be started: {error}");
            None
        }
    }
}

/// A workflow whose last stage runs until the test ends it.
const ENDLESS: &str = "\
name: endless
stages:
  t: { run: 'printf \"a\\n1\\n2\\n\" > ${{ outputs.t }}', outputs: { t: { format: csv } } }
  wait: { needs: t, run: 'touch ${{ params.mark }}; while :; do sleep 0.05; done' }
params: { mark: { type: string } }
outputs: { t: t.t }
";

/// The state of a killed engine has a log that is not yet in the database.
#[test]
fn the_home_of_a_killed_engine_is_read_without_writing_to_it() {
    for keeps_index in [true, false] {
        let scene = Scene::with(ENDLESS);
        let mark = format!("mark={}", scene.path().join("mark").display());
        let mut running = scene.start(&["run", "workflow.yaml", "-p", &mark]);
        running.wait_for("mark");
        running.kill();
        let home = scene.path().join(".sunward");
        assert!(home.join("state.db-wal").metadata().unwrap().len() > 0);
        if !keeps_index {
            std::fs::remove_file(home.join("state.db-shm")).unwrap();
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(elsewhere.path(), open).unwrap();
        share(scene.path());
        let before = contents(scene.path());
        for args in [
            &["status", "--json"][..],
            &["show", "t", "--json"],
            &["report", "--out", "r.html"],
        ] {
            let Some(told) = look(&scene, elsewhere.path(), args) else {
                return;
            };
            if told.code == 126 || told.err.contains("setpriv") {
                return eprintln!("NOT RUN: another user cannot start it: {}", told.err);
            }
            let told = told.expect(0);
            if args[0] == "status" {
                let json = told.json();
                assert_eq!(json["run"]["status"], "interrupted", "{json}");
                // It lasted at least until its last task began.
                assert!(json["run"]["seconds"].as_f64().unwrap() > 0.0, "{json}");
                assert_eq!(json["runs"][0]["seconds"], json["run"]["seconds"], "{json}");
            }
        }
        assert_eq!(contents(scene.path()), before);
        let open = std::fs::Permissions::from_mode(0o755);
        for path in before.keys().filter(|path| path.is_dir()) {
            std::fs::set_permissions(path, open.clone()).unwrap();
        }
        std::fs::set_permissions(scene.path(), open).unwrap();
    }
}

#[test]
fn readers_work_on_a_home_that_they_may_not_write_to_and_leave_it_as_it_is() {
    let scene = Scene::with(WORKFLOW);
    scene.run(&[]).expect(0);
    let elsewhere = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(elsewhere.path(), open).unwrap();
    share(scene.path());
    let before = contents(scene.path());
    for args in [
        &["status"][..],
        &["status", "r1", "--json"],
        &["show", "t", "--json"],
        &["show", "f"],
        &["show", "d"],
        &["show", "e"],
        &["logs", "t"],
        &["explain"],
        &["explain", "f"],
        &["report", "--out", "r.html"],
        &["cache", "list"],
        &["cache", "verify"],
    ] {
        let Some(told) = look(&scene, elsewhere.path(), args) else {
            return;
        };
        if told.code == 126 || told.err.contains("setpriv") {
            return eprintln!(
                "NOT RUN: another user cannot start the program: {}",
                told.err
            );
        }
        let told = told.expect(0);
        if args[0] == "show" && args[1] == "t" {
            assert_eq!(told.json()["head"][1]["a"], 2, "{}", told.out);
        }
    }
    assert_eq!(contents(scene.path()), before);
    assert!(elsewhere.path().join("r.html").exists());
    // A verb that writes reports the error and does not hang.
    let told = look(&scene, elsewhere.path(), &["cache", "prune"]).unwrap();
    assert_ne!(told.code, 0, "{}", told.out);
    let open = std::fs::Permissions::from_mode(0o755);
    for path in before.keys().filter(|path| path.is_dir()) {
        std::fs::set_permissions(path, open.clone()).unwrap();
    }
    std::fs::set_permissions(scene.path(), open).unwrap();
}
