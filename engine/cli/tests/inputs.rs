//! The files that a run opens, and the versions of them that it uses.
#![allow(
    clippy::panic,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should say so and stop"
)]

mod scene;

use std::process::Command;

use scene::Scene;

/// A pipeline of one stage that gets its input `d` unchanged.
fn hand_over(source: &str) -> String {
    format!(
        "name: w\nstages:\n  s:\n    inputs: {{ d: {source} }}\n    run: \"cat ${{{{ inputs.d }}}} > ${{{{ outputs.o }}}}\"\n    outputs: {{ o: {{ format: file, ext: txt }} }}\noutputs: {{ o: s.o }}\n"
    )
}

#[test]
fn what_is_handed_over_as_a_file_is_not_read_as_a_table() {
    // The content of these files does not match their suffix.
    for name in ["x.nc", "x.parquet", "x.arrow", "x.sdf", "x.csv", "x.pdbqt"] {
        let source = format!("{{ from: ./{name}, as: file }}");
        let scene = Scene::with(&hand_over(&source));
        scene.file(name, [0xff, 0xfe, 0, 1, b'"']);
        scene.sunward(&["check", "workflow.yaml"]).expect(0);
        scene.run(&["--out", "out"]).expect(0);
        let param = format!(
            "params: {{ p: {{ type: path, default: ./{name} }} }}\n{}",
            hand_over("{ from: params.p, as: file }")
        );
        scene.file("workflow.yaml", param);
        scene.sunward(&["check", "workflow.yaml"]).expect(0);
        let given = format!("p={name}");
        scene.run(&["-p", &given]).expect(0);
    }
}

/// A parameter of type path gives a command what the same path gives it where it is written: a table as
/// Arrow, and any other file or folder unchanged, whatever the default is.
#[test]
fn a_parameter_of_type_path_is_read_as_its_path_would_be() {
    let scene = Scene::new();
    scene.file("note.txt", "a note\n");
    scene.file("d/in.txt", "in d\n");
    scene.file("t.csv", "a\n1\n");
    let told = "test -d ${{ inputs.d }} && ls ${{ inputs.d }} > ${{ outputs.o }} || head -c 6 ${{ inputs.d }} > ${{ outputs.o }}";
    let text = |source: &str, default: &str| {
        format!(
            "name: w\nparams: {{ p: {{ type: path, default: {default} }} }}\nstages:\n  s:\n    inputs: {{ d: {source} }}\n    run: {told:?}\n    outputs: {{ o: {{ format: file, ext: txt }} }}\noutputs: {{ o: s.o }}\n"
        )
    };
    let files = [
        ("./note.txt", "a note"),
        ("./d", "in.txt\n"),
        ("./t.csv", "ARROW1"),
    ];
    for (default, _) in files {
        for (path, expected) in files {
            scene.file("workflow.yaml", text(path, default));
            assert_eq!(output(&scene, &[]), expected, "{path} as written");
            scene.file("workflow.yaml", text("params.p", default));
            scene.sunward(&["check", "workflow.yaml"]).expect(0);
            let given = format!("p={path}");
            assert_eq!(
                output(&scene, &["-p", &given]),
                expected,
                "{path} in place of {default}"
            );
        }
    }
}

#[test]
fn a_fifo_or_a_device_is_refused_and_never_opened() {
    let scene = Scene::new();
    let fifo = scene.path().join("fifo.csv");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    std::os::unix::fs::symlink("/dev/zero", scene.path().join("zero.csv")).unwrap();
    for name in ["./fifo.csv", "./zero.csv"] {
        for source in [name.to_owned(), format!("{{ from: {name}, as: file }}")] {
            scene.file("workflow.yaml", hand_over(&source));
            let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
            assert!(told.out.contains("it is a"), "{told:?}");
        }
        let text = format!(
            "params: {{ p: {{ type: path }} }}\n{}",
            hand_over("{ from: params.p, as: file }")
        );
        scene.file("workflow.yaml", text);
        let told = scene.run(&["-p", &format!("p={name}")]).expect(2);
        assert!(told.err.contains("it is a"), "{told:?}");
    }
}

