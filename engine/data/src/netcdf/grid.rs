//! What a gridded table's schema metadata says of its grid.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The key of the schema's metadata under which [`Grid`] stands, as JSON.
pub const GRID_KEY: &str = "sunward.grid";

/// A variable's grid: what does not fit into rows. Absent fields are left out of the JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grid {
    /// The variable's name in the file.
    pub variable: String,
    /// The unit of `value`, as the file spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// What it is, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_name: Option<String>,
    /// What it is, by CF's list of names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_name: Option<String>,
    /// The tensor's dimensions, in order.
    pub dims: Vec<String>,
    /// Latitudes in degrees north, in the tensor's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat: Option<Vec<f64>>,
    /// Longitudes in degrees east, in the tensor's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon: Option<Vec<f64>>,
    /// The n + 1 edges of the latitudes, where the file gives bounds that touch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat_bounds: Option<Vec<f64>>,
    /// The n + 1 edges of the longitudes, where the file gives bounds that touch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon_bounds: Option<Vec<f64>>,
    /// The time axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeAxis>,
    /// Further coordinates by name: other dimensions' values, and coordinates that are no dimension.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub coordinates: BTreeMap<String, Coordinate>,
    /// Dimensions of length one that were taken away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub squeezed: BTreeMap<String, Squeezed>,
    /// What stood for missing values in the file; NaN does in the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_value: Option<f64>,
    /// What else the variable says of itself, as `cell_methods`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// What the file says of itself, as `title` and `history`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub file_attributes: BTreeMap<String, String>,
    /// What others added; carried along untouched.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Grid {
    /// What a schema's metadata says, to the last digit.
    ///
    /// # Errors
    /// When it is no JSON of this shape.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// A time axis as CF describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeAxis {
    /// The coordinate's name in the file.
    pub name: String,
    /// Such as `days since 1850-01-01`.
    pub units: String,
    /// Such as `standard` or `noleap`.
    pub calendar: String,
    /// The times in `units`; only where a row is a cell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f64>,
    /// The bounds of each time: time, begin and end, in `units`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<[f64; 3]>,
    /// Whether the bounds are those of a climatology (CF 7.4).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub climatology: bool,
}

/// A coordinate that is neither `lat`, `lon` nor time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coordinate {
    /// The dimensions it runs over.
    pub dims: Vec<String>,
    /// Its values; the last dimension runs fastest. A missing one is null.
    pub values: Vec<Option<f64>>,
    /// Its values, where they are text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// Its unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// The calendar of a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// What it is, by CF's list of names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_name: Option<String>,
}

/// A dimension of length one that was taken away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Squeezed {
    /// Its one value, where it has a coordinate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Its one value, where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The value's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// The calendar of a time.
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
