//! Announced prices and intensities in an outlook.

use sunward_core::Timestamp;
use sunward_core::place::{Outlook, SignalKind};

use super::events::Events;
use crate::market::SURPLUS_MILLI_EUR_PER_MWH;

impl Events {
    /// Puts the announced figures of a zone into an outlook, for the slots that begin while they hold.
    /// An intensity replaces the expected one if both are averages or both are marginal. A marginal
    /// one beside averages replaces the marginal one. A price near zero or below makes a slot one of
    /// surplus power.
    pub fn announce(&self, outlook: &mut Outlook, zone: &str, ghg: SignalKind) {
        let (first, slot_ms) = (outlook.first_slot, outlook.slot_ms);
        let Some(zone) = outlook.zones.iter_mut().find(|one| one.zone == zone) else {
            return;
        };
        for slot in 0..zone.intensity_mg_per_kwh.len() {
            let nth = first.saturating_add(u64::try_from(slot).unwrap_or(u64::MAX));
            let begin = Timestamp(nth.saturating_mul(slot_ms));
            let holds = |from: Timestamp, until: Option<Timestamp>| {
                from <= begin && until.is_none_or(|until| begin < until)
            };
            let price = self.prices.iter().find(|one| holds(one.from, one.until));
            let is_surplus =
                price.is_some_and(|one| one.milli_eur_per_mwh < SURPLUS_MILLI_EUR_PER_MWH);
            if let Some(surplus) = zone.surplus.get_mut(slot) {
                *surplus |= is_surplus;
            }
            let mut emitting = self.intensities.iter();
            let Some(emitting) = emitting.find(|one| holds(one.from, one.until)) else {
                continue;
            };
            let figures = if zone.kind == ghg {
                if let Some(error) = zone.error_permille.get_mut(slot) {
                    *error = 0;
                }
                vec![
                    &mut zone.intensity_mg_per_kwh,
                    &mut zone.low_mg_per_kwh,
                    &mut zone.high_mg_per_kwh,
                ]
            } else if ghg == SignalKind::Marginal {
                vec![&mut zone.marginal_mg_per_kwh]
            } else {
                Vec::new()
            };
            for figure in figures.into_iter().filter_map(|all| all.get_mut(slot)) {
                *figure = emitting.mg_per_kwh;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sunward_core::Timestamp;
    use sunward_core::place::SignalKind::{Average, Marginal};
    use sunward_core::place::{Outlook, SignalKind, ZoneOutlook};

    use crate::provider::openadr::{Emitting, Events, Priced};

    /// Four slots of an hour at 400 g, of which the second and third have announced figures.
    fn announced(kind: SignalKind, ghg: SignalKind) -> ZoneOutlook {
        let at = |hour: u64| Timestamp(hour * 3_600_000);
        let mut outlook = Outlook {
            slot_ms: 3_600_000,
            first_slot: 10,
            zones: vec![ZoneOutlook {
                zone: "DE".to_owned(),
                kind,
                intensity_mg_per_kwh: vec![400_000; 4],
                error_permille: vec![90; 4],
                low_mg_per_kwh: vec![350_000; 4],
                high_mg_per_kwh: vec![450_000; 4],
                marginal_mg_per_kwh: vec![700_000; 4],
                surplus: vec![false, false, false, true],
                ..ZoneOutlook::default()
            }],
            ..Outlook::default()
        };
        let events = Events {
            prices: vec![
                Priced {
                    from: at(9),
                    until: Some(at(12)),
                    milli_eur_per_mwh: -5_000,
                },
                Priced {
                    from: at(12),
                    until: None,
                    milli_eur_per_mwh: 90_000,
                },
            ],
            intensities: vec![Emitting {
                from: at(11),
                until: Some(at(13)),
                mg_per_kwh: 50_000,
            }],
            ..Events::default()
        };
        events.announce(&mut outlook, "FR", ghg);
        events.announce(&mut outlook, "DE", ghg);
        outlook.zones.remove(0)
    }

    #[test]
    fn figures_replace_only_those_that_count_the_same() {
        let told = [400_000, 50_000, 50_000, 400_000];
        let same = announced(Average, Average);
        assert_eq!(same.intensity_mg_per_kwh, told);
        assert_eq!(same.error_permille, [90, 0, 0, 90]);
        assert_eq!(same.low_mg_per_kwh, [350_000, 50_000, 50_000, 350_000]);
        assert_eq!(same.marginal_mg_per_kwh, [700_000; 4]);
        let beside = announced(Average, Marginal);
        assert_eq!(beside.intensity_mg_per_kwh, [400_000; 4]);
        assert_eq!(
            beside.marginal_mg_per_kwh,
            [700_000, 50_000, 50_000, 700_000]
        );
        let unlike = announced(Marginal, Average);
        assert_eq!(unlike.intensity_mg_per_kwh, [400_000; 4]);
        assert_eq!(same.surplus, [true, true, false, true]);
    }
}
