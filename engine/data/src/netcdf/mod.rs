//! Reads NetCDF as gridded tables, and writes them.
//!
//! [`read`] is the place to start: a variable of a file becomes rows by the convention below. The
//! crate `netcdf-reader` reads the bytes of all formats (classic, 64-bit offset, CDF-5, NetCDF-4),
//! and this module interprets them by CF. [`write()`] is the inverse. It writes CDF-2, which all
//! tools can read. [`probe`] returns columns and the number of rows without reading data.
//!
//! A variable in a group has the name `group/name`. The name alone is enough if it is unique.
//!
//! # The convention for gridded tables
//!
//! A table has one row per independent index. Everything else is in one `arrow.fixed_shape_tensor`.
//! Missing values in a tensor are NaN, and there are no Arrow nulls. Dimensions of length one are
//! removed and recorded in the metadata. The roles of dimensions follow CF: `axis`,
//! `standard_name`, `units`, then common names. Latitude and longitude are always the last two
//! dimensions, with the names `lat` and `lon`.
//!
//! - **`rows: time`**: `time`, `year` (int32), `value` (tensor over space, as `tensor<float64>[lat, lon]`).
//!   In the calendars `standard`, `gregorian` and `proleptic_gregorian`, `time` is `timestamp[ms]` (UTC).
//!   In others (`noleap`, `360_day` …), it is the days since the moment in its units, as `int32`, or as
//!   `float64` if days are not whole. If the units cannot be decoded, `time` has the numbers of the file
//!   as `float64`, and there is no `year`. A variable without time is one row of `value` alone.
//! - **`rows: cell`**: `cell_id` (int32, latitude-major), `lat`, `lon` (float32), `value` (tensor over time).
//!
//! An enumeration is read as its numbers. Its names are the attribute `flag_meanings`.
//!
//! `value` is float32 or float64. Floats keep their type, and packed integers get the type that CF
//! specifies. Integers of 8 and 16 bits become float32, and wider ones float64. A variable without
//! further dimensions has a plain number per row.
//!
//! The field `time` has CF's `units` and `calendar` as metadata, and `value` has `units`,
//! `long_name` and `standard_name`. Everything else is in the schema's metadata under the key
//! [`GRID_KEY`] (`sunward.grid`), as JSON (see [`Grid`]). Absent fields are left out:
//!
//! ```json
//! { "variable": "z", "units": "gpm", "long_name": "…", "standard_name": "geopotential_height",
//!   "dims": ["lat", "lon"],
//!   "lat": [20.0, 22.5], "lon": [-80.0, -77.5],
//!   "lat_bounds": [18.75, 21.25, 23.75], "lon_bounds": [-81.25, -78.75, -76.25],
//!   "time": { "name": "time", "units": "hours since 1-1-1", "calendar": "standard", "values": [],
//!             "bounds": [[372.0, 0.0, 744.0]] },
//!   "coordinates": { "depth": { "dims": ["depth"], "values": [0, 10], "units": "m" } },
//!   "squeezed": { "pressure": { "value": 500.0, "units": "hPa" } },
//!   "fill_value": 1e20, "attributes": { "cell_methods": "time: mean" },
//!   "file_attributes": { "title": "…", "history": "…" } }
//! ```
//!
//! `dims` are the names of the tensor's dimensions, in order. For `rows: cell`, they are
//! `["time"]`, and `time.values` has the times in `units`. `time.bounds` has the time, begin and
//! end of each time, so that rows find their bounds after any selection. A coordinate of text has
//! `texts` instead of `values`. The bounds of an axis are n + 1 edges. They are present if the file
//! has them and they are contiguous. A kernel that changes the grid writes the changed object. It
//! must preserve keys that it does not know.
//!
//! # Other tables
//!
//! A table without a grid is written as one variable per column, along the unlimited dimension. The
//! attribute `sunward_type` names the type of the column, so that it is read back as it was. A null
//! becomes a fill value that no value of the column has, and NaN stays NaN. Files of other programs
//! with several variables along one dimension are read as such tables too.
//!
//! The storage of a tensor is a `FixedSizeList`. As in other Arrow implementations, its child is
//! named `item` and is nullable, but never holds a null.

