//! What a user sees happen, told run by run.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected should stop there"
)]

mod world;

use sunward_core::{
    Fact, FailureKind, Input, Outcome, RunStatus, Selection, SkipReason, TaskStatus, WorkerId,
};
use sunward_workflows::{RetryOn, Scatter, Slicing, Value};
use world::flow::{Shape, flow, stage};
use world::{World, fails, gives};

fn ok(stage: &str, index: u32) -> Outcome {
    Outcome::Succeeded(gives(stage, index, 1))
}

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
fn siblings_of_a_failed_task_finish_and_dependants_are_skipped() {
    let mut world = World::with_cores(2);
    world.fate = Box::new(|stage, index, _| {
        if (stage, index) == ("map", 3) {
            fails(FailureKind::Exit(1))
        } else {
            ok(stage, index)
        }
    });
    let run = world.submit(
        flow()
            .stage(stage("map").range(8))
            .stage(stage("reduce").from("all", "map"))
            .stage(stage("last").from("x", "reduce"))
            .stage(stage("other"))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Failed);
    assert_eq!(
        world.statuses(run),
        [
            "map: failed",
            "reduce: skipped",
            "last: skipped",
            "other: succeeded"
        ]
    );
    assert_eq!(world.count(run, "map", TaskStatus::Succeeded), 7);
    let state = world.state.run(run).unwrap();
    let map = state.find("map").unwrap();
    assert_eq!(map.failures()[0].index, 3);
    assert_eq!(
        state.find("reduce").unwrap().skip_reason(),
        Some(&SkipReason::UpstreamFailed(map.id))
    );
    world.assert_replays();
}

#[test]
fn failures_that_a_stage_bears_are_left_out_of_the_gather() {
    let mut world = World::with_cores(2);
    world.fate = Box::new(|stage, index, _| {
        if stage == "map" && index % 4 == 1 {
            fails(FailureKind::Output)
        } else {
            ok(stage, index)
        }
    });
    let run = world.submit(
        flow()
            .stage(stage("map").range(8).edit(|stage| stage.tolerate = 2))
            .stage(stage("reduce").from("all", "map"))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let state = world.state.run(run).unwrap();
    let map = state.find("map").unwrap().id;
    assert_eq!(state.gathered(map, "out").unwrap().len(), 6);
}

#[test]
fn faults_of_the_infrastructure_are_not_charged_but_end_somewhere() {
    let mut world = World::with_cores(1);
    world.fate = Box::new(|_, _, attempt| {
        assert_eq!(attempt, 1, "not charged");
        fails(FailureKind::Infrastructure)
    });
    let run = world.submit(flow().stage(stage("a")).spec());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Failed);
    assert_eq!(world.ran("a"), 20);
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

#[test]
fn a_stage_may_ask_how_another_ended_and_run_because_it_failed() {
    let mut world = World::with_cores(1);
    world.fate = Box::new(|stage, index, _| {
        if stage == "a" {
            fails(FailureKind::Exit(1))
        } else {
            ok(stage, index)
        }
    });
    let run = world.submit(
        flow()
            .stage(stage("a"))
            .stage(
                stage("mend")
                    .needs("a")
                    .when("${{ stages.a.status == 'failed' }}"),
            )
            .stage(
                stage("cheer")
                    .needs("a")
                    .when("${{ stages.a.status == 'succeeded' }}"),
            )
            .spec(),
    );
    world.settle();
    assert_eq!(
        world.statuses(run),
        ["a: failed", "mend: succeeded", "cheer: skipped"]
    );
    assert_eq!(world.status(run), RunStatus::Failed);
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_its_stage_and_says_why() {
    let mut world = World::with_cores(1);
    let run = world.submit(
        flow()
            .stage(stage("a").when("${{ params.nothing }}"))
            .spec(),
    );
    world.settle();
    let state = world.state.run(run).unwrap();
    let failure = state.find("a").unwrap().unresolvable().unwrap();
    assert!(failure.message.contains("condition cannot be evaluated"));
    assert_eq!(world.status(run), RunStatus::Failed);
}

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

    world.give(Input::Retry { run });
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
    let spec = std::sync::Arc::new(spec);
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
    let spec = std::sync::Arc::new(spec);
    world.give(Input::Resume { run, spec });
    world.give(Input::Ended {
        worker: WorkerId(1),
        ends: vec![sunward_core::TaskEnd {
            task: late.task,
            generation: sunward_core::Generation(99),
            started_ms: 1,
            wall_us: 1,
            cpu_us: 1,
            energy: sunward_core::Energy::Missing,
            outcome: ok("map", late.task.index),
        }],
    });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 50);
    world.assert_replays();
}

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
    let end = sunward_core::TaskEnd {
        task: old.task,
        generation: old.generation,
        started_ms: 1,
        wall_us: 1,
        cpu_us: 1,
        energy: sunward_core::Energy::Missing,
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
    let same = |name: &str| world::flow::command(name, "make it");
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
            .stage(world::flow::command("a", "echo ${{ run.id }}"))
            .stage(world::flow::command("b", "echo ${{ attempt }}"))
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

#[test]
fn retry_runs_again_what_failed_and_what_was_skipped() {
    let mut world = World::with_cores(2);
    world.fate = Box::new(|stage, index, _| {
        if stage == "map" && index > 5 {
            fails(FailureKind::Exit(1))
        } else {
            ok(stage, index)
        }
    });
    let run = world.submit(
        flow()
            .stage(stage("map").range(8))
            .stage(stage("reduce").from("all", "map"))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Failed);
    world.fate = Box::new(|stage, index, _| ok(stage, index));
    world.give(Input::Retry { run });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 10, "the two that failed");
    world.give(Input::Retry { run });
    assert_eq!(world.status(run), RunStatus::Succeeded, "nothing to retry");
    world.assert_replays();
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
    assert_eq!(names.iter().filter(|name| *name == "greedy").count(), 2);
    assert_eq!(names.iter().filter(|name| *name == "light").count(), 14);
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