#[test]
fn addresses_that_nothing_fetches_are_refused_before_anything_runs() {
    for url in [
        "https://example.org/t.csv",
        "http://x.org/a",
        "gs://b/k.arrow",
    ] {
        let scene = Scene::with(&hand_over(url));
        let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
        assert!(told.out.contains("not fetched"), "{told:?}");
        let text = format!(
            "params: {{ p: {{ type: path }} }}\n{}",
            hand_over("{ from: params.p, as: file }")
        );
        scene.file("workflow.yaml", text);
        let told = scene.run(&["-p", &format!("p={url}")]).expect(2);
        assert!(told.err.contains("not fetched"), "{told:?}");
        assert!(!scene.path().join(".sunward").exists());
    }
}

#[test]
fn mistakes_are_answered_in_json_by_every_verb_that_reads_a_workflow() {
    let scene = Scene::with("name: w\nstages: { s: { rnu: x } }\n");
    let checked = scene
        .sunward(&["check", "workflow.yaml", "--json"])
        .expect(2);
    assert!(checked.out.starts_with('['), "{checked:?}");
    for verb in ["plan", "run", "graph"] {
        let told = scene.sunward(&[verb, "workflow.yaml", "--json"]).expect(2);
        assert_eq!(told.out, checked.out, "{verb}");
    }
}

/// Commands that fail before a workflow is read, or outside of it, with their exit codes.
const FAIL: [(&[&str], u8); 10] = [
    (&["plan", "nofile.yaml"], 2),
    (&["check", "nofile.yaml"], 2),
    (&["run", "workflow.yaml", "-p", "zz=1"], 2),
    (&["run", "workflow.yaml", "--only", "zz"], 2),
    (&["run", "workflow.yaml", "--nonsense"], 2),
    (&["run", "workflow.yaml", "-j", "many"], 2),
    (&["status", "--home", "nowhere"], 2),
    (&["show", "a.nope"], 2),
    (&["logs", "zz"], 2),
    (&["kernels", "zz"], 2),
];

