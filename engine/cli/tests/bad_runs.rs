//! Tasks that misbehave: the run ends as the workflow says, the message has the stage, task,
//! attempt and end of the log, finished work is kept, and other tasks finish.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

fn stage(workflow: &str, stage: &str) -> serde_json::Value {
    let told = Scene::with(workflow).run(&[]).expect(1);
    told.json()["stages"][stage].clone()
}

#[test]
fn a_task_that_exits_non_zero_is_named_with_the_end_of_its_log() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: echo before the storm; echo in the storm >&2; exit 3\n",
    );
    let told = scene.run(&[]).expect(1).says(&["s/0", "3", "in the storm"]);
    assert_eq!(told.json()["status"], "failed");
}

#[test]
fn a_command_that_fails_anywhere_in_a_script_fails_its_task() {
    let scripts = [
        ("bash", "cat nosuchfile | sort; echo end", "failed"),
        ("bash", "false; echo end", "failed"),
        ("bash", "x=$(false); echo end", "failed"),
        ("bash", "echo \\\"$UNSET\\\"; echo end", "failed"),
        ("bash", "if true; then false; fi; echo end", "failed"),
        ("bash", "seq 100000 | head -1; echo end", "failed"),
        ("sh", "false; echo end", "failed"),
        ("sh", "echo \\\"$UNSET\\\"; echo end", "failed"),
        ("bash", "false || echo end", "succeeded"),
        ("bash", "if false; then :; fi; echo end", "succeeded"),
        ("bash", "seq 100000 | sed -n 1p; echo end", "succeeded"),
        ("sh", "false | true; echo end", "succeeded"),
        // These escape, as the documentation says.
        (
            "bash",
            "f() { local x=$(false); }; f; echo end",
            "succeeded",
        ),
        ("bash", "false & wait; echo end", "succeeded"),
    ];
    let stages = scripts.iter().enumerate().map(|(at, (shell, script, _))| {
        format!("  s{at}: {{ shell: {shell}, run: \"{script}\" }}\n")
    });
    let workflow = format!("name: w\nstages:\n{}", stages.collect::<String>());
    let told = Scene::with(&workflow).run(&[]).expect(1);
    for (at, (shell, script, status)) in scripts.iter().enumerate() {
        let stage = &told.json()["stages"][format!("s{at}")];
        let failed = u32::from(*status == "failed");
        assert_eq!(stage["failed"], failed, "{shell}: {script}: {stage}");
    }
}

#[test]
fn siblings_of_a_failed_task_finish_and_dependants_are_skipped() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: test ${{ item }} != 2\n    scatter: { range: 5 }\n  t: { run: [/bin/true], needs: [s] }\n",
    );
    let told = scene.run(&[]).expect(1).says(&["s/2"]);
    let stages = &told.json()["stages"];
    assert_eq!(stages["s"]["ran"], 4, "{stages}");
    assert_eq!(stages["s"]["failed"], 1, "{stages}");
    assert_eq!(stages["t"]["skipped"], 1, "{stages}");
}

