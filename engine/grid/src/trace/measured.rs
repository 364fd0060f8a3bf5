//! Measurements from a trace, which replace forecasts in ledgers.

use sunward_core::Timestamp;
use sunward_core::ledger::{Actuals, QUARTER_MS, Quarter};

use super::{Step, Trace};

impl Trace {
    /// The measured quarter-hours from `since` on that have ended by `now`. Quarters that the trace
    /// does not cover are absent. A quarter with several steps has their mean.
    #[must_use]
    pub fn measured(&self, since: Timestamp, now: Timestamp) -> Option<Actuals> {
        let known = self.steps.get(..self.known_by(now))?;
        let count = u64::try_from(known.len()).ok()?;
        let end_ms = self.first.0 + self.step_ms * count;
        let first = since.max(self.first).0.div_ceil(QUARTER_MS);
        let values: Vec<(u32, Option<u32>, bool)> = (first..end_ms / QUARTER_MS)
            .map_while(|quarter| {
                let into_ms = (quarter * QUARTER_MS).checked_sub(self.first.0)?;
                let from = into_ms / self.step_ms;
                let until = (into_ms + QUARTER_MS).div_ceil(self.step_ms);
                let steps = usize::try_from(from).ok()?..usize::try_from(until).ok()?;
                let mean = Step::mean(known.get(steps)?);
                Some((
                    mean.average_mg_per_kwh,
                    mean.marginal_mg_per_kwh,
                    mean.estimated,
                ))
            })
            .collect();
        (!values.is_empty()).then(|| Actuals {
            zone: self.zone.clone(),
            source: "measured".to_owned(),
            first: Quarter::of(Timestamp(first * QUARTER_MS)),
            values,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn trace(step_ms: u64, grams: &[u32]) -> Trace {
        let step = |grams: &u32| Step {
            average_mg_per_kwh: grams * 1000,
            estimated: *grams == 300,
            ..Step::default()
        };
        Trace {
            zone: "DE".to_owned(),
            basis: sunward_core::ledger::Basis::default(),
            first: Timestamp(480_000 * HOUR_MS),
            step_ms,
            steps: grams.iter().map(step).collect(),
            ahead: Vec::new(),
            weather: crate::weather::Weather::default(),
        }
    }

    #[test]
    fn an_hour_is_four_quarters_and_counts_once_it_has_ended() {
        let trace = trace(HOUR_MS, &[100, 200, 300]);
        let at = |minutes: u64| trace.first.after_ms(minutes * 60_000);
        assert_eq!(trace.measured(at(0), at(59)), None);
        let one = trace.measured(at(0), at(61)).unwrap();
        assert_eq!(one.values, [(100_000, None, false); 4]);
        assert_eq!(one.first, Quarter::of(at(0)));
        let late = trace.measured(at(50), at(120)).unwrap();
        assert_eq!(late.first, Quarter::of(at(60)));
        assert_eq!(late.values, [(200_000, None, false); 4]);
        let all = trace.measured(at(0), at(1_000)).unwrap();
        assert_eq!(all.values.len(), 12);
        assert_eq!(all.values[11], (300_000, None, true));
        assert_eq!(trace.measured(at(180), at(1_000)), None);
    }

    #[test]
    fn finer_steps_are_averaged() {
        let trace = trace(HOUR_MS / 12, &[100, 200, 600, 100]);
        let end = trace.first.after_ms(HOUR_MS);
        let one = trace.measured(trace.first, end).unwrap();
        assert_eq!(one.values, [(300_000, None, false)], "whole quarters alone");
    }
}
