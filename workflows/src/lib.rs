//! The language: from YAML text to a checked [`Workflow`] in which every value knows its place.
//!
//! This room is pure: no files, clock, network or randomness. What [`check()`] must know of the
//! world comes in as plain data: a [`Catalog`] (kernels, their ports and parameters) and [`Facts`]
//! (which files exist, and their schemas). All mistakes in a file are reported at once, as
//! [`Diagnostic`]s. Templates ([`Template`], [`CompiledTemplate`]) render against a [`Scope`];
//! [`bind()`] gives parameters their values.
//!
//! Read [`Workflow`] first (what a pipeline means), then [`check()`] (how text becomes one).

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests fail by panicking"
    )
)]

pub mod bind;
pub mod book;
mod cases;
pub mod catalog;
mod check;
pub mod codes;
pub mod column;
mod column_arrow;
mod column_kind;
mod conda;
pub mod diagnostic;
pub mod emit;
pub mod expr;
pub mod facts;
pub mod fields;
pub mod fleet;
pub mod mentioned;
pub mod model;
pub mod name_pattern;
pub mod names;
pub mod order;
mod quoted;
mod reading;
pub mod render;
mod requirement;
mod requirements;
mod script;
pub mod source;
mod syntax;
pub mod units;
pub mod value;
pub mod written;
mod yaml;

pub use bind::{BindError, Given, bind, bind_used, read_params};
pub use cases::{Case, ExpectedOutput, Tested, check_cases};
pub use catalog::{Catalog, KernelEntry, ParamSpec, PortSpec};
pub use check::{
    Checked, TABLE_SUFFIXES, check, check_bytes, download, is_path, is_pattern, literal_folder,
};
pub use codes::explain_code;
pub use column::{ColumnSpec, ColumnType};
pub use column_arrow::{NoArrowType, from_arrow, row_bytes, to_arrow_field};
pub use conda::{
    CondaFile, CondaLock, CondaPackage, CondaWanted, check_conda_package, check_package_address,
    read_conda,
};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use emit::emit;
pub use expr::{
    CompiledTemplate, FieldUse, InputValue, ItemUse, RUN_FIELDS, RenderError, Scope, Uses,
    render_value, value_uses,
};
pub use facts::{Facts, FileFact, UsedFile};
pub use fleet::{CheckedFleet, OpenAdrSpec, PoolSpec, check_fleet};
pub use mentioned::{Around, Mentioned, mentioned, mentioned_in};
pub use model::{
    Action, Budget, Cache, Command, Conda, Container, CsvOptions, Cuda, CudaArg, Expect,
    FILE_COLUMNS, Form, Gpus, GridRows, Image, Input, Notify, NotifyBy, NotifyOn, OuterCondition,
    Output, OutputFormat, Param, ParamType, Place, Python, Reference, RejectLimit, Resources,
    Retry, RetryOn, Scatter, Slicing, Stage, Template, Used, WebAddress, Workflow, enclosing,
    full_name, is_in_bucket, is_inside, names_objects, own_name, params_of, path_from, path_in,
};
pub use name_pattern::{NamePattern, NoSplit};
pub use order::{Cycles, topological_order};
pub use quoted::{Quoted, quoted};
pub use reading::{input_variable, output_variable};
pub use render::{JsonDiagnostic, render_human, render_in, to_json, to_json_in};
pub use requirement::{canonical_requirement, check_requirement};
pub use requirements::{Requirements, included_path, read_requirements};
pub use script::{
    CompiledArgv, CompiledScript, ParamValues, Preset, RenderedScript, default_shell, setup_shell,
    shell_word,
};
pub use source::{Sources, Span};
pub use syntax::schema;
pub use value::Value;
pub use written::{Meaning, Written};
