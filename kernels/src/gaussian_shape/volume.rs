//! The overlap volume of two molecules: exact in double precision, and with its slope in single
//! precision for climbing.

use nalgebra::{Isometry3, Vector3, Vector6};
use std::f64::consts::PI;

use super::molecule::Molecule;
use crate::exponential::exp;
use crate::vectors::{Vectors, Work};

/// The height of an atom's Gaussian at its center (Grant & Pickup 1995).
const HEIGHT: f64 = 2.7;
/// Atoms of a reference that are processed together.
const LANES: usize = 16;
/// One value for each of them.
type Lane = [f32; LANES];

/// The exponents of atoms of these radii (angstrom), in 1/angstrom². Adjacent atoms mostly have the
/// same radius, and a power is expensive, so it is reused.
pub(super) fn exponents(radii: &[f64]) -> Vec<f64> {
    let mut last = (f64::NAN, f64::NAN);
    let of = |&radius: &f64| {
        if radius != last.0 {
            last = (radius, exponent(radius));
        }
        last.1
    };
    radii.iter().map(of).collect()
}

/// The exponent a of an atom of this radius (angstrom) for which its Gaussian has the atom's
/// volume, in 1/angstrom².
fn exponent(radius: f64) -> f64 {
    PI * (3.0 * HEIGHT / (4.0 * PI * radius.powi(3))).powf(2.0 / 3.0)
}

/// V(A, B) in cubic angstrom with the atoms of B moved by `place`, in double precision.
pub(super) fn overlap(
    a: &Molecule,
    b: &Molecule,
    place: impl Fn(&Vector3<f64>) -> Vector3<f64>,
) -> f64 {
    let mut volume = 0.0;
    for (y, &of_b) in b.atoms.iter().zip(&b.exponents) {
        let y = place(y);
        for (x, &of_a) in a.atoms.iter().zip(&a.exponents) {
            let (height, decay) = pair(of_a, of_b);
            volume += height * (-decay * (x - y).norm_squared()).exp();
        }
    }
    volume
}

/// V(A, A) in cubic angstrom: `overlap` of a molecule with itself, where each pair of different
/// atoms counts twice.
pub(super) fn own_volume(molecule: &Molecule) -> f64 {
    let (mut once, mut twice) = (0.0, 0.0);
    for (i, (x, &of_x)) in molecule.atoms.iter().zip(&molecule.exponents).enumerate() {
        once += pair(of_x, of_x).0;
        let mut last = (f64::NAN, (f64::NAN, f64::NAN));
        for (y, &of_y) in molecule.atoms[..i].iter().zip(&molecule.exponents) {
            if of_y != last.0 {
                last = (of_y, pair(of_x, of_y));
            }
            let (height, decay) = last.1;
            twice += height * (-decay * (x - y).norm_squared()).exp();
        }
    }
    2.0 * twice + once
}

/// The overlap of two coinciding atoms, and its decay with d² (1/angstrom²).
fn pair(a: f64, b: f64) -> (f64, f64) {
    let width = PI / (a + b);
    (HEIGHT * HEIGHT * width * width.sqrt(), a * b / (a + b))
}

/// What is constant while one molecule moves over another: their pairs of atoms, with the
/// reference's atoms in lanes. Lanes after the last atom have height 0.
pub(super) struct Pairs {
    blocks: Vec<Block>,
    /// Atoms of the fit around its center, in angstrom.
    fit: Vec<[f32; 3]>,
}

/// Up to 16 atoms of the reference, with their terms for each atom of the fit.
struct Block {
    x: Lane,
    y: Lane,
    z: Lane,
    /// One for each atom of the fit.
    terms: Vec<Term>,
}

/// Pairs of one atom of the fit with the lanes' atoms.
#[derive(Clone, Copy)]
struct Term {
    height: Lane,
    /// Minus the decay, in 1/angstrom².
    decay: Lane,
    /// Twice the decay, which is the factor of the slope.
    pull: Lane,
}

impl Pairs {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "single precision is what the climb needs"
    )]
    pub(super) fn new(reference: &Molecule, fit: &Molecule) -> Self {
        let atoms = reference.atoms.chunks(LANES);
        let blocks = atoms.zip(reference.exponents.chunks(LANES));
        let narrow = |atom: &Vector3<f64>| [atom.x as f32, atom.y as f32, atom.z as f32];
        let block = |(atoms, exponents): (&[Vector3<f64>], &[f64])| {
            let lane = |axis: usize| {
                let mut lane = [0.0; LANES];
                for (to, atom) in lane.iter_mut().zip(atoms) {
                    *to = atom[axis] as f32;
                }
                lane
            };
            Block {
                x: lane(0),
                y: lane(1),
                z: lane(2),
                terms: terms(exponents, &fit.exponents),
            }
        };
        Self {
            blocks: blocks.map(block).collect(),
            fit: fit.atoms.iter().map(narrow).collect(),
        }
    }

    /// V and its slope at a pose of the fit's centered atoms: along a shift (angstrom²), then along
    /// a turn about the fit's center (cubic angstrom per radian).
    pub(super) fn climb(&self, pose: &Isometry3<f64>, vectors: Vectors) -> (f64, Vector6<f64>) {
        let turn = pose.rotation.to_rotation_matrix();
        let sums = vectors.run(Sweep {
            pairs: self,
            turn: turn.matrix().cast::<f32>().into(),
            shift: pose.translation.vector.cast::<f32>().into(),
        });
        let [volume, pull, moment] = sums;
        let torque = moment - pose.translation.vector.cross(&pull);
        (
            volume.x,
            Vector6::new(pull.x, pull.y, pull.z, torque.x, torque.y, torque.z),
        )
    }
}