#[test]
fn every_error_is_one_value_of_json() {
    let scene = Scene::with("name: w\nstages: { a: { run: 'true' } }\n");
    scene.run(&[]).expect(0);
    let secret = Scene::with("name: w\nstages: { a: { run: 'true', secrets: [TOKEN] } }\n");
    let missing: (&[&str], u8) = (&["run", "workflow.yaml"], 2);
    let cases = FAIL.iter().map(|case| (&scene, case));
    for (scene, (args, code)) in cases.chain([(&secret, &missing)]) {
        let told = scene.sunward(&[args, &["--json"][..]].concat());
        assert_eq!(told.code, i32::from(*code), "{args:?}: {told:?}");
        let answer = told.json();
        assert_eq!(answer["version"], 1, "{args:?}: {told:?}");
        assert_eq!(answer["error"]["code"], *code, "{args:?}: {told:?}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(told.err.contains(message), "{args:?}: {told:?}");
        assert!(!message.starts_with("error"), "{message}");
        let plain = scene.sunward(args).expect(i32::from(*code));
        assert_eq!(plain.out, "", "{args:?}");
    }
    // A run that has an answer has no other one.
    let fails = Scene::with("name: w\nstages: { a: { run: exit 4 } }\n");
    let told = fails.sunward(&["run", "workflow.yaml", "--json"]).expect(1);
    assert_eq!(told.json()["run"], "r1", "{told:?}");
}

#[test]
fn no_word_of_a_command_line_reaches_the_terminal_as_an_escape() {
    let scene = Scene::with("name: w\nstages: { a: { run: 'true' } }\n");
    scene.run(&[]).expect(0);
    let word = "x\u{1b}[31m.o";
    let assigned = format!("{word}=1");
    for args in [
        &["show", word][..],
        &["docs", word],
        &["logs", word],
        &["explain", word],
        &["kernels", word],
        &["report", word],
        &["run", "workflow.yaml", "--only", word],
        &["run", "workflow.yaml", "-p", &assigned],
        &["run", word],
        &["check", word],
        &["run", "workflow.yaml", "-j", word],
        &["run", "workflow.yaml", "--mode", word],
        &[word],
        &["status", "--home", word],
    ] {
        let told = scene.sunward(args).expect(2);
        for text in [&told.out, &told.err] {
            assert!(!text.contains('\u{1b}'), "{args:?}: {told:?}");
        }
        assert!(told.err.starts_with("error: "), "{args:?}: {told:?}");
    }
}

#[test]
fn a_tab_may_be_written_in_either_quotes() {
    for tab in ["'\\t'", "\"\\t\""] {
        let scene = Scene::with(&format!(
            "name: w\nstages:\n  s:\n    inputs: {{ t: {{ from: ./t.csv, as: csv, delimiter: {tab} }} }}\n    run: \"cut -d, -f 2 ${{{{ inputs.t }}}} > ${{{{ outputs.o }}}}\"\n    outputs: {{ o: {{ format: file, ext: txt }} }}\noutputs: {{ o: s.o }}\n"
        ));
        scene.file("t.csv", "a\tb\n1\t2\n");
        scene.run(&["--out", "out"]).expect(0);
        assert_eq!(scene.text("out/o.txt"), "b\n2\n", "{tab}");
    }
    let scene = Scene::with(
        "name: w\nstages: { s: { run: 'true', inputs: { t: { from: ./t.csv, as: csv, delimiter: x } } } }\n",
    );
    scene.file("t.csv", "a\n");
    scene.sunward(&["check", "workflow.yaml"]).expect(2);
}

#[test]
fn check_refuses_what_a_run_would_refuse_of_its_files() {
    for (workflow, csv, word) in [
        (
            "params: { f: { type: path, default: ./nofile } }\nstages: { s: { run: \"cat ${{ params.f }}\" } }\n",
            "",
            "./nofile does not exist",
        ),
        (
            "stages: { s: { run: 'true', inputs: { t: { from: ./t.csv, as: csv, schema: { a: int64 } } } } }\n",
            "a\n1\n1.5\n",
            "`int64`",
        ),
        (
            "stages: { s: { run: 'true', inputs: { t: { from: ./t.csv, as: csv, schema: { a: 'decimal128(5, 2)' } } } } }\n",
            "a\n1.555\n",
            "`decimal128(5, 2)`",
        ),
        (
            "stages: { s: { run: 'true', inputs: { t: { from: ./t.csv, schema: { a: 'timestamp[us]' } } } } }\n",
            "a\nyesterday\n",
            "timestamp[us]",
        ),
    ] {
        let scene = Scene::with(&format!("name: w\n{workflow}"));
        scene.file("t.csv", csv);
        for verb in ["check", "plan", "run"] {
            let told = scene.sunward(&[verb, "workflow.yaml"]).expect(2);
            let said = [told.out.as_str(), told.err.as_str()].concat();
            assert!(said.contains(word), "{verb}: {told:?}");
        }
    }
}

#[test]
fn a_missing_secret_is_told_before_anything_runs() {
    let scene = Scene::with(
        "name: w\nstages:\n  a: { run: touch ran }\n  b: { needs: a, run: \"true\", secrets: [TOKEN, OTHER] }\n",
    );
    let told = scene.run(&[]).expect(2);
    assert!(told.err.contains("export TOKEN"), "{told:?}");
    assert!(told.err.contains("export OTHER"), "{told:?}");
    assert!(!scene.path().join(".sunward").exists(), "nothing ran");
    scene.run(&["--until", "a"]).expect(0);
}

#[test]
fn a_command_in_a_variable_is_known_when_its_task_starts() {
    let scene = Scene::with(
        "name: w\nparams: { p: { type: choice, choices: [sed, cat], default: cat } }\nstages:\n  named: { scatter: [1e touch hit], env: { T: inherit }, run: \"$T ${{ item }} /etc/hostname\" }\n  chosen: { scatter: [-e1e touch hit], env: { P: \"${{ params.p }}\" }, run: \"$P -n p ${{ item }} /etc/hostname || :\" }\n",
    );
    let run = |tool: &str, words: &[&str]| {
        let mut command = scene.command(&["run", "workflow.yaml"]);
        let output = command.args(words).env("T", tool).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), told)
    };
    let (ok, told) = run("sed", &["--only", "named"]);
    assert!(!ok && told.contains("text is not allowed"), "{told}");
    let (ok, told) = run("echo", &["--only", "named"]);
    assert!(ok, "{told}");
    let (ok, told) = run("echo", &["--only", "chosen", "-p", "p=sed"]);
    assert!(!ok && told.contains("begins with `-`"), "{told}");
    let (ok, told) = run("echo", &["--only", "chosen"]);
    assert!(ok, "{told}");
}

