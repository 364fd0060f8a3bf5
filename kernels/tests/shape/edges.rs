//! Molecules that cannot be overlaid: rows go to `rejects`, and tables are refused.

use arrow::array::{Float64Builder, Int32Array, StringBuilder};

use super::*;

/// The reasons, by id, for which these fits are rejected. The valid ones get overlays.
fn reasons(fits: Table) -> Vec<(String, String)> {
    let rows = fits.rows();
    let outputs = try_run(table(&molecules()[..1]), fits, &[], 1).unwrap();
    let rejects = &outputs.get("rejects").unwrap().batches[0];
    let sound = outputs.get("overlays").unwrap().rows();
    assert_eq!(sound + rejects.num_rows(), rows, "no row may vanish");
    let text = |i: usize, row: usize| rejects.column(i).as_string::<i32>().value(row).to_owned();
    (0..rejects.num_rows())
        .map(|row| (text(0, row), text(1, row)))
        .collect()
}

fn named(id: &str, xyz: &[f32]) -> Named {
    (id.to_owned(), xyz.to_vec())
}

#[test]
fn each_broken_molecule_is_rejected_with_its_reason_and_the_others_are_laid() {
    let (good, xyz) = molecules().swap_remove(3);
    let mut holed = xyz.clone();
    holed[7] = f32::NAN;
    let nanometers: Vec<f32> = xyz.iter().map(|x| x / 10.0).collect();
    let fits = [
        named(&good, &xyz),
        named("short", &xyz[..xyz.len() - 1]),
        named("holed", &holed),
        named("far", &[2e5, 0.0, 0.0]),
        named("empty", &[]),
        named("nanometers", &nanometers),
        named("last", &xyz),
    ];
    let found = reasons(table(&fits));
    let expected = [
        ("short", "numbers; expected 3 per atom"),
        (
            "holed",
            "atom 2 has a coordinate that is not a finite number",
        ),
        (
            "far",
            "more than 100000 angstrom from the origin; are these angstrom?",
        ),
        ("empty", "no atom but hydrogen"),
        ("nanometers", "multiply `xyz` by 10"),
    ];
    assert_eq!(found.len(), expected.len());
    for ((id, reason), (expected_id, part)) in found.iter().zip(expected) {
        assert!(id == expected_id && reason.contains(part), "{id}: {reason}");
    }
}

/// A molecule: its name, coordinates, symbols and radii.
type Detailed<'a> = (&'a str, &'a [f64], &'a [&'a str], &'a [f64]);

/// A table with lists of float64, symbols and radii.
fn typed(rows: &[Detailed<'_>], null_xyz: bool) -> Table {
    let [mut xyz, mut radii] = [(); 2].map(|()| ListBuilder::new(Float64Builder::new()));
    let mut elements = ListBuilder::new(StringBuilder::new());
    for (_, places, symbols, sizes) in rows {
        xyz.values().append_slice(places);
        xyz.append(!null_xyz);
        radii.values().append_slice(sizes);
        radii.append(true);
        symbols
            .iter()
            .for_each(|s| elements.values().append_value(s));
        elements.append(true);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "id",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0))),
        ),
        ("xyz", Arc::new(xyz.finish())),
        ("elements", Arc::new(elements.finish())),
        ("radii", Arc::new(radii.finish())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Table::new(batch.schema(), vec![batch])
}

const PAIR: [f64; 6] = [0.0, 0.0, 0.0, 1.5, 0.0, 0.0];

