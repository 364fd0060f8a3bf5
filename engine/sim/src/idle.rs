//! The power of devices that stand ready and do nothing.
//!
//! A pool says what an idle device draws (`gpu: { idle_watts }`). It draws that while it is open and
//! no task has it, from the first arrival until the last run of any policy has ended, so that the
//! span is the same for all policies. What devices would have drawn idle while tasks had them is
//! counted with the tasks ([`crate::tally::Tally::spared`]); the difference is idle.

use std::collections::BTreeMap;

use sunward_core::{Pool, Timestamp};

use crate::at_home::rounds;
use crate::clear::by_pool;
use crate::meter::{Used, ZoneTruth};
use crate::setup::Setup;
use crate::world::home_of;

/// Whether some pool says what its idle devices draw.
pub(crate) fn is_known(setup: &Setup) -> bool {
    let mut pools = setup.fleet.pools.iter();
    pools.any(|pool| pool.gpu_idle_milliwatts > 0)
}

/// What all open devices would draw if none was ever taken, from the beginning until a moment.
/// Capacity is that of the pools' rules; faults do not count.
pub(crate) fn standing(setup: &Setup, until: Timestamp) -> Used {
    let mut standing = Used::default();
    for (pool, zone, open) in pools(setup) {
        for (span, gpus) in spans(&open, (setup.begin(), until)) {
            add(&mut standing, pool, zone, gpus, span);
        }
    }
    standing
}

/// What the devices that the baseline takes would have drawn idle. It has unlimited machines, but
/// no more can be spared than stand ready.
pub(crate) fn spared_at_home(setup: &Setup) -> Used {
    let mut changes: BTreeMap<usize, BTreeMap<Timestamp, (u64, u64)>> = BTreeMap::new();
    for submission in setup.submissions.iter() {
        let home = home_of(&submission.spec, &setup.fleet);
        let changes = changes.entry(home.place()).or_default();
        for round in rounds(submission, home, &setup.fleet, &setup.truth) {
            let gpus = u64::from(round.needs.gpus) * u64::from(round.tasks);
            changes.entry(round.span.0).or_default().0 += gpus;
            changes.entry(round.span.1).or_default().1 += gpus;
        }
    }
    let mut spared = Used::default();
    for (number, (pool, zone, open)) in pools(setup).into_iter().enumerate() {
        let Some(changes) = changes.get(&number) else {
            continue;
        };
        let (mut taken, mut since) = (0_u64, Timestamp(0));
        for (at, (more, fewer)) in changes {
            for (span, gpus) in spans(&open, (since, *at)) {
                add(&mut spared, pool, zone, gpus.min(taken), span);
            }
            taken = (taken + more).saturating_sub(*fewer);
            since = *at;
        }
    }
    spared
}

/// Adds what idle devices of a pool draw over a span.
pub(crate) fn add(
    used: &mut Used,
    pool: &Pool,
    zone: Option<&ZoneTruth>,
    gpus: u64,
    span: (Timestamp, Timestamp),
) {
    let milliwatts = u128::from(pool.gpu_idle_milliwatts) * u128::from(gpus);
    if let Some(zone) = zone.filter(|_| milliwatts > 0) {
        used.run(zone, pool.pue_permille, milliwatts, span);
    }
}

/// Open devices of a pool: from each moment on, this many.
type Devices = Vec<(Timestamp, u64)>;

fn pools(setup: &Setup) -> Vec<(&Pool, Option<&ZoneTruth>, Devices)> {
    let openings = by_pool(&setup.fleet, &setup.openings);
    let pools = setup.fleet.pools.iter().zip(openings);
    let pools = pools.map(|(pool, open)| {
        let open = open.into_iter().map(|(at, open)| (at, open.gpus.into()));
        (pool, setup.truth.zones.get(&pool.zone), open.collect())
    });
    pools.collect()
}

/// The parts of a span in which the number of open devices stays the same.
fn spans(
    open: &Devices,
    (from, to): (Timestamp, Timestamp),
) -> impl Iterator<Item = ((Timestamp, Timestamp), u64)> {
    let ends = open.iter().skip(1).map(|(at, _)| *at);
    let ends = ends.chain([Timestamp(u64::MAX)]);
    open.iter()
        .zip(ends)
        .filter_map(move |((begin, gpus), end)| {
            let span = ((*begin).max(from), end.min(to));
            (span.0 < span.1).then_some((span, *gpus))
        })
}