#[test]
fn a_tolerated_failure_does_not_stop_what_follows() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: test ${{ item }} != 2 && echo ${{ item }} > ${{ outputs.o }}\n    scatter: { range: 5 }\n    tolerate: 1\n    outputs: { o: { format: file, ext: txt } }\n  t:\n    run: cat ${{ inputs.o }}/* | sort > ${{ outputs.all }}\n    inputs: { o: s.o }\n    outputs: { all: { format: file, ext: txt } }\noutputs: { all: t.all }\n",
    );
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/all.txt"), "0\n1\n3\n4\n");
}

#[test]
fn a_task_that_is_killed_is_told_by_its_signal() {
    let scene = Scene::with("name: w\nstages:\n  s: { run: \"kill -9 $$\" }\n");
    scene.run(&[]).expect(1).says(&["s/0", "signal 9"]);
}

#[test]
fn a_task_that_writes_no_output_is_told_which() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: [/bin/true]\n    outputs: { table: { format: csv } }\n",
    );
    scene.run(&[]).expect(1).says(&["s/0", "table"]);
}

#[test]
fn garbage_where_arrow_was_promised_is_never_read() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: head -c 4096 /dev/urandom > ${{ outputs.t }}\n    outputs: { t: { format: arrow } }\n  u:\n    run: cat ${{ inputs.t }} > ${{ outputs.c }}\n    inputs: { t: s.t }\n    outputs: { c: { format: file } }\n",
    );
    let told = scene.run(&[]).expect(1).says(&["s/0", "Arrow"]);
    assert_eq!(told.json()["stages"]["u"]["skipped"], 1);
}

#[test]
fn another_schema_than_declared_is_refused_at_hand_off() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: \"printf 'a,b\\\\n1,x\\\\n' > ${{ outputs.t }}\"\n    outputs: { t: { format: csv, schema: { a: int64, c: float64 } } }\n",
    );
    scene.run(&[]).expect(1).says(&["s/0", "`c`"]);
}

#[test]
fn a_task_deaf_to_sigterm_is_ended_at_its_timeout_and_retried_as_the_file_says() {
    let workflow = "name: w\nstages:\n  s:\n    run: trap '' TERM; while :; do sleep 0.05; done\n    timeout: 1s\n    retry: { max_attempts: 2, backoff: 0s, on: [timeout] }\n";
    let scene = Scene::with(workflow);
    scene
        .run(&[])
        .expect(1)
        .says(&["s/0", "timeout", "attempt 2"]);
}

#[test]
fn children_left_behind_do_not_outlive_their_task() {
    let scene = Scene::with(
        "name: w\nstages:\n  s: { run: \"(sleep 600 & echo $! > ${{ outputs.pid }})\", outputs: { pid: { format: file, ext: txt } } }\noutputs: { pid: s.pid }\n",
    );
    scene.run(&["--out", "out"]).expect(0);
    let pid = scene.text("out/pid.txt");
    assert!(scene::has_ended(&pid), "still there: {pid}");
}

#[test]
fn a_flood_of_log_is_capped_and_escapes_do_not_reach_the_terminal() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: \"{ yes nothing to see || true; } | head -c 200000000; printf '\\\\033[31mred\\\\033[0m\\\\n'; exit 1\"\n",
    );
    let told = scene.run(&[]).expect(1).says(&["s/0", "red"]);
    assert!(
        !told.err.contains('\u{1b}'),
        "an escape reached the terminal"
    );
    let logs: u64 = walk(&scene.path().join(".sunward/runs"));
    assert!(logs < 100_000_000, "{logs} bytes of log were kept");
}

fn walk(folder: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => walk(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

#[test]
fn values_from_data_never_become_shell_code() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: printf '%s' ${{ item.word }} > ${{ outputs.o }}\n    scatter: { over: words }\n    inputs: { words: ./words.csv }\n    outputs: { o: { format: file, ext: txt } }\n  all:\n    run: for f in ${{ inputs.o }}/*; do cat \"$f\"; echo; done > ${{ outputs.all }}\n    inputs: { o: s.o }\n    outputs: { all: { format: file, ext: txt } }\noutputs: { all: all.all }\n",
    );
    let words = [
        "two words",
        "semi;colon",
        "$(touch pwned)",
        "`id`",
        "it's",
        "a\"b",
        "$HOME",
        "*",
    ];
    let csv: String = words
        .iter()
        .map(|word| format!("\"{}\"\n", word.replace('"', "\"\"")))
        .collect();
    scene.file("words.csv", format!("word\n{csv}"));
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/all.txt"), format!("{}\n", words.join("\n")));
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let scene = Scene::with("name: w\nstages:\n  s: { run: [no-such-program-here, x] }\n");
    scene
        .run(&[])
        .expect(1)
        .says(&["s/0", "no-such-program-here"]);
}

#[test]
fn a_retry_on_an_exit_code_runs_again_and_then_succeeds() {
    let scene = Scene::with(
        "name: w\nparams: { marker: { type: string } }\nstages:\n  s:\n    run: \"test -e ${{ params.marker }} || { touch ${{ params.marker }}; exit 75; }\"\n    retry: { max_attempts: 2, backoff: 0s, on: [{ exit: [75] }] }\n",
    );
    let marker = scene.path().join("marker");
    let param = format!("marker={}", marker.display());
    let told = scene.run(&["-p", &param]).expect(0);
    assert_eq!(told.json()["stages"]["s"]["ran"], 1);
    assert!(marker.exists());
}

#[test]
fn the_count_of_a_failed_stage_is_in_the_json() {
    let counts = stage(
        "name: w\nstages:\n  s: { run: exit 1, scatter: { range: 3 }, cache: false }\n",
        "s",
    );
    assert_eq!(counts["failed"], 3, "{counts}");
    assert_eq!(counts["tasks"], 3, "{counts}");
}

#[test]
fn options_and_settings_are_refused_in_plain_words() {
    let scene = Scene::with("name: w\nstages: { s: { run: [/bin/true] } }\n");
    for (args, says) in [
        (&["-j", "many"][..], "expected a whole number, such as 4"),
        (&["-j", ""], "expected a whole number, such as 4"),
        (&["-j", "99999999999999999999"], "the number is too large"),
        (&["-j", "0"], "0 is less than 1; expected 1 or more"),
        (&["--transfer-kwh-per-gb", "x"], "expected a number"),
    ] {
        let mut all = vec!["run", "workflow.yaml"];
        all.extend(args);
        let told = scene.sunward(&all).expect(2);
        assert!(told.err.contains(says), "{args:?}: {told:?}");
        for internal in ["digit found", "literal", "target type", "is not in"] {
            assert!(!told.err.contains(internal), "{args:?}: {told:?}");
        }
    }
}

#[test]
fn a_stage_that_is_left_out_does_not_stop_the_others() {
    let scene = Scene::with(
        "name: w\nparams: { n: { type: int, default: 1 } }\nstages:\n  a: { run: [/bin/true] }\n  b: { run: [/bin/true], scatter: { range: '${{ params.n }}' } }\n",
    );
    let run = |more: &[&str]| scene.run(&[&["-p", "n=-1"], more].concat());
    run(&[]).expect(2);
    run(&["--until", "a"]).expect(0);
    run(&["--until", "b"])
        .expect(2)
        .says(&["range cannot be -1"]);
}

#[test]
fn the_numbers_of_a_summary_add_up_to_the_number_of_stages() {
    let four = |b: &str| {
        format!(
            "name: w\nparams: {{ n: {{ type: int, default: -1 }}, gone: {{ type: string }} }}\nstages:\n\
             \x20 a: {{ run: 'rm -f ${{{{ params.gone }}}}' }}\n\
             \x20 b: {{ needs: a, {b} }}\n\
             \x20 c: {{ run: 'true', needs: b }}\n\
             \x20 d: {{ run: 'true', if: \"${{{{ params.n > 0 }}}}\" }}\n"
        )
    };
    for (b, code, text) in [
        (
            "run: 'cat ${{ inputs.d }}', inputs: { d: ./data.txt }",
            1,
            "4 stages: 1 succeeded, 1 could not start, 2 skipped",
        ),
        (
            "run: exit 1, scatter: { range: 3 }",
            1,
            "4 stages: 1 succeeded, 1 failed, 2 skipped",
        ),
        ("run: 'true'", 0, "4 stages: 3 succeeded, 1 skipped"),
    ] {
        let world = || {
            let scene = Scene::with(&four(b));
            let data = scene.file("data.txt", "x");
            let gone = format!("gone={}", data.display());
            (scene, gone)
        };
        let (scene, gone) = world();
        let told = scene
            .sunward(&["run", "workflow.yaml", "-p", &gone])
            .expect(code);
        assert!(told.out.contains(text), "{b}: {told:?}");
        assert!(!told.err.contains("/./"), "{b}: {told:?}");
        let hints = told.out.contains("`sunward explain` shows why");
        assert_eq!(hints, code != 0, "{b}: {told:?}");
        let (scene, gone) = world();
        let answer = scene.run(&["-p", &gone]).expect(code).json();
        let summary = answer["summary"].as_object().unwrap();
        let of = |name: &str| summary[name].as_u64().unwrap();
        let parts = summary.keys().filter(|name| *name != "stages");
        assert_eq!(parts.map(|name| of(name)).sum::<u64>(), of("stages"));
        assert_eq!(of("stages"), 4);
        assert_eq!(answer["stages"].as_object().unwrap().len(), 4);
    }
}
