//! Workers and their leases.

use sunward_core::{Energy, FailureKind, Input, RunStatus, TaskEnd, WorkerId};

use super::ok;
use crate::world::flow::{Shape, flow, stage};
use crate::world::{World, fails};

#[test]
fn a_result_of_an_old_lease_is_dropped() {
    let mut world = World::with_cores(1);
    let run = world.submit(flow().stage(stage("a").uncached()).spec());
    while world.answer_one() {}
    let old = world.flights[0].clone();
    world.give(Input::WorkerLost {
        worker: WorkerId(1),
    });
    world.flights.clear();
    let facts = world.journal.len();
    let end = TaskEnd {
        task: old.task,
        generation: old.generation,
        started_ms: 1,
        wall_us: 1,
        cpu_us: 1,
        energy: Energy::Missing,
        outcome: ok("a", 0),
    };
    world.give(Input::Ended {
        worker: WorkerId(1),
        ends: vec![end.clone()],
    });
    assert_eq!(world.journal.len(), facts, "a step without facts");
    world.join(2, 1);
    world.give(Input::Ended {
        worker: WorkerId(1),
        ends: vec![end],
    });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("a"), 1);
}

#[test]
fn what_a_lost_worker_held_runs_on_another() {
    let mut world = World::with_cores(2);
    world.join(2, 2);
    let run = world.submit(flow().stage(stage("map").range(20).uncached()).spec());
    while world.answer_one() {}
    assert!(
        world
            .flights
            .iter()
            .any(|flight| flight.worker == WorkerId(1))
    );
    world.give(Input::WorkerLost {
        worker: WorkerId(1),
    });
    world.flights.retain(|flight| flight.worker != WorkerId(1));
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 20);
    assert!(
        world
            .state
            .run(run)
            .unwrap()
            .find("map")
            .unwrap()
            .ledger()
            .lost_attempts
            > 0
    );
    world.assert_replays();
}

#[test]
fn a_task_that_always_loses_its_worker_is_given_up() {
    let mut world = World::default();
    let run = world.submit(flow().stage(stage("bomb").uncached()).spec());
    for worker in 1..=30 {
        world.join(worker, 1);
        while world.answer_one() {}
        if world.flights.is_empty() {
            break;
        }
        world.flights.clear();
        world.give(Input::WorkerLost {
            worker: WorkerId(worker),
        });
    }
    world.settle();
    assert_eq!(world.status(run), RunStatus::Failed);
    let state = world.state.run(run).unwrap();
    let bomb = state.find("bomb").unwrap();
    assert_eq!(bomb.failures()[0].failure.kind, FailureKind::Infrastructure);
    assert_eq!(bomb.ledger().lost_attempts, 19);
}

#[test]
fn workers_get_leases_ahead_by_how_long_tasks_take() {
    let leased_ahead = |wall_us: u64| {
        let mut world = World::with_cores(2);
        world.wall_us = wall_us;
        world.submit(flow().stage(stage("map").range(40_000).uncached()).spec());
        for _ in 0..50 {
            while world.answer_one() {}
            world.land_one();
        }
        while world.answer_one() {}
        world.flights.len()
    };
    assert_eq!(leased_ahead(1_000_000), 2, "long tasks: as many as run");
    assert_eq!(leased_ahead(1_000), 100, "50 ms of work for two cores");
    assert_eq!(leased_ahead(10), 10_000);
}

#[test]
fn nothing_waits_at_a_worker_behind_a_task_of_unknown_length() {
    let mut world = World::with_cores(1);
    world.submit(flow().stage(stage("long").uncached()).spec());
    world.submit(flow().stage(stage("short").uncached()).spec());
    while world.answer_one() {}
    assert_eq!(world.flights.len(), 1, "the worker has one core");
    world.join(2, 1);
    while world.answer_one() {}
    let workers: Vec<u32> = world.flights.iter().map(|one| one.worker.0).collect();
    assert_eq!(
        workers,
        [1, 2],
        "a second worker takes what the first has no core for"
    );
}

#[test]
fn a_stage_never_has_more_leases_than_max_parallel() {
    let mut world = World::with_cores(8);
    let run = world.submit(
        flow()
            .stage(
                stage("map")
                    .range(30)
                    .edit(|stage| stage.max_parallel = Some(3)),
            )
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.most_flights, 3);
}

#[test]
fn a_stage_that_takes_all_memory_leaves_cores_to_others() {
    let mut world = World::with_cores(8);
    world.submit(
        flow()
            .stage(
                stage("greedy")
                    .range(50)
                    .uncached()
                    .edit(|stage| stage.resources.memory_bytes = Some(1 << 30)),
            )
            .stage(stage("light").range(50).uncached())
            .spec(),
    );
    while world.answer_one() {}
    let names: Vec<String> = world
        .flights
        .iter()
        .map(|flight| world.stage_name(flight.task))
        .collect();
    assert_eq!(names.iter().filter(|name| *name == "greedy").count(), 1);
    assert_eq!(names.iter().filter(|name| *name == "light").count(), 7);
}

#[test]
fn a_worker_that_drops_everything_does_not_keep_a_task_for_ever() {
    for wall_us in [0, 10] {
        let mut world = World::with_cores(1);
        world.wall_us = wall_us;
        world.fate = Box::new(|_, _, _| fails(FailureKind::Cancelled));
        let run = world.submit(flow().stage(stage("a").uncached()).spec());
        world.settle();
        assert_eq!(world.status(run), RunStatus::Failed);
        assert_eq!(world.ran("a"), 20);
    }
}
