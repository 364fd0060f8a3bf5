//! A checked workflow: the types that all other rooms use.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::column::{ColumnSpec, ColumnType};
pub use crate::reject_limit::RejectLimit;
use crate::source::Span;
use crate::value::Value;

/// A checked workflow: all names resolve, types fit, and the graph has no cycle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// The workflow's name.
    pub name: String,
    /// A description in one line, for listings.
    pub description: String,
    /// The parameters, in the order written.
    pub params: IndexMap<String, Param>,
    /// Where and when the whole run may take place.
    pub place: Place,
    /// What the run may cost.
    pub budget: Budget,
    /// The stages, in the order written.
    pub stages: IndexMap<String, Stage>,
    /// The run's outputs: name -> `stage.port`.
    pub outputs: IndexMap<String, Reference>,
}

/// A parameter of the workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its type.
    pub kind: ParamType,
    /// Its value if the caller gives none. Without a default the caller must give one.
    pub default: Option<Value>,
    /// The smallest allowed number.
    pub min: Option<f64>,
    /// The largest allowed number.
    pub max: Option<f64>,
    /// The allowed values of a choice.
    pub choices: Vec<Value>,
    /// What the parameter does.
    pub description: String,
    /// Its place in the file.
    pub span: Span,
}

/// Types of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// Text.
    String,
    /// An integer.
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

/// Text, with or without `${{ … }}`. A template that is exactly one expression keeps the
/// expression's type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The text as written.
    pub source: String,
    /// Its place in the file.
    pub span: Span,
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The stage's name.
    pub name: String,
    /// What it executes.
    pub action: Action,
    /// How it becomes tasks.
    pub scatter: Scatter,
    /// Its inputs by port.
    pub inputs: IndexMap<String, Input>,
    /// Its outputs by port. A kernel's come from the catalog.
    pub outputs: IndexMap<String, Output>,
    /// Parameters of a kernel: name -> value, whose strings may be templates.
    pub with: IndexMap<String, Value>,
    /// Stages that must end first, in addition to those that it reads from.
    pub needs: Vec<String>,
    /// `if:`. If it is false, the stage and its dependents are skipped.
    pub condition: Option<Template>,
    /// The command's environment.
    pub env: IndexMap<String, Template>,
    /// Names of secrets in the command's environment.
    pub secrets: Vec<String>,
    /// Files staged into the working folder, as written (relative to the workflow's file).
    pub files: Vec<String>,
    /// Its Python environment.
    pub python: Option<Python>,
    /// What one task needs.
    pub resources: Resources,
    /// Which failures are retried.
    pub retry: Retry,
    /// The time limit of one attempt, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether the command keeps a folder between the attempts of a task, so that it can continue.
    pub checkpoint: bool,
    /// How many failed tasks the stage tolerates.
    pub tolerate: u32,
    /// How many rejected rows of an input the stage tolerates. Without a limit, it tolerates all.
    #[serde(default)]
    pub tolerate_rejects: Option<RejectLimit>,
    /// The most tasks that run at once.
    pub max_parallel: Option<u32>,
    /// Whether results are cached, and under which version.
    pub cache: Cache,
    /// Where and when this stage may run.
    pub place: Place,
    /// What one task is expected to take.
    pub expect: Expect,
    /// Its place in the file.
    pub span: Span,
}

impl Stage {
    /// A stage with this action and the defaults of everything else: one task, no inputs and no
    /// outputs.
    #[must_use]
    pub fn new(name: impl Into<String>, action: Action) -> Self {
        Self {
            name: name.into(),
            action,
            scatter: Scatter::default(),
            inputs: IndexMap::new(),
            outputs: IndexMap::new(),
            with: IndexMap::new(),
            needs: Vec::new(),
            condition: None,
            env: IndexMap::new(),
            secrets: Vec::new(),
            files: Vec::new(),
            python: None,
            resources: Resources::default(),
            retry: Retry::default(),
            timeout_ms: None,
            checkpoint: false,
            tolerate: 0,
            tolerate_rejects: None,
            max_parallel: None,
            cache: Cache::default(),
            place: Place::default(),
            expect: Expect::default(),
            span: Span::default(),
        }
    }
}

/// What a stage executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// A command.
    Run(Command),
    /// A kernel of the library.
    Kernel {
        /// Its name in the catalog.
        name: String,
        /// Its version when the workflow was checked.
        version: u32,
    },
    /// The user's own kernel.
    Cuda(Cuda),
}

/// A kernel in the user's own CUDA C++, launched with one thread for each row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cuda {
    /// The `.cu` file as written, relative to the workflow's file.
    pub source: String,
    /// The kernel's name in it: `extern "C" __global__ void ENTRY(…)`.
    pub entry: String,
    /// Its arguments, in order.
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
    /// A pointer to a column of an input, its rows contiguous.
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
        /// Its type, which has a fixed number of bytes per row.
        column_type: ColumnType,
    },
    /// A number.
    Value {
        /// The value as written.
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
    /// A script for a shell. Text values reach it as environment variables.
    Shell {
        /// The shell's argv before the script; a strict bash unless `shell:` states another.
        shell: Vec<String>,
        /// The script.
        script: Template,
    },
    /// An argv without a shell.
    Argv(Vec<Template>),
}