mod along;
mod axes;
mod calendar;
mod columns;
mod description;
mod draft;
mod encode;
mod error;
mod file;
mod fill;
mod grid;
mod header;
mod history;
mod hyperslab;
mod join;
mod layout;
mod packing;
mod plain;
mod reader;
mod tensor;
mod time;
mod writer;

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use sunward_files::open_regular;
use sunward_workflows::model::GridRows;

use self::file::NetcdfFile;
use self::plain::PlainReader;

pub use error::NetcdfError;
pub use grid::{Coordinate, GRID_KEY, Grid, Squeezed, TimeAxis};
pub(crate) use join::{First, has_bounds, in_units_of, with_all_bounds};
pub use reader::GridReader;

/// An open file: its columns, the number of rows, and its batches.
pub(crate) struct Table {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: u64,
    pub(crate) batches: Box<dyn Iterator<Item = Result<RecordBatch, NetcdfError>>>,
}

/// Opens a file as a table: of a variable, as [`read`] does, or of all variables along one dimension
/// if none is named.
pub(crate) fn open(
    source: File,
    path: &str,
    variable: Option<&str>,
    rows: GridRows,
) -> Result<Table, NetcdfError> {
    let mut file = NetcdfFile::new(source, path)?;
    if variable.is_none() && rows == GridRows::Time {
        file = match PlainReader::of(file)? {
            Ok(reader) => {
                return Ok(Table {
                    schema: reader.schema(),
                    rows: reader.rows(),
                    batches: Box::new(reader),
                });
            }
            Err(file) => file,
        };
    }
    let reader = GridReader::of(file, variable, rows)?;
    Ok(Table {
        schema: reader.schema(),
        rows: reader.rows(),
        batches: Box::new(reader),
    })
}

/// Opens a variable of a NetCDF file as a gridded table. Returns its schema, and an iterator that
/// reads its batches of a few megabytes each. Without a name, the file must have a single data
/// variable.
///
/// # Errors
///
/// Fails if the file cannot be read, or the variable cannot become a table.
pub fn read(
    path: &Path,
    variable: Option<&str>,
    rows: GridRows,
) -> Result<(SchemaRef, GridReader), NetcdfError> {
    let name = sunward_files::shown(path);
    let file = open_regular(path).map_err(|source| NetcdfError::Io {
        path: name.clone(),
        doing: "opening it",
        source,
    })?;
    let reader = GridReader::new(file, &name, variable, rows)?;
    Ok((reader.schema(), reader))
}

/// Returns the schema and the number of rows that [`read`] would give. Only the header and the
/// coordinates are read.
///
/// # Errors
///
/// Fails in the same cases as [`read`].
pub fn probe(
    path: &Path,
    variable: Option<&str>,
    rows: GridRows,
) -> Result<(SchemaRef, u64), NetcdfError> {
    let (schema, reader) = read(path, variable, rows)?;
    Ok((schema, reader.rows()))
}

/// Writes a table of numbers as NetCDF (CDF-2) with CF metadata, and returns the number of rows. A
/// gridded table becomes the variable from which it was read. In other tables, rows become the
/// unlimited dimension.
///
/// The file at `path` is replaced, and is incomplete until this function returns. Write to another
/// path and rename the file if it may be read meanwhile.
///
/// # Errors
///
/// Fails if the file cannot be written, a batch is an error, or the format cannot hold the table.
pub fn write<E>(
    path: &Path,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, E>>,
) -> Result<u64, NetcdfError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let name = sunward_files::shown(path);
    let file = File::create(path).map_err(|source| NetcdfError::Io {
        path: name.clone(),
        doing: "creating it",
        source,
    })?;
    write_to(file, &name, schema, batches)
}

/// Like [`write()`], but writes to an open file. `name` names it in messages.
pub(crate) fn write_to<E>(
    file: File,
    name: &str,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, E>>,
) -> Result<u64, NetcdfError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    writer::write_to(BufWriter::new(file), name, schema, batches)
}
