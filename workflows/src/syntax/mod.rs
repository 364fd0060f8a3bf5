//! The shape of the language: one table of keys, their types and meanings.
//!
//! [`conform`] checks a file against the table, and [`schema`] prints the table as JSON Schema. So
//! what editors complete and what the engine accepts cannot diverge.

mod conform;
mod kind;
mod schema;
mod settings;
mod stage;
mod table;

pub(crate) use conform::{conform, misspells};
pub(crate) use kind::{Key, Kind, Shape};
pub use schema::schema;
pub(crate) use stage::{SCATTER, STAGE};
use table::WORKFLOW;

/// The kind of the whole file.
pub(crate) fn workflow_kind() -> Kind {
    Kind::Node(&WORKFLOW)
}
