//! Pools that a grid operator restricts: emergencies, alerts and caps on power.

use std::sync::Arc;

use proptest::prelude::*;
use sunward_core::explain::{WaitsFor, waits};
use sunward_core::place::{Problem, Segment, Solution};
use sunward_core::{
    Curtailment, Curtailments, Fact, FailureKind, Input, Measure, PoolId, Reason, RunSpec,
    RunStatus, StageId, TaskStatus, Timestamp, explain,
};
use sunward_workflows::Stage;

use super::placing::within;
use crate::world::flow::{Flow, Shape, flow, stage};
use crate::world::grids::{HOUR_MS, cleanest, hour, hours};
use crate::world::{World, fails};

/// A stage of so many tasks of a kilowatt, each an hour long.
pub(super) fn kilowatts(name: &str, tasks: u32, checkpoint: bool) -> Stage {
    stage(name).uncached().range(tasks).edit(|stage| {
        stage.expect.time_ms = Some(HOUR_MS);
        stage.expect.power_watts = Some(1000.0);
        stage.checkpoint = checkpoint;
    })
}

pub(super) fn one(
    pool: u32,
    from: Timestamp,
    until: Option<Timestamp>,
    measure: Measure,
) -> Curtailment {
    Curtailment {
        pool: PoolId(pool),
        from,
        until,
        measure,
        told_by: "site-dr".to_owned(),
    }
}

pub(super) const fn kilowatt_cap(kilowatts: u64) -> Measure {
    Measure::Cap {
        milliwatts: kilowatts * 1_000_000,
    }
}

impl World {
    pub(super) fn curtail(&mut self, all: Vec<Curtailment>) {
        let curtailments = Curtailments {
            all,
            silent_since: None,
        };
        self.give(Input::Curtailments {
            curtailments: Arc::new(curtailments),
        });
    }

    fn active(&self) -> u32 {
        let run = self.state.runs().next_back().unwrap().1;
        run.stages()
            .map(|stage| stage.counts().of(TaskStatus::Active))
            .sum()
    }

    pub(super) fn answer_all(&mut self) {
        while self.answer_one() {}
    }

    /// Moves on to the next wake-up, which is at `at`.
    pub(super) fn wait_until(&mut self, at: Timestamp) {
        assert_eq!(self.state.next_wakeup(), Some(at));
        self.now = at;
        self.give(Input::Tick);
        self.answer_all();
    }
}

fn spec(flow: Flow) -> RunSpec {
    flow.spec()
}

#[test]
fn in_an_emergency_what_can_stop_stops_and_goes_on_afterwards_and_the_rest_runs_on() {
    let mut world = World::with_cores(4);
    world.now = hour(0);
    let flow = flow()
        .stage(kilowatts("long", 2, true))
        .stage(kilowatts("fixed", 1, false));
    let run = world.submit(spec(flow));
    world.answer_all();
    assert_eq!(world.active(), 3);
    world.begun = 3;
    let end = hour(1);
    world.curtail(vec![one(0, hour(0), Some(end), Measure::Emergency)]);
    world.answer_all();
    assert_eq!(world.active(), 1, "what cannot stop runs on");
    let long = StageId(0);
    let told = explain(&world.state, run, long, Some(0)).unwrap();
    assert_eq!(
        told.reason,
        Reason::Curtailed {
            measure: Measure::Emergency,
            until: Some(end),
            told_by: "site-dr".to_owned()
        }
    );
    let waiting = waits(&world.state, run);
    let waiting = waiting.iter().find(|wait| wait.stage == "long").unwrap();
    assert_eq!(waiting.wait, WaitsFor::GridEmergency);
    assert_eq!((waiting.tasks, waiting.until), (Some(2), Some(end)));
    assert_eq!(waiting.told_by.as_deref(), Some("site-dr"));
    world.wait_until(end);
    assert_eq!(world.active(), 3, "it goes on");
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let view = world.state.run(run).unwrap().find("long").unwrap();
    let ledger = view.ledger();
    assert_eq!(
        (
            ledger.attempts,
            ledger.lost_attempts,
            ledger.failed_attempts
        ),
        (4, 2, 0)
    );
    assert_eq!(view.attempt(0), 1, "no try is charged");
    let run = world.state.run(run).unwrap();
    let yields: Vec<(StageId, u32)> = run
        .yields()
        .map(|(_, stage, one)| (stage, one.tasks))
        .collect();
    assert_eq!(yields, [(long, 2)]);
    world.assert_replays();
}

