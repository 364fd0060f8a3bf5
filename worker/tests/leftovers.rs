//! Processes that a command leaves running. However they left it, they end with its attempt, and
//! nothing that they still write is kept.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "tests stop where they cannot go on, and share one scene"
)]

mod support;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sunward_core::{FailureKind, RunId, Tasks};
use sunward_protocol::ToWorker;
use sunward_workflows::OutputFormat;
use support::{Scene, bytes, failure, giving, kind, result, shell, succeeded};

/// Ways to leave a command's group, session, parent and environment. Each runs the script `$S` with
/// the file `$P` as its first argument.
const WAYS: &[&str] = &[
    r#"sh -c "$S" x "$P" &"#,
    r#"setsid sh -c "$S" x "$P" &"#,
    r#"setsid --fork sh -c "$S" x "$P""#,
    r#"( ( setsid sh -c "$S" x "$P" & ) & )"#,
    r#"nohup sh -c "trap '' HUP TERM; $S" x "$P" &"#,
    r#"env -i setsid sh -c "$S" x "$P" &"#,
    r#"(cd /; env -i setsid --fork sh -c "$S" x "$P")"#,
    r#"(cd /; env -i setsid sh -c 'setsid --fork sh -c "$1" x "$2"' x "$S" "$P" & ) &"#,
    r#"env SUNWARD_ATTEMPT=another:1 setsid --fork sh -c "$S" x "$P""#,
];

/// A script that starts a process, which leaves in one way and then runs `work` for ever. The
/// process writes its id to `pid`. Then the script runs `then`.
fn leaving(way: &str, pid: &Path, work: &str, then: &str) -> String {
    let pid = pid.display();
    format!(
        "mkfifo ready; P=$PWD/ready\nS='{work}; echo $$ > \"$1\"; exec sleep 1000'\n\
         {{ {way}\n}} < /dev/null > /dev/null 2>&1\n\
         read number < ready; echo $number > {pid}.new; mv {pid}.new {pid}\n{then}\n"
    )
}

#[track_caller]
fn assert_gone(pid: &Path, case: &str) {
    let number = fs::read_to_string(pid).unwrap_or_else(|e| panic!("{case}: {e}"));
    let stat = fs::read_to_string(format!("/proc/{}/stat", number.trim()));
    assert!(stat.is_err(), "{case}: {}", stat.unwrap());
}

#[test]
fn whatever_a_command_leaves_ends_with_its_attempt() {
    for way in WAYS {
        for (then, code) in [("exit 0", None), ("exit 3", Some(3))] {
            let mut scene = Scene::new();
            let pid = scene.path("pid");
            let end = scene.one(shell(&leaving(way, &pid, ":", then)));
            match code {
                None => assert!(succeeded(&end), "{way}: {end:?}"),
                Some(code) => assert_eq!(kind(end), FailureKind::Exit(code), "{way}"),
            }
            assert_gone(&pid, way);
        }
    }
}

#[test]
fn a_timeout_and_a_cancellation_end_it_too() {
    for way in WAYS {
        let mut scene = Scene::new();
        let pid = scene.path("pid");
        let stage = shell(&leaving(way, &pid, ":", "sleep 1000"));
        scene.timed_out(&stage, |_| pid.exists());
        assert_gone(&pid, way);

        let pid = scene.path("another");
        let job = scene.job(shell(&leaving(way, &pid, ":", "sleep 1000")), Tasks::One);
        scene.start(job);
        scene.await_file(&pid);
        scene.worker.tell(ToWorker::Revoke { run: RunId(1) });
        let end = scene.ends(1).remove(0);
        assert_eq!(kind(end), FailureKind::Cancelled, "{way}");
        assert_gone(&pid, way);
    }
}

#[test]
fn what_it_would_still_write_is_not_in_the_result() {
    for way in WAYS {
        let mut scene = Scene::new();
        let pid = scene.path("pid");
        let script = leaving(way, &pid, ":", "echo first >> ${{ outputs.o }}").replace(
            "P=$PWD/ready\nS=':;",
            "P=$PWD/ready\nS='exec 3>>\"${SUNWARD_OUTPUT_O:-$PWD/x}\";",
        );
        let end = scene.one(giving(shell(&script), "o", OutputFormat::File));
        let kept = result(end).ports.remove(0);
        assert_eq!(bytes(&scene.store, &kept), b"first\n", "{way}");
        assert_gone(&pid, way);
    }
}

/// A process outside of all tasks that has a file open for writing.
fn stranger(file: &Path) -> Child {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "exec 3>>\"$1\"; echo; exec sleep 1000", "sh"])
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0];
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut said).unwrap();
    child
}

