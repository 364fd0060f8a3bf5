//! What a pipeline means, once checked: the types every other room works with.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::column::{ColumnSpec, ColumnType};
use crate::source::Span;
use crate::value::Value;

/// A checked workflow: all names resolve, types fit, the graph has no cycle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// One line for listings.
    pub description: String,
    /// What the caller may set, in the order written.
    pub params: IndexMap<String, Param>,
    /// Where and when, for the whole run.
    pub place: Place,
    /// What it may cost.
    pub budget: Budget,
    /// The nodes, in the order written.
    pub stages: IndexMap<String, Stage>,
    /// What the run gives: name -> `stage.port`.
    pub outputs: IndexMap<String, Reference>,
}

/// A parameter of the workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its type.
    pub kind: ParamType,
    /// Its value when the caller gives none; without one the caller must.
    pub default: Option<Value>,
    /// Smallest number allowed.
    pub min: Option<f64>,
    /// Largest number allowed.
    pub max: Option<f64>,
    /// For a choice: what may stand there.
    pub choices: Vec<Value>,
    /// What it does.
    pub description: String,
    /// Where it is declared.
    pub span: Span,
}

/// Types of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// Text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// `true` or `false`.
    Bool,
    /// A file or folder.
    Path,
    /// A table: a path that must be readable as one.
    Table,
    /// A list of values.
    List,
    /// One of `choices`.
    Choice,
}

/// Text with `${{ … }}` in it, or without. A template that is one expression keeps its type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// As written.
    pub source: String,
    /// Where.
    pub span: Span,
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// How it becomes tasks.
    pub scatter: Scatter,
    /// What it reads, by port.
    pub inputs: IndexMap<String, Input>,
    /// What it gives, by port. A kernel's come from the catalogue.
    pub outputs: IndexMap<String, Output>,
    /// Parameters of a kernel: name -> value, whose strings may be templates.
    pub with: IndexMap<String, Value>,
    /// Stages that must be done first, beyond those it reads from.
    pub needs: Vec<String>,
    /// `if:`; false = skipped, dependants too.
    pub condition: Option<Template>,
    /// Environment of the command.
    pub env: IndexMap<String, Template>,
    /// Names of secrets that the command's environment holds.
    pub secrets: Vec<String>,
    /// Files staged read-only into the working folder, as written (relative to the workflow's file).
    pub files: Vec<String>,
    /// The Python environment it runs in.
    pub python: Option<Python>,
    /// What one task needs.
    pub resources: Resources,
    /// What is tried again.
    pub retry: Retry,
    /// After how long one attempt is ended, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether the command keeps a folder between the attempts of a task, to go on from where it was.
    pub checkpoint: bool,
    /// How many failed tasks the stage bears.
    pub tolerate: u32,
    /// How many of its tasks may run at once.
    pub max_parallel: Option<u32>,
    /// Whether results are shared.
    pub cache: Cache,
    /// Where and when, for this stage.
    pub place: Place,
    /// What one task is expected to take.
    pub expect: Expect,
    /// Where it is declared.
    pub span: Span,
}

/// What a stage does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// A command.
    Run(Command),
    /// A kernel of the library.
    Kernel {
        /// Its name in the catalogue.
        name: String,
        /// Its version there, when the workflow was checked.
        version: u32,
    },
    /// The user's own kernel.
    Cuda(Cuda),
}

/// A kernel in the user's own CUDA C++, launched with a thread a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cuda {
    /// The `.cu` file as written, relative to the workflow's file.
    pub source: String,
    /// The kernel in it: `extern "C" __global__ void ENTRY(…)`.
    pub entry: String,
    /// What its arguments are, in order.
    pub args: Vec<CudaArg>,
    /// Threads of a block.
    pub block: u32,
}

impl Cuda {
    /// The templates among its arguments.
    pub fn values(&self) -> impl Iterator<Item = &Template> {
        self.args.iter().filter_map(|arg| match arg {
            CudaArg::Value { value, .. } => Some(value),
            CudaArg::In { .. } | CudaArg::Out { .. } | CudaArg::Rows { .. } => None,
        })
    }
}

