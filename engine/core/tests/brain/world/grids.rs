//! Short ways to build pools and grids, and a placer with predictable answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::place::{
    Ask, Likely, Outlook, Placement, PoolOutlook, Problem, Segment, Solution, Timing, Why,
    ZoneOutlook,
};
use sunward_core::{Capacity, Fleet, Input, Pool, PoolId, Timestamp, WorkerId};

use super::World;

pub const HOUR_MS: u64 = 3_600_000;

/// The hour at which worlds with grids begin.
pub const DAWN: u64 = 480_000;

/// The start of an hour, counted from [`DAWN`].
pub fn hour(hour: u64) -> Timestamp {
    Timestamp((DAWN + hour) * HOUR_MS)
}

/// Whole hours since [`DAWN`].
pub fn hours(at: Timestamp) -> u64 {
    at.0 / HOUR_MS - DAWN
}

/// One pool for each zone, with the zone's name.
pub fn fleet(zones: &[&str]) -> Arc<Fleet> {
    let pool = |zone: &&str| Pool {
        name: format!("pool-{zone}"),
        region: format!("region-{zone}"),
        zone: (*zone).to_owned(),
        pue_permille: 1000,
        ..Pool::default()
    };
    Arc::new(Fleet {
        pools: zones.iter().map(pool).collect(),
    })
}

/// An outlook from now on, hour by hour, with a row of g/kWh for each zone.
pub fn outlook(now: Timestamp, zones: &[(&str, &[u32])]) -> Arc<Outlook> {
    let zone = |(zone, grams): &(&str, &[u32])| ZoneOutlook {
        zone: (*zone).to_owned(),
        source: "story".to_owned(),
        intensity_mg_per_kwh: grams.iter().map(|grams| grams * 1000).collect(),
        error_permille: vec![100; grams.len()],
        ..ZoneOutlook::default()
    };
    let open = |(_, grams): &(&str, &[u32])| PoolOutlook {
        gpus: vec![0; grams.len()],
        cpus: vec![64; grams.len()],
    };
    let mut named: Vec<ZoneOutlook> = zones.iter().map(zone).collect();
    named.sort_by(|a, b| a.zone.cmp(&b.zone));
    Arc::new(Outlook {
        issued_at: now,
        slot_ms: HOUR_MS,
        first_slot: now.0 / HOUR_MS,
        zones: named,
        pools: zones.iter().map(open).collect(),
    })
}

impl World {
    /// A world at [`DAWN`], with a worker of `cpus` cores in each zone's pool.
    pub fn with_grids(zones: &[(&str, &[u32])], cpus: u32) -> Self {
        let mut world = Self {
            now: hour(0),
            placer: Box::new(cleanest),
            ..Self::default()
        };
        let names: Vec<&str> = zones.iter().map(|(zone, _)| *zone).collect();
        world.give(Input::Fleet {
            fleet: fleet(&names),
        });
        world.look(zones);
        for pool in 0..u32::try_from(zones.len()).unwrap() {
            world.join_pool(pool + 1, pool, cpus);
        }
        world
    }

    /// A new outlook, issued now.
    pub fn look(&mut self, zones: &[(&str, &[u32])]) {
        let outlook = outlook(self.now, zones);
        self.give(Input::Outlook { outlook });
    }

    pub fn join_pool(&mut self, worker: u32, pool: u32, cpus: u32) {
        self.give(Input::WorkerJoined {
            worker: WorkerId(worker),
            capacity: Capacity {
                cpus,
                memory_bytes: 1 << 30,
                gpus: 0,
            },
            pool: PoolId(pool),
        });
    }

    /// Answers all orders that need no time to pass.
    pub fn think(&mut self) {
        while self.answer_one() {}
    }

    /// Lets time pass up to a moment. The core decides at each wake-up before it.
    pub fn pass(&mut self, until: Timestamp) {
        while let Some(due) = self.state.next_wakeup()
            && due <= until
        {
            self.now = self.now.max(due);
            self.give(Input::Tick);
            self.think();
        }
        self.now = until;
        self.give(Input::Tick);
        self.think();
    }
}

/// Places each ask in the cleanest hour of any allowed pool, without regard to capacity.
pub fn cleanest(problem: &Problem) -> Solution {
    let mut ends: Vec<Timestamp> = Vec::new();
    let placements = problem
        .asks
        .iter()
        .map(|ask| {
            let before = ask.after.iter().map(|at| ends[*at as usize]).max();
            let ready = ask.ready_at.max(before.unwrap_or_default());
            let placement = best(problem, ask, ready);
            ends.push(placement.end().unwrap());
            Some(placement)
        })
        .collect();
    Solution {
        placements,
        faults: Vec::new(),
        late: false,
    }
}

fn best(problem: &Problem, ask: &Ask, ready: Timestamp) -> Placement {
    let wall_ms = ask.task_ms * u64::from(ask.tasks.div_ceil(ask.width));
    let latest = match (ask.finish_by, ask.start_by) {
        (Some(end), start) => {
            let last = Timestamp(end.0.saturating_sub(wall_ms));
            start.map_or(last, |start| last.min(start)).max(ready)
        }
        (None, _) => ready,
    };
    let mut found: BTreeMap<(u64, Timestamp, PoolId), ()> = BTreeMap::new();
    for pool in &ask.allowed {
        let mut start = ready;
        while start <= latest {
            let cost = cost(problem, *pool, start, wall_ms);
            found.insert((cost, start, *pool), ());
            start = Timestamp((start.0 / HOUR_MS + 1) * HOUR_MS);
        }
    }
    let ((cost, start, pool), ()) = found.pop_first().unwrap();
    Placement {
        segments: vec![Segment {
            pool,
            start,
            end: start.after_ms(wall_ms),
            tasks: ask.tasks,
            at_once: ask.width,
        }],
        why: if ask.finish_by.is_none() {
            Why::AtOnce
        } else {
            Why::Cleanest
        },
        expected_micrograms: cost,
        transfer_micrograms: 0,
        timing: Timing::default(),
        at_home_now_micrograms: self::cost(problem, ask.home, ready, wall_ms),
        likely: Likely::default(),
        alternative: None,
        decided_at: problem.now,
        outlook_at: problem.outlook.issued_at,
    }
}

/// The sum of the intensities of the whole hours while it runs.
fn cost(problem: &Problem, pool: PoolId, start: Timestamp, wall_ms: u64) -> u64 {
    let zone = &problem.fleet.get(pool).unwrap().zone;
    let figures = &problem.outlook.zone(zone).unwrap().intensity_mg_per_kwh;
    let first = problem.outlook.slot_of(start);
    let last = problem.outlook.slot_of(start.after_ms(wall_ms - 1));
    (first..=last)
        .map(|slot| u64::from(*figures.get(slot).unwrap_or(&u32::MAX)))
        .sum()
}
