//! Converts columns of a table to variables of a NetCDF file: type, dimensions, attributes and
//! values.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{Float64Type, Int64Type, UInt64Type};
use arrow::util::display::array_value_to_string;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::along::{Along, of_cells};
use super::calendar::TimeUnits;
use super::error::NetcdfError;
use super::fill::{Fill, candidate};
use super::grid::{Coordinate, GRID_KEY, Grid, VALUE};
use super::header::{Attribute, Attributes, Kind};
use super::plain::{NAME_KEY, TYPE_KEY};
use super::tensor::Tensor;
use super::time::{TIME, YEAR};

/// The name of the column that holds the number of a cell.
pub(super) const CELL: &str = "cell_id";

/// The units of times, if the table names none or none that can be used.
const DEFAULT_UNITS: &str = "seconds since 1970-01-01 00:00:00";

/// The fill value of integers, which is the default of NetCDF libraries.
const MISSING_WHOLE: f64 = -2_147_483_647.0;

/// A column that becomes a variable.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The name in the table.
    pub(super) name: String,
    /// The name in the file.
    pub(super) file_name: String,
    pub(super) kind: Kind,
    /// The names and lengths of the tensor's dimensions. Empty for a plain number.
    pub(super) dims: Vec<(String, usize)>,
    /// The number of values per row.
    pub(super) row_length: usize,
    pub(super) attributes: Attributes,
    /// The fill value, which is written for a missing value.
    pub(super) missing: f64,
    /// Whether the table has no grid. Then NaN is a value.
    is_plain: bool,
    /// The units in which times are written. `None` for other columns.
    units: Option<TimeUnits>,
    /// If set, the values of the column are looked up here, and the result is written instead of
    /// them.
    along: Option<Along>,
}

/// The columns of a table that are written. `year` is left out, because it follows from `time`.
pub(super) fn columns(
    schema: &Schema,
    grid: &Grid,
    path: &str,
) -> Result<Vec<Column>, NetcdfError> {
    // Without a grid, `year` is a column like any other.
    let is_plain = !schema.metadata().contains_key(GRID_KEY);
    let has_time = !is_plain && schema.field_with_name(TIME).is_ok();
    let mut columns: Vec<Column> = Vec::new();
    for field in schema.fields() {
        if has_time && field.name() == YEAR {
            continue;
        }
        let mut column = Column::of(field, grid, path)?;
        column.is_plain = is_plain;
        while columns.iter().any(|c| c.file_name == column.file_name) {
            column.file_name.push('_');
        }
        if is_plain {
            column.tell_type(field);
        }
        columns.push(column);
    }
    add_along(&mut columns, grid);
    if columns.is_empty() {
        return Err(NetcdfError::Table {
            path: path.to_owned(),
            what: "it has no columns".to_owned(),
        });
    }
    Ok(columns)
}

/// Adds the variables that are looked up by time or cell: time bounds, and coordinates of stations
/// such as names.
fn add_along(columns: &mut Vec<Column>, grid: &Grid) {
    let is_plain = |column: &&mut Column, name: &str| column.name == name && column.dims.is_empty();
    let bounds = grid.time.as_ref().and_then(Along::bounds);
    let time = columns.iter_mut().find(|column| is_plain(column, TIME));
    if let (Some(time), Some(axis), Some(bounds)) = (time, &grid.time, bounds)
        && time.attributes.text("units") == Some(axis.units.as_str())
    {
        let attribute = match axis.climatology {
            true => "climatology",
            false => "bounds",
        };
        let name = format!("{TIME}_bnds");
        let text = Attribute::Text(name.clone());
        time.attributes.0.push((attribute.to_owned(), text));
        let beside = time.beside(&name, Kind::Double, ("bnds", bounds));
        columns.push(beside);
    }
    let on_grid = grid.lat.is_some() && grid.lon.is_some();
    let Some(cell) = columns
        .iter()
        .position(|c| c.name == CELL && c.dims.is_empty())
    else {
        return;
    };
    for (name, coordinate, kind, along) in of_cells(grid) {
        let known = columns.iter().position(|column| column.file_name == name);
        let is_place = known.is_some_and(|at| matches!(columns[at].name.as_str(), "lat" | "lon"));
        if on_grid || known.is_some() && !is_place {
            continue;
        }
        let length = format!("string{}", along.width());
        let mut column = columns[cell].beside(name, kind, (&length, along));
        match known {
            // The table holds positions in single precision. The grid holds them as they were in
            // the file, so these replace them.
            Some(at) => {
                column.attributes = columns[at].attributes.clone();
                column.attributes.0.retain(|(key, _)| key != "_FillValue");
                columns[at] = column;
            }
            None => {
                column.attributes = Attributes::of_texts(&described(coordinate));
                columns.push(column);
            }
        }
    }
}

