//! Short ways to build small worlds: hourly zones, pools, runs.

use std::sync::Arc;

use sunward_core::place::{
    Ask, Likely, Placement, Placer, Problem, Segment, Solution, Timing, Why,
};
use sunward_core::{Fleet, Pool, PoolId, Timestamp};
use sunward_sim::meter::{Truth, ZoneTruth};
use sunward_sim::setup::Setup;
use sunward_sim::{
    Arrival, Contender, Lengths, Open, Opening, PerfectFeed, Played, RunDraft, Scenario,
    StageDraft, simulate, submissions,
};

pub const HOUR_MS: u64 = 3_600_000;
/// 2023-03-01T00:00Z, hour 0 of every story.
pub const BEGIN: Timestamp = Timestamp(1_677_628_800_000);

/// A number of hours after the start.
pub const fn hour(hours: u64) -> Timestamp {
    Timestamp(BEGIN.0 + hours * HOUR_MS)
}

/// A world under construction.
#[derive(Default)]
pub struct Draft {
    fleet: Fleet,
    openings: Vec<Opening>,
    truth: Truth,
    pub runs: Vec<(u64, RunDraft)>,
    pub scenario: Scenario,
    pub seed: u64,
    pub lengths: Lengths,
}

impl Draft {
    /// Adds a zone with hourly gCO2e/kWh (the last continues for four days), and its pool, which
    /// has the same name in lower case and `gpus` devices.
    pub fn zone(mut self, zone: &str, grams: &[u32], gpus: u32) -> Self {
        let last = *grams.last().unwrap();
        let hours = grams.iter().copied().chain(std::iter::repeat(last));
        let steps: Vec<_> = hours.take(96).map(|grams| (grams * 1000, None)).collect();
        let truth = ZoneTruth::new(BEGIN, HOUR_MS, &steps);
        self.truth.zones.insert(zone.to_owned(), truth);
        self.openings.push(Opening {
            at: BEGIN,
            pool: PoolId(u32::try_from(self.fleet.pools.len()).unwrap()),
            open: Open { gpus, cpus: 1000 },
            notice_ms: 0,
        });
        self.fleet.pools.push(Pool {
            name: zone.to_lowercase(),
            region: zone.to_owned(),
            zone: zone.to_owned(),
            pue_permille: 1000,
            ..Pool::default()
        });
        self
    }

    /// Says what an idle device of the last pool draws, in watts.
    pub fn idle(mut self, watts: u64) -> Self {
        self.fleet.pools.last_mut().unwrap().gpu_idle_milliwatts = watts * 1000;
        self
    }

    /// Sets the number of a pool's devices from an hour on.
    pub fn opens(mut self, pool: u32, at: u64, gpus: u32) -> Self {
        self.openings.push(Opening {
            at: hour(at),
            pool: PoolId(pool),
            open: Open { gpus, cpus: 1000 },
            notice_ms: 0,
        });
        self
    }

    /// Adds a run that arrives in an hour.
    pub fn run(mut self, at: u64, draft: RunDraft) -> Self {
        self.runs.push((at, draft));
        self
    }

    pub fn fault(mut self, fault: sunward_sim::Fault) -> Self {
        self.scenario.faults.push(fault);
        self
    }

    pub fn setup(&self) -> Setup {
        let arrivals = self.runs.iter().map(|(at, draft)| Arrival {
            at: hour(*at),
            draft: draft.clone(),
        });
        let submissions = submissions(arrivals.collect(), self.lengths).unwrap();
        Setup {
            fleet: Arc::new(self.fleet.clone()),
            openings: Arc::new(self.openings.clone()),
            truth: Arc::new(self.truth.clone()),
            submissions: Arc::new(submissions),
            scenario: self.scenario.clone(),
            seed: self.seed,
            look_every_ms: HOUR_MS,
            keep_details: true,
        }
    }

    /// Simulates it under [`Cleanest`].
    pub fn play(&self) -> Played {
        self.play_with(Box::new(Cleanest))
    }

    pub fn play_with(&self, placer: Box<dyn Placer>) -> Played {
        let setup = self.setup();
        let mut feed = PerfectFeed::new(&setup, HOUR_MS / 4, 192);
        let contender = Contender {
            name: "cleanest".into(),
            source: "of these tests".into(),
            placer,
        };
        simulate(&setup, &mut feed, vec![contender])
            .unwrap()
            .remove(0)
    }
}

