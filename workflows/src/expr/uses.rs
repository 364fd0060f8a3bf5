//! What a template reads: the ingredients of a task's key.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Compiled;

/// What is read of `item`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemUse {
    /// Nothing.
    #[default]
    Nothing,
    /// These fields: `item.a.b` is the field `[a, b]`.
    Fields(BTreeMap<Vec<String>, FieldUse>),
    /// All of it.
    Whole,
}

/// How a field is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FieldUse {
    /// By its text, as in `${{ item.n }}`. Whether it is a number does not matter.
    Text,
    /// By its value, as in `${{ item.n // 2 }}`.
    Value,
}

impl ItemUse {
    /// Whether it reads any of it.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Whether it reads a column of a row, or something within it.
    #[must_use]
    pub fn reads(&self, column: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Fields(fields) => {
                let mut firsts = fields.keys().filter_map(|field| field.first());
                firsts.any(|first| first == column)
            }
            Self::Whole => true,
        }
    }

    /// The same fields, all read by their values.
    #[must_use]
    pub fn as_values(mut self) -> Self {
        if let Self::Fields(fields) = &mut self {
            fields.values_mut().for_each(|how| *how = FieldUse::Value);
        }
        self
    }

    fn add(&mut self, field: &[String], how: FieldUse) {
        if field.is_empty() {
            *self = Self::Whole;
            return;
        }
        match self {
            Self::Nothing => *self = Self::Fields(BTreeMap::from([(field.to_vec(), how)])),
            Self::Fields(fields) => {
                let known = fields.entry(field.to_vec()).or_insert(how);
                *known = how.max(*known);
            }
            Self::Whole => {}
        }
    }

    fn merge(&mut self, other: Self) {
        match other {
            Self::Nothing => {}
            Self::Fields(fields) => {
                for (field, how) in &fields {
                    self.add(field, *how);
                }
            }
            Self::Whole => *self = Self::Whole,
        }
    }
}

/// The names that a template, or a tree of values, reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Parameters by name.
    pub params: BTreeSet<String>,
    /// What it reads of `item`.
    pub item: ItemUse,
    /// Whether it reads `matrix`.
    pub matrix: bool,
    /// Whether it reads `repeat`.
    pub repeat: bool,
    /// Whether it reads `run.*`. The result is then used by its own run only.
    pub run: bool,
    /// Whether it reads `attempt`. The result is then used by its own run only.
    pub attempt: bool,
    /// Stages whose status it reads.
    pub statuses: BTreeSet<String>,
    /// Input ports.
    pub inputs: BTreeSet<String>,
    /// Input ports whose `parts` or `files` it reads.
    pub parts: BTreeSet<String>,
    /// Output ports.
    pub outputs: BTreeSet<String>,
}

impl Uses {
    /// Whether it reads an input, as a path or part by part.
    #[must_use]
    pub fn reads_input(&self, port: &str) -> bool {
        self.inputs.contains(port)
    }

    /// Adds what another template reads.
    pub fn merge(&mut self, other: Self) {
        self.params.extend(other.params);
        self.statuses.extend(other.statuses);
        self.inputs.extend(other.inputs);
        self.parts.extend(other.parts);
        self.outputs.extend(other.outputs);
        self.item.merge(other.item);
        self.matrix |= other.matrix;
        self.repeat |= other.repeat;
        self.run |= other.run;
        self.attempt |= other.attempt;
    }

    pub(super) fn add(&mut self, expression: &Compiled) {
        let how = match expression.as_name() {
            Some(_) => FieldUse::Text,
            None => FieldUse::Value,
        };
        for name in &expression.names() {
            let Some((root, rest)) = name.split_first() else {
                continue;
            };
            let set = match root.as_str() {
                "params" => &mut self.params,
                "inputs" => &mut self.inputs,
                "outputs" => &mut self.outputs,
                "stages" => &mut self.statuses,
                "item" => {
                    self.item.add(rest, how);
                    continue;
                }
                "matrix" => {
                    self.matrix = true;
                    continue;
                }
                "repeat" => {
                    self.repeat = true;
                    continue;
                }
                "run" => {
                    self.run = true;
                    continue;
                }
                "attempt" => {
                    self.attempt = true;
                    continue;
                }
                _ => continue,
            };
            set.extend(rest.first().cloned());
            if let ("inputs", [port, field, ..]) = (root.as_str(), rest)
                && (field == "parts" || field == "files")
            {
                self.parts.insert(port.clone());
            }
        }
    }
}
