//! Plans the table for a variable: its row dimensions, its tensor and its coordinates.

use sunward_workflows::model::GridRows;

use super::axes::{Axis, Role, axes, role_of};
use super::calendar::TimeUnits;
use super::description::{OF_FILE, described, kept};
use super::error::NetcdfError;
use super::file::NetcdfFile;
use super::grid::{Coordinate, Grid, Squeezed, TimeAxis};
use super::header::{Header, Kind, Variable};
use super::hyperslab::{Slab, to_u64};
use super::packing::Packing;
use super::time::Times;

/// The most values of a coordinate in the metadata, which every part repeats.
const COORDINATE_LIMIT: u64 = 65_536;

/// The plan for a variable: everything except the data.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) variable: Variable,
    pub(super) packing: Packing,
    /// The dimensions that become rows, in row-major order. Empty for a single row.
    pub(super) row_axes: Vec<Axis>,
    /// The dimensions of the tensor, in row-major order.
    pub(super) tensor_axes: Vec<Axis>,
    pub(super) times: Option<Times>,
    pub(super) grid: Grid,
    /// The latitude and longitude of every cell, if rows are cells.
    pub(super) cells: Option<Cells>,
}

/// The positions of cells. The lists are empty if the file does not have them.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    pub(super) lat: Vec<f64>,
    pub(super) lon: Vec<f64>,
}

/// A file for whose variables tables are planned.
pub(super) struct LayingOut<'a> {
    file: &'a NetcdfFile,
    header: &'a Header,
    path: &'a str,
}

impl<'a> LayingOut<'a> {
    pub(super) fn new(file: &'a NetcdfFile) -> Self {
        Self {
            file,
            header: &file.header,
            path: &file.path,
        }
    }

    /// Plans the table for a variable.
    pub(super) fn layout(&self, index: usize, rows: GridRows) -> Result<Layout, NetcdfError> {
        let variable = &self.header.variables[index];
        self.refuse_what_is_no_grid(variable)?;
        let all = axes(self.header, variable);
        let (row_axes, tensor_axes, squeezed) = split(&all, rows);
        self.refuse_what_fits_no_table(variable, &row_axes, &tensor_axes)?;
        let times = match all.iter().find(|a| a.role == Role::Time) {
            Some(axis) => Some(self.times(axis)?),
            None => None,
        };
        let cells = match rows {
            GridRows::Time => None,
            GridRows::Cell => Some(Cells {
                lat: self.cell_coordinate(variable, &row_axes, Role::Lat)?,
                lon: self.cell_coordinate(variable, &row_axes, Role::Lon)?,
            }),
        };
        let mut grid = self.grid(variable, &all)?;
        grid.dims = tensor_axes.iter().map(|a| a.name.clone()).collect();
        grid.time = times.as_ref().map(|times| TimeAxis {
            values: match rows {
                GridRows::Time => Vec::new(),
                GridRows::Cell => times.numbers(),
            },
            ..times.axis.clone()
        });
        if let (Some(times), Some(axis)) = (&times, &mut grid.time) {
            self.add_time_bounds(&all, times, axis)?;
        }
        for axis in &squeezed {
            let value = match axis.coordinate {
                Some(v) => self.values(v)?.first().copied().filter(|v| v.is_finite()),
                None => None,
            };
            let text = |name| axis.coordinate.and_then(|v| self.text(v, name));
            let noted = Squeezed {
                value,
                text: None,
                units: text("units"),
                calendar: text("calendar"),
            };
            grid.squeezed.insert(axis.name.clone(), noted);
        }
        Ok(Layout {
            variable: variable.clone(),
            packing: Packing::of(variable),
            row_axes,
            tensor_axes,
            times,
            grid,
            cells,
        })
    }

    fn unsuitable(&self, variable: &Variable, what: String) -> NetcdfError {
        NetcdfError::Unsuitable {
            path: self.path.to_owned(),
            variable: variable.name.clone(),
            what,
        }
    }

