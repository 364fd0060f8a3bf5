//! Several NetCDF files as one table: they must be on one grid, and their times are one axis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

#[allow(dead_code, reason = "shared with the tests of formats")]
mod bench;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Float64Array, Int32Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type, TimestampMillisecondType};
use arrow_schema::{DataType, Field, Schema};
use bench::Bench;
use serde_json::{Value, json};
use sunward_core::Dataset;
use sunward_data::SourceOptions;
use sunward_data::netcdf::{GRID_KEY, Grid};
use sunward_workflows::Form;

/// A series with a value a day, and what a test changes of it.
struct Series {
    units: &'static str,
    calendar: &'static str,
    days: Vec<i32>,
    grid: fn(&mut Value),
}

impl Series {
    fn of(units: &'static str, calendar: &'static str, days: &[i32]) -> Self {
        Self {
            units,
            calendar,
            days: days.to_vec(),
            grid: |_| {},
        }
    }

    /// As a table with bounds of its times: each day until the next.
    fn batch(&self) -> RecordBatch {
        let bounds: Vec<[i32; 3]> = self.days.iter().map(|d| [*d, *d, d + 1]).collect();
        let mut grid = json!({
            "variable": "tas", "units": "K", "dims": [],
            "time": { "name": "time", "units": self.units, "calendar": self.calendar, "bounds": bounds },
        });
        (self.grid)(&mut grid);
        let metadata: HashMap<String, String> = [
            ("units".to_owned(), self.units.to_owned()),
            ("calendar".to_owned(), self.calendar.to_owned()),
        ]
        .into();
        let fields = vec![
            Field::new("time", DataType::Int32, true).with_metadata(metadata),
            Field::new("value", DataType::Float64, true),
        ];
        let metadata = HashMap::from([(GRID_KEY.to_owned(), grid.to_string())]);
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let time: ArrayRef = Arc::new(Int32Array::from(self.days.clone()));
        let value: ArrayRef = Arc::new(Float64Array::from_iter_values(
            self.days.iter().copied().map(f64::from),
        ));
        RecordBatch::try_new(schema, vec![time, value]).unwrap()
    }
}

/// Writes each series as a NetCDF file, and reads it again as users' files are read.
fn read(bench: &Bench, all: &[Series]) -> Vec<Dataset> {
    let each = all.iter().enumerate().map(|(index, series)| {
        let file = bench.path(&format!("{index}.nc"));
        let table = bench.table(&series.batch());
        bench
            .store
            .export(&table, &file, Form::Netcdf, None)
            .unwrap();
        let source = file.display().to_string();
        bench.read_with(&source, &SourceOptions::default()).unwrap()
    });
    each.collect()
}

fn all_of(bench: &Bench, dataset: &Dataset) -> RecordBatch {
    bench.store.table(dataset).unwrap().read(None).unwrap()
}

