//! Scores of poses of one ligand in one receptor.

use super::atom::Atom;
use super::molecule::{Molecule, span};
use super::neighborhood::Neighborhood;
use super::terms::{Add, LANES, TERMS};
use crate::vectors::Vectors;

/// Weights of the five terms in kcal/mol (Trott & Olson 2010, Table 1, with the digits of Vina
/// 1.2).
const WEIGHTS: [f64; TERMS] = [-0.035_579, -0.005_156, 0.840_245, -0.035_069, -0.587_439];
/// The weight of a rotatable bond (the same, `w_rot`).
const ROTOR_WEIGHT: f64 = 0.058_46;
/// A pose whose extent is below this share of its ligand's is in another unit.
pub(super) const SHRUNK: f64 = 0.2;

/// The score of a pose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    /// Sums of the terms over all pairs, without weights.
    pub(super) terms: [f64; TERMS],
    /// Their weighted sum in kcal/mol.
    pub(super) inter: f64,
    /// In kcal/mol.
    pub(super) score: f64,
    /// The root mean square deviation from the ligand as given, in Å.
    pub(super) rmsd: f64,
}

/// A receptor and a ligand.
pub(super) struct Scorer {
    pub(super) around: Neighborhood,
    pub(super) ligand: Molecule,
    /// The number of the ligand's atoms that are not hydrogen.
    pub(super) heavy: f64,
    pub(super) rotors: f64,
    /// The square of the cutoff, in Å².
    pub(super) cutoff: f64,
    pub(super) vectors: Vectors,
}

impl Scorer {
    /// The score of a pose, or why there is none. `kinds` are AutoDock's types of its atoms, if
    /// known.
    pub(super) fn score(&self, xyz: &[f64], kinds: Option<&[&str]>) -> Result<Score, String> {
        self.check(xyz, kinds)?;
        let (places, _) = xyz.as_chunks::<3>();
        let mut sums = [[0.0; LANES]; TERMS];
        let mut square = 0.0;
        for ((atom, home), place) in self.atoms().zip(places) {
            let Some(atom) = atom else { continue };
            self.vectors.run(Add {
                blocks: self.around.near(*place),
                atom,
                place: *place,
                cutoff: self.cutoff,
                sums: &mut sums,
            });
            square += (0..3)
                .map(|axis| (place[axis] - home[axis]).powi(2))
                .sum::<f64>();
        }
        let terms = sums.map(|lanes| lanes.iter().copied().map(f64::from).sum());
        Ok(self.scored(terms, square))
    }

    /// The score with these terms. `square` is the sum of the heavy atoms' squared displacements
    /// from the ligand, in Å².
    pub(super) fn scored(&self, terms: [f64; TERMS], square: f64) -> Score {
        let inter = WEIGHTS.iter().zip(&terms).map(|(w, t)| w * t).sum();
        Score {
            terms,
            inter,
            score: inter / (1.0 + ROTOR_WEIGHT * self.rotors),
            rmsd: (square / self.heavy.max(1.0)).sqrt(),
        }
    }

    fn atoms(&self) -> impl Iterator<Item = (&Option<Atom>, &[f64; 3])> {
        self.ligand.atoms.iter().zip(&self.ligand.places)
    }

    /// Why a pose cannot be scored, if so.
    pub(super) fn check(&self, xyz: &[f64], kinds: Option<&[&str]>) -> Result<(), String> {
        let atoms = self.ligand.len();
        if xyz.len() != 3 * atoms {
            return Err(format!(
                "`xyz` has {} numbers; expected {}, three for each of the ligand's {atoms} atoms",
                xyz.len(),
                3 * atoms
            ));
        }
        if let Some(i) = xyz.iter().position(|x| !x.is_finite()) {
            let kind = if xyz[i].is_nan() {
                "NaN or null"
            } else {
                "infinite"
            };
            let axis = ["x", "y", "z"][i % 3];
            return Err(format!("{axis} of atom {} (from 0) is {kind}", i / 3));
        }
        let (places, _) = xyz.as_chunks::<3>();
        let (own, found) = (span(&self.ligand.places), span(places));
        if found < SHRUNK * own {
            return Err(format!(
                "it spans {found:.3} and the ligand {own:.3} Å: coordinates in nm? multiply them by 10"
            ));
        }
        self.check_kinds(kinds)
    }

    /// Checks that a pose lists the ligand's atoms in the ligand's order.
    pub(super) fn check_kinds(&self, kinds: Option<&[&str]>) -> Result<(), String> {
        match (kinds, &self.ligand.kinds) {
            (Some(kinds), Some(own)) => same_kinds(kinds, own),
            _ => Ok(()),
        }
    }
}

fn same_kinds(found: &[&str], own: &[String]) -> Result<(), String> {
    let differs = found.iter().zip(own).position(|(found, own)| found != own);
    match differs {
        None => Ok(()),
        Some(i) => Err(format!(
            "atom {i} (from 0) is {} and the ligand's is {}: it is another molecule, or its atoms are in another order",
            found[i], own[i]
        )),
    }
}
