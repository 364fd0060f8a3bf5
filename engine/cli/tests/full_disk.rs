//! Full disks: the message names the task and the remedy, other tasks finish, partial files are not
//! read, and a later run with enough space finishes the rest.
//!
//! The small disks are mounted in a mount namespace of the command, so that they end with it.
#![allow(
    clippy::allow_attributes,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test says when it does not run, and stops at the first surprise"
)]

mod scene;

use std::process::{Command, Output};

use scene::{Scene, Told};

/// Runs a shell script in the scene's folder, in a mount namespace of its own. `$SUNWARD` and `$0`
/// are the binary.
fn in_namespace(scene: &Scene, script: &str) -> Output {
    let built = scene.command(&[]);
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--user",
        "--map-root-user",
        "--mount",
        "/bin/sh",
        "-ec",
        script,
    ]);
    let mut command = scene::wrapped(unshare, &built);
    command.env("SUNWARD", built.get_program());
    command.output().unwrap_or_else(|error| Output {
        status: std::os::unix::process::ExitStatusExt::from_raw(-1),
        stdout: Vec::new(),
        stderr: format!("unshare: {error}").into_bytes(),
    })
}

/// True if small disks can be mounted here. If not, prints a message.
fn can_mount() -> bool {
    let scene = Scene::new();
    scene.file("disk/.keep", "");
    let tried = in_namespace(&scene, "mount -t tmpfs -o size=1m none disk");
    if !tried.status.success() {
        eprintln!(
            "NOT RUN: full disks; no tmpfs may be mounted here, not even in a namespace: {}",
            String::from_utf8_lossy(&tried.stderr).trim()
        );
    }
    tried.status.success()
}

/// Runs the workflow with a disk of this size (in the notation of `mount`) at a folder of the home.
fn run_with_disk(scene: &Scene, folder: &str, size: &str, args: &str) -> Told {
    std::fs::create_dir_all(scene.path().join(folder)).unwrap();
    Told::of(&in_namespace(
        scene,
        &format!(
            "mount -t tmpfs -o size={size} none {folder}\nexec \"$SUNWARD\" run workflow.yaml --json {args}"
        ),
    ))
}

/// Six tasks and one that reads all their outputs. One of the six writes more than the disk holds,
/// by the command `write`.
fn workflow(write: &str) -> String {
    format!(
        "name: w\nstages:\n  write:\n    scatter: {{ range: 6 }}\n    retry: {{ max_attempts: 2, backoff: 0s, on: [{{ exit: [1] }}] }}\n    run: |\n      echo n > ${{{{ outputs.rows }}}}\n      echo ${{{{ item }}}} >> ${{{{ outputs.rows }}}}\n      if [ ${{{{ item }}}} = 2 ]; then {write}; fi\n    outputs: {{ rows: {{ format: csv, schema: {{ n: int64 }} }} }}\n  count:\n    inputs: {{ rows: {{ from: write.rows, as: csv }} }}\n    run: wc -l < ${{{{ inputs.rows }}}} > ${{{{ outputs.lines }}}}\n    outputs: {{ lines: {{ format: file, ext: txt }} }}\noutputs: {{ lines: count.lines }}\n"
    )
}

/// Two million rows: 4 MB.
const ROWS: &str = "{ yes 7 || true; } | head -n 2000000 >> ${{ outputs.rows }}";

/// Runs with a scratch folder that is too small for one task, then with enough space.
fn scratch_is_full(write: &str, code: i32, words: &[&str]) {
    let scene = Scene::with(&workflow(write));
    // One task at a time, because otherwise others could find the disk full too.
    let told = run_with_disk(&scene, ".sunward/scratch", "1m", "-j 1").expect(code);
    let stages = told.json()["stages"].clone();
    assert_eq!(stages["write"]["ran"], 5, "{stages}");
    assert_eq!(stages["write"]["failed"], 1, "{stages}");
    assert_eq!(stages["count"]["skipped"], 1, "{stages}");
    told.says(&["no space left", "free some space"]).says(words);

    let answer = scene.run(&["--out", "out"]).expect(0).json();
    let stages = &answer["stages"];
    assert_eq!(stages["write"]["cached"], 5, "{stages}");
    assert_eq!(stages["write"]["ran"], 1, "{stages}");
    let lines = 1 + 6 + 2_000_000;
    assert_eq!(scene.text("out/lines.txt").trim(), lines.to_string());
}

