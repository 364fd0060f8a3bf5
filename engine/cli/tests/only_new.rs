//! Only what is new runs: the key of a task is made of its own row, slice or part.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

/// Runs, and returns how many tasks of a stage ran and how many came from the cache.
fn ran(scene: &Scene, stage: &str) -> (u64, u64) {
    let answer = scene.run(&["--out", "out"]).expect(0).json();
    let stage = &answer["stages"][stage];
    (
        stage["ran"].as_u64().unwrap(),
        stage["cached"].as_u64().unwrap(),
    )
}

fn by_row(command: &str) -> String {
    format!(
        "name: sheet
stages:
  each:
    inputs: {{ sheet: ./sheet.csv }}
    scatter: {{ over: sheet }}
    run: |
      {command} > ${{{{ outputs.o }}}}
    outputs: {{ o: {{ format: file, ext: txt }} }}
  all:
    run: cat ${{{{ inputs.x }}}}/* > ${{{{ outputs.o }}}}
    inputs: {{ x: each.o }}
    outputs: {{ o: {{ format: file, ext: txt }} }}
outputs: {{ o: all.o }}
"
    )
}

/// The sheet after each edit, and how many tasks run after it.
const EDITS: &[(&str, &str, u64)] = &[
    ("two rows", "name,n,note\na,1,x\nb,2,y\n", 2),
    ("a row at the end", "name,n,note\na,1,x\nb,2,y\nc,3,z\n", 1),
    (
        "a row at the front",
        "name,n,note\nd,4,w\na,1,x\nb,2,y\nc,3,z\n",
        1,
    ),
    ("a row less", "name,n,note\nd,4,w\nb,2,y\nc,3,z\n", 0),
    ("another order", "name,n,note\nc,3,z\nd,4,w\nb,2,y\n", 0),
    (
        "a cell that is not read",
        "name,n,note\nc,3,!\nd,4,w\nb,2,y\n",
        0,
    ),
    (
        "a column that is not read",
        "name,more,n,note\nc,1,3,!\nd,1,4,w\nb,1,2,y\n",
        0,
    ),
    (
        "the text of a number, which changes the type of its column",
        "name,n,note\nc,3,!\nd,4.0,w\nb,2,y\n",
        1,
    ),
];

#[test]
fn a_task_of_a_row_runs_again_only_if_the_cells_that_it_reads_have_changed() {
    let scene = Scene::with(&by_row("echo ${{ item.name }} ${{ item['n'] }}"));
    let cells = Scene::with(&by_row("echo ${{ item.name | lower }} ${{ item.n }}"));
    for (edit, sheet, new) in EDITS {
        for scene in [&cells, &scene] {
            scene.file("sheet.csv", sheet);
        }
        let rows = u64::try_from(sheet.lines().count()).unwrap() - 1;
        if *new == 1 {
            let plan = cells.sunward(&["plan", "workflow.yaml"]).expect(0);
            let says = format!("1 of {rows}: new row");
            assert!(plan.out.contains(&says), "{edit}: {plan:?}");
        }
        assert_eq!(ran(&cells, "each"), (*new, rows - new), "{edit}");
        let (ran, _) = ran(&scene, "each");
        // A subscript reads the whole row.
        assert!(ran >= *new && ran <= rows, "{edit}: {ran}");
        let first = sheet.lines().nth(1).unwrap();
        let name = first.split(',').next().unwrap();
        let text = scene.text("out/o.txt");
        assert!(text.starts_with(name), "{edit}: {text}");
        assert_eq!(text.lines().count() as u64, rows, "{edit}");
    }
}

#[test]
fn a_task_that_reads_the_whole_table_runs_again_with_any_change_of_it() {
    for command in [
        "wc -c < ${{ inputs.sheet }}; echo ${{ item.name }}",
        "wc -c < $SUNWARD_INPUT_SHEET; echo ${{ item.name }}",
    ] {
        let scene = Scene::with(&by_row(&format!("{{ {command}; }}")));
        scene.file("sheet.csv", "name\na\nb\n");
        assert_eq!(ran(&scene, "each"), (2, 0));
        scene.file("sheet.csv", "name\na\nb\nc\n");
        assert_eq!(ran(&scene, "each"), (3, 0), "{command}");
    }
    // Without a word of it, the table is not there.
    let scene = Scene::with(&by_row(
        "{ env; ls ..; ls ../inputs || true; echo ${{ item.name }}; }",
    ));
    scene.file("sheet.csv", "name\na\nb\n");
    assert_eq!(ran(&scene, "each"), (2, 0));
    let seen = scene.text("out/o.txt");
    assert!(
        !seen.contains("SUNWARD_INPUT") && !seen.contains("sheet"),
        "{seen}"
    );
}

#[test]
fn a_row_whose_cells_are_those_of_another_shares_its_result() {
    let scene = Scene::with(&by_row("date +%N; echo ${{ item.name }}").replace(
        "run: |\n      date +%N; echo ${{ item.name }}",
        "run: |\n      { date +%N; echo ${{ item.name }}; }",
    ));
    scene.file("sheet.csv", "name,n\na,1\na,2\nb,3\n");
    assert_eq!(ran(&scene, "each"), (2, 1));
    let text = scene.text("out/o.txt");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], lines[2..4], "{text}");
}

fn by_slice(read: &str, slicing: &str) -> String {
    format!(
        "name: slices
stages:
  each:
    inputs: {{ t: {{ from: ./t.csv{read} }} }}
    scatter: {{ over: t, {slicing} }}
    run: cp ${{{{ inputs.t }}}} ${{{{ outputs.o }}}}
    outputs: {{ o: {{ format: file }} }}
outputs: {{ o: each.o }}
"
    )
}

#[test]
fn a_slice_runs_again_only_if_its_own_rows_have_changed() {
    for read in ["", ", as: csv", ", as: parquet"] {
        let scene = Scene::with(&by_slice(read, "rows: 2"));
        for (edit, rows, new) in [
            ("three slices", "1,2,3,4,5,6", 3),
            ("a row at the end", "1,2,3,4,5,6,7", 1),
            ("one more, in the last slice", "1,2,3,4,5,6,7,8", 1),
            ("another value in the second", "1,2,3,9,5,6,7,8", 1),
            ("a row at the front", "0,1,2,3,9,5,6,7,8", 5),
            ("without it", "1,2,3,9,5,6,7,8", 0),
            ("slices of other sizes are other slices", "1,2,3", 1),
        ] {
            let sheet = format!("n\n{}\n", rows.replace(',', "\n"));
            scene.file("t.csv", sheet);
            let (ran, _) = ran(&scene, "each");
            assert_eq!(ran, new, "{read}: {edit}");
        }
        // The text counts only where a command gets the text.
        scene.file("t.csv", "n\n1.0\n2\n3\n");
        let (ran, _) = ran(&scene, "each");
        assert_eq!(ran, 2, "{read}: the type of the column has changed");
        scene.file("t.csv", "n\n1.00\n2\n3\n");
        let expected = u64::from(read == ", as: csv");
        let answer = scene.run(&["--out", "out"]).expect(0).json();
        assert_eq!(answer["stages"]["each"]["ran"], expected, "{read}");
    }
}

#[test]
fn a_part_runs_again_only_if_it_has_changed() {
    let scene = Scene::with(
        "name: parts
params: { l: { type: list } }
stages:
  make:
    scatter: { over: \"${{ params.l }}\" }
    run: \"printf 'n\\n%s\\n' ${{ item }} > ${{ outputs.t }}\"
    outputs: { t: { format: csv } }
  each:
    inputs: { t: { from: make.t, as: csv } }
    scatter: { over: t, parts: true }
    run: cp ${{ inputs.t }} ${{ outputs.o }}
    outputs: { o: { format: file } }
",
    );
    for (list, new) in [
        ("[1, 2]", 2),
        ("[1, 2, 3]", 1),
        ("[4, 1, 3]", 1),
        ("[1]", 0),
    ] {
        let list = format!("l={list}");
        let answer = scene.run(&["-p", &list]).expect(0).json();
        assert_eq!(answer["stages"]["each"]["ran"], new, "{list}");
    }
}

fn by_value(read: &str) -> String {
    format!(
        "name: groups
stages:
  each:
    inputs: {{ t: {{ from: ./t.csv{read} }} }}
    scatter: {{ over: t, by: site }}
    run: |
      test -n ${{{{ item.site }}}}
      cp ${{{{ inputs.t }}}} ${{{{ outputs.o }}}}
    outputs: {{ o: {{ format: file, name: \"${{{{ item.site }}}}.csv\" }} }}
outputs: {{ o: each.o }}
"
    )
}

#[test]
fn a_group_of_rows_runs_again_only_if_its_own_rows_have_changed() {
    for read in ["", ", as: csv", ", as: parquet"] {
        let scene = Scene::with(&by_value(read));
        for (edit, rows, new, cached) in [
            ("two groups", "a,1.50;b,2;a,3", 2, 0),
            ("a row of one", "a,1.50;b,2;a,3;b,4", 1, 1),
            ("a new group at the front", "c,9;a,1.50;b,2;a,3;b,4", 1, 2),
            (
                "the groups in another order",
                "b,2;b,4;c,9;a,1.50;a,3",
                0,
                3,
            ),
            (
                "the rows of one in another order",
                "b,4;b,2;c,9;a,1.50;a,3",
                1,
                2,
            ),
            ("a group less", "c,9;a,1.50;a,3", 0, 2),
        ] {
            let sheet = format!("site,v\n{}\n", rows.replace(';', "\n"));
            scene.file("t.csv", sheet);
            if new == 1 {
                let plan = scene.sunward(&["plan", "workflow.yaml"]).expect(0);
                assert!(plan.out.contains("new group"), "{edit}: {plan:?}");
            }
            assert_eq!(ran(&scene, "each"), (new, cached), "{read}: {edit}");
        }
        if read == ", as: csv" {
            // The text of cells stays as it was written.
            assert_eq!(scene.text("out/o/a.csv"), "site,v\na,1.50\na,3\n");
        }
        std::fs::remove_dir_all(scene.path().join("out")).unwrap();
    }
}

#[test]
fn groups_have_odd_values_empty_ones_and_those_of_other_types() {
    let scene = Scene::with(
        "name: odd
stages:
  each:
    inputs: { t: { from: ./t.csv, as: csv } }
    scatter: { over: t, by: k }
    run: \"{ printf '[%s]' ${{ item.k }}; tail -n +2 ${{ inputs.t }} | wc -l; } > ${{ outputs.o }}\"
    outputs: { o: { format: file } }
  all:
    inputs: { o: each.o }
    run: cat ${{ inputs.o.files }} > ${{ outputs.all }}
    outputs: { all: { format: file, ext: txt } }
outputs: { all: all.all }
",
    );
    for (rows, told) in [
        (
            "a b,1\n\"x\"\"y\",2\n$(id),3\na b,4\n",
            "[a b]2\n[x\"y]1\n[$(id)]1\n",
        ),
        ("1,1\n2,2\n1,3\n", "[1]2\n[2]1\n"),
        ("1.50,1\n1.5,2\n1.50,3\n", "[1.50]2\n[1.5]1\n"),
        ("true,1\nfalse,2\n", "[true]1\n[false]1\n"),
    ] {
        scene.file("t.csv", format!("k,v\n{rows}"));
        scene.run(&["--out", "out"]).expect(0);
        assert_eq!(scene.text("out/all.txt"), told);
    }
}