/// How a stage becomes tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Scatter {
    /// One task.
    #[default]
    One,
    /// One task for each value. The value is a list, or a template that gives one.
    Items(Value),
    /// One task for each number from 0. The value is an integer, or a template that gives one.
    Range(Value),
    /// One task for each element of the cross product; the first name varies slowest.
    Matrix(IndexMap<String, Value>),
    /// Tasks from one of the stage's own inputs.
    Input {
        /// The port.
        port: String,
        /// How it is sliced.
        slicing: Slicing,
    },
}

/// How a table is sliced into tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slicing {
    /// `rows: N`: N rows per task.
    Rows(u64),
    /// `parts: true`: one part per task.
    Parts,
    /// One row per task, with its columns as `item.column`.
    Row,
}

/// One input port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The sources of the data; several are concatenated.
    pub from: Vec<Reference>,
    /// The form in which the command gets it.
    pub form: Form,
    /// The selected columns, in this order; empty means all.
    pub columns: Vec<String>,
    /// The variable of a gridded file.
    pub variable: Option<String>,
    /// Whether a row of gridded data is a time (the default) or a cell.
    pub rows: GridRows,
    /// How a text table is written.
    pub csv: CsvOptions,
    /// The columns that it must have, with their types.
    pub schema: Option<Vec<ColumnSpec>>,
    /// Its place in the file.
    pub span: Span,
}

/// The word under `env:` that passes on a variable of Sunward's own environment.
const INHERIT: &str = "inherit";

impl Stage {
    /// Variables that the command gets from Sunward's own environment: `env: { X: inherit }`.
    pub fn inherited(&self) -> impl Iterator<Item = &str> {
        let env = self.env.iter();
        env.filter(|(_, template)| template.is_inherited())
            .map(|(name, _)| name.as_str())
    }
}

impl Template {
    /// Whether the variable's value comes from Sunward's own environment.
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        self.source == INHERIT
    }
}

impl Input {
    /// A key that distinguishes readings of one file: all options of the input except its sources
    /// and selected columns. A file that is passed on unchanged has one reading.
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

/// How a text table is written, if that differs from what its suffix says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvOptions {
    /// The separator between cells, one ASCII character.
    pub delimiter: Option<char>,
    /// Lines that begin with this ASCII character are ignored.
    pub comment: Option<char>,
    /// Cell texts that mean null, besides the empty one.
    pub null: Vec<String>,
    /// The decimal separator of numbers; `.` if absent.
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

/// A source of data.
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

/// The form in which a command gets an input.
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
    /// The bytes unchanged.
    File,
    /// A NetCDF file, for a table of numbers.
    Netcdf,
}

/// One output port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The format that the command writes.
    pub format: OutputFormat,
    /// The columns that it must have, if declared.
    pub schema: Option<Vec<ColumnSpec>>,
    /// The file name suffix without the dot, for `file`.
    pub ext: Option<String>,
    /// Its place in the file.
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
    /// A NetCDF file with one variable of data; each time is a row.
    Netcdf,
}

/// A Python environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// The version, for example `3.11`; if absent, that of `python3`.
    pub version: Option<String>,
    /// Requirements in pip's syntax.
    pub packages: Vec<String>,
    /// The lock file beside the workflow, if not `sunward.lock`.
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
    /// Whether it also runs without the GPU.
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

/// The devices that a task needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gpus {
    /// None.
    #[default]
    None,
    /// A number of devices of any model.
    Count(u32),
    /// A number of devices of one model, for example `H100:2`.
    Model(String, u32),
    /// The first of these that is available.
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

/// Which failures are retried, how often and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, the first included. Failures of the infrastructure do not count.
    pub max_attempts: u32,
    /// The wait before the second attempt in milliseconds; it doubles each time.
    pub backoff_ms: u64,
    /// The kinds of failures that are retried.
    pub on: Vec<RetryOn>,
    /// The factor by which memory grows with each attempt.
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

/// A kind of failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryOn {
    /// The worker or the machine failed, not the task.
    Infrastructure,
    /// The task exceeded its time limit.
    Timeout,
    /// The task exceeded its memory.
    Memory,
    /// The task exited with one of these codes.
    Exit(Vec<i32>),
    /// The task failed in any way.
    Any,
}

/// Whether results are cached, and under which version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// If false, the result is used by its own run only and is never looked up by key.
    pub enabled: bool,
    /// A part of the key, to invalidate results by hand.
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

/// Where and when. The placer acts on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// What to prefer, most important first.
    pub prefer: Vec<String>,
    /// Milliseconds from submission to the required end of the run.
    pub deadline_ms: Option<u64>,
    /// A stage's own longest wait, in milliseconds.
    pub max_delay_ms: Option<u64>,
    /// The place where it would run by default.
    pub home: Option<String>,
    /// The allowed regions.
    pub regions: Vec<String>,
    /// Regions where parts may be stored.
    pub data_regions: Vec<String>,
}

/// What a run may cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Grams of CO2 equivalent.
    pub gco2e: Option<f64>,
    /// Kilowatt-hours.
    pub kwh: Option<f64>,
}

/// What one task is expected to take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// Milliseconds.
    pub time_ms: Option<u64>,
    /// Watts of all its devices.
    pub power_watts: Option<f64>,
}
