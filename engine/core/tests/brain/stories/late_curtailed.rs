//! Runs that are late because their pool was curtailed say so, and no others do.

use sunward_core::late::{Cause, CurtailedBy, Late, late};
use sunward_core::{
    Capacity, Curtailment, FailureKind, Input, Measure, RunId, RunStatus, State, Timestamp,
    WorkerId, apply,
};

use super::curtailing::{kilowatt_cap, kilowatts, one};
use super::ok;
use crate::world::flow::flow;
use crate::world::grids::{HOUR_MS, hour};
use crate::world::{World, fails};

/// A world of this many cores that is asked this, and then given a run that must end within two
/// hours.
fn hurried(cores: u32, tasks: u32, asked: Vec<Curtailment>) -> (World, RunId) {
    let mut world = World::with_cores(cores);
    world.now = hour(0);
    world.curtail(asked);
    let mut flow = flow().stage(kilowatts("train", tasks, true));
    flow.workflow.place.deadline_ms = Some(2 * HOUR_MS);
    let run = world.submit(flow.spec());
    world.answer_all();
    (world, run)
}

/// Ends the oldest attempt, which began now, after these minutes.
fn land(world: &mut World, minutes: u64) {
    let flight = world.flights.remove(0);
    let outcome = ok(&world.stage_name(flight.task), flight.task.index);
    let end = world.end_of(&flight, outcome, minutes * 60_000_000);
    world.now = world.now.after_ms(minutes * 60_000);
    world.give(Input::Ended {
        worker: flight.worker,
        ends: vec![end],
    });
    world.answer_all();
}

fn told(world: &World, run: RunId) -> Late {
    world.assert_replays();
    let told = late(world.state.run(run).unwrap(), world.now).expect("it is late");
    assert_eq!(told, told_by_its_own_facts(world, run), "from its archive");
    told
}

/// What is told of the run when only the facts about it and about workers are left.
fn told_by_its_own_facts(world: &World, run: RunId) -> Late {
    let mut state = State::default();
    let is_kept = |fact: &&sunward_core::Fact| {
        fact.run() == Some(run) || matches!(fact, sunward_core::Fact::WorkerJoined { .. })
    };
    for fact in world.journal.iter().filter(is_kept) {
        apply(&mut state, fact).unwrap();
    }
    late(state.run(run).unwrap(), world.now).expect("it is late")
}

fn by(measure: Measure) -> Option<CurtailedBy> {
    Some(CurtailedBy {
        measure,
        told_by: "site-dr".to_owned(),
    })
}

#[test]
fn what_may_not_start_is_late_by_what_its_pool_was_asked() {
    for measure in [Measure::Emergency, Measure::Alert, kilowatt_cap(0)] {
        let asked = vec![one(0, hour(0), Some(hour(3)), measure)];
        let (mut world, run) = hurried(1, 1, asked);
        world.answer_all();
        world.now = Timestamp(hour(2).0 + HOUR_MS / 2);
        world.give(Input::Tick);
        let so_far = told(&world, run);
        assert_eq!((so_far.cause, so_far.is_over), (Cause::Curtailed, false));
        world.wait_until(hour(3));
        land(&mut world, 60);
        assert_eq!(world.status(run), RunStatus::Succeeded);
        let late = told(&world, run);
        assert_eq!(late.by_ms, 2 * HOUR_MS);
        assert_eq!((late.cause, late.cause_ms), (Cause::Curtailed, 3 * HOUR_MS));
        assert_eq!(late.stage.as_deref(), Some("train"));
        assert_eq!(late.curtailed, by(measure));
    }
}

