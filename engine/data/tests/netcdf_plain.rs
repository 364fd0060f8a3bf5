//! Tables without a grid: written as NetCDF and read back, they are as they were.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, RecordBatch, TimestampMillisecondArray, UInt8Array, UInt16Array,
    UInt32Array,
};
use arrow::datatypes::{Float64Type, Int32Type};
use proptest::prelude::*;
use sunward_data::netcdf;
use sunward_data::{NoMemory, SourceOptions, Store};

/// Writes a table, reads the file as an input, and returns its rows.
fn returned(batch: &RecordBatch) -> RecordBatch {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("t.nc");
    let batches = [Ok::<_, arrow_schema::ArrowError>(batch.clone())];
    netcdf::write(&path, &batch.schema(), batches).unwrap();
    let store = Store::open(home.path(), None).unwrap();
    let source = path.to_str().unwrap();
    let dataset = store
        .read_source(source, &SourceOptions::default(), &NoMemory)
        .unwrap();
    store.table(&dataset).unwrap().read(None).unwrap()
}

fn assert_returns(columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let back = returned(&batch);
    assert_eq!(
        back.num_columns(),
        batch.num_columns(),
        "{:?}",
        back.schema()
    );
    for (at, field) in batch.schema().fields().iter().enumerate() {
        assert_eq!(back.schema().field(at).name(), field.name());
        // Numbers that are NaN are equal here, and zeros with other signs are not.
        assert_eq!(
            back.column(at).to_data(),
            batch.column(at).to_data(),
            "{field:?}"
        );
    }
}

/// Numbers that stand for missing values somewhere, and others.
fn odd_whole() -> impl Strategy<Value = i32> {
    prop_oneof![
        Just(i32::MIN),
        Just(-2_147_483_647),
        Just(-2_147_483_646),
        Just(i32::MAX),
        Just(0),
        any::<i32>()
    ]
}

fn odd_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(9.969_209_968_386_869e36),
        Just(9.969_209_968_386_869e36 / 2.0),
        Just(f64::INFINITY),
        Just(-0.0),
        Just(1e20),
        -1e300_f64..1e300
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_column_returns_as_it_was(
        rows in proptest::collection::vec(
            (
                proptest::option::of(odd_whole()),
                proptest::option::of(odd_number()),
                proptest::option::of(any::<i16>()),
                proptest::option::of(any::<u32>()),
                proptest::option::of(-(1_i64 << 53)..(1_i64 << 53)),
                proptest::option::of(any::<bool>()),
            ),
            1..70,
        )
    ) {
        let single = |number: f64| {
            let fill = 9.969_21e36_f32;
            if number > 1e30 && number < 1e37 { fill } else { 0.5 }
        };
        assert_returns(vec![
            ("i32", Arc::new(rows.iter().map(|r| r.0).collect::<Int32Array>())),
            ("f64", Arc::new(rows.iter().map(|r| r.1).collect::<Float64Array>())),
            ("f32", Arc::new(rows.iter().map(|r| r.1.map(single)).collect::<Float32Array>())),
            ("i16", Arc::new(rows.iter().map(|r| r.2).collect::<Int16Array>())),
            ("u16", Arc::new(rows.iter().map(|r| r.2.map(i16::unsigned_abs)).collect::<UInt16Array>())),
            ("u32", Arc::new(rows.iter().map(|r| r.3).collect::<UInt32Array>())),
            ("i64", Arc::new(rows.iter().map(|r| r.4).collect::<Int64Array>())),
            ("bool", Arc::new(rows.iter().map(|r| r.5).collect::<BooleanArray>())),
            ("lat", Arc::new(rows.iter().map(|r| r.1).collect::<Float64Array>())),
        ]);
    }
}

#[test]
fn bytes_instants_and_odd_names_return() {
    let times = TimestampMillisecondArray::from(vec![Some(0), None, Some(1_600_000_000_123)]);
    assert_returns(vec![
        ("year", Arc::new(Int32Array::from(vec![2000, 2001, 2002]))),
        ("time", Arc::new(times.clone())),
        ("made", Arc::new(times.with_timezone("UTC"))),
        (
            "i8",
            Arc::new(Int8Array::from(vec![Some(-128), None, Some(127)])),
        ),
        (
            "a/b",
            Arc::new(UInt8Array::from(vec![Some(0), None, Some(255)])),
        ),
    ]);
    assert_returns(vec![(
        "one",
        Arc::new(Int32Array::from(vec![Some(1), None])),
    )]);
}

#[test]
fn a_column_since_a_day_that_does_not_exist_is_refused_by_name() {
    let day: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let batch = RecordBatch::try_from_iter([("x", day)]).unwrap();
    let field = batch
        .schema()
        .field(0)
        .clone()
        .with_metadata([("units", "days since 2001-02-30")]);
    let schema = Arc::new(arrow_schema::Schema::new(vec![field]));
    let batch = batch.with_schema(Arc::clone(&schema)).unwrap();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("t.nc");
    netcdf::write(&path, &schema, [Ok::<_, arrow_schema::ArrowError>(batch)]).unwrap();
    let store = Store::open(home.path(), None).unwrap();
    let options = SourceOptions::default();
    let error = store.read_source(path.to_str().unwrap(), &options, &NoMemory);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`x`") && error.contains("2001-02-30"),
        "{error}"
    );
}

#[test]
fn not_a_number_is_not_missing() {
    let numbers = Float64Array::from(vec![Some(f64::NAN), None, Some(1.0)]);
    let batch = RecordBatch::try_from_iter([("x", Arc::new(numbers) as ArrayRef)]).unwrap();
    let back = returned(&batch);
    let column = back.column(0).as_primitive::<Float64Type>();
    assert!(column.is_valid(0) && column.value(0).is_nan());
    assert!(column.is_null(1) && column.value(2) == 1.0);
}

#[test]
fn a_value_like_the_usual_fill_value_is_no_missing_one() {
    let values: Vec<Option<i32>> = (-2_147_483_647..-2_147_483_600).map(Some).collect();
    let values = [values, vec![None, Some(7)]].concat();
    let batch =
        RecordBatch::try_from_iter([("x", Arc::new(Int32Array::from(values.clone())) as ArrayRef)])
            .unwrap();
    let back = returned(&batch);
    let found: Vec<Option<i32>> = back.column(0).as_primitive::<Int32Type>().iter().collect();
    assert_eq!(found, values);
}