#[test]
fn times_that_count_from_another_date_are_the_same_times_when_joined() {
    let bench = Bench::new();
    for calendar in ["noleap", "standard"] {
        let years = [
            Series::of("days since 2000-01-01", calendar, &[0, 1]),
            Series::of("days since 2001-01-01", calendar, &[0, 1]),
            Series::of("hours since 2001-01-01", calendar, &[48, 72]),
        ];
        let datasets = read(&bench, &years);
        let joined = bench.store.concat(&datasets).unwrap();
        let batch = all_of(&bench, &joined);
        let time = batch.column_by_name("time").unwrap();
        let days: Vec<i64> = match time.data_type() {
            DataType::Int32 => {
                let days = time.as_primitive::<Int32Type>().values().iter();
                days.map(|day| i64::from(*day)).collect()
            }
            _ => {
                let moments = time.as_primitive::<TimestampMillisecondType>().values();
                let first = moments[0];
                moments.iter().map(|ms| (ms - first) / 86_400_000).collect()
            }
        };
        let year = if calendar == "noleap" { 365 } else { 366 };
        assert_eq!(
            days,
            [0, 1, year, year + 1, year + 2, year + 3],
            "{calendar}"
        );
        // Written as one file, each time has its own bounds.
        let file = bench.path(&format!("{calendar}.nc"));
        bench
            .store
            .export(&joined, &file, Form::Netcdf, None)
            .unwrap();
        let source = file.display().to_string();
        let again = bench.read_with(&source, &SourceOptions::default()).unwrap();
        let schema = bench.store.table(&again).unwrap().schema().clone();
        let grid = Grid::parse(&schema.metadata()[GRID_KEY]).unwrap();
        let year = f64::from(i32::try_from(year).unwrap());
        let first = [0.0, 1.0, year, year + 1.0];
        let mut expected: Vec<[f64; 3]> = first.iter().map(|d| [*d, *d, d + 1.0]).collect();
        // The last file counts hours, and bounds of one hour.
        let hour = 1.0 / 24.0;
        expected.extend([2.0, 3.0].map(|d| [year + d, year + d, year + d + hour]));
        let found = grid.time.unwrap().bounds;
        assert_eq!(found.len(), expected.len(), "{calendar}: {found:?}");
        for (a, b) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((a - b).abs() < 1e-6, "{calendar}: {found:?}");
        }
        // A selection of columns keeps the bounds of all files too.
        let columns = ["time".to_owned(), "value".to_owned()];
        let selected = bench.store.select(&joined, &columns).unwrap();
        let schema = bench.store.table(&selected).unwrap().schema().clone();
        let grid = Grid::parse(&schema.metadata()[GRID_KEY]).unwrap();
        assert_eq!(grid.time.unwrap().bounds.len(), 6, "{calendar}");
        let value = batch.column_by_name("value").unwrap();
        assert_eq!(value.as_primitive::<Float64Type>().len(), 6);
    }
}

#[test]
fn what_cannot_be_joined_is_refused_with_what_differs() {
    let days = |grid: fn(&mut Value)| Series {
        grid,
        ..Series::of("days since 2000-01-01", "noleap", &[0, 1])
    };
    let cases: [(Series, &[&str]); 3] = [
        (
            days(|grid| grid["units"] = json!("degC")),
            &["`value`", "degC", "`K`"],
        ),
        (
            Series::of("days since 2000-01-01", "360_day", &[0, 1]),
            &["`time`", "360_day", "noleap"],
        ),
        (
            Series::of("days since 2000-01-01 12:00:00", "360_day", &[0, 1]),
            &["`time`", "360_day", "noleap"],
        ),
    ];
    for (other, words) in cases {
        let bench = Bench::new();
        let datasets = read(&bench, &[days(|_| {}), other]);
        let error = bench
            .store
            .concat(&datasets)
            .expect_err(words[1])
            .to_string();
        for word in words {
            assert!(error.contains(word), "no {word} in: {error}");
        }
    }
}

/// Grids of tables, which are tested without files since their values do not matter.
#[test]
fn tables_on_other_grids_are_refused() {
    let of = |change: fn(&mut Value)| Series {
        grid: change,
        ..Series::of("days since 2000-01-01", "noleap", &[0, 1])
    };
    fn on(grid: &mut Value, lat: [f64; 2], level: f64) {
        grid["lat"] = json!(lat);
        grid["lon"] = json!([0.0, 1.0]);
        grid["dims"] = json!(["level", "lat", "lon"]);
        grid["coordinates"] = json!({
            "level": { "dims": ["level"], "values": [level] },
            "expver": { "dims": ["time"], "values": [level, level] },
        });
    }
    let first = of(|grid| on(grid, [10.0, 20.0], 500.0));
    let bench = Bench::new();
    let joined = |other: Series| {
        let tables = [&first, &other].map(|series| bench.table(&series.batch()));
        bench
            .store
            .concat(&tables)
            .map_err(|error| error.to_string())
    };
    let single = of(|grid| {
        on(grid, [10.000_000_1, 20.0], 500.0);
        grid["coordinates"]["expver"]["values"] = json!([7.0, 8.0]);
    });
    joined(single).expect("the same grid in single precision, with other values along time");
    let south = joined(of(|grid| on(grid, [-10.0, -20.0], 500.0))).unwrap_err();
    assert!(south.contains("`lat`") && south.contains("grid"), "{south}");
    let above = joined(of(|grid| on(grid, [10.0, 20.0], 250.0))).unwrap_err();
    assert!(above.contains("`level`"), "{above}");
}
