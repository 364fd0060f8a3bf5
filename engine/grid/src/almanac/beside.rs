//! What an outlook holds beside averages: marginal intensities and hours with surplus power.

use sunward_core::Timestamp;

use super::{Foresight, index};
use crate::forecast::{carried, same_time};
use crate::market::{Market, SURPLUS_MILLI_EUR_PER_MWH};
use crate::trace::{Step, Trace};

/// Power with a marginal intensity below this, in mgCO2e/kWh, would otherwise be curtailed.
const SURPLUS_MG_PER_KWH: u32 = 5_000;

/// The days of renewable shares that determine a zone's threshold (DESIGN.md §5).
const SHARE_DAYS: usize = 31;

/// The days of shares that must be known before there is a threshold.
const SHARE_DAYS_AT_LEAST: usize = 7;

/// The percentile of hours that the threshold exceeds.
const MUCH_PERCENT: usize = 90;

/// The figures of a zone at a moment, beside its average.
pub(super) struct Beside<'a> {
    trace: &'a Trace,
    known: usize,
    /// Whether the true future is used, without noise or forecast.
    clear: bool,
    day: usize,
    /// The first step whose price is not published. Prices are published a day ahead.
    unpublished: usize,
    /// Forecasts from the first step that has not ended on; empty if the true future is used.
    marginal: Vec<Option<u32>>,
    renewable: Vec<Option<u32>>,
    /// The renewable share in thousandths above which power counts as surplus.
    much: Option<u32>,
}

impl<'a> Beside<'a> {
    /// Prepares the figures of a zone with `known` measured steps at a moment, for `ahead` further
    /// steps.
    pub(super) fn new(
        trace: &'a Trace,
        foresight: Foresight,
        (known, now): (usize, Timestamp),
        ahead: usize,
    ) -> Self {
        let clear = foresight != Foresight::Past;
        let expect = |of: fn(&Step) -> Option<u32>| {
            if clear {
                return Vec::new();
            }
            carried(trace, known, ahead, of)
        };
        let day = index(86_400_000 / trace.step_ms.max(1)).max(1);
        Self {
            trace,
            known,
            clear,
            day,
            unpublished: Market::of(&trace.zone)
                .and_then(|market| market.unpublished(trace, now))
                .unwrap_or(known),
            marginal: expect(|step| step.marginal_mg_per_kwh),
            renewable: expect(|step| step.renewable_permille),
            much: much(trace, known, day),
        }
    }

    /// The marginal intensities of these steps in mgCO2e/kWh, up to the first unknown one.
    pub(super) fn marginal(&self, steps: &[u64]) -> Vec<u32> {
        let one = |step: &u64| self.at(*step, &self.marginal, |step| step.marginal_mg_per_kwh);
        steps.iter().map_while(one).collect()
    }

    /// Whether a step has surplus power: its price is near zero or negative, one more kilowatt-hour
    /// emits nothing, or the renewable share is above the zone's threshold. An unknown price or
    /// marginal intensity counts as that of the same hour of the day before.
    pub(super) fn surplus(&self, step: u64) -> bool {
        let share = self.at(step, &self.renewable, |step| step.renewable_permille);
        let price = self.trace.price_of(self.seen(step, self.unpublished));
        let other = self.trace.steps.get(self.seen(step, self.known));
        price.is_some_and(|price| price < SURPLUS_MILLI_EUR_PER_MWH)
            || other.is_some_and(is_spilled)
            || share
                .zip(self.much)
                .is_some_and(|(share, much)| share > much)
    }

    /// A step before `until`, or the last one before it at the same time of day.
    fn seen(&self, step: u64, until: usize) -> usize {
        let step = index(step);
        match self.clear {
            true => step,
            false => same_time(step, until, self.day),
        }
    }

    fn at(&self, step: u64, expected: &[Option<u32>], of: fn(&Step) -> Option<u32>) -> Option<u32> {
        let step = index(step);
        match step.checked_sub(self.known) {
            Some(ahead) if !self.clear => expected.get(ahead).copied().flatten(),
            _ => self.trace.steps.get(step).and_then(of),
        }
    }

