//! YAML text -> a tree in which every node knows where it stands.
//!
//! serde-saphyr's own parser gives the events; the tree is built here rather than by serde, so that
//! one wrong value does not hide the mistakes behind it.

pub(crate) mod node;
mod read;
pub(crate) mod scalar;

pub(crate) use node::{Data, Entry, Node};
pub(crate) use read::read;
