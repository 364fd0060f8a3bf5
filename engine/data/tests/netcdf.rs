//! Reading and writing NetCDF: real files, files made here, and damaged files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array,
    RecordBatch, TimestampMillisecondArray,
};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, TimestampMillisecondType};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use proptest::prelude::*;
use sunward_data::netcdf::{self, GRID_KEY, Grid, GridReader, NetcdfError};
use sunward_data::{NoMemory, SourceOptions, Store};
use sunward_workflows::Form;
use sunward_workflows::model::GridRows;

/// A file of the shared reference data. Prints a message and returns `None` if it does not exist.
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var("SUNWARD_SHARED").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = root.join("data/science/climate").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "NOT RUN: {} is not there (set SUNWARD_SHARED)",
        path.display()
    );
    None
}

fn load(path: &Path, variable: Option<&str>, rows: GridRows) -> (Schema, RecordBatch) {
    let (schema, reader) = netcdf::read(path, variable, rows).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let all = arrow::compute::concat_batches(&schema, &batches).unwrap();
    (schema.as_ref().clone(), all)
}

fn grid(schema: &Schema) -> Grid {
    serde_json::from_str(schema.metadata().get(GRID_KEY).unwrap()).unwrap()
}

fn doubles(batch: &RecordBatch, column: &str) -> Vec<f64> {
    let array = batch.column_by_name(column).unwrap();
    let array = array
        .as_fixed_size_list_opt()
        .map_or(array, |list| list.values());
    let array = arrow::compute::cast(array, &DataType::Float64).unwrap();
    array.as_primitive::<Float64Type>().values().to_vec()
}

fn tensor_metadata(field: &Field) -> serde_json::Value {
    let metadata = field.metadata();
    assert_eq!(
        metadata.get("ARROW:extension:name").map(String::as_str),
        Some("arrow.fixed_shape_tensor")
    );
    serde_json::from_str(metadata.get("ARROW:extension:metadata").unwrap()).unwrap()
}

#[test]
fn the_reanalysis_heights_come_as_one_tensor_a_winter() {
    let Some(path) = shared("hgt_djf.nc") else {
        return;
    };
    let (schema, batch) = load(&path, None, GridRows::Time);
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["time", "year", "value"]);
    assert_eq!(batch.num_rows(), 65);
    assert_eq!(
        tensor_metadata(schema.field(2)),
        serde_json::json!({ "shape": [29, 49], "dim_names": ["lat", "lon"] })
    );
    let storage = Field::new_list_field(DataType::Float64, true);
    assert_eq!(
        schema.field(2).data_type(),
        &DataType::FixedSizeList(Arc::new(storage), 29 * 49)
    );

    let years = batch
        .column(1)
        .as_primitive::<Int32Type>()
        .values()
        .to_vec();
    assert_eq!(years, (1948..=2012).collect::<Vec<i32>>());
    // 1948-01-15T12:00, as cftime decodes it.
    let times = batch.column(0).as_primitive::<TimestampMillisecondType>();
    assert_eq!(times.value(0), -693_057_600_000);

    // Sums and samples from the netCDF4 library for Python.
    let values = doubles(&batch, "value");
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    assert!((mean - 5_382.878_625_172_077).abs() < 1e-8, "{mean}");
    let grid = grid(&schema);
    assert_eq!(grid.variable, "z");
    assert_eq!(grid.standard_name.as_deref(), Some("geopotential_height"));
    assert_eq!(grid.dims, ["lat", "lon"]);
    assert_eq!(grid.lat.as_ref().unwrap()[..2], [20.0, 22.5]);
    assert_eq!(grid.lon.as_ref().unwrap()[..2], [-80.0, -77.5]);
    assert_eq!(grid.lat_bounds.as_ref().unwrap()[28..], [88.75, 90.0]);
    assert_eq!(grid.lon_bounds.as_ref().unwrap()[..2], [-81.25, -78.75]);
    assert_eq!(grid.squeezed["pressure"].value, Some(500.0));
    assert_eq!(grid.squeezed["pressure"].units.as_deref(), Some("hPa"));
    assert_eq!(grid.time.unwrap().units, "hours since 1-1-1 00:00:0.0");
}