#[test]
fn an_inherited_variable_reaches_the_command_and_counts_in_its_key() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    env: { PROJ_DATA: inherit, PLAIN: inherited }\n    run: \"echo $PROJ_DATA $PLAIN > ${{ outputs.o }}\"\n    outputs: { o: { format: file, ext: txt } }\noutputs: { o: s.o }\n",
    );
    let told = scene.run(&[]).expect(2);
    assert!(told.err.contains("PROJ_DATA is not set"), "{told:?}");
    let run = |value: &str| {
        let mut command = scene.command(&["run", "workflow.yaml", "--out", "out"]);
        let output = command.env("PROJ_DATA", value).output().expect("a run");
        assert!(output.status.success(), "{output:?}");
        scene.text("out/o.txt")
    };
    assert_eq!(run("/one"), "/one inherited\n");
    assert_eq!(run("/two ${{ 1 + 1 }}"), "/two ${{ 1 + 1 }} inherited\n");
    assert_eq!(run("/one"), "/one inherited\n");
}

#[test]
fn tasks_whose_tables_differ_are_the_users_fault_and_both_are_named() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    scatter: { over: [n, m] }\n    run: \"printf '%s\\n1\\n' ${{ item }} > ${{ outputs.o }}\"\n    outputs: { o: { format: csv } }\noutputs: { o: s.o }\n",
    );
    let told = scene.run(&["--out", "out", "--format", "csv"]);
    assert!(matches!(told.code, 1 | 2), "{told:?}");
    assert!(told.err.contains("n: int64"), "{told:?}");
    assert!(told.err.contains("m: int64"), "{told:?}");
}

/// Runs the pipeline and returns the content of its output `o`, or of the first file in it if it is
/// a folder.
fn output(scene: &Scene, args: &[&str]) -> String {
    scene.run(&[args, &["--out", "out"]].concat()).expect(0);
    match scene.path().join("out/o").is_dir() {
        true => scene.text("out/o/000000.txt"),
        false => scene.text("out/o.txt"),
    }
}

#[test]
fn what_values_name_is_read_anew_when_it_has_changed() {
    let stage = |more: &str, run: &str| {
        format!(
            "name: w\n{more}\n    run: {run}\n    outputs: {{ o: {{ format: file, ext: txt }} }}\noutputs: {{ o: s.o }}\n"
        )
    };
    let param = |kind: &str, default: &str, rest: &str| {
        format!("params: {{ f: {{ type: {kind}, default: {default} }} }}\nstages:\n  s:{rest}")
    };
    let scene = Scene::new();
    let absolute = scene.path().join("d1.txt").display().to_string();
    let cat = r#""cat ${{ params.f }} > ${{ outputs.o }}""#;
    let lists = r#""cat ${{ params.f }} > ${{ outputs.o }}""#;
    let cases = [
        stage(&param("path", "./d1.txt", ""), cat),
        stage(&param("path", &absolute, ""), cat),
        stage(&param("list", "[./d1.txt, ./d1.txt]", ""), lists),
        stage(
            &param("path", "./folder", ""),
            r#""cat ${{ params.f }}/x/d.txt > ${{ outputs.o }}""#,
        ),
        stage(
            &param("path", "./d1.txt", "\n    env: { F: \"${{ params.f }}\" }"),
            r#""cat $F > ${{ outputs.o }}""#,
        ),
        stage(
            &param("path", "./d1.txt", ""),
            r#"[cp, "${{ params.f }}", "${{ outputs.o }}"]"#,
        ),
        stage(
            &format!("stages:\n  s:\n    scatter: {{ over: [\"{absolute}\"] }}"),
            r#""cat ${{ item }} > ${{ outputs.o }}""#,
        ),
        stage(
            "stages:\n  s:\n    scatter: { over: [{ p: ./d1.txt, n: 1 }] }",
            r#""cat ${{ item.p }} > ${{ outputs.o }}""#,
        ),
        stage(
            "stages:\n  s:\n    matrix: { p: [./d1.txt] }",
            r#""cat ${{ matrix.p }} > ${{ outputs.o }}""#,
        ),
        stage(
            "stages:\n  s:\n    inputs: { t: ./t.csv }\n    scatter: { over: t }",
            r#""cat ${{ item.p }} > ${{ outputs.o }}""#,
        ),
    ];
    for (number, text) in cases.iter().enumerate() {
        let case = Scene::with(&text.replace(
            &absolute,
            &scene.path().join("d1.txt").display().to_string(),
        ));
        case.file("t.csv", "p,n\n./d1.txt,1\n");
        let write = |content: &str| {
            for name in ["d1.txt", "folder/x/d.txt"] {
                case.file(name, content);
            }
            scene.file("d1.txt", content);
        };
        let twice = if text.contains("[./d1.txt, ./d1.txt]") {
            2
        } else {
            1
        };
        write("one\n");
        assert_eq!(
            output(&case, &[]),
            "one\n".repeat(twice),
            "case {number}: {text}"
        );
        // The size is equal, and the time may be, because the file system's clock is coarse.
        write("two\n");
        assert_eq!(
            output(&case, &[]),
            "two\n".repeat(twice),
            "case {number}: {text}"
        );
        write("one\n");
        let told = case.run(&[]).expect(0);
        assert!(told.out.contains("\"cached\":1"), "case {number}: {told:?}");
    }
}

