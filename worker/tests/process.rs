//! Commands: those that succeed, fail, do not end, print much, and hide.
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

use sunward_core::{Energy, FailureKind, Outcome, RunId, Tasks};
use sunward_protocol::{FromWorker, ToWorker};
use sunward_worker::Host;
use sunward_workflows::{Retry, Template, Value};
use support::{Scene, argv, failure, kind, shell, succeeded};

#[test]
fn a_command_succeeds_is_metered_and_leaves_no_log_when_silent() {
    let mut scene = Scene::new();
    let end = scene.one(shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"));
    assert!(succeeded(&end), "{end:?}");
    assert!(end.wall_us > 0 && end.cpu_us > 0 && end.started_ms > 1_500_000_000_000);
    assert!(matches!(end.energy, Energy::Modelled { millijoules } if millijoules > 0));
    assert!(!scene.log("work", "0.1.log").exists());
}

#[test]
fn a_command_that_fails_is_named_with_its_code_and_the_end_of_its_log() {
    let mut scene = Scene::new();
    let failure = scene.failure(shell("echo one; echo two >&2; exit 3"));
    assert_eq!(failure.kind, FailureKind::Exit(3));
    assert!(
        failure
            .message
            .starts_with("work/0, attempt 1: the command exited with code 3")
    );
    assert!(failure.message.contains("0.1.log"), "{}", failure.message);
    assert_eq!(failure.log_tail, "one\ntwo");
    assert_eq!(scene.log_text("work"), "one\ntwo\n");
}

#[test]
fn each_attempt_has_a_log_of_its_own() {
    let mut scene = Scene::new();
    let job = scene.job(shell("echo attempt ${{ attempt }}; exit 1"), Tasks::One);
    let mut lease = scene.start(job);
    scene.ends(1);
    lease.attempt = 2;
    lease.generation.0 = 2;
    scene.worker.tell(ToWorker::Lease(lease));
    let end = scene.ends(1).remove(0);
    assert_eq!(end.generation.0, 2);
    assert!(failure(end).message.starts_with("work/0, attempt 2:"));
    let text = |name| fs::read_to_string(scene.log("work", name)).unwrap();
    assert_eq!(text("0.1.log"), "attempt 1\n");
    assert_eq!(text("0.2.log"), "attempt 2\n");
}

/// Three steps with a checkpoint after each, where the command is stopped.
const STEPS: &str = r#"
cd "$SUNWARD_CHECKPOINT"
done=$(cat steps 2>/dev/null || echo 0)
echo "from step $done"
echo $((done + 1)) > next && mv next steps
[ "$(cat steps)" = 3 ]
"#;

fn keeping(script: &str) -> sunward_workflows::Stage {
    sunward_workflows::Stage {
        checkpoint: true,
        ..shell(script)
    }
}

#[test]
fn what_a_task_keeps_is_there_for_its_next_attempt_until_it_succeeds() {
    let mut scene = Scene::new();
    let job = scene.job(keeping(STEPS), Tasks::One);
    let mut lease = scene.start(job);
    let folder = scene.path("runs/r1/checkpoints/work/0");
    for attempt in 1..=2 {
        let end = scene.ends(1).remove(0);
        assert_eq!(failure(end).kind, FailureKind::Exit(1));
        let steps = fs::read_to_string(folder.join("steps")).unwrap();
        assert_eq!(steps, format!("{attempt}\n"));
        lease.attempt += 1;
        lease.generation.0 += 1;
        scene.worker.tell(ToWorker::Lease(lease));
    }
    assert!(succeeded(&scene.ends(1)[0]));
    assert!(!folder.exists());
    let last = fs::read_to_string(scene.log("work", "0.3.log")).unwrap();
    assert_eq!(last, "from step 2\n");
}

#[test]
fn a_command_that_is_cancelled_has_time_to_keep_where_it_was() {
    let mut scene = Scene::new();
    let mark = scene.path("there");
    let script = format!(
        "trap 'echo half > \"$SUNWARD_CHECKPOINT/state\"; exit 1' TERM\ntouch {}\n\
         while :; do sleep 0.01; done",
        mark.display()
    );
    let job = scene.job(keeping(&script), Tasks::One);
    scene.start(job);
    scene.await_file(&mark);
    scene.worker.tell(ToWorker::Revoke { run: RunId(1) });
    assert_eq!(kind(scene.ends(1).remove(0)), FailureKind::Cancelled);
    let kept = scene.path("runs/r1/checkpoints/work/0/state");
    assert_eq!(fs::read_to_string(kept).unwrap(), "half\n");
}

#[test]
fn each_task_keeps_its_own_and_who_does_not_ask_keeps_nothing() {
    let mut scene = Scene::new();
    let script =
        "[ -z \"$(ls \"$SUNWARD_CHECKPOINT\")\" ] && touch \"$SUNWARD_CHECKPOINT/x\"; exit 7";
    let job = scene.job(keeping(script), Tasks::Range(2));
    for end in scene.run(job) {
        assert_eq!(kind(end), FailureKind::Exit(7));
    }
    for index in ["0", "1"] {
        assert!(
            scene
                .path("runs/r1/checkpoints/work")
                .join(index)
                .join("x")
                .exists()
        );
    }
    let end = scene.one(shell("[ -z \"${SUNWARD_CHECKPOINT+set}\" ]"));
    assert!(succeeded(&end), "{end:?}");
}

#[test]
fn a_command_that_is_killed_from_outside_is_told_from_one_that_exits() {
    let mut scene = Scene::new();
    assert_eq!(
        scene.failure(shell("kill -SEGV $$")).kind,
        FailureKind::Signal(11)
    );
    assert_eq!(
        scene.failure(shell("kill -KILL $$")).kind,
        FailureKind::Signal(9)
    );
}

#[test]
fn a_timeout_ends_the_whole_family_also_those_that_left_the_group() {
    let mut scene = Scene::new();
    let pids = scene.path("pids");
    let stage = shell(&format!(
        "sleep 1000 & echo $! >> {0}; setsid sh -c 'echo $$ >> {0}; sleep 1000' & sleep 1000",
        pids.display()
    ));
    let begun = || fs::read_to_string(&pids).unwrap_or_default();
    let failure = scene.timed_out(&stage, |_| begun().lines().count() >= 2);
    assert!(
        failure.message.contains("`timeout` of "),
        "{}",
        failure.message
    );
    let pids = begun();
    for pid in pids.lines() {
        assert!(is_gone(pid), "{pid} still runs");
    }
}

#[test]
fn a_command_that_is_deaf_to_sigterm_is_killed() {
    let mut scene = Scene::new();
    let mut stage = shell("trap '' TERM; while :; do sleep 0.05; done");
    stage.timeout_ms = Some(200);
    assert_eq!(scene.failure(stage).kind, FailureKind::Timeout);
}

#[test]
fn a_command_may_tidy_up_when_it_is_asked_to_leave() {
    let mut scene = Scene::with(|options| options.grace = std::time::Duration::from_secs(60));
    // Before its trap is set, the signal ends it.
    let stage = shell("trap 'echo tidied; exit 0' TERM; while :; do sleep 0.02; done");
    scene.timed_out(&stage, |failure| failure.log_tail.ends_with("tidied"));
}

#[test]
fn children_left_in_the_background_do_not_hold_up_and_do_not_survive() {
    let mut scene = Scene::new();
    let end = scene.one(shell("sleep 1000 & echo $!"));
    assert!(succeeded(&end));
    let pid = scene.log_text("work");
    assert!(is_gone(pid.trim()));
}

#[test]
fn a_command_that_closes_its_output_is_still_awaited() {
    let mut scene = Scene::new();
    let marker = scene.path("done");
    let end = scene.one(shell(&format!(
        "exec >&- 2>&-; sleep 0.2; touch {}",
        marker.display()
    )));
    assert!(succeeded(&end) && marker.exists());
}

#[test]
fn standard_input_is_empty() {
    let mut scene = Scene::new();
    assert!(succeeded(&scene.one(argv(&["cat"]))));
    assert_eq!(scene.log_text("work"), "");
}

#[test]
fn a_hundred_megabytes_of_log_keep_their_head_and_their_end() {
    let mut scene = Scene::with(|options| options.log_cap_bytes = 4 << 20);
    let end = scene.one(shell(
        "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last; exit 4",
    ));
    assert_eq!(failure(end).log_tail.lines().last(), Some("last"));
    let text = scene.log_text("work");
    assert!(text.len() < 5 << 20, "{} bytes kept", text.len());
    assert!(text.starts_with("first\n") && text.ends_with("\nlast\n"));
    assert!(text.contains("bytes were cut here"));
}

#[test]
fn terminal_escapes_stay_in_the_log_and_out_of_messages() {
    let mut scene = Scene::new();
    let failure = scene.failure(shell(
        r"printf '\033[31mred\033[0m\033]0;t\007 \000\n'; exit 1",
    ));
    assert_eq!(failure.log_tail, "red");
    assert!(scene.log_text("work").contains("\u{1b}[31m"));
}

#[test]
fn a_log_can_be_followed_while_it_grows() {
    let mut scene = Scene::new();
    let go = scene.path("go");
    let job = scene.job(
        shell(&format!(
            "echo begun; while [ ! -e {} ]; do sleep 0.01; done",
            go.display()
        )),
        Tasks::One,
    );
    scene.start(job);
    let log = scene.log("work", "0.1.log");
    scene.await_file(&log);
    while fs::read(&log).unwrap().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(scene.log_text("work"), "begun\n");
    fs::write(go, "").unwrap();
    assert!(succeeded(&scene.ends(1)[0]));
}

#[test]
fn secrets_reach_the_command_and_no_log_or_message() {
    let mut scene = Scene::with(|options| {
        options.host = [("PATH", "/usr/bin:/bin"), ("TOKEN", "s3cret value")]
            .into_iter()
            .collect();
    });
    let mut stage =
        shell("echo \"got $TOKEN\"; test \"$TOKEN\" = 's3cret value' || exit 9; exit 1");
    stage.secrets = vec!["TOKEN".into()];
    let failure = scene.failure(stage);
    assert_eq!(
        (failure.kind, &*failure.log_tail),
        (FailureKind::Exit(1), "got ***")
    );
    assert_eq!(scene.log_text("work"), "got ***\n");
    let mut stage = shell("true");
    stage.secrets = vec!["ABSENT".into()];
    let failure = scene.failure(stage);
    assert_eq!(failure.kind, FailureKind::Input);
    assert!(
        failure.message.contains("export ABSENT"),
        "{}",
        failure.message
    );
}

#[test]
fn the_environment_is_what_is_promised_and_nothing_else() {
    let mut scene = Scene::with(|options| {
        options.host = [
            ("PATH", "/usr/bin:/bin"),
            ("HOME", "/home/someone"),
            ("LANG", "nl_NL.UTF-8"),
            ("LD_PRELOAD_NOT", "x"),
            ("TRACEPARENT", "00-1-2-01"),
        ]
        .into_iter()
        .collect::<Host>();
    });
    let mut stage = support::giving(
        shell("env > ${{ outputs.o }}; test \"$TMPDIR\" -ef ../tmp"),
        "o",
        sunward_workflows::OutputFormat::File,
    );
    stage
        .env
        .insert("K".into(), Template::new("v ${{ run.name }} ${{ run.id }}"));
    let result = support::result(scene.one(stage));
    let text = String::from_utf8(support::bytes(&scene.store, &result.ports[0])).unwrap();
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| {
            !["PWD=", "SHLVL=", "_=", "OLDPWD="]
                .iter()
                .any(|own| line.starts_with(own))
        })
        .collect();
    lines.sort_unstable();
    let names: Vec<&str> = lines
        .iter()
        .map(|line| line.split('=').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "HOME",
            "K",
            "LANG",
            "PATH",
            "SUNWARD_ATTEMPT",
            "SUNWARD_OUTPUT_O",
            "SUNWARD_V1",
            "TMPDIR",
            "TRACEPARENT"
        ]
    );
    assert!(lines.contains(&"K=v flow r1") && lines.contains(&"LANG=nl_NL.UTF-8"));
}

