//! Parses YAML text into a tree in which every node has its place.
//!
//! The parser of serde-saphyr gives the events. The tree is built here rather than by serde, so
//! that one wrong value does not hide the mistakes after it.

pub(crate) mod node;
mod read;
pub(crate) mod scalar;
mod words;

pub(crate) use node::{Data, Entry, Node};
pub(crate) use read::read;
