//! `gaussian_shape` compared with the definition in NumPy and with RDKit's overlays, and with
//! molecules that cannot be overlaid. `oracle.py` made `cdk2.json`.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

mod edges;

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, Float32Builder, ListBuilder, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Float32Type;
use arrow_schema::{DataType, Field, Schema};
use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use proptest::prelude::*;
use serde_json::Value as Json;
use sunward_kernels::{Context, Inputs, KernelError, Outputs, Params, Table, library};
use sunward_workflows::value::Value;

/// A molecule: its name and coordinates.
type Named = (String, Vec<f32>);

static ORACLE: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("cdk2.json")).unwrap());

fn molecules() -> Vec<Named> {
    let all = ORACLE["molecules"].as_array().unwrap().iter();
    all.map(|m| (m["id"].as_str().unwrap().to_owned(), floats(&m["xyz"])))
        .collect()
}

fn floats(list: &Json) -> Vec<f32> {
    let list = list.as_array().unwrap().iter();
    list.map(|x| x.as_f64().unwrap() as f32).collect()
}

fn batch(molecules: &[Named]) -> RecordBatch {
    let mut xyz = ListBuilder::new(Float32Builder::new());
    for (_, coordinates) in molecules {
        xyz.values().append_slice(coordinates);
        xyz.append(true);
    }
    let ids = StringArray::from_iter_values(molecules.iter().map(|m| &m.0));
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let schema = Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("xyz", DataType::List(item), true),
    ]);
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(xyz.finish())];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn table(molecules: &[Named]) -> Table {
    let batch = batch(molecules);
    Table::new(batch.schema(), vec![batch])
}

fn try_run(
    references: Table,
    fits: Table,
    with: &[(&str, Value)],
    threads: usize,
) -> Result<Outputs, KernelError> {
    let kernel = library().get("gaussian_shape").unwrap();
    let inputs = Inputs::new()
        .with("references", references)
        .with("fits", fits);
    let with = with.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    let with = Params::resolve(kernel.entry(), with)?;
    kernel.run(&inputs, &with, &Context::new(threads))
}

fn overlays(references: &[Named], fits: &[Named], starts: i64) -> RecordBatch {
    let with = [("starts", Value::Int(starts))];
    let outputs = try_run(table(references), table(fits), &with, 2).unwrap();
    assert_eq!(outputs.get("rejects").unwrap().rows(), 0);
    outputs.get("overlays").unwrap().batches[0].clone()
}

fn column(rows: &RecordBatch, name: &str) -> Vec<f32> {
    let column = rows.column_by_name(name).unwrap();
    column.as_primitive::<Float32Type>().values().to_vec()
}

#[test]
fn molecules_as_they_stand_overlap_as_the_definition_says() {
    let all = molecules();
    let found = column(&overlays(&all[..1], &all, 0), "st");
    for ((found, expected), (id, _)) in found.iter().zip(floats(&ORACLE["fixed"])).zip(&all) {
        assert!((found - expected).abs() <= 1e-5, "{id}: {found} {expected}");
    }
}

#[test]
fn no_overlay_is_worse_than_rdkits_by_more_than_two_hundredths() {
    let all = molecules();
    let found = column(&overlays(&all[..1], &all, 4), "st");
    let mut sum = 0.0;
    for ((found, theirs), (id, _)) in found.iter().zip(floats(&ORACLE["overlaid"])).zip(&all) {
        assert!(*found >= theirs - 0.02, "{id}: {found}, theirs {theirs}");
        sum += f64::from(found - theirs);
    }
    assert!(
        sum > 0.0,
        "on the whole ours must be the better ones: {sum}"
    );
}

#[test]
fn more_starts_never_make_an_overlay_worse() {
    let all = molecules();
    let starts = [1, 4, 24].map(|starts| column(&overlays(&all[..2], &all[..12], starts), "st"));
    // The optimization uses single precision.
    let worse = |two: &[Vec<f32>]| {
        two[0]
            .iter()
            .zip(&two[1])
            .any(|(few, more)| few - more > 1e-5)
    };
    assert!(!starts.windows(2).any(worse), "{starts:?}");
}

