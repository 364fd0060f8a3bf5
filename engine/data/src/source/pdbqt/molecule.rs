//! One molecule of a PDBQT file.

use super::Lines;
use super::atom::Atom;
use super::bodies::Bodies;
use super::bonds::{Bonds, rotors, xs_type};
use crate::error::DataError;

/// A molecule, and what is derived from its atoms once they are complete.
#[derive(Debug, Default)]
pub(super) struct Molecule {
    pub(super) model: i32,
    pub(super) atoms: Vec<Atom>,
    /// The line and the two serial numbers of each BRANCH.
    pub(super) branches: Vec<(u64, i32, i32)>,
    pub(super) bodies: Bodies,
    /// By atom.
    pub(super) xs_types: Vec<&'static str>,
    /// N of Vina's score.
    pub(super) rotors: f32,
}

impl Molecule {
    /// Derives bonds, types and rotors.
    pub(super) fn complete(&mut self, lines: &Lines) -> Result<(), DataError> {
        let mut ends = Vec::with_capacity(self.branches.len());
        for &(line, from, to) in &self.branches {
            let place = |serial: i32| {
                let found = self.atoms.iter().position(|atom| atom.serial == serial);
                found.ok_or_else(|| DataError::Format {
                    path: lines.path.clone(),
                    expected: "PDBQT file",
                    found: format!("line {line}: a BRANCH names atom {serial}, which is not there"),
                    hint: "expected the serials of two atoms of the same molecule".into(),
                })
            };
            let (from, to) = (place(from)?, place(to)?);
            self.bodies.join(from, to);
            ends.push((from, to));
        }
        let bonds = Bonds::new(&self.atoms, &self.bodies);
        self.xs_types = (0..self.atoms.len())
            .map(|atom| xs_type(&self.atoms, &bonds, atom))
            .collect();
        self.rotors = rotors(&self.atoms, &bonds, &ends);
        Ok(())
    }
}
