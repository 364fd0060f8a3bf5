//! Mistakes of users, and edge cases.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float64Array, Int32Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Schema};
use sunward_kernels::{Inputs, Table};
use sunward_workflows::value::Value;

use crate::{close, field, numbers, run, run_on, text, values};

fn small(values: Vec<f64>) -> Table {
    field(&[0.0, 60.0], &[0.0, 10.0], 2000, values, false)
}

fn message(kernel: &str, table: &Table, with: &[(&str, Value)]) -> String {
    let inputs = Inputs::new().with("field", table.clone());
    run_on(kernel, &inputs, with, 1).unwrap_err().to_string()
}

/// The rows with other metadata.
fn described(table: &Table, grid: Option<&str>) -> Table {
    let metadata = grid.map(|g| ("sunward.grid".to_owned(), g.to_owned()));
    let schema = Schema::new_with_metadata(
        table.schema.fields().clone(),
        metadata
            .into_iter()
            .collect::<std::collections::HashMap<_, _>>(),
    );
    Table::from_columns(schema, table.batches[0].columns().to_vec()).unwrap()
}

#[test]
fn a_field_without_a_grid_or_with_a_broken_one_is_refused_in_words() {
    let table = small(vec![1.0; 4]);
    let with = [("grid", text("r8x4"))];
    let say = |grid: Option<&str>| message("regrid_apply", &described(&table, grid), &with);
    assert!(
        say(None).contains("does not name its grid"),
        "{}",
        say(None)
    );
    assert!(say(Some("no json")).contains("not a JSON object"));
    let say = |grid: &str| message("regrid_apply", &described(&table, Some(grid)), &with);
    assert!(say(r#"{"dims":["time"]}"#).contains(r#"has dims ["time"]"#));
    assert!(say(r#"{"dims":["lat","lon"],"lat":[0,60]}"#).contains("has no `lon`"));
    let bad = r#"{"dims":["lat","lon"],"lat":[0,95],"lon":[0,10]}"#;
    assert!(
        say(bad).contains("has a `lat` that is beyond a pole"),
        "{}",
        say(bad)
    );
    let bad = r#"{"dims":["lat","lon"],"lat":[0,60],"lon":[0,0]}"#;
    assert!(
        say(bad).contains("not strictly rising or falling"),
        "{}",
        say(bad)
    );
    let bad = r#"{"dims":["lat","lon"],"lat":[0,30,60],"lon":[0,10]}"#;
    assert!(say(bad).contains("hold 4 values, but its grid has 3 latitudes and 2 longitudes"));
}

#[test]
fn the_target_grid_must_be_named_whole_and_once() {
    let table = small(vec![1.0; 4]);
    let say = |with: &[(&str, Value)]| message("regrid_apply", &table, with);
    assert!(
        say(&[]).contains("parameter `grid` of kernel `regrid_apply` is null, but must be given")
    );
    assert!(say(&[("grid", text("5deg"))]).contains("`rNXxNY`"));
    assert!(say(&[("xfirst", Value::Int(0))]).contains("parameter `xinc`"));
    let both = [("grid", text("r8x4")), ("xsize", Value::Int(3))];
    assert!(say(&both).contains("left out where `grid` names the target"));
    let beyond = [
        ("xfirst", Value::Int(0)),
        ("xinc", Value::Int(5)),
        ("xsize", Value::Int(3)),
        ("yfirst", Value::Int(80)),
        ("yinc", Value::Int(20)),
        ("ysize", Value::Int(3)),
    ];
    assert!(
        say(&beyond).contains("this axis is beyond a pole"),
        "{}",
        say(&beyond)
    );
}

#[test]
fn weights_of_another_grid_or_beyond_the_grids_are_refused() {
    let table = small(vec![1.0; 4]);
    let other = field(&[0.0, 50.0], &[0.0, 10.0], 2000, vec![1.0; 4], false);
    let with = [("grid", text("r8x4"))];
    let weights = run("regrid_weights", &other, &with).unwrap();
    let inputs = Inputs::new()
        .with("field", table.clone())
        .with("weights", weights);
    let error = run_on("regrid_apply", &inputs, &[], 1)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("made for a grid with other coordinates"),
        "{error}"
    );
    let weights = described(&run("regrid_weights", &table, &with).unwrap(), None);
    let inputs = Inputs::new().with("field", table).with("weights", weights);
    assert!(run_on("regrid_apply", &inputs, &with, 1).is_ok());
    let error = run_on("regrid_apply", &inputs, &[("grid", text("r2x2"))], 1).unwrap_err();
    assert!(error.to_string().contains("dst from 0 to 3"), "{error}");
}

#[test]
fn weights_that_are_no_numbers_or_not_there_are_refused() {
    let table = small(vec![1.0; 4]);
    let say = |columns: Vec<(&str, ArrayRef)>| {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let inputs = Inputs::new()
            .with("field", table.clone())
            .with("weights", Table::new(batch.schema(), vec![batch]));
        let error = run_on("regrid_apply", &inputs, &[("grid", text("r2x2"))], 1);
        error.unwrap_err().to_string()
    };
    let cells = || -> ArrayRef { Arc::new(Int32Array::from(vec![0, 1])) };
    let weights = |w: Vec<Option<f64>>| -> ArrayRef { Arc::new(Float64Array::from(w)) };
    for wrong in [Some(f64::NAN), Some(f64::INFINITY), None] {
        let w = weights(vec![Some(1.0), wrong]);
        let error = say(vec![("src", cells()), ("dst", cells()), ("w", w)]);
        assert!(
            error.contains("row 1 links src 1 to dst 1") && error.contains("w a finite number"),
            "{error}"
        );
    }
    let far: ArrayRef = Arc::new(Int32Array::from(vec![0, -1]));
    let w = || weights(vec![Some(1.0); 2]);
    let error = say(vec![("src", far), ("dst", cells()), ("w", w())]);
    assert!(error.contains("src from 0 to 3"), "{error}");
    let error = say(vec![("src", cells()), ("w", w())]);
    assert!(error.contains("has no column `dst`"), "{error}");
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let error = say(vec![("src", cells()), ("dst", words), ("w", w())]);
    assert!(
        error.contains("`dst` of input `weights` is Utf8"),
        "{error}"
    );
}

#[test]
fn a_value_that_is_no_tensor_or_null_is_refused_and_infinities_are_values() {
    let table = small(vec![1.0; 4]);
    let with = [("grid", text("r2x2"))];
    let schema = Schema::new_with_metadata(
        vec![arrow_schema::Field::new("value", DataType::Int32, true)],
        table.schema.metadata().clone(),
    );
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let flat = Table::from_columns(schema, vec![numbers]).unwrap();
    let error = message("regrid_apply", &flat, &with);
    assert!(
        error.contains("`value` of input `field` is Int32, but must be tensor<"),
        "{error}"
    );
    let field = table.schema.field(1).clone();
    let DataType::FixedSizeList(item, size) = field.data_type().clone() else {
        panic!("a tensor");
    };
    let holes = Float64Array::from(vec![Some(1.0), None, Some(1.0), Some(1.0)]);
    let lists: ArrayRef = Arc::new(FixedSizeListArray::new(item, size, Arc::new(holes), None));
    let schema = Schema::new_with_metadata(vec![field], table.schema.metadata().clone());
    let holed = Table::from_columns(schema, vec![lists]).unwrap();
    let error = message("regrid_apply", &holed, &with);
    assert!(
        error.contains("null in row 0; write missing values as NaN"),
        "{error}"
    );
    // If all cells are missing, no target has a value. An infinite cell makes its targets infinite.
    let with = [("grid", text("r2x2")), ("min_valid", Value::Int(0))];
    let none = values(&run("regrid_apply", &small(vec![f64::NAN; 4]), &with).unwrap());
    assert!(none.iter().all(|x| x.is_nan()), "{none:?}");
    let most = small(vec![f64::INFINITY, 1.0, f64::NAN, 1.0]);
    let found = values(&run("regrid_apply", &most, &with).unwrap());
    // Targets of the other half of the globe have no source.
    assert_eq!([found[0], found[2]], [f64::INFINITY; 2]);
    assert!(found[1].is_nan() && found[3].is_nan(), "{found:?}");
}

#[test]
fn no_rows_give_no_rows_on_the_new_grid() {
    let table = small(vec![1.0; 4]);
    let empty = Table::new(Arc::clone(&table.schema), vec![]);
    let full = run("regrid_apply", &table, &[("grid", text("r8x4"))]).unwrap();
    let none = run("regrid_apply", &empty, &[("grid", text("r8x4"))]).unwrap();
    assert_eq!((none.rows(), none.schema), (0, full.schema));
    assert_eq!(run("anomaly", &empty, &[]).unwrap().rows(), 0);
    assert!(message("eof", &empty, &[]).contains("it has 0 rows; expected at least 2 times"));
}

#[test]
fn an_anomaly_leaves_gaps_out_of_the_mean_and_weighs_by_latitude() {
    let gap = f64::NAN;
    let table = small(vec![1.0, 2.0, 3.0, gap, 3.0, gap, 5.0, gap]);
    let found = values(&run("anomaly", &table, &[]).unwrap());
    assert_eq!(&found[..3], [-1.0, 0.0, -1.0]);
    assert!(found[3].is_nan() && found[5].is_nan() && found[7].is_nan());
    let found = values(&run("anomaly", &table, &[("weight", text("sqrt_cos_lat"))]).unwrap());
    close(found[0], -1.0, 0.0);
    close(found[2], -(0.5_f64.sqrt()), 1e-15);
}

#[test]
fn an_anomaly_may_be_relative_to_some_years() {
    let table = small([1.0, 2.0, 6.0].iter().flat_map(|&x| [x; 4]).collect());
    let with = [
        ("base_from", Value::Int(2001)),
        ("base_to", Value::Int(2002)),
    ];
    let found = values(&run("anomaly", &table, &with).unwrap());
    assert_eq!(
        found,
        [-3.0, -2.0, 2.0]
            .iter()
            .flat_map(|&x| [x; 4])
            .collect::<Vec<_>>()
    );
    let none = [
        ("base_from", Value::Int(1990)),
        ("base_to", Value::Int(1995)),
    ];
    let error = message("anomaly", &table, &none);
    assert!(
        error.contains("within the years there are, 2000 to 2002"),
        "{error}"
    );
}

#[test]
fn one_pattern_that_comes_and_goes_is_all_the_variance() {
    // x(t, s) = a(t) p(s), a of mean 0; the gap at the last cell is left out.
    let (a, p) = ([1.0, -3.0, 2.0], [2.0, -1.0, 4.0]);
    let rows = a
        .iter()
        .flat_map(|a| p.iter().map(move |p| a * p).chain([f64::NAN]));
    let inputs = Inputs::new().with("field", small(rows.collect()));
    let with = [
        ("n", Value::Int(2)),
        ("anchor_lat", Value::Int(0)),
        ("anchor_lon", Value::Int(370 - 15)),
    ];
    let outputs = run_on("eof", &inputs, &with, 2).unwrap();
    let deviation = 7.0_f64.sqrt();
    let variance = outputs.get("variance").unwrap();
    close(numbers(variance, "fraction")[0], 1.0, 1e-12);
    close(numbers(variance, "eigenvalue")[0], 21.0 * 7.0, 1e-9);
    for (found, a) in numbers(outputs.get("index").unwrap(), "index")
        .iter()
        .zip(a)
    {
        close(*found, a / deviation, 1e-12);
    }
    let pattern = values(outputs.get("patterns").unwrap());
    for (found, p) in pattern.iter().zip(p) {
        close(*found, p * deviation, 1e-12);
    }
    assert!(pattern[3].is_nan());
    assert_eq!(numbers(outputs.get("pcs").unwrap(), "pc2").len(), 3);
}

#[test]
fn an_eof_needs_rows_modes_cells_and_an_anchor_that_are_there() {
    let gap = f64::NAN;
    let table = small(vec![1.0, 2.0, 3.0, gap, 3.0, 1.0, 5.0, gap]);
    assert!(message("eof", &table, &[("n", Value::Int(3))]).contains("at most 2"));
    let half = [("anchor_lat", Value::Int(60))];
    assert!(message("eof", &table, &half).contains("parameter `anchor_lon`"));
    let anchor = [
        ("n", Value::Int(1)),
        ("anchor_lat", Value::Int(60)),
        ("anchor_lon", Value::Int(10)),
    ];
    let error = message("eof", &table, &anchor);
    assert!(
        error.contains("the anchor at 60 N, 10 E is missing in some row"),
        "{error}"
    );
    let error = message("eof", &small(vec![gap; 8]), &[("n", Value::Int(1))]);
    assert!(
        error.contains("every cell is missing in some row"),
        "{error}"
    );
}