    fn refuse_what_is_no_grid(&self, variable: &Variable) -> Result<(), NetcdfError> {
        let what = match variable.kind {
            Kind::Text => "text",
            Kind::Other => "a compound or list of its own type",
            _ => "",
        };
        if !what.is_empty() {
            let what = format!("holds {what}, expected numbers; name another variable");
            return Err(self.unsuitable(variable, what));
        }
        let repeated = |d: &usize| variable.dims.iter().filter(|other| *other == d).count() > 1;
        if let Some(dim) = variable.dims.iter().find(|d| repeated(d)) {
            let name = &self.header.dimensions[*dim].name;
            let what =
                format!("has dimension `{name}` twice, expected a grid; name another variable");
            return Err(self.unsuitable(variable, what));
        }
        self.file.require_inside(variable)
    }

    fn refuse_what_fits_no_table(
        &self,
        variable: &Variable,
        row_axes: &[Axis],
        tensor_axes: &[Axis],
    ) -> Result<(), NetcdfError> {
        if let Some(axis) = tensor_axes.iter().find(|a| a.length == 0) {
            let what = format!(
                "has nothing along dimension `{}` (its length is 0)",
                axis.name
            );
            return Err(self.unsuitable(variable, what));
        }
        for (axes, what) in [(row_axes, "rows"), (tensor_axes, "values in a row")] {
            let count = axes.iter().map(|a| a.length).fold(1, u64::saturating_mul);
            if i32::try_from(count).is_err() {
                let what = format!(
                    "would have {count} {what}, more than a table can hold; split the file first"
                );
                return Err(self.unsuitable(variable, what));
            }
            self.file.require_bounded(variable, count)?;
        }
        Ok(())
    }

    fn times(&self, axis: &Axis) -> Result<Times, NetcdfError> {
        let name = self.header.dimensions[axis.dim].name.clone();
        let Some(index) = axis.coordinate else {
            let values = (0..axis.length).map(|t| t as f64).collect();
            let axis = TimeAxis {
                name,
                ..TimeAxis::default()
            };
            return Ok(Times::decode(axis, values));
        };
        let calendar = self
            .text(index, "calendar")
            .unwrap_or_else(|| "standard".to_owned());
        let axis = TimeAxis {
            name,
            units: self.text(index, "units").unwrap_or_default(),
            // `gregorian` is an old name of this calendar.
            calendar: if calendar == "gregorian" {
                "standard".to_owned()
            } else {
                calendar
            },
            ..TimeAxis::default()
        };
        let variable = &self.header.variables[index].name;
        TimeUnits::checked(&axis.units, &axis.calendar)
            .map_err(|what| NetcdfError::no_moment(self.path, variable, &what))?;
        Ok(Times::decode(axis, self.values(index)?))
    }

    /// Adds the bounds of each time to the metadata. They are stored by time and not by row,
    /// because rows may be cut and selected.
    fn add_time_bounds(
        &self,
        all: &[Axis],
        times: &Times,
        noted: &mut TimeAxis,
    ) -> Result<(), NetcdfError> {
        let axis = all.iter().find(|a| a.role == Role::Time);
        let Some((axis, index)) = axis.and_then(|axis| Some((axis, axis.coordinate?))) else {
            return Ok(());
        };
        let coordinate = &self.header.variables[index];
        let bounds = ["bounds", "climatology"].into_iter().find_map(|attribute| {
            let name = coordinate.attributes.text(attribute)?;
            Some((attribute, self.header.find_beside(coordinate, name)?))
        });
        let Some((attribute, bounds)) = bounds else {
            return Ok(());
        };
        let variable = &self.header.variables[bounds];
        let is_pairs = self.header.shape(variable) == [axis.length, 2]
            && variable.dims.first() == Some(&axis.dim)
            && variable.kind.is_number();
        if !is_pairs || axis.length > COORDINATE_LIMIT {
            return Ok(());
        }
        let Some(edges) = times.converted(&self.values(bounds)?) else {
            return Ok(());
        };
        let pairs = edges.as_chunks::<2>().0.iter();
        noted.climatology = attribute == "climatology";
        noted.bounds = pairs
            .zip(times.numbers())
            .map(|([from, to], time)| [time, *from, *to])
            .collect();
        Ok(())
    }

