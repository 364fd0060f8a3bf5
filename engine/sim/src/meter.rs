//! The true intensities of grids, and the emissions of energy used under them.

use std::collections::BTreeMap;

use sunward_core::Timestamp;

/// Emissions as the exact product `uJ x mgCO2e/kWh x permille of PUE`. It is divided only for
/// display. The unit is a thousandth of the core's, because powers are in milliwatts and times in
/// milliseconds here.
pub type Emissions = u128;

/// [`Emissions`] in one gram: 3.6e12 uJ/kWh x 1000 mg/g x 1000 permille.
const PER_GRAM: f64 = 3.6e18;

const MICROJOULES_PER_KWH: f64 = 3.6e12;

/// Emissions as grams of CO2 equivalent.
#[must_use]
pub fn grams(emissions: Emissions) -> f64 {
    float(emissions) / PER_GRAM
}

/// Microjoules as kilowatt-hours.
#[must_use]
pub fn kilowatt_hours(microjoules: u128) -> f64 {
    float(microjoules) / MICROJOULES_PER_KWH
}

/// The quotient of two counts.
#[must_use]
pub fn ratio(part: u128, whole: u128) -> f64 {
    float(part) / float(whole)
}

/// A count as a float for display; it keeps 53 bits.
fn float(value: u128) -> f64 {
    [96, 64, 32, 0].into_iter().fold(0.0, |sum, shift| {
        let limb = (value >> shift) & u128::from(u32::MAX);
        sum * 4_294_967_296.0 + f64::from(u32::try_from(limb).unwrap_or(u32::MAX))
    })
}

/// The true intensity of one zone, in equal steps of an hour or less. Prefix sums make every span
/// equally cheap to query.
#[derive(Clone, Debug, Default)]
pub struct ZoneTruth {
    first_ms: u64,
    step_ms: u64,
    average_mg_per_kwh: Vec<u32>,
    /// Prefix sums of `mg/kWh x ms`, average intensity.
    average: Vec<u64>,
    /// The same for marginal intensity, and the end of the part that is known without a gap.
    marginal: Vec<u64>,
    marginal_known: Vec<bool>,
}

impl ZoneTruth {
    /// A zone from its steps: the average intensity of each, and the marginal one where it is
    /// known.
    #[must_use]
    pub fn new(first: Timestamp, step_ms: u64, steps: &[(u32, Option<u32>)]) -> Self {
        let mut truth = Self {
            first_ms: first.0,
            step_ms: step_ms.max(1),
            average_mg_per_kwh: steps.iter().map(|(average, _)| *average).collect(),
            average: vec![0],
            marginal: vec![0],
            marginal_known: steps
                .iter()
                .map(|(_, marginal)| marginal.is_some())
                .collect(),
        };
        let (mut average, mut marginal) = (0_u64, 0_u64);
        for (one, other) in steps {
            average = average.saturating_add(u64::from(*one).saturating_mul(truth.step_ms));
            marginal = marginal
                .saturating_add(u64::from(other.unwrap_or(0)).saturating_mul(truth.step_ms));
            truth.average.push(average);
            truth.marginal.push(marginal);
        }
        truth
    }

    /// The length of its steps in milliseconds.
    #[must_use]
    pub const fn step_ms(&self) -> u64 {
        self.step_ms
    }

    /// The moment at which the trace begins.
    #[must_use]
    pub const fn begin(&self) -> Timestamp {
        Timestamp(self.first_ms)
    }

    /// The moment at which the trace ends.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let steps = u64::try_from(self.average_mg_per_kwh.len()).unwrap_or(u64::MAX);
        Timestamp(
            self.first_ms
                .saturating_add(steps.saturating_mul(self.step_ms)),
        )
    }

    /// The intensity at a moment, in mgCO2e/kWh. Outside the trace it is the nearest known value.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> u32 {
        let step = moment.0.saturating_sub(self.first_ms) / self.step_ms;
        let last = self.average_mg_per_kwh.len().saturating_sub(1);
        let step = usize::try_from(step).unwrap_or(usize::MAX).min(last);
        self.average_mg_per_kwh.get(step).copied().unwrap_or(0)
    }

    /// The integral of average intensity over a span, in `mg/kWh x ms`. Only the part within the
    /// trace counts.
    #[must_use]
    pub fn integral(&self, from: Timestamp, to: Timestamp) -> u64 {
        self.until(&self.average, to)
            .saturating_sub(self.until(&self.average, from))
    }

    /// The integral of marginal intensity; `None` if it is not known for the whole span.
    #[must_use]
    pub fn marginal_integral(&self, from: Timestamp, to: Timestamp) -> Option<u64> {
        let first = usize::try_from(from.0.saturating_sub(self.first_ms) / self.step_ms).ok()?;
        let last =
            usize::try_from(to.0.saturating_sub(self.first_ms).div_ceil(self.step_ms)).ok()?;
        let known = self.marginal_known.get(first..last.max(first + 1))?;
        known.iter().all(|known| *known).then(|| {
            self.until(&self.marginal, to)
                .saturating_sub(self.until(&self.marginal, from))
        })
    }

    fn until(&self, sums: &[u64], moment: Timestamp) -> u64 {
        let within = moment.0.saturating_sub(self.first_ms);
        let step = usize::try_from(within / self.step_ms).unwrap_or(usize::MAX);
        let last = sums.last().copied().unwrap_or(0);
        let (Some(before), Some(after)) = (sums.get(step), sums.get(step.saturating_add(1))) else {
            return last;
        };
        let rate = (after - before) / self.step_ms;
        before + rate * (within % self.step_ms)
    }
}