#[test]
fn hydrogens_are_left_out_and_radii_are_each_atoms_own() {
    let bare = typed(&[("a", &PAIR[..3], &["O"], &[1.5])], false);
    let hydroxyl = typed(&[("b", &PAIR, &["O", "H"], &[1.5, 1.1])], false);
    let outputs = try_run(bare.clone(), hydroxyl, &[], 1).unwrap();
    assert_eq!(
        column(&outputs.get("overlays").unwrap().batches[0], "st"),
        [1.0]
    );
    // Two single Gaussians at one point, computed by hand.
    let larger = typed(&[("c", &PAIR[..3], &["C"], &[1.9])], false);
    let outputs = try_run(bare, larger, &[("starts", Value::Int(0))], 1).unwrap();
    let found = f64::from(column(&outputs.get("overlays").unwrap().batches[0], "volume")[0]);
    let exponent = |s: f64| {
        std::f64::consts::PI
            * (3.0 * 2.7 / (4.0 * std::f64::consts::PI * s.powi(3))).powf(2.0 / 3.0)
    };
    let sum = exponent(1.5) + exponent(1.9);
    let expected = 2.7 * 2.7 * (std::f64::consts::PI / sum).powf(1.5);
    assert!(
        (found - expected).abs() < 1e-5 * expected,
        "{found} {expected}"
    );
}

#[test]
fn lists_that_do_not_belong_together_are_rejected() {
    let fits = typed(
        &[
            ("radii", &PAIR, &["C", "C"], &[1.7]),
            ("elements", &PAIR, &["C"], &[1.7, 1.7]),
            ("size", &PAIR, &["C", "C"], &[1.7, -1.0]),
            ("hydrogen", &PAIR, &["H", "H"], &[1.1, 1.1]),
        ],
        false,
    );
    let found: Vec<String> = reasons(fits)
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(
        found,
        [
            "`radii` has 1 entries for 2 atoms",
            "`elements` has 1 entries for 2 atoms",
            "atom 1 has radius -1; expected 0.1 to 10 angstrom",
            "it has no atom but hydrogen",
        ]
    );
    let null = typed(&[("null", &PAIR, &["C", "C"], &[1.7, 1.7])], true);
    assert_eq!(reasons(null)[0].1, "`xyz` is null, or contains a null");
}

#[test]
fn a_reference_that_cannot_be_used_ends_the_task_before_any_work() {
    let good = &molecules()[..1];
    let bad = [good[0].clone(), named("bad", &[0.0, f32::INFINITY, 0.0])];
    let error = try_run(table(&bad), table(good), &[], 1)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "input `references`: row 1 cannot be used: atom 0 has a coordinate that is not a finite \
         number; expected references that are all valid; remove or repair this row"
    );
}

#[test]
fn empty_tables_give_empty_tables() {
    let good = &molecules()[..1];
    for (references, fits) in [(&good[..0], good), (good, &good[..0])] {
        let outputs = try_run(table(references), table(fits), &[], 1).unwrap();
        assert_eq!(outputs.get("overlays").unwrap().rows(), 0);
        assert_eq!(outputs.get("rejects").unwrap().rows(), 0);
    }
    let none = Table::new(table(good).schema, Vec::new());
    let outputs = try_run(table(good), none, &[], 1).unwrap();
    assert_eq!(outputs.get("overlays").unwrap().schema.fields().len(), 11);
}

#[test]
fn one_atom_and_a_straight_line_are_molecules_too() {
    let line = [0.0, 0.0, 0.0, 1.2, 0.0, 0.0, 2.4, 0.0, 0.0];
    let upright = [5.0, 5.0, 1.0, 5.0, 5.0, 2.2, 5.0, 5.0, 3.4];
    let st = column(
        &overlays(&[named("line", &line)], &[named("up", &upright)], 4),
        "st",
    );
    assert!(st[0] > 0.9999, "{st:?}");
    let st = column(
        &overlays(&[named("one", &line[..3])], &[named("far", &[9.0; 3])], 1),
        "st",
    );
    assert!(st[0] > 0.9999, "{st:?}");
}

#[test]
fn columns_of_other_types_and_missing_ones_are_named() {
    let good = molecules();
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let wrong = RecordBatch::try_from_iter([("id", Arc::clone(&ids)), ("xyz", numbers)]).unwrap();
    let error = try_run(
        table(&good),
        Table::new(wrong.schema(), vec![wrong]),
        &[],
        1,
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`xyz` of input `fits` is Int32, but must be list<float32>"),
        "{error}"
    );
    let lone = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let error = try_run(Table::new(lone.schema(), vec![lone]), table(&good), &[], 1);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("input `references` has no column `xyz`"),
        "{error}"
    );
}
