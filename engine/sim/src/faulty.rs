//! A feed with faults: providers that are down and forecasts that are wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::Timestamp;
use sunward_core::place::{Outlook, ZoneOutlook};

use crate::scenario::{Fault, FaultKind, Scenario};
use crate::setup::ForecastFeed;

/// A feed to which the faults of a scenario are applied.
pub(crate) struct FaultyFeed<'a> {
    feed: &'a mut dyn ForecastFeed,
    faults: Vec<&'a Fault>,
    /// By zone: the first slot and the content of the last outlook received while the provider was
    /// up.
    heard: BTreeMap<String, (u64, ZoneOutlook)>,
}

impl<'a> FaultyFeed<'a> {
    /// Wraps a feed with those faults of a scenario that concern feeds.
    pub(crate) fn new(feed: &'a mut dyn ForecastFeed, scenario: &'a Scenario) -> Self {
        let is_ours = |fault: &&Fault| match fault.kind {
            FaultKind::ProviderDown(_) | FaultKind::ForecastError { .. } => true,
            FaultKind::Lost(_) | FaultKind::OwnerBack { .. } | FaultKind::Curtailed { .. } => false,
        };
        Self {
            feed,
            faults: scenario.faults.iter().filter(is_ours).collect(),
            heard: BTreeMap::new(),
        }
    }

    /// The outlook at a moment, with the faults applied.
    pub(crate) fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String> {
        let clear = self.feed.look(now)?;
        if self.faults.is_empty() {
            return Ok(clear);
        }
        let mut seen = Outlook::clone(&clear);
        for zone in &mut seen.zones {
            if self.is_down(&zone.zone, now)
                && let Some((first_slot, old)) = self.heard.get(&zone.zone)
            {
                *zone = aged(old, clear.first_slot.saturating_sub(*first_slot));
                continue;
            }
            if let Some(permille) = self.error(&zone.zone, now) {
                let values = [
                    &mut zone.intensity_mg_per_kwh,
                    &mut zone.low_mg_per_kwh,
                    &mut zone.high_mg_per_kwh,
                ];
                for value in values.into_iter().flatten() {
                    *value = off(*value, permille);
                }
            }
            let heard = (clear.first_slot, zone.clone());
            self.heard.insert(zone.zone.clone(), heard);
        }
        Ok(Arc::new(seen))
    }

    fn acting(&self, now: Timestamp) -> impl Iterator<Item = &FaultKind> {
        let acts = move |fault: &&&Fault| fault.from <= now && now < fault.to;
        self.faults.iter().filter(acts).map(|fault| &fault.kind)
    }

    fn is_down(&self, zone: &str, now: Timestamp) -> bool {
        self.acting(now).any(|kind| match kind {
            FaultKind::ProviderDown(of) => of.as_deref().is_none_or(|of| of == zone),
            FaultKind::ForecastError { .. }
            | FaultKind::Lost(_)
            | FaultKind::OwnerBack { .. }
            | FaultKind::Curtailed { .. } => false,
        })
    }

    fn error(&self, zone: &str, now: Timestamp) -> Option<i32> {
        self.acting(now).find_map(|kind| match kind {
            FaultKind::ForecastError { zone: of, permille } => of
                .as_deref()
                .is_none_or(|of| of == zone)
                .then_some(*permille),
            FaultKind::ProviderDown(_)
            | FaultKind::Lost(_)
            | FaultKind::OwnerBack { .. }
            | FaultKind::Curtailed { .. } => None,
        })
    }
}

/// A value changed by `permille` thousandths of itself.
fn off(value: u32, permille: i32) -> u32 {
    let value = i64::from(value) * (1000 + i64::from(permille)) / 1000;
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// An outlook that is `slots` slots old: past slots are removed, the last value continues, and the
/// outlook is marked stale.
fn aged(old: &ZoneOutlook, slots: u64) -> ZoneOutlook {
    let slots = usize::try_from(slots).unwrap_or(usize::MAX);
    ZoneOutlook {
        stale: true,
        intensity_mg_per_kwh: shifted(&old.intensity_mg_per_kwh, slots),
        error_permille: shifted(&old.error_permille, slots),
        low_mg_per_kwh: shifted(&old.low_mg_per_kwh, slots),
        high_mg_per_kwh: shifted(&old.high_mg_per_kwh, slots),
        marginal_mg_per_kwh: shifted(&old.marginal_mg_per_kwh, slots),
        surplus: shifted(&old.surplus, slots),
        ..old.clone()
    }
}

fn shifted<T: Copy>(values: &[T], slots: usize) -> Vec<T> {
    let Some(last) = values.last() else {
        return Vec::new();
    };
    let kept = values.iter().skip(slots.min(values.len()));
    kept.chain(std::iter::repeat(last))
        .take(values.len())
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sunward_core::Timestamp;
    use sunward_core::place::{Outlook, ZoneOutlook};

    use super::FaultyFeed;
    use crate::scenario::{Fault, FaultKind, Scenario};
    use crate::setup::ForecastFeed;

    /// At hour h it forecasts `100 h + 0, 1, 2`.
    struct Rising;

    impl ForecastFeed for Rising {
        fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String> {
            let hour = u32::try_from(now.0 / 3_600_000).unwrap();
            let zone = |name: &str| ZoneOutlook {
                zone: name.into(),
                intensity_mg_per_kwh: (0..3).map(|ahead| 100 * hour + ahead).collect(),
                ..ZoneOutlook::default()
            };
            Ok(Arc::new(Outlook {
                issued_at: now,
                slot_ms: 3_600_000,
                first_slot: hour.into(),
                zones: vec![zone("DE"), zone("NO")],
                pools: Vec::new(),
            }))
        }
    }

    const fn hours(hours: u64) -> Timestamp {
        Timestamp(hours * 3_600_000)
    }

    #[test]
    fn a_provider_that_is_down_leaves_an_old_forecast_marked_stale_until_it_is_back() {
        let scenario = Scenario {
            faults: vec![Fault {
                from: hours(2),
                to: hours(4),
                kind: FaultKind::ProviderDown(Some("DE".into())),
            }],
            ..Scenario::default()
        };
        let mut rising = Rising;
        let mut feed = FaultyFeed::new(&mut rising, &scenario);
        let mut seen = Vec::new();
        for hour in 1..5 {
            let outlook = feed.look(hours(hour)).unwrap();
            let zone = &outlook.zones[0];
            seen.push((zone.stale, zone.intensity_mg_per_kwh.clone()));
            assert!(!outlook.zones[1].stale, "only one provider is down");
        }
        assert_eq!(
            seen,
            [
                (false, vec![100, 101, 102]),
                (true, vec![101, 102, 102]),
                (true, vec![102, 102, 102]),
                (false, vec![400, 401, 402]),
            ]
        );
    }

    #[test]
    fn a_forecast_may_be_off() {
        let scenario = Scenario {
            faults: vec![Fault {
                from: hours(0),
                to: hours(9),
                kind: FaultKind::ForecastError {
                    zone: None,
                    permille: -500,
                },
            }],
            ..Scenario::default()
        };
        let mut rising = Rising;
        let mut feed = FaultyFeed::new(&mut rising, &scenario);
        let outlook = feed.look(hours(2)).unwrap();
        assert_eq!(outlook.zones[1].intensity_mg_per_kwh, [100, 100, 101]);
    }
}