#[test]
fn rows_of_cells_are_the_same_numbers_turned() {
    let Some(path) = shared("hgt_djf.nc") else {
        return;
    };
    let (_, by_time) = load(&path, Some("z"), GridRows::Time);
    let (schema, by_cell) = load(&path, Some("z"), GridRows::Cell);
    assert_eq!(by_cell.num_rows(), 29 * 49);
    assert_eq!(grid(&schema).time.unwrap().values.len(), 65);
    let a = doubles(&by_time, "value");
    let b = doubles(&by_cell, "value");
    for (cell, time) in [(0, 0), (1, 0), (49, 3), (1420, 64)] {
        assert_eq!(
            a[time * 1421 + cell].to_bits(),
            b[cell * 65 + time].to_bits()
        );
    }
    let lat = by_cell
        .column_by_name("lat")
        .unwrap()
        .as_primitive::<Float32Type>()
        .value(50);
    let lon = by_cell
        .column_by_name("lon")
        .unwrap()
        .as_primitive::<Float32Type>()
        .value(50);
    assert_eq!((lat, lon), (22.5, -77.5));
}

#[test]
fn a_series_without_a_grid_is_a_plain_number_a_row() {
    let Some(path) = shared("climdiv_prcp_1899-1999.nc") else {
        return;
    };
    let (schema, batch) = load(&path, Some("PRECT_AL_CD1"), GridRows::Time);
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    // `months since jan 1899` is not a CF unit, so the numbers stay, and there is no year.
    assert_eq!(names, ["time", "value"]);
    assert_eq!(schema.field(1).data_type(), &DataType::Float32);
    let values = doubles(&batch, "value");
    assert_eq!(values.len(), 1212);
    let mean = values.iter().sum::<f64>() / 1212.0;
    assert!((mean - 4.451_287_126_866_332).abs() < 1e-9, "{mean}");
}

#[test]
fn several_variables_are_listed_and_a_misspelt_one_is_guessed() {
    let Some(path) = shared("climdiv_prcp_1899-1999.nc") else {
        return;
    };
    let error = netcdf::probe(&path, None, GridRows::Time)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`PRECT_AL_CD1`") && error.contains("and 333 more"),
        "{error}"
    );
    assert!(error.contains("`variable:`"), "{error}");
    let error = netcdf::probe(&path, Some("PRECT_AL_CDI"), GridRows::Time)
        .unwrap_err()
        .to_string();
    assert!(error.contains("did you mean `PRECT_AL_CD"), "{error}");
}

/// A file of these bytes, open at its beginning.
fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn what_is_no_netcdf_says_how_it_starts() {
    for (bytes, found) in [
        (&b"time,value\n"[..], "`time,val`"),
        (b"", "nothing"),
        (b"CDF\x03\0\0\0\0", "`CDF\\x03"),
    ] {
        let error = GridReader::new(file_of(bytes), "x.nc", None, GridRows::Time).unwrap_err();
        assert!(matches!(error, NetcdfError::NotNetcdf { .. }), "{error}");
        assert!(error.to_string().contains(found), "{error}");
    }
}

#[test]
fn what_was_read_and_written_is_read_again_the_same() {
    let Some(path) = shared("hgt_djf.nc") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for rows in [GridRows::Time, GridRows::Cell] {
        let copy = folder.path().join("copy.nc");
        let (schema, reader) = netcdf::read(&path, None, rows).unwrap();
        let written = netcdf::write(&copy, &schema, reader).unwrap();
        let (first_schema, first) = load(&path, None, rows);
        let (second_schema, second) = load(&copy, None, rows);
        assert_eq!(written, first.num_rows() as u64);
        assert_eq!(first.columns(), second.columns());
        assert_eq!(first_schema.fields(), second_schema.fields());
        assert_eq!(grid(&first_schema), grid(&second_schema));
    }
}

#[test]
fn a_dataset_goes_to_netcdf_and_back_with_the_same_digest() {
    let Some(path) = shared("hgt_djf.nc") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store").as_path(), None).unwrap();
    let read = |path: &Path| {
        store
            .read_source(
                &path.display().to_string(),
                &SourceOptions::default(),
                &NoMemory,
            )
            .unwrap()
    };
    let dataset = read(&path);
    let copy = folder.path().join("copy.nc");
    store.export(&dataset, &copy, Form::Netcdf, None).unwrap();
    assert_eq!(read(&copy).content, dataset.content);
}