/// The text attributes of a coordinate.
pub(super) fn described(coordinate: &Coordinate) -> Vec<(&str, &str)> {
    let texts = [
        ("standard_name", &coordinate.standard_name),
        ("units", &coordinate.units),
        ("calendar", &coordinate.calendar),
    ];
    let known = texts.into_iter();
    known
        .filter_map(|(key, text)| Some((key, text.as_deref()?)))
        .collect()
}

impl Column {
    /// A variable beside this column. Its values are looked up by the values of this column.
    fn beside(&self, name: &str, kind: Kind, (dim, along): (&str, Along)) -> Self {
        let width = along.width();
        let is_scalar = kind != Kind::Text && width == 1;
        Self {
            name: self.name.clone(),
            file_name: clean(name),
            kind,
            dims: match is_scalar {
                true => Vec::new(),
                false => vec![(dim.to_owned(), width)],
            },
            row_length: width,
            attributes: Attributes::default(),
            missing: f64::NAN,
            is_plain: false,
            units: self.units,
            along: Some(along),
        }
    }

    /// Whether this variable was added beside a column of the table.
    pub(super) fn is_beside(&self) -> bool {
        self.along.is_some()
    }

    fn of(field: &Field, grid: &Grid, path: &str) -> Result<Self, NetcdfError> {
        let refuse = |what: &str| NetcdfError::Column {
            path: path.to_owned(),
            column: field.name().clone(),
            what: what.to_owned(),
        };
        let (number, dims) = match field.data_type() {
            DataType::FixedSizeList(item, length) => {
                let length = usize::try_from(*length).unwrap_or(0);
                (item.data_type(), tensor_dims(field, length, grid))
            }
            other => (other, Vec::new()),
        };
        if dims.iter().any(|(_, length)| *length == 0) {
            return Err(refuse(
                "its tensor is empty; NetCDF would take that for an unlimited dimension",
            ));
        }
        let kind = match number {
            DataType::Boolean
            | DataType::Int8
            | DataType::UInt8
            | DataType::Int16
            | DataType::UInt16
            | DataType::Int32 => Kind::Int,
            DataType::Float16 | DataType::Float32 => Kind::Float,
            DataType::UInt32 | DataType::Int64 | DataType::UInt64 | DataType::Float64 => {
                Kind::Double
            }
            DataType::Timestamp(..) | DataType::Date32 if dims.is_empty() => Kind::Double,
            other => {
                return Err(refuse(&format!(
                    "its type {other} is not a number; leave it out with `columns:`, or write Arrow, Parquet or CSV"
                )));
            }
        };
        let mut column = Self {
            name: field.name().clone(),
            file_name: file_name(field.name(), grid),
            kind,
            row_length: dims.iter().map(|(_, length)| *length).product(),
            dims,
            attributes: Attributes::default(),
            missing: f64::NAN,
            is_plain: false,
            units: None,
            along: None,
        };
        column.describe(field, grid, number);
        Ok(column)
    }

    /// Adds the attributes from which the column is read back as it was.
    fn tell_type(&mut self, field: &Field) {
        let number = match field.data_type() {
            DataType::FixedSizeList(item, _) => item.data_type(),
            other => other,
        };
        let mut add = |key: &str, text: String| {
            let attribute = (key.to_owned(), Attribute::Text(text));
            self.attributes.0.push(attribute);
        };
        add(TYPE_KEY, number.to_string());
        if self.file_name != self.name {
            add(NAME_KEY, self.name.clone());
        }
        let fill = candidate(self.kind, 0);
        for (key, value) in &mut self.attributes.0 {
            if key == "_FillValue" {
                *value = Attribute::Numbers(self.kind, vec![fill]);
                self.missing = fill;
            }
        }
    }

    /// Finds a fill value for the column that none of its values has. `None` if every number of its
    /// type differs from the usual one, or it has no fill value.
    pub(super) fn fill(&self) -> Option<Fill> {
        let is_told = self.attributes.get("_FillValue").is_some();
        let is_number = self.is_plain && self.units.is_none() && self.along.is_none();
        (is_told && is_number && self.dims.is_empty()).then(|| Fill::new(self.kind))
    }

