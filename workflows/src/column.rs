//! Column types by the names that users write: Arrow's own, and tensors.

use serde::{Deserialize, Serialize};

use crate::column_kind::Kind;

/// A column type as written in YAML: `int64`, `utf8`, `timestamp[us, UTC]`,
/// `fixed_size_binary[256]`, `list<float64>`, `tensor<float32>[24, 14]` …
///
/// It is kept as its canonical text, so that it can be journaled and compared. A *pattern* stands
/// for several types: `any`, `fixed_size_binary`, `tensor<float32>` (any dimensions) and
/// `tensor<float32>[lat, lon]` (any two dimensions).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnType(pub String);

/// One column of a declared schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// The column's name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// What it holds, with its unit; empty in a user's schema.
    pub doc: String,
}

impl ColumnType {
    /// Parses a type into its canonical text.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the text, with a suggestion if there is one.
    pub fn parse(text: &str) -> Result<Self, String> {
        Kind::parse(text).map(|kind| Self(kind.to_string()))
    }

    /// Whether data of the other type fits this one. A pattern accepts every type that it stands
    /// for.
    #[must_use]
    pub fn accepts(&self, actual: &Self) -> bool {
        if self == actual {
            return true;
        }
        match (Kind::parse(&self.0), Kind::parse(&actual.0)) {
            (Ok(wanted), Ok(actual)) => wanted.accepts(&actual),
            (Ok(Kind::Any), Err(_)) => true,
            _ => false,
        }
    }

    /// Whether some type fits both; both may be patterns.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (Kind::parse(&self.0), Kind::parse(&other.0)) {
            (Ok(one), Ok(other)) => one.overlaps(&other),
            (Ok(Kind::Any), Err(_)) | (Err(_), Ok(Kind::Any)) => true,
            _ => self == other,
        }
    }
}

impl ColumnSpec {
    /// A column without a description.
    #[must_use]
    pub fn new(name: impl Into<String>, column_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            column_type: ColumnType(column_type.into()),
            doc: String::new(),
        }
    }

    /// Checks that a column of that name and type fits this one.
    ///
    /// # Errors
    ///
    /// Returns how the two differ.
    pub fn accepts(&self, actual: &Self) -> Result<(), String> {
        if self.name != actual.name {
            return Err(format!(
                "expected a column `{}`, found `{}`",
                self.name, actual.name
            ));
        }
        if self.column_type.accepts(&actual.column_type) {
            return Ok(());
        }
        Err(format!(
            "column `{}` must be {}, and is {}",
            self.name, self.column_type.0, actual.column_type.0
        ))
    }
}
