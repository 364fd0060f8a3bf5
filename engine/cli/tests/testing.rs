//! `sunward test`: workflows with their tests beside them.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::time::{Duration, Instant};

use scene::{Scene, has_ended, names};

const WORKFLOW: &str = "name: squares
params:
  n: { type: int, default: 3, min: 1 }
  with_note: { type: bool, default: true }
stages:
  squares:
    run: |
      awk 'BEGIN { print \"n,root\"; for (i = 1; i <= ${{ params.n }}; i++) print i \",\" sqrt(i) }' > ${{ outputs.s }}
    outputs: { s: { format: csv } }
  note:
    if: ${{ params.with_note }}
    run: echo ${{ params.n }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  each:
    scatter: { over: { range: 2 } }
    run: echo ${{ item }} > ${{ outputs.o }}
    outputs: { o: { format: file, name: \"part ${{ item }}.txt\" } }
outputs: { roots: squares.s, note: note.o, parts: each.o }
";

/// Runs the tests, and returns those that failed with what was wrong.
fn failed(scene: &Scene, tests: &str) -> Vec<(String, String)> {
    scene.file("workflow.test.yaml", format!("tests:\n{tests}"));
    let told = scene.sunward(&["test", "workflow.yaml", "--json"]);
    let answer = told.json();
    let tests = answer["tests"].as_array().unwrap().iter();
    let failed: Vec<(String, String)> = tests
        .filter(|test| test["passed"] == false)
        .map(|test| {
            let problems = test["problems"].as_array().unwrap().iter();
            let problems: Vec<&str> = problems.map(|one| one.as_str().unwrap()).collect();
            let name = test["name"].as_str().unwrap().to_owned();
            (name, problems.join("; "))
        })
        .collect();
    told.expect(i32::from(!failed.is_empty()));
    failed
}

#[test]
fn what_is_as_expected_passes() {
    let scene = Scene::with(WORKFLOW);
    scene.file("expected/roots.csv", "n,root\n1,1\n2,1.4142136\n");
    scene.file("expected/parts/part 0.txt", "0\n");
    scene.file("expected/parts/part 1.txt", "1\n");
    let tests = "
  by value: { params: { n: 2 }, expect: { outputs: { roots: { equals: ./expected/roots.csv, tolerance: 1.0e-3, rows: 2 } } } }
  by text: { expect: { outputs: { note: { text: \"3\\n\" } }, ran: { squares: 1, each: 2 } } }
  by folder: { expect: { outputs: { parts: { equals: ./expected/parts } } } }
  skipped: { params: { with_note: false }, expect: { skipped: note } }
  refused: { params: { n: 0 }, expect: { exit: 2, says: below the minimum } }
  energy: { options: [-j, 1], expect: { max_kwh: 1 } }
";
    assert_eq!(failed(&scene, tests), []);
    assert!(
        !scene.path().join(".sunward").exists(),
        "a test leaves nothing"
    );
}

#[test]
fn what_differs_fails_with_the_difference() {
    let scene = Scene::with(WORKFLOW);
    scene.file("roots.csv", "n,root\n1,1\n2,1.5\n");
    scene.file("names.csv", "n,square\n1,1\n");
    scene.file("note.txt", "4\n");
    scene.file("parts/part 0.txt", "0\n");
    scene.file("parts/part 2.txt", "2\n");
    scene.file("kinds/part 0.txt/inner", "");
    scene.file("kinds/part 1.txt", "1\n");
    for (expect, says) in [
        (
            "outputs: { roots: { equals: ./roots.csv, tolerance: 0.01 } }",
            "roots: expected 2 rows, found 3; roots: row 2, root: expected 1.5, found 1.41421",
        ),
        (
            "outputs: { roots: { equals: ./names.csv } }",
            "expected columns n, square, found n, root",
        ),
        (
            "outputs: { roots: { rows: 9 } }",
            "expected 9 rows, found 3",
        ),
        ("outputs: { note: { rows: 1 } }", "it is not a table"),
        (
            "outputs: { note: { equals: ./note.txt } }",
            "line 1: expected \"4\", found \"3\"",
        ),
        (
            "outputs: { note: { text: no } }",
            "expected the text \"no\", found \"3\\n\"",
        ),
        (
            "outputs: { note: { digest: abc } }",
            "expected the digest abc, found ",
        ),
        (
            "outputs: { parts: { equals: ./parts } }",
            "parts: part 1.txt is not expected; parts: part 2.txt is missing",
        ),
        (
            "outputs: { roots: { equals: ./none.csv } }",
            "./none.csv does not exist",
        ),
        (
            "outputs: { note: { snapshot: ./s.txt } }",
            "`sunward test --update` writes it",
        ),
        (
            "skipped: note",
            "note: expected to be skipped, found the stage note succeeded",
        ),
        ("skipped: [each]", "each: expected to be skipped"),
        (
            "outputs: { parts: { equals: ./note.txt } }",
            "./note.txt is a file, and the output is a folder",
        ),
        (
            "outputs: { note: { equals: ./parts } }",
            "./parts is a folder, and the output is a file",
        ),
        (
            "outputs: { parts: { equals: ./kinds } }",
            "part 0.txt is a file; expected a folder",
        ),
        (
            "ran: { each: 3 }",
            "each: expected 3 tasks to run, and 2 did",
        ),
        ("exit: 1", "expected exit 1, found 0"),
        ("says: hello", "expected a message with `hello`"),
        ("max_kwh: 0", "max_kwh: expected at most 0, found"),
        ("max_gco2e: 1", "give a grid"),
    ] {
        let found = failed(&scene, &format!("  it: {{ expect: {{ {expect} }} }}\n"));
        assert_eq!(found.len(), 1, "{expect}");
        assert!(found[0].1.contains(says), "{expect}: {}", found[0].1);
    }
}

#[test]
fn results_are_written_for_ci_and_mistakes_of_the_test_file_are_told() {
    let scene = Scene::with(WORKFLOW);
    scene.file(
        "workflow.test.yaml",
        "tests:\n  one <&>: { expect: { exit: 0 } }\n  two: { expect: { exit: 1 } }\n",
    );
    let all = ["test", "workflow.yaml", "--junit", "results.xml"];
    let told = scene.sunward(&all).expect(1).out;
    assert!(told.contains("2 tests, 1 failed"), "{told}");
    let xml = scene.text("results.xml");
    for part in [
        "tests=\"2\" failures=\"1\"",
        "name=\"one &lt;&amp;&gt;\"",
        "<failure message=\"expected exit 1, found 0\">",
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    let only = ["test", "workflow.yaml", "--only", "one"];
    scene.sunward(&only).expect(0);
    let none = ["test", "workflow.yaml", "--only", "three"];
    let told = scene.sunward(&none).expect(2).err;
    assert!(told.contains("its tests are: one <&>; two"), "{told}");
    scene.file("workflow.test.yaml", "tests: { a: { expects: {} } }\n");
    let told = scene.sunward(&["test", "workflow.yaml"]).expect(2).err;
    assert!(told.contains("did you mean `expect`?"), "{told}");
    std::fs::remove_file(scene.path().join("workflow.test.yaml")).unwrap();
    let told = scene.sunward(&["test", "workflow.yaml"]).expect(2).err;
    assert!(told.contains("workflow.test.yaml does not exist"), "{told}");
}

#[test]
fn tables_are_equal_by_what_their_columns_hold() {
    let typed = "schema: { id: utf8, x: float64, n: uint64, d: \"decimal128(30, 2)\" }";
    let workflow = |schema: &str| {
        format!(
            "name: copies
params: {{ csv: {{ type: path, default: ./found.csv }} }}
stages:
  it:
    inputs: {{ t: {{ from: params.csv, as: file }} }}
    run: \"cat ${{{{ inputs.t }}}} > ${{{{ outputs.o }}}}\"
    outputs: {{ o: {{ format: csv, {schema} }} }}
outputs: {{ o: it.o }}
"
        )
    };
    let scene = Scene::new();
    for (schema, tolerance, expected, found, says) in [
        ("", "0", "a,b\n007,1\n", "a,b\n7,1\n", "row 1, a"),
        (
            "",
            "0",
            "a\n9007199254740993\n",
            "a\n9007199254740992\n",
            "row 1, a",
        ),
        (
            "",
            "0",
            "a\n18446744073709551615\n",
            "a\n18446744073709551614\n",
            "row 1, a",
        ),
        ("", "0", "a,b\n1.50,1e3\n", "a,b\n1.5,1000\n", ""),
        (
            "",
            "1.0e-9",
            "a\ninf\n1.5\n",
            "a\n5\n1.5\n",
            "row 1, a: expected inf",
        ),
        ("", "1.0e-9", "a\n5\n1.5\n", "a\ninf\n1.5\n", "row 1, a"),
        (
            "",
            "0",
            "a,b\n",
            "c,d,e\n",
            "expected columns a, b, found c, d, e",
        ),
        ("", "0", "a,b\nx,\n", "a,b\nx,\"\"\n", ""),
        (
            typed,
            "0",
            "id,x,n,d\n1e3,0.5,1,1.5\n",
            "id,x,n,d\n1e3,5e-1,1,1.50\n",
            "",
        ),
        (
            typed,
            "1",
            "id,x,n,d\n1e3,1,1,1\n",
            "id,x,n,d\n1000,1,1,1\n",
            "row 1, id",
        ),
        (
            typed,
            "0",
            "id,x,n,d\n7,x,1,1\n",
            "id,x,n,d\n7,1,1,1\n",
            "row 1, x: expected x",
        ),
        (
            typed,
            "0",
            "id,x,n,d\n7,1,18446744073709551615,1\n",
            "id,x,n,d\n7,1,18446744073709551614,1\n",
            "row 1, n",
        ),
        (
            typed,
            "0",
            "id,x,n,d\n7,1,1,9007199254740993.01\n",
            "id,x,n,d\n7,1,1,9007199254740993.02\n",
            "row 1, d",
        ),
    ] {
        scene.file("workflow.yaml", workflow(schema));
        scene.file("found.csv", found);
        scene.file("expected.csv", expected);
        let test = format!(
            "  it: {{ expect: {{ outputs: {{ o: {{ equals: ./expected.csv, tolerance: {tolerance} }} }} }} }}\n"
        );
        let told = failed(&scene, &test);
        let told: Vec<&str> = told.iter().map(|(_, problem)| problem.as_str()).collect();
        match says {
            "" => assert_eq!(told, <[&str; 0]>::default(), "{expected} {found}"),
            says => assert!(
                told.len() == 1 && told[0].contains(says),
                "{expected} {found}: {told:?}"
            ),
        }
    }
}

#[test]
fn names_and_options_of_tests_are_checked() {
    let scene = Scene::with(WORKFLOW);
    for (test, says) in [
        (
            "expect: { outputs: { rots: { rows: 1 } } }",
            "did you mean `roots`?",
        ),
        ("expect: { skipped: [nots] }", "did you mean `note`?"),
        ("expect: { ran: { eachh: 1 } }", "did you mean `each`?"),
        ("params: { m: 3 }, expect: { exit: 0 }", "no parameter `m`"),
        (
            "expect: { outputs: { parts: { text: '' } } }",
            "is a folder, which has no text",
        ),
        (
            "options: [--bogus], expect: { exit: 2 }",
            "unexpected argument '--bogus'",
        ),
        ("options: [--out, x], expect: { exit: 0 }", "--out"),
        (
            "expect: { exit: 2, skipped: note }",
            "exit 2 means that nothing ran",
        ),
    ] {
        scene.file(
            "workflow.test.yaml",
            format!("tests: {{ it: {{ {test} }} }}\n"),
        );
        for (verb, file) in [
            ("test", "workflow.yaml"),
            ("test", "workflow.test.yaml"),
            ("check", "workflow.yaml"),
            ("check", "workflow.test.yaml"),
        ] {
            let told = scene.sunward(&[verb, file]).expect(2);
            let told = told.out + &told.err;
            assert!(told.contains(says), "{verb} {test}: {told}");
            assert!(told.contains("workflow.test.yaml:1:"), "{told}");
        }
    }
    scene.file(
        "workflow.test.yaml",
        "tests: { it: { expect: { exit: 0 } } }\n",
    );
    let told = scene
        .sunward(&["check", "workflow.test.yaml"])
        .expect(0)
        .out;
    assert_eq!(told, "workflow.test.yaml: no mistakes\n");
    scene.sunward(&["test", "workflow.test.yaml"]).expect(0);
    for (text, says) in [
        ("", "a test file: `tests:`"),
        ("tests: {}", "there are no tests"),
    ] {
        scene.file("workflow.test.yaml", text);
        let told = scene.sunward(&["test", "workflow.yaml"]).expect(2).err;
        assert!(told.contains(says), "{told}");
    }
    scene.file("lone.test.yaml", "tests: {}");
    let told = scene.sunward(&["check", "lone.test.yaml"]).expect(2).err;
    assert!(told.contains("lone.yaml, which does not exist"), "{told}");
}

#[test]
fn tasks_that_failed_have_run_and_a_used_file_is_all_of_its_stages() {
    let scene = Scene::with(
        "name: outer
params: { bad: { type: bool, default: false } }
stages:
  used: { uses: ./inner.yaml, if: \"${{ not params.bad }}\" }
  moody: { if: \"${{ params.bad }}\", run: exit 3, outputs: { o: { format: file } } }
outputs: { moody: moody.o }
",
    );
    scene.file(
        "inner.yaml",
        "name: inner
stages:
  a: { run: \"echo a > ${{ outputs.o }}\", outputs: { o: { format: file } } }
  b: { scatter: { over: { range: 2 } }, run: \"echo ${{ item }} > ${{ outputs.o }}\", outputs: { o: { format: file } } }
outputs: { a: a.o }
",
    );
    let tests = "
  all: { expect: { ran: { used: 3, used.b: 2, moody: 0 }, skipped: moody } }
  bad: { params: { bad: true }, expect: { exit: 1, ran: { moody: 1 }, skipped: used } }
";
    assert_eq!(failed(&scene, tests), []);
    let tests = "
  all: { expect: { ran: { used: 2 } } }
  none: { params: { bad: true }, expect: { exit: 1, ran: { moody: 0 } } }
  skipped: { params: { bad: true }, expect: { exit: 1, skipped: moody } }
";
    assert_eq!(failed(&scene, tests).len(), 3);
}

/// A workflow that waits, and says so by a file beside it.
const WAITS: &str = "name: waits
params: { long: { type: bool, default: true }, mark: { type: string, default: \"\" } }
stages:
  it:
    if: ${{ params.long }}
    run: echo $$ > ${{ params.mark }}.new; mv ${{ params.mark }}.new ${{ params.mark }}; sleep 600
";

#[test]
fn a_test_has_a_time_limit() {
    let scene = Scene::with(WAITS);
    let mark = scene.path().join("mark").display().to_string();
    let test = format!("  it: {{ params: {{ mark: {mark} }}, timeout: 1s, expect: {{}} }}\n");
    let told = failed(&scene, &test);
    assert!(
        told[0].1.contains("longer than its timeout of 1 s"),
        "{told:?}"
    );
}

#[test]
fn ending_the_tests_ends_their_runs_and_leaves_nothing() {
    for name in ["TERM", "INT", "KILL"] {
        let scene = Scene::with(WAITS);
        let mark = scene.path().join("mark").display().to_string();
        scene.file(
            "workflow.test.yaml",
            format!("tests: {{ first: {{ params: {{ long: false }}, expect: {{}} }}, second: {{ params: {{ mark: {mark} }}, expect: {{}} }}, third: {{ expect: {{}} }} }}\n"),
        );
        std::fs::create_dir(scene.path().join("tmp")).unwrap();
        let command = |args: &[&str]| {
            let mut command = scene.command(args);
            command.env("TMPDIR", scene.path().join("tmp"));
            command
        };
        let mut tests = scene.start_command(command(&["test", "workflow.yaml"]));
        tests.wait_for("mark");
        let task = scene.text("mark");
        tests.signal(name);
        let told = tests.end();
        assert!(told.out.contains("pass  first"), "{name}: {}", told.out);
        let deadline = Instant::now() + Duration::from_secs(120);
        while !has_ended(&task) {
            assert!(Instant::now() < deadline, "{name}: the task goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
        if name == "KILL" {
            let only = ["test", "workflow.yaml", "--only", "first"];
            // The engine of the killed test may still write its last facts.
            while names(&scene, "tmp") != <[String; 0]>::default() {
                assert!(Instant::now() < deadline, "{name}: a folder is left");
                assert!(command(&only).status().unwrap().success());
            }
        } else {
            told.expect(130).says(&[]);
        }
        assert_eq!(names(&scene, "tmp"), <[String; 0]>::default(), "{name}");
    }
}

#[test]
fn a_test_tells_nobody_and_takes_no_settings() {
    let scene = Scene::with(
        "name: told
notify: { command: \"touch told\" }
place: { prefer: carbon, deadline: 24h }
stages: { it: { run: \"echo 1 > ${{ outputs.o }}\", outputs: { o: { format: file } }, expect: { time: 20m, power: 300W } } }
outputs: { o: it.o }
",
    );
    scene.recorded_world();
    scene.file("config.yaml", "grid: ./grid\nzone: DE\n");
    scene.file(
        "workflow.test.yaml",
        "tests:
  plain: { timeout: 1m, expect: { outputs: { o: { text: \"1\\n\" } } } }
  at night: { options: [--grid, ./grid, --zone, DE, --as-of, \"2023-01-09T01:00:00Z\"], timeout: 1m, expect: { max_gco2e: 5 } }
  no grid: { expect: { max_gco2e: 5 } }
",
    );
    let mut command = scene.command(&["test", "workflow.yaml"]);
    command.env("SUNWARD_CONFIG", scene.path().join("config.yaml"));
    let told = scene.start_command(command).end().expect(1).out;
    assert!(
        told.contains("pass  plain") && told.contains("pass  at night"),
        "{told}"
    );
    assert!(
        told.contains("fail  no grid") && told.contains("give a grid"),
        "{told}"
    );
    assert!(!scene.path().join("told").exists());
}

#[test]
fn results_are_shown_even_if_they_cannot_be_written() {
    let scene = Scene::with(WORKFLOW);
    scene.file("workflow.test.yaml", "tests: { it: { expect: {} } }\n");
    let told = scene
        .sunward(&["test", "workflow.yaml", "--junit", "none/j.xml"])
        .expect(2);
    assert!(
        told.err.contains("its folder does not exist"),
        "{}",
        told.err
    );
    assert_eq!(told.out, "", "no test ran");
}
