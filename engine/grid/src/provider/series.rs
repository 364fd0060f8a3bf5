//! A series from a provider: steps of equal length, and how reliable they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sunward_core::Timestamp;
use sunward_core::ledger::{Basis, Signal};
use sunward_core::place::SignalKind;

use super::error::SignalError;
use crate::moment::moment_shown;
use crate::published::MOST_GRAMS;
use crate::trace::{Step, Trace};
use crate::whole::whole;

/// The most missing steps in a row that are interpolated; they are flagged as estimated.
const GAP_LIMIT: u64 = 3;

/// An hour in milliseconds; no step is longer.
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// A forecast older than this is not used. The slowest providers publish one a day.
const FORECAST_OLD_MS: u64 = 26 * HOUR_MS;

/// What figures count: their kind, and the rest.
pub(crate) type Counts = (SignalKind, Basis);

/// Intensities of one zone without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The provider's name.
    pub provider: String,
    /// The zone, as it was requested.
    pub zone: String,
    /// Whether the figures are averages or marginal. Marginal figures are in both fields of their
    /// steps.
    pub kind: SignalKind,
    /// What else the figures count.
    pub basis: Basis,
    /// When the first step begins.
    pub first: Timestamp,
    /// The length of a step in milliseconds, which divides an hour.
    pub step_ms: u64,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// When the provider published it, if known, else when it was fetched.
    pub issued_at: Timestamp,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// Whether it is cached because the provider did not answer.
    pub stale: bool,
}

impl Series {
    /// Whether both series count the same.
    #[must_use]
    pub fn counts_as(&self, other: &Self) -> bool {
        (self.kind, self.basis) == (other.kind, other.basis)
    }

    /// Who publishes it, and what it counts.
    #[must_use]
    pub fn signal(&self) -> Signal {
        Signal {
            zone: self.zone.clone(),
            provider: self.provider.clone(),
            basis: self.basis,
            published: None,
        }
    }

    /// When the last step ends.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let steps = u64::try_from(self.steps.len()).unwrap_or(u64::MAX);
        self.first.after_ms(steps.saturating_mul(self.step_ms))
    }

    /// Whether any step was estimated.
    #[must_use]
    pub fn is_estimated(&self) -> bool {
        self.steps.iter().any(|step| step.estimated)
    }

    /// The step that contains a moment.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> Option<&Step> {
        if moment < self.first {
            return None;
        }
        let step = moment.since_ms(self.first) / self.step_ms.max(1);
        self.steps.get(usize::try_from(step).ok()?)
    }

    /// The series in whole hours: the mean of the steps of each complete hour.
    #[must_use]
    pub fn hourly(&self) -> Self {
        let in_hour = usize::try_from(HOUR_MS / self.step_ms.max(1)).unwrap_or(1);
        let first = self.first.0.div_ceil(HOUR_MS) * HOUR_MS;
        let skip = (first - self.first.0) / self.step_ms.max(1);
        let steps = self
            .steps
            .get(usize::try_from(skip).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        Self {
            first: Timestamp(first),
            step_ms: HOUR_MS,
            steps: steps.chunks_exact(in_hour.max(1)).map(Step::mean).collect(),
            ..self.clone()
        }
    }

    /// The series as a recorded trace in whole hours.
    #[must_use]
    pub fn trace(&self) -> Trace {
        let hourly = self.hourly();
        Trace {
            zone: hourly.zone,
            basis: hourly.basis,
            first: hourly.first,
            step_ms: hourly.step_ms,
            steps: hourly.steps,
            ahead: Vec::new(),
            weather: crate::weather::Weather::default(),
        }
    }
}

/// Figures that are being read and may have gaps.
#[derive(Debug)]
pub(crate) struct Draft {
    provider: &'static str,
    zone: String,
    kind: SignalKind,
    basis: Basis,
    step_ms: u64,
    steps: BTreeMap<u64, Step>,
    issued_at: Option<Timestamp>,
}

impl Draft {
    pub(crate) fn new(
        provider: &'static str,
        zone: &str,
        (kind, basis): Counts,
        step_ms: u64,
    ) -> Self {
        Self {
            provider,
            zone: zone.to_owned(),
            kind,
            basis,
            step_ms,
            steps: BTreeMap::new(),
            issued_at: None,
        }
    }

    /// Sets when the provider published it; the latest moment counts.
    pub(crate) fn issued(&mut self, at: Timestamp) {
        self.issued_at = self.issued_at.max(Some(at));
    }

    /// Sets the length of a step.
    pub(crate) const fn set_step_ms(&mut self, step_ms: u64) {
        self.step_ms = step_ms;
    }

