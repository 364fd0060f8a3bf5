//! Chooses a variable of a file and determines the roles of its dimensions: by CF's rules, else by
//! common names.

use super::error::NetcdfError;
use super::header::{Header, Variable};

/// The most names that an error lists. Further names are only counted.
const NAMES_LISTED: usize = 12;

/// The role of a dimension or coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    Lat,
    Lon,
    Other,
}

/// A dimension of the variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// The index of the dimension in the file.
    pub(super) dim: usize,
    /// The position among the variable's dimensions.
    pub(super) position: usize,
    /// `lat`, `lon`, or the name in the file.
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) role: Role,
    /// The index of the variable that holds the coordinates.
    pub(super) coordinate: Option<usize>,
}

/// The dimensions of a variable, with their roles. No role except `Other` occurs twice.
pub(super) fn axes(header: &Header, variable: &Variable) -> Vec<Axis> {
    let mut taken = Vec::new();
    let mut axes = Vec::new();
    for (position, dim) in variable.dims.iter().enumerate() {
        let Some(dimension) = header.dimensions.get(*dim) else {
            continue;
        };
        let coordinate = header.find_beside(variable, &dimension.name).filter(|v| {
            header.variables[*v].dims == [*dim] && header.variables[*v].kind.is_number()
        });
        let mut role = coordinate.map_or_else(
            || role_by_name(&dimension.name),
            |v| role_of(&header.variables[v]),
        );
        if role != Role::Other && taken.contains(&role) {
            role = Role::Other;
        }
        taken.push(role);
        axes.push(Axis {
            dim: *dim,
            position,
            name: match role {
                Role::Lat => "lat".to_owned(),
                Role::Lon => "lon".to_owned(),
                Role::Time | Role::Other => dimension.name.clone(),
            },
            length: dimension.length,
            role,
            coordinate,
        });
    }
    axes
}

/// The role of a coordinate variable, by CF's attributes, else by its name.
pub(super) fn role_of(variable: &Variable) -> Role {
    let text = |name: &str| {
        variable
            .attributes
            .text(name)
            .map(str::trim)
            .unwrap_or_default()
    };
    let units = text("units").to_ascii_lowercase();
    match text("standard_name") {
        "latitude" => return Role::Lat,
        "longitude" => return Role::Lon,
        "time" => return Role::Time,
        "" => {}
        // Coordinates of projections and rotated grids are not latitudes or longitudes, whatever
        // their `axis` says.
        _ => return Role::Other,
    }
    match units.as_str() {
        "degrees_north" | "degree_north" | "degree_n" | "degrees_n" | "degreen" | "degreesn" => {
            Role::Lat
        }
        "degrees_east" | "degree_east" | "degree_e" | "degrees_e" | "degreee" | "degreese" => {
            Role::Lon
        }
        units if units.contains(" since ") => Role::Time,
        _ if text("axis") == "T" => Role::Time,
        _ => role_by_name(variable.own_name()),
    }
}

fn role_by_name(name: &str) -> Role {
    match name.to_ascii_lowercase().as_str() {
        "lat" | "latitude" => Role::Lat,
        "lon" | "longitude" => Role::Lon,
        "time" => Role::Time,
        _ => Role::Other,
    }
}

/// Finds the variable with this name. Without a name, the file must have a single data variable.
pub(super) fn choose(
    header: &Header,
    name: Option<&str>,
    path: &str,
) -> Result<usize, NetcdfError> {
    let candidates = candidates(header);
    let known = || {
        candidates
            .iter()
            .map(|v| header.variables[*v].name.as_str())
            .collect::<Vec<_>>()
    };
    let path = || path.to_owned();
    let Some(wanted) = name else {
        return match candidates.as_slice() {
            [] => Err(NetcdfError::NoVariable { path: path() }),
            [only] => Ok(*only),
            _ => Err(NetcdfError::SeveralVariables {
                path: path(),
                known: list(&known()),
            }),
        };
    };
    header
        .find(wanted)
        .or_else(|| only_called(header, wanted))
        .ok_or_else(|| {
            let all: Vec<_> = header.variables.iter().map(|v| v.name.as_str()).collect();
            NetcdfError::UnknownVariable {
                path: path(),
                wanted: wanted.to_owned(),
                nearest: nearest(wanted, &all)
                    .map(|name| format!("; did you mean `{name}`?"))
                    .unwrap_or_default(),
                known: list(&known()),
            }
        })
}

/// Finds the variable with this name in any group. `None` if there are several.
fn only_called(header: &Header, name: &str) -> Option<usize> {
    let mut found = (0..header.variables.len()).filter(|v| header.variables[*v].own_name() == name);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The variables that hold data: those of numbers that are not coordinates, bounds or cell measures
/// of other variables.
pub(super) fn candidates(header: &Header) -> Vec<usize> {
    let mut auxiliary: Vec<&str> = Vec::new();
    for variable in &header.variables {
        for attribute in [
            "bounds",
            "climatology",
            "coordinates",
            "ancillary_variables",
            "grid_mapping",
        ] {
            let text = variable.attributes.text(attribute).unwrap_or_default();
            auxiliary.extend(text.split_whitespace());
        }
        // Every second word is a name, as in `area: areacella volume: v`.
        let measures = variable
            .attributes
            .text("cell_measures")
            .unwrap_or_default();
        auxiliary.extend(measures.split_whitespace().skip(1).step_by(2));
    }
    let is_data = |variable: &Variable| {
        let name = variable.own_name();
        let names_dimension = header.dimensions.iter().any(|d| d.name == name);
        let is_coordinate = names_dimension && variable.dims.len() == 1;
        let is_auxiliary = auxiliary.contains(&name);
        !(!variable.kind.is_number() || is_coordinate || is_auxiliary || variable.dims.is_empty())
    };
    let data = (0..header.variables.len()).filter(|v| is_data(&header.variables[*v]));
    // Enumerations are usually quality flags of the data. They count as data only if there is
    // nothing else.
    let (flags, numbers): (Vec<usize>, Vec<usize>) =
        data.partition(|v| !header.variables[*v].members.is_empty());
    if numbers.is_empty() { flags } else { numbers }
}

fn list(names: &[&str]) -> String {
    let shown = names
        .iter()
        .take(NAMES_LISTED)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(NAMES_LISTED) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

fn nearest<'a>(wanted: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| {
            (
                strsim::jaro_winkler(&wanted.to_lowercase(), &name.to_lowercase()),
                *name,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
