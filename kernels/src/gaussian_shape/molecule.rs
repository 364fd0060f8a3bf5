//! One molecule: its Gaussians, moved to the origin.

use nalgebra::Vector3;

/// One molecule, moved so that its center is the origin.
#[derive(Debug)]
pub(super) struct Molecule {
    /// Atoms relative to `center`, in angstrom.
    pub(super) atoms: Vec<Vector3<f64>>,
    /// The mean of the atoms as given, in angstrom.
    pub(super) center: Vector3<f64>,
    /// The exponents a of the Gaussians by atom, in 1/angstrom².
    pub(super) exponents: Vec<f64>,
    /// V(A, A) in cubic angstrom.
    pub(super) volume: f64,
}