    /// Adds the figure of the step that begins at a moment, in gCO2e/kWh; `None` means unknown.
    ///
    /// # Errors
    ///
    /// Fails if the figure is impossible for a grid.
    pub(crate) fn put(
        &mut self,
        begin: Timestamp,
        grams: Option<f64>,
        estimated: bool,
    ) -> Result<(), SignalError> {
        let Some(grams) = grams else {
            return Ok(());
        };
        let milligrams = milligrams(grams).ok_or_else(|| SignalError::Absurd {
            value: grams,
            unit: "gCO2e/kWh",
            place: format!(
                "{}, zone {} at {}",
                self.provider,
                self.zone,
                moment_shown(begin)
            ),
        })?;
        let step = Step {
            average_mg_per_kwh: milligrams,
            marginal_mg_per_kwh: (self.kind == SignalKind::Marginal).then_some(milligrams),
            estimated,
            ..Step::default()
        };
        self.steps.insert(begin.0, step);
        Ok(())
    }

    /// The past between these moments. It is too old if it ends more than `late_ms` before the
    /// newest figure that could be known.
    pub(crate) fn history(
        mut self,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
        late_ms: u64,
    ) -> Result<Series, SignalError> {
        self.check_step()?;
        let told = self.newest();
        self.steps
            .retain(|begin, _| (from.0..until.0).contains(begin));
        let due = until.min(now).0.saturating_sub(late_ms);
        let newest = self.newest().or(told);
        if self.steps.is_empty() || newest.is_none_or(|at| at.0 < due) {
            return Err(SignalError::Stale { newest });
        }
        self.finish(now)
    }

    /// The forecast from the current step on.
    pub(crate) fn forecast(mut self, now: Timestamp) -> Result<Series, SignalError> {
        self.check_step()?;
        let newest = self.newest();
        let step_ms = self.step_ms;
        self.steps.retain(|begin, _| begin + step_ms > now.0);
        let begins_late = |begin: &u64| *begin > now.0 + HOUR_MS.max(step_ms);
        let is_old = self
            .issued_at
            .is_some_and(|at| now.since_ms(at) > FORECAST_OLD_MS);
        if is_old || self.steps.keys().next().is_none_or(begins_late) {
            return Err(SignalError::Stale { newest });
        }
        let mut whole = true;
        let mut next = None;
        // The forecast ends at the first gap; beyond it our own is as good.
        self.steps.retain(|begin, _| {
            whole = whole && next.is_none_or(|next| *begin <= next + GAP_LIMIT * step_ms);
            next = Some(begin + step_ms);
            whole
        });
        self.finish(now)
    }

    fn wrong(&self, what: String) -> SignalError {
        SignalError::Schema {
            what,
            place: format!("{}, zone {}", self.provider, self.zone),
        }
    }

    /// Checks the step length before it is used in arithmetic.
    fn check_step(&self) -> Result<(), SignalError> {
        let step_ms = self.step_ms;
        if step_ms > 0 && step_ms <= HOUR_MS && HOUR_MS.is_multiple_of(step_ms) {
            return Ok(());
        }
        Err(self.wrong(format!(
            "steps of {step_ms} ms, but an hour or a whole fraction of one was expected"
        )))
    }

    /// When the newest figure ends.
    fn newest(&self) -> Option<Timestamp> {
        let last = self.steps.keys().next_back()?;
        Some(Timestamp(last + self.step_ms))
    }

    fn finish(self, now: Timestamp) -> Result<Series, SignalError> {
        let step_ms = self.step_ms;
        let mut first = None;
        let mut steps: Vec<Step> = Vec::with_capacity(self.steps.len());
        let mut last = 0;
        for (begin, step) in &self.steps {
            if !begin.is_multiple_of(step_ms) {
                return Err(self.wrong(format!(
                    "a figure for {}, which is not a whole multiple of {} min",
                    moment_shown(Timestamp(*begin)),
                    step_ms / 60_000
                )));
            }
            let missing = (begin - last) / step_ms;
            match steps.last().copied() {
                Some(before) if missing <= GAP_LIMIT + 1 => {
                    fill(&mut steps, before, *step, missing)
                }
                _ => {
                    steps.clear();
                    first = Some(*begin);
                }
            }
            steps.push(*step);
            last = *begin;
        }
        Ok(Series {
            provider: self.provider.to_owned(),
            zone: self.zone,
            kind: self.kind,
            basis: self.basis,
            first: Timestamp(first.unwrap_or(0)),
            step_ms,
            steps,
            issued_at: self.issued_at.unwrap_or(now),
            fetched_at: now,
            stale: false,
        })
    }
}

