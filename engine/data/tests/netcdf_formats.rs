//! NetCDF of every format, type and layout, compared with the netCDF4 library for Python, which
//! made the files and `expected.json` (see `netcdf/make.py`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use proptest::prelude::*;
use sunward_data::netcdf::{self, GRID_KEY, Grid, GridReader, NetcdfError};
use sunward_workflows::model::GridRows;

const FILES: [&str; 9] = [
    "classic.nc",
    "offset64.nc",
    "cdf5.nc",
    "nc4classic.nc",
    "nc4.nc",
    "chunks.nc",
    "groups.nc",
    "described.nc",
    "stations.nc",
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/netcdf")
        .join(name)
}

/// By `FILE:VARIABLE`, the values in the file's order. Missing ones are null.
fn expected() -> BTreeMap<String, Vec<Option<f64>>> {
    serde_json::from_str(&std::fs::read_to_string(file("expected.json")).unwrap()).unwrap()
}

fn load(path: &Path, variable: &str, rows: GridRows) -> (SchemaRef, RecordBatch) {
    let (schema, reader) = netcdf::read(path, Some(variable), rows).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let all = arrow::compute::concat_batches(&schema, &batches).unwrap();
    (schema, all)
}

/// The column `value`, row after row; `None` for NaN.
fn values(batch: &RecordBatch) -> Vec<Option<f64>> {
    let array = batch.column_by_name("value").unwrap();
    let array = array
        .as_fixed_size_list_opt()
        .map_or(array, |list| list.values());
    let array = arrow::compute::cast(array, &DataType::Float64).unwrap();
    let values = array.as_primitive::<Float64Type>().values().to_vec();
    values
        .into_iter()
        .map(|value| (!value.is_nan()).then_some(value))
        .collect()
}

fn is_near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        // Values that are packed in float32 or read as float32 have seven digits.
        (Some(a), Some(b)) => (a - b).abs() <= 1e-7 * a.abs().max(b.abs()),
        (a, b) => a == b,
    }
}

#[track_caller]
fn assert_near(found: &[Option<f64>], expected: &[Option<f64>], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(is_near(*a, *b), "{what}, value {at}: {a:?}, expected {b:?}");
    }
}

#[test]
fn every_format_type_and_layout_is_read_as_by_netcdf4_python() {
    let expected = expected();
    assert!(expected.len() > 50);
    for (what, known) in &expected {
        let (name, variable) = what.split_once(':').unwrap();
        let (_, by_time) = load(&file(name), variable, GridRows::Time);
        assert_near(&values(&by_time), known, what);
        // Rows of cells have the same numbers transposed.
        let (_, by_cell) = load(&file(name), variable, GridRows::Cell);
        let (times, cells) = (by_time.num_rows(), by_cell.num_rows());
        let levels = known.len() / times / cells;
        let turned = values(&by_cell);
        for (at, value) in known.iter().enumerate() {
            let (time, level, cell) = (at / (levels * cells), at / cells % levels, at % cells);
            let place = cell * times * levels + time * levels + level;
            assert!(is_near(turned[place], *value), "{what}, value {at}");
        }
    }
}

#[test]
fn what_is_written_has_the_same_values_coordinates_and_metadata() {
    let folder = tempfile::tempdir().unwrap();
    for what in expected().keys() {
        let (name, variable) = what.split_once(':').unwrap();
        for rows in [GridRows::Time, GridRows::Cell] {
            let (schema, batch) = load(&file(name), variable, rows);
            let copy = folder.path().join("copy.nc");
            let batches = [Ok::<_, ArrowError>(batch.clone())];
            netcdf::write(&copy, &schema, batches).unwrap();
            let own = variable.rsplit('/').next().unwrap();
            let (again, back) = load(&copy, own, rows);
            assert_eq!(
                batch.columns()[..batch.num_columns() - 1],
                back.columns()[..back.num_columns() - 1],
                "{what}"
            );
            assert_eq!(values(&batch), values(&back), "{what}");
            assert_eq!(schema.fields(), again.fields(), "{what}");
            let grid =
                |schema: &SchemaRef| -> Grid { Grid::parse(&schema.metadata()[GRID_KEY]).unwrap() };
            let (before, after) = (grid(&schema), grid(&again));
            // Cells that are not on a grid are numbered, and their positions are described.
            let without_fill = |mut grid: Grid| {
                grid.fill_value = None;
                grid.coordinates.remove("cell_id");
                for (name, coordinate) in &mut grid.coordinates {
                    let is_of_cells = matches!(&coordinate.dims[..], [dim] if dim == "cell_id");
                    if is_of_cells {
                        coordinate.dims = vec!["station".to_owned()];
                    }
                    if name == "lat" || name == "lon" {
                        coordinate.standard_name = None;
                    }
                }
                grid
            };
            assert_eq!(without_fill(before), without_fill(after), "{what}");
        }
    }
}

