//! The shape of the language: one table of keys, their types and meanings.
//!
//! [`conform`] checks a file against the table, and [`schema`] prints the table as JSON Schema. So
//! what editors complete and what the engine accepts cannot diverge.

mod cases;
mod conform;
mod kind;
mod notify;
mod schema;
mod settings;
mod stage;
mod table;

pub(crate) use cases::TESTS;
pub(crate) use conform::{conform, misspells};
pub(crate) use kind::{Key, Kind, Shape};
pub(crate) use notify::NOTIFY;
pub use schema::schema;
pub(crate) use stage::{SCATTER, STAGE};
use table::WORKFLOW;

/// Every map with known keys, each once: a workflow's file and a test file first, the others as they
/// follow in them.
pub(crate) fn shapes() -> Vec<&'static Shape> {
    let mut found = vec![&WORKFLOW, &TESTS];
    let mut at = 0;
    while let Some(shape) = found.get(at).copied() {
        for key in shape.keys {
            key.kind.shapes(&mut found);
        }
        at += 1;
    }
    found
}

/// The kind of the whole file.
pub(crate) fn workflow_kind() -> Kind {
    Kind::Node(&WORKFLOW)
}
