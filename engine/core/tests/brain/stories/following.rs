//! Chains of files: each task waits for its own file alone.

use sunward_core::explain::{WaitsFor, waits};
use sunward_core::{FailureKind, Input, Reason, RunId, RunStatus, SkipReason, TaskStatus, explain};
use sunward_workflows::Stage;

use super::ok;
use crate::world::flow::{Shape, flow, stage};
use crate::world::{World, fails};

/// Three stages, each over the files of the one before, and one that reads all.
fn chain(files: u32, edit: impl Fn(Stage) -> Stage) -> sunward_core::RunSpec {
    let each = |name: &str, of: &str| edit(stage(name).each_file_of("x", of));
    flow()
        .stage(edit(stage("one").range(files).writes_file()))
        .stage(each("two", "one"))
        .stage(each("three", "two"))
        .stage(stage("all").from("x", "three"))
        .spec()
}

/// Continues until nothing is left to do but one task, which a worker keeps.
fn all_but(world: &mut World, stage: &str, index: u32) {
    loop {
        while world.answer_one() {}
        let others = |world: &World| {
            let mut flights = world.flights.iter();
            flights.position(|one| {
                (world.stage_name(one.task).as_str(), one.task.index) != (stage, index)
            })
        };
        let Some(pick) = others(world) else { return };
        world.picks = Box::new(move |_| pick);
        world.land_one();
    }
}

/// The tasks that ran, as `stage/index`.
fn touched(world: &World) -> Vec<String> {
    let tasks = world.touched();
    let name = |(stage, index): &(String, u32)| format!("{stage}/{index}");
    tasks.iter().map(name).collect()
}

fn finished(world: &World, run: RunId, stage: &str) -> u32 {
    world.count(run, stage, TaskStatus::Succeeded)
}

#[test]
fn a_file_may_be_stages_ahead_of_another() {
    let mut world = World::with_cores(2);
    let run = world.submit(chain(4, |stage| stage));
    all_but(&mut world, "one", 3);
    let done = ["one", "two", "three", "all"].map(|stage| finished(&world, run, stage));
    assert_eq!(done, [3, 3, 3, 0]);
    let told = waits(&world.state, run);
    let told = told
        .iter()
        .map(|one| (one.stage.as_str(), one.wait, one.tasks, one.stages.concat()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("two", WaitsFor::Stages, Some(1), "one".to_owned()),
            ("three", WaitsFor::Stages, Some(1), "two".to_owned()),
            ("all", WaitsFor::Stages, Some(1), "three".to_owned()),
        ]
    );
    let two = world.state.run(run).unwrap().find("two").unwrap().id;
    assert_eq!(
        explain(&world.state, run, two, Some(3)).unwrap().reason,
        Reason::WaitsFor(vec!["one/3".to_owned()])
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(finished(&world, run, "three"), 4);
    world.assert_replays();
    // What was found file by file is found again as a whole.
    world.remember_all(run);
    let again = world.submit(chain(4, |stage| stage));
    world.settle();
    assert_eq!(world.count(again, "three", TaskStatus::Cached), 4);
    assert_eq!(world.count(again, "all", TaskStatus::Cached), 1);
}

#[test]
fn what_is_begun_is_finished_before_more_is_begun() {
    let mut world = World::with_cores(1);
    let order = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = std::rc::Rc::clone(&order);
    world.fate = Box::new(move |stage, index, _| {
        seen.borrow_mut().push(format!("{stage}/{index}"));
        ok(stage, index)
    });
    // Long tasks are not leased ahead, once it is known that they are long.
    world.wall_us = 3_600_000_000;
    world.submit(chain(12, |stage| stage));
    world.settle();
    let order = order.borrow();
    let at = |task: &str| order.iter().position(|one| one == task).unwrap();
    for file in 0..9 {
        let (through, begun) = (format!("three/{file}"), format!("one/{}", file + 3));
        assert!(at(&through) < at(&begun), "{order:?}");
    }
}

#[test]
fn a_failed_file_stops_its_own_chain_and_what_is_tried_again_is_no_more_than_that() {
    let mut world = World::with_cores(2);
    world.fate = Box::new(|stage, index, _| match (stage, index) {
        ("one", 3) => fails(FailureKind::Exit(1)),
        _ => ok(stage, index),
    });
    let run = world.submit(chain(4, |stage| stage));
    all_but(&mut world, "one", 3);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Failed);
    assert_eq!(
        world.statuses(run),
        [
            "one: failed",
            "two: skipped",
            "three: skipped",
            "all: skipped"
        ]
    );
    let state = world.state.run(run).unwrap();
    let one = state.find("one").unwrap().id;
    for stage in ["two", "three", "all"] {
        let reason = state.find(stage).unwrap().skip_reason();
        assert_eq!(reason, Some(&SkipReason::UpstreamFailed(one)), "{stage}");
    }
    assert_eq!(finished(&world, run, "three"), 3);
    world.remember_all(run);
    world.assert_replays();
    world.fate = Box::new(|stage, index, _| ok(stage, index));
    world.executed.clear();
    world.give(Input::Retry { run, spec: None });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(touched(&world), ["all/0", "one/3", "three/3", "two/3"]);
    world.assert_replays();
}