/// The true intensities of all zones of a simulation.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The zones by name.
    pub zones: BTreeMap<String, ZoneTruth>,
}

/// Energy and emissions under one policy, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// IT energy in microjoules.
    pub microjoules: u128,
    /// Emissions by average intensity: PUE x energy x intensity.
    pub average: Emissions,
    /// Emissions by marginal intensity, where that is known.
    pub marginal: Emissions,
    /// Energy for which the marginal intensity is not known.
    pub marginal_unknown_microjoules: u128,
    /// Emissions of moving inputs between regions, at the mean intensity of both ends.
    pub transfer: Emissions,
}

impl Used {
    /// Adds tasks that together draw constant power in one zone over a span.
    pub fn run(
        &mut self,
        zone: &ZoneTruth,
        pue_permille: u32,
        milliwatts: u128,
        (from, to): (Timestamp, Timestamp),
    ) {
        let microjoules = milliwatts * u128::from(to.since_ms(from));
        self.microjoules += microjoules;
        let weight = milliwatts * u128::from(pue_permille);
        self.average += weight * u128::from(zone.integral(from, to));
        match zone.marginal_integral(from, to) {
            Some(integral) => self.marginal += weight * u128::from(integral),
            None => self.marginal_unknown_microjoules += microjoules,
        }
    }

    /// Adds energy that moved data between two zones.
    pub fn transfer(&mut self, microjoules: u128, from_mg_per_kwh: u32, to_mg_per_kwh: u32) {
        let both = u128::from(from_mg_per_kwh) + u128::from(to_mg_per_kwh);
        self.transfer += microjoules * both * 500;
    }

    /// Adds another sum to this one.
    pub fn add(&mut self, other: &Self) {
        self.microjoules += other.microjoules;
        self.average += other.average;
        self.marginal += other.marginal;
        self.marginal_unknown_microjoules += other.marginal_unknown_microjoules;
        self.transfer += other.transfer;
    }

    /// The headline figure: average intensity with PUE, plus transfers.
    #[must_use]
    pub const fn total(&self) -> Emissions {
        self.average + self.transfer
    }
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;

    use super::{Used, ZoneTruth, grams, kilowatt_hours};

    const HOUR: u64 = 3_600_000;

    #[test]
    fn one_kilowatt_for_an_hour_and_a_half() {
        let zone = ZoneTruth::new(
            Timestamp(0),
            HOUR,
            &[
                (100_000, None),
                (300_000, Some(50_000)),
                (300_000, Some(70_000)),
            ],
        );
        let mut used = Used::default();
        used.run(
            &zone,
            1200,
            1_000_000,
            (Timestamp(HOUR / 2), Timestamp(2 * HOUR)),
        );
        assert!((grams(used.average) - 1.2 * 350.0).abs() < 1e-9);
        assert!((kilowatt_hours(used.microjoules) - 1.5).abs() < 1e-12);
        assert!(
            used.marginal_unknown_microjoules > 0,
            "the first hour has none"
        );
        let mut later = Used::default();
        later.run(
            &zone,
            1000,
            1_000_000,
            (Timestamp(HOUR), Timestamp(3 * HOUR)),
        );
        assert_eq!(later.marginal_unknown_microjoules, 0);
        assert!((grams(later.marginal) - 120.0).abs() < 1e-9);
    }

    #[test]
    fn a_hundred_gigabytes_at_a_hundredth_of_a_kilowatt_hour_each() {
        let mut used = Used::default();
        used.transfer(3_600_000_000_000, 400_000, 200_000);
        assert!((grams(used.total()) - 300.0).abs() < 1e-9);
    }
}
