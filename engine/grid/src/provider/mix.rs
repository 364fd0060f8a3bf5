//! Converts generation by kind of power to average intensity, hour by hour.

use std::collections::{BTreeMap, BTreeSet};

use sunward_core::Timestamp;
use sunward_core::ledger::{Basis, Factors, Flow};
use sunward_core::place::SignalKind;

use super::SignalError;
use super::factors::Fuel;
use super::series::{Counts, Draft, HOUR_MS};

/// The most megawatts of one kind that a zone can generate. A larger figure is an error.
const MOST_MEGAWATTS: f64 = 1e6;

/// Idle plants draw a little power themselves. A negative figure beyond this share of all power is
/// an error.
const DRAWN_SHARE: f64 = 0.05;

/// What the intensities count: imports have none of their own, and factors are of the life-cycle.
const COUNTS: Counts = (
    SignalKind::Average,
    Basis {
        factors: Factors::LifeCycle,
        flow: Flow::Generation,
    },
);

/// Generation in MW by hour and by the provider's code.
#[derive(Debug, Default)]
pub(crate) struct Mix {
    hours: BTreeMap<u64, BTreeMap<String, Parts>>,
    /// Codes without a factor of their own.
    unnamed: BTreeSet<String>,
    fuels: BTreeMap<String, Fuel>,
}

/// The figures of a code within an hour: begin, length and MW of each. A repeated figure counts
/// once.
#[derive(Clone, Debug, Default)]
struct Parts(BTreeMap<u64, (u64, f64)>);

impl Parts {
    fn told_ms(&self) -> u64 {
        self.0.values().map(|(length_ms, _)| length_ms).sum()
    }

    fn megawatt_hours(&self) -> f64 {
        let parts = self.0.values();
        parts
            .map(|(length_ms, power)| power * hours(*length_ms))
            .sum()
    }
}

impl Mix {
    /// Adds the mean power of a code over a time within an hour. `fuel` is `None` if the code has
    /// no factor.
    pub(crate) fn put(
        &mut self,
        begin: Timestamp,
        length_ms: u64,
        code: &str,
        fuel: Option<Fuel>,
        megawatts: f64,
        place: &str,
    ) -> Result<(), SignalError> {
        if !megawatts.is_finite() || megawatts.abs() > MOST_MEGAWATTS {
            return Err(absurd(megawatts, code, place));
        }
        if fuel.is_none() {
            self.unnamed.insert(code.to_owned());
        }
        self.fuels
            .insert(code.to_owned(), fuel.unwrap_or(Fuel::Other));
        let hour = self.hours.entry(begin.0 / HOUR_MS).or_default();
        let parts = hour.entry(code.to_owned()).or_default();
        parts.0.insert(begin.0, (length_ms, megawatts));
        Ok(())
    }

    /// The intensities of a zone. An hour that lacks a code which most hours have is unknown,
    /// because a grid without its coal looks clean. An hour with power of unnamed kinds is flagged
    /// as estimated.
    pub(crate) fn intensities(
        &self,
        provider: &'static str,
        zone: &str,
        place: &str,
    ) -> Result<Draft, SignalError> {
        let mut draft = Draft::new(provider, zone, COUNTS, HOUR_MS);
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for hour in self.hours.values() {
            for code in hour.keys() {
                *seen.entry(code).or_default() += 1;
            }
        }
        let usual = |count: usize| count * 2 > self.hours.len();
        for (hour, codes) in &self.hours {
            let whole = seen.iter().all(|(code, count)| match codes.get(*code) {
                Some(parts) => parts.told_ms() == HOUR_MS,
                None => !usual(*count),
            });
            let begin = Timestamp(hour * HOUR_MS);
            if whole {
                let (grams, estimated) = self.intensity(codes, place)?;
                draft.put(begin, grams, estimated)?;
            }
        }
        Ok(draft)
    }

    fn intensity(
        &self,
        codes: &BTreeMap<String, Parts>,
        place: &str,
    ) -> Result<(Option<f64>, bool), SignalError> {
        let energies = codes
            .iter()
            .map(|(code, parts)| (code, parts.megawatt_hours()));
        let all: f64 = energies.clone().map(|(_, energy)| energy.max(0.0)).sum();
        let (mut grams, mut estimated) = (0.0, false);
        for (code, energy) in energies {
            if energy < -DRAWN_SHARE * all {
                return Err(absurd(energy, code, place));
            }
            let energy = energy.max(0.0);
            let fuel = self.fuels.get(code).copied().unwrap_or(Fuel::Other);
            grams += energy * f64::from(fuel.factor().grams_per_kwh);
            estimated |= energy > 0.0 && self.unnamed.contains(code);
        }
        // A zone without generation has no intensity.
        Ok(((all > 0.0).then(|| grams / all), estimated))
    }
}

fn absurd(value: f64, code: &str, place: &str) -> SignalError {
    SignalError::Absurd {
        value,
        unit: "MW",
        place: format!("{place}, generation of {code}"),
    }
}

fn hours(length_ms: u64) -> f64 {
    // An hour has 60 minutes; both numbers are small enough to be exact.
    f64::from(u32::try_from(length_ms / 60_000).unwrap_or(60)) / 60.0
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;

    use super::super::series::HOUR_MS;
    use super::{Fuel, Mix};

    fn put(mix: &mut Mix, hour: u64, code: &str, fuel: Option<Fuel>, megawatts: f64) {
        mix.put(
            Timestamp(hour * HOUR_MS),
            HOUR_MS,
            code,
            fuel,
            megawatts,
            "x",
        )
        .unwrap();
    }

    #[test]
    fn an_hour_without_its_coal_is_not_known_and_storage_of_unknown_kind_is_flagged() {
        let mut mix = Mix::default();
        for hour in 0..4 {
            put(&mut mix, hour, "SUN", Some(Fuel::Solar), 100.0);
            if hour != 2 {
                put(&mut mix, hour, "COL", Some(Fuel::Coal), 100.0);
            }
        }
        put(&mut mix, 3, "XYZ", None, 10.0);
        let series = mix
            .intensities("eia", "X", "x")
            .unwrap()
            .history(
                Timestamp(0),
                Timestamp(4 * HOUR_MS),
                Timestamp(4 * HOUR_MS),
                0,
            )
            .unwrap();
        let flags: Vec<bool> = series.steps.iter().map(|step| step.estimated).collect();
        assert_eq!(flags, [false, false, true, true]);
        assert_eq!(series.steps[1].average_mg_per_kwh, 434_000);
    }

    #[test]
    fn a_little_own_use_counts_as_nothing_and_much_is_absurd() {
        let told = |sun: f64| {
            let mut mix = Mix::default();
            put(&mut mix, 0, "SUN", Some(Fuel::Solar), sun);
            put(&mut mix, 0, "NUC", Some(Fuel::Nuclear), 100.0);
            mix.intensities("eia", "X", "x")
        };
        assert!(told(-2.0).is_ok());
        assert!(told(-20.0).unwrap_err().to_string().contains("-20 MW"));
        assert!(
            Mix::default()
                .put(Timestamp(0), HOUR_MS, "SUN", None, f64::NAN, "x")
                .is_err()
        );
    }
}