/// A gridded table as a kernel would make it: `rows` times of 2 x 3 values.
fn table(rows: i32, calendar: &str, units: &str) -> (SchemaRef, RecordBatch) {
    let grid = serde_json::json!({
        "variable": "tas", "units": "K", "dims": ["lat", "lon"],
        "lat": [10.0, 20.0], "lon": [0.0, 1.0, 2.0],
        "time": { "name": "time", "units": units, "calendar": calendar },
    });
    let list = DataType::FixedSizeList(Arc::new(Field::new_list_field(DataType::Float32, true)), 6);
    let value = Field::new("value", list, true).with_metadata([
        ("ARROW:extension:name", "arrow.fixed_shape_tensor"),
        (
            "ARROW:extension:metadata",
            r#"{"shape":[2,3],"dim_names":["lat","lon"]}"#,
        ),
    ]);
    let is_timestamp = calendar == "standard";
    let time: ArrayRef = if is_timestamp {
        Arc::new(TimestampMillisecondArray::from_iter_values(
            (0..rows).map(|t| i64::from(t) * 86_400_000),
        ))
    } else {
        Arc::new(Int32Array::from_iter_values(0..rows))
    };
    let metadata: std::collections::HashMap<String, String> = [
        ("units".to_owned(), units.to_owned()),
        ("calendar".to_owned(), calendar.to_owned()),
    ]
    .into();
    let time_field = Field::new("time", time.data_type().clone(), true).with_metadata(metadata);
    let schema = Arc::new(Schema::new_with_metadata(
        vec![time_field, value.clone()],
        [(GRID_KEY.to_owned(), grid.to_string())],
    ));
    let flat = Float32Array::from_iter_values(
        (0..rows * 6).map(|i| if i == 4 { f32::NAN } else { i as f32 }),
    );
    let DataType::FixedSizeList(item, length) = value.data_type() else {
        unreachable!()
    };
    let list =
        FixedSizeListArray::try_new(Arc::clone(item), *length, Arc::new(flat), None).unwrap();
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![time, Arc::new(list)]).unwrap();
    (schema, batch)
}

fn bytes_of(schema: &SchemaRef, batches: Vec<RecordBatch>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.nc");
    netcdf::write(&path, schema, batches.into_iter().map(Ok::<_, ArrowError>)).unwrap();
    std::fs::read(path).unwrap()
}

fn read_bytes(bytes: Vec<u8>, rows: GridRows) -> Result<Vec<RecordBatch>, NetcdfError> {
    GridReader::new(file_of(&bytes), "table.nc", None, rows)?.collect()
}

#[test]
fn batches_may_be_of_any_size_and_missing_stays_missing() {
    let (schema, batch) = table(5, "standard", "days since 1970-01-01");
    let whole = bytes_of(&schema, vec![batch.clone()]);
    let cut = bytes_of(
        &schema,
        vec![batch.slice(0, 2), batch.slice(2, 0), batch.slice(2, 3)],
    );
    assert_eq!(whole, cut);
    let back = read_bytes(whole, GridRows::Time).unwrap();
    let values = doubles(&back[0], "value");
    assert!(values[4].is_nan());
    assert_eq!(values.iter().filter(|v| v.is_nan()).count(), 1);
    assert_eq!(values[29], 29.0);
}

#[test]
fn calendars_without_leap_days_count_days_and_know_their_years() {
    let (schema, batch) = table(800, "noleap", "days since 1999-01-01 12:00:00");
    let back = read_bytes(bytes_of(&schema, vec![batch]), GridRows::Time).unwrap();
    let batch = &back[0];
    let days = batch
        .column_by_name("time")
        .unwrap()
        .as_primitive::<Int32Type>();
    assert_eq!(days.values()[..3], [0, 1, 2]);
    let years = batch
        .column_by_name("year")
        .unwrap()
        .as_primitive::<Int32Type>();
    assert_eq!(
        (years.value(364), years.value(365), years.value(730)),
        (1999, 2000, 2001)
    );
    let schema = batch.schema();
    let metadata = schema.field_with_name("time").unwrap().metadata();
    assert_eq!(
        metadata.get("units").map(String::as_str),
        Some("days since 1999-01-01 12:00:00")
    );
    assert_eq!(metadata.get("calendar").map(String::as_str), Some("noleap"));
}

