//! The atoms of a record.

use super::symbol;

/// Atoms, in the file's order.
#[derive(Debug, Default)]
pub(super) struct Atoms {
    /// x, y and z of each atom in turn, in Å.
    pub(super) xyz: Vec<f64>,
    /// Symbols. Those of elements are normalized to the usual case.
    pub(super) elements: Vec<String>,
    /// In elementary charges.
    pub(super) formal_charges: Vec<i32>,
}

impl Atoms {
    /// The number of atoms.
    pub(super) fn count(&self) -> usize {
        self.elements.len()
    }

    /// Adds an atom.
    pub(super) fn push(&mut self, place: [f64; 3], element: &str, formal_charge: i32) {
        self.xyz.extend(place);
        self.elements.push(symbol::usual(element).into_owned());
        self.formal_charges.push(formal_charge);
    }
}