#[test]
fn a_stage_that_is_given_up_lets_its_running_tasks_end() {
    for outcome in [None, Some(FailureKind::Timeout), Some(FailureKind::Exit(1))] {
        let mut world = World::with_cores(4);
        let told = outcome;
        world.fate = Box::new(move |stage, index, _| match (stage, index, told) {
            ("one", 1, _) => fails(FailureKind::Exit(1)),
            ("two", 0, Some(kind)) => fails(kind),
            _ => ok(stage, index),
        });
        let tried = |stage: Stage| stage.retries(3, 50, sunward_workflows::RetryOn::Timeout);
        let run = world.submit(chain(2, tried));
        while world.answer_one() {}
        world.picks = Box::new(|_| 0);
        world.land_one();
        while world.answer_one() {}
        // The second file fails while the first one is with `two`.
        let bad = world
            .flights
            .iter()
            .position(|one| world.stage_name(one.task) == "one");
        let bad = bad.unwrap();
        world.picks = Box::new(move |_| bad);
        world.land_one();
        world.picks = Box::new(|_| 0);
        world.settle();
        let two = match outcome {
            Some(FailureKind::Exit(_)) => "two: failed",
            _ => "two: skipped",
        };
        assert_eq!(
            world.statuses(run)[..2],
            ["one: failed", two],
            "{outcome:?}"
        );
        assert_eq!(world.ran("two"), 1);
        world.assert_replays();
    }
}

#[test]
fn other_ways_to_wait_are_for_the_end_of_a_stage() {
    let last = |edit: fn(Stage) -> Stage, first: fn(Stage) -> Stage| {
        let mut world = World::with_cores(2);
        let one = first(stage("one").range(3).writes_file());
        let two = edit(stage("two").each_file_of("x", "one"));
        let run = world.submit(flow().stage(one).stage(two).spec());
        all_but(&mut world, "one", 2);
        let ahead = finished(&world, run, "two");
        world.settle();
        assert_eq!(world.status(run), RunStatus::Succeeded);
        ahead
    };
    let as_it_is = |stage: Stage| stage;
    assert_eq!(last(as_it_is, as_it_is), 2);
    assert_eq!(last(|stage| stage.needs("one"), as_it_is), 0);
    assert_eq!(last(|stage| stage.from("whole", "one"), as_it_is), 0);
    let asks = |stage: Stage| stage.when("${{ stages.one.status == 'succeeded' }}");
    assert_eq!(last(asks, as_it_is), 0);
    let tolerant = |stage: Stage| stage.edit(|stage| stage.tolerate = 1);
    assert_eq!(
        last(as_it_is, tolerant),
        0,
        "the places of files are not known"
    );
}

#[test]
fn a_stop_in_the_middle_of_a_chain_loses_nothing() {
    let mut world = World::with_cores(2);
    let spec = chain(4, |stage| stage);
    let run = world.submit(spec.clone());
    all_but(&mut world, "one", 3);
    world.crash();
    world.join(1, 2);
    world.executed.clear();
    world.give(Input::Resume {
        run,
        spec: std::sync::Arc::new(spec),
    });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(touched(&world), ["all/0", "one/3", "three/3", "two/3"]);
}

#[test]
fn a_file_that_comes_after_a_cancel_begins_nothing() {
    for uncached in [false, true] {
        let mut world = World::with_cores(4);
        let edit = |stage: Stage| if uncached { stage.uncached() } else { stage };
        let run = world.submit(chain(2, edit));
        while world.answer_one() {}
        world.land_one();
        while world.answer_one() {}
        // The first file is with `two`, and the second one is still being written.
        let second = world
            .flights
            .iter()
            .position(|one| world.stage_name(one.task) == "one");
        world.give(Input::Cancel { run });
        world.picks = Box::new(move |_| second.unwrap());
        world.land_one();
        world.picks = Box::new(|_| 0);
        world.settle();
        assert_eq!(world.status(run), RunStatus::Cancelled, "{uncached}");
        assert_eq!(world.count(run, "two", TaskStatus::Cancelled), 2);
        world.assert_replays();
    }
}
