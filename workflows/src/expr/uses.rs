//! What a template reads: the ingredients of a task's key.

use std::collections::BTreeSet;

/// The names that a template, or a tree of values, reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Parameters by name.
    pub params: BTreeSet<String>,
    /// Whether it reads `item`.
    pub item: bool,
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
    /// Input ports whose `parts` it reads.
    pub parts: BTreeSet<String>,
    /// Output ports.
    pub outputs: BTreeSet<String>,
}

impl Uses {
    /// Adds what another template reads.
    pub fn merge(&mut self, other: Self) {
        self.params.extend(other.params);
        self.statuses.extend(other.statuses);
        self.inputs.extend(other.inputs);
        self.parts.extend(other.parts);
        self.outputs.extend(other.outputs);
        self.item |= other.item;
        self.matrix |= other.matrix;
        self.repeat |= other.repeat;
        self.run |= other.run;
        self.attempt |= other.attempt;
    }

    pub(super) fn add(&mut self, names: &[Vec<String>]) {
        for name in names {
            let Some((root, rest)) = name.split_first() else {
                continue;
            };
            let set = match root.as_str() {
                "params" => &mut self.params,
                "inputs" => &mut self.inputs,
                "outputs" => &mut self.outputs,
                "stages" => &mut self.statuses,
                "item" => {
                    self.item = true;
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
                && field == "parts"
            {
                self.parts.insert(port.clone());
            }
        }
    }
}
