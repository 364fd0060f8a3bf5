//! The sums of a world under one policy, in integers.

use sunward_core::{Ledger, RunId, StageId, Timestamp};

use crate::at_home::AtHome;
use crate::capacity::Open;
use crate::group::Group;
use crate::meter::Used;
use crate::piece::Piece;
use crate::setup::Setup;

/// The width of a bin of the usage timeline, in milliseconds.
pub const BIN_MS: u64 = 3_600_000;

/// Tasks of one stage that started together in one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The moment.
    pub at: Timestamp,
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: StageId,
    /// The pool's index.
    pub pool: usize,
    /// The number of tasks.
    pub tasks: u32,
    /// Milliseconds that each task takes unless it is stopped.
    pub length_ms: u64,
}

/// The sums of one world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Energy and emissions.
    pub used: Used,
    /// What devices would have drawn idle while tasks had them.
    pub spared: Used,
    /// When the world ended.
    pub end: Timestamp,
    /// For each ended run: how much later it ended than under the baseline, in milliseconds.
    pub delays_ms: Vec<u64>,
    /// Milliseconds from arrival to end, summed over runs that ended.
    pub makespans_ms: u128,
    /// Milliseconds from arrival to the first task's start, summed over runs that started.
    pub waits_ms: u128,
    /// Runs that missed their deadline, or had one and never ended.
    pub deadlines_missed: u64,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed or never ended.
    pub unfinished: u64,
    /// Tasks that were executed, stopped ones included.
    pub tasks: u64,
    /// Open device-milliseconds and core-milliseconds.
    pub open: (u128, u128),
    /// Taken device-milliseconds and core-milliseconds.
    pub taken: (u128, u128),
    /// By hour from [`Tally::begin`]: taken device-milliseconds and core-milliseconds.
    pub hours: Vec<(u64, u64)>,
    /// Starts of tasks in order; empty unless details are kept.
    pub starts: Vec<Start>,
    /// What ran and what was moved, as it was counted; empty unless details are kept.
    pub pieces: Vec<Piece>,
    /// The core's own ledger over runs that ended; empty unless details are kept.
    pub ledger: Ledger,
    /// When the world began.
    pub begin: Timestamp,
    /// By pool: the moment up to which its open capacity is counted.
    counted: Vec<Timestamp>,
}

/// What is counted of a run that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    /// When it arrived.
    pub(crate) arrived: Timestamp,
    /// When its first task started.
    pub(crate) begun: Option<Timestamp>,
    /// When it had to end.
    pub(crate) due: Option<Timestamp>,
    /// Its result under the baseline.
    pub(crate) at_home: AtHome,
}

/// The result of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// The policy's name.
    pub name: String,
    /// The publication or origin of the policy.
    pub source: String,
    /// The sums of its world.
    pub tally: Tally,
}

impl Tally {
    pub(crate) fn new(pools: usize, begin: Timestamp) -> Self {
        Self {
            begin,
            counted: vec![begin; pools],
            ..Self::default()
        }
    }

    /// Counts a group of tasks that ran until now.
    pub(crate) fn ran(&mut self, setup: &Setup, pool: usize, group: &Group, until: Timestamp) {
        let count = u64::from(group.count);
        self.tasks += count;
        let at = pool;
        let Some(pool) = setup.fleet.pools.get(pool) else {
            return;
        };
        let span = (group.started, until);
        if let Some(zone) = setup.truth.zones.get(&pool.zone) {
            let milliwatts = u128::from(group.needs.milliwatts) * u128::from(count);
            let mut one = Used::default();
            one.run(zone, pool.pue_permille, milliwatts, span);
            self.used.add(&one);
            let gpus = count * u64::from(group.needs.gpus);
            crate::idle::add(&mut self.spared, pool, Some(zone), gpus, span);
            if setup.keep_details {
                let (run, stage) = (group.lease.run, group.lease.stage);
                let piece = Piece::ran((run, stage), at, (group.count, milliwatts), span, &one);
                self.pieces.push(piece);
            }
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

    /// Counts a group of tasks that starts.
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

    /// Counts a pool's open capacity up to now.
    pub(crate) fn open_until(&mut self, pool: usize, open: Open, now: Timestamp) {
        if let Some(counted) = self.counted.get_mut(pool) {
            let ms = u128::from(now.since_ms(*counted));
            *counted = now;
            self.open.0 += u128::from(open.gpus) * ms;
            self.open.1 += u128::from(open.cpus) * ms;
        }
    }

    /// Counts energy that moved a stage's inputs between two pools.
    pub(crate) fn moved(
        &mut self,
        setup: &Setup,
        of: (RunId, StageId),
        (from, to): (usize, usize),
        microjoules: u128,
        at: Timestamp,
    ) {
        let ends = [from, to].map(|pool| {
            let pool = setup.fleet.pools.get(pool)?;
            Some(setup.truth.zones.get(&pool.zone)?.at(at))
        });
        if let [Some(leaves), Some(reaches)] = ends {
            let mut one = Used::default();
            one.transfer(microjoules, leaves, reaches);
            self.used.add(&one);
            if setup.keep_details {
                self.pieces
                    .push(Piece::moved(of, (from, to), microjoules, at, &one));
            }
        }
    }

    /// Counts a run that has ended.
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

/// The energy of moving bytes, in microjoules (3.6e6 uJ in a milliwatt-hour).
#[must_use]
pub fn transfer_microjoules(bytes: u64, milliwatt_hours_per_gb: u64) -> u128 {
    u128::from(bytes) * u128::from(milliwatt_hours_per_gb) * 36 / 10_000
}
