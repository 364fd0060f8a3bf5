//! e^x in single precision for loops over lanes, where a library's exponential is too slow.

/// e^x for x <= 0, within 2 units in the last place; below -87 it is that of -87 (1.6e-38). The
/// argument is reduced by ln 2 in two parts; the rest is a polynomial of degree 6, as in Moshier's
/// Cephes library.
#[inline(always)]
#[expect(
    clippy::excessive_precision,
    reason = "the coefficients as published; the nearest float32 is taken"
)]
pub(crate) fn exp(x: f32) -> f32 {
    /// 1.5 * 2^23. Adding it moves a number's integral part into the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let power = shifted - ROUND;
    let rest = x - power * 0.693_359_375;
    let rest = rest - power * -2.121_944_40e-4;
    let mut sum = 1.987_569_15e-4;
    for coefficient in [
        1.398_199_950_7e-3,
        8.333_451_907_3e-3,
        4.166_579_589_4e-2,
        1.666_666_545_9e-1,
        5.000_000_120_1e-1,
    ] {
        sum = sum * rest + coefficient;
    }
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    (sum * (rest * rest) + rest + 1.0) * scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::exp;

    proptest! {
        #[test]
        fn exp_is_that_of_double_precision(x in -87.0_f32..=0.0) {
            let exact = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) / exact - 1.0).abs() < 2.5e-7, "{x}");
        }
    }

    #[test]
    fn exp_has_its_limits() {
        assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
        assert!(exp(-1e30) < 2e-38 && exp(f32::NEG_INFINITY) < 2e-38);
    }
}