    fn grid(&self, variable: &Variable, all: &[Axis]) -> Result<Grid, NetcdfError> {
        let text = |name: &str| variable.attributes.text(name).map(str::to_owned);
        let mut grid = Grid {
            variable: variable.own_name().to_owned(),
            units: text("units"),
            long_name: text("long_name"),
            standard_name: text("standard_name"),
            fill_value: fill_value(variable),
            attributes: described(variable),
            file_attributes: kept(&self.header.attributes.0, OF_FILE),
            ..Grid::default()
        };
        for axis in all {
            let Some(index) = axis.coordinate else {
                continue;
            };
            match axis.role {
                Role::Lat => {
                    grid.lat_bounds = self.edges(index)?;
                    grid.lat = Some(self.values(index)?);
                }
                Role::Lon => {
                    grid.lon_bounds = self.edges(index)?;
                    grid.lon = Some(self.values(index)?);
                }
                Role::Other if axis.length > 1 => self.add_coordinate(&mut grid, index, all)?,
                Role::Other | Role::Time => {}
            }
        }
        let auxiliary = variable.attributes.text("coordinates").unwrap_or_default();
        for name in auxiliary.split_whitespace() {
            if let Some(index) = self.header.find_beside(variable, name) {
                self.add_coordinate(&mut grid, index, all)?;
            }
        }
        Ok(grid)
    }

    /// Adds a coordinate other than the variable's `lat`, `lon` and time. One without dimensions
    /// belongs to a dimension that was already removed from the file.
    fn add_coordinate(
        &self,
        grid: &mut Grid,
        index: usize,
        all: &[Axis],
    ) -> Result<(), NetcdfError> {
        let variable = &self.header.variables[index];
        let is_text = variable.kind == Kind::Text;
        // Characters have an additional dimension: the length of the longest text.
        let own = match variable.dims.split_last() {
            Some((last, others)) if is_text && !all.iter().any(|a| a.dim == *last) => others,
            _ => variable.dims.as_slice(),
        };
        let lengths = own.iter().filter_map(|d| self.header.dimensions.get(*d));
        let size = lengths.fold(1, |n: u64, d| n.saturating_mul(d.length));
        let dims: Option<Vec<String>> = own
            .iter()
            .map(|d| all.iter().find(|a| a.dim == *d).map(|a| a.name.clone()))
            .collect();
        // A coordinate along time would have to be cut with the rows, so it is left out.
        let along_time = |d: &usize| all.iter().any(|a| a.dim == *d && a.role == Role::Time);
        let is_kept = (variable.kind.is_number() || is_text)
            && size <= COORDINATE_LIMIT
            && !variable.dims.iter().any(along_time);
        let Some(dims) = dims.filter(|_| is_kept) else {
            return Ok(());
        };
        let (values, texts) = match is_text {
            true => (Vec::new(), self.file.texts(variable, size)?),
            false => (self.values(index)?, Vec::new()),
        };
        let units = self.text(index, "units");
        let name = variable.own_name().to_owned();
        if dims.is_empty() {
            let value = values.first().copied().filter(|v| v.is_finite());
            let text = texts.into_iter().next();
            let noted = Squeezed {
                value,
                text,
                units,
                calendar: self.text(index, "calendar"),
            };
            grid.squeezed.insert(name, noted);
            return Ok(());
        }
        let coordinate = Coordinate {
            dims,
            values: values
                .into_iter()
                .map(|v| v.is_finite().then_some(v))
                .collect(),
            texts,
            units,
            calendar: self.text(index, "calendar"),
            standard_name: self.text(index, "standard_name"),
        };
        grid.coordinates.insert(name, coordinate);
        Ok(())
    }