/// One argument of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CudaArg {
    /// A pointer to a column of an input, its rows side by side.
    In {
        /// The input.
        port: String,
        /// Its column.
        column: String,
    },
    /// A pointer to a column of an output, with room for as many rows, zeroed.
    Out {
        /// The output.
        port: String,
        /// Its column.
        column: String,
        /// Its type, which has a fixed number of bytes a row.
        column_type: ColumnType,
    },
    /// A number.
    Value {
        /// As written.
        value: Template,
        /// Its type.
        column_type: ColumnType,
    },
    /// The number of rows.
    Rows {
        /// Its type.
        column_type: ColumnType,
    },
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// A script for a shell. Values that are text reach it as variables of its environment.
    Shell {
        /// The shell's own argv, before the script; a strict bash unless `shell:` says else.
        shell: Vec<String>,
        /// The script.
        script: Template,
    },
    /// An argv, no shell.
    Argv(Vec<Template>),
}

/// How a stage becomes tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Scatter {
    /// One task.
    #[default]
    One,
    /// One task a value; the value may be a list, or a template that gives one.
    Items(Value),
    /// One task a number from 0; an int, or a template that gives one.
    Range(Value),
    /// The cross product, first name slowest.
    Matrix(IndexMap<String, Value>),
    /// Over one of the stage's own inputs.
    Input {
        /// The port.
        port: String,
        /// How it is cut.
        slicing: Slicing,
    },
}

/// How a table is cut into tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slicing {
    /// `rows: N`: N rows a task.
    Rows(u64),
    /// `parts: true`: one part a task.
    Parts,
    /// One row a task, its columns as `item.column`.
    Row,
}

/// One input port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Where the data comes from; several are concatenated.
    pub from: Vec<Reference>,
    /// How the command gets it.
    pub form: Form,
    /// Only these columns, in this order; empty = all.
    pub columns: Vec<String>,
    /// Which variable of a gridded file.
    pub variable: Option<String>,
    /// Whether a row of gridded data is a time (default) or a cell.
    pub rows: GridRows,
    /// How a text table separates its cells.
    pub csv: CsvOptions,
    /// The columns it must have, with their types.
    pub schema: Option<Vec<ColumnSpec>>,
    /// Where it is declared.
    pub span: Span,
}

/// The word under `env:` that passes a variable of Sunward's own environment on.
const INHERIT: &str = "inherit";

impl Stage {
    /// Variables that the command gets as they are in Sunward's own environment: `env: { X: inherit }`.
    pub fn inherited(&self) -> impl Iterator<Item = &str> {
        let env = self.env.iter();
        env.filter(|(_, template)| template.is_inherited())
            .map(|(name, _)| name.as_str())
    }
}

impl Template {
    /// Under `env:`, that the variable's value is the one in Sunward's own environment.
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        self.source == INHERIT
    }
}

impl Input {
    /// What tells two readings of one file apart: all options of the input but its sources and the
    /// columns that are kept. A file that is handed over as it is has one reading.
    #[must_use]
    pub fn reading(&self) -> String {
        if self.form == Form::File {
            return "file".to_owned();
        }
        let options = Self {
            from: Vec::new(),
            form: Form::Arrow,
            columns: Vec::new(),
            span: Span::default(),
            ..self.clone()
        };
        format!("{options:?}")
    }
}

/// How a text table is written, where that differs from what its suffix says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvOptions {
    /// The separator between cells, one ASCII character.
    pub delimiter: Option<char>,
    /// Lines that begin with this ASCII character are passed over.
    pub comment: Option<char>,
    /// Cells that hold no value, beside empty ones.
    pub null: Vec<String>,
    /// The decimal point of numbers: `.` when absent.
    pub decimal: Option<char>,
}

/// What one row of gridded data is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GridRows {
    /// A time, with a tensor over space.
    #[default]
    Time,
    /// A cell, with a tensor over time.
    Cell,
}

/// Where data comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reference {
    /// A port of another stage.
    Port {
        /// The stage.
        stage: String,
        /// The port.
        port: String,
    },
    /// A parameter that holds a path (or a list of them).
    Param(String),
    /// A path as written: absolute, or relative to the workflow's file.
    Path(String),
    /// A URL.
    Url(String),
}