#[test]
fn values_from_data_never_become_code() {
    let mut scene = Scene::new();
    let evil = [
        "a b",
        "x; touch pwned",
        "$(touch pwned)",
        "`touch pwned`",
        "it's \"so\"",
        "",
        "*",
    ];
    let items: Vec<Value> = evil.iter().map(|s| Value::String((*s).into())).collect();
    let script = "printf '<%s>' ${{ item }}; printf '<%s>' \"${{ item }}\"; test ! -e pwned";
    let job = scene.job(shell(script), Tasks::Items(items.clone()));
    assert!(scene.run(job).iter().all(succeeded));
    for (index, value) in evil.iter().enumerate() {
        let log = fs::read_to_string(scene.log("work", &format!("{index}.1.log"))).unwrap();
        assert_eq!(log, format!("<{value}><{value}>"));
    }
    let mut stage = argv(&[
        "printf",
        "<%s>",
        "${{ params.all }}",
        "x=${{ params.all[1] }}",
    ]);
    stage.name = "list".into();
    let mut job = scene.job(stage, Tasks::One);
    job.params.insert("all".into(), Value::List(items));
    assert!(succeeded(&scene.run(job)[0]));
    let log = scene.log_text("list");
    assert!(
        log.starts_with("<a b><x; touch pwned><$(touch pwned)>"),
        "{log}"
    );
    assert!(
        log.ends_with("<><*><x=x; touch pwned>"),
        "a list becomes words: {log}"
    );
}