/// The terms of one block, one for each atom of the fit. Most molecules have few kinds of atoms, so
/// a row is computed once for each kind.
#[expect(
    clippy::cast_possible_truncation,
    reason = "single precision is what the climb needs"
)]
fn terms(reference: &[f64], fit: &[f64]) -> Vec<Term> {
    let mut kinds: Vec<(f64, Term)> = Vec::new();
    fit.iter()
        .map(|&of_fit| {
            if let Some((_, term)) = kinds.iter().find(|(kind, _)| *kind == of_fit) {
                return *term;
            }
            let mut term = Term {
                height: [0.0; LANES],
                decay: [0.0; LANES],
                pull: [0.0; LANES],
            };
            for (lane, &of_reference) in reference.iter().enumerate() {
                let (height, decay) = pair(of_reference, of_fit);
                term.height[lane] = height as f32;
                term.decay[lane] = -decay as f32;
                term.pull[lane] = (2.0 * decay) as f32;
            }
            kinds.push((of_fit, term));
            term
        })
        .collect()
}

/// One sweep over all pairs.
struct Sweep<'a> {
    pairs: &'a Pairs,
    /// The columns of the rotation.
    turn: [[f32; 3]; 3],
    shift: [f32; 3],
}

/// Sums over the fit's atoms for each lane.
struct Sums {
    volume: Lane,
    /// The slope weights w of the pairs.
    weight: Lane,
    /// Sums of w times the fit atom's coordinate.
    x: Lane,
    y: Lane,
    z: Lane,
}

impl Work for Sweep<'_> {
    /// The volume (in x), the force on the fit, and its moment about the origin.
    type Output = [Vector3<f64>; 3];

    #[inline(always)]
    fn work(self) -> Self::Output {
        let (mut volume, mut pull, mut moment) = (0.0, Vector3::zeros(), Vector3::zeros());
        let placed: Vec<[f32; 3]> = self.pairs.fit.iter().map(|atom| self.place(atom)).collect();
        for block in &self.pairs.blocks {
            let sums = block.sweep(&placed);
            for lane in 0..LANES {
                let place = |x: &Lane, y: &Lane, z: &Lane| {
                    Vector3::new(x[lane].into(), y[lane].into(), z[lane].into())
                };
                let atom: Vector3<f64> = place(&block.x, &block.y, &block.z);
                let pulled: Vector3<f64> = place(&sums.x, &sums.y, &sums.z);
                volume += f64::from(sums.volume[lane]);
                pull += atom * f64::from(sums.weight[lane]) - pulled;
                moment += pulled.cross(&atom);
            }
        }
        [Vector3::new(volume, 0.0, 0.0), pull, moment]
    }
}

impl Sweep<'_> {
    #[inline(always)]
    fn place(&self, [x, y, z]: &[f32; 3]) -> [f32; 3] {
        let [a, b, c] = self.turn;
        let along = |i: usize| a[i] * x + b[i] * y + c[i] * z + self.shift[i];
        [along(0), along(1), along(2)]
    }
}

impl Block {
    /// Plain loops over lanes, which the compiler vectorizes. Nothing is fused, so that every width
    /// gives the same bits.
    #[inline(always)]
    fn sweep(&self, placed: &[[f32; 3]]) -> Sums {
        let mut sums = Sums {
            volume: [0.0; LANES],
            weight: [0.0; LANES],
            x: [0.0; LANES],
            y: [0.0; LANES],
            z: [0.0; LANES],
        };
        for ([x, y, z], term) in placed.iter().zip(&self.terms) {
            for lane in 0..LANES {
                let (dx, dy, dz) = (self.x[lane] - x, self.y[lane] - y, self.z[lane] - z);
                let square = dx * dx + dy * dy + dz * dz;
                let volume = term.height[lane] * exp(term.decay[lane] * square);
                let weight = term.pull[lane] * volume;
                sums.volume[lane] += volume;
                sums.weight[lane] += weight;
                sums.x[lane] += weight * x;
                sums.y[lane] += weight * y;
                sums.z[lane] += weight * z;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::super::molecules::molecule;
    use super::*;

    #[test]
    fn a_molecules_own_volume_is_its_overlap_with_itself() {
        let xyz = [0.0, 0.0, 0.0, 1.4, 0.2, 0.0, 2.1, 1.5, -0.3, 2.2, 1.4, 1.1];
        let molecule = molecule(&xyz, &[1.7, 1.55, 1.55, 1.7], &[true; 4]);
        let molecule = molecule.unwrap_or_else(|reason| panic!("{reason}"));
        let naive = overlap(&molecule, &molecule, |atom| *atom);
        assert!((molecule.volume / naive - 1.0).abs() < 1e-14);
        assert_eq!(molecule.exponents[0], exponent(1.7));
        assert_eq!(molecule.exponents[2], exponent(1.55));
    }
}
