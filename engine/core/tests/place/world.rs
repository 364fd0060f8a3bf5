//! Small worlds of pools and grids, in hours.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::place::{
    Ask, AskId, Demand, Outlook, Placement, Placer, PoolOutlook, Prefer, Problem, Reserved,
    Sunward, Timing, ZoneOutlook,
};
use sunward_core::{Fleet, Pool, PoolId, RunId, StageId, Timestamp};

pub(crate) const HOUR: u64 = 3_600_000;

/// Pools, each in a zone of its name, with hourly intensities in g/kWh and free devices.
pub(crate) fn world(pools: &[(&str, &[u32], &[u32])]) -> Problem {
    let fleet = Fleet {
        pools: pools
            .iter()
            .map(|(name, _, _)| Pool {
                name: (*name).to_owned(),
                region: (*name).to_owned(),
                zone: (*name).to_owned(),
                pue_permille: 1000,
                ..Pool::default()
            })
            .collect(),
    };
    let mut zones: Vec<ZoneOutlook> = pools
        .iter()
        .map(|(name, grams, _)| ZoneOutlook {
            zone: (*name).to_owned(),
            intensity_mg_per_kwh: grams.iter().map(|grams| grams * 1000).collect(),
            error_permille: vec![100; grams.len()],
            surplus: vec![false; grams.len()],
            ..ZoneOutlook::default()
        })
        .collect();
    zones.sort_by(|a, b| a.zone.cmp(&b.zone));
    let outlook = Outlook {
        issued_at: Timestamp(0),
        slot_ms: HOUR,
        first_slot: 0,
        zones,
        pools: pools
            .iter()
            .map(|(_, _, gpus)| PoolOutlook {
                gpus: gpus.to_vec(),
                cpus: vec![0; gpus.len()],
            })
            .collect(),
    };
    Problem {
        now: Timestamp(0),
        fleet: Arc::new(fleet),
        outlook: Arc::new(outlook),
        reserved: Arc::new(Reserved::default()),
        curtailments: Arc::default(),
        asks: Vec::new(),
        transfer_milliwatt_hours_per_gb: 2000,
        shares: BTreeMap::new(),
        demand: Demand::default(),
    }
}

/// One task of `hours` hours at a kilowatt on one device, in any of `pools` pools, which must end
/// within `by` hours.
pub(crate) fn ask(run: u64, hours: u64, by: Option<u64>, pools: u32) -> Ask {
    Ask {
        id: AskId {
            run: RunId(run),
            stage: StageId(0),
        },
        after: Vec::new(),
        project: "default".to_owned(),
        priority: 0,
        since: Timestamp(0),
        tasks: 1,
        width: 1,
        gpus: 1,
        cpus: 1,
        task_ms: hours * HOUR,
        task_milliwatts: 1_000_000,
        ready_at: Timestamp(0),
        finish_by: by.map(|by| Timestamp(by * HOUR)),
        start_by: None,
        max_delay_ms: None,
        allowed: (0..pools).map(PoolId).collect(),
        home: PoolId(0),
        data: Vec::new(),
        prefer: vec![Prefer::Carbon],
        previous: None,
        timing: Timing::default(),
        margin_ms: 0,
    }
}

pub(crate) fn solve(problem: &Problem) -> Vec<Placement> {
    let solution = Sunward::default().solve(problem);
    assert_eq!(solution.faults, []);
    assert_eq!(solution.placements.len(), problem.asks.len());
    solution
        .placements
        .into_iter()
        .map(Option::unwrap)
        .collect()
}

/// The pool, first hour and tasks of each segment.
pub(crate) fn places(placement: &Placement) -> Vec<(u32, u64, u32)> {
    let segments = placement.segments.iter();
    segments
        .map(|one| (one.pool.0, one.start.0 / HOUR, one.tasks))
        .collect()
}

/// The taken devices, by pool and hour.
pub(crate) fn taken(problem: &Problem, placements: &[Placement]) -> BTreeMap<(u32, u64), u32> {
    let mut taken = BTreeMap::new();
    for (ask, placement) in problem.asks.iter().zip(placements) {
        for segment in &placement.segments {
            for hour in segment.start.0 / HOUR..segment.end.0.div_ceil(HOUR) {
                *taken.entry((segment.pool.0, hour)).or_default() += ask.gpus * segment.at_once;
            }
        }
    }
    taken
}
