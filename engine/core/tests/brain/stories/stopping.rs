//! Runs that are cancelled, interrupted, or cut off.

use std::sync::Arc;

use sunward_core::{Energy, Generation, Input, RunStatus, TaskEnd, TaskStatus, WorkerId};

use super::ok;
use crate::world::World;
use crate::world::flow::{Shape, flow, stage};

#[test]
fn a_cancelled_run_takes_back_its_leases_and_ends() {
    let mut world = World::with_cores(2);
    let run = world.submit(
        flow()
            .stage(stage("map").range(100).uncached())
            .stage(stage("reduce").from("all", "map"))
            .spec(),
    );
    for _ in 0..8 {
        if !world.answer_one() {
            world.land_one();
        }
    }
    let done = world.count(run, "map", TaskStatus::Succeeded);
    assert!(!world.flights.is_empty());
    world.give(Input::Cancel { run });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Cancelled);
    assert_eq!(world.count(run, "map", TaskStatus::Cancelled), 100 - done);
    assert_eq!(world.statuses(run), ["map: cancelled", "reduce: skipped"]);
    assert_eq!(world.closed, [(run, RunStatus::Cancelled)]);
    world.assert_replays();

    world.give(Input::Retry { run, spec: None });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 100, "what was done is kept");
    world.assert_replays();
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let mut world = World::with_cores(2);
    let spec = flow()
        .stage(stage("map").range(50).uncached())
        .stage(stage("reduce").from("all", "map"))
        .spec();
    let run = world.submit(spec.clone());
    for _ in 0..20 {
        if !world.answer_one() {
            world.land_one();
        }
    }
    let done = world.count(run, "map", TaskStatus::Succeeded);
    assert!(done > 0);
    world.give(Input::Interrupt);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Interrupted);
    assert_eq!(world.closed, [(run, RunStatus::Interrupted)]);
    assert!(world.flights.is_empty());

    world.crash();
    world.join(1, 2);
    assert!(
        world.flights.is_empty(),
        "nothing goes on before it is resumed"
    );
    let spec = Arc::new(spec);
    world.give(Input::Resume { run, spec });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 50, "nothing done was done again");
    world.assert_replays();
}

#[test]
fn after_a_crash_only_what_was_in_flight_runs_again() {
    let mut world = World::with_cores(2);
    let spec = flow().stage(stage("map").range(50)).spec();
    let run = world.submit(spec.clone());
    for _ in 0..30 {
        if !world.answer_one() {
            world.land_one();
        }
    }
    let done = world.count(run, "map", TaskStatus::Succeeded);
    assert!(done > 0 && done < 50);
    let late = world.flights[0].clone();
    world.crash();
    assert_eq!(world.status(run), RunStatus::Interrupted);
    world.join(1, 2);
    let spec = Arc::new(spec);
    world.give(Input::Resume { run, spec });
    world.give(Input::Ended {
        worker: WorkerId(1),
        ends: vec![TaskEnd {
            task: late.task,
            generation: Generation(99),
            started_ms: 1,
            wall_us: 1,
            cpu_us: 1,
            energy: Energy::Missing,
            outcome: ok("map", late.task.index),
        }],
    });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 50);
    world.assert_replays();
}

#[test]
fn a_run_that_stands_still_can_be_cancelled() {
    let mut world = World::with_cores(1);
    let run = world.submit(flow().stage(stage("map").range(9).uncached()).spec());
    while world.answer_one() {}
    world.land_one();
    world.crash();
    assert_eq!(world.status(run), RunStatus::Interrupted);
    world.give(Input::Cancel { run });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Cancelled);
    assert_eq!(world.count(run, "map", TaskStatus::Cancelled), 8);
    world.assert_replays();
}
