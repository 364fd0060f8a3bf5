//! Helpers that write catalog entries as data.

use sunward_workflows::catalog::{ParamSpec, PortSpec};
use sunward_workflows::column::{ColumnSpec, ColumnType};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

/// A column of a port.
pub(crate) fn column(name: &str, column_type: &str, doc: &str) -> ColumnSpec {
    ColumnSpec {
        name: name.to_owned(),
        column_type: ColumnType(column_type.to_owned()),
        doc: doc.to_owned(),
    }
}

/// A required input, or an output.
pub(crate) fn port(name: &str, doc: &str, columns: Vec<ColumnSpec>) -> PortSpec {
    PortSpec {
        name: name.to_owned(),
        optional: false,
        columns,
        doc: doc.to_owned(),
        like: None,
        open: false,
        rejects_of: Vec::new(),
    }
}

/// The output of rows of these inputs that could not be used: these columns tell which, and
/// `reason` what is wrong. With several inputs a column `port` names the row's.
pub(crate) fn rejects(doc: &str, of: &[&str], mut columns: Vec<ColumnSpec>) -> PortSpec {
    columns.push(column("reason", "utf8", "what is wrong with it"));
    PortSpec {
        rejects_of: of.iter().map(|&input| input.to_owned()).collect(),
        ..port("rejects", doc, columns)
    }
}

/// An optional input.
pub(crate) fn optional_port(name: &str, doc: &str, columns: Vec<ColumnSpec>) -> PortSpec {
    PortSpec {
        optional: true,
        ..port(name, doc, columns)
    }
}

/// A parameter with a default. With `Value::Null` it may be left out and then has no value.
pub(crate) fn param(name: &str, kind: ParamType, default: Value, doc: &str) -> ParamSpec {
    ParamSpec {
        name: name.to_owned(),
        kind,
        default: Some(default),
        min: None,
        max: None,
        choices: Vec::new(),
        unit: String::new(),
        doc: doc.to_owned(),
    }
}

/// A choice with a default.
pub(crate) fn choice(name: &str, choices: &[&str], default: &str, doc: &str) -> ParamSpec {
    ParamSpec {
        choices: choices.iter().map(|&c| c.to_owned()).collect(),
        ..param(
            name,
            ParamType::Choice,
            Value::String(default.to_owned()),
            doc,
        )
    }
}
