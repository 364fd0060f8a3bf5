//! `vina_score` compared with its formulas in double precision over all pairs without cells, for
//! any division of the input and any number of threads, and with bad input.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, ListArray,
    StringArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Float32Type, Int64Type};
use arrow_schema::{DataType, Field, Schema};
use proptest::prelude::*;
use sunward_kernels::{Context, Inputs, KernelError, Outputs, Params, Table, library};
use sunward_workflows::value::Value;

const TERMS: [&str; 5] = ["gauss1", "gauss2", "repulsion", "hydrophobic", "hydrogen"];
const WEIGHTS: [f64; 5] = [-0.035_579, -0.005_156, 0.840_245, -0.035_069, -0.587_439];

/// Name, radius, hydrophobic, donor, acceptor: an independent copy of the table in Vina's
/// `atom_constants.h`.
const TYPES: [(&str, f64, bool, bool, bool); 12] = [
    ("C_H", 1.9, true, false, false),
    ("C_P", 1.9, false, false, false),
    ("N_P", 1.8, false, false, false),
    ("N_D", 1.8, false, true, false),
    ("N_DA", 1.8, false, true, true),
    ("O_A", 1.7, false, false, true),
    ("O_DA", 1.7, false, true, true),
    ("S_P", 2.0, false, false, false),
    ("F_H", 1.5, true, false, false),
    ("Br_H", 2.0, true, false, false),
    ("Met_D", 1.2, false, true, false),
    ("H", 0.0, false, false, false),
];

type Place = [f64; 3];

/// A molecule: the numbers of its types, and its places.
#[derive(Clone, Debug)]
struct Molecule {
    types: Vec<usize>,
    places: Vec<Place>,
}

impl Molecule {
    fn table(&self) -> Table {
        let words: Vec<&str> = self.types.iter().map(|&t| TYPES[t].0).collect();
        molecule(&self.places, &words, Some(3.5))
    }
}

fn molecule(places: &[Place], words: &[&str], rotors: Option<f64>) -> Table {
    let values: ArrayRef = Arc::new(Float64Array::from(places.concat()));
    let words: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
    let columns = vec![
        ("xyz", list(&values, &[values.len()])),
        ("xs_type", list(&words, &[words.len()])),
        ("rotors", Arc::new(Float64Array::from(vec![rotors]))),
    ];
    table(columns)
}

fn list(values: &ArrayRef, lengths: &[usize]) -> ArrayRef {
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    Arc::new(ListArray::new(item, offsets, Arc::clone(values), None))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
    let field =
        |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    Table::from_columns(
        schema,
        columns.into_iter().map(|(_, array)| array).collect(),
    )
    .unwrap()
}

/// Poses of any lengths as `list<float32>`.
fn poses(poses: &[Vec<f32>]) -> Table {
    let values: ArrayRef = Arc::new(Float32Array::from(poses.concat()));
    let lengths: Vec<usize> = poses.iter().map(Vec::len).collect();
    table(vec![
        ("pose_id", ids(poses.len())),
        ("xyz", list(&values, &lengths)),
    ])
}

fn ids(n: usize) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((100..).take(n)))
}

fn run_with(
    inputs: &Inputs,
    with: &[(&str, Value)],
    threads: usize,
) -> Result<Outputs, KernelError> {
    let kernel = library().get("vina_score").unwrap();
    let with = with
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    kernel.run(
        inputs,
        &Params::resolve(kernel.entry(), with)?,
        &Context::new(threads),
    )
}

fn run(receptor: Table, ligand: Table, poses: Table) -> Result<Outputs, KernelError> {
    let inputs = Inputs::new()
        .with("receptor", receptor)
        .with("ligand", ligand)
        .with("poses", poses);
    run_with(&inputs, &[], 1)
}

fn message(result: Result<Outputs, KernelError>) -> String {
    result.expect_err("it must be refused").to_string()
}

fn numbers(outputs: &Outputs, column: &str) -> Vec<f32> {
    let table = outputs.get("scores").unwrap();
    let batches = table.batches.iter();
    batches
        .flat_map(|batch| {
            let array = batch.column_by_name(column).unwrap();
            array.as_primitive::<Float32Type>().values().to_vec()
        })
        .collect()
}