/// How a command gets an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// An Arrow IPC file.
    #[default]
    Arrow,
    /// A Parquet file.
    Parquet,
    /// CSV with a header.
    Csv,
    /// The bytes as they are.
    File,
    /// A NetCDF file, for a table of numbers.
    Netcdf,
}

/// One output port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// What the command writes.
    pub format: OutputFormat,
    /// The columns it must have, where declared.
    pub schema: Option<Vec<ColumnSpec>>,
    /// File name suffix without the dot, for `file`.
    pub ext: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// What a command writes to an output's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// An Arrow IPC file.
    #[default]
    Arrow,
    /// A Parquet file.
    Parquet,
    /// CSV with a header.
    Csv,
    /// Bytes.
    File,
    /// A folder.
    Dir,
    /// A NetCDF file with one variable of data, read with a row a time.
    Netcdf,
}

/// A Python environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// `3.11`; whatever `python3` is when absent.
    pub version: Option<String>,
    /// Requirements, as pip takes them.
    pub packages: Vec<String>,
    /// The lock file beside the workflow, when not `sunward.lock`.
    pub lock: Option<String>,
}

/// What one task needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Cores.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Devices.
    pub gpus: Gpus,
    /// Memory of each device in bytes.
    pub gpu_memory_bytes: Option<u64>,
    /// Scratch space in bytes.
    pub disk_bytes: Option<u64>,
    /// Runs without the device when none is there.
    pub optional: bool,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpus: 1,
            memory_bytes: None,
            gpus: Gpus::None,
            gpu_memory_bytes: None,
            disk_bytes: None,
            optional: false,
        }
    }
}

/// Which devices a task needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gpus {
    /// None.
    #[default]
    None,
    /// So many of any model.
    Count(u32),
    /// So many of one model, as `H100:2`.
    Model(String, u32),
    /// The first of these that is to be had.
    AnyOf(Vec<Self>),
}

impl fmt::Display for Gpus {
    /// `2`, `2 H100`, `1 H100 or 2 A100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Model(model, count) => write!(f, "{count} {model}"),
            Self::AnyOf(choices) => {
                for (i, choice) in choices.iter().enumerate() {
                    let between = if i == 0 { "" } else { " or " };
                    write!(f, "{between}{choice}")?;
                }
                Ok(())
            }
        }
    }
}

/// What is tried again, how often and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, the first included. Infrastructure faults are not charged.
    pub max_attempts: u32,
    /// Wait before the second attempt, doubled each time, in milliseconds.
    pub backoff_ms: u64,
    /// What is worth another try.
    pub on: Vec<RetryOn>,
    /// Memory grows by this factor with each attempt.
    pub scale_memory: Option<f64>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 1,
            backoff_ms: 0,
            on: vec![RetryOn::Infrastructure],
            scale_memory: None,
        }
    }
}

/// A kind of failure that is worth another try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryOn {
    /// The worker or the machine failed, not the task.
    Infrastructure,
    /// It ran out of time.
    Timeout,
    /// It ran out of memory.
    Memory,
    /// It exited with one of these codes.
    Exit(Vec<i32>),
    /// It failed in any way.
    Any,
}

/// Whether results are shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// False: the result belongs to its run and is never looked up by key.
    pub enabled: bool,
    /// Part of the key, to invalidate by hand.
    pub version: Option<String>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            enabled: true,
            version: None,
        }
    }
}

/// Where and when. Checked now; acted on by placement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// What to prefer, most important first.
    pub prefer: Vec<String>,
    /// From submission to the end of the run, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// A stage's own longest wait, in milliseconds.
    pub max_delay_ms: Option<u64>,
    /// Where it would have run.
    pub home: Option<String>,
    /// Regions allowed.
    pub regions: Vec<String>,
    /// Regions where parts may rest.
    pub data_regions: Vec<String>,
}

/// What a run may cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Grams of CO2 equivalent.
    pub gco2e: Option<f64>,
    /// Kilowatt hours.
    pub kwh: Option<f64>,
}

/// What one task is expected to take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// Milliseconds.
    pub time_ms: Option<u64>,
    /// Watts, of its devices together.
    pub power_watts: Option<f64>,
}
