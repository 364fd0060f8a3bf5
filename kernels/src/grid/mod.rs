//! Grids of gridded tables: coordinates and cell edges of latitude and longitude.
//!
//! A gridded table has one row a time and a column `value`, an `arrow.fixed_shape_tensor` of
//! `[lat, lon]`. Its schema's metadata holds the grid under [`GRID_KEY`] as JSON:
//!
//! ```json
//! { "dims": ["lat", "lon"], "lat": [20.0, 22.5], "lon": [-80.0, -77.5],
//!   "lat_bounds": [18.75, 21.25, 23.75], "lon_bounds": [-81.25, -78.75, -76.25] }
//! ```
//!
//! Bounds are n + 1 edges. Without them, edges lie halfway between the coordinates, and no latitude
//! is beyond a pole. All other keys (`variable`, `units`, `time` …) are passed on.

mod axis;
mod field;
mod target;

use serde_json::{Map, Value as Json, json};

pub(crate) use axis::Axis;
pub(crate) use field::{Field, FloatKind, with_values};
pub(crate) use target::{params as target_params, target};

use crate::{KernelError, Table};

/// The key of the grid in the schema's metadata.
pub(crate) const GRID_KEY: &str = "sunward.grid";

/// Latitudes by longitudes, and whatever else the table says of its grid.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid {
    pub(crate) lat: Axis,
    pub(crate) lon: Axis,
    /// The JSON object in the metadata.
    object: Map<String, Json>,
}

impl Grid {
    /// A grid that no table has described yet.
    pub(crate) fn new(lat: Axis, lon: Axis) -> Self {
        let mut grid = Self {
            lat,
            lon,
            object: Map::new(),
        };
        grid.describe();
        grid
    }

    /// The number of cells.
    pub(crate) fn cells(&self) -> usize {
        self.lat.len() * self.lon.len()
    }

    /// The grid of an input, which must be `[lat, lon]`.
    pub(crate) fn read(table: &Table, port: &str) -> Result<Self, KernelError> {
        let object = object(table, port)?;
        let wrong = |problem: String| KernelError::Input {
            port: port.to_owned(),
            problem: format!("its grid (schema metadata `{GRID_KEY}`) {problem}"),
            expected: r#"{"dims":["lat","lon"],"lat":[…],"lon":[…]} with numbers in order"#
                .to_owned(),
        };
        if object.get("dims") != Some(&json!(["lat", "lon"])) {
            let dims = object.get("dims").unwrap_or(&Json::Null);
            return Err(wrong(format!("has dims {dims}")));
        }
        let numbers = |key: &str| match object.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Array(list)) => list
                .iter()
                .map(|x| {
                    x.as_f64()
                        .ok_or_else(|| wrong(format!("has {x} in `{key}`")))
                })
                .collect::<Result<Vec<f64>, _>>()
                .map(Some),
            Some(_) => Err(wrong(format!("has a `{key}` that is not a list"))),
        };
        let axis = |key: &str, edges: &str, latitude: bool| {
            let centers = numbers(key)?.ok_or_else(|| wrong(format!("has no `{key}`")))?;
            Axis::new(centers, numbers(edges)?, latitude)
                .map_err(|problem| wrong(format!("has a `{key}` that {problem}")))
        };
        Ok(Self {
            lat: axis("lat", "lat_bounds", true)?,
            lon: axis("lon", "lon_bounds", false)?,
            object,
        })
    }

    /// The same description with other coordinates. What belonged to the old cells is removed.
    pub(crate) fn moved_to(&self, other: &Self) -> Self {
        let mut object = self.object.clone();
        if let Some(Json::Object(coordinates)) = object.get_mut("coordinates") {
            let stays = |dim: &Json| !(dim == "lat" || dim == "lon");
            coordinates.retain(|_, c| {
                c.get("dims")
                    .and_then(Json::as_array)
                    .is_none_or(|dims| dims.iter().all(stays))
            });
        }
        let mut grid = Self {
            lat: other.lat.clone(),
            lon: other.lon.clone(),
            object,
        };
        grid.describe();
        grid
    }

    /// Updates the object from the axes.
    fn describe(&mut self) {
        let mut set = |key: &str, value: Json| self.object.insert(key.to_owned(), value);
        set("dims", json!(["lat", "lon"]));
        set("lat", json!(self.lat.centers()));
        set("lon", json!(self.lon.centers()));
        set("lat_bounds", json!(self.lat.edges()));
        set("lon_bounds", json!(self.lon.edges()));
    }

    /// Adds a note that stays with the grid.
    pub(crate) fn note(&mut self, key: &str, value: Json) {
        self.object.insert(key.to_owned(), value);
    }

    /// The JSON for the schema's metadata.
    pub(crate) fn to_json(&self) -> String {
        Json::Object(self.object.clone()).to_string()
    }
}

/// The grid object in the metadata, whatever its dimensions.
pub(crate) fn object(table: &Table, port: &str) -> Result<Map<String, Json>, KernelError> {
    let wrong = |problem: &str| KernelError::Input {
        port: port.to_owned(),
        problem: problem.to_owned(),
        expected: format!(
            "schema metadata `{GRID_KEY}` with the grid's coordinates as JSON, as reading NetCDF gives"
        ),
    };
    let text = table
        .schema
        .metadata()
        .get(GRID_KEY)
        .ok_or_else(|| wrong("it does not name its grid"))?;
    match serde_json::from_str(text) {
        Ok(Json::Object(object)) => Ok(object),
        _ => Err(wrong("its grid is not a JSON object")),
    }
}
