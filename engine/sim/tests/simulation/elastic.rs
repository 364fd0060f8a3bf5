//! Elastic jobs: arrays of which some tasks run at once. Their bound is exact, and no policy is below
//! it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sunward_sim::contenders::names;
use sunward_sim::limit::{UnderLoad, limit, under_load};
use sunward_sim::meter::grams;
use sunward_sim::{Locales, RunDraft, StageDraft, contender};

use crate::world::{Draft, HOUR_MS, hour, job, stage};

/// An elastic job: when it comes, its tasks of an hour, the most at once, and the hours until it is
/// due beyond those that it takes at full width.
#[derive(Clone, Copy, Debug)]
struct Elastic {
    at: u64,
    tasks: u32,
    width: u32,
    slack_h: u64,
}

impl Elastic {
    fn due(self) -> u64 {
        self.at + u64::from(self.tasks.div_ceil(self.width)) + self.slack_h
    }

    fn draft(self) -> RunDraft {
        RunDraft {
            deadline_ms: Some((self.due() - self.at) * HOUR_MS),
            stages: vec![StageDraft {
                width: Some(self.width),
                ..stage("work", self.tasks, 1)
            }],
            ..job("DE", 1, 0)
        }
    }
}

/// The least that these jobs can emit, by trying every number of tasks in every hour and pool.
struct Search<'a> {
    jobs: &'a [Elastic],
    grams: [&'a [u32]; 2],
    gpus: [u32; 2],
    known: BTreeMap<(u64, Vec<u32>), Option<u64>>,
}

impl Search<'_> {
    fn from(&mut self, at: u64, left: Vec<u32>) -> Option<u64> {
        if left.iter().all(|left| *left == 0) {
            return Some(0);
        }
        let late = |(job, left): (&Elastic, &u32)| *left > 0 && at >= job.due();
        if self.jobs.iter().zip(&left).any(late) {
            return None;
        }
        if let Some(known) = self.known.get(&(at, left.clone())) {
            return *known;
        }
        let mut best = None;
        self.tries(at, 0, left.clone(), self.gpus, 0, &mut best);
        self.known.insert((at, left), best);
        best
    }

    /// Tries all numbers of tasks of one job in an hour, then those of the next job.
    fn tries(
        &mut self,
        at: u64,
        number: usize,
        left: Vec<u32>,
        room: [u32; 2],
        cost: u64,
        best: &mut Option<u64>,
    ) {
        let Some(job) = self.jobs.get(number).copied() else {
            let rest = self.from(at + 1, left);
            let all = rest.map(|rest| rest + cost);
            *best = [*best, all].into_iter().flatten().min();
            return;
        };
        let most = if at < job.at {
            0
        } else {
            job.width.min(left[number])
        };
        for here in 0..=most.min(room[0]) {
            for there in 0..=(most - here).min(room[1]) {
                let mut left = left.clone();
                left[number] -= here + there;
                let of = |pool: usize, tasks: u32| {
                    let grams = self.grams[pool];
                    let hour = usize::try_from(at).unwrap().min(grams.len() - 1);
                    u64::from(tasks) * u64::from(grams[hour])
                };
                let cost = cost + of(0, here) + of(1, there);
                let room = [room[0] - here, room[1] - there];
                self.tries(at, number + 1, left, room, cost, best);
            }
        }
    }
}

fn elastic() -> impl Strategy<Value = Elastic> {
    (0_u64..3, 1_u32..5, 1_u32..4, 0_u64..4).prop_map(|(at, tasks, width, slack_h)| Elastic {
        at,
        tasks,
        width: width.min(tasks),
        slack_h,
    })
}

/// The highest bound of a world in grams; `None` if its work cannot be done in time.
fn bound(world: &Draft) -> Option<f64> {
    let setup = world.setup();
    let free = grams(limit(&setup, HOUR_MS / 4).emissions);
    match under_load(&setup) {
        UnderLoad::Bound(loaded) => Some(free.max(grams(loaded.emissions))),
        UnderLoad::Free => Some(free),
        UnderLoad::Impossible => None,
        UnderLoad::TooLarge => panic!("a few jobs are not too many"),
    }
}

