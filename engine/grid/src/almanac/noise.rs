//! Simulated provider forecasts: the truth times AR(1) noise that grows with the horizon.

use sunward_core::Timestamp;

use crate::published::error_permille;
use crate::whole::whole;

/// The correlation of the errors of successive hours.
const KEPT: f64 = 0.9;

/// The square root of `1 - KEPT^2`.
const FRESH: f64 = 0.435_889_894_354_067_4;

/// The ratio of a normal variable's standard deviation to its mean absolute value: the square root
/// of pi/2.
const DEVIATION: f64 = 1.253_314_137_315_500_3;

/// The truth with noise. The noise depends only on the seed, the zone and the moment.
pub(super) fn over(
    truth: impl Iterator<Item = u32>,
    seed: u64,
    zone: &str,
    now: Timestamp,
    step_ms: u64,
) -> Vec<u32> {
    let mut state = zone
        .bytes()
        .fold(seed ^ now.0.rotate_left(17), |state, byte| {
            mixed(state ^ u64::from(byte))
        });
    let mut error = normal(&mut state);
    let per_hour = (3_600_000 / step_ms.max(1)).max(1);
    (0_u64..)
        .zip(truth)
        .map(|(step, value)| {
            if step % per_hour == 0 {
                error = KEPT * error + FRESH * normal(&mut state);
            }
            let mape = error_permille(step / per_hour);
            let factor = 1.0 + error * f64::from(mape) / 1000.0 * DEVIATION;
            let off = f64::from(value) * factor.max(0.0);
            u32::try_from(whole(off)).unwrap_or(value)
        })
        .collect()
}

/// An approximately normal number: the sum of twelve uniform numbers, less 6.
fn normal(state: &mut u64) -> f64 {
    let sum: f64 = (0..12)
        .map(|_| {
            *state = mixed(*state);
            f64::from(u32::try_from(*state >> 32).unwrap_or(0)) / 4_294_967_296.0
        })
        .sum();
    sum - 6.0
}

/// A step of `SplitMix64`.
const fn mixed(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
