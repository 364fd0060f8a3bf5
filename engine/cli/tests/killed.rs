//! After `kill -9` at any moment, the same command finishes the run and gives the same result.
//!
//! The moments are pseudorandom with a fixed seed, over the duration of an undisturbed run. There
//! are ten for each pipeline, or as many as `SUNWARD_KILLS` says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod expected;
mod scene;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use expected::{Example, Variant};
use scene::{Scene, Told};

/// The number of moments for each pipeline.
fn kills() -> u32 {
    let wanted = std::env::var("SUNWARD_KILLS").ok();
    wanted.map_or(10, |n| n.parse().expect("SUNWARD_KILLS: a number"))
}

/// Moments between 0 and 1.2 times `whole`, by the generator of Park and Miller.
struct Moments {
    state: u64,
    whole: Duration,
}

impl Moments {
    fn new(seed: u64, whole: Duration) -> Self {
        let mut moments = Self { state: seed, whole };
        moments.draw();
        moments
    }

    fn draw(&mut self) -> Duration {
        self.state = self.state * 48_271 % 2_147_483_647;
        let share = self.state as f64 / 2_147_483_647.0;
        self.whole.mul_f64(share * 1.2)
    }
}

/// A pipeline in a folder of its own, run again and again with new homes.
struct Bench {
    scene: Scene,
    parameters: Vec<String>,
}

impl Bench {
    fn of(example: &Example, variant: &Variant) -> Self {
        let scene = Scene::new();
        example.copy_to(scene.path(), variant);
        Self {
            scene,
            parameters: variant.arguments(),
        }
    }

    fn start(&self, home: &str) -> Child {
        let out = format!("{home}/out");
        let mut arguments = vec!["run", "workflow.yaml", "--json", "-j", "2", "--home", home];
        arguments.extend(["--out", &out, "--format", "csv"]);
        arguments.extend(self.parameters.iter().map(String::as_str));
        let mut command = self.scene.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("starting sunward")
    }

    /// Runs to the end.
    fn finish(&self, home: &str) -> serde_json::Value {
        let output = self
            .start(home)
            .wait_with_output()
            .expect("waiting for sunward");
        let json = Told::of(&output).expect(0).json();
        assert_eq!(json["status"], "succeeded", "{json}");
        json
    }

    /// Runs it, and kills it after this time, unless it has ended.
    fn kill_after(&self, home: &str, moment: Duration) {
        let mut child = self.start(home);
        std::thread::sleep(moment);
        child.kill().expect("killing sunward");
        child.wait().expect("waiting for sunward");
    }

    /// Whether the newest run began but has not ended.
    fn is_interrupted(&self, home: &str) -> bool {
        let told = self.scene.sunward(&["status", "--json", "--home", home]);
        // If it was killed early, there is no run.
        told.code == 0 && told.json()["run"]["status"] == "interrupted"
    }
}

/// The digests of all outputs.
fn digests(json: &serde_json::Value) -> BTreeMap<String, String> {
    let outputs = json["outputs"].as_object().expect("outputs");
    outputs
        .iter()
        .map(|(name, output)| {
            (
                name.clone(),
                output["digest"].as_str().expect("a digest").to_owned(),
            )
        })
        .collect()
}

/// Kills a variant of an example at random moments, once or twice each, and compares the outputs.
fn survives_kills(name: &str, variant: usize, seed: u64) {
    let example = Example::named(name);
    let variant = &example.expected.runs[variant];
    let bench = Bench::of(&example, variant);
    let began = Instant::now();
    let undisturbed = digests(&bench.finish("undisturbed"));
    let mut moments = Moments::new(seed, began.elapsed());
    let mut interrupted = 0;
    for kill in 0..kills() {
        let home = format!("killed-{kill}");
        let mut told = Vec::new();
        for _ in 0..=(kill % 2) {
            let moment = moments.draw();
            told.push(moment);
            bench.kill_after(&home, moment);
            interrupted += u32::from(bench.is_interrupted(&home));
        }
        let found = bench.finish(&home);
        assert_eq!(digests(&found), undisturbed, "killed after {told:?}");
        let out = bench.scene.path().join(&home).join("out");
        example.assert_outputs(&out, variant);
        std::fs::remove_dir_all(bench.scene.path().join(&home)).expect("tidying up");
    }
    assert!(
        interrupted > 0,
        "no kill interrupted a run: nothing was tested"
    );
}

