//! Between which emissions a placement's lie in four of five cases, by the intervals of forecasts.

use serde::{Deserialize, Serialize};

use super::outlook::{Outlook, ZoneOutlook};
use super::placement::{Placement, Segment};
use crate::pool::Fleet;

/// The 10th and the 90th percentile of a placement's emissions, in micrograms CO2e. Energy and
/// transfer count as expected; only the intensity of the pools' grids is uncertain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likely {
    /// The emissions are lower in one case of ten.
    pub low_micrograms: u64,
    /// The emissions are higher in one case of ten.
    pub high_micrograms: u64,
}

/// The time in which the width of a window halves, beside that of an hour.
const HALVES_MS: u64 = 80 * 3_600_000;

/// The share of the mean width of a window's hours that the window keeps, in thousandths. The errors
/// of successive hours mostly go together, but not all. Measured on the forecasts of ten zones in
/// 2022: 0.93 for 6 hours, 0.87 for 12 and 0.79 for 24.
pub(super) const fn kept_permille(length_ms: u64) -> u64 {
    HALVES_MS * 1000 / HALVES_MS.saturating_add(length_ms)
}

/// Integrals of the weight `PUE x intensity` over the segments of a placement.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    low: u128,
    expected: u128,
    high: u128,
}

impl Likely {
    /// The interval of a placement by an outlook. It is somewhat too wide for placements in several
    /// zones.
    #[must_use]
    pub fn of(placement: &Placement, outlook: &Outlook, fleet: &Fleet) -> Self {
        let expected = placement.expected_micrograms;
        let transfer = placement.transfer_micrograms.min(expected);
        let sums = placement
            .segments
            .iter()
            .fold(Sums::default(), |sums, one| {
                sums.and(&Sums::of(one, outlook, fleet))
            });
        let length_ms = placement.segments.iter();
        let length_ms = length_ms.map(|one| one.end.since_ms(one.start)).max();
        let kept = u128::from(kept_permille(length_ms.unwrap_or(0)));
        let scaled = |sum: u128| {
            let sum = (sum.saturating_mul(kept))
                .saturating_add(sums.expected.saturating_mul(1000 - kept))
                / 1000;
            let own = u128::from(expected - transfer).saturating_mul(sum);
            let own = own.checked_div(sums.expected).unwrap_or(0);
            transfer.saturating_add(u64::try_from(own).unwrap_or(u64::MAX))
        };
        if sums.expected == 0 {
            return Self {
                low_micrograms: expected,
                high_micrograms: expected,
            };
        }
        Self {
            low_micrograms: scaled(sums.low),
            high_micrograms: scaled(sums.high),
        }
    }
}

impl Sums {
    fn of(segment: &Segment, outlook: &Outlook, fleet: &Fleet) -> Self {
        let pool = fleet.get(segment.pool);
        let zone = pool.and_then(|pool| outlook.zone(&pool.zone));
        let (Some(pool), Some(zone)) = (pool, zone) else {
            return Self::default();
        };
        let slot_ms = outlook.slot_ms.max(1);
        let slots = segment.start.0 / slot_ms..segment.end.0.div_ceil(slot_ms);
        slots.fold(Self::default(), |sums, slot| {
            let from = slot.saturating_mul(slot_ms);
            let overlap_ms = segment
                .end
                .0
                .min(from.saturating_add(slot_ms))
                .saturating_sub(segment.start.0.max(from));
            let factor = u128::from(overlap_ms)
                * u128::from(pool.pue_permille)
                * u128::from(segment.at_once.max(1));
            let slot = usize::try_from(slot.saturating_sub(outlook.first_slot));
            sums.and(&Self::at(zone, slot.unwrap_or(usize::MAX), factor))
        })
    }

    fn at(zone: &ZoneOutlook, slot: usize, factor: u128) -> Self {
        let values = &zone.intensity_mg_per_kwh;
        let value = values.get(slot).or(values.last()).copied().unwrap_or(0);
        let (low, high) = zone.interval(slot).unwrap_or((value, value));
        Self {
            low: factor.saturating_mul(u128::from(low)),
            expected: factor.saturating_mul(u128::from(value)),
            high: factor.saturating_mul(u128::from(high)),
        }
    }

    const fn and(self, other: &Self) -> Self {
        Self {
            low: self.low.saturating_add(other.low),
            expected: self.expected.saturating_add(other.expected),
            high: self.high.saturating_add(other.high),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::placement::Why;
    use super::super::timing::Timing;
    use super::*;
    use crate::ids::Timestamp;
    use crate::pool::{Pool, PoolId};

    const SLOT_MS: u64 = 900_000;

    fn outlook(low: Vec<u32>, high: Vec<u32>) -> Outlook {
        Outlook {
            slot_ms: SLOT_MS,
            zones: vec![ZoneOutlook {
                zone: "A".into(),
                intensity_mg_per_kwh: vec![100, 200, 300, 400],
                error_permille: vec![100; 4],
                low_mg_per_kwh: low,
                high_mg_per_kwh: high,
                ..ZoneOutlook::default()
            }],
            ..Outlook::default()
        }
    }

    fn likely(outlook: &Outlook, slots: std::ops::Range<u64>) -> Likely {
        let pool = Pool {
            zone: "A".into(),
            pue_permille: 1200,
            ..Pool::default()
        };
        let placement = Placement {
            segments: vec![Segment {
                pool: PoolId(0),
                start: Timestamp(slots.start * SLOT_MS),
                end: Timestamp(slots.end * SLOT_MS),
                tasks: 2,
                at_once: 2,
            }],
            why: Why::Cleanest,
            expected_micrograms: 1_050,
            transfer_micrograms: 50,
            at_home_now_micrograms: 0,
            likely: Likely::default(),
            alternative: None,
            timing: Timing::default(),
            decided_at: Timestamp(0),
            outlook_at: Timestamp(0),
        };
        Likely::of(&placement, outlook, &Fleet { pools: vec![pool] })
    }

    #[test]
    fn the_bounds_of_the_hours_in_which_it_runs_count_and_the_transfer_is_certain() {
        let outlook = outlook(vec![0, 100, 200, 0], vec![900, 300, 450, 900]);
        let bounds = likely(&outlook, 1..3);
        // 500 mg/kWh in two slots are expected, 300 to 750 are likely.
        assert_eq!(
            (bounds.low_micrograms, bounds.high_micrograms),
            (652, 1_546)
        );
    }

    #[test]
    fn without_bounds_the_expected_error_gives_them_and_the_last_slot_holds() {
        let outlook = outlook(Vec::new(), Vec::new());
        let bounds = likely(&outlook, 3..9);
        let off = (
            bounds.high_micrograms - 1_050,
            1_050 - bounds.low_micrograms,
        );
        assert_eq!(off, (156, 157));
    }
}
