//! Plans the dimensions and variables of a file for a table, with CF's attributes.

use super::along::characters;
use super::columns::{Column, described};
use super::encode::{Draft, Plan};
use super::grid::{Grid, TimeAxis, VALUE};
use super::header::{Attribute, Attributes, Kind};
use super::history::WRITTEN;
use super::hyperslab::to_u64;
use super::time::TIME;

/// The unfinished plan of a file, with the values of variables that do not depend on rows.
pub(super) struct Drafting<'a> {
    pub(super) plan: Plan,
    pub(super) constants: Vec<(usize, Vec<f64>)>,
    pub(super) grid: &'a Grid,
}

impl Drafting<'_> {
    /// Adds all dimensions and variables to the plan. Returns the number of cells if the rows are
    /// cells of a grid.
    pub(super) fn lay_out(&mut self, columns: &[Column]) -> Option<u64> {
        self.plan.attributes = self.file_attributes();
        if let Some(cells) = self.cells_on_grid(columns) {
            return Some(cells);
        }
        let is_cells = columns.first().is_some_and(|c| c.name == "cell_id");
        let row = columns
            .iter()
            .find(|c| c.row_length == 1 && (c.name == TIME || c.name == "cell_id"));
        let row = row.map_or("row", |c| c.name.as_str()).to_owned();
        self.plan.dimensions.push((row, 0));
        let names: Vec<Vec<usize>> = columns
            .iter()
            .map(|c| {
                c.dims
                    .iter()
                    .map(|(name, length)| self.dimension(name, *length))
                    .collect()
            })
            .collect();
        self.coordinates(is_cells);
        for (column, dims) in columns.iter().zip(names) {
            let mut attributes = column.attributes.clone();
            if column.name == VALUE {
                let cells = columns.iter().filter(|c| c.is_beside() && c.name != TIME);
                let names = cells.map(|c| c.file_name.as_str());
                let mut own: Vec<&str> = names.filter(|n| !["lat", "lon"].contains(n)).collect();
                if is_cells && !dims.is_empty() {
                    own.splice(0..0, ["lat", "lon"]);
                }
                self.name_coordinates(&mut attributes, own);
            } else if is_cells && !dims.is_empty() && !column.is_beside() {
                let text = Attribute::Text("lat lon".to_owned());
                attributes.0.push(("coordinates".to_owned(), text));
            }
            self.plan.variables.push(Draft {
                name: column.file_name.clone(),
                dims: [vec![0], dims].concat(),
                attributes,
                kind: column.kind,
            });
        }
        None
    }

    /// The attributes of the file: the version of CF, the attributes of its source, and a history
    /// that says that Sunward wrote it. The history has no date, so that equal tables give equal
    /// bytes.
    fn file_attributes(&self) -> Attributes {
        let known = &self.grid.file_attributes;
        let mut texts: Vec<(&str, &str)> = vec![("Conventions", "CF-1.8")];
        let others = known.iter().filter(|(name, _)| *name != "history");
        texts.extend(others.map(|(name, text)| (name.as_str(), text.as_str())));
        let history = match known.get("history") {
            Some(before) => format!("{WRITTEN}\n{before}"),
            None => WRITTEN.to_owned(),
        };
        texts.push(("history", &history));
        Attributes::of_texts(&texts)
    }

    /// Plans `variable(time, …, lat, lon)` if the columns are exactly the cells of a grid.
    fn cells_on_grid(&mut self, columns: &[Column]) -> Option<u64> {
        let (lat, lon) = (self.grid.lat.as_ref()?, self.grid.lon.as_ref()?);
        let [id, _, _, value] = columns else {
            return None;
        };
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        if names != ["cell_id", "lat", "lon", VALUE] || id.row_length != 1 {
            return None;
        }
        let mut dims: Vec<usize> = Vec::new();
        for (name, length) in &value.dims {
            dims.push(self.dimension(name, *length));
        }
        dims.push(self.dimension("lat", lat.len()));
        dims.push(self.dimension("lon", lon.len()));
        self.coordinates(false);
        let mut attributes = value.attributes.clone();
        self.name_coordinates(&mut attributes, Vec::new());
        self.plan.variables.push(Draft {
            name: value.file_name.clone(),
            dims,
            attributes,
            kind: value.kind,
        });
        Some(to_u64(lat.len()).saturating_mul(to_u64(lon.len())))
    }

    /// The index of the dimension with this name and length, which is added if needed. If the name
    /// is taken by a dimension of another length, a different name is used.
    fn dimension(&mut self, name: &str, length: usize) -> usize {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let wanted = [name.to_owned(), format!("{name}_{length}")];
        for name in wanted {
            match self.plan.dimensions.iter().position(|(n, _)| *n == name) {
                Some(at) if self.plan.dimensions[at].1 == length => return at,
                Some(_) => {}
                None => {
                    self.plan.dimensions.push((name, length));
                    return self.plan.dimensions.len() - 1;
                }
            }
        }
        // Both names are taken by other lengths. The index makes this name unique.
        self.plan
            .dimensions
            .push((format!("{name}_{}", self.plan.dimensions.len()), length));
        self.plan.dimensions.len() - 1
    }

    /// Adds the grid's coordinates whose dimensions are in the file.
    fn coordinates(&mut self, rows_are_cells: bool) {
        let grid = self.grid;
        if !rows_are_cells {
            self.axis(
                "lat",
                grid.lat.as_deref(),
                grid.lat_bounds.as_deref(),
                ("latitude", "degrees_north", "Y"),
            );
            self.axis(
                "lon",
                grid.lon.as_deref(),
                grid.lon_bounds.as_deref(),
                ("longitude", "degrees_east", "X"),
            );
        }
        if let Some(time) = grid.time.as_ref().filter(|t| !t.values.is_empty()) {
            self.time(time);
        }
        for (name, coordinate) in &grid.coordinates {
            let lengths: Option<Vec<(&str, usize)>> = coordinate
                .dims
                .iter()
                .map(|dim| {
                    let at = self.plan.dimensions.iter().find(|(n, _)| n == dim)?;
                    Some((dim.as_str(), usize::try_from(at.1).ok()?))
                })
                .collect();
            let Some(lengths) = lengths else { continue };
            let attributes = Attributes::of_texts(&described(coordinate));
            if !coordinate.texts.is_empty() {
                self.texts(name, &lengths, attributes, &coordinate.texts);
                continue;
            }
            let values = coordinate
                .values
                .iter()
                .map(|v| v.unwrap_or(f64::NAN))
                .collect();
            self.constant(name, &lengths, attributes, values);
        }
        for (name, squeezed) in &grid.squeezed {
            let units = squeezed.units.as_deref().map(|text| ("units", text));
            let calendar = squeezed.calendar.as_deref();
            let calendar = calendar.map(|text| ("calendar", text));
            let texts: Vec<(&str, &str)> = units.into_iter().chain(calendar).collect();
            if let Some(value) = squeezed.value {
                self.constant(name, &[], Attributes::of_texts(&texts), vec![value]);
            }
            if let Some(text) = &squeezed.text {
                self.texts(
                    name,
                    &[],
                    Attributes::of_texts(&texts),
                    std::slice::from_ref(text),
                );
            }
        }
    }

    /// Adds the time axis of rows that are cells, with its bounds.
    fn time(&mut self, time: &TimeAxis) {
        let name = self.grid.dims.first().map_or(TIME, String::as_str);
        let mut texts = vec![
            ("standard_name", "time"),
            ("units", time.units.as_str()),
            ("calendar", time.calendar.as_str()),
            ("axis", "T"),
        ];
        let bounds = format!("{name}_bnds");
        let has_bounds = time.bounds.len() == time.values.len();
        if has_bounds && time.climatology {
            texts.push(("climatology", &bounds));
        } else if has_bounds {
            texts.push(("bounds", &bounds));
        }
        let length = time.values.len();
        let dims = [(name, length)];
        self.constant(
            name,
            &dims,
            Attributes::of_texts(&texts),
            time.values.clone(),
        );
        if has_bounds {
            let edges = time.bounds.iter().flat_map(|bounds| [bounds[1], bounds[2]]);
            self.constant(
                &bounds,
                &[(name, length), ("bnds", 2)],
                Attributes::default(),
                edges.collect(),
            );
        }
    }

    /// Adds a variable of texts, as characters, that does not depend on rows.
    fn texts(
        &mut self,
        name: &str,
        dims: &[(&str, usize)],
        attributes: Attributes,
        texts: &[String],
    ) {
        let (width, bytes) = characters(texts);
        let length = format!("string{width}");
        let dims = [dims, &[(length.as_str(), width)]].concat();
        let before = self.plan.variables.len();
        self.constant(name, &dims, attributes, bytes);
        if let Some(added) = self.plan.variables.get_mut(before) {
            added.kind = Kind::Text;
        }
    }

    fn axis(
        &mut self,
        name: &str,
        values: Option<&[f64]>,
        edges: Option<&[f64]>,
        cf: (&str, &str, &str),
    ) {
        let Some(values) = values else { return };
        let has_dimension = self
            .plan
            .dimensions
            .iter()
            .any(|(n, length)| n == name && usize::try_from(*length) == Ok(values.len()));
        if !has_dimension {
            return;
        }
        let bounds = format!("{name}_bnds");
        let mut texts = vec![("standard_name", cf.0), ("units", cf.1), ("axis", cf.2)];
        let edges = edges.filter(|e| e.len() == values.len() + 1);
        if edges.is_some() {
            texts.push(("bounds", &bounds));
        }
        self.constant(
            name,
            &[(name, values.len())],
            Attributes::of_texts(&texts),
            values.to_vec(),
        );
        if let Some(edges) = edges {
            let pairs = edges.windows(2).flatten().copied().collect();
            self.constant(
                &bounds,
                &[(name, values.len()), ("bnds", 2)],
                Attributes::default(),
                pairs,
            );
        }
    }

    /// Adds a variable that does not depend on rows.
    fn constant(
        &mut self,
        name: &str,
        dims: &[(&str, usize)],
        attributes: Attributes,
        values: Vec<f64>,
    ) {
        let size: usize = dims.iter().map(|(_, length)| *length).product();
        if size != values.len() || self.plan.variables.iter().any(|v| v.name == name) {
            return;
        }
        let dims = dims
            .iter()
            .map(|(name, length)| self.dimension(name, *length))
            .collect();
        self.constants.push((self.plan.variables.len(), values));
        self.plan.variables.push(Draft {
            name: name.to_owned(),
            dims,
            attributes,
            kind: Kind::Double,
        });
    }

    /// Names scalars and further coordinates in CF's `coordinates` attribute of the data, which
    /// links them to it. `names` are added.
    fn name_coordinates<'n>(&'n self, attributes: &mut Attributes, mut names: Vec<&'n str>) {
        let known = self
            .grid
            .squeezed
            .keys()
            .chain(self.grid.coordinates.keys())
            .map(String::as_str)
            .filter(|name| self.plan.variables.iter().any(|v| v.name == *name))
            .filter(|name| !self.plan.dimensions.iter().any(|(d, _)| d == name));
        names.extend(known);
        if !names.is_empty() {
            attributes
                .0
                .push(("coordinates".to_owned(), Attribute::Text(names.join(" "))));
        }
    }
}
