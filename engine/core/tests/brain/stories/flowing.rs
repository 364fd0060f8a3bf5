//! Runs without failures.

use sunward_core::{Outcome, RunStatus, SkipReason, TaskStatus};
use sunward_workflows::{Slicing, Value};

use super::ok;
use crate::world::flow::{Shape, flow, stage};
use crate::world::{World, gives};

#[test]
fn a_chain_runs_stage_after_stage_and_succeeds() {
    let mut world = World::with_cores(2);
    let run = world.submit(
        flow()
            .stage(stage("c").from("x", "b"))
            .stage(stage("a"))
            .stage(stage("b").from("x", "a"))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(
        world.statuses(run),
        ["a: succeeded", "b: succeeded", "c: succeeded"]
    );
    assert_eq!(world.closed, [(run, RunStatus::Succeeded)]);
    let c = world.state.run(run).unwrap().find("c").unwrap();
    assert_eq!(c.result(0), Some(gives("c", 0, 1)));
    assert_eq!(c.ledger().modelled_millijoules, 7);
    world.assert_replays();
}

#[test]
fn a_scatter_gathers_in_task_order_whatever_ends_first() {
    let mut world = World::with_cores(4);
    world.picks = Box::new(|flights| flights - 1);
    let run = world.submit(
        flow()
            .stage(stage("map").range(10))
            .stage(stage("reduce").from("all", "map"))
            .spec(),
    );
    world.settle();
    let state = world.state.run(run).unwrap();
    let map = state.find("map").unwrap();
    let gathered = state.gathered(map.id, "out").unwrap();
    let expected: Vec<_> = (0..10)
        .flat_map(|index| gives("map", index, 1).ports)
        .collect();
    assert_eq!(gathered, expected);
    assert_eq!(state.find("reduce").unwrap().inputs()[0].rows, 100);
    world.assert_replays();
}

#[test]
fn a_table_from_an_earlier_stage_is_cut_once_its_rows_are_known() {
    let mut world = World::with_cores(4);
    let run = world.submit(
        flow()
            .stage(stage("make").range(3))
            .stage(
                stage("cut")
                    .from("table", "make")
                    .sliced("table", Slicing::Rows(8)),
            )
            .spec(),
    );
    assert_eq!(
        world
            .state
            .run(run)
            .unwrap()
            .find("cut")
            .unwrap()
            .task_count(),
        None
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.count(run, "cut", TaskStatus::Succeeded), 4);
}

#[test]
fn a_table_with_too_many_rows_is_refused_with_their_true_number() {
    let mut world = World::with_cores(1);
    world.fate = Box::new(|stage, index, _| match ok(stage, index) {
        Outcome::Succeeded(mut result) => {
            result.ports[0].rows = 1_000_000_000_000;
            result.ports[0].parts[0].rows = 1_000_000_000_000;
            Outcome::Succeeded(result)
        }
        failed @ Outcome::Failed(_) => failed,
    });
    let run = world.submit(
        flow()
            .stage(stage("make"))
            .stage(
                stage("cut")
                    .from("table", "make")
                    .sliced("table", Slicing::Rows(1)),
            )
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Failed);
    let state = world.state.run(run).unwrap();
    let told = &state.find("cut").unwrap().unresolvable().unwrap().message;
    assert!(
        told.contains("stage cut: 1000000000000 tasks are more than the 100000000 "),
        "{told}"
    );
    world.assert_replays();
}

#[test]
fn an_empty_scatter_succeeds_with_nothing() {
    let mut world = World::with_cores(1);
    let run = world.submit(
        flow()
            .stage(stage("none").range(0))
            .stage(stage("after").from("x", "none"))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let state = world.state.run(run).unwrap();
    let none = state.find("none").unwrap().id;
    assert_eq!(state.gathered(none, "out"), Some(Vec::new()));
}

#[test]
fn a_condition_that_is_false_skips_a_stage_and_its_dependants() {
    let mut world = World::with_cores(1);
    let run = world.submit(
        flow()
            .param("deep", Value::Bool(false))
            .stage(stage("a"))
            .stage(stage("b").from("x", "a").when("${{ params.deep }}"))
            .stage(stage("c").from("x", "b"))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(
        world.statuses(run),
        ["a: succeeded", "b: skipped", "c: skipped"]
    );
    let state = world.state.run(run).unwrap();
    assert_eq!(
        state.find("b").unwrap().skip_reason(),
        Some(&SkipReason::Condition)
    );
}
