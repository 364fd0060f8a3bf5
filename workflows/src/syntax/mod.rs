//! The language's shape: one table of keys, their types and meanings.
//!
//! [`conform`] checks a file against the table, and [`schema`] prints the table as JSON Schema, so
//! that what editors complete and what the engine accepts cannot drift apart.

mod conform;
mod kind;
mod schema;
mod stage;
mod table;

pub(crate) use conform::conform;
pub(crate) use kind::{Key, Kind, Shape};
pub use schema::schema;
pub(crate) use stage::STAGE;
use table::WORKFLOW;

/// What the whole file must be.
pub(crate) fn workflow_kind() -> Kind {
    Kind::Node(&WORKFLOW)
}