    /// The n + 1 edges of an axis. `None` if its bounds are missing or not contiguous.
    fn edges(&self, index: usize) -> Result<Option<Vec<f64>>, NetcdfError> {
        let coordinate = &self.header.variables[index];
        let bounds = coordinate
            .attributes
            .text("bounds")
            .and_then(|name| self.header.find_beside(coordinate, name));
        let Some(bounds) = bounds else {
            return Ok(None);
        };
        let shape = self.header.shape(&self.header.variables[bounds]);
        let is_pairs = shape.len() == 2
            && shape.last() == Some(&2)
            && self.header.variables[bounds].dims.first() == coordinate.dims.first()
            && self.header.variables[bounds].kind.is_number();
        if !is_pairs {
            return Ok(None);
        }
        let centres = self.values(index)?;
        let pairs = self.values(bounds)?;
        let falls = centres.first() > centres.last();
        let mut edges: Vec<f64> = Vec::with_capacity(centres.len() + 1);
        for pair in pairs.as_chunks::<2>().0 {
            let (low, high) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
            let (from, to) = if falls { (high, low) } else { (low, high) };
            match edges.last() {
                Some(edge) if (edge - from).abs() > 1e-6 * from.abs().max(1.0) => return Ok(None),
                Some(_) => {}
                None => edges.push(from),
            }
            edges.push(to);
        }
        // Some files have bounds that were never filled in: each center must be inside its cell.
        let encloses = |(edges, centre): (&[f64], &f64)| {
            (edges[0] < *centre && *centre <= edges[1])
                || (edges[0] > *centre && *centre >= edges[1])
                || edges[0] == *centre && edges[1] != *centre
        };
        let is_sound =
            edges.len() == centres.len() + 1 && edges.windows(2).zip(&centres).all(encloses);
        Ok(Some(edges).filter(|_| is_sound))
    }

    /// The latitude or longitude of every cell, from an axis or from an auxiliary variable.
    fn cell_coordinate(
        &self,
        variable: &Variable,
        row_axes: &[Axis],
        role: Role,
    ) -> Result<Vec<f64>, NetcdfError> {
        let axis = row_axes
            .iter()
            .find(|a| a.role == role)
            .and_then(|a| a.coordinate);
        let named = variable.attributes.text("coordinates").unwrap_or_default();
        let over_rows = |v: &Variable| {
            !v.dims.is_empty()
                && v.kind.is_number()
                && v.dims.iter().all(|d| row_axes.iter().any(|a| a.dim == *d))
        };
        let listed = named
            .split_whitespace()
            .filter_map(|name| self.header.find_beside(variable, name))
            .find(|v| {
                over_rows(&self.header.variables[*v]) && role_of(&self.header.variables[*v]) == role
            });
        let unlisted = || {
            (0..self.header.variables.len()).find(|v| {
                over_rows(&self.header.variables[*v]) && role_of(&self.header.variables[*v]) == role
            })
        };
        let Some(index) = axis.or(listed).or_else(unlisted) else {
            return Ok(Vec::new());
        };
        let values = self.values(index)?;
        Ok(spread(&values, &self.header.variables[index], row_axes))
    }

    /// Reads all values of a small variable and unpacks them.
    fn values(&self, index: usize) -> Result<Vec<f64>, NetcdfError> {
        let variable = &self.header.variables[index];
        let shape = self.header.shape(variable);
        let slab = Slab {
            start: vec![0; shape.len()],
            count: shape,
        };
        let mut values = self.file.read(variable, &slab)?;
        Packing::of(variable).unpack(&mut values);
        Ok(values)
    }

    fn text(&self, index: usize, attribute: &str) -> Option<String> {
        self.header.variables[index]
            .attributes
            .text(attribute)
            .map(str::to_owned)
    }
}