fn world(jobs: &[Elastic], grams: [&[u32]; 2], gpus: [u32; 2]) -> Draft {
    let world = Draft::default()
        .zone("DE", grams[0], gpus[0])
        .zone("NO", grams[1], gpus[1]);
    jobs.iter()
        .fold(world, |world, job| world.run(job.at, job.draft()))
}

#[test]
fn an_elastic_job_is_widest_in_its_cleanest_hours() {
    let one = Elastic {
        at: 0,
        tasks: 5,
        width: 2,
        slack_h: 2,
    };
    // Two tasks at 50 g in NO, two at 90 g in DE, one at 100 g in DE.
    let grams: [&[u32]; 2] = [&[400, 100, 300, 90, 300], &[50, 900, 900, 900, 900]];
    assert_eq!(bound(&world(&[one], grams, [8, 8])), Some(380.0));
    // One machine in each: hour 0 in both is 450 g, so only NO's is taken then.
    let scarce = bound(&world(&[one], grams, [1, 1]));
    assert_eq!(scarce, Some(50.0 + 100.0 + 90.0 + 300.0 + 300.0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_bound_is_what_trying_everything_finds(
        jobs in proptest::collection::vec(elastic(), 1..4),
        here in proptest::collection::vec(20_u32..600, 9),
        there in proptest::collection::vec(20_u32..600, 9),
        gpus in (1_u32..4, 0_u32..3),
    ) {
        let grams: [&[u32]; 2] = [&here, &there];
        let gpus = [gpus.0, gpus.1];
        let left = jobs.iter().map(|job| job.tasks).collect();
        let mut search = Search { jobs: &jobs, grams, gpus, known: BTreeMap::new() };
        let least = search.from(0, left).map(|grams| f64::from(u32::try_from(grams).unwrap()));
        let bound = bound(&world(&jobs, grams, gpus));
        prop_assert_eq!(bound.map(f64::round), least);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_policy_is_below_the_bound(
        jobs in proptest::collection::vec(elastic(), 1..6),
        here in proptest::collection::vec(20_u32..600, 12),
        there in proptest::collection::vec(20_u32..600, 12),
        gpus in (1_u32..5, 1_u32..5),
    ) {
        let world = world(&jobs, [&here, &there], [gpus.0, gpus.1]);
        let Some(bound) = bound(&world) else { return Ok(()) };
        for name in names().into_iter().filter(|name| *name != "now-home") {
            let placer = contender(name, &Locales::default()).unwrap().placer;
            let tally = world.play_with(placer).tally;
            prop_assert_eq!(tally.unfinished, 0, "{}", name);
            // What is late may have waited for a cleaner hour.
            let emitted = grams(tally.used.total());
            let is_in_time = tally.deadlines_missed == 0;
            prop_assert!(!is_in_time || emitted >= bound - 1e-6, "{name}: {emitted} < {bound}");
        }
    }
}

#[test]
fn carbonflex_learns_from_two_days_when_to_run() {
    let noon = |at: u64| {
        if (10..16).contains(&(at % 24)) {
            100
        } else {
            400
        }
    };
    let grams: Vec<u32> = (0..96).map(noon).collect();
    let mut world = Draft::default().zone("DE", &grams, 40);
    for at in 0..72 {
        let one = Elastic {
            at,
            tasks: 4,
            width: 2,
            slack_h: 22,
        };
        world = world.run(at, one.draft());
    }
    let placer = contender("carbonflex", &Locales::default()).unwrap().placer;
    let tally = world.play_with(placer).tally;
    assert_eq!((tally.deadlines_missed, tally.unfinished), (0, 0));
    let late = tally.starts.iter().filter(|one| one.at >= hour(52));
    let (clean, all) = late.fold((0, 0), |(clean, all), start| {
        let at = start.at.since_ms(hour(0)) / HOUR_MS;
        let tasks = start.tasks;
        (clean + if noon(at) == 100 { tasks } else { 0 }, all + tasks)
    });
    assert!(clean * 10 >= all * 9, "{clean} of {all} tasks at noon");
}