#[test]
fn each_command_finds_a_fresh_empty_folder_with_its_files_read_only() {
    let mut scene = Scene::with(|options| options.cpus = 1);
    fs::write(scene.path("tool.sh"), "echo tool\n").unwrap();
    let mut stage = shell(
        "ls -A; test ! -w tool.sh || test $(id -u) = 0; sh ./tool.sh; touch mine $TMPDIR/mine",
    );
    stage.files = vec!["./tool.sh".into()];
    let job = scene.job(stage, Tasks::Range(3));
    assert!(scene.run(job).iter().all(succeeded));
    for index in 0..3 {
        let log = fs::read_to_string(scene.log("work", &format!("{index}.1.log"))).unwrap();
        assert_eq!(log, "tool.sh\ntool\n");
    }
    assert_eq!(
        fs::read_to_string(scene.path("tool.sh")).unwrap(),
        "echo tool\n"
    );
    let mut stage = shell("true");
    stage.files = vec!["../outside".into()];
    let failure = scene.failure(stage);
    assert_eq!(failure.kind, FailureKind::Input);
    assert!(failure.message.contains("../outside"));
}

#[test]
fn programs_that_cannot_be_started_are_named() {
    let mut scene = Scene::new();
    let failure = scene.failure(argv(&["no-such-program", "x"]));
    assert_eq!(failure.kind, FailureKind::Input);
    assert!(
        failure.message.contains("`no-such-program`")
            && failure.message.contains("PATH=/usr/bin:/bin")
    );
    fs::write(scene.path("text"), "no program").unwrap();
    let failure = scene.failure(argv(&[scene.path("text").to_str().unwrap()]));
    assert!(failure.message.contains("chmod +x"), "{}", failure.message);
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(scene.path("text"), fs::Permissions::from_mode(0o755)).unwrap();
    let failure = scene.failure(argv(&[scene.path("text").to_str().unwrap()]));
    assert!(failure.message.contains("#!/bin/sh"), "{}", failure.message);
    assert_eq!(scene.failure(argv(&[""])).kind, FailureKind::Input);
}

