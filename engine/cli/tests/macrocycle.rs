//! The score of a macrocycle, whose ring special atom types close, compared with AutoDock Vina's.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod expected;
mod scene;

use std::path::Path;

use expected::table;
use scene::Scene;

const WORKFLOW: &str = "\
name: macrocycle
stages:
  score:
    kernel: vina_score
    inputs: { receptor: ./receptor.pdbqt, ligand: ./pose.pdbqt, poses: ./pose.pdbqt }
outputs: { scores: score.scores, rejects: score.rejects }
";

/// The formula's sum over all pairs, computed by NumPy in double precision.
const EXACT: f64 = -18.066_27;
/// The energies from Vina 1.2.7 for the same coordinates: between the molecules, and in total.
const VINA: (f64, f64) = (-18.077, -8.010);

/// Vina takes the energy of a pair from a table over the square of the distance, as the mean of the
/// ends of a step. NumPy gives -18.078 that way, so the difference from the exact sum is Vina's
/// table.
#[test]
fn a_macrocycle_scores_as_the_formula_says_and_as_vina_up_to_its_table() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let scene = Scene::with(WORKFLOW);
    for (name, source) in [
        ("receptor.pdbqt", tests.join("macrocycle/receptor.pdbqt")),
        (
            "pose.pdbqt",
            tests.join("../../data/tests/pdbqt/bace_1_macrocycle.pdbqt"),
        ),
    ] {
        scene.file(name, std::fs::read(source).unwrap());
    }
    let told = scene.run(&["--out", "out", "--format", "csv"]).expect(0);
    let rows = table(&scene.text("out/scores.csv"));
    let value = |name: &str| -> f64 {
        let column = rows[0].iter().position(|column| column == name).unwrap();
        rows[1][column].parse().unwrap()
    };
    let (inter, score) = (value("inter"), value("score"));
    assert!((inter - EXACT).abs() < 1e-4 * EXACT.abs(), "{inter}");
    assert!((inter - VINA.0).abs() < 0.02, "{inter}");
    assert!((score - VINA.1).abs() < 0.01, "{score}");
    assert_eq!(table(&scene.text("out/rejects.csv")).len(), 1);
    // No row was rejected, so rejects are not mentioned.
    assert_eq!(
        told.json()["stages"]["score"]["rejects"],
        serde_json::Value::Null
    );
}