#[test]
fn a_file_that_a_variable_names_is_staged_and_counts() {
    let scene = Scene::with(
        "name: w\ndefaults: { env: { MORE: ./more.txt } }\nstages:\n  s: { env: { F: \"./d/x y.txt\" }, run: 'cat \"$F\" \"$MORE\" > ${{ outputs.o }}', outputs: { o: { format: file, ext: txt } } }\noutputs: { o: s.o }\n",
    );
    scene.file("d/x y.txt", "one\n");
    scene.file("more.txt", "more\n");
    assert_eq!(output(&scene, &[]), "one\nmore\n");
    scene.file("d/x y.txt", "two\n");
    scene.file("more.txt", "more of it\n");
    assert_eq!(output(&scene, &[]), "two\nmore of it\n");
}

#[test]
fn a_command_cannot_change_the_file_that_a_param_names() {
    let scene = Scene::with(
        "name: w\nparams: { f: { type: path, default: ./d.txt } }\nstages:\n  s:\n    run: \"touch ${{ params.f }}.fai; basename ${{ params.f }} > ${{ outputs.o }}\"\n    outputs: { o: { format: file, ext: txt } }\noutputs: { o: s.o }\n",
    );
    scene.file("d.txt", "d");
    assert_eq!(output(&scene, &[]), "d.txt\n");
    assert!(!scene.path().join("d.txt.fai").exists());
}

#[test]
fn words_outside_the_task_are_told_with_their_place_and_stop_nothing() {
    let scene = Scene::new();
    let root = scene.path().display().to_string();
    for made in ["home/x.csv", "w/d/a.csv", "w/other.csv", "data.txt"] {
        scene.file(made, "x");
    }
    let checked = |stage: &str| {
        let text = format!("name: w\nstages:\n  s:\n{stage}");
        let file = scene.file("w/workflow.yaml", text).display().to_string();
        let home = format!("{root}/home");
        let told = scene
            .command(&["check", &file])
            .env("HOME", &home)
            .output()
            .unwrap();
        assert_eq!(told.status.code(), Some(0), "{stage}: {told:?}");
        String::from_utf8(told.stdout).unwrap()
    };
    let data = format!("{root}/data.txt");
    for (stage, word, column) in [
        (
            format!("    run: 'cat {data} /no/such/file.txt'\n"),
            data.clone(),
            15,
        ),
        (
            format!("    run: 'wc {root}/d*.txt'\n"),
            format!("{root}/d*.txt"),
            14,
        ),
        (
            "    run: 'cat ~/x.csv ~/no.csv'\n".into(),
            "~/x.csv".into(),
            15,
        ),
        (
            "    run: 'cat \"$HOME/x.csv\"'\n".into(),
            "$HOME/x.csv".into(),
            16,
        ),
        (
            "    run: 'cat ${HOME}/x.csv'\n".into(),
            "${HOME}/x.csv".into(),
            15,
        ),
        (
            "    run: 'cat ../data.txt ../no.txt'\n".into(),
            "../data.txt".into(),
            15,
        ),
        (
            "    run: 'cat ./d/*.csv ./e/*.csv'\n".into(),
            "./d/*.csv".into(),
            15,
        ),
        (format!("    run: [cat, '{data}']\n"), data.clone(), 17),
        (
            format!("    run: env\n    env: {{ REF: {data} }}\n"),
            data.clone(),
            17,
        ),
    ] {
        let told = checked(&stage);
        assert_eq!(told.matches("SW0506").count(), 1, "{stage}: {told}");
        assert!(
            told.contains(&format!("warning[SW0506]: {word} ")),
            "{stage}: {told}"
        );
        assert!(told.contains(&format!(":{column}\n")), "{stage}: {told}");
    }
    for stage in [
        "    run: 'cat ./d/a.csv ./d ./d/*.csv'\n".to_owned(),
        "    run: 'cat ./d/*.csv'\n    files: [d]\n".to_owned(),
        format!("    run: 'cat {data}'\n    inputs: {{ d: {{ from: {data}, as: file }} }}\n"),
        format!("    run: env\n    env: {{ PATH: '{root}/home:/usr/bin:/bin' }}\n"),
        "    run: 'mkdir d; cd d; cat ../data.txt'\n".to_owned(),
        "    run: cat /dev/null /etc/passwd; sort -T /tmp; /usr/bin/env\n".to_owned(),
        "    run: \"sed '/^#/d' x; sed 's/a/../' x; sed -n '/root/,/home/p'\"\n".to_owned(),
        "    run: \"awk '/root/ { print a / b }' x; awk '/home/' x; grep '/*' x\"\n".to_owned(),
        "    run: \"curl https://example.org/tmp/x; cat ${D}/tmp # ~/x.csv\"\n".to_owned(),
    ] {
        let told = checked(&stage);
        assert!(!told.contains("SW0506"), "{stage}: {told}");
    }
}