#[test]
fn the_nao_index_survives_kills() {
    survives_kills("nao-index", 1, 1989);
}

#[test]
fn the_similarity_screen_survives_kills() {
    survives_kills("similarity-screen", 2, 2010);
}

#[test]
fn a_pipeline_of_plain_commands_survives_kills() {
    survives_kills("bring-your-own", 0, 1963);
}

/// The most of the tasks below that can be in flight with two cores. Leases cover about 50 ms of
/// work, and a task takes some milliseconds.
const IN_FLIGHT: u32 = 20;

const COUNTED: &str = r#"
name: counted
params:
  log: { type: string, description: Where each task leaves a line when it is done. }
stages:
  work:
    scatter: { over: { range: 60 } }
    cache: false
    run: |
      printf 'n,square\n%s,%s\n' ${{ item }} $((${{ item }} * ${{ item }})) > ${{ outputs.row }}
      echo ${{ item }} >> ${{ params.log }}
    outputs: { row: { format: csv, schema: { n: int64, square: int64 } } }
  sum:
    inputs: { rows: { from: work.row, as: csv } }
    run: |
      awk -F, 'NR > 1 { total += $2 } END { print "total"; print total }' ${{ inputs.rows }} > ${{ outputs.total }}
    outputs: { total: { format: csv, schema: { total: int64 } } }
outputs: { total: sum.total }
"#;

/// How often each task's command ended.
fn lines(log: &Path) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
        *counts.entry(format!("work/{line}")).or_default() += 1;
    }
    counts
}

/// The newest run in the journal: whether it ended, and its finished tasks.
fn recorded(bench: &Bench, home: &str) -> (bool, Vec<String>) {
    let told = bench.scene.sunward(&["report", "--json", "--home", home]);
    if told.code != 0 {
        // Killed before there was a run.
        return (false, Vec::new());
    }
    let json = told.json();
    let attempts = json["attempts"].as_array().expect("attempts");
    let finished = attempts
        .iter()
        .filter(|attempt| attempt["outcome"] == "succeeded")
        .map(|attempt| attempt["task"].as_str().expect("a task").to_owned())
        .collect();
    (json["status"] == "succeeded", finished)
}

#[test]
fn what_had_finished_before_a_kill_is_not_run_again() {
    let scene = Scene::with(COUNTED);
    let log = scene.path().join("log.txt");
    let bench = Bench {
        parameters: vec!["-p".to_owned(), format!("log={}", log.display())],
        scene,
    };
    let began = Instant::now();
    bench.finish("undisturbed");
    let mut moments = Moments::new(1948, began.elapsed());
    let mut spared = 0;
    for kill in 0..kills() {
        std::fs::write(&log, "").expect("an empty log");
        let home = format!("killed-{kill}");
        bench.kill_after(&home, moments.draw());
        let (is_over, before) = recorded(&bench, &home);
        if is_over {
            // The run had already ended, so the same command would start a new one.
            continue;
        }
        spared += before.len();
        let counts = lines(&log);
        let json = bench.finish(&home);
        assert_eq!(json["stages"]["work"]["tasks"], 60, "{json}");
        let after = lines(&log);
        assert_eq!(after.len(), 60, "every task came to its end");
        for task in before.iter().filter(|task| task.starts_with("work/")) {
            assert_eq!(
                after[task], counts[task],
                "{task} had finished and ran again"
            );
        }
        // Two tasks are in flight, and those that end during one commit.
        let repeated = after.values().sum::<u32>() - 60;
        assert!(
            repeated <= IN_FLIGHT,
            "{repeated} tasks ran twice: {after:?}"
        );
        let total = std::fs::read_to_string(bench.scene.path().join(&home).join("out/total.csv"));
        assert_eq!(total.expect("the result"), "total\n70210\n");
        let (_, twice) = recorded(&bench, &home);
        let mut once = twice.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), twice.len(), "a task has two results");
    }
    assert!(
        spared > 0,
        "no kill left finished work behind: nothing was tested"
    );
}
