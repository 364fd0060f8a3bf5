//! What is known about a table's columns.

use crate::column::ColumnSpec;

/// What is known about a table's columns.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) columns: Vec<ColumnSpec>,
    /// True if there may be more columns than the known ones.
    pub(super) open: bool,
}

impl Known {
    pub(super) fn find(&self, name: &str) -> Option<&ColumnSpec> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