#[test]
fn a_script_that_is_not_beside_the_workflow_is_refused_before_anything_runs() {
    let scene = Scene::with("name: w\nstages: { s: { run: \"set -x; sh ./gone.sh\" } }\n");
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
    assert!(
        told.out.contains("SW0501") && told.out.contains(":2:33"),
        "{told:?}"
    );
    scene.file("gone.sh", "true\n");
    scene.run(&[]).expect(0);
    scene.file(
        "workflow.yaml",
        "name: w\nstages: { s: { run: \"echo true > made.sh; sh ./made.sh\" } }\n",
    );
    scene.run(&[]).expect(0);
}

#[test]
fn a_script_that_changes_between_start_and_stage_is_not_run_under_the_old_key() {
    // A file, a folder and a param's file. The first stage changes them.
    for (files, run, change) in [
        ("", "sh ./s.sh", "s.sh"),
        ("files: [./lib], ", "sh lib/x.sh", "lib/x.sh"),
        ("", "sh ${{ params.f }}", "s.sh"),
    ] {
        let scene = Scene::new();
        let path = scene.path().join(change).display().to_string();
        scene.file(
            "workflow.yaml",
            format!(
                "name: w\nparams: {{ f: {{ type: path, default: ./s.sh }}, edit: {{ type: bool, default: false }} }}\nstages:\n  p: {{ run: \"if [ ${{{{ params.edit }}}} = true ]; then echo echo edited > {path}; fi\", cache: false }}\n  a: {{ {files}run: \"{run} > ${{{{ outputs.o }}}}\", needs: p, outputs: {{ o: {{ format: file, ext: txt }} }} }}\noutputs: {{ o: a.o }}\n"
            ),
        );
        let put_back = || {
            scene.file("s.sh", "echo first\n");
            scene.file("lib/x.sh", "echo first\n");
        };
        put_back();
        let told = scene.run(&["-p", "edit=true"]);
        assert!(
            told.code == 1 && told.err.contains("changed since the run began"),
            "{run}: {told:?}"
        );
        put_back();
        assert_eq!(output(&scene, &[]), "first\n", "{run}");
    }
}

#[test]
fn one_run_reads_one_version_of_a_data_file() {
    let scene = Scene::new();
    let path = scene.path().join("d.csv").display().to_string();
    let workflow = |as_file: &str| {
        format!(
            "name: w\nstages:\n  a: {{ inputs: {{ d: {{ from: ./d.csv, as: csv }} }}, run: \"cat ${{{{ inputs.d }}}} > ${{{{ outputs.o }}}}; printf 'n\\n2\\n' > {path}\", cache: false, outputs: {{ o: {{ format: file, ext: txt }} }} }}\n  b: {{ needs: a, inputs: {{ d: {{ from: ./d.csv, as: {as_file} }} }}, run: \"cat ${{{{ inputs.d }}}} > ${{{{ outputs.o }}}}\", cache: false, outputs: {{ o: {{ format: file, ext: txt }} }} }}\noutputs: {{ a: a.o, o: b.o }}\n"
        )
    };
    scene.file("workflow.yaml", workflow("csv"));
    scene.file("d.csv", "n\n1\n");
    assert_eq!(output(&scene, &[]), "n\n1\n", "the first version goes on");
    assert_eq!(scene.text("out/a.txt"), "n\n1\n");
    scene.file("workflow.yaml", workflow("file"));
    scene.file("d.csv", "n\n1\n");
    let told = scene.run(&[]).expect(1);
    assert!(told.err.contains("changed since this run"), "{told:?}");
}