#[test]
fn leases_that_have_not_begun_come_back_uncharged_however_often() {
    let mut world = World::with_cores(1);
    world.now = hour(0);
    world.begun = 1;
    // A worker is given short tasks ahead.
    let short = stage("many").uncached().range(8);
    let short = short.edit(|stage| stage.expect.time_ms = Some(1));
    let run = world.submit(spec(flow().stage(short)));
    world.answer_all();
    let leased = world.active();
    assert!(leased > 1, "some are leased ahead: {leased}");
    for _ in 0..30 {
        world.curtail(vec![one(0, hour(0), None, Measure::Alert)]);
        world.answer_all();
        assert_eq!(world.active(), 1, "what has begun goes on");
        world.curtail(Vec::new());
        world.answer_all();
        assert_eq!(world.active(), leased);
    }
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let ledger = world.state.run(run).unwrap().find("many").unwrap().ledger();
    assert_eq!((ledger.attempts, ledger.lost_attempts), (8, 0));
    world.assert_replays();
}

#[test]
fn a_cap_holds_back_what_it_has_no_power_for_and_stops_no_more_than_needed() {
    let mut world = World::with_cores(8);
    world.now = hour(0);
    world.begun = 8;
    let run = world.submit(spec(flow().stage(kilowatts("long", 8, true))));
    world.answer_all();
    assert_eq!(world.active(), 8);
    let (noon, night) = (hour(2), hour(4));
    world.curtail(vec![
        one(0, noon, Some(night), kilowatt_cap(5)),
        one(0, hour(3), Some(night), kilowatt_cap(2)),
    ]);
    assert_eq!(world.active(), 8, "it has not begun");
    world.wait_until(noon);
    assert_eq!(world.active(), 5);
    let kept: Vec<u32> = world
        .flights
        .iter()
        .map(|flight| flight.task.index)
        .collect();
    assert_eq!(kept, [0, 1, 2, 3, 4], "the latest stop");
    let waiting = waits(&world.state, run);
    assert_eq!(waiting[0].wait, WaitsFor::PowerCap);
    assert_eq!(waiting[0].until, Some(night));
    world.land_one();
    world.answer_all();
    assert_eq!(world.active(), 5, "another takes its power");
    world.wait_until(hour(3));
    assert_eq!(world.active(), 2);
    world.wait_until(night);
    assert_eq!(world.active(), 7);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

/// In this order of pools and in the other, since one of them is asked first.
#[test]
fn a_pool_without_power_does_not_keep_a_stage_from_the_others_that_it_is_placed_in() {
    for capped in [0, 1] {
        let mut world = World::with_grids(&[("DE", &[100; 8]), ("NO", &[100; 8])], 4);
        world.placer = Box::new(half_in_each_of_two_pools);
        let measure = Measure::Cap {
            milliwatts: 500_000,
        };
        world.curtail(vec![one(capped, hour(0), Some(hour(8)), measure)]);
        world.submit(within(8, flow().stage(kilowatts("map", 4, false))));
        world.think();
        let pools: Vec<Option<PoolId>> = world
            .flights
            .iter()
            .map(|flight| world.state.pool_of(flight.worker))
            .collect();
        assert_eq!(pools, [Some(PoolId(1 - capped)); 2]);
        world.assert_replays();
    }
}

/// A placement that does not know of caps.
fn half_in_each_of_two_pools(problem: &Problem) -> Solution {
    let mut solution = cleanest(problem);
    for placement in solution.placements.iter_mut().flatten() {
        let whole = placement.segments[0];
        let half = |pool| Segment {
            pool: PoolId(pool),
            tasks: whole.tasks / 2,
            at_once: whole.tasks / 2,
            start: problem.now,
            ..whole
        };
        placement.segments = vec![half(0), half(1)];
    }
    solution
}

/// A task that continues from a checkpoint has lost nothing; one that begins anew has.
#[test]
fn energy_is_lost_only_by_what_is_done_again() {
    for (kind, checkpoint, lost) in [
        (FailureKind::Preempted, true, 0),
        (FailureKind::Preempted, false, 7),
        (FailureKind::Infrastructure, true, 7),
        (FailureKind::Infrastructure, false, 7),
    ] {
        let mut world = World::with_cores(1);
        world.now = hour(0);
        let run = world.submit(spec(flow().stage(kilowatts("long", 1, checkpoint))));
        world.answer_all();
        let flight = world.flights.pop().expect("it runs");
        let end = world.end_of(&flight, fails(kind), 1_000_000);
        world.give(Input::Ended {
            worker: flight.worker,
            ends: vec![end],
        });
        world.settle();
        assert_eq!(world.status(run), RunStatus::Succeeded);
        let view = world.state.run(run).unwrap().find("long").unwrap();
        let ledger = view.ledger();
        assert_eq!(
            (ledger.failed_millijoules, ledger.millijoules()),
            (lost, 14)
        );
        world.assert_replays();
    }
}

#[test]
fn a_new_engine_keeps_an_emergency_until_it_is_told_otherwise() {
    let mut world = World::with_cores(2);
    world.now = hour(0);
    world.curtail(vec![one(0, hour(0), None, Measure::Emergency)]);
    let run = world.submit(spec(flow().stage(kilowatts("long", 2, true))));
    world.answer_all();
    assert_eq!(world.active(), 0);
    let resumed = world.state.run(run).unwrap().spec.clone();
    world.crash();
    world.join(1, 2);
    world.give(Input::Resume { run, spec: resumed });
    world.answer_all();
    assert_eq!(world.active(), 0, "the last word stands");
    world.curtail(Vec::new());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

/// Two zones; the first is always cleaner.
const TWO: [(&str, &[u32]); 2] = [("DE", &[100; 12]), ("PL", &[700; 12])];

#[test]
fn what_is_placed_avoids_hours_and_pools_that_are_restricted() {
    let mut world = World::with_grids(&TWO, 4);
    world.placer = Box::new({
        let mut placer = sunward_core::place::Sunward::default();
        move |problem| sunward_core::place::Placer::solve(&mut placer, problem)
    });
    world.curtail(vec![one(0, hour(0), Some(hour(3)), Measure::Emergency)]);
    let mut spec = flow().stage(kilowatts("train", 1, true));
    spec.workflow.place.deadline_ms = Some(9 * HOUR_MS);
    let run = world.submit(spec.spec());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let leased: Vec<(u32, u64)> = world
        .journal
        .iter()
        .filter_map(|fact| match fact {
            Fact::Leased { worker, at, .. } => {
                Some((world.state.pool_of(*worker).unwrap().0, hours(*at)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(leased, [(0, 3)], "the clean pool, once it is free");
    world.assert_replays();
}

#[test]
fn a_stage_that_has_no_hour_without_an_emergency_runs_once_that_is_taken_back() {
    let mut world = World::with_grids(&[("DE", &[100; 12])], 4);
    world.placer = Box::new({
        let mut placer = sunward_core::place::Sunward::default();
        move |problem| sunward_core::place::Placer::solve(&mut placer, problem)
    });
    world.curtail(vec![one(0, hour(0), None, Measure::Emergency)]);
    let mut spec = flow().stage(kilowatts("train", 1, true));
    spec.workflow.place.deadline_ms = Some(6 * HOUR_MS);
    let run = world.submit(spec.spec());
    world.answer_all();
    assert_eq!(world.active(), 0);
    world.curtail(Vec::new());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

/// As [`TWO`], for eight days.
const LONG: [(&str, &[u32]); 2] = [("DE", &[100; 192]), ("PL", &[700; 192])];

fn any_curtailment() -> impl Strategy<Value = Curtailment> {
    let measure = prop_oneof![
        1 => Just(Measure::Emergency),
        1 => Just(Measure::Alert),
        4 => (0_u64..6).prop_map(kilowatt_cap),
    ];
    (0_u32..2, 0_u64..8, 1_u64..5, measure).prop_map(|(pool, from, length, measure)| {
        one(pool, hour(from), Some(hour(from + length)), measure)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The world checks each lease against what is in force (`World::check_after`). No new outlook
    /// comes, so this one is longer than any course of the clock.
    #[test]
    fn no_lease_exceeds_a_cap_and_the_journal_gives_the_same_state(
        batches in prop::collection::vec(prop::collection::vec(any_curtailment(), 0..5), 1..4),
        tasks in prop::collection::vec((1_u32..9, any::<bool>()), 1..4),
        picks in prop::collection::vec(0_usize..8, 40),
        deadline in prop::option::of(2_u64..12),
        begun in 0_usize..6,
    ) {
        let mut world = World::with_grids(&LONG, 6);
        world.begun = begun;
        let mut placer = sunward_core::place::Sunward::default();
        world.placer = Box::new(move |problem| {
            let solution = sunward_core::place::Placer::solve(&mut placer, problem);
            assert!(solution.faults.is_empty(), "{:?}", solution.faults);
            solution
        });
        let mut flow = flow();
        for (nth, (count, checkpoint)) in tasks.iter().enumerate() {
            flow = flow.stage(kilowatts(&format!("s{nth}"), *count, *checkpoint));
        }
        flow.workflow.place.deadline_ms = deadline.map(|hours| hours * HOUR_MS);
        let run = world.submit(flow.spec());
        let mut batches = batches.into_iter();
        for pick in picks {
            match pick {
                0 => if let Some(batch) = batches.next() { world.curtail(batch) },
                1 | 2 => { world.land_one(); },
                3 => { world.sleep(); },
                _ => { world.answer_one(); },
            }
        }
        world.curtail(Vec::new());
        world.settle();
        prop_assert_eq!(world.status(run), RunStatus::Succeeded);
        let view = world.state.run(run).unwrap();
        prop_assert!(view.stages().all(|stage| stage.ledger().failed_attempts == 0));
        world.assert_replays();
    }
}