/// Interpolates the steps between two that are `apart` milliseconds apart.
fn fill(steps: &mut Vec<Step>, before: Step, after: Step, apart: u64) {
    for at in 1..apart {
        let between = |from: u32, to: u32| {
            let sum = u64::from(from) * (apart - at) + u64::from(to) * at;
            u32::try_from(sum / apart).unwrap_or(from)
        };
        let average = between(before.average_mg_per_kwh, after.average_mg_per_kwh);
        steps.push(Step {
            average_mg_per_kwh: average,
            marginal_mg_per_kwh: before.marginal_mg_per_kwh.map(|_| average),
            estimated: true,
            ..Step::default()
        });
    }
}

/// Grams as milligrams, if possible for a grid.
fn milligrams(grams: f64) -> Option<u32> {
    if !(0.0..=MOST_GRAMS).contains(&grams) {
        return None;
    }
    u32::try_from(whole(grams * 1000.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::{Counts, Draft, HOUR_MS, SignalError};
    use sunward_core::Timestamp;

    const HALF_MS: u64 = HOUR_MS / 2;

    fn draft(values: &[(u64, f64)]) -> Draft {
        let mut draft = Draft::new("uk", "GB", Counts::default(), HALF_MS);
        for (half, grams) in values {
            draft
                .put(Timestamp(half * HALF_MS), Some(*grams), false)
                .unwrap();
        }
        draft
    }

    fn history(values: &[(u64, f64)]) -> Result<super::Series, SignalError> {
        draft(values).history(
            Timestamp(0),
            Timestamp(100 * HALF_MS),
            Timestamp(12 * HALF_MS),
            HOUR_MS,
        )
    }

    #[test]
    fn short_gaps_are_filled_and_flagged_and_a_long_one_ends_the_past() {
        let series = history(&[(1, 900.0), (8, 100.0), (10, 200.0), (11, 400.0)]).unwrap();
        let values: Vec<(u32, bool)> = series
            .steps
            .iter()
            .map(|step| (step.average_mg_per_kwh, step.estimated))
            .collect();
        assert_eq!(
            values,
            [
                (100_000, false),
                (150_000, true),
                (200_000, false),
                (400_000, false)
            ]
        );
        assert_eq!(series.first, Timestamp(8 * HALF_MS));
        assert_eq!(series.end(), Timestamp(12 * HALF_MS));
    }

    #[test]
    fn hours_are_means_of_the_whole_ones() {
        let series = history(&[(7, 1.0), (8, 100.0), (9, 200.0), (10, 300.0)]).unwrap();
        let hourly = series.hourly();
        assert_eq!(hourly.first, Timestamp(8 * HALF_MS));
        assert_eq!(hourly.steps.len(), 1, "the last hour is not whole");
        assert_eq!(hourly.steps[0].average_mg_per_kwh, 150_000);
    }

    #[test]
    fn what_ends_too_early_is_stale_and_says_when_it_ended() {
        let stale = SignalError::Stale {
            newest: Some(Timestamp(9 * HALF_MS)),
        };
        assert_eq!(history(&[(7, 1.0), (8, 1.0)]).unwrap_err(), stale);
        assert_eq!(
            history(&[]).unwrap_err(),
            SignalError::Stale { newest: None }
        );
    }

    #[test]
    fn a_forecast_begins_with_the_step_that_goes_on_and_ends_with_a_hole() {
        let at = |half: u64| Timestamp(half * HALF_MS + 1);
        let all = draft(&[(1, 1.0), (2, 2.0), (3, 3.0), (30, 4.0)]);
        let series = all.forecast(at(2)).unwrap();
        assert_eq!(
            (series.first, series.steps.len()),
            (Timestamp(2 * HALF_MS), 2)
        );
        assert!(draft(&[(1, 1.0)]).forecast(at(2)).is_err());
        assert!(draft(&[(30, 1.0)]).forecast(at(2)).is_err());
    }

    #[test]
    fn steps_that_are_no_part_of_an_hour_are_refused() {
        for step_ms in [0, 7 * 60_000, 2 * HOUR_MS, u64::MAX] {
            let mut draft = draft(&[(1, 1.0)]);
            draft.set_step_ms(step_ms);
            let error = draft.forecast(Timestamp(0)).unwrap_err();
            assert!(matches!(error, SignalError::Schema { .. }), "{step_ms}");
        }
    }

    #[test]
    fn no_figure_beyond_reason_is_taken() {
        for grams in [f64::NAN, f64::INFINITY, -0.1, 3000.1] {
            let mut draft = draft(&[]);
            let error = draft.put(Timestamp(0), Some(grams), false).unwrap_err();
            assert!(matches!(error, SignalError::Absurd { .. }), "{grams}");
        }
    }
}
