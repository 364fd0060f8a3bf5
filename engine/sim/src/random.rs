//! Pseudorandom numbers that are equal for equal seeds on every machine.

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). It
/// has 64 bits of state, which is enough for a simulation.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A stream for a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream that depends on all of these numbers. What one task draws is then independent of
    /// what other tasks draw.
    #[must_use]
    pub fn of(seed: u64, parts: &[u64]) -> Self {
        let mut state = Self(seed);
        for part in parts {
            let mixed = state.next_u64();
            state.0 = mixed ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        state
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if `end` is 0. The bias is below `end / 2^64`.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `first` to `last`, both included.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_first_numbers_are_those_of_the_reference() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_both() {
        let mut random = Random::of(7, &[1, 2]);
        let drawn: Vec<u64> = (0..500).map(|_| random.between(3, 6)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&6));
        assert_ne!(
            Random::of(7, &[1, 2]).next_u64(),
            Random::of(7, &[2, 1]).next_u64()
        );
        assert_eq!(random.below(0), 0);
    }
}