fn rejects(outputs: &Outputs) -> Vec<(i64, String)> {
    let batch = &outputs.get("rejects").unwrap().batches[0];
    let ids = batch
        .column(0)
        .as_primitive::<Int64Type>()
        .values()
        .to_vec();
    let reasons = batch.column(1).as_string::<i32>();
    ids.into_iter()
        .zip(reasons.iter().map(|reason| reason.unwrap().to_owned()))
        .collect()
}

/// The five terms by definition.
fn terms(receptor: &Molecule, ligand: &Molecule, pose: &[f32]) -> [f64; 5] {
    let mut sums = [0.0; 5];
    let ramp = |bad: f64, good: f64, x: f64| ((x - bad) / (good - bad)).clamp(0.0, 1.0);
    for (&a, place) in ligand.types.iter().zip(pose.as_chunks::<3>().0) {
        for (&b, other) in receptor.types.iter().zip(&receptor.places) {
            let (one, two) = (TYPES[a], TYPES[b]);
            let r = (0..3)
                .map(|axis| (f64::from(place[axis]) - other[axis]).powi(2))
                .sum::<f64>()
                .sqrt();
            if one.0 == "H" || two.0 == "H" || r >= 8.0 {
                continue;
            }
            let d = r - one.1 - two.1;
            sums[0] += (-(d / 0.5).powi(2)).exp();
            sums[1] += (-((d - 3.0) / 2.0).powi(2)).exp();
            sums[2] += if d < 0.0 { d * d } else { 0.0 };
            sums[3] += if one.2 && two.2 {
                ramp(1.5, 0.5, d)
            } else {
                0.0
            };
            let bond = (one.3 && two.4) || (one.4 && two.3);
            sums[4] += if bond { ramp(0.0, -0.7, d) } else { 0.0 };
        }
    }
    sums
}

fn molecules(atoms: std::ops::Range<usize>, half: f64) -> impl Strategy<Value = Molecule> {
    let place = prop::array::uniform3(-half..half);
    prop::collection::vec((0..TYPES.len(), place), atoms).prop_map(|atoms| {
        let (mut types, mut places): (Vec<_>, Vec<_>) = atoms.into_iter().unzip();
        // One atom of each is heavy, and two are not at one place, so that nothing is refused.
        types.extend([0, 1]);
        places.extend([[0.0; 3], [12.0, 0.0, 0.0]]);
        Molecule { types, places }
    })
}

/// Poses of the ligand, moved by these shifts.
fn moved(ligand: &Molecule, shifts: &[Place]) -> Vec<Vec<f32>> {
    let shifted = |shift: &Place| {
        let places = ligand.places.iter();
        places
            .flat_map(|place| (0..3).map(move |axis| (place[axis] + shift[axis]) as f32))
            .collect()
    };
    shifts.iter().map(shifted).collect()
}

