//! Sample sheets: the rows of a table name the files that its tasks get.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

/// Runs, and returns how many tasks of a stage ran.
fn ran(scene: &Scene, stage: &str) -> u64 {
    let answer = scene.run(&["--out", "out"]).expect(0).json();
    answer["stages"][stage]["ran"].as_u64().unwrap()
}

const QC: &str = "name: qc
stages:
  qc:
    inputs: { sheet: ./d/sheet.csv, f: \"${{ item.fastq }}\" }
    scatter: { over: sheet }
    run: |
      { basename ${{ inputs.f }}; cat ${{ inputs.f }}; } > ${{ outputs.o }}
    outputs: { o: { format: file, name: \"${{ item.sample }}.txt\" } }
  all:
    inputs: { o: qc.o }
    run: cat ${{ inputs.o.files }} > ${{ outputs.all }}
    outputs: { all: { format: file, ext: txt } }
outputs: { all: all.all }
";

#[test]
fn a_row_names_the_file_of_its_task_and_only_what_is_new_runs() {
    let scene = Scene::with(QC);
    scene.file("d/reads/a.fq", "A\n");
    scene.file("d/reads/b.fq", "B\n");
    let sheet = |rows: &str| scene.file("d/sheet.csv", format!("sample,fastq,note\n{rows}"));
    sheet("a,reads/a.fq,x\nb,./reads/b.fq,y\n");
    assert_eq!(ran(&scene, "qc"), 2);
    assert_eq!(scene.text("out/all.txt"), "a.fq\nA\nb.fq\nB\n");

    for (edit, rows, file, new) in [
        ("nothing", "a,reads/a.fq,x\nb,./reads/b.fq,y\n", None, 0),
        (
            "a new line",
            "a,reads/a.fq,x\nc,reads/c.fq,\nb,./reads/b.fq,y\n",
            Some(("d/reads/c.fq", "C\n")),
            1,
        ),
        (
            "other bytes of one file",
            "a,reads/a.fq,x\nc,reads/c.fq,\nb,./reads/b.fq,y\n",
            Some(("d/reads/a.fq", "AA\n")),
            1,
        ),
        (
            "a cell that is not read",
            "a,reads/a.fq,!\nc,reads/c.fq,!\nb,./reads/b.fq,!\n",
            None,
            0,
        ),
        ("a line less", "a,reads/a.fq,x\nc,reads/c.fq,\n", None, 0),
        (
            "the same file elsewhere",
            "a,reads/a.fq,x\nc,more/c.fq,\n",
            Some(("d/more/c.fq", "C\n")),
            0,
        ),
        (
            "the same bytes under another name",
            "a,reads/a.fq,x\nc,more/d.fq,\n",
            Some(("d/more/d.fq", "C\n")),
            1,
        ),
    ] {
        sheet(rows);
        if let Some((name, text)) = file {
            scene.file(name, text);
        }
        if new == 1 {
            let plan = scene.sunward(&["plan", "workflow.yaml"]).expect(0);
            let says = format!("1 of {}: new row", rows.lines().count());
            assert!(plan.out.contains(&says), "{edit}: {plan:?}");
        }
        assert_eq!(ran(&scene, "qc"), new, "{edit}");
    }
    assert_eq!(scene.text("out/all.txt"), "a.fq\nAA\nd.fq\nC\n");
}

#[test]
fn pairs_paths_from_params_absolute_paths_and_odd_names_work() {
    let scene = Scene::with(
        "name: pairs
params: { dir: { type: string, default: ./r } }
stages:
  join:
    inputs:
      sheet: ./sheet.tsv
      r1: \"${{ params.dir }}/${{ item.fq1 }}\"
      r2: \"${{ item['second file'] }}\"
    scatter: { over: sheet }
    run: \"paste ${{ inputs.r1 }} ${{ inputs.r2 }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.s }}.txt\" } }
outputs: { o: join.o }
",
    );
    let long = "l".repeat(200);
    for (name, text) in [("a b'\".fq", "1\n"), ("-x$(x).fq", "2\n"), (&long, "3\n")] {
        scene.file(&format!("r/{name}"), text);
    }
    scene.file("two/x.fq", "X\n");
    let whole = scene.path().join("two/x.fq");
    // A byte order mark, and lines that end as in Windows.
    scene.file(
        "sheet.tsv",
        format!(
            "\u{feff}s\tfq1\tsecond file\r\na\t\"a b'\"\".fq\"\ttwo/x.fq\r\nb\t-x$(x).fq\t{}\r\nc\t{long}\ttwo/x.fq\r\n",
            whole.display()
        ),
    );
    assert_eq!(ran(&scene, "join"), 3);
    for (name, text) in [("a", "1\tX\n"), ("b", "2\tX\n"), ("c", "3\tX\n")] {
        assert_eq!(scene.text(&format!("out/o/{name}.txt")), text);
    }
}

const OPTIONAL: &str = "name: optional
stages:
  join:
    inputs:
      sheet: ./sheet.csv
      r1: \"${{ item.fq1 }}\"
      r2: { from: \"${{ item.fq2 }}\", optional: true }
    scatter: { over: sheet }
    run: \"cat ${{ inputs.r1 }} ${{ inputs.r2.files }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.s }}.txt\" } }
outputs: { o: join.o }
";

#[test]
fn a_cell_may_be_empty_if_the_input_is_optional() {
    let scene = Scene::with(OPTIONAL);
    scene.file("a.fq", "A");
    scene.file("b.fq", "B");
    scene.file("sheet.csv", "s,fq1,fq2\nx,a.fq,b.fq\ny,b.fq,\n");
    assert_eq!(ran(&scene, "join"), 2);
    assert_eq!(scene.text("out/o/x.txt"), "AB");
    assert_eq!(scene.text("out/o/y.txt"), "B");
    scene.file("sheet.csv", "s,fq1,fq2\nx,,b.fq\ny,b.fq,\n");
    let check = scene.sunward(&["check", "workflow.yaml"]).expect(2);
    let says = "./sheet.csv, row 1: fq1 is empty";
    assert!(
        check.out.contains(says) || check.err.contains(says),
        "{check:?}"
    );
}

#[test]
fn a_missing_file_is_told_before_anything_runs_with_its_row_and_the_nearest_name() {
    let scene = Scene::with(QC);
    scene.file("d/reads/sample_a.fq", "A");
    scene.file(
        "d/sheet.csv",
        "sample,fastq\na,reads/sample_a.fq\nb,reads/sampl_a.fq\n",
    );
    for verb in ["check", "plan", "run"] {
        let told = scene.sunward(&[verb, "workflow.yaml"]).expect(2);
        let text = format!("{}{}", told.out, told.err);
        for says in [
            "./d/sheet.csv, row 2: fastq names ./d/reads/sampl_a.fq, and there is no such file",
            "did you mean sample_a.fq?",
            "workflow.yaml:4",
        ] {
            assert!(text.contains(says), "{verb}: {says}: {text}");
        }
    }
    // A whole folder is looked at once, and only the first mistakes are told.
    let rows: String = (0..100).map(|n| format!("s{n},reads/{n}.fq\n")).collect();
    scene.file("d/sheet.csv", format!("sample,fastq\n{rows}"));
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
    let text = format!("{}{}", told.out, told.err);
    assert!(text.contains("97 more rows have such a mistake"), "{text}");
    // Without a header there is no such column.
    scene.file("d/sheet.csv", "a,reads/sample_a.fq\nb,reads/sample_a.fq\n");
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2);
    let text = format!("{}{}", told.out, told.err);
    for says in [
        "no column `fastq`",
        "the first line of a table gives the names",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn two_rows_that_give_one_name_are_told() {
    let scene = Scene::with(QC);
    scene.file("d/a.fq", "A");
    scene.file("d/sheet.csv", "sample,fastq\na,a.fq\na,a.fq\n");
    let told = scene.run(&[]);
    assert_ne!(told.code, 0, "{told:?}");
    assert!(
        told.err.contains("both name their output `o` `a.txt`"),
        "{told:?}"
    );
}

#[test]
fn rows_of_a_table_that_a_stage_wrote_name_files_beside_the_workflow() {
    let scene = Scene::with(
        "name: dynamic
stages:
  list:
    run: \"printf 'f\\nx.txt\\nd/y.txt\\n' > ${{ outputs.t }}\"
    outputs: { t: { format: csv } }
  each:
    inputs: { t: list.t, f: \"${{ item.f }}\" }
    scatter: { over: t }
    run: \"cat ${{ inputs.f }} > ${{ outputs.o }}\"
    outputs: { o: { format: file } }
  all:
    inputs: { o: each.o }
    run: cat ${{ inputs.o.files }} > ${{ outputs.all }}
    outputs: { all: { format: file, ext: txt } }
outputs: { all: all.all }
",
    );
    scene.file("x.txt", "X");
    let told = scene.run(&[]);
    assert_ne!(told.code, 0, "{told:?}");
    assert!(
        told.err
            .contains("row 2: f names ./d/y.txt, and there is no such file"),
        "{told:?}"
    );
    scene.file("d/y.txt", "Y");
    assert_eq!(ran(&scene, "each"), 2);
    assert_eq!(scene.text("out/all.txt"), "XY");
}

#[test]
fn a_batch_of_rows_gets_all_files_that_its_rows_name() {
    let scene = Scene::with(
        "name: batches
stages:
  each:
    inputs: { t: ./t.csv, f: \"./d/${{ item.f }}.txt\" }
    scatter: { over: t, rows: 2 }
    run: \"cat ${{ inputs.f.files }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
outputs: { o: each.o }
",
    );
    for name in ["a", "b", "c"] {
        scene.file(&format!("d/{name}.txt"), name);
    }
    scene.file("t.csv", "f\nb\na\nc\n");
    assert_eq!(ran(&scene, "each"), 2);
    assert_eq!(scene.text("out/o/000000.txt"), "ba");
    assert_eq!(scene.text("out/o/000001.txt"), "c");
    scene.file("d/c.txt", "C");
    assert_eq!(ran(&scene, "each"), 1);
    assert_eq!(scene.text("out/o/000001.txt"), "C");
    scene.file("t.csv", "f\na\na\n");
    let told = scene.run(&[]);
    assert!(
        told.err.contains("two rows of one task name the same file"),
        "{told:?}"
    );
}

#[test]
fn a_file_that_a_row_names_may_be_a_link_empty_or_replaced_between_runs() {
    let scene = Scene::with(QC);
    scene.file("d/empty.fq", "");
    scene.file("d/target", "T\n");
    std::os::unix::fs::symlink("target", scene.path().join("d/link.fq")).unwrap();
    scene.file("d/sheet.csv", "sample,fastq\na,empty.fq\nb,link.fq\n");
    assert_eq!(ran(&scene, "qc"), 2);
    assert_eq!(scene.text("out/all.txt"), "empty.fq\nlink.fq\nT\n");
    std::fs::remove_file(scene.path().join("d/link.fq")).unwrap();
    scene.file("d/link.fq", "T\n");
    assert_eq!(ran(&scene, "qc"), 0);
    scene.file("d/link.fq", "U\n");
    assert_eq!(ran(&scene, "qc"), 1);
    let cells = [("a,d\n", "d"), ("a,..\n", "..")];
    for (row, _) in cells {
        scene.file("d/sheet.csv", format!("sample,fastq\n{row}"));
        let told = scene.run(&[]);
        assert_ne!(told.code, 0, "{told:?}");
    }
}

#[test]
fn a_group_of_rows_gets_all_files_that_its_rows_name() {
    let scene = Scene::with(
        "name: lanes
stages:
  each:
    inputs: { t: ./s/t.csv, f: \"${{ item.f }}\" }
    scatter: { over: t, by: sample }
    run: \"cat ${{ inputs.f.files }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.sample }}.txt\" } }
outputs: { o: each.o }
",
    );
    for name in ["a1", "a2", "b1"] {
        scene.file(&format!("s/{name}"), name);
    }
    scene.file("s/t.csv", "sample,f\nA,a1\nB,b1\nA,a2\n");
    assert_eq!(ran(&scene, "each"), 2);
    assert_eq!(scene.text("out/o/A.txt"), "a1a2");
    assert_eq!(scene.text("out/o/B.txt"), "b1");
    scene.file("s/b1", "B");
    assert_eq!(ran(&scene, "each"), 1);
    scene.file("s/b2", "b2");
    scene.file("s/t.csv", "sample,f\nA,a1\nB,b1\nA,a2\nB,b2\n");
    assert_eq!(ran(&scene, "each"), 1);
    assert_eq!(scene.text("out/o/B.txt"), "Bb2");
}
