//! `repeat`: a stage's tasks run several times, as tasks of their own.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

/// Two items or the slices of a table, each several times, and a stage that reads all of it.
const WORKFLOW: &str = "name: w
params: { n: { type: int, default: 2 } }
stages:
  draw:
    scatter: { over: [a, b] }
    repeat: \"${{ params.n }}\"
    run: echo ${{ item }} ${{ repeat }} $SEED > ${{ outputs.o }}
    env: { SEED: \"${{ repeat * 10 }}\" }
    outputs: { o: { format: file, ext: txt } }
  slices:
    scatter: { over: t, rows: 2 }
    repeat: 2
    inputs: { t: { from: ./t.csv, as: csv } }
    run: |
      echo n,r > ${{ outputs.o }}
      tail -n +2 ${{ inputs.t }} | sed 's/$/,${{ repeat }}/' >> ${{ outputs.o }}
    outputs: { o: { format: csv } }
  rows:
    scatter: { over: t }
    repeat: 2
    inputs: { t: { from: ./t.csv, as: csv } }
    run: echo ${{ item.n }} ${{ repeat }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
  all:
    inputs: { d: draw.o, s: { from: slices.o, as: csv }, r: rows.o }
    run: cat ${{ inputs.d }}/* ${{ inputs.s }} ${{ inputs.r }}/* > ${{ outputs.all }}
    outputs: { all: { format: file, ext: txt } }
outputs: { all: all.all, draw: draw.o }
";

fn scene() -> Scene {
    let scene = Scene::with(WORKFLOW);
    scene.file("t.csv", "n\n1\n2\n3\n");
    scene
}

#[test]
fn what_repetitions_write_is_gathered_by_item_and_then_by_repetition() {
    let scene = scene();
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(
        scene.text("out/all.txt"),
        "a 0 0\na 1 10\nb 0 0\nb 1 10\n\
         n,r\n1,0\n2,0\n1,1\n2,1\n3,0\n3,1\n\
         1 0\n1 1\n2 0\n2 1\n3 0\n3 1\n"
    );
    assert_eq!(scene.text("out/draw/000003.txt"), "b 1 10\n");
}

#[test]
fn repetitions_are_cached_and_more_of_them_run_alone() {
    let scene = scene();
    scene.run(&[]).expect(0);
    let again = scene.run(&["--fresh"]).expect(0).json();
    assert_eq!(again["stages"]["draw"]["cached"], 4, "{again}");
    let more = scene.run(&["-p", "n=5"]).expect(0).json();
    assert_eq!(more["stages"]["draw"]["cached"], 4, "{more}");
    assert_eq!(more["stages"]["draw"]["ran"], 6, "{more}");
    let why = scene.sunward(&["explain", "draw/9"]).expect(0);
    assert!(why.out.contains("repeat"), "{}", why.out);
}

#[test]
fn a_stage_that_does_not_read_repeat_is_still_several_tasks() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: [tee, '${{ outputs.o }}']\n    repeat: 3\n    outputs: { o: { format: file, ext: txt } }\noutputs: { o: s.o }\n",
    );
    let told = scene.run(&["--out", "out"]).expect(0).json();
    assert_eq!(told["stages"]["s"]["ran"], 3, "{told}");
    for name in ["000000", "000001", "000002"] {
        assert_eq!(scene.text(&format!("out/o/{name}.txt")), "");
    }
    let graph = scene.sunward(&["graph", "workflow.yaml"]).expect(0);
    assert!(graph.out.contains("1 task, 3 times each"), "{}", graph.out);
}

#[test]
fn a_number_of_times_below_one_is_refused_before_anything_runs() {
    let scene = scene();
    let told = scene.run(&["-p", "n=0"]);
    assert_ne!(told.code, 0);
    let said = format!("{}{}", told.out, told.err);
    assert!(
        said.contains("stage draw: its `repeat` is not a number of times: expected a whole number from 1, found 0"),
        "{said}"
    );
}

#[test]
fn files_carry_the_number_of_their_repetition() {
    let scene = Scene::with(
        "name: r
stages:
  draw:
    repeat: 2
    run: 'echo ${{ repeat }} > ${{ outputs.o }}'
    outputs: { o: { format: file, name: \"d${{ repeat }}.txt\" } }
  next:
    inputs: { o: draw.o }
    scatter: { over: o }
    run: 'echo \"${{ item.repeat }} of ${{ inputs.o.files | length }}\" > ${{ outputs.n }}'
    outputs: { n: { format: file, name: \"n${{ item.repeat }}.txt\" } }
outputs: { n: next.n }
",
    );
    scene.run(&["--out", "out"]).expect(0);
    assert_eq!(scene.text("out/n/n0.txt"), "0 of 1\n");
    assert_eq!(scene.text("out/n/n1.txt"), "1 of 1\n");
}
