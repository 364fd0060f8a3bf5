//! A perfect feed: it reports the true future, which only a simulation knows.

use std::sync::Arc;

use sunward_core::place::{Outlook, PoolOutlook, SignalKind, ZoneOutlook};
use sunward_core::{Fleet, Timestamp};

use crate::capacity::Open;
use crate::meter::{Truth, ZoneTruth};
use crate::setup::{ForecastFeed, Opening, Setup};

/// A feed that reports the true future.
#[derive(Clone, Debug)]
pub struct PerfectFeed {
    truth: Arc<Truth>,
    zones: Vec<String>,
    /// By pool: its open capacity from each moment on, ordered by time.
    openings: Vec<Vec<(Timestamp, Open)>>,
    slot_ms: u64,
    slots: u64,
}

impl PerfectFeed {
    /// A feed over a setup that looks `slots` slots of `slot_ms` milliseconds ahead.
    #[must_use]
    pub fn new(setup: &Setup, slot_ms: u64, slots: u64) -> Self {
        Self {
            truth: Arc::clone(&setup.truth),
            zones: zones_of(&setup.fleet),
            openings: by_pool(&setup.fleet, &setup.openings),
            slot_ms: slot_ms.max(1),
            slots,
        }
    }

    fn zone(
        &self,
        name: &str,
        truth: &ZoneTruth,
        starts: &[Timestamp],
        now: Timestamp,
    ) -> ZoneOutlook {
        ZoneOutlook {
            zone: name.to_owned(),
            source: "the truth ahead".to_owned(),
            observed_until: now,
            stale: false,
            kind: SignalKind::Average,
            intensity_mg_per_kwh: starts.iter().map(|at| truth.at(*at)).collect(),
            error_permille: vec![0; starts.len()],
            low_mg_per_kwh: Vec::new(),
            high_mg_per_kwh: Vec::new(),
            marginal_mg_per_kwh: Vec::new(),
            surplus: vec![false; starts.len()],
        }
    }
}

impl ForecastFeed for PerfectFeed {
    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String> {
        let first_slot = now.0 / self.slot_ms;
        let starts: Vec<Timestamp> = (first_slot..first_slot + self.slots)
            .map(|slot| Timestamp(slot * self.slot_ms))
            .collect();
        let zones = self.zones.iter().filter_map(|name| {
            let truth = self.truth.zones.get(name)?;
            Some(self.zone(name, truth, &starts, now))
        });
        Ok(Arc::new(Outlook {
            issued_at: now,
            slot_ms: self.slot_ms,
            first_slot,
            zones: zones.collect(),
            pools: self
                .openings
                .iter()
                .map(|own| pool_outlook(own, &starts))
                .collect(),
        }))
    }
}

/// The distinct zones of a fleet, in ascending order.
pub(crate) fn zones_of(fleet: &Fleet) -> Vec<String> {
    let mut zones: Vec<String> = fleet.pools.iter().map(|pool| pool.zone.clone()).collect();
    zones.sort_unstable();
    zones.dedup();
    zones
}

pub(crate) fn by_pool(fleet: &Fleet, openings: &[Opening]) -> Vec<Vec<(Timestamp, Open)>> {
    fleet
        .iter()
        .map(|(id, _)| {
            let own = openings.iter().filter(|one| one.pool == id);
            own.map(|one| (one.at, one.open)).collect()
        })
        .collect()
}

pub(crate) fn pool_outlook(own: &[(Timestamp, Open)], starts: &[Timestamp]) -> PoolOutlook {
    let mut outlook = PoolOutlook::default();
    for start in starts {
        let next = own.partition_point(|(at, _)| at <= start);
        let open = next.checked_sub(1).and_then(|at| own.get(at));
        let open = open.map(|(_, open)| *open).unwrap_or_default();
        outlook.gpus.push(open.gpus);
        outlook.cpus.push(open.cpus);
    }
    outlook
}