    /// Words that follow the source's name if the underlying data are estimated: the last known
    /// day, or the steps themselves if the true future is used.
    pub(super) fn doubt(&self, steps: &[u64]) -> &'static str {
        let seen = if self.clear {
            let first = steps.first().map_or(0, |step| index(*step));
            first..steps.last().map_or(0, |step| index(*step)) + 1
        } else {
            self.known.saturating_sub(self.day)..self.known
        };
        let end = seen.end.min(self.trace.steps.len());
        let seen = self.trace.steps.get(seen.start..end).unwrap_or_default();
        match seen.iter().filter(|step| step.estimated).count() {
            0 => "",
            all if all == seen.len() => ", estimated",
            _ => ", partly estimated",
        }
    }
}

/// Whether one more kilowatt-hour comes from power that would otherwise be curtailed.
fn is_spilled(step: &Step) -> bool {
    step.marginal_mg_per_kwh
        .is_some_and(|marginal| marginal < SURPLUS_MG_PER_KWH)
}

/// The 90th percentile of the renewable share over the last month, in thousandths.
fn much(trace: &Trace, known: usize, day: usize) -> Option<u32> {
    let last_month = known.saturating_sub(SHARE_DAYS * day)..known;
    let steps = trace.steps.get(last_month)?;
    let mut shares: Vec<u32> = steps
        .iter()
        .filter_map(|step| step.renewable_permille)
        .collect();
    if shares.len() < SHARE_DAYS_AT_LEAST * day {
        return None;
    }
    let rank = (shares.len() * MUCH_PERCENT).div_ceil(100) - 1;
    let (_, much, _) = shares.select_nth_unstable(rank);
    Some(*much)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use sunward_core::Timestamp;
    use sunward_core::place::{PoolOutlook, ZoneOutlook};

    use crate::almanac::{Almanac, Foresight};
    use crate::trace::{Grid, Step, Trace};

    const HOUR_MS: u64 = 3_600_000;

    fn look(steps: Vec<Step>, hour: usize, foresight: Foresight) -> ZoneOutlook {
        let trace = Trace {
            zone: "DE".into(),
            basis: sunward_core::ledger::Basis::default(),
            first: Timestamp(0),
            step_ms: HOUR_MS,
            steps,
            ahead: Vec::new(),
            weather: crate::weather::Weather::default(),
        };
        let mut grid = Grid::default();
        grid.zones.insert("DE".into(), trace);
        let pool = PoolOutlook {
            gpus: vec![1; 24],
            cpus: vec![1; 24],
        };
        let now = Timestamp(u64::try_from(hour).unwrap() * HOUR_MS);
        Almanac::new(Arc::new(grid), foresight, HOUR_MS)
            .outlook(now, vec![pool])
            .zones
            .remove(0)
    }

    /// A number of equal days, hour by hour.
    fn days(days: usize, step: impl Fn(u32) -> Step) -> Vec<Step> {
        let day: Vec<Step> = (0..24).map(step).collect();
        day.repeat(days)
    }

    fn marginal(hour: u32) -> Step {
        Step {
            average_mg_per_kwh: 300_000,
            marginal_mg_per_kwh: Some(400_000 + hour * 1000),
            ..Step::default()
        }
    }

    #[test]
    fn marginal_figures_are_carried_forward_from_the_same_hour() {
        let zone = look(days(10, marginal), 150, Foresight::Past);
        let expected: Vec<u32> = (150..174).map(|hour| 400_000 + hour % 24 * 1000).collect();
        assert_eq!(zone.marginal_mg_per_kwh, expected);
        let ahead = look(days(10, marginal), 150, Foresight::Perfect);
        assert_eq!(ahead.marginal_mg_per_kwh, expected);
    }

    #[test]
    fn marginal_figures_end_where_none_is_known() {
        let holes = |hour| match hour {
            20 => Step {
                marginal_mg_per_kwh: None,
                ..marginal(hour)
            },
            _ => marginal(hour),
        };
        let zone = look(days(10, holes), 6 * 24 + 12, Foresight::Past);
        assert_eq!(zone.marginal_mg_per_kwh.len(), 8);
        let none = days(10, |_| Step {
            average_mg_per_kwh: 1,
            ..Step::default()
        });
        assert!(
            look(none, 150, Foresight::Past)
                .marginal_mg_per_kwh
                .is_empty()
        );
    }

    fn sunny(hour: u32) -> Step {
        Step {
            average_mg_per_kwh: 300_000,
            renewable_permille: Some(if (11..13).contains(&hour) { 800 } else { 200 }),
            ..Step::default()
        }
    }

    #[test]
    fn the_most_renewable_tenth_of_a_month_is_surplus() {
        let zone = look(days(40, sunny), 35 * 24, Foresight::Past);
        let at: Vec<usize> = (0..24).filter(|hour| zone.surplus[*hour]).collect();
        assert_eq!(at, [11, 12]);
        // A share that never changes is never above the threshold. With few days there is none.
        let still = days(40, |_| sunny(0));
        assert_eq!(look(still, 35 * 24, Foresight::Past).surplus, [false; 24]);
        let short = look(days(40, sunny), 6 * 24, Foresight::Past);
        assert_eq!(short.surplus, [false; 24]);
    }

    #[test]
    fn a_negative_price_is_surplus_whatever_the_share() {
        let cheap = |hour| Step {
            price_milli_eur_per_mwh: Some(if hour == 3 { -1 } else { 20_000 }),
            ..sunny(hour)
        };
        let zone = look(days(40, cheap), 35 * 24, Foresight::Past);
        let at: Vec<usize> = (0..24).filter(|hour| zone.surplus[*hour]).collect();
        assert_eq!(at, [3, 11, 12]);
    }

    #[test]
    fn tomorrows_prices_are_known_once_they_are_published() {
        let mut steps = days(40, |hour| Step {
            price_milli_eur_per_mwh: Some(20_000),
            ..marginal(hour)
        });
        // The only negative price of the record: at noon of the day after tomorrow's midnight, in
        // Berlin, where the clock is an hour ahead.
        let day = 30 * 24;
        steps[day + 24 + 11].price_milli_eur_per_mwh = Some(-9_000);
        let noon = |hour: usize| {
            let zone = look(steps.clone(), day + hour, Foresight::Past);
            zone.surplus.get(24 + 11 - hour).copied()
        };
        assert_eq!(noon(12), Some(false), "13:00: not published yet");
        assert_eq!(noon(13), Some(true), "14:00: published");
        let other = look(steps.clone(), day + 24 + 13, Foresight::Past);
        assert!(!other.surplus[22], "published for the next day too");
    }

    #[test]
    fn estimated_hours_show_in_the_source() {
        let source = |estimated: std::ops::Range<usize>, foresight| {
            let mut steps = days(10, marginal);
            steps[estimated]
                .iter_mut()
                .for_each(|step| step.estimated = true);
            look(steps, 150, foresight).source
        };
        assert_eq!(
            source(0..150, Foresight::Past),
            "forecast by a simple rule from a short past, estimated"
        );
        assert_eq!(
            source(149..150, Foresight::Past),
            "forecast by a simple rule from a short past, partly estimated"
        );
        assert_eq!(
            source(150..240, Foresight::Past),
            "forecast by a simple rule from a short past",
            "what is to come does not count"
        );
        assert_eq!(
            source(150..240, Foresight::Perfect),
            "the trace itself, ahead of time, estimated"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Garbage in any column after a moment, and in prices after the published ones, changes no
        /// outlook at that moment.
        #[test]
        fn nothing_beside_the_average_is_seen_before_it_has_ended(
            hour in 200_usize..900,
            garbage in prop::collection::vec((0_u32..900_000, 0_u32..1000, -9_000_i64..9_000), 960),
        ) {
            let steps = days(40, |hour| Step {
                marginal_mg_per_kwh: marginal(hour).marginal_mg_per_kwh,
                price_milli_eur_per_mwh: Some(i64::from(hour) * 1000),
                ..sunny(hour)
            });
            let mut spoiled = steps.clone();
            // In Berlin, an hour ahead of the trace, prices are known until midnight, and from 14:00
            // on until the next.
            let local = hour + 1;
            let published = (local / 24 + if local % 24 < 14 { 1 } else { 2 }) * 24 - 1;
            for (at, (step, (mg, share, price))) in spoiled.iter_mut().zip(garbage).enumerate().skip(hour) {
                *step = Step {
                    average_mg_per_kwh: mg,
                    marginal_mg_per_kwh: Some(mg),
                    renewable_permille: Some(share),
                    price_milli_eur_per_mwh: if at < published { step.price_milli_eur_per_mwh } else { Some(price) },
                    estimated: true,
                };
            }
            let seen = look(steps, hour, Foresight::Past);
            prop_assert_eq!(seen, look(spoiled, hour, Foresight::Past));
        }
    }
}
