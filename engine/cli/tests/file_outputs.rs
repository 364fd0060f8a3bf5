//! `format: files`: what a task leaves in a folder is a dataset of files. Files that stages wrote are
//! also tables.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::{Scene, names, ran};

/// A stage that cuts a file into chains, and one that measures each of them.
const CUT: &str = "name: cut
stages:
  cut:
    inputs: { p: ./p.txt }
    run: |
      while read chain text; do echo \"$text\" > ${{ outputs.chains }}/$chain.txt; done < ${{ inputs.p }}
      echo note > ${{ outputs.chains }}/note.log
    outputs: { chains: { format: files, glob: \"*.txt\", match: \"{chain}.txt\" } }
  measure:
    inputs: { c: cut.chains }
    scatter: { over: c }
    run: \"wc -c < ${{ inputs.c }} > ${{ outputs.n }}\"
    outputs: { n: { format: file, name: \"${{ item.chain }}.n\" } }
  all:
    inputs: { c: cut.chains, n: measure.n }
    run: |
      ls ${{ inputs.c }} > ${{ outputs.list }}
      cat ${{ inputs.c.files }} ${{ inputs.n.files }} > ${{ outputs.all }}
    outputs: { list: { format: file, ext: txt }, all: { format: file, ext: txt } }
outputs: { list: all.list, all: all.all, chains: cut.chains, n: measure.n }
";

#[test]
fn what_a_task_leaves_in_a_folder_is_scattered_gathered_and_keyed_by_file() {
    let scene = Scene::with(CUT);
    scene.file("p.txt", "A gatt\nB aca\n");
    let told = scene.run(&["--out", "out"]).expect(0);
    assert!(
        told.err.contains("`glob: *.txt`") && told.err.contains("note.log"),
        "{}",
        told.err
    );
    let stages = ["cut", "measure", "all"];
    assert_eq!(scene.text("out/list.txt"), "A.txt\nB.txt\n");
    assert_eq!(scene.text("out/all.txt"), "gatt\naca\n5\n4\n");
    assert_eq!(names(&scene, "out/chains"), ["A.txt", "B.txt"]);
    assert_eq!(names(&scene, "out/n"), ["A.n", "B.n"]);
    let shown = scene.sunward(&["show", "cut.chains"]).expect(0).out;
    assert!(
        shown.contains("A.txt") && shown.contains("B.txt"),
        "{shown}"
    );
    for (text, expected) in [
        ("A gatt\nB aca\n", [0, 0, 0]),
        ("A gatt\nB aca\nC c\n", [1, 1, 1]),
        ("C c\nA gatt\nB acaa\n", [1, 1, 1]),
        ("A gatt\nC c\n", [1, 0, 1]),
    ] {
        scene.file("p.txt", text);
        assert_eq!(ran(&scene, &stages), expected, "{text}");
    }
    assert_eq!(names(&scene, "out/chains"), ["A.txt", "C.txt"]);
}

#[test]
fn the_files_of_all_tasks_are_one_dataset_with_the_columns_of_what_they_came_from() {
    let scene = Scene::with(
        "name: many
stages:
  cut:
    inputs: { m: { from: ./d/*.txt, match: \"{model}.txt\" } }
    scatter: { over: m }
    run: |
      for y in 1 2; do echo ${{ item.model }} $y > ${{ outputs.y }}/${{ item.model }}_$y.csv; done
    outputs: { y: { format: files, glob: \"*.csv\", match: \"{_m}_{year}.csv\" } }
  each:
    inputs: { y: cut.y }
    scatter: { over: y, by: year }
    run: \"cat ${{ inputs.y.files }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.year }}.txt\" } }
  one:
    inputs: { y: cut.y }
    scatter: { over: y }
    run: \"echo ${{ item.model }} ${{ item.year }} ${{ item.name }} > ${{ outputs.o }}\"
    outputs: { o: { format: file } }
  all:
    inputs: { o: one.o }
    run: \"cat ${{ inputs.o.files }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
outputs: { years: each.o, all: all.o }
",
    );
    scene.file("d/a.txt", "a");
    scene.file("d/b.txt", "b");
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(
        scene.text("out/all.txt"),
        "a 1 a_1.csv\na 2 a_2.csv\nb 1 b_1.csv\nb 2 b_2.csv\n"
    );
    assert_eq!(scene.text("out/years/1.txt"), "a 1\nb 1\n");
    assert_eq!(scene.text("out/years/2.txt"), "a 2\nb 2\n");
    let bad = scene
        .text("workflow.yaml")
        .replace("item.model }} ${{ item.year }} ${{", "item.modle }} ${{");
    scene.file("bad.yaml", bad);
    let told = scene.sunward(&["check", "bad.yaml"]).expect(2).out;
    assert!(told.contains("did you mean `model`?"), "{told}");
}

#[test]
fn a_pattern_without_a_match_fails_the_task_unless_it_is_optional() {
    let workflow = |output: &str| {
        format!(
            "name: none
stages:
  cut:
    run: \"touch ${{{{ outputs.o }}}}/a.txt\"
    outputs: {{ o: {{ format: files, {output} }} }}
  all:
    inputs: {{ o: cut.o }}
    run: \"echo all ${{{{ inputs.o.files }}}} > ${{{{ outputs.n }}}}\"
    outputs: {{ n: {{ format: file, ext: txt }} }}
outputs: {{ n: all.n, o: cut.o }}
"
        )
    };
    let scene = Scene::with(&workflow("glob: \"*.csv\""));
    let told = scene.run(&[]).expect(1);
    for words in [
        "no file in its folder matches `*.csv`",
        "a.txt",
        "optional: true",
    ] {
        assert!(told.err.contains(words), "{}", told.err);
    }
    scene.file("workflow.yaml", workflow("glob: \"*.csv\", optional: true"));
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/n.txt"), "all\n");
    assert!(names(&scene, "out/o").is_empty());
    scene.file("workflow.yaml", workflow("glob: \"**/*.{txt,csv}\""));
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(names(&scene, "out/o"), ["a.txt"]);
}

#[test]
fn files_of_one_name_from_two_tasks_are_told_and_name_keeps_them_apart() {
    let workflow = |name: &str| {
        format!(
            "name: same
stages:
  cut:
    scatter: {{ over: [a, b] }}
    run: \"echo ${{{{ item }}}} > ${{{{ outputs.o }}}}/part.txt\"
    outputs: {{ o: {{ format: files{name} }} }}
outputs: {{ o: cut.o }}
"
        )
    };
    let scene = Scene::with(&workflow(""));
    let told = scene.run(&["--out", "out"]);
    assert_ne!(told.code, 0);
    for words in ["two files are called part.txt", "`name:`"] {
        assert!(told.err.contains(words), "{}", told.err);
    }
    scene.file("workflow.yaml", workflow(", name: \"${{ item }}\""));
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/o/a/part.txt"), "a\n");
    assert_eq!(scene.text("out/o/b/part.txt"), "b\n");
}

#[test]
fn files_that_stages_wrote_are_read_as_tables_one_after_the_other() {
    let scene = Scene::with(
        "name: tables
stages:
  cut:
    run: |
      printf 'n,v\\n1,1.50\\n' > ${{ outputs.t }}/b.csv
      printf 'n,v\\n007,2\\n' > ${{ outputs.t }}/a.csv
    outputs: { t: { format: files, glob: \"*.csv\" } }
  each:
    inputs: { t: cut.t }
    scatter: { over: t }
    run: \"cp ${{ inputs.t }} ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.name }}\" } }
  text:
    inputs: { t: { from: cut.t, as: csv }, o: { from: each.o, as: csv } }
    run: \"cat ${{ inputs.t }} ${{ inputs.o }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
  rows:
    inputs: { t: { from: each.o, as: csv } }
    scatter: { over: t, rows: 1 }
    run: \"tail -n 1 ${{ inputs.t }} > ${{ outputs.o }}\"
    outputs: { o: { format: file, ext: txt } }
outputs: { text: text.o, rows: rows.o }
",
    );
    scene.run(&["--out", "out"]).expect(0);
    let once = "n,v\n007,2\n1,1.50\n";
    assert_eq!(scene.text("out/text.txt"), format!("{once}{once}"));
    assert_eq!(scene.text("out/rows/000001.txt"), "1,1.50\n");
    let plain = |text: &str| {
        text.replace("b.csv", "b.txt")
            .replace("glob: \"*.csv\"", "glob: \"*\"")
    };
    scene.file("workflow.yaml", plain(&scene.text("workflow.yaml")));
    let told = scene.sunward(&["run", "workflow.yaml"]).expect(1).err;
    assert!(told.contains("`t`: b.txt is not a readable"), "{told}");
    for (from, to, words) in [
        ("glob: \"*\"", "glob: \"*.png\"", "`cut.t` is not a table"),
        (
            "name: \"${{ item.name }}\"",
            "ext: txt",
            "`each.o` is not a table",
        ),
    ] {
        scene.file("bad.yaml", scene.text("workflow.yaml").replace(from, to));
        let told = scene.sunward(&["check", "bad.yaml"]).expect(2).out;
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn the_files_of_a_folder_that_a_task_wrote_are_a_dataset_of_files() {
    let scene = Scene::with(
        "name: folder
stages:
  fill:
    run: |
      mkdir ${{ outputs.d }} && cd ${{ outputs.d }} && mkdir sub
      echo a > a.txt && echo bb > 'b c.txt' && ln -s a.txt link.txt && echo x > sub/x.txt && echo h > .h
    outputs: { d: { format: dir } }
  each:
    inputs: { d: { from: fill.d, as: files, match: \"{letter}.txt\" } }
    scatter: { over: d }
    run: \"echo ${{ item.letter }} $(cat ${{ inputs.d }}) > ${{ outputs.o }}\"
    outputs: { o: { format: file, name: \"${{ item.name }}\" } }
outputs: { o: each.o }
",
    );
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(names(&scene, "out/o"), ["a.txt", "b c.txt", "link.txt"]);
    assert_eq!(scene.text("out/o/b c.txt"), "b c bb\n");
    assert_eq!(scene.text("out/o/link.txt"), "link a\n");
}

#[test]
fn outputs_of_files_are_checked_before_anything_runs() {
    for (output, words) in [
        (
            "format: file, glob: \"*.csv\"",
            "`glob` applies to `format: files`",
        ),
        (
            "format: dir, match: \"{x}.csv\"",
            "`match` applies to `format: files`",
        ),
        (
            "format: csv, optional: true",
            "`optional` applies to `format: files`",
        ),
        ("format: files, ext: csv", "`ext` is the suffix of one file"),
        ("format: files, glob: /tmp/*.csv", "begins with a slash"),
        (
            "format: files, glob: ../*.csv",
            "leaves the output's folder",
        ),
        ("format: files, glob: \"*.{csv\"", "does not close"),
        (
            "format: files, glob: \"a**.csv\"",
            "stands alone between slashes",
        ),
        (
            "format: files, glob: \"${{ params.x }}.csv\"",
            "is computed",
        ),
        ("format: files, glob: \"*/\"", "matches folders"),
        (
            "format: files, match: \"{name}.csv\"",
            "a column `name` already",
        ),
        ("format: files, match: \"*.csv\"", "does not split names"),
        ("format: files, golb: \"*.csv\"", "did you mean `glob`?"),
        ("format: filse", "did you mean `files`?"),
        ("format: files, name: a/b", "is a path, not a name"),
    ] {
        let scene = Scene::with(&format!(
            "name: bad\nstages:\n  a:\n    run: \"true\"\n    outputs: {{ o: {{ {output} }} }}\n"
        ));
        let told = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
        assert!(told.contains(words), "{output}: {told}");
        assert!(told.contains("workflow.yaml:5:"), "{told}");
    }
}