#[test]
fn templates_that_do_not_render_are_the_input_s_fault() {
    let mut scene = Scene::new();
    let failure = scene.failure(shell("echo ${{ params.absent }}"));
    assert_eq!(failure.kind, FailureKind::Input);
    assert!(
        failure.message.contains("params.absent"),
        "{}",
        failure.message
    );
}

#[test]
fn a_task_beyond_its_memory_is_ended_and_told_so() {
    let mut scene = Scene::new();
    let mut stage =
        shell("head -c 300000000 /dev/zero | tail -c 299999999 > /dev/null; sleep 1000");
    stage.resources.memory_bytes = Some(64 << 20);
    stage.retry = Retry {
        scale_memory: Some(2.0),
        ..Retry::default()
    };
    // A program like `tail` releases its memory at its end, so a variable holds it.
    stage.action = shell("x=$(head -c 200000000 /dev/zero | tr '\\0' a); sleep 1000").action;
    let job = scene.job(stage, Tasks::One);
    let mut lease = scene.start(job);
    let failure = failure(scene.ends(1).remove(0));
    assert_eq!(failure.kind, FailureKind::Memory);
    assert!(
        failure.message.contains("64 MiB of `resources.memory`"),
        "{}",
        failure.message
    );
    lease.attempt = 2;
    scene.worker.tell(ToWorker::Lease(lease));
    let second = support::failure(scene.ends(1).remove(0));
    assert!(
        second.message.contains("128 MiB of `resources.memory`"),
        "{}",
        second.message
    );
}

