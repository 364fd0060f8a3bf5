//! Recorded grids and pool descriptions as parts of a setup, and the feed over them.

use std::sync::Arc;

use sunward_core::place::Outlook;
use sunward_core::{Fleet, PoolId, Timestamp};
use sunward_grid::{Almanac, Calendar, Foresight, Grid, pool_of};
use sunward_workflows::PoolSpec;

use crate::at_home::at_home;
use crate::capacity::Open;
use crate::clear::{by_pool, pool_outlook};
use crate::meter::{Truth, ZoneTruth};
use crate::setup::{ForecastFeed, Opening, Setup};
use crate::workload::Mistakes;
use crate::world::home_of;

/// A day in milliseconds. A forecast needs at least this much of a trace before it.
const DAY_MS: u64 = 86_400_000;

/// A fleet from the descriptions of its pools.
#[must_use]
pub fn fleet_of(pools: &[PoolSpec]) -> Fleet {
    Fleet {
        pools: pools.iter().map(pool_of).collect(),
    }
}

/// The true intensities of recorded grids.
#[must_use]
pub fn truth_of(grid: &Grid) -> Truth {
    let zone = |trace: &sunward_grid::Trace| {
        let steps = trace.steps.iter();
        let steps: Vec<_> = steps
            .map(|step| (step.average_mg_per_kwh, step.marginal_mg_per_kwh))
            .collect();
        ZoneTruth::new(trace.first, trace.step_ms, &steps)
    };
    Truth {
        zones: grid
            .zones
            .iter()
            .map(|(name, trace)| (name.clone(), zone(trace)))
            .collect(),
    }
}

/// The changes of the pools' open capacity between two moments, slot by slot.
#[must_use]
pub fn openings_of(
    pools: &[PoolSpec],
    (from, to): (Timestamp, Timestamp),
    slot_ms: u64,
) -> Vec<Opening> {
    let slot_ms = slot_ms.max(1);
    let mut openings = Vec::new();
    for (number, spec) in (0_u32..).zip(pools) {
        let calendar = Calendar::of(spec);
        let mut last = None;
        let mut at = Timestamp(from.0 - from.0 % slot_ms);
        while at < to {
            let now = calendar.at(at);
            let open = Open {
                gpus: now.gpus,
                cpus: now.cpus,
            };
            if last != Some(open) {
                last = Some(open);
                openings.push(Opening {
                    at,
                    pool: PoolId(number),
                    open,
                    notice_ms: now.notice_ms,
                });
            }
            at = at.after_ms(slot_ms);
        }
    }
    openings.sort_by_key(|opening| (opening.at, opening.pool));
    openings
}

/// The feed over recorded grids.
#[derive(Clone, Debug)]
pub struct RecordedFeed {
    almanac: Almanac,
    openings: Vec<Vec<(Timestamp, Open)>>,
    slot_ms: u64,
    slots: u64,
}

impl RecordedFeed {
    /// A feed over a setup's pools that looks `slots` slots of `slot_ms` milliseconds ahead.
    #[must_use]
    pub fn new(
        grid: Arc<Grid>,
        setup: &Setup,
        foresight: Foresight,
        slot_ms: u64,
        slots: u64,
    ) -> Self {
        Self {
            almanac: Almanac::new(grid, foresight, slot_ms),
            openings: by_pool(&setup.fleet, &setup.openings),
            slot_ms: slot_ms.max(1),
            slots,
        }
    }
}

impl ForecastFeed for RecordedFeed {
    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String> {
        let first = now.0 / self.slot_ms;
        let starts: Vec<Timestamp> = (first..first + self.slots)
            .map(|slot| Timestamp(slot * self.slot_ms))
            .collect();
        let pools = self.openings.iter();
        let pools = pools.map(|own| pool_outlook(own, &starts)).collect();
        Ok(Arc::new(self.almanac.outlook(now, pools)))
    }
}

/// The moment at which the last of the fleet's traces begins.
fn begin(setup: &Setup) -> Timestamp {
    let zones = setup.fleet.pools.iter();
    let zones = zones.filter_map(|pool| setup.truth.zones.get(&pool.zone));
    zones.map(ZoneTruth::begin).max().unwrap_or_default()
}

/// How many runs arrive in the traces' first day. Forecasts made then have too little past and
/// repeat the last hour, if there is one.
#[must_use]
pub fn arrivals_of_the_first_day(setup: &Setup) -> usize {
    let known = begin(setup).after_ms(DAY_MS);
    let early = setup.submissions.iter().filter(|one| one.at < known);
    early.count()
}

/// Refuses runs that arrive before the traces begin or may end after them.
///
/// # Errors
///
/// Returns each such run and the span that the traces cover.
pub fn check_span(setup: &Setup) -> Result<(), Mistakes> {
    let (begin, end) = (begin(setup), setup.end());
    let mut mistakes = Vec::new();
    for (number, submission) in setup.submissions.iter().enumerate() {
        let home = home_of(&submission.spec, &setup.fleet);
        let least = at_home(submission, home, &setup.fleet, &setup.truth).end;
        let deadline = submission.spec.workflow.place.deadline_ms;
        let due = deadline.map_or(least, |ms| submission.at.after_ms(ms));
        if submission.at < begin {
            mistakes.push(format!(
                "run {number} arrives at {}, before the grids' traces begin at {}",
                text(submission.at),
                text(begin)
            ));
        } else if due.max(least) > end {
            mistakes.push(format!(
                "run {number} arrives at {} and may end at {}, after the grids' traces do at {}",
                text(submission.at),
                text(due.max(least)),
                text(end)
            ));
        }
    }
    Mistakes::check(mistakes)
}

/// `2023-03-01T05:00:00Z`.
fn text(moment: Timestamp) -> String {
    i64::try_from(moment.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| format!("{} ms", moment.0), |at| at.to_string())
}