#[test]
fn what_is_no_number_is_refused_by_its_kind() {
    for (variable, expected) in [
        ("name", "holds text"),
        ("pairs", "a compound or list"),
        ("lists", "a compound or list"),
    ] {
        let error = netcdf::probe(&file("groups.nc"), Some(variable), GridRows::Time);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("groups.nc"),
            "{error}"
        );
    }
}

fn grid_of(schema: &SchemaRef) -> Grid {
    Grid::parse(&schema.metadata()[GRID_KEY]).unwrap()
}

#[test]
fn bounds_of_times_texts_and_names_of_numbers_are_kept() {
    let (schema, _) = load(&file("described.nc"), "t", GridRows::Time);
    let grid = grid_of(&schema);
    assert_eq!(
        grid.coordinates["sector"].texts,
        ["Rockall", "Färöer", "", "Fair Isle"]
    );
    assert_eq!(
        grid.squeezed["scenario"].text.as_deref(),
        Some("historical")
    );
    let bounds = &grid.time.as_ref().unwrap().bounds;
    let lengths: Vec<f64> = bounds.iter().map(|[_, from, to]| to - from).collect();
    assert_eq!(lengths, [31.0, 28.0, 31.0]);
    let (schema, batch) = load(&file("described.nc"), "cover", GridRows::Time);
    assert_eq!(values(&batch)[..2], [Some(-1.0), Some(300.0)]);
    let attributes = grid_of(&schema).attributes;
    assert_eq!(attributes["flag_meanings"], "open_sea ice land");
    assert_eq!(attributes["flag_values"], "-1 0 300");
    let (schema, _) = load(&file("stations.nc"), "tas", GridRows::Cell);
    assert_eq!(
        grid_of(&schema).coordinates["station_name"].texts[1],
        "Bjørnøya"
    );
    // If there is other data, an enumeration is not chosen.
    let alone = netcdf::probe(&file("described.nc"), None, GridRows::Time);
    assert!(alone.is_ok());
}

#[test]
fn rows_that_were_picked_keep_the_bounds_of_their_times_and_the_names_of_their_cells() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.nc");
    let picked = |name: &str, variable: &str, rows: GridRows| {
        let (schema, batch) = load(&file(name), variable, rows);
        let last = batch.slice(batch.num_rows() - 1, 1);
        netcdf::write(&copy, &schema, [Ok::<_, ArrowError>(last)]).unwrap();
        grid_of(&load(&copy, variable, rows).0)
    };
    let time = picked("described.nc", "t", GridRows::Time).time.unwrap();
    // The reference time is chosen so that the days of this one row are whole.
    assert_eq!(time.units, "days since 2001-01-01 12:00:00");
    assert_eq!(time.bounds, [[74.0, 58.5, 89.5]]);
    let cells = picked("stations.nc", "tas", GridRows::Cell);
    assert_eq!(cells.coordinates["station_name"].texts, ["Hopen"]);
    assert_eq!(cells.time.unwrap().bounds.len(), 2);
}

#[test]
fn a_variable_of_a_group_is_found_with_its_coordinates() {
    for name in ["model/run1/ta", "/model/run1/ta", "ta"] {
        let (schema, batch) = load(&file("groups.nc"), name, GridRows::Time);
        let grid: Grid = Grid::parse(&schema.metadata()[GRID_KEY]).unwrap();
        assert_eq!(grid.variable, "ta");
        assert_eq!(grid.dims, ["level", "lat", "lon"]);
        // The level is in the enclosing group, and the rest in the file's root.
        let level = &grid.coordinates["level"];
        assert_eq!(level.values, [Some(850.0), Some(500.0)]);
        assert_eq!(grid.lat, Some(vec![-10.0, 20.5]));
        assert_eq!(grid.time.unwrap().calendar, "noleap");
        assert_eq!(grid.file_attributes["title"], "strings");
        assert_eq!(batch.num_rows(), 3);
    }
    let (schema, _) = netcdf::probe(&file("groups.nc"), None, GridRows::Time).unwrap();
    assert_eq!(
        schema.fields().len(),
        3,
        "it is the only variable of numbers on a grid"
    );
}