    fn describe(&mut self, field: &Field, grid: &Grid, number: &DataType) {
        let metadata = field.metadata();
        let of_value = |text: &Option<String>| text.clone().filter(|_| self.name == VALUE);
        let said = |key: &str, of_grid: &Option<String>| {
            metadata.get(key).cloned().or_else(|| of_value(of_grid))
        };
        let mut texts: Vec<(&str, String)> = [
            ("standard_name", &grid.standard_name),
            ("long_name", &grid.long_name),
        ]
        .into_iter()
        .filter_map(|(key, of_grid)| Some((key, said(key, of_grid)?)))
        .collect();
        let is_moment = matches!(number, DataType::Timestamp(..) | DataType::Date32);
        let from_grid = grid.time.as_ref().filter(|_| self.name == TIME);
        let units = said("units", &grid.units);
        let mut units = units.or_else(|| from_grid.map(|t| t.units.clone()));
        let mut calendar = metadata
            .get("calendar")
            .cloned()
            .or_else(|| from_grid.map(|t| t.calendar.clone()));
        if is_moment {
            let known = units
                .as_deref()
                .and_then(|u| TimeUnits::parse(u, calendar.as_deref().unwrap_or_default()));
            let usable = known.filter(|u| u.calendar().fits_timestamps() && u.value(0).is_some());
            if usable.is_none() {
                units = Some(DEFAULT_UNITS.to_owned());
                calendar = Some("standard".to_owned());
            }
            self.units = usable.or_else(|| TimeUnits::parse(DEFAULT_UNITS, "standard"));
        }
        texts.extend(units.filter(|u| !u.is_empty()).map(|u| ("units", u)));
        texts.extend(calendar.filter(|c| !c.is_empty()).map(|c| ("calendar", c)));
        if self.name == TIME {
            texts.retain(|(key, _)| *key != "standard_name");
            texts.extend([
                ("standard_name", "time".to_owned()),
                ("axis", "T".to_owned()),
            ]);
        }
        if matches!(self.name.as_str(), "lat" | "lon") && self.dims.is_empty() {
            let (name, unit) = if self.name == "lat" {
                ("latitude", "degrees_north")
            } else {
                ("longitude", "degrees_east")
            };
            texts.retain(|(key, _)| !matches!(*key, "standard_name" | "units"));
            texts.extend([
                ("standard_name", name.to_owned()),
                ("units", unit.to_owned()),
            ]);
        }
        let texts: Vec<(&str, &str)> = texts.iter().map(|(k, v)| (*k, v.as_str())).collect();
        self.attributes = Attributes::of_texts(&texts);
        self.missing = match self.kind {
            Kind::Int => MISSING_WHOLE,
            _ if self.name == VALUE => grid.fill_value.unwrap_or(f64::NAN),
            _ => f64::NAN,
        };
        if self.name == VALUE {
            for (name, text) in &grid.attributes {
                if self.attributes.get(name).is_none() {
                    let value = match name.as_str() {
                        "flag_values" => flags(self.kind, text),
                        _ => Attribute::Text(text.clone()),
                    };
                    self.attributes.0.push((name.clone(), value));
                }
            }
        }
        // CF forbids missing values in a coordinate, so it gets no fill value.
        if self.name != TIME {
            self.attributes.0.push((
                "_FillValue".to_owned(),
                Attribute::Numbers(self.kind, vec![self.missing]),
            ));
        }
    }

    /// The values of a batch, row by row. Nulls become the fill value.
    pub(super) fn values(&self, batch: &RecordBatch, path: &str) -> Result<Vec<f64>, NetcdfError> {
        let refuse = |what: String| NetcdfError::Column {
            path: path.to_owned(),
            column: self.name.clone(),
            what,
        };
        let array = batch
            .column_by_name(&self.name)
            .ok_or_else(|| refuse("a batch lacks it".to_owned()))?;
        let flat: ArrayRef = match array.as_fixed_size_list_opt() {
            None => ArrayRef::clone(array),
            Some(list) if list.null_count() == 0 => {
                list.values().slice(0, list.len() * self.row_length)
            }
            Some(_) => {
                return Err(refuse(
                    "a row has no tensor (null); NaN is what stands for missing".to_owned(),
                ));
            }
        };
        if let Some(units) = &self.units {
            let times = moments(&flat, units).map_err(|e| refuse(e.to_string()))?;
            return Ok(self.looked_up(times));
        }
        refuse_what_is_not_exact(&flat).map_err(refuse)?;
        let numbers = cast(&flat, &DataType::Float64).map_err(|e| refuse(e.to_string()))?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let is_missing = |value: f64| value.is_nan() && !self.is_plain;
        let known = |value: f64| {
            if is_missing(value) {
                self.missing
            } else {
                value
            }
        };
        let numbers = numbers
            .iter()
            .map(|value| value.map_or(self.missing, known))
            .collect();
        Ok(self.looked_up(numbers))
    }

