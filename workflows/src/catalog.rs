//! What the language knows of kernels: names, ports and parameters. It is plain data that the owner
//! of the kernels provides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::column::ColumnSpec;
use crate::model::ParamType;
use crate::value::Value;

/// All kernels that a `kernel:` stage can name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The kernels by name.
    pub kernels: BTreeMap<String, KernelEntry>,
}

/// One kernel: everything that `check` verifies and `sunward kernels NAME` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelEntry {
    /// The name in `kernel:`.
    pub name: String,
    /// The version. It grows whenever results may change, and is part of the task key.
    pub version: u32,
    /// A summary in one line.
    pub summary: String,
    /// The description: definition, equations, and conventions for missing values and ties.
    pub description: String,
    /// The inputs.
    pub inputs: Vec<PortSpec>,
    /// The outputs.
    pub outputs: Vec<PortSpec>,
    /// The parameters under `with:`.
    pub params: Vec<ParamSpec>,
    /// True if results are equal bit for bit on every device and for every partitioning.
    pub exact: bool,
    /// How far results may differ between devices, and in which measure.
    pub tolerance: String,
    /// The paper or specification that defines the kernel.
    pub reference: String,
    /// An example stage in YAML.
    pub example: String,
}

/// One port of a kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortSpec {
    /// The port's name.
    pub name: String,
    /// Whether the input may be left out.
    pub optional: bool,
    /// Columns that an input needs or an output has. A tensor without dimensions matches any
    /// dimensions; the type `any` matches every type.
    pub columns: Vec<ColumnSpec>,
    /// What the port holds.
    pub doc: String,
    /// For an output: the input whose other columns and metadata it passes on, if any.
    pub like: Option<String>,
    /// For an output: whether it has further columns, which depend on data or parameters.
    #[serde(default)]
    pub open: bool,
    /// For an output of rows that could not be used: the inputs whose rows it may hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects_of: Vec<String>,
}

/// One parameter of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// The parameter's name.
    pub name: String,
    /// Its type.
    pub kind: ParamType,
    /// The value if `with:` does not set it. Without a default it is required.
    pub default: Option<Value>,
    /// The smallest allowed value.
    pub min: Option<f64>,
    /// The largest allowed value.
    pub max: Option<f64>,
    /// The allowed values of a choice.
    pub choices: Vec<String>,
    /// The unit, for example `gpm` or `1`; empty if it has none.
    pub unit: String,
    /// What the parameter does.
    pub doc: String,
}