/// What the first attempt did is kept in the first case, and done again in the second.
#[test]
fn what_made_way_is_late_by_the_time_that_it_stood_still_and_what_it_did_again() {
    for (last_min, lost_min) in [(30, 150), (60, 180)] {
        let (mut world, run) = hurried(1, 1, Vec::new());
        world.answer_all();
        world.begun = 1;
        world.made_way_us = 30 * 60_000_000;
        world.now = Timestamp(hour(0).0 + HOUR_MS / 2);
        world.curtail(vec![one(0, hour(0), Some(hour(3)), Measure::Emergency)]);
        world.answer_all();
        world.wait_until(hour(3));
        land(&mut world, last_min);
        assert_eq!(world.status(run), RunStatus::Succeeded);
        let late = told(&world, run);
        assert_eq!(late.cause, Cause::Curtailed, "{late:?}");
        assert_eq!(late.cause_ms, lost_min * 60_000, "{late:?}");
        assert_eq!(late.curtailed, by(Measure::Emergency));
    }
}

#[test]
fn a_cap_counts_only_for_what_it_has_no_power_for() {
    for (kilowatts, cause) in [(5, Cause::NoSlot), (1, Cause::Curtailed)] {
        // Two tasks: the cap of a kilowatt lets one run at a time, and so does a single core.
        let cores = if cause == Cause::NoSlot { 1 } else { 2 };
        let asked = vec![one(0, hour(0), Some(hour(90)), kilowatt_cap(kilowatts))];
        let (mut world, run) = hurried(cores, 2, asked);
        world.answer_all();
        land(&mut world, 60);
        land(&mut world, 90);
        assert_eq!(world.status(run), RunStatus::Succeeded);
        let late = told(&world, run);
        assert_eq!(late.cause, cause, "{late:?}");
        assert_eq!(late.curtailed.is_some(), cause == Cause::Curtailed);
    }
}

#[test]
fn a_curtailment_that_took_less_than_the_work_is_not_the_cause() {
    let asked = vec![one(0, hour(0), Some(hour(1)), Measure::Alert)];
    let (mut world, run) = hurried(1, 1, asked);
    world.answer_all();
    world.wait_until(hour(1));
    land(&mut world, 240);
    let late = told(&world, run);
    assert_eq!(
        (late.cause, late.cause_ms),
        (Cause::TookLonger, 3 * HOUR_MS)
    );
    assert_eq!(late.curtailed, None);
}

#[test]
fn a_pool_s_owner_who_takes_machines_back_is_a_cause_too() {
    let (mut world, run) = hurried(1, 1, Vec::new());
    world.answer_all();
    let flight = world.flights.remove(0);
    let end = world.end_of(&flight, fails(FailureKind::Preempted), 60_000_000);
    let worker = WorkerId(1);
    let lent = |cpus| Capacity {
        cpus,
        memory_bytes: 1 << 30,
        gpus: 0,
    };
    world.now = world.now.after_ms(60_000);
    let capacity = lent(0);
    world.give(Input::WorkerCapacity { worker, capacity });
    world.give(Input::Ended {
        worker,
        ends: vec![end],
    });
    world.answer_all();
    world.now = hour(4);
    let capacity = lent(1);
    world.give(Input::WorkerCapacity { worker, capacity });
    world.answer_all();
    land(&mut world, 60);
    let late = told(&world, run);
    assert_eq!(late.cause, Cause::Curtailed, "{late:?}");
    assert_eq!(late.curtailed, None, "nobody asked for it");
}

#[test]
fn a_new_engine_that_is_asked_nothing_lets_go() {
    let asked = vec![one(0, hour(0), None, Measure::Emergency)];
    let (mut world, run) = hurried(1, 1, asked);
    world.answer_all();
    let spec = world.state.run(run).unwrap().spec.clone();
    world.crash();
    world.curtail(Vec::new());
    world.give(Input::Resume { run, spec });
    world.answer_all();
    // Nobody is asked anything, and there is no worker.
    world.now = hour(5);
    world.join(1, 1);
    world.answer_all();
    land(&mut world, 60);
    let late = told(&world, run);
    assert_eq!(late.cause, Cause::NoSlot, "{late:?}");
}
