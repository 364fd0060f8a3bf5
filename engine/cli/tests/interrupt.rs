//! Stopping and continuing: Ctrl-C once and twice, SIGTERM, kill -9, cancel, a second engine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::allow_attributes,
    reason = "tests stop where they cannot go on"
)]

mod scene;

use std::path::Path;
use std::time::{Duration, Instant};

use scene::Scene;

/// Forty tasks, each of which writes a line. One of them signals that half are done.
const MANY: &str = "\
name: many
params: { trace: { type: string } }
stages:
  each:
    cache: false
    scatter: { over: { range: 40 } }
    run: |
      echo ${{ item }} >> ${{ params.trace }}
      if [ ${{ item }} = 12 ]; then touch ${{ params.trace }}.half; fi
      sleep 0.02
";

/// A stage that writes its process id, ignores SIGTERM and runs for long.
const DEAF: &str = "\
name: deaf
params: { marker: { type: string } }
stages:
  wait:
    run: |
      trap '' TERM INT
      echo $$ > ${{ params.marker }}.tmp; mv ${{ params.marker }}.tmp ${{ params.marker }}
      while :; do sleep 1; done
";

/// A stage with a checkpoint after each of three steps. It waits before the third for a file.
const STEPS: &str = "\
name: steps
params: { mark: { type: string } }
stages:
  long:
    checkpoint: true
    run: |
      cd \"$SUNWARD_CHECKPOINT\"
      mark=${{ params.mark }}
      for step in 1 2 3; do
        if [ -e $step ]; then continue; fi
        if [ $step = 3 ] && [ ! -e \"$mark.go\" ]; then
          touch $mark
          while :; do sleep 0.05; done
        fi
        echo $step >> $mark.trace
        touch $step
      done
";

fn param(scene: &Scene, name: &str, file: &str) -> String {
    format!("{name}={}", scene.path().join(file).display())
}

#[track_caller]
fn gone(process: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while Path::new("/proc").join(process.trim()).exists() {
        assert!(
            Instant::now() < deadline,
            "process {process} is still there"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn after_kill_9_the_same_command_finishes_the_rest() {
    let scene = Scene::with(MANY);
    let trace = param(&scene, "trace", "trace");
    let mut run = scene.start(&["run", "workflow.yaml", "-j", "2", "-p", &trace]);
    run.wait_for("trace.half");
    run.signal("KILL");
    assert_eq!(run.end().code, -1);
    let status = scene.sunward(&["status", "--json"]).expect(0).json();
    assert_eq!(status["run"]["status"], "interrupted");
    let each = &status["run"]["stages"]["each"];
    assert_eq!(
        (&each["status"], &each["running"]),
        (&"interrupted".into(), &0.into())
    );
    let told = scene.run(&["-j", "2", "-p", &trace]).expect(0);
    let answer = told.json();
    assert_eq!(answer["run"], "r1");
    assert_eq!(answer["stages"]["each"]["ran"], 40);
    told.says(&["continuing r1"]);
    let runs = scene.text("trace").lines().count();
    // The tasks in flight may run again: two on two cores, and those that were leased ahead.
    assert!((40..=60).contains(&runs), "{runs} runs of 40 tasks");
}

#[test]
fn ctrl_c_stops_cleanly_and_the_run_goes_on_later() {
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let scene = Scene::with(MANY);
        let trace = param(&scene, "trace", "trace");
        let mut run = scene.start(&["run", "workflow.yaml", "--json", "-j", "2", "-p", &trace]);
        run.wait_for("trace.half");
        run.signal(signal);
        let told = run.end().expect(130);
        assert_eq!(told.json()["status"], "interrupted");
        let told = told.says(&["can be resumed"]);
        assert!(!told.err.contains("failed:"), "{}", told.err);
        let answer = scene.run(&["-p", &trace]).expect(0).json();
        assert_eq!(
            (&answer["run"], &answer["status"]),
            (&"r1".into(), &"succeeded".into())
        );
    }
}

#[test]
fn what_keeps_a_checkpoint_goes_on_from_there_however_it_was_stopped() {
    for (signal, code) in [("INT", 130), ("KILL", -1)] {
        let scene = Scene::with(STEPS);
        let mark = param(&scene, "mark", "mark");
        let mut run = scene.start(&["run", "workflow.yaml", "-p", &mark]);
        run.wait_for("mark");
        run.signal(signal);
        assert_eq!(run.end().code, code);
        assert_eq!(scene.text("mark.trace"), "1\n2\n");
        scene.file("mark.go", "");
        let answer = scene.run(&["-p", &mark]).expect(0).json();
        assert_eq!(answer["run"], "r1");
        assert_eq!(scene.text("mark.trace"), "1\n2\n3\n", "after {signal}");
    }
}

#[test]
fn a_second_ctrl_c_stops_at_once_even_what_is_deaf() {
    let scene = Scene::with(DEAF);
    let marker = param(&scene, "marker", "marker");
    let mut run = scene.start(&["run", "workflow.yaml", "-p", &marker]);
    run.wait_for("marker");
    run.signal("INT");
    run.wait_for_word("stopping");
    run.signal("INT");
    run.end().expect(130);
    gone(&scene.text("marker"));
    let status = scene.sunward(&["status", "--json"]).expect(0).json();
    assert_eq!(status["run"]["status"], "interrupted");
}

/// A task with processes that have left its group, its session, its parent and its environment.
/// Each writes its id.
const TREE: &str = "\
name: tree
params: { marks: { type: string } }
stages:
  wait:
    run: |
      trap '' TERM HUP
      here='echo $$ > \"$0\".new; mv \"$0\".new \"$0\"; exec sleep 1000'
      sh -c \"$here\" ${{ params.marks }}/child &
      setsid --fork sh -c \"$here\" ${{ params.marks }}/session < /dev/null > /dev/null 2>&1
      env -i setsid --fork sh -c \"$here\" ${{ params.marks }}/bare < /dev/null > /dev/null 2>&1
      (cd /; setsid --fork sh -c \"$here\" ${{ params.marks }}/away < /dev/null > /dev/null 2>&1)
      echo $$ > ${{ params.marks }}/leader
      for one in child session bare away; do
        while ! [ -e ${{ params.marks }}/$one ]; do sleep 0.01; done
      done
      touch ${{ params.marks }}/all
      while :; do sleep 1; done
";

/// Starts that task, and returns the run and the task's processes.
fn tree(scene: &Scene) -> (scene::Running, Vec<String>) {
    scene.file("marks/x", "");
    let marks = param(scene, "marks", "marks");
    let mut run = scene.start(&["run", "workflow.yaml", "--json", "-p", &marks]);
    run.wait_for("marks/all");
    let names = ["child", "session", "bare", "away", "leader"];
    let processes: Vec<String> = names.map(|n| scene.text(&format!("marks/{n}"))).into();
    for process in &processes {
        assert!(Path::new("/proc").join(process.trim()).exists());
    }
    (run, processes)
}

#[test]
fn tasks_die_with_their_engine_whatever_ends_it() {
    for signal in ["KILL", "ABRT", "TERM", "HUP"] {
        let scene = Scene::with(TREE);
        let (mut run, processes) = tree(&scene);
        run.signal(signal);
        if matches!(signal, "TERM" | "HUP") {
            // The task ignores signals. The second signal does not wait for it.
            run.wait_for_word("stopping");
            run.signal(signal);
        }
        run.end();
        for process in &processes {
            gone(process);
        }
        let status = scene.sunward(&["status", "--json"]).expect(0).json();
        assert_eq!(status["run"]["status"], "interrupted", "{signal}");
    }
}

#[test]
fn who_ends_all_processes_of_our_name_ends_no_supervisor() {
    let scene = Scene::with(TREE);
    let (run, processes) = tree(&scene);
    let name = std::fs::read_to_string(format!("/proc/{}/comm", supervisor(&scene)));
    assert_eq!(name.expect("its name"), "task-supervisor\n");
    // The home is deleted at once, as a caller's clean-up may do.
    run.signal("KILL");
    std::fs::remove_dir_all(scene.path().join(".sunward")).ok();
    run.end();
    for process in &processes {
        gone(process);
    }
}

/// The supervisor process of an engine.
fn supervisor(scene: &Scene) -> u32 {
    let folder = scene.path().join(".sunward/scratch").display().to_string();
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("supervise") && line.contains(&folder)
    })
    .expect("a supervisor")
}

#[test]
fn any_verb_ends_what_an_engine_left_that_lost_its_supervisor_too() {
    for verb in [
        &["status"][..],
        &["cancel"],
        &["explain"],
        &["plan", "workflow.yaml", "-p", "marks=x"],
        &["doctor"],
        &["cache", "list"],
    ] {
        let scene = Scene::with(TREE);
        let (run, processes) = tree(&scene);
        scene::signal(supervisor(&scene), "KILL");
        run.signal("KILL");
        run.end();
        assert!(Path::new("/proc").join(processes[1].trim()).exists());
        let told = scene.sunward(verb);
        for process in &processes {
            let ended = scene::has_ended(process);
            assert!(ended, "{verb:?} left {process}: {told:?}");
        }
        if verb == ["cancel"] {
            assert_eq!(told.out, "r1: cancelled\n");
        }
    }
}

#[test]
fn fresh_starts_anew() {
    let (scene, trace) = interrupted();
    let answer = scene.run(&["-p", &trace, "--fresh"]).expect(0).json();
    assert_eq!(answer["run"], "r2");
}

#[test]
fn a_changed_pipeline_is_a_new_run_and_that_is_said() {
    let (scene, trace) = interrupted();
    scene.file("workflow.yaml", MANY.replace("sleep 0.02", "sleep 0.01"));
    let told = scene.run(&["-p", &trace]).expect(0);
    assert_eq!(told.json()["run"], "r2");
    told.says(&["the workflow has changed since r1 stopped"]);
}

#[test]
fn changed_resources_and_retries_are_adopted_by_the_run_that_goes_on() {
    let (scene, trace) = interrupted();
    let changed = MANY.replace(
        "    cache: false\n",
        "    cache: false\n    resources: { cpus: 2 }\n    retry: { max_attempts: 3 }\n    expect: { time: 1m }\n",
    );
    scene.file("workflow.yaml", changed);
    let answer = scene.run(&["-p", &trace]).expect(0).json();
    assert_eq!(answer["run"], "r1");
}

/// A run that was interrupted halfway.
fn interrupted() -> (Scene, String) {
    let scene = Scene::with(MANY);
    let trace = param(&scene, "trace", "trace");
    let mut run = scene.start(&["run", "workflow.yaml", "-j", "1", "-p", &trace]);
    run.wait_for("trace.half");
    run.signal("INT");
    run.end().expect(130);
    (scene, trace)
}

#[test]
fn a_run_that_goes_on_is_cancelled_from_another_process() {
    let scene = Scene::with(DEAF);
    let marker = param(&scene, "marker", "marker");
    let mut run = scene.start(&["run", "workflow.yaml", "--json", "-p", &marker]);
    run.wait_for("marker");
    // Readers can read the state of a running engine. A second engine is refused.
    let status = scene.sunward(&["status", "--json"]).expect(0).json();
    assert_eq!(status["run"]["status"], "running");
    scene
        .run(&["-p", &marker, "--fresh"])
        .expect(3)
        .says(&["another `sunward`"]);
    let told = scene.sunward(&["cancel", "--json"]).expect(0);
    assert_eq!(told.json()["done"], "requested");
    let told = run.end().expect(1);
    assert_eq!(told.json()["status"], "cancelled");
    gone(&scene.text("marker"));
}

#[test]
fn a_run_that_nobody_drives_is_cancelled_at_once_and_then_finished() {
    let scene = Scene::with(MANY);
    let trace = param(&scene, "trace", "trace");
    let mut run = scene.start(&["run", "workflow.yaml", "-j", "1", "-p", &trace]);
    run.wait_for("trace.half");
    run.signal("KILL");
    run.end();
    let told = scene.sunward(&["cancel"]).expect(0);
    assert_eq!(told.out, "r1: cancelled\n");
    let status = scene.sunward(&["status", "--json"]).expect(0).json();
    assert_eq!(status["run"]["status"], "cancelled");
    scene
        .sunward(&["cancel"])
        .expect(2)
        .says(&["already ended"]);
    let answer = scene.run(&["-p", &trace]).expect(0).json();
    assert_eq!(answer["run"], "r2");
}

#[test]
fn logs_are_followed_until_the_run_ends() {
    let scene = Scene::with(
        "name: talk\nparams: { go: { type: string } }\nstages:\n  talk:\n    run: |\n      echo first\n      touch ${{ params.go }}.said\n      while ! [ -e ${{ params.go }} ]; do sleep 0.01; done\n      echo last\n",
    );
    let go = param(&scene, "go", "go");
    let mut run = scene.start(&["run", "workflow.yaml", "-p", &go]);
    run.wait_for("go.said");
    let follow = scene.start(&["logs", "talk/0", "--follow"]);
    scene.file("go", "");
    run.end().expect(0);
    assert_eq!(follow.end().expect(0).out, "first\nlast\n");
}