#[test]
fn rotation_and_shift_lay_the_fit_where_it_overlaps_that_much() {
    let all = molecules();
    let found = overlays(&all[..1], &all[..9], 4);
    let [st, w, x, y, z, tx, ty, tz] =
        ["st", "qw", "qx", "qy", "qz", "tx", "ty", "tz"].map(|name| column(&found, name));
    let moved: Vec<Named> = (0..9)
        .map(|i| {
            let turn = UnitQuaternion::new_normalize(Quaternion::new(w[i], x[i], y[i], z[i]));
            assert!(w[i] >= 0.0 && (turn.norm() - 1.0).abs() < 1e-6);
            let shift = Vector3::new(tx[i], ty[i], tz[i]);
            let atoms = all[i].1.chunks(3);
            let atoms = atoms.flat_map(|a| {
                let [x, y, z]: [f32; 3] = (turn * Vector3::from_row_slice(a) + shift).into();
                [x, y, z]
            });
            (all[i].0.clone(), atoms.collect())
        })
        .collect();
    let again = column(&overlays(&all[..1], &moved, 0), "st");
    for (st, again) in st.iter().zip(&again) {
        assert!((st - again).abs() < 1e-4, "{st} {again}");
    }
}

#[test]
fn any_cut_of_the_fits_and_any_number_of_threads_give_the_same_rows() {
    let all = molecules();
    let with = [("starts", Value::Int(2))];
    let whole = overlays(&all[..2], &all, 2);
    for parts in [3, 17] {
        let mut rows = Vec::new();
        for part in all.chunks(all.len().div_ceil(parts)) {
            let outputs = try_run(table(&all[..2]), table(part), &with, 1).unwrap();
            rows.extend(outputs.get("overlays").unwrap().batches.clone());
        }
        assert_eq!(concat_batches(&whole.schema(), &rows).unwrap(), whole);
    }
    let batches: Vec<RecordBatch> = all.chunks(5).map(batch).collect();
    let fits = Table::new(batches[0].schema(), batches);
    let outputs = try_run(table(&all[..2]), fits, &with, 2).unwrap();
    assert_eq!(outputs.get("overlays").unwrap().batches[0], whole);
}

#[test]
fn pairs_come_fit_by_fit_and_name_both_molecules() {
    let all = molecules();
    let rows = overlays(&all[..2], &all[3..5], 0);
    let names = |column: &str| -> Vec<String> {
        let column = rows.column_by_name(column).unwrap().as_string::<i32>();
        column.iter().map(|name| name.unwrap().to_owned()).collect()
    };
    let [a, b, c, d] = [0, 1, 3, 4].map(|i| all[i].0.clone());
    assert_eq!(names("reference"), [&a, &b, &a, &b].map(Clone::clone));
    assert_eq!(names("id"), [&c, &c, &d, &d].map(Clone::clone));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_molecule_that_was_turned_and_shifted_finds_itself_again(
        which in 0_usize..47,
        axis in prop::array::uniform3(-3.0_f32..3.0),
        shift in prop::array::uniform3(-80.0_f32..80.0),
    ) {
        let (id, xyz) = molecules().swap_remove(which);
        let turn = UnitQuaternion::from_scaled_axis(Vector3::from(axis));
        let moved = xyz.chunks(3).flat_map(|a| {
            let [x, y, z]: [f32; 3] =
                (turn * Vector3::from_row_slice(a) + Vector3::from(shift)).into();
            [x, y, z]
        });
        let moved = (id.clone(), moved.collect());
        let st = column(&overlays(&[(id, xyz)], &[moved], 4), "st")[0];
        prop_assert!(st > 0.9999, "{st}");
    }
}
