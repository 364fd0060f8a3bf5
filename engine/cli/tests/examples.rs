//! Every example gives its expected results, with any number of threads and any division of its
//! data.
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

use std::path::PathBuf;

use expected::{Example, Variant, examples, table};
use scene::Scene;

/// The examples that have a test, here or (`ligand-screen`) in a file of their own.
const TESTED: [&str; 7] = [
    "bring-your-own",
    "clean-hours",
    "ligand-screen",
    "nao-index",
    "own-cuda",
    "pose-rescoring",
    "similarity-screen",
];

/// A finished run of an example.
struct Finished {
    scene: Scene,
    json: serde_json::Value,
}

impl Finished {
    fn out(&self) -> PathBuf {
        self.scene.path().join("out")
    }
}

/// Runs a variant in a folder of its own, with an empty cache.
fn run(example: &Example, variant: &Variant, threads: &str) -> Finished {
    let scene = Scene::new();
    example.copy_to(scene.path(), variant);
    let parameters = variant.arguments();
    let mut arguments = vec![
        "-j", threads, "--home", "home", "--out", "out", "--format", "csv",
    ];
    arguments.extend(parameters.iter().map(String::as_str));
    let json = scene.run(&arguments).expect(0).json();
    assert_eq!(json["status"], "succeeded", "{json}");
    Finished { scene, json }
}

/// Runs every variant in an example's `expected.yaml`, the first one with 1, 2 and 8 threads.
fn gives_what_is_expected(name: &str) {
    let example = Example::named(name);
    for (index, variant) in example.expected.runs.iter().enumerate() {
        let threads: &[&str] = if index == 0 { &["1", "2", "8"] } else { &["4"] };
        for threads in threads {
            let finished = run(&example, variant, threads);
            example.assert_outputs(&finished.out(), variant);
        }
    }
}

#[test]
fn clean_hours_gives_the_expected_results() {
    gives_what_is_expected("clean-hours");
}

#[test]
fn the_nao_index_is_the_same_with_1_2_and_8_threads() {
    gives_what_is_expected("nao-index");
}

#[test]
fn the_similarity_screen_is_the_same_however_the_library_is_cut() {
    gives_what_is_expected("similarity-screen");
}

#[test]
fn a_pipeline_of_plain_commands_gives_what_plain_python_gives() {
    gives_what_is_expected("bring-your-own");
}

#[test]
fn kernels_of_ones_own_give_what_numpy_gives() {
    gives_what_is_expected("own-cuda");
}

#[test]
fn every_example_is_tested_here() {
    let mut found: Vec<String> = std::fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, TESTED);
}

/// The North Atlantic Oscillation of the winters that everyone remembers, and the share of variance
/// that each pattern explains, at 5 degrees.
#[test]
fn the_winters_of_1963_1989_and_2010_have_their_known_index() {
    let example = Example::named("nao-index");
    let finished = run(&example, &example.expected.runs[0], "2");
    let read = |name: &str| table(&std::fs::read_to_string(finished.out().join(name)).unwrap());
    let index = read("index.csv");
    assert_eq!(index[0], ["year", "index"]);
    assert_eq!(index.len(), 1 + 65);
    for (year, expected) in [("1989", 2.3233), ("2010", -2.9822), ("1963", -1.4076)] {
        let row = index.iter().find(|row| row[0] == year).unwrap();
        let found: f64 = row[1].parse().unwrap();
        assert!(
            (found - expected).abs() < 5.1e-5,
            "{year}: {found}, expected {expected}"
        );
    }
    let variance = read("variance.csv");
    let share = |row: usize| -> f64 { variance[row][1].parse().unwrap() };
    assert!((share(1) - 0.412_246).abs() < 1e-6, "{variance:?}");
    assert!((share(2) - 0.182_722).abs() < 1e-6, "{variance:?}");
    assert_eq!(finished.json["outputs"]["index"]["rows"], 65);
}

/// The scores of an example's run, in the order of rows.
fn scores(finished: &Finished) -> Vec<(f64, f64)> {
    let rows = table(&std::fs::read_to_string(finished.out().join("scores.csv")).unwrap());
    let column = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
    let (score, rmsd) = (column("score"), column("rmsd"));
    rows[1..]
        .iter()
        .map(|row| (row[score].parse().unwrap(), row[rmsd].parse().unwrap()))
        .collect()
}

#[track_caller]
fn assert_scores(found: &[(f64, f64)], expected: &[(f64, f64)]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((score, rmsd), (wanted, away)) in found.iter().zip(expected) {
        let fits = (score - wanted).abs() < 1e-3 && (rmsd - away).abs() < 1e-4;
        assert!(fits, "{found:?}, expected {expected:?}");
    }
}

#[test]
fn poses_have_the_same_scores_however_they_are_cut() {
    gives_what_is_expected("pose-rescoring");
}

/// Poses as Vina wrote them. The first is close to the crystal's, the others are elsewhere.
#[test]
fn docked_models_are_rescored_from_their_own_file() {
    let example = Example::named("pose-rescoring");
    let poses = example.folder.join("data/1iep_redocked.pdbqt");
    let finished = rescored(&example, &[("poses", &poses)], "rows: 2");
    let expected = [
        (-13.223_71, 0.899_10),
        (-10.925_24, 12.311_93),
        (-11.227_90, 12.149_49),
    ];
    assert_scores(&scores(&finished), &expected);
}

/// Farnesyltransferase with its zinc.
#[test]
fn a_receptor_with_a_metal_gives_its_known_score() {
    let file = |name: &str| scene::shared(&format!("data/science/chem/{name}"));
    let files = (file("1s63_receptor.pdbqt"), file("1s63_ligand.pdbqt"));
    let (Some(receptor), Some(ligand)) = files else {
        return;
    };
    let example = Example::named("pose-rescoring");
    let params = [
        ("receptor", &receptor),
        ("ligand", &ligand),
        ("poses", &ligand),
    ];
    assert_scores(
        &scores(&rescored(&example, &params, "rows: 667")),
        &[(-8.272_17, 0.0)],
    );
}

/// Runs the example pose-rescoring with other files.
fn rescored(example: &Example, params: &[(&str, &PathBuf)], rows: &str) -> Finished {
    let scene = Scene::new();
    let mut variant = Variant::default();
    variant.replace.insert("rows: 667".into(), rows.into());
    example.copy_to(scene.path(), &variant);
    let params: Vec<String> = params
        .iter()
        .map(|(name, path)| format!("{name}={}", path.display()))
        .collect();
    let mut arguments = vec!["--home", "home", "--out", "out", "--format", "csv"];
    arguments.extend(params.iter().flat_map(|param| ["-p", param.as_str()]));
    let json = scene.run(&arguments).expect(0).json();
    assert_eq!(json["status"], "succeeded", "{json}");
    Finished { scene, json }
}
