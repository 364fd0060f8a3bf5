//! What the language must know of the kernels: names, ports, parameters. Plain data, filled in by
//! whoever owns the kernels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::column::ColumnSpec;
use crate::model::ParamType;
use crate::value::Value;

/// All kernels that a `kernel:` stage may name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// By name.
    pub kernels: BTreeMap<String, KernelEntry>,
}

/// One kernel's page: everything `check` verifies and `sunward kernels NAME` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelEntry {
    /// The name a stage uses.
    pub name: String,
    /// Grows whenever results may change; part of the task key.
    pub version: u32,
    /// One line.
    pub summary: String,
    /// The page: definition, equations, conventions for missing values and ties.
    pub description: String,
    /// Named inputs.
    pub inputs: Vec<PortSpec>,
    /// Named outputs.
    pub outputs: Vec<PortSpec>,
    /// What `with:` takes.
    pub params: Vec<ParamSpec>,
    /// True when results are equal bit for bit on every device and for every partitioning.
    pub exact: bool,
    /// How far results may differ between devices, and in which measure.
    pub tolerance: String,
    /// The paper or specification that defines it.
    pub reference: String,
    /// A stage that uses it, as YAML.
    pub example: String,
}

/// One port of a kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortSpec {
    /// Its name.
    pub name: String,
    /// An input that may be left out.
    pub optional: bool,
    /// Columns it must have (inputs) or will have (outputs). A tensor without dimensions matches
    /// any; the type `any` matches every type.
    pub columns: Vec<ColumnSpec>,
    /// What it holds.
    pub doc: String,
    /// For an output: the input whose further columns and metadata it carries on, if any.
    pub like: Option<String>,
    /// For an output: it has further columns that depend on data or parameters.
    #[serde(default)]
    pub open: bool,
}

/// One parameter of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ParamType,
    /// Used when `with:` does not name it; without one it is required.
    pub default: Option<Value>,
    /// Smallest value allowed.
    pub min: Option<f64>,
    /// Largest value allowed.
    pub max: Option<f64>,
    /// For a choice: what may stand there.
    pub choices: Vec<String>,
    /// The unit, as `gpm` or `1`; empty where it has none.
    pub unit: String,
    /// What it does.
    pub doc: String,
}
