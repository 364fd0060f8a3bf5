//! The price of power in a zone, as it is known at a moment.

use std::sync::Arc;

use sunward_core::Timestamp;

use crate::market::Market;
use crate::trace::Grid;

/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// How many days back a price is looked for where the record has gaps.
const DAYS_BACK: usize = 7;

/// The recorded prices of one zone.
#[derive(Clone, Debug)]
pub struct Tariff {
    grid: Arc<Grid>,
    zone: String,
    market: Option<Market>,
}

impl Tariff {
    /// The prices of a zone; `None` if the grid has none.
    #[must_use]
    pub fn of(grid: &Arc<Grid>, zone: &str) -> Option<Self> {
        let trace = grid.zones.get(zone)?;
        let mut prices = (0..trace.priced_steps()).map(|step| trace.price_of(step));
        prices.any(|price| price.is_some()).then(|| Self {
            grid: Arc::clone(grid),
            zone: zone.to_owned(),
            market: Market::of(zone),
        })
    }

    /// The prices at some moments as they are known at `now`, in thousandths of a euro per
    /// megawatt-hour. An hour without a published price has that of the same hour of the last day
    /// that has one. `None` if no day of the week before has one.
    #[must_use]
    pub fn known(&self, now: Timestamp, moments: &[Timestamp]) -> Vec<Option<i64>> {
        let Some(trace) = self.grid.zones.get(&self.zone) else {
            return vec![None; moments.len()];
        };
        let market = self.market.as_ref();
        let published = market.and_then(|market| market.unpublished(trace, now));
        let published = published.unwrap_or_else(|| trace.known_by(now));
        let step_ms = trace.step_ms.max(1);
        let day = usize::try_from(DAY_MS / step_ms).unwrap_or(1).max(1);
        let price = |at: &Timestamp| {
            let step = usize::try_from(at.since_ms(trace.first) / step_ms).ok()?;
            let unpublished = (step + 1).saturating_sub(published);
            let first = unpublished.div_ceil(day);
            let steps = (first..=first + DAYS_BACK).map_while(|back| step.checked_sub(back * day));
            let mut prices = steps.filter_map(|one| trace.price_of(one));
            prices.next()
        };
        moments.iter().map(price).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{DAY_MS, Tariff};
    use crate::trace::{Grid, Step, Trace};
    use sunward_core::Timestamp;

    const HOUR_MS: u64 = 3_600_000;

    /// Four days from 2023-06-01T00:00Z on. The price is the number of the hour.
    fn tariff(zone: &str) -> Tariff {
        let step = |hour: i64| Step {
            price_milli_eur_per_mwh: (hour != 3).then_some(hour),
            ..Step::default()
        };
        let trace = Trace {
            zone: zone.into(),
            basis: sunward_core::ledger::Basis::default(),
            first: Timestamp(1_685_577_600_000),
            step_ms: HOUR_MS,
            steps: (0..96).map(step).collect(),
            ..Trace::default()
        };
        let mut grid = Grid::default();
        grid.zones.insert(zone.into(), trace);
        Tariff::of(&Arc::new(grid), zone).unwrap()
    }

    fn at(hour: u64) -> Timestamp {
        Timestamp(1_685_577_600_000 + hour * HOUR_MS)
    }

    #[test]
    fn tomorrows_prices_are_known_in_the_afternoon_and_repeat_beyond() {
        let tariff = tariff("DE");
        // Tomorrow begins at 22:00Z in Berlin. Its prices are out at 12:00Z.
        let asked: Vec<_> = [20, 22, 45, 46, 70].map(at).into();
        let told = |now| tariff.known(at(now), &asked);
        assert_eq!(told(11), [Some(20), None, Some(21), None, None]);
        assert_eq!(told(12), [Some(20), Some(22), Some(45), Some(22), Some(22)]);
    }

    #[test]
    fn without_an_auction_a_price_is_known_once_its_hour_has_ended() {
        let tariff = tariff("AU-NSW");
        let asked = [at(23), at(24), at(24 + 3), at(48)];
        assert_eq!(
            tariff.known(at(24), &asked),
            [Some(23), Some(0), None, Some(0)]
        );
        assert_eq!(tariff.known(at(25), &asked)[1], Some(24));
        let day = DAY_MS / HOUR_MS;
        assert_eq!(tariff.known(at(day * 3), &[at(day * 3 + 3)]), [Some(51)]);
    }
}