    fn looked_up(&self, values: Vec<f64>) -> Vec<f64> {
        match &self.along {
            Some(along) => along.values(&values),
            None => values,
        }
    }
}

/// The values of flags. CF requires them in the type of the variable.
fn flags(kind: Kind, text: &str) -> Attribute {
    let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    match numbers {
        Ok(numbers) => Attribute::Numbers(kind, numbers),
        Err(_) => Attribute::Text(text.to_owned()),
    }
}

/// Refuses integers that would be rounded. The format has no 64-bit integers, so they are written
/// as double precision, which holds integers exactly up to 2^53.
fn refuse_what_is_not_exact(array: &ArrayRef) -> Result<(), String> {
    const LARGEST: i128 = 1 << 53;
    let large = match array.data_type() {
        DataType::Int64 => {
            let all = array.as_primitive::<Int64Type>();
            all.iter()
                .flatten()
                .map(i128::from)
                .find(|v| v.abs() > LARGEST)
        }
        DataType::UInt64 => {
            let all = array.as_primitive::<UInt64Type>();
            all.iter().flatten().map(i128::from).find(|v| *v > LARGEST)
        }
        _ => None,
    };
    match large {
        None => Ok(()),
        Some(value) => Err(format!(
            "{value} would be rounded, for the format has no whole numbers of 64 bits; write Arrow or Parquet"
        )),
    }
}

/// Times as numbers in these units. Fails for a time between two milliseconds, which would be cut.
fn moments(array: &ArrayRef, units: &TimeUnits) -> Result<Vec<f64>, arrow_schema::ArrowError> {
    let millis = cast(array, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
    let back = cast(&millis, array.data_type())?;
    let is_cut = |at: &usize| array.is_valid(*at) && array.slice(*at, 1) != back.slice(*at, 1);
    if back.as_ref() != array.as_ref()
        && let Some(at) = (0..array.len()).find(is_cut)
    {
        let shown = array_value_to_string(array, at)?;
        return Err(arrow_schema::ArrowError::CastError(format!(
            "{shown} is between two milliseconds and would be cut; write it as a number, or write Arrow or Parquet"
        )));
    }
    let millis = cast(&millis, &DataType::Int64)?;
    let millis = millis.as_primitive::<Int64Type>();
    Ok(millis
        .iter()
        .map(|ms| ms.and_then(|ms| units.value(ms)).unwrap_or(f64::NAN))
        .collect())
}

/// The names and lengths of a tensor's dimensions. The names come from the tensor, else from the
/// grid, else they are numbered.
fn tensor_dims(field: &Field, length: usize, grid: &Grid) -> Vec<(String, usize)> {
    let tensor = Tensor::of(field);
    let shape = tensor
        .as_ref()
        .map_or_else(|| vec![length], |t| t.shape.clone());
    let own = tensor.and_then(|t| t.dim_names);
    let from_grid =
        Some(grid.dims.clone()).filter(|dims| field.name() == VALUE && dims.len() == shape.len());
    let names = own.or(from_grid).unwrap_or_else(|| {
        (0..shape.len())
            .map(|i| format!("{}_{i}", field.name()))
            .collect()
    });
    names.into_iter().map(|n| clean(&n)).zip(shape).collect()
}

/// The name of a column's variable in the file. For `value`, it is the original name of the
/// variable.
fn file_name(column: &str, grid: &Grid) -> String {
    if column == VALUE && !grid.variable.is_empty() {
        return clean(&grid.variable);
    }
    clean(column)
}

/// Makes a name valid in the format: without `/`, control characters and surrounding white space.
fn clean(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if c == '/' || c.is_control() { '_' } else { c })
        .collect();
    let name = name.trim();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name.to_owned()
    }
}
