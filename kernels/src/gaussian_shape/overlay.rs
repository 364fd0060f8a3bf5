//! One molecule laid over another.

use nalgebra::{Isometry3, Vector3};

use super::ascent::Ascent;
use super::frame;
use super::molecule::Molecule;
use super::volume::{Pairs, overlap};
use crate::vectors::Vectors;

/// The names of an overlay's values, in order.
pub(super) const COLUMNS: [&str; 9] = ["st", "volume", "qw", "qx", "qy", "qz", "tx", "ty", "tz"];

/// The settings of overlays.
pub(super) struct Overlayer {
    /// The number of starting poses; 0 means no climbs.
    pub(super) starts: usize,
    /// The most steps of a climb.
    pub(super) steps: usize,
    /// The instructions to use.
    pub(super) vectors: Vectors,
}

/// The best pose found, x' = R x + t, and how well it fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Overlay {
    /// Shape Tanimoto.
    st: f64,
    /// V(A, B) in cubic angstrom.
    volume: f64,
    /// R and t for the fit's coordinates as given.
    pose: Isometry3<f64>,
}

impl Overlayer {
    /// Lays a fit over a reference.
    pub(super) fn lay(&self, reference: &Molecule, fit: &Molecule) -> Overlay {
        let pose = self.best(reference, fit);
        let volume = overlap(reference, fit, |atom| {
            pose.rotation * atom + pose.translation.vector
        });
        Overlay::new(reference, fit, volume, &pose)
    }

    /// The best pose in the centered frames.
    fn best(&self, reference: &Molecule, fit: &Molecule) -> Isometry3<f64> {
        let as_given = fit.center - reference.center;
        let mut best = Isometry3::translation(as_given.x, as_given.y, as_given.z);
        let mut most = f64::NEG_INFINITY;
        let pairs = Pairs::new(reference, fit);
        let ascent = Ascent {
            pairs: &pairs,
            vectors: self.vectors,
            arm: arm(fit),
            steps: self.steps,
        };
        for start in frame::starts(reference, fit, self.starts) {
            let (pose, volume) = ascent.from(start);
            if volume > most {
                (best, most) = (pose, volume);
            }
        }
        best
    }
}

/// The root mean square distance of atoms from their center in angstrom, at least that of a bond.
pub(super) fn arm(molecule: &Molecule) -> f64 {
    let square: f64 = molecule.atoms.iter().map(Vector3::norm_squared).sum();
    #[expect(clippy::cast_precision_loss, reason = "at most a few thousand atoms")]
    let mean = square / molecule.atoms.len() as f64;
    mean.sqrt().max(1.5)
}

impl Overlay {
    /// An overlay with this volume, at a pose in the centered frames.
    pub(super) fn new(
        reference: &Molecule,
        fit: &Molecule,
        volume: f64,
        pose: &Isometry3<f64>,
    ) -> Self {
        // Converts back to the frames of the tables.
        let shift = reference.center + pose.translation.vector - pose.rotation * fit.center;
        Self {
            st: volume / (reference.volume + fit.volume - volume),
            volume,
            pose: Isometry3::from_parts(shift.into(), pose.rotation),
        }
    }

    /// Its values by [`COLUMNS`]. Of a rotation's two quaternions, the one with non-negative real
    /// part is used.
    #[expect(clippy::cast_possible_truncation, reason = "the columns are float32")]
    pub(super) fn values(&self) -> [f32; 9] {
        let q = self.pose.rotation.quaternion();
        let sign = if q.w < 0.0 { -1.0 } else { 1.0 };
        let t = self.pose.translation.vector;
        [
            self.st,
            self.volume,
            sign * q.w,
            sign * q.i,
            sign * q.j,
            sign * q.k,
            t.x,
            t.y,
            t.z,
        ]
        .map(|value| value as f32)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Translation3, UnitQuaternion};
    use proptest::prelude::*;

    use super::*;
    use crate::gaussian_shape::molecules::molecule;

    fn blob() -> impl Strategy<Value = Molecule> {
        prop::collection::vec((prop::array::uniform3(-6.0..6.0_f64), 1.0..2.0_f64), 1..40).prop_map(
            |atoms| {
                let xyz: Vec<f64> = atoms.iter().flat_map(|atom| atom.0).collect();
                let radii: Vec<f64> = atoms.iter().map(|atom| atom.1).collect();
                // Far apart atoms are never taken for nanometers.
                molecule(
                    &xyz.iter().map(|x| x * 3.0).collect::<Vec<_>>(),
                    &radii,
                    &vec![true; radii.len()],
                )
                .unwrap()
            },
        )
    }

    fn pose() -> impl Strategy<Value = Isometry3<f64>> {
        let three = || prop::array::uniform3(-3.0..3.0_f64).prop_map(Vector3::from);
        (three(), three()).prop_map(|(shift, turn)| {
            Isometry3::from_parts(
                Translation3::from(shift),
                UnitQuaternion::from_scaled_axis(turn),
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_width_of_vectors_gives_the_same_bits(a in blob(), b in blob()) {
            let lay = |vectors| Overlayer { starts: 2, steps: 20, vectors }.lay(&a, &b);
            let all: Vec<Overlay> = Vectors::available().into_iter().map(lay).collect();
            prop_assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
        }

        #[test]
        fn the_slope_is_how_the_exact_volume_changes(a in blob(), b in blob(), pose in pose()) {
            let exact = |pose: &Isometry3<f64>| {
                overlap(&a, &b, |atom| pose.rotation * atom + pose.translation.vector)
            };
            let (volume, slope) = Pairs::new(&a, &b).climb(&pose, Vectors::detect());
            let expected = exact(&pose);
            prop_assert!((volume - expected).abs() <= 1e-4 + 1e-5 * expected);
            const STEP: f64 = 1e-5;
            for i in 0..6 {
                let along = |by: f64| {
                    let axis = Vector3::ith(i % 3, by);
                    let mut moved = pose;
                    if i < 3 {
                        moved.translation.vector += axis;
                    } else {
                        moved.rotation = UnitQuaternion::from_scaled_axis(axis) * pose.rotation;
                    }
                    exact(&moved)
                };
                let expected = (along(STEP) - along(-STEP)) / (2.0 * STEP);
                let far = (slope[i] - expected).abs();
                prop_assert!(far <= 2e-3 + 1e-4 * slope.norm(), "{i}: {} {expected}", slope[i]);
            }
        }
    }
}
