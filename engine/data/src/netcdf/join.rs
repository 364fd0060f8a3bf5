//! Gridded tables of several files as one table: what must agree, and what is converted.
//!
//! A joined table has the schema of its first part. So other parts must be on the same grid and in
//! the same unit; times that count from another date are converted; and the bounds of all times are
//! collected in the schema.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Float64Array, Int32Array};
use arrow::datatypes::{Float64Type, Int32Type};
use arrow_schema::{DataType, Field, Schema};
use sunward_workflows::quoted;

use super::calendar::TimeUnits;
use super::columns::CELL;
use super::grid::{GRID_KEY, Grid, TimeAxis, VALUE};

/// Coordinates are equal if they differ by less than this, relative to their size or absolutely.
/// Some files store them in single precision.
const TOLERANCE: f64 = 1e-6;

/// A difference of two tables: the column or axis, what was found, and what was expected.
pub(crate) type Difference = (String, String, String);

/// The units and the grid of the first of several tables. Its grid is parsed once, because it may
/// have a million cells.
pub(crate) struct First<'a> {
    schema: &'a Schema,
    grid: Option<Grid>,
}

impl<'a> First<'a> {
    pub(crate) fn of(schema: &'a Schema) -> Self {
        Self {
            schema,
            grid: grid(schema),
        }
    }

    /// The first thing that keeps `found` from being joined to this table, whose columns are the
    /// same. Tables that say nothing of their grids and units can be joined.
    pub(crate) fn disagreement(&self, found: &Schema) -> Option<Difference> {
        let of_columns = self.schema.fields().iter().find_map(|field| {
            let other = found.field_with_name(field.name()).ok()?;
            unit_difference(other, field)
        });
        of_columns.or_else(|| {
            let rows_are_cells = self.schema.field_with_name(CELL).is_ok();
            grid_difference(&grid(found)?, self.grid.as_ref()?, rows_are_cells)
        })
    }
}

fn grid(schema: &Schema) -> Option<Grid> {
    Grid::parse(schema.metadata().get(GRID_KEY)?).ok()
}

fn unit_difference(found: &Field, expected: &Field) -> Option<Difference> {
    let is_moment = matches!(expected.data_type(), DataType::Timestamp(..));
    if is_moment || said(found, "units").is_empty() || said(expected, "units").is_empty() {
        return None;
    }
    let same = ["units", "calendar"]
        .iter()
        .all(|key| said(found, key) == said(expected, key));
    if same || conversion(found, expected).is_some() {
        return None;
    }
    let unit = |field: &Field| match said(field, "calendar") {
        "" => format!("in {}", quoted(said(field, "units"))),
        calendar => format!("in {} (calendar {calendar})", quoted(said(field, "units"))),
    };
    Some((
        expected.name().clone(),
        format!("is {}", unit(found)),
        unit(expected),
    ))
}

fn said<'a>(field: &'a Field, key: &str) -> &'a str {
    field.metadata().get(key).map_or("", |text| text.trim())
}

fn grid_difference(found: &Grid, expected: &Grid, rows_are_cells: bool) -> Option<Difference> {
    if let (Some(found), Some(expected)) = (&found.units, &expected.units)
        && found.trim() != expected.trim()
    {
        let found = format!("is in {}", quoted(found));
        return Some((VALUE.to_owned(), found, format!("in {}", quoted(expected))));
    }
    let other = |axis: &str| {
        Some((
            axis.to_owned(),
            "has other values".to_owned(),
            "the same grid".to_owned(),
        ))
    };
    for (axis, a, b) in [
        ("lat", &found.lat, &expected.lat),
        ("lon", &found.lon, &expected.lon),
    ] {
        if !are_close(a.as_deref().unwrap_or(&[]), b.as_deref().unwrap_or(&[])) {
            return other(axis);
        }
    }
    if rows_are_cells && !times_agree(found.time.as_ref(), expected.time.as_ref()) {
        return Some((
            "time".to_owned(),
            "has other times".to_owned(),
            "the same times in each file where a row is a cell (`rows: time` joins times)"
                .to_owned(),
        ));
    }
    let differs = expected.coordinates.iter().find(|(name, b)| {
        let belongs_to_rows = !b.dims.iter().all(|dim| expected.dims.contains(dim));
        let values = |list: &[Option<f64>]| -> Vec<f64> {
            list.iter().map(|v| v.unwrap_or(f64::NAN)).collect()
        };
        (rows_are_cells || !belongs_to_rows)
            && found.coordinates.get(*name).is_some_and(|a| {
                a.texts != b.texts || !are_close(&values(&a.values), &values(&b.values))
            })
    });
    differs.and_then(|(name, _)| other(name))
}