#[test]
fn times_since_a_day_that_does_not_exist_are_refused_by_name() {
    for (calendar, good, bad) in [
        ("standard", "days since 2001-02-28", "days since 2001-02-30"),
        ("standard", "days since 1582-10-15", "days since 1582-10-10"),
        ("noleap", "days since 2001-02-28", "days since 2001-02-29"),
        ("noleap", "days since 2001-12-02", "days since 2001-13-02"),
    ] {
        let (schema, batch) = table(3, calendar, good);
        let mut bytes = bytes_of(&schema, vec![batch]);
        let at = bytes
            .windows(good.len())
            .position(|one| one == good.as_bytes());
        bytes[at.unwrap()..][..bad.len()].copy_from_slice(bad.as_bytes());
        for rows in [GridRows::Time, GridRows::Cell] {
            let error = read_bytes(bytes.clone(), rows).unwrap_err().to_string();
            for word in ["`time`", bad, "as: file"] {
                assert!(error.contains(word), "{error}");
            }
        }
    }
}

#[test]
fn other_tables_of_numbers_are_written_too() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("year", DataType::Int32, true),
        Field::new("index", DataType::Float64, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(1948), None])),
        Arc::new(Float64Array::from(vec![Some(0.5), None])),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let bytes = bytes_of(&schema, vec![batch]);
    let reader =
        GridReader::new(file_of(&bytes), "index.nc", Some("index"), GridRows::Cell).unwrap();
    assert_eq!(reader.rows(), 2);
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let values = doubles(&batches[0], "value");
    assert_eq!(values[0], 0.5);
    assert!(values[1].is_nan());
}

#[test]
fn text_columns_are_refused_by_name() {
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, true)]));
    let folder = tempfile::tempdir().unwrap();
    let none: Vec<Result<RecordBatch, ArrowError>> = Vec::new();
    let error = netcdf::write(&folder.path().join("x.nc"), &schema, none)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column `id`") && error.contains("Parquet"),
        "{error}"
    );
}

#[test]
fn a_file_that_was_cut_short_says_so() {
    let (schema, batch) = table(5, "standard", "days since 1970-01-01");
    let mut bytes = bytes_of(&schema, vec![batch]);
    bytes.truncate(bytes.len() - 8);
    let error = read_bytes(bytes, GridRows::Time).unwrap_err();
    assert!(matches!(error, NetcdfError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("cut short"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Any bytes are read or refused, without a panic, and with memory in proportion to the file's
    /// length.
    #[test]
    fn damaged_files_are_refused_or_read_but_never_trusted(
        changes in prop::collection::vec((0_usize..1200, any::<u8>()), 1..8),
        keep in 0.0_f64..1.3,
        by_cell in any::<bool>(),
    ) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            let (schema, batch) = table(7, "standard", "days since 1970-01-01");
            bytes_of(&schema, vec![batch])
        });
        let mut bytes = WHOLE.clone();
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
        let length = (bytes.len() as f64 * keep) as usize;
        bytes.truncate(length);
        let limit = bytes.len();
        let rows = if by_cell { GridRows::Cell } else { GridRows::Time };
        if let Ok(reader) = GridReader::new(file_of(&bytes), "damaged.nc", None, rows) {
            prop_assert!(reader.rows() <= limit as u64);
            for batch in reader.flatten() {
                // Values of one byte become floats of eight bytes, and there are more columns.
                prop_assert!(batch.get_array_memory_size() <= limit * 32 + 4096);
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A table with any batches is the same after writing and reading.
    #[test]
    fn tables_survive_the_way_out_and_back(rows in 0_i32..40, at in 0_usize..40) {
        let (schema, batch) = table(rows, "360_day", "days since 1850-01-01");
        let at = at.min(batch.num_rows());
        let bytes = bytes_of(&schema, vec![batch.slice(0, at), batch.slice(at, batch.num_rows() - at)]);
        let back = read_bytes(bytes, GridRows::Time).unwrap();
        let values: Vec<f64> = back.iter().flat_map(|b| doubles(b, "value")).collect();
        let sent = doubles(&batch, "value");
        prop_assert_eq!(values.len(), sent.len());
        for (a, b) in values.iter().zip(&sent) {
            prop_assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
        }
    }
}
