//! The grid of a gridded table, as it is stored in the metadata of the schema.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The key of the schema's metadata that holds a [`Grid`] as JSON.
pub const GRID_KEY: &str = "sunward.grid";

/// The name of the data column.
pub(super) const VALUE: &str = "value";

/// The grid of a variable: everything that does not fit into rows. Absent fields are left out of
/// the JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grid {
    /// The variable's name in the file.
    pub variable: String,
    /// The unit of `value`, as the file spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// The descriptive name of the variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_name: Option<String>,
    /// The standard name of the variable, from CF's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_name: Option<String>,
    /// The names of the tensor's dimensions, in order.
    pub dims: Vec<String>,
    /// Latitudes in degrees north, in the tensor's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat: Option<Vec<f64>>,
    /// Longitudes in degrees east, in the tensor's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon: Option<Vec<f64>>,
    /// The n + 1 edges of the latitudes, if the file has contiguous bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat_bounds: Option<Vec<f64>>,
    /// The n + 1 edges of the longitudes, if the file has contiguous bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon_bounds: Option<Vec<f64>>,
    /// The time axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeAxis>,
    /// Further coordinates by name: those of other dimensions, and auxiliary coordinates.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub coordinates: BTreeMap<String, Coordinate>,
    /// Dimensions of length one that were removed, and scalar coordinates, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub squeezed: BTreeMap<String, Squeezed>,
    /// The fill value in the file. In the table, missing values are NaN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_value: Option<f64>,
    /// Further attributes of the variable, such as `cell_methods`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Attributes of the file, such as `title` and `history`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub file_attributes: BTreeMap<String, String>,
    /// Keys that other programs added. They are preserved.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Grid {
    /// Parses the metadata of a schema. Numbers keep their last digit.
    ///
    /// # Errors
    ///
    /// Fails if the text is not JSON of this shape.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// A time axis, as described by CF.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeAxis {
    /// The name of the coordinate in the file.
    pub name: String,
    /// The units, such as `days since 1850-01-01`.
    pub units: String,
    /// The calendar, such as `standard` or `noleap`.
    pub calendar: String,
    /// The times in `units`. Only set if a row is a cell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f64>,
    /// The bounds of each time: time, begin and end, in `units`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<[f64; 3]>,
    /// Whether the bounds describe a climatology (CF 7.4).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub climatology: bool,
}

/// A coordinate other than `lat`, `lon` and time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coordinate {
    /// The names of the coordinate's dimensions.
    pub dims: Vec<String>,
    /// The values in row-major order. A missing value is `None`.
    pub values: Vec<Option<f64>>,
    /// The values if they are text. `values` is then empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// The unit of the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// The calendar, if the values are times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// The standard name of the coordinate, from CF's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_name: Option<String>,
}

/// A dimension of length one that was removed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Squeezed {
    /// The value of its coordinate, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The value of its coordinate, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The unit of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// The calendar, if the values are times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn numbers_keep_their_last_digit_and_what_others_added_is_carried_along() {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            f64::from_bits(0x3ff0_0000_0000_0000 | (state >> 12)) * 1e-3
        };
        let mut grid = Grid {
            lat: Some((0..5000).map(|_| next()).collect()),
            lon: Some(vec![0.1 + 0.2, 1e300, 5e-324, -0.0, 1e20, 7.0]),
            long_name: Some("a \"b\"\n\u{1}: # é 😀 [x] {y}".to_owned()),
            fill_value: Some(1e20),
            ..Grid::default()
        };
        grid.other.insert(
            "mine".to_owned(),
            serde_json::json!({ "a": [1, null, "x"] }),
        );
        let text = serde_json::to_string(&grid).unwrap();
        assert_eq!(Grid::parse(&text).unwrap(), grid);
        let escaped = r#"{"variable":"\ud83d\ude00","lat":[1.5]}"#;
        assert_eq!(Grid::parse(escaped).unwrap().variable, "😀");
        assert!(Grid::parse("variable: x").is_err());
    }
}