#[test]
fn missing_values_keep_the_file_s_own_mark() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["classic.nc", "nc4.nc"] {
        let (schema, batch) = load(&file(name), "filled", GridRows::Time);
        let grid: Grid = Grid::parse(&schema.metadata()[GRID_KEY]).unwrap();
        let mark = f64::from(1e20_f32);
        let fill = grid.fill_value.unwrap();
        assert!((fill / mark - 1.0).abs() < 1e-15, "{fill}");
        let copy = folder.path().join("copy.nc");
        netcdf::write(&copy, &schema, [Ok::<_, ArrowError>(batch)]).unwrap();
        let bytes = std::fs::read(copy).unwrap();
        // The attribute and the one missing value.
        let mark = 1e20_f32.to_be_bytes();
        assert_eq!(bytes.windows(4).filter(|four| *four == mark).count(), 2);
    }
}

#[test]
fn large_whole_numbers_are_not_rounded_unseen() {
    use arrow::array::{ArrayRef, Int64Array, UInt64Array};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.nc");
    let largest = 1_i64 << 53;
    let write = |column: ArrayRef| {
        let batch = RecordBatch::try_from_iter_with_nullable([("n", column, true)]).unwrap();
        netcdf::write(&path, &batch.schema(), [Ok::<_, ArrowError>(batch)])
    };
    let unsigned = |n: i64| std::sync::Arc::new(UInt64Array::from(vec![n.unsigned_abs()]));
    for n in [0, 1, largest, -largest] {
        write(std::sync::Arc::new(Int64Array::from(vec![n]))).unwrap();
        write(unsigned(n)).unwrap();
    }
    for n in [largest + 1, -largest - 1, i64::MAX] {
        let error = write(std::sync::Arc::new(Int64Array::from(vec![n]))).unwrap_err();
        assert!(
            error.to_string().contains(&format!("{n} would be rounded")),
            "{error}"
        );
        assert!(write(unsigned(n)).is_err());
    }
}

fn read_all(bytes: &[u8], rows: GridRows) -> Result<usize, NetcdfError> {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let mut most = 0;
    for batch in GridReader::new(file, "damaged.nc", Some("filled"), rows)? {
        most = most.max(batch?.get_array_memory_size());
    }
    Ok(most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Damage anywhere in a file of any format gives an error or a table, without a panic and
    /// without more memory than a whole file of 256 MiB may take.
    #[test]
    fn damage_ends_in_an_error_or_a_table(
        name in prop::sample::select(&FILES[..5]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        keep in 0.2_f64..1.2,
        by_cell in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(file(name)).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
        bytes.truncate((bytes.len() as f64 * keep) as usize);
        let rows = if by_cell { GridRows::Cell } else { GridRows::Time };
        if let Ok(most) = read_all(&bytes, rows) {
            prop_assert!(most < 300 << 20, "{} bytes", most);
        }
    }
}

/// Files from others, if they are available.
fn shared() -> Vec<(PathBuf, &'static str)> {
    let root = std::env::var("SUNWARD_SHARED").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let climate = root.join("data/science/climate");
    [
        ("hgt_djf.nc", "z"),
        ("basin_mask.nc", "basin"),
        ("CanESM2_1950-2100.nc", "tasmax"),
        ("ahccd_1950-2013.nc", "tasmax"),
        ("E1_north_america.nc", "air_temperature"),
        ("tas.sresb1.giss_model_e_r.run1.atm.da.nc", "tas"),
        ("tas_Amon_CanESM2_rcp85_r1i1p1_200701-200712.nc", "tas"),
    ]
    .into_iter()
    .map(|(name, variable)| (climate.join(name), variable))
    .filter(|(path, _)| path.exists())
    .collect()
}

#[test]
fn xarray_opens_what_is_written_as_it_opens_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let known = expected();
    let own = known.keys().map(|what| {
        let (name, variable) = what.split_once(':').unwrap();
        (file(name), variable)
    });
    let mut command = std::process::Command::new("python3");
    command.arg(file("by_xarray.py"));
    for (at, (path, variable)) in own.chain(shared()).enumerate() {
        let (schema, batch) = load(&path, variable, GridRows::Time);
        let copy = folder.path().join(format!("{at}.nc"));
        netcdf::write(&copy, &schema, [Ok::<_, ArrowError>(batch)]).unwrap();
        command.arg(&path).arg(variable).arg(copy);
    }
    let output = command.output();
    match output.as_ref().map(|output| output.status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(77)) | Err(_) => eprintln!("NOT RUN: python3 has no xarray and netCDF4"),
        _ => {
            let output = output.unwrap();
            panic!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