#[test]
fn a_task_that_fills_the_disk_is_named_with_what_to_do_and_later_finishes() {
    if can_mount() {
        scratch_is_full(
            &format!("{ROWS} || exit 1"),
            1,
            &["write/2, attempt 2", "code 1"],
        );
    }
}

#[test]
fn what_a_command_wrote_that_did_not_see_the_disk_full_is_not_read() {
    if can_mount() {
        scratch_is_full(
            &format!("{ROWS} || true"),
            3,
            &["write/2, attempt 1", "code 0", "cut short"],
        );
    }
}

#[test]
fn a_store_without_space_keeps_what_it_has_and_takes_the_rest_later() {
    if !can_mount() {
        return;
    }
    let scene = Scene::with(&workflow(ROWS));
    let script = "\
mount -t tmpfs -o size=2m none .sunward/store
\"$SUNWARD\" run workflow.yaml --json -j 1 > first.json 2> first.err && exit 9
find .sunward/store -path '*/tmp/*' -type f > litter
mount -o remount,size=64m .sunward/store
exec \"$SUNWARD\" run workflow.yaml --json --out out";
    scene.file(".sunward/store/.keep", "");
    let told = Told::of(&in_namespace(&scene, script)).expect(0);
    let first: serde_json::Value = serde_json::from_str(&scene.text("first.json")).unwrap();
    let stages = &first["stages"];
    assert_eq!(stages["write"]["ran"], 5, "{stages}");
    assert_eq!(stages["write"]["failed"], 1, "{stages}");
    let said = scene.text("first.err");
    for word in [
        "write/2, attempt",
        "output rows",
        "No space left",
        "free some space",
    ] {
        assert!(said.contains(word), "no '{word}' in: {said}");
    }
    assert_eq!(scene.text("litter"), "", "half-written files were left");
    let stages = told.json()["stages"].clone();
    assert_eq!(stages["write"]["cached"], 5, "{stages}");
    assert_eq!(stages["write"]["ran"], 1, "{stages}");
    let lines = 1 + 6 + 2_000_000;
    assert_eq!(scene.text("out/lines.txt").trim(), lines.to_string());
}

#[test]
fn a_state_on_a_full_disk_says_so_and_the_run_goes_on_later() {
    if !can_mount() {
        return;
    }
    let scene = Scene::with(
        "name: w\nstages:\n  write:\n    scatter: { range: 40 }\n    run: head -c $((100000 + ${{ item }})) /dev/urandom > ${{ outputs.o }}\n    outputs: { o: { format: file } }\n",
    );
    let script = "\
mount -t tmpfs -o size=3m none home
\"$SUNWARD\" run workflow.yaml --json -j 1 --home home > first.json 2> first.err && exit 9
mount -o remount,size=64m home
\"$SUNWARD\" run workflow.yaml --json --home home > second.json 2> second.err || true
exec \"$SUNWARD\" run workflow.yaml --json --home home";
    scene.file("home/.keep", "");
    let told = Told::of(&in_namespace(&scene, script)).expect(0);
    let said = scene.text("first.err");
    assert!(
        said.contains("full") || said.contains("no space left"),
        "{said}"
    );
    assert!(said.contains("free some space"), "{said}");
    // The run may have ended or may be resumable, depending on what found the disk full last. In
    // both cases the same command, given twice, completes it.
    let stages = told.json()["stages"].clone();
    let counts = ["ran", "cached"].map(|name| stages["write"][name].as_u64().unwrap());
    assert_eq!(counts[0] + counts[1], 40, "{stages}");
    assert!(counts[1] > 5, "finished work was kept: {stages}");
}

