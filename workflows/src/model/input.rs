//! The inputs of a stage and how their files are read.

use serde::{Deserialize, Serialize};

use super::Reference;
use crate::column::ColumnSpec;
use crate::source::Span;

/// The columns that every dataset of files has: what is known of each file.
pub const FILE_COLUMNS: [&str; 6] = ["name", "stem", "suffix", "folder", "bytes", "digest"];

/// One input port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The sources of the data; several are concatenated, unless `first`.
    pub from: Vec<Reference>,
    /// Whether only the first source is read whose stage was not skipped.
    pub first: bool,
    /// The form in which the command gets it.
    pub form: Form,
    /// Whether the workflow states this form. Otherwise it follows from what the sources are.
    pub form_is_stated: bool,
    /// The pattern of `match:`, which splits the names of files into columns.
    pub split: Option<String>,
    /// Whether a pattern may match no file.
    pub optional: bool,
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

impl Input {
    /// The sources that it reads, if these stages were skipped. None are left if all alternatives
    /// of a `first` were skipped.
    #[must_use]
    pub fn sources(&self, is_skipped: impl Fn(&str) -> bool) -> &[Reference] {
        if !self.first {
            return &self.from;
        }
        let there = |source: &Reference| source.port().is_none_or(|(stage, _)| !is_skipped(stage));
        match self.from.iter().position(there) {
            Some(at) => self.from.get(at..=at).unwrap_or_default(),
            None => &[],
        }
    }

    /// A key that distinguishes readings of one file: all options of the input except its sources
    /// and selected columns. A file that is passed on unchanged has one reading.
    #[must_use]
    pub fn reading(&self) -> String {
        if matches!(self.form, Form::File | Form::Files) {
            return "file".to_owned();
        }
        let options = Self {
            from: Vec::new(),
            first: false,
            form: Form::Arrow,
            form_is_stated: false,
            columns: Vec::new(),
            split: None,
            optional: false,
            span: Span::default(),
            ..self.clone()
        };
        format!("{options:?}")
    }
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
    /// A folder of files unchanged, under their names: a dataset of files.
    Files,
    /// A NetCDF file, for a table of numbers.
    Netcdf,
}

impl Form {
    /// Whether it is a form of a table.
    #[must_use]
    pub const fn is_table(self) -> bool {
        !matches!(self, Self::File | Self::Files)
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
