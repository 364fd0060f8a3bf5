//! Every view of a run shows the rows that kernels rejected. A stage may tolerate a number of them.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::Scene;
use serde_json::json;

/// Ranks rows in tasks of two. Rows without a value for `active` are rejected.
fn workflow(tolerate: &str) -> String {
    format!(
        "name: r
stages:
  quality:
    kernel: enrichment
    scatter: {{ over: ranking, rows: 2 }}
    inputs: {{ ranking: {{ from: ./ranking.csv, schema: {{ sim: float64, active: bool }} }} }}
{tolerate}
outputs: {{ metrics: quality.metrics }}
"
    )
}

fn ranking(known: usize, unknown: usize) -> String {
    let rows = [
        vec!["0.5,true\n"; known].concat(),
        vec!["0.5,\n"; unknown].concat(),
    ];
    format!("sim,active\n{}", rows.concat())
}

fn scene(tolerate: &str, known: usize, unknown: usize) -> Scene {
    let scene = Scene::with(&workflow(tolerate));
    scene.file("ranking.csv", ranking(known, unknown));
    scene
}

#[test]
fn rejected_rows_are_told_by_run_status_report_and_json_also_from_the_cache() {
    let scene = scene("", 0, 7);
    let sentence = "7 of 7 rows rejected: whether it is active is not known";
    let told = scene.sunward(&["run", "workflow.yaml"]).expect(0);
    assert!(told.out.contains(sentence), "{}", told.out);
    let told = told.says(&["warning: stage quality rejected every row of its input ranking"]);
    assert!(told.err.contains("tolerate_rejects"), "{}", told.err);

    let cached = scene.run(&["--fresh"]).expect(0).json();
    assert_eq!(cached["stages"]["quality"]["cached"], 4);
    let rejects = &cached["stages"]["quality"]["rejects"][0];
    assert_eq!(
        (&rejects["input"], &rejects["rejected"], &rejects["of"]),
        (&json!("ranking"), &json!(7), &json!(7))
    );
    assert!(rejects["reason"].as_str().unwrap().contains("active"));
    assert_eq!(cached["warnings"].as_array().unwrap().len(), 1);

    let status = scene.sunward(&["status", "r1"]).expect(0);
    assert!(status.out.contains(sentence), "{}", status.out);
    let status = scene.sunward(&["status", "r2", "--json"]).expect(0).json();
    let stage = &status["run"]["stages"]["quality"];
    assert_eq!(stage["rejects"][0]["rejected"], 7, "{status}");
    scene.sunward(&["report", "--out", "r.html"]).expect(0);
    assert!(scene.text("r.html").contains(sentence));
}

#[test]
fn a_stage_fails_with_the_first_row_beyond_what_it_tolerates() {
    let cases = [
        ("", 1, 3, 0),
        ("    tolerate_rejects: 3", 1, 3, 0),
        ("    tolerate_rejects: 2", 1, 3, 1),
        ("    tolerate_rejects: 75%", 1, 3, 0),
        ("    tolerate_rejects: 74%", 1, 3, 1),
        ("    tolerate_rejects: 0", 4, 0, 0),
        ("    tolerate_rejects: 0%", 4, 1, 1),
    ];
    for (tolerate, known, unknown, code) in cases {
        let scene = scene(tolerate, known, unknown);
        let told = scene.run(&[]);
        assert_eq!(told.code, code, "{tolerate}: {} {}", told.out, told.err);
        if code == 1 {
            let told = told.says(&["rows rejected", "tolerate_rejects"]);
            assert!(told.err.contains("stage quality failed"), "{}", told.err);
            let why = scene.sunward(&["explain", "quality"]).expect(0).out;
            assert!(why.contains("rows rejected"), "{why}");
            let status = scene.sunward(&["status"]).expect(0).out;
            assert!(status.contains("tolerate_rejects"), "{status}");
        }
    }
}

#[test]
fn a_larger_tolerance_ends_a_failed_run_well_and_computes_nothing_again() {
    let scene = scene("    tolerate_rejects: 10%", 1, 3);
    scene.run(&[]).expect(1);
    scene.file("workflow.yaml", workflow("    tolerate_rejects: 80%"));
    let again = scene.sunward(&["retry", "--json"]).expect(0).json();
    let stage = &again["stages"]["quality"];
    assert_eq!((&again["run"], &stage["failed"]), (&json!("r2"), &json!(0)));
    assert_eq!(stage["cached"], 2);
    assert_eq!(stage["rejects"][0]["rejected"], 3);
}

#[test]
fn a_tolerance_is_a_count_or_a_share_and_belongs_to_kernels() {
    let scene = Scene::with("name: r\nstages:\n  s: { run: 'true', tolerate_rejects: 1 }\n");
    let told = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
    assert!(
        told.contains("tolerate_rejects") && told.contains("kernel"),
        "{told}"
    );
    for wrong in ["101%", "-1", "some", "1.5"] {
        let scene = self::scene(&format!("    tolerate_rejects: {wrong}"), 1, 0);
        let told = scene.sunward(&["check", "workflow.yaml"]).expect(2).out;
        assert!(told.contains("tolerate_rejects"), "{wrong}: {told}");
    }
    // As a default it applies to kernels, and commands ignore it.
    let scene = self::scene("", 1, 1);
    let stages = workflow("").replace("outputs:", "  other: { run: 'true' }\noutputs:");
    let text = format!("{stages}defaults: {{ tolerate_rejects: 0 }}\n");
    scene.file("workflow.yaml", text);
    scene.run(&[]).expect(1).says(&["1 of 2 rows rejected"]);
}