#[test]
fn a_demand_beyond_the_whole_disk_is_refused_with_the_numbers() {
    let scene =
        Scene::with("name: w\nstages:\n  wide: { run: 'true', resources: { disk: 1000000TB } }\n");
    let words = ["stage wide", "888.2 PiB", "resources.disk", "--home"];
    scene
        .sunward(&["plan", "workflow.yaml"])
        .expect(3)
        .says(&words);
    scene.run(&[]).expect(3).says(&words);
    assert!(!scene.path().join(".sunward").exists());
    let shown = scene
        .file(
            "workflow.yaml",
            "name: w\nstages:\n  wide: { run: 'true', resources: { disk: 3MiB } }\n",
        )
        .display()
        .to_string();
    let plan = scene.sunward(&["plan", &shown, "--json"]).expect(0).json();
    assert_eq!(plan["stages"][0]["resources"]["disk_bytes"], 3 << 20);
}

#[test]
fn a_task_waits_until_somebody_makes_room_and_then_goes_on_by_itself() {
    if !can_mount() {
        return;
    }
    let scene = Scene::with(
        "name: w\nstages:\n  wide: { run: head -c 3000000 /dev/zero > big, resources: { disk: 4MiB } }\n  slim: { run: 'true' }\n",
    );
    let script = "\
mount -t tmpfs -o size=8m none .sunward/scratch
head -c 6000000 /dev/zero > .sunward/scratch/ballast
\"$SUNWARD\" run workflow.yaml --json 2> said &
until grep -q 'stage wide waits for disk space' said; do
  kill -0 $! || exit 9
  sleep 0.05
done
rm .sunward/scratch/ballast
wait $!";
    scene.file(".sunward/scratch/.keep", "");
    let answer = Told::of(&in_namespace(&scene, script)).expect(0).json();
    for stage in ["wide", "slim"] {
        assert_eq!(answer["stages"][stage]["ran"], 1, "{answer}");
    }
    let said = scene.text("said");
    for word in ["asks for 4.0 MiB", "free of 8.0 MiB", "continues by itself"] {
        assert!(said.contains(word), "no '{word}' in: {said}");
    }
}

#[test]
fn a_full_disk_can_be_pruned() {
    // With and without space in reserve.
    for size in ["100m", "12m"] {
        if can_mount() {
            can_be_pruned(size);
        }
    }
}

/// Fills a disk of this size to the last byte, and prunes the home on it.
fn can_be_pruned(size: &str) {
    let scene = Scene::with(
        "name: w\nstages:\n  write:\n    run: head -c 5000000 /dev/urandom > ${{ outputs.o }}\n    outputs: { o: { format: file } }\n",
    );
    let script = "\
mount -t tmpfs -o size=SIZE none home
\"$SUNWARD\" run workflow.yaml --home home > first.json 2> first.err
head -c 200000000 /dev/zero > home/filler 2> filler.err || true
df --output=avail home | tail -1 > before
\"$SUNWARD\" cache prune --older 0s --home home --json > pruned.json
rm home/filler
exec \"$SUNWARD\" run workflow.yaml --json --home home --fresh";
    scene.file("home/.keep", "");
    let script = script.replace("SIZE", size);
    let told = Told::of(&in_namespace(&scene, &script)).expect(0);
    assert_eq!(scene.text("before").trim(), "0");
    let pruned: serde_json::Value = serde_json::from_str(&scene.text("pruned.json")).unwrap();
    assert!(pruned["bytes"].as_u64().unwrap() >= 5_000_000, "{pruned}");
    assert_eq!(told.json()["stages"]["write"]["ran"], 1);
}