/// A job of one device at one kilowatt, with a length and slack in hours.
pub fn job(home: &str, hours: u64, slack_h: u64) -> RunDraft {
    RunDraft {
        name: "job".into(),
        home: Some(home.into()),
        deadline_ms: Some((hours + slack_h) * HOUR_MS),
        stages: vec![stage("work", 1, hours)],
        ..RunDraft::default()
    }
}

/// A stage of tasks that each take one device at one kilowatt for a number of hours.
pub fn stage(name: &str, tasks: u32, hours: u64) -> StageDraft {
    StageDraft {
        name: name.into(),
        tasks,
        task_ms: hours * HOUR_MS,
        milliwatts: 1_000_000,
        gpus: 1,
        cpus: 1,
        ..StageDraft::default()
    }
}

/// The start of each group of tasks: `hour pool x tasks`.
pub fn starts(played: &Played) -> Vec<String> {
    let one = |start: &sunward_sim::tally::Start| {
        let minutes = start.at.since_ms(BEGIN) / 60_000;
        let (hours, minutes) = (minutes / 60, minutes % 60);
        format!(
            "{hours:02}:{minutes:02} {} {} in pool {} x {}",
            start.run, start.stage.0, start.pool, start.tasks
        )
    };
    played.tally.starts.iter().map(one).collect()
}

/// A placer that takes the cleanest pool and whole slot that ends in time and has room for all
/// tasks at once. It ignores other asks, and places stages one after the other.
pub struct Cleanest;

impl Placer for Cleanest {
    fn solve(&mut self, problem: &Problem) -> Solution {
        let mut placements: Vec<Placement> = Vec::new();
        for ask in &problem.asks {
            let ready = ask
                .after
                .iter()
                .filter_map(|at| placements[*at as usize].end())
                .max()
                .unwrap_or(ask.ready_at)
                .max(ask.ready_at)
                .max(problem.now);
            placements.push(place(problem, ask, ready));
        }
        Solution {
            placements: placements.into_iter().map(Some).collect(),
            faults: Vec::new(),
            late: false,
        }
    }
}

fn place(problem: &Problem, ask: &Ask, ready: Timestamp) -> Placement {
    let outlook = &problem.outlook;
    let rounds = u64::from(ask.tasks.div_ceil(ask.width.max(1)));
    let length_ms = ask.task_ms * rounds;
    let mut best: Option<(u128, PoolId, Timestamp)> = None;
    for id in &ask.allowed {
        let pool = &problem.fleet.pools[id.place()];
        let Some(zone) = outlook.zone(&pool.zone) else {
            continue;
        };
        let slots = (0..outlook.slots())
            .map(|slot| Timestamp((outlook.first_slot + slot as u64) * outlook.slot_ms));
        for start in std::iter::once(ready).chain(slots.filter(|at| *at > ready)) {
            let end = start.after_ms(length_ms);
            let late = ask.finish_by.is_some_and(|by| end > by) || ask.finish_by.is_none();
            if late && start > ready {
                break;
            }
            let (first, last) = (
                outlook.slot_of(start),
                outlook.slot_of(Timestamp(end.0 - 1)),
            );
            let open = &outlook.pools[id.place()].gpus;
            let span = first..=last.min(open.len() - 1);
            let wanted = ask.gpus * ask.tasks.min(ask.width);
            if open[span.clone()].iter().any(|gpus| *gpus < wanted) {
                continue;
            }
            let cost = zone.intensity_mg_per_kwh[span]
                .iter()
                .map(|mg| u128::from(*mg))
                .sum();
            if best.is_none_or(|(least, _, _)| cost < least) {
                best = Some((cost, *id, start));
            }
        }
    }
    let (_, pool, start) = best.unwrap_or((0, ask.home, ready));
    Placement {
        segments: vec![Segment {
            pool,
            start,
            end: start.after_ms(length_ms),
            tasks: ask.tasks,
            at_once: ask.tasks.min(ask.width),
        }],
        why: Why::Cleanest,
        expected_micrograms: 0,
        transfer_micrograms: 0,
        at_home_now_micrograms: 0,
        likely: Likely::default(),
        timing: Timing::default(),
        alternative: None,
        decided_at: problem.now,
        outlook_at: outlook.issued_at,
    }
}
