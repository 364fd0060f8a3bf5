//! Results that are already known, or that another task of the run produces.

use sunward_core::{Fact, FailureKind, RunStatus, Selection, TaskStatus};
use sunward_workflows::{RetryOn, Scatter, Value};

use super::ok;
use crate::world::flow::{Shape, command, flow, stage};
use crate::world::{World, fails};

#[test]
fn a_task_is_tried_again_with_growing_waits_until_it_succeeds() {
    let mut world = World::with_cores(1);
    world.fate = Box::new(|stage, index, attempt| {
        if attempt < 3 {
            fails(FailureKind::Exit(75))
        } else {
            ok(stage, index)
        }
    });
    let run = world.submit(
        flow()
            .stage(stage("flaky").retries(3, 1000, RetryOn::Exit(vec![75])))
            .spec(),
    );
    let before = world.now;
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("flaky"), 3);
    assert!(world.now.since_ms(before) >= 3000, "1 s, then 2 s");
    let state = world.state.run(run).unwrap();
    let flaky = state.find("flaky").unwrap();
    assert_eq!(flaky.failures().len(), 2);
    assert!(flaky.failures().iter().all(|failure| !failure.last));
    assert_eq!(flaky.ledger().failed_attempts, 2);
    world.assert_replays();
}

#[test]
fn tasks_with_equal_keys_run_once_and_the_others_count_as_cached() {
    let mut world = World::with_cores(4);
    let run = world.submit(flow().stage(stage("map").items(&[7, 8, 7, 9, 8, 7])).spec());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 3);
    assert_eq!(world.count(run, "map", TaskStatus::Succeeded), 3);
    assert_eq!(world.count(run, "map", TaskStatus::Cached), 3);
    let state = world.state.run(run).unwrap();
    let map = state.find("map").unwrap();
    assert_eq!(map.result(2), map.result(0));
    assert_eq!(map.result(4), map.result(1));
    world.assert_replays();
}

#[test]
fn stages_of_equal_meaning_share_too_and_uncached_ones_never() {
    let same = |name: &str| command(name, "make it");
    let mut world = World::with_cores(4);
    let run = world.submit(
        flow()
            .stage(same("a"))
            .stage(same("b"))
            .stage(same("c").uncached())
            .stage(same("d").uncached())
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!((world.ran("a"), world.ran("b")), (1, 0));
    assert_eq!((world.ran("c"), world.ran("d")), (1, 1));
    assert_eq!(world.count(run, "b", TaskStatus::Cached), 1);
    world.assert_replays();
}

#[test]
fn when_the_first_of_equal_tasks_fails_the_others_try_themselves() {
    let mut world = World::with_cores(1);
    world.fate = Box::new(|stage, index, _| {
        if index == 0 {
            fails(FailureKind::Exit(1))
        } else {
            ok(stage, index)
        }
    });
    let run = world.submit(
        flow()
            .stage(
                stage("map")
                    .items(&[7, 7, 7])
                    .edit(|stage| stage.tolerate = 1),
            )
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.count(run, "map", TaskStatus::Failed), 1);
    world.assert_replays();
}

#[test]
fn a_range_that_does_not_read_its_item_runs_once() {
    let mut world = World::with_cores(4);
    let run = world.submit(
        flow()
            .stage(stage("same").scatter(Scatter::Range(Value::Int(10_000))))
            .spec(),
    );
    world.settle();
    assert_eq!(world.ran("same"), 1);
    assert_eq!(world.count(run, "same", TaskStatus::Cached), 9999);
    world.assert_replays();
}

#[test]
fn a_rerun_takes_everything_from_the_cache_and_force_does_not_look() {
    let mut world = World::with_cores(4);
    let flow = flow()
        .stage(stage("map").range(100))
        .stage(stage("reduce").from("all", "map"));
    let first = world.submit(flow.spec());
    world.settle();
    world.remember_all(first);
    let before = world.executed.clone();
    let second = world.submit(flow.spec());
    world.settle();
    assert_eq!(world.status(second), RunStatus::Succeeded);
    assert_eq!(world.executed, before, "nothing ran");
    assert_eq!(world.count(second, "map", TaskStatus::Cached), 100);

    let forced = flow.select(Selection {
        force: vec!["reduce".into()],
        ..Selection::default()
    });
    let third = world.submit(forced.spec());
    world.settle();
    assert_eq!(world.count(third, "map", TaskStatus::Cached), 100);
    assert_eq!(world.count(third, "reduce", TaskStatus::Succeeded), 1);
}

#[test]
fn results_that_belong_to_their_run_are_never_looked_up() {
    let mut world = World::with_cores(4);
    world.submit(
        flow()
            .stage(command("a", "echo ${{ run.id }}"))
            .stage(command("b", "echo ${{ attempt }}"))
            .stage(stage("c").uncached())
            .spec(),
    );
    world.settle();
    assert!(
        !world
            .journal
            .iter()
            .any(|fact| matches!(fact, Fact::LookupRequested { .. }))
    );
}

#[test]
fn until_leaves_the_rest_out_and_only_reads_from_the_cache() {
    let mut world = World::with_cores(2);
    let chain = || {
        flow()
            .stage(stage("a"))
            .stage(stage("b").from("x", "a"))
            .stage(stage("c").from("x", "b"))
    };
    let only = || {
        chain().select(Selection {
            only: vec!["b".into()],
            ..Selection::default()
        })
    };
    let run = world.submit(only().spec());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Failed);
    let state = world.state.run(run).unwrap();
    let failure = state.find("a").unwrap().unresolvable().unwrap();
    assert!(failure.message.contains("--until a"), "{}", failure.message);
    assert!(world.executed.is_empty());

    let until = chain().select(Selection {
        until: vec!["a".into()],
        ..Selection::default()
    });
    let run = world.submit(until.spec());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(
        world.statuses(run),
        ["a: succeeded", "b: skipped", "c: skipped"]
    );
    world.remember_all(run);

    let run = world.submit(only().spec());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(
        world.statuses(run),
        ["a: succeeded", "b: succeeded", "c: skipped"]
    );
    assert_eq!((world.ran("a"), world.ran("b")), (1, 1));
}
