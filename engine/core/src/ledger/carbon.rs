//! Carbon as an exact product, so that sums do not depend on how they are grouped.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Millijoules in a kilowatt hour.
const MILLIJOULES_PER_KWH: u128 = 3_600_000_000;

/// Emissions as the exact product `mJ x mgCO2e/kWh x permille of PUE`. One unit is 1/3.6e15 gram.
/// It is divided only for display, so the sums over tasks, stages and runs agree to the last unit.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Carbon(pub u128);

impl Carbon {
    /// No emissions.
    pub const ZERO: Self = Self(0);

    /// The emissions of IT energy in a pool with this PUE, at this intensity.
    #[must_use]
    pub fn of(millijoules: u64, pue_permille: u32, intensity_mg_per_kwh: u32) -> Self {
        Self(u128::from(millijoules) * u128::from(intensity_mg_per_kwh) * u128::from(pue_permille))
    }

    /// The emissions of half of this energy at this intensity: what moving data emits in one of the
    /// two grids that it passes.
    #[must_use]
    pub fn of_half(millijoules: u64, intensity_mg_per_kwh: u32) -> Self {
        Self(u128::from(millijoules) * u128::from(intensity_mg_per_kwh) * 500)
    }

    /// Converts from micrograms CO2e.
    #[must_use]
    pub fn from_micrograms(micrograms: u64) -> Self {
        Self(u128::from(micrograms) * MILLIJOULES_PER_KWH)
    }

    /// The emissions in micrograms CO2e, rounded down.
    #[must_use]
    pub fn micrograms(self) -> u64 {
        u64::try_from(self.0 / MILLIJOULES_PER_KWH).unwrap_or(u64::MAX)
    }
}

impl Add for Carbon {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Carbon {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Carbon {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Carbon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ug", self.micrograms())
    }
}

#[cfg(test)]
mod tests {
    use super::Carbon;

    #[test]
    fn one_kilowatt_hour_at_400_grams_and_pue_of_1_25_is_500_grams() {
        let carbon = Carbon::of(3_600_000_000, 1250, 400_000);
        assert_eq!(carbon.micrograms(), 500_000_000);
        assert_eq!(Carbon::from_micrograms(500_000_000), carbon);
    }

    #[test]
    fn a_transfer_takes_the_mean_of_both_ends() {
        let carbon =
            Carbon::of_half(3_600_000_000, 100_000) + Carbon::of_half(3_600_000_000, 300_000);
        assert_eq!(carbon.micrograms(), 200_000_000);
    }

    #[test]
    fn the_longest_year_of_the_largest_fleet_fits() {
        // 100 GW for a year at 2 kg/kWh and PUE 3.
        let carbon = Carbon::of(3_153_600_000_000_000_000, 3000, 2_000_000);
        assert_eq!(carbon.micrograms() / 1_000_000, 5_256_000_000_000);
    }
}
