//! NetCDF as gridded tables, in and out.
//!
//! Read [`read`] first: a variable of a file becomes rows by the convention below. The crate
//! `netcdf-reader` reads the bytes of all formats (classic, 64-bit offset, CDF-5, NetCDF-4); what
//! they mean by CF is this room's. [`write()`] is the inverse and writes CDF-2, which all tools read.
//! [`probe`] says columns and rows without reading data.
//!
//! A variable of a group is called `group/name`; the name alone does where it is the only one.
//!
//! # The convention for gridded tables
//!
//! One row per independent index, everything else in one `arrow.fixed_shape_tensor`. NaN is missing
//! inside a tensor; there are no Arrow nulls. Dimensions of length one are squeezed away and noted.
//! Which dimension is which follows CF: `axis`, `standard_name`, `units`, then usual names. Latitude
//! and longitude are always the last two dimensions, under the names `lat` and `lon`.
//!
//! - **`rows: time`**: `time`, `year` (int32), `value` (tensor over space, as `tensor<float64>[lat, lon]`).
//!   `time` is `timestamp[ms]` (UTC) in the calendars `standard`, `gregorian` and
//!   `proleptic_gregorian`; in others (`noleap`, `360_day` …) it is `int32`, days since the moment
//!   that its units name (`float64` where days are not whole). Where units cannot be
//!   decoded, `time` keeps the file's numbers as `float64` and there is no `year`. A field without
//!   time is one row of `value` alone.
//! - **`rows: cell`**: `cell_id` (int32, latitude-major), `lat`, `lon` (float32), `value` (tensor over time).
//!
//! An enumeration is read as its numbers; its names are `flag_meanings` among the attributes.
//!
//! `value` is float32 or float64: floats as stored, packed integers as CF says, whole numbers of 8
//! and 16 bits as float32, wider ones as float64. A variable without further dimensions gives a plain number per row.
//!
//! The field `time` carries CF `units` and `calendar` as metadata, `value` carries `units`,
//! `long_name` and `standard_name`. Everything else is in the schema's metadata under the key
//! [`GRID_KEY`] (`sunward.grid`), as JSON (see [`Grid`]; absent fields are left out):
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
//! `dims` names the tensor's dimensions in order (`["time"]` for `rows: cell`, where `time.values`
//! holds the times in `units`). `time.bounds` has time, begin and end of each time, so that rows find
//! theirs however they were picked. A coordinate of text has `texts` in place of `values`. Bounds of axes are given when the file has them and cells touch: n + 1 edges.
//! A kernel that changes the grid writes the changed object; other keys it carries on.
//!
//! A tensor's storage is a `FixedSizeList` whose child is called `item` and nullable, as other Arrow
//! implementations write it; the child never holds a null.

mod along;
mod axes;
mod calendar;
mod columns;
mod draft;
mod encode;
mod error;
mod file;
mod grid;
mod header;
mod hyperslab;
mod layout;
mod packing;
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

pub use error::NetcdfError;
pub use grid::{Coordinate, GRID_KEY, Grid, Squeezed, TimeAxis};
pub use reader::GridReader;

/// Opens a variable of a NetCDF file as a gridded table: its schema, and its batches as they
/// are read, a few megabytes each. Without a name the file must have one variable only.
pub fn read(
    path: &Path,
    variable: Option<&str>,
    rows: GridRows,
) -> Result<(SchemaRef, GridReader), NetcdfError> {
    let name = path.display().to_string();
    let file = open_regular(path).map_err(|source| NetcdfError::Io {
        path: name.clone(),
        doing: "opening it",
        source,
    })?;
    let reader = GridReader::new(file, &name, variable, rows)?;
    Ok((reader.schema(), reader))
}

/// The schema and the number of rows that [`read`] would give; reads the header and coordinates only.
pub fn probe(
    path: &Path,
    variable: Option<&str>,
    rows: GridRows,
) -> Result<(SchemaRef, u64), NetcdfError> {
    let (schema, reader) = read(path, variable, rows)?;
    Ok((schema, reader.rows()))
}

/// Writes a table of numbers as NetCDF (CDF-2) with CF metadata, and gives the number of rows. A
/// gridded table becomes the variable it came from; in other tables rows are the unlimited dimension.
///
/// The file at `path` is replaced and is whole only when this returns: write beside and rename.
pub fn write<E>(
    path: &Path,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, E>>,
) -> Result<u64, NetcdfError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let name = path.display().to_string();
    let file = File::create(path).map_err(|source| NetcdfError::Io {
        path: name.clone(),
        doing: "creating it",
        source,
    })?;
    write_to(file, &name, schema, batches)
}

/// As [`write`], to a file that is open; `name` is what messages call it.
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