/// The fill value in the file, if the values of the table have the same type.
fn fill_value(variable: &Variable) -> Option<f64> {
    let is_float = matches!(variable.kind, Kind::Float | Kind::Double);
    let is_packed = ["scale_factor", "add_offset"]
        .iter()
        .any(|name| variable.attributes.get(name).is_some());
    let fill = variable
        .attributes
        .number("_FillValue")
        .or_else(|| variable.attributes.number("missing_value"));
    fill.filter(|fill| is_float && !is_packed && fill.is_finite())
}

/// Splits dimensions into row axes, tensor axes and squeezed ones (others of length one).
fn split(all: &[Axis], rows: GridRows) -> (Vec<Axis>, Vec<Axis>, Vec<Axis>) {
    let with = |role: Role| all.iter().filter(move |a| a.role == role).cloned();
    let (squeezed, others): (Vec<_>, Vec<_>) = with(Role::Other).partition(|a| a.length == 1);
    let time: Vec<_> = with(Role::Time).collect();
    let place: Vec<_> = with(Role::Lat).chain(with(Role::Lon)).collect();
    match rows {
        GridRows::Time => (time, [others, place].concat(), squeezed),
        // A file of stations has no latitude axis. Its other dimensions are the cells.
        GridRows::Cell if place.is_empty() => (others, time, squeezed),
        GridRows::Cell => (place, [time, others].concat(), squeezed),
    }
}

/// Repeats values over some of the row axes, so that there is one for every row.
fn spread(values: &[f64], variable: &Variable, row_axes: &[Axis]) -> Vec<f64> {
    let lengths: Vec<u64> = row_axes.iter().map(|a| a.length).collect();
    let total: u64 = lengths.iter().product();
    let length_of = |dim: usize| {
        row_axes
            .iter()
            .find(|a| a.dim == dim)
            .map_or(1, |a| a.length)
    };
    (0..total)
        .map(|cell| {
            let mut at = 0;
            for dim in &variable.dims {
                let place = row_axes.iter().position(|a| a.dim == *dim).unwrap_or(0);
                let after: u64 = lengths.iter().skip(place + 1).product();
                at = at * length_of(*dim) + cell / after % length_of(*dim);
            }
            values
                .get(super::hyperslab::to_usize(at))
                .copied()
                .unwrap_or(f64::NAN)
        })
        .collect()
}

impl Layout {
    /// The number of values per row.
    pub(super) fn tensor_length(&self) -> u64 {
        self.tensor_axes.iter().map(|a| a.length).product()
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.row_axes.iter().map(|a| a.length).product()
    }

    /// The shape of the tensor.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.tensor_axes
            .iter()
            .map(|a| super::hyperslab::to_usize(a.length))
            .collect()
    }

    /// The positions of the row axes and then the tensor axes among the variable's dimensions.
    pub(super) fn order(&self) -> Vec<usize> {
        self.row_axes
            .iter()
            .chain(&self.tensor_axes)
            .map(|a| a.position)
            .collect()
    }

    /// The slab of `count` steps from `start` along one row axis. The row axes before it are at the
    /// indices `fixed`, and all other dimensions are complete.
    pub(super) fn slab(&self, header: &Header, fixed: &[u64], start: u64, count: u64) -> Slab {
        let shape = header.shape(&self.variable);
        let mut slab = Slab {
            start: vec![0; shape.len()],
            count: shape,
        };
        for (axis, index) in self.row_axes.iter().zip(fixed) {
            slab.start[axis.position] = *index;
            slab.count[axis.position] = 1;
        }
        if let Some(axis) = self.row_axes.get(fixed.len()) {
            slab.start[axis.position] = start;
            slab.count[axis.position] = count;
        }
        debug_assert_eq!(to_u64(slab.count.len()), to_u64(slab.start.len()));
        slab
    }
}