fn shifts(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Place>> {
    prop::collection::vec(prop::array::uniform3(-25.0..25.0_f64), n)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn terms_and_scores_follow_their_formulas(
        receptor in molecules(60..300, 14.0),
        ligand in molecules(1..20, 6.0),
        shifts in shifts(1..6),
    ) {
        let all = moved(&ligand, &shifts);
        let outputs = run(receptor.table(), ligand.table(), poses(&all)).unwrap();
        prop_assert_eq!(rejects(&outputs), vec![]);
        for (i, pose) in all.iter().enumerate() {
            let expected = terms(&receptor, &ligand, pose);
            for (name, expected) in TERMS.iter().zip(expected) {
                let found = f64::from(numbers(&outputs, name)[i]);
                // The tolerance covers the rounding of float32 distances of up to 8 Å.
                prop_assert!((found - expected).abs() <= 1e-4 * expected + 2e-5, "{name}: {found} {expected}");
            }
            let inter: f64 = WEIGHTS.iter().zip(expected).map(|(w, t)| w * t).sum();
            let score = inter / (1.0 + 0.058_46 * 3.5);
            let found = f64::from(numbers(&outputs, "score")[i]);
            prop_assert!((found - score).abs() <= 1e-4 * score.abs() + 2e-3, "{found} {score}");
            let shift = shifts[i].iter().map(|x| x * x).sum::<f64>().sqrt();
            prop_assert!((f64::from(numbers(&outputs, "rmsd")[i]) - shift).abs() < 1e-4);
        }
    }

    #[test]
    fn neither_cuts_nor_threads_change_a_bit(
        receptor in molecules(60..200, 14.0),
        ligand in molecules(1..12, 6.0),
        shifts in shifts(200..220),
    ) {
        let all = moved(&ligand, &shifts);
        let bits = |parts: usize, threads: usize| -> Vec<u32> {
            let mut found = Vec::new();
            for part in all.chunks(all.len().div_ceil(parts)) {
                let inputs = Inputs::new()
                    .with("receptor", receptor.table())
                    .with("ligand", ligand.table())
                    .with("poses", poses(part));
                let outputs = run_with(&inputs, &[], threads).unwrap();
                for name in ["gauss2", "inter", "score"] {
                    found.push(numbers(&outputs, name));
                }
            }
            let columns = |c: usize| found.iter().skip(c).step_by(3).flatten().map(|x| x.to_bits());
            (0..3).flat_map(columns).collect()
        };
        let whole = bits(1, 1);
        prop_assert_eq!(whole.len(), 3 * all.len());
        for (parts, threads) in [(3, 1), (17, 1), (1, 4), (3, 2)] {
            prop_assert_eq!(&bits(parts, threads), &whole, "{} parts", parts);
        }
    }
}

/// A receptor of a few atoms, and a ligand of two atoms beside it.
fn pair() -> (Table, Table, Vec<f32>) {
    let receptor = molecule(&[[0.0; 3], [4.0, 0.0, 0.0]], &["C_H", "O_A"], None);
    let ligand = molecule(
        &[[0.0, 3.8, 0.0], [4.0, 2.8, 0.0]],
        &["C_H", "N_D"],
        Some(1.0),
    );
    (receptor, ligand, vec![0.0, 3.8, 0.0, 4.0, 2.8, 0.0])
}

#[test]
fn two_atoms_that_touch_have_the_terms_that_a_pencil_gives() {
    let receptor = molecule(&[[0.0; 3]], &["C_H"], None);
    let ligand = molecule(&[[3.8, 0.0, 0.0]], &["C_H"], Some(2.0));
    let outputs = run(
        receptor,
        ligand,
        poses(&[vec![3.8, 0.0, 0.0], vec![8.0, 0.0, 0.0]]),
    )
    .unwrap();
    let near = |name: &str, row: usize, expected: f32| {
        let found = numbers(&outputs, name)[row];
        assert!(
            (found - expected).abs() < 1e-5,
            "{name}: {found}, not {expected}"
        );
    };
    near("gauss1", 0, 1.0);
    near("gauss2", 0, (-2.25_f32).exp());
    near("repulsion", 0, 0.0);
    near("hydrophobic", 0, 1.0);
    near("hydrogen", 0, 0.0);
    let inter = -0.035_579 - 0.005_156 * (-2.25_f32).exp() - 0.035_069;
    near("inter", 0, inter);
    near("score", 0, inter / 1.116_92);
    // A pair at exactly 8 Å does not count.
    near("gauss2", 1, 0.0);
    assert_eq!(numbers(&outputs, "rmsd")[1], 4.2);
}

#[test]
fn coordinates_may_be_lists_fixed_lists_and_lists_of_triples() {
    let (receptor, ligand, pose) = pair();
    let expected = numbers(
        &run(
            receptor.clone(),
            ligand.clone(),
            poses(&[pose.clone(), pose.clone()]),
        )
        .unwrap(),
        "score",
    );
    assert!(expected[0] < 0.0);
    let flat: ArrayRef = Arc::new(Float32Array::from([pose.clone(), pose].concat()));
    let wide: ArrayRef = arrow::compute::cast(&flat, &DataType::Float64).unwrap();
    let fixed = |size: i32, values: &ArrayRef| -> ArrayRef {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        Arc::new(FixedSizeListArray::new(
            item,
            size,
            Arc::clone(values),
            None,
        ))
    };
    let shapes = [
        fixed(6, &flat),
        fixed(6, &wide),
        fixed(2, &fixed(3, &flat)),
        list(&fixed(3, &wide), &[2, 2]),
    ];
    for xyz in shapes {
        let kind = xyz.data_type().to_string();
        let table = table(vec![("pose_id", ids(2)), ("xyz", xyz)]);
        let outputs = run(receptor.clone(), ligand.clone(), table).unwrap();
        assert_eq!(numbers(&outputs, "score"), expected, "{kind}");
    }
}

#[test]
fn a_pose_that_cannot_be_scored_is_set_aside_with_its_reason() {
    let (receptor, ligand, good) = pair();
    let with = |i: usize, x: f32| {
        let mut pose = good.clone();
        pose[i] = x;
        pose
    };
    let all = [
        good.clone(),
        with(1, f32::NAN),
        with(5, f32::INFINITY),
        good[..3].to_vec(),
        vec![],
        good.iter().map(|x| x / 10.0).collect(),
        good.clone(),
    ];
    let outputs = run(receptor, ligand, poses(&all)).unwrap();
    assert_eq!(numbers(&outputs, "score").len(), 2);
    let found = rejects(&outputs);
    let expected = [
        (101, "y of atom 0 (from 0) is NaN"),
        (102, "z of atom 1 (from 0) is infinite"),
        (103, "`xyz` has 3 numbers; expected 6"),
        (104, "`xyz` has 0 numbers; expected 6"),
        (105, "coordinates in nm? multiply them by 10"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((id, reason), (expected_id, text)) in found.iter().zip(expected) {
        assert_eq!(*id, expected_id);
        assert!(reason.contains(text), "{reason}");
    }
}

#[test]
fn a_null_pose_and_one_of_another_molecule_are_set_aside() {
    let (receptor, _, good) = pair();
    let words = |words: &[&str]| -> ArrayRef { Arc::new(StringArray::from(words.to_vec())) };
    let ligand = table(vec![
        (
            "xyz",
            list(
                &(Arc::new(Float32Array::from(good.clone())) as ArrayRef),
                &[6],
            ),
        ),
        ("xs_type", list(&words(&["C_H", "N_D"]), &[2])),
        ("ad_type", list(&words(&["C", "N"]), &[2])),
        ("rotors", Arc::new(Float64Array::from(vec![0.0]))),
    ]);
    let values: ArrayRef = Arc::new(Float32Array::from(
        [good.clone(), good.clone(), good].concat(),
    ));
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let nulls = NullBuffer::from(vec![true, false, true]);
    let xyz: ArrayRef = Arc::new(FixedSizeListArray::new(item, 6, values, Some(nulls)));
    let kinds = list(&words(&["C", "N", "C", "N", "N", "C"]), &[2, 2, 2]);
    let poses = table(vec![("pose_id", ids(3)), ("xyz", xyz), ("ad_type", kinds)]);
    let outputs = run(receptor, ligand, poses).unwrap();
    assert_eq!(numbers(&outputs, "score").len(), 1);
    let found = rejects(&outputs);
    assert_eq!(found[0], (101, "`xyz` is null".to_owned()));
    assert!(
        found[1]
            .1
            .contains("atom 0 (from 0) is N and the ligand's is C"),
        "{found:?}"
    );
}

#[test]
fn no_poses_give_empty_tables_with_all_columns() {
    let (receptor, ligand, _) = pair();
    let outputs = run(receptor.clone(), ligand.clone(), poses(&[])).unwrap();
    assert_eq!(outputs.get("scores").unwrap().rows(), 0);
    assert_eq!(outputs.get("scores").unwrap().schema.fields().len(), 9);
    let no_batch = Table::new(poses(&[]).schema, vec![]);
    let outputs = run(receptor, ligand, no_batch).unwrap();
    assert_eq!(outputs.get("rejects").unwrap().rows(), 0);
}

#[test]
fn a_pose_far_from_the_receptor_scores_zero() {
    let (receptor, ligand, good) = pair();
    let far: Vec<f32> = good.iter().map(|x| x + 1e30).collect();
    let apart: Vec<f32> = good.iter().map(|x| x + 500.0).collect();
    let outputs = run(receptor.clone(), ligand.clone(), poses(&[apart])).unwrap();
    assert_eq!(numbers(&outputs, "score"), [0.0]);
    // So far away that its atoms coincide in float32.
    let outputs = run(receptor, ligand, poses(&[far])).unwrap();
    assert_eq!(rejects(&outputs).len(), 1);
}

#[test]
fn one_atom_far_from_the_rest_of_a_receptor_costs_no_memory() {
    let receptor = molecule(
        &[[0.0; 3], [4.0, 0.0, 0.0], [1e7, -1e7, 1e7]],
        &["C_H", "O_A", "C_H"],
        None,
    );
    let (near, ligand, good) = pair();
    let expected = run(near, ligand.clone(), poses(std::slice::from_ref(&good))).unwrap();
    let found = run(receptor, ligand, poses(&[good])).unwrap();
    assert_eq!(numbers(&found, "score"), numbers(&expected, "score"));
}

#[test]
fn what_cannot_be_scored_at_all_is_refused_before_any_work() {
    let (receptor, ligand, good) = pair();
    let poses = poses(&[good]);
    let refused = |receptor: &Table, ligand: &Table, wanted: &str| {
        let found = message(run(receptor.clone(), ligand.clone(), poses.clone()));
        assert!(found.contains(wanted), "{found}");
    };
    let none = Table::new(Arc::clone(&receptor.schema), vec![]);
    refused(
        &none,
        &ligand,
        "input `receptor`: there are no atoms to score: it has no rows",
    );
    refused(&molecule(&[], &[], None), &ligand, "no atom but hydrogens");
    refused(
        &molecule(&[[0.0; 3]], &["H"], None),
        &ligand,
        "no atom but hydrogens",
    );
    refused(
        &molecule(&[[0.0; 3]], &["Xx"], None),
        &ligand,
        "atom 0 (from 0) has the unknown type `Xx`; expected XS types",
    );
    refused(
        &molecule(&[[f64::NAN; 3]], &["C_H"], None),
        &ligand,
        "a coordinate of atom 0 (from 0) is NaN or infinite",
    );
    refused(
        &molecule(&[[0.0; 3], [1.0; 3]], &["C_H"], None),
        &ligand,
        "`xyz` has 6 numbers, but `xs_type` has 1 words",
    );
    refused(
        &receptor,
        &molecule(&[[0.0; 3]], &["C_H"], None),
        "it does not say how many bonds can rotate",
    );
    refused(
        &receptor,
        &molecule(&[[0.0; 3]], &["C_H"], Some(-1.0)),
        "`rotors` is -1",
    );
    let infinite = [f64::NEG_INFINITY, 0.0, 0.0];
    refused(
        &receptor,
        &molecule(&[infinite], &["C_H"], Some(1.0)),
        "input `ligand`: a coordinate of atom 0 (from 0) is NaN or infinite",
    );
    refused(
        &receptor,
        &molecule(&[[0.0; 3]], &["ZZ"], Some(1.0)),
        "has the unknown type `ZZ`; expected XS types",
    );
    refused(
        &receptor,
        &molecule(&[], &[], Some(1.0)),
        "input `ligand`: there are no atoms to score",
    );
    refused(
        &receptor,
        &molecule(&[[0.0; 3]], &["C_H"], Some(f64::NAN)),
        "`rotors` is NaN",
    );
    let crowd: Vec<Place> = (0..64)
        .map(|i| [i % 4, i / 4 % 4, i / 16].map(|n| f64::from(n) * 0.15))
        .collect();
    refused(
        &molecule(&crowd, &["C_H"; 64], None),
        &ligand,
        "if these are in nm, multiply them by 10",
    );
}

#[test]
fn columns_that_are_missing_or_of_another_type_are_named() {
    let (receptor, ligand, good) = pair();
    let refused = |poses: Table, wanted: &str| {
        let found = message(run(receptor.clone(), ligand.clone(), poses));
        assert!(found.contains(wanted), "{found}");
    };
    refused(
        table(vec![("pose_id", ids(1))]),
        "input `poses` has no column `xyz`",
    );
    let bare = poses(&[good]);
    let xyz = Arc::clone(bare.batches[0].column(1));
    refused(
        table(vec![("xyz", xyz)]),
        "input `poses` has no column `pose_id`",
    );
    let wrong = table(vec![("pose_id", ids(1)), ("xyz", ids(1))]);
    refused(
        wrong.clone(),
        "column `xyz` of input `poses` is Int64, but must be a list of float32 or float64",
    );
    refused(
        Table::new(wrong.schema, vec![]),
        "column `xyz` of input `poses` is Int64",
    );
}

#[test]
fn the_parameters_count() {
    let receptor = molecule(&[[0.0; 3]], &["C_H"], None);
    let ligand = molecule(&[[5.0, 0.0, 0.0]], &["C_H"], None);
    let inputs = Inputs::new()
        .with("receptor", receptor)
        .with("ligand", ligand)
        .with("poses", poses(&[vec![5.0, 0.0, 0.0]]));
    let score = |cutoff: f64, rotors: i64| {
        let with = [
            ("cutoff", Value::Float(cutoff)),
            ("rotors", Value::Int(rotors)),
        ];
        numbers(&run_with(&inputs, &with, 1).unwrap(), "score")[0]
    };
    assert!(score(8.0, 0) < 0.0);
    assert_eq!(score(5.0, 0), 0.0);
    assert!((score(8.0, 10) * 1.5846 - score(8.0, 0)).abs() < 1e-6);
}
