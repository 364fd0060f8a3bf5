//! Optional steps: an input reads the first of several sources whose stage was not skipped.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;

const TRIM: &str = "name: trim
params:
  trim: { type: bool, default: false }
  break: { type: bool, default: false }
stages:
  raw:
    run: printf 'b\\na\\n' > ${{ outputs.reads }}
    outputs: { reads: { format: file, ext: txt } }
  trimmed:
    if: ${{ params.trim }}
    inputs: { r: raw.reads }
    run: |
      ${{ not params.break }}
      head -n 1 ${{ inputs.r }} > ${{ outputs.reads }}
    outputs: { reads: { format: file, ext: txt } }
  filtered:
    inputs: { r: trimmed.reads }
    run: cat ${{ inputs.r }} > ${{ outputs.reads }}
    outputs: { reads: { format: file, ext: txt } }
  last:
    inputs: { r: { from: { first: [filtered.reads, trimmed.reads, raw.reads] } } }
    run: cat ${{ inputs.r }} > ${{ outputs.o }}
    outputs: { o: { format: file, ext: txt } }
outputs: { o: last.o }
";

#[test]
fn the_first_source_whose_stage_was_not_skipped_is_read() {
    let scene = Scene::with(TRIM);
    let ran = |args: &[&str]| {
        let args = [&["--out", "out"], args].concat();
        let answer = scene.run(&args).expect(0).json();
        let ran = answer["stages"]["last"]["ran"].as_u64().unwrap();
        (ran, scene.text("out/o.txt"))
    };
    assert_eq!(ran(&[]), (1, "b\na\n".to_owned()));
    assert_eq!(ran(&["-p", "trim=true"]), (1, "b\n".to_owned()));
    assert_eq!(ran(&[]), (0, "b\na\n".to_owned()), "from the cache");
}

#[test]
fn a_plan_tells_which_source_is_read() {
    let scene = Scene::with(TRIM);
    scene.run(&[]).expect(0);
    let told = scene.sunward(&["plan", "workflow.yaml"]).expect(0).out;
    let last = told.lines().find(|line| line.starts_with("last")).unwrap();
    assert!(last.contains("from the cache"), "{told}");
    let trimmed = ["plan", "workflow.yaml", "-p", "trim=true"];
    let told = scene.sunward(&trimmed).expect(0).out;
    let last = told.lines().find(|line| line.starts_with("last")).unwrap();
    assert!(last.contains("filtered"), "{told}");
}

#[test]
fn a_source_that_failed_is_not_replaced() {
    let scene = Scene::with(TRIM);
    let answer = scene
        .run(&["-p", "trim=true", "-p", "break=true"])
        .expect(1);
    let stages = &answer.json()["stages"];
    assert_eq!(stages["last"]["skipped"], 1, "{stages}");
}

#[test]
fn if_all_alternatives_are_skipped_so_is_their_reader_and_the_run_says_that_nothing_was_written() {
    let scene = Scene::with(&TRIM.replace(", raw.reads]", "]"));
    let answer = scene.run(&[]).expect(0);
    let stages = &answer.json()["stages"];
    assert_eq!(stages["last"]["skipped"], 1, "{stages}");
    let says = "no output was written, because last was skipped";
    assert!(answer.json()["warnings"].to_string().contains(says));
    assert!(answer.err.contains(says), "{}", answer.err);
}

#[test]
fn a_retried_run_reads_the_step_that_now_succeeds() {
    let with = |line: &str| TRIM.replace("${{ not params.break }}", line);
    let scene = Scene::with(&with("false"));
    scene.run(&["-p", "trim=true"]).expect(1);
    scene.file("workflow.yaml", with("true"));
    scene.sunward(&["retry", "--out", "out"]).expect(0);
    assert_eq!(scene.text("out/o.txt"), "b\n");
}