#[test]
fn an_output_that_a_stranger_writes_is_refused_and_the_stranger_lives() {
    for (format, inside) in [(OutputFormat::File, ""), (OutputFormat::Dir, "/deep/x")] {
        let mut scene = Scene::new();
        let (go, named) = (scene.path("go"), scene.path("named"));
        let script = format!(
            "f=${{{{ outputs.o }}}}{inside}; mkdir -p \"$(dirname \"$f\")\"; echo x > $f\n\
             echo $f > {0}.new; mv {0}.new {0}; while [ ! -e {1} ]; do sleep 0.01; done",
            named.display(),
            go.display()
        );
        let job = scene.job(giving(shell(&script), "o", format), Tasks::One);
        scene.start(job);
        scene.await_file(&named);
        let path = fs::read_to_string(&named).unwrap();
        let mut stranger = stranger(Path::new(path.trim()));
        fs::write(go, "").unwrap();
        let failure = failure(scene.ends(1).remove(0));
        assert_eq!(failure.kind, FailureKind::Output);
        let who = format!("process {} (sleep)", stranger.id());
        assert!(failure.message.contains(&who), "{}", failure.message);
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}

#[test]
fn a_task_that_ends_takes_nothing_from_one_that_runs() {
    for way in WAYS {
        let mut scene = Scene::new();
        let (pid, go) = (scene.path("pid"), scene.path("go"));
        let then = format!(
            "while [ ! -e {} ]; do sleep 0.01; done; kill -0 $number",
            go.display()
        );
        let job = scene.job(shell(&leaving(way, &pid, ":", &then)), Tasks::One);
        scene.start(job);
        scene.await_file(&pid);
        for _ in 0..3 {
            let mut stage = shell("true");
            stage.name = "other".into();
            assert!(succeeded(&scene.one(stage)));
        }
        fs::write(go, "").unwrap();
        let end = scene.ends(1).remove(0);
        assert!(succeeded(&end), "{way}: {end:?}");
        assert_gone(&pid, way);
    }
}

#[test]
fn what_may_be_of_several_tasks_ends_with_the_last_of_them() {
    for way in WAYS {
        let mut scene = Scene::new();
        let (pid, go, begun) = (scene.path("pid"), scene.path("go"), scene.path("begun"));
        let waits = format!(
            "touch {}; while [ ! -e {} ]; do sleep 0.01; done",
            begun.display(),
            go.display()
        );
        let job = scene.job(shell(&waits), Tasks::One);
        scene.start(job);
        scene.await_file(&begun);
        let mut stage = shell(&leaving(way, &pid, ":", ""));
        stage.name = "other".into();
        assert!(succeeded(&scene.one(stage)), "{way}");
        fs::write(go, "").unwrap();
        assert!(succeeded(&scene.ends(1)[0]), "{way}");
        assert_gone(&pid, way);
    }
}

#[test]
fn the_memory_of_what_left_counts() {
    let mut scene = Scene::new();
    let pid = scene.path("pid");
    // `tail` holds what it may have to print until the pipe ends.
    let work =
        "{ head -c 200000000 /dev/zero; exec sleep 1000; } | tail -c 300000000 > /dev/null & :";
    let mut stage = shell(&leaving(WAYS[5], &pid, work, "sleep 1000"));
    stage.resources.memory_bytes = Some(64 << 20);
    assert_eq!(scene.failure(stage).kind, FailureKind::Memory);
}

#[test]
fn files_outside_of_outputs_are_told_once_a_stage_and_kept_in_the_result() {
    let mut scene = Scene::new();
    fs::write(scene.path("tool.sh"), "echo 1 > table.csv\n").unwrap();
    let mut stage = shell("sh ./tool.sh; echo x > $TMPDIR/x; echo y > ${{ outputs.o }}");
    stage.files = vec!["./tool.sh".into()];
    let job = scene.job(giving(stage, "o", OutputFormat::File), Tasks::Range(5));
    let ends = scene.run(job);
    let told: Vec<String> = ends
        .into_iter()
        .flat_map(|end| result(end).remarks)
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(": table.csv;"), "{told:?}");
    assert_eq!(scene.notices, [format!("warning: {}", told[0])]);
}

#[test]
fn special_bits_of_outputs_are_told_with_their_names() {
    let mut scene = Scene::new();
    let script =
        "mkdir ${{ outputs.d }}; cp /bin/true ${{ outputs.d }}/su; chmod 4755 ${{ outputs.d }}/su";
    let end = scene.one(giving(shell(script), "d", OutputFormat::Dir));
    let remarks = result(end).remarks;
    assert!(
        remarks.len() == 1 && remarks[0].contains(": d/su;"),
        "{remarks:?}"
    );
}

#[test]
fn orphans_that_end_by_themselves_are_not_kept_as_zombies() {
    let mut scene = Scene::new();
    let script = "for i in 1 2 3 4 5 6 7 8; do setsid --fork true; done; while pgrep -P 1 nothing; do :; done";
    for _ in 0..5 {
        assert!(succeeded(&scene.one(shell(script))));
    }
    let us = std::process::id();
    let children = fs::read_to_string(format!("/proc/{us}/task/{us}/children")).unwrap();
    assert_eq!(children.trim(), "");
}
