//! Rounds floats to integers, so that figures are the same on every machine.

/// Two to the power of 64: the first number that is too large.
const LIMIT: f64 = 18_446_744_073_709_551_616.0;

/// The nearest integer; ties go to the even one. NaN, negative and too large numbers give 0.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is whole and within bounds"
)]
pub fn whole(value: f64) -> u64 {
    let nearest = value.round_ties_even();
    if (0.0..LIMIT).contains(&nearest) {
        nearest as u64
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, whole};

    #[test]
    fn the_nearest_and_the_even_one_of_two() {
        let cases = [
            (0.5, 0),
            (1.5, 2),
            (2.5, 2),
            (-0.4, 0),
            (1_119.999_999, 1_120),
        ];
        for (value, nearest) in cases {
            assert_eq!(whole(value), nearest, "{value}");
        }
    }

    #[test]
    fn what_is_no_count_is_none() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, LIMIT] {
            assert_eq!(whole(value), 0, "{value}");
        }
    }
}