fn are_close(a: &[f64], b: &[f64]) -> bool {
    let close = |(a, b): (&f64, &f64)| {
        (a - b).abs() <= TOLERANCE * a.abs().max(1.0) || a.is_nan() && b.is_nan()
    };
    a.len() == b.len() && a.iter().zip(b).all(close)
}

fn times_agree(found: Option<&TimeAxis>, expected: Option<&TimeAxis>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => converter(
            (&found.units, &found.calendar),
            (&expected.units, &expected.calendar),
        )
        .is_some_and(|convert| {
            let values: Option<Vec<f64>> = found.values.iter().map(|v| convert(*v)).collect();
            values.is_some_and(|values| are_close(&values, &expected.values))
        }),
        (found, expected) => found.is_none() == expected.is_none(),
    }
}

/// Converts numbers of one time axis, given as units and calendar, to another. `None` if there is
/// no way.
fn converter(from: (&str, &str), to: (&str, &str)) -> Option<Box<dyn Fn(f64) -> Option<f64>>> {
    if from == to {
        return Some(Box::new(Some));
    }
    let (from, to) = (
        TimeUnits::parse(from.0, from.1)?,
        TimeUnits::parse(to.0, to.1)?,
    );
    let both_are_timestamps = from.calendar().fits_timestamps() && to.calendar().fits_timestamps();
    if from.calendar() != to.calendar() && !both_are_timestamps || to.value(0).is_none() {
        return None;
    }
    Some(Box::new(move |value| to.value(from.moment_ms(value)?)))
}

fn conversion(from: &Field, to: &Field) -> Option<Box<dyn Fn(f64) -> Option<f64>>> {
    let axis = |field| (said(field, "units"), said(field, "calendar"));
    if axis(from) == axis(to) {
        return None;
    }
    converter(axis(from), axis(to))
}

/// The times of a column in the units of another column. `None` if nothing is to be converted.
///
/// # Errors
/// Fails with the first time that the other column cannot hold: it is not a whole number there.
pub(crate) fn in_units_of(
    array: &ArrayRef,
    from: &Field,
    to: &Field,
) -> Option<Result<ArrayRef, f64>> {
    let convert = conversion(from, to)?;
    let all = |values: &[f64]| -> Result<Vec<f64>, f64> {
        values.iter().map(|v| convert(*v).ok_or(*v)).collect()
    };
    match array.data_type() {
        DataType::Float64 => {
            let times = array.as_primitive::<Float64Type>();
            let converted = all(times.values()).map(|values| {
                let array = Float64Array::new(values.into(), times.nulls().cloned());
                Arc::new(array) as ArrayRef
            });
            Some(converted)
        }
        DataType::Int32 => {
            let days = array.as_primitive::<Int32Type>();
            let values: Vec<f64> = days.values().iter().copied().map(f64::from).collect();
            let whole = |value: f64| super::packing::exact_i32(value).ok_or(value);
            let converted = all(&values).and_then(|values| {
                let days_there: Vec<i32> =
                    values.into_iter().map(whole).collect::<Result<_, _>>()?;
                let array = Int32Array::new(days_there.into(), days.nulls().cloned());
                Ok(Arc::new(array) as ArrayRef)
            });
            Some(converted)
        }
        _ => None,
    }
}

/// Whether a schema has bounds of times or axes.
pub(crate) fn has_bounds(schema: &Schema) -> bool {
    let json = schema.metadata().get(GRID_KEY);
    json.is_some_and(|json| json.contains("\"bounds\""))
}

/// The schema of the first of several parts, with the time bounds of all of them. `None` if it has
/// no bounds, or all of them already.
pub(crate) fn with_all_bounds<'a>(
    schema: &Schema,
    others: impl Iterator<Item = &'a Schema>,
) -> Option<Schema> {
    let ours = schema.metadata().get(GRID_KEY)?;
    let theirs = others.filter_map(|other| other.metadata().get(GRID_KEY));
    let theirs: BTreeSet<&String> = theirs.filter(|theirs| *theirs != ours).collect();
    if theirs.is_empty() {
        return None;
    }
    let mut grid = Grid::parse(ours).ok()?;
    let time = grid.time.as_mut().filter(|time| !time.bounds.is_empty())?;
    for other in theirs {
        let Some(other) = Grid::parse(other).ok().and_then(|grid| grid.time) else {
            continue;
        };
        let convert = converter(
            (&other.units, &other.calendar),
            (&time.units, &time.calendar),
        )?;
        for bounds in other.bounds {
            if let [Some(at), Some(from), Some(to)] = bounds.map(&convert) {
                time.bounds.push([at, from, to]);
            }
        }
    }
    time.bounds.sort_by(|a, b| a[0].total_cmp(&b[0]));
    time.bounds.dedup();
    let mut metadata = schema.metadata().clone();
    metadata.insert(GRID_KEY.to_owned(), serde_json::to_string(&grid).ok()?);
    Some(Schema::new_with_metadata(schema.fields().clone(), metadata))
}