#[test]
fn cancelling_a_run_answers_for_every_task_and_spares_other_runs() {
    let mut scene = Scene::with(|options| options.cpus = 2);
    let begun = scene.path("begun");
    let script = format!("trap '' TERM; touch {}; sleep 1000", begun.display());
    let job = scene.job(shell(&script), Tasks::Range(100));
    scene.start(job);
    scene.await_file(&begun);
    scene.worker.tell(ToWorker::Revoke { run: RunId(1) });
    let ends = scene.ends(100);
    assert!(
        ends.into_iter()
            .all(|end| kind(end) == FailureKind::Cancelled)
    );
    let mut other = scene.job(shell("true"), Tasks::One);
    other.run = RunId(2);
    assert!(succeeded(&scene.run(other)[0]));
    // A task that is leased again after a revocation runs again.
    assert!(succeeded(&scene.one(shell("true"))));
}

#[test]
fn a_worker_that_is_told_to_stop_kills_and_says_goodbye() {
    let mut scene = Scene::with(|options| options.grace = std::time::Duration::from_secs(1000));
    let pid = scene.path("pid");
    let script = format!(
        "trap '' TERM; echo $$ > {0}.new; mv {0}.new {0}; sleep 1000",
        pid.display()
    );
    let job = scene.job(shell(&script), Tasks::One);
    scene.start(job);
    scene.await_file(&pid);
    scene.worker.tell(ToWorker::Stop);
    while scene.message() != FromWorker::Goodbye {}
    assert!(is_gone(fs::read_to_string(&pid).unwrap().trim()));
    let Scene { worker, home, .. } = scene;
    worker.join();
    let left: Vec<_> = fs::read_dir(home.path().join("scratch"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "only the lock is left: {left:?}");
}

#[test]
fn no_more_tasks_run_at_once_than_there_are_cores() {
    let mut scene = Scene::new();
    let witness = scene.path("witness");
    fs::create_dir(&witness).unwrap();
    let script = format!(
        "touch {0}/$$; n=$(ls {0} | wc -l); sleep 0.005; rm {0}/$$; test $n -le 2",
        witness.display()
    );
    let job = scene.job(shell(&script), Tasks::Range(60));
    assert!(scene.run(job).iter().all(succeeded));
    let mut wide = shell(&script.replace("-le 2", "-le 1"));
    wide.resources.cpus = 64;
    let job = scene.job(wide, Tasks::Range(10));
    assert!(
        scene.run(job).iter().all(succeeded),
        "a task that asks for more gets all"
    );
}

#[test]
fn a_large_task_is_overtaken_by_a_few_small_ones_and_no_more() {
    let mut scene = Scene::new();
    let (go, marks) = (scene.path("go"), scene.path("marks"));
    fs::create_dir(&marks).unwrap();
    let blocker = format!("while [ ! -e {} ]; do sleep 0.01; done", go.display());
    let job = scene.job(shell(&blocker), Tasks::One);
    scene.start(job);
    let mut wide = shell(&format!("ls {} | wc -l", marks.display()));
    wide.name = "wide".into();
    wide.resources.cpus = 2;
    let job = scene.job(wide, Tasks::One);
    scene.start(job);
    let small = shell(&format!("touch {}/${{{{ item }}}}", marks.display()));
    let job = scene.job(small, Tasks::Range(100));
    scene.start(job);
    assert!(scene.ends(16).iter().all(succeeded));
    fs::write(go, "").unwrap();
    assert!(scene.ends(86).iter().all(succeeded));
    assert_eq!(scene.log_text("wide").trim(), "16");
}

#[test]
fn a_lease_of_an_unknown_stage_is_answered() {
    let mut scene = Scene::new();
    let job = scene.job(shell("true"), Tasks::Range(3));
    let mut lease = scene.start(job);
    scene.ends(3);
    lease.stage.0 = 77;
    scene.worker.tell(ToWorker::Lease(lease));
    assert!(
        scene
            .ends(3)
            .into_iter()
            .all(|end| kind(end) == FailureKind::Infrastructure)
    );
    scene.worker.tell(ToWorker::Forget { run: RunId(1) });
    lease.stage.0 = 1;
    scene.worker.tell(ToWorker::Lease(lease));
    assert!(
        scene
            .ends(3)
            .iter()
            .all(|end| matches!(end.outcome, Outcome::Failed(_)))
    );
}

/// Whether a process has ended. A zombie counts as ended.
fn is_gone(pid: &str) -> bool {
    for _ in 0..6000 {
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Err(_) => return true,
            Ok(stat) if stat.contains(") Z ") => return true,
            Ok(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
    false
}
