//! Column types by the names that users write: Arrow's own, with tensors.

use serde::{Deserialize, Serialize};

/// A column type as written in YAML: `int64`, `utf8`, `timestamp[us, UTC]`,
/// `fixed_size_binary[256]`, `list<float64>`, `tensor<float32>[lat, lon]` …
///
/// It is kept as its canonical text, so that it can be journalled and compared; the parser and the
/// conversion to and from Arrow's types live beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnType(pub String);

/// One column of a declared schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// The column's name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// What it holds, with its unit; empty where a user declared it.
    pub doc: String,
}
