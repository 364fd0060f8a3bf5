//! What a world under one policy came to, in integers.

use sunward_core::{Ledger, RunId, StageId, Timestamp};

use crate::meter::Used;
use crate::setup::Setup;
use crate::world::{Group, Open, Past};

/// Milliseconds of a bin of the timeline of what is used.
pub const BIN_MS: u64 = 3_600_000;

/// Tasks of one stage that began together in one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// When.
    pub at: Timestamp,
    /// Of which run.
    pub run: RunId,
    /// Of which stage.
    pub stage: StageId,
    /// In which pool.
    pub pool: usize,
    /// How many.
    pub tasks: u32,
    /// How long each takes if nothing stops it.
    pub length_ms: u64,
}

/// Sums over one world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Energy and emissions.
    pub used: Used,
    /// How much later than at home and at once each run ended, in milliseconds.
    pub delays_ms: Vec<u64>,
    /// From arrival to end, over all runs that ended.
    pub makespans_ms: u128,
    /// From arrival to the first task's begin, over all runs that began.
    pub waits_ms: u128,
    /// Runs that ended late, or not at all, though they had a deadline.
    pub deadlines_missed: u64,
    /// Runs that ended well.
    pub succeeded: u64,
    /// Runs that failed or never ended.
    pub unfinished: u64,
    /// Tasks that were executed, those that were stopped included.
    pub tasks: u64,
    /// What was open: devices and cores times milliseconds.
    pub open: (u128, u128),
    /// What was taken of it.
    pub taken: (u128, u128),
    /// What was taken, hour by hour from [`Tally::begin`]: devices and cores times milliseconds.
    pub hours: Vec<(u64, u64)>,
    /// Tasks that began together, in the order in which they did; empty unless kept.
    pub starts: Vec<Start>,
    /// What the brain itself counted, over runs that ended; empty unless kept.
    pub ledger: Ledger,
    /// When the world began.
    pub begin: Timestamp,
    /// Up to when what each pool had open is counted.
    counted: Vec<Timestamp>,
}

impl Tally {
    pub(crate) fn new(pools: usize, begin: Timestamp) -> Self {
        Self {
            begin,
            counted: vec![begin; pools],
            ..Self::default()
        }
    }

    /// A group of tasks ran until then.
    pub(crate) fn ran(&mut self, setup: &Setup, pool: usize, group: &Group, until: Timestamp) {
        let count = u64::from(group.count);
        self.tasks += count;
        let Some(pool) = setup.fleet.pools.get(pool) else {
            return;
        };
        let span = (group.started, until);
        if let Some(zone) = setup.truth.zones.get(&pool.zone) {
            let milliwatts = u128::from(group.needs.milliwatts) * u128::from(count);
            self.used.run(zone, pool.pue_permille, milliwatts, span);
        }
        let gpus = count * u64::from(group.needs.gpus);
        let cpus = count * u64::from(group.needs.cpus);
        let ms = u128::from(until.since_ms(group.started));
        self.taken.0 += u128::from(gpus) * ms;
        self.taken.1 += u128::from(cpus) * ms;
        self.spread(gpus, cpus, span);
    }

    fn spread(&mut self, gpus: u64, cpus: u64, (from, to): (Timestamp, Timestamp)) {
        let mut at = from.since_ms(self.begin);
        let end = to.since_ms(self.begin);
        while at < end {
            let bin = at / BIN_MS;
            let next = ((bin + 1) * BIN_MS).min(end);
            let place = usize::try_from(bin).unwrap_or(usize::MAX);
            if place >= self.hours.len() {
                self.hours.resize(place + 1, (0, 0));
            }
            if let Some(hour) = self.hours.get_mut(place) {
                hour.0 += gpus * (next - at);
                hour.1 += cpus * (next - at);
            }
            at = next;
        }
    }

    /// A group of tasks begins.
    pub(crate) fn begins(&mut self, pool: usize, group: &Group) {
        self.starts.push(Start {
            at: group.started,
            run: group.lease.run,
            stage: group.lease.stage,
            pool,
            tasks: group.count,
            length_ms: group.ends.since_ms(group.started),
        });
    }

    /// A pool had so much open until now.
    pub(crate) fn open_until(&mut self, pool: usize, open: Open, now: Timestamp) {
        if let Some(counted) = self.counted.get_mut(pool) {
            let ms = u128::from(now.since_ms(*counted));
            *counted = now;
            self.open.0 += u128::from(open.gpus) * ms;
            self.open.1 += u128::from(open.cpus) * ms;
        }
    }

    /// So much energy went into moving data between two zones.
    pub(crate) fn moved(
        &mut self,
        setup: &Setup,
        from: &str,
        to: &str,
        microjoules: u128,
        at: Timestamp,
    ) {
        let ends = [from, to].map(|zone| setup.truth.zones.get(zone).map(|zone| zone.at(at)));
        if let [Some(from), Some(to)] = ends {
            self.used.transfer(microjoules, from, to);
        }
    }

    /// A run is over.
    pub(crate) fn ended(&mut self, past: &Past, succeeded: bool, now: Timestamp) {
        if let Some(begun) = past.begun {
            self.waits_ms += u128::from(begun.since_ms(past.arrived));
        }
        if succeeded {
            self.succeeded += 1;
            self.delays_ms.push(now.since_ms(past.at_home.end));
            self.makespans_ms += u128::from(now.since_ms(past.arrived));
        } else {
            self.unfinished += 1;
        }
        if past.due.is_some_and(|due| !succeeded || now > due) {
            self.deadlines_missed += 1;
        }
    }
}

/// Energy of moving so many bytes, in microjoules: 3.6e6 of them are a milliwatt hour.
#[must_use]
pub fn transfer_microjoules(bytes: u64, milliwatt_hours_per_gb: u64) -> u128 {
    u128::from(bytes) * u128::from(milliwatt_hours_per_gb) * 36 / 10_000
}
