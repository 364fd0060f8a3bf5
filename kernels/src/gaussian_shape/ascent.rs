//! Climbs to a local optimum: BFGS on the group of rotations and shifts.

use nalgebra::{Isometry3, Matrix6, Quaternion, Translation3, UnitQuaternion, Vector3, Vector6};

use super::volume::Pairs;
use crate::vectors::Vectors;

/// A gain below this share of the volume ends a climb, since single precision cannot resolve it.
const GAIN: f64 = 3e-6;
/// The share of the slope's promised gain that a step must reach (Armijo).
const PROMISE: f64 = 1e-4;
/// The longest step in angstrom, so that atoms do not jump over one another.
const LONGEST: f64 = 1.2;
/// The first step in angstrom.
const FIRST: f64 = 0.4;
/// How often a step is shortened before the climb ends.
const SHORTENINGS: usize = 8;

/// The surroundings of a climb.
pub(super) struct Ascent<'a> {
    pub(super) pairs: &'a Pairs,
    pub(super) vectors: Vectors,
    /// The distance of a typical atom from the center of what moves, in angstrom. Turns are
    /// measured by the path of such an atom, so that turns and shifts have one unit.
    pub(super) arm: f64,
    /// The most steps.
    pub(super) steps: usize,
}

/// A point of the climb.
#[derive(Clone, Copy)]
struct Spot {
    pose: Isometry3<f64>,
    volume: f64,
    slope: Vector6<f64>,
}

impl Ascent<'_> {
    /// The pose reached from a start, and its volume in cubic angstrom. The quasi-Newton matrix
    /// belongs to the moving frame of shifts and turns about the fit's center and is transported
    /// unchanged, as is usual on such groups (Absil, Mahony & Sepulchre 2008, §8.2).
    pub(super) fn from(&self, start: Isometry3<f64>) -> (Isometry3<f64>, f64) {
        let mut here = self.spot(start);
        let mut curve = None;
        for _ in 0..self.steps {
            let Some(step) = self.step(&here, curve.as_ref()) else {
                break;
            };
            let Some((next, step)) = self.search(&here, step) else {
                // After a bad direction the curvature is reset once; then the slope itself is used.
                if curve.take().is_none() {
                    break;
                }
                continue;
            };
            let gain = next.volume - here.volume;
            curve = Some(bend(curve, &step, &(here.slope - next.slope)));
            here = next;
            if gain < GAIN * here.volume {
                break;
            }
        }
        (here.pose, here.volume)
    }

    fn spot(&self, pose: Isometry3<f64>) -> Spot {
        let (volume, mut slope) = self.pairs.climb(&pose, self.vectors);
        for turn in 3..6 {
            slope[turn] /= self.arm;
        }
        Spot {
            pose,
            volume,
            slope,
        }
    }

    /// The next step; `None` on flat ground.
    fn step(&self, here: &Spot, curve: Option<&Matrix6<f64>>) -> Option<Vector6<f64>> {
        let steepness = here.slope.norm();
        if steepness <= GAIN * here.volume {
            return None;
        }
        let step = match curve {
            Some(curve) => curve * here.slope,
            None => here.slope * (FIRST / steepness),
        };
        let length = step.norm();
        Some(step * (LONGEST / length).min(1.0))
    }

    /// The first point along a step with enough gain, and its distance.
    fn search(&self, here: &Spot, mut step: Vector6<f64>) -> Option<(Spot, Vector6<f64>)> {
        for _ in 0..SHORTENINGS {
            let promised = step.dot(&here.slope);
            if promised <= 0.0 {
                return None;
            }
            let next = self.spot(self.moved(&here.pose, &step));
            let gained = next.volume - here.volume;
            if gained >= PROMISE * promised {
                return Some((next, step));
            }
            // The maximum of the parabola through both volumes and the slope here.
            let top = promised / (2.0 * (promised - gained));
            step *= top.clamp(0.1, 0.5);
        }
        None
    }

    /// A pose after a step: the fit is shifted, and turned about its center.
    fn moved(&self, pose: &Isometry3<f64>, step: &Vector6<f64>) -> Isometry3<f64> {
        let half = Vector3::new(step[3], step[4], step[5]) / (2.0 * self.arm);
        // Equal to the turn by this vector to second order, without a sine, which machines may
        // round differently.
        let turn = UnitQuaternion::new_normalize(Quaternion::from_parts(1.0, half));
        let shift = pose.translation.vector + Vector3::new(step[0], step[1], step[2]);
        Isometry3::from_parts(Translation3::from(shift), turn * pose.rotation)
    }
}

/// The inverse curvature after a step that changed the slope by `-fall` (BFGS; Nocedal & Wright
/// 2006, eq. 6.17). It stays positive definite: a step without downward curvature changes nothing.
fn bend(curve: Option<Matrix6<f64>>, step: &Vector6<f64>, fall: &Vector6<f64>) -> Matrix6<f64> {
    let along = step.dot(fall);
    let fresh = || Matrix6::identity() * (along / fall.norm_squared());
    if along <= 1e-10 * step.norm() * fall.norm() {
        return curve.unwrap_or_else(|| {
            Matrix6::identity() * (step.norm() / fall.norm().max(f64::MIN_POSITIVE))
        });
    }
    let curve = curve.unwrap_or_else(fresh);
    let left = Matrix6::identity() - step * fall.transpose() / along;
    left * curve * left.transpose() + step * step.transpose() / along
}
