//! What the tasks of a scattered stage wrote has the same shape for any number of tasks, and tables
//! that were written as CSV become one table.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use std::path::Path;

use scene::Scene;

/// A stage `each` with this output, and a stage `all` that reads it as this, and writes what `read`
/// prints.
fn workflow(each: &str, output: &str, (read_as, read): (&str, &str)) -> String {
    format!(
        "name: g
params: {{ n: {{ type: int, default: 1 }} }}
stages:
  each:
    scatter: {{ range: \"${{{{ params.n }}}}\" }}
    inputs: {{ t: {{ from: ./t.csv, as: csv }} }}
    run: |
      {each}
    outputs: {{ o: {output} }}
  all:
    run: |
      {{ {read}; }} > ${{{{ outputs.seen }}}}
    inputs: {{ x: {{ from: each.o{read_as} }} }}
    outputs: {{ seen: {{ format: file, ext: txt }} }}
outputs: {{ o: each.o, seen: all.seen }}
"
    )
}

fn scene(workflow: &str) -> Scene {
    let scene = Scene::with(workflow);
    scene.file("t.csv", "a\n1\n");
    scene
}

/// Runs with this number of tasks, and returns what the second stage saw.
fn seen(scene: &Scene, tasks: usize) -> String {
    let n = format!("n={tasks}");
    scene
        .run(&["-p", &n, "--out", "out", "--format", "csv"])
        .expect(0);
    scene.text("out/seen.txt")
}

#[test]
fn files_and_folders_of_a_scatter_are_a_folder_for_any_number_of_tasks() {
    let list = "cd ${{ inputs.x }}; find . -type f | sort";
    let dir = "mkdir ${{ outputs.o }}; echo ${{ item }} > ${{ outputs.o }}/f";
    let file = "echo ${{ item }} > ${{ outputs.o }}";
    let cases = [
        (file, "{ format: file, ext: txt }", "", ".txt"),
        (file, "{ format: file }", "", ""),
        (dir, "{ format: dir }", "/f", ""),
    ];
    for (each, output, inner, ext) in cases {
        let scene = scene(&workflow(each, output, ("", list)));
        // The order shows that nothing of a run with more tasks stays.
        for tasks in [1, 0, 2, 1] {
            let members = (0..tasks).map(|at| format!("./{at:06}{ext}{inner}\n"));
            assert_eq!(seen(&scene, tasks), members.collect::<String>(), "{output}");
            let folder = scene.path().join("out/o");
            assert!(folder.is_dir(), "{output}, {tasks} tasks");
            assert_eq!(folder.read_dir().unwrap().count(), tasks, "{output}");
            for at in 0..tasks {
                let text = scene.text(&format!("out/o/{at:06}{ext}{inner}"));
                assert_eq!(text, format!("{at}\n"), "{output}");
            }
            assert!(!scene.path().join("out/o.txt").exists());
            let n = format!("n={tasks}");
            let answer = scene.run(&["-p", &n, "--fresh"]).expect(0).json();
            let path = answer["outputs"]["o"]["path"].as_str().expect("a path");
            assert!(Path::new(path).is_dir(), "{output}: {answer}");
            let status = scene.sunward(&["status", "--json"]).expect(0).json();
            let known = &status["run"]["outputs"]["o"];
            assert!(known["path"].is_null(), "{output}: {known}");
        }
    }
}

#[test]
fn parts_of_a_gathered_folder_are_its_files_for_any_number_of_tasks() {
    let scene = scene(
        "name: p
params: { n: { type: int, default: 1 } }
stages:
  each:
    scatter: { range: \"${{ params.n }}\" }
    run: echo ${{ item }} > ${{ outputs.o }}
    outputs: { o: { format: file } }
  list:
    run: \"printf '%s\\n' ${{ inputs.x.parts }} > ${{ outputs.o }}\"
    inputs: { x: each.o }
    outputs: { o: { format: file } }
outputs: { list: list.o }
",
    );
    for tasks in [1, 2] {
        let n = format!("n={tasks}");
        scene.run(&["-p", &n, "--out", "out"]).expect(0);
        let list = scene.text("out/list");
        let last = format!("inputs/x/{:06}\n", tasks - 1);
        assert!(list.ends_with(&last), "{list}");
        assert_eq!(list.lines().count(), tasks, "{list}");
    }
}

/// An input that reads a list of paths as they are gets a folder, whatever the list's length.
#[test]
fn a_list_of_files_is_a_folder_for_any_number_of_files() {
    let scene = Scene::with(
        "name: l
params: { l: { type: list } }
stages:
  s:
    run: ls ${{ inputs.x }} > ${{ outputs.o }}
    inputs: { x: { from: params.l, as: file } }
    outputs: { o: { format: file, ext: txt } }
outputs: { o: s.o }
",
    );
    scene.file("a", "a");
    scene.file("b", "b");
    for (list, seen) in [
        ("[]", ""),
        ("[a]", "000000\n"),
        ("[a, b]", "000000\n000001\n"),
    ] {
        let l = format!("l={list}");
        scene.run(&["-p", &l, "--out", "out"]).expect(0);
        assert_eq!(scene.text("out/o.txt"), seen, "{list}");
    }
}

#[test]
fn tables_of_any_form_and_number_of_tasks_are_one_file() {
    let copy = |form: &str| format!("cp ${{{{ inputs.t }}}} ${{{{ outputs.o }}}} # {form}");
    for form in ["csv", "parquet", "arrow"] {
        let output = format!("{{ format: {form}, schema: {{ a: int64 }} }}");
        let read = (", as: csv", "cat ${{ inputs.x }}");
        let text = workflow(&copy(form), &output, read);
        let scene = scene(&text.replace(
            "from: ./t.csv, as: csv",
            &format!("from: ./t.csv, as: {form}"),
        ));
        for tasks in 0..=2 {
            let expected = format!("a\n{}", "1\n".repeat(tasks));
            assert_eq!(seen(&scene, tasks), expected, "{form}");
            assert_eq!(scene.text("out/o.csv"), expected, "{form}");
        }
    }
}

/// The CSV files of tasks, the type of the whole column, and its cells.
#[test]
fn csv_files_whose_types_differ_are_one_table_with_the_text_of_all() {
    let cases: &[(&[&str], &str)] = &[
        (&["3"], "int64"),
        (&["3", "2.50"], "float64"),
        (&["3", "2.50", "abc"], "utf8"),
        (&["9007199254740993", "0.5"], "utf8"),
        (&["true", "\"x, y\""], "utf8"),
    ];
    for (cells, kind) in cases {
        let items = serde_json::to_string(cells).unwrap();
        let scene = Scene::with(&format!(
            "name: c
stages:
  each:
    scatter: {{ over: {items} }}
    run: \"printf 'c\\n%s\\n' ${{{{ item }}}} > ${{{{ outputs.o }}}}\"
    outputs: {{ o: {{ format: csv }} }}
  all:
    run: cp ${{{{ inputs.x }}}} ${{{{ outputs.o }}}}
    inputs: {{ x: {{ from: each.o, as: csv }} }}
    outputs: {{ o: {{ format: file, ext: txt }} }}
  table:
    run: cp ${{{{ inputs.x }}}} ${{{{ outputs.o }}}}
    inputs: {{ x: {{ from: each.o, as: arrow }} }}
    outputs: {{ o: {{ format: arrow }} }}
outputs: {{ o: each.o, seen: all.o, table: table.o }}
"
        ));
        scene.run(&["--out", "out", "--format", "csv"]).expect(0);
        let whole = format!("c\n{}\n", cells.join("\n"));
        assert_eq!(scene.text("out/o.csv"), whole);
        assert_eq!(scene.text("out/seen.txt"), whole);
        for what in ["table", "each.o"] {
            let shown = scene.sunward(&["show", what, "--json"]).expect(0).json();
            assert_eq!(shown["schema"][0]["type"], *kind, "{cells:?}: {shown}");
            let first = &shown["head"][0]["c"];
            match *kind {
                "utf8" => assert_eq!(first, cells[0], "{shown}"),
                _ => assert_eq!(first.as_f64(), Some(3.0), "{shown}"),
            }
            let one = scene.sunward(&["show", what, "--json", "--head", "1"]);
            let head = &one.expect(0).json()["head"];
            assert_eq!(head.as_array().map(Vec::len), Some(1));
        }
    }
}

/// One output cannot be gathered and another not be written in the format. The others are there.
#[test]
fn an_output_that_cannot_be_written_is_named_and_the_others_are_written() {
    let scene = Scene::with(
        "name: f
stages:
  differ:
    scatter: { over: [n, m] }
    run: \"printf '%s\\n1\\n' ${{ item }} > ${{ outputs.o }}\"
    outputs: { o: { format: csv } }
  words:
    run: \"printf 'w\\nx\\n' > ${{ outputs.o }}\"
    outputs: { o: { format: csv } }
  file:
    run: echo fine > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { a: file.o, bad: differ.o, words: words.o, z: file.o }
",
    );
    for (format, failed) in [("csv", vec!["bad"]), ("netcdf", vec!["bad", "words"])] {
        let args = ["--out", format, "--format", format];
        let told = scene.run(&args).expect(1);
        let answer = told.json();
        for name in ["a", "z"] {
            assert_eq!(scene.text(&format!("{format}/{name}.txt")), "fine\n");
            assert!(answer["outputs"][name]["path"].is_string(), "{answer}");
        }
        for name in failed {
            assert!(
                told.err.contains(&format!("output {name} cannot be")),
                "{told:?}"
            );
            let view = &answer["outputs"][name];
            assert!(view["path"].is_null(), "{view}");
            assert!(
                view["note"]
                    .as_str()
                    .is_some_and(|note| note.contains("not written"))
            );
        }
        for word in ["n: int64", "m: int64", "column `n` is missing"] {
            assert!(told.err.contains(word), "{told:?}");
        }
        assert_eq!(answer["status"], "succeeded");
    }
    assert_eq!(scene.text("csv/words.csv"), "w\nx\n");
}

/// A place that cannot be written is the machine's fault.
#[test]
fn a_place_that_cannot_be_written_does_not_take_the_others_along() {
    let scene = Scene::with(
        "name: f
stages:
  s:
    run: echo fine > ${{ outputs.o }}; mkdir -p ${{ params.f }}/a.txt/in-the-way
    outputs: { o: { format: file, ext: txt } }
params: { f: { type: string } }
outputs: { a: s.o, b: s.o }
",
    );
    let out = scene.path().join("out").display().to_string();
    let told = scene
        .run(&["--out", "out", "-p", &format!("f={out}")])
        .expect(3);
    assert!(told.err.contains("output a cannot be written"), "{told:?}");
    assert_eq!(scene.text("out/b.txt"), "fine\n");
    assert!(told.json()["outputs"]["b"]["path"].is_string());
}

#[test]
fn an_empty_path_is_refused_wherever_a_path_is_expected() {
    let workflow = |param: &str| {
        format!(
            "name: e
params: {{ p: {{ {param} }} }}
stages:
  s:
    run: ls ${{{{ inputs.x }}}} > ${{{{ outputs.o }}}}
    inputs: {{ x: {{ from: params.p, as: file }} }}
    outputs: {{ o: {{ format: file }} }}
"
        )
    };
    let scene = Scene::new();
    scene.file("values.yaml", "p: ''\n");
    scene.file("lists.yaml", "p: [./values.yaml, '']\n");
    let given: [(&str, &[&str]); 7] = [
        ("type: path", &["-p", "p="]),
        ("type: table", &["-p", "p="]),
        ("type: path", &["--params", "values.yaml"]),
        ("type: list", &["-p", "p=['']"]),
        ("type: list", &["-p", "p=[./values.yaml, '']"]),
        ("type: list", &["--params", "lists.yaml"]),
        ("type: path, default: ./values.yaml", &["-p", "p="]),
    ];
    for (param, args) in given {
        scene.file("workflow.yaml", workflow(param));
        for verb in ["run", "plan"] {
            let told = scene.sunward(&[&[verb, "workflow.yaml"], args].concat());
            let told = told.expect(2);
            told.says(&["parameter `p`", "the path is empty"]);
            assert!(!scene.path().join(".sunward").exists());
        }
    }
    for param in [
        "type: path, default: ''",
        "type: list, default: [./values.yaml, '']",
    ] {
        scene.file("workflow.yaml", workflow(param));
        let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
        assert!(told.out.contains("the path is empty"), "{told:?}");
        assert!(told.out.contains("the default of `p`"), "{told:?}");
    }
}

#[test]
fn tasks_that_write_other_columns_are_named() {
    let scene = Scene::with(
        "name: unlike
stages:
  a:
    scatter: { over: { range: 2 } }
    run: printf 'a,b%s\\n1,2\\n' ${{ item }} > ${{ outputs.o }}
    outputs: { o: { format: csv } }
  b:
    inputs: { o: { from: a.o, as: csv } }
    run: cat ${{ inputs.o }}
outputs: { o: a.o }
",
    );
    let told = scene.run(&[]).expect(1).err;
    for words in [
        "task a/1: column `b0` is missing",
        "as in task a/0",
        "every task write",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    for words in ["dataset", "cas/"] {
        assert!(!told.contains(words), "{words}: {told}");
    }
}
