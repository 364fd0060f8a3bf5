//! Failures: which are retried, and which are tolerated.

use sunward_core::{FailureKind, Input, RunStatus, SkipReason, TaskStatus};

use super::ok;
use crate::world::flow::{Shape, flow, stage};
use crate::world::{World, fails};

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
    assert_eq!(world.ran("a"), 15);
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
            .stage(stage("b"))
            .stage(stage("a").needs("b").when("${{ stages.b.status }}"))
            .spec(),
    );
    world.settle();
    let state = world.state.run(run).unwrap();
    let failure = state.find("a").unwrap().unresolvable().unwrap();
    let told = &failure.message;
    assert!(told.contains("`if` cannot be evaluated"), "{told}");
    assert!(told.contains("the text `succeeded`"), "{told}");
    assert_eq!(world.status(run), RunStatus::Failed);
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
    world.give(Input::Retry { run, spec: None });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 10, "the two that failed");
    world.give(Input::Retry { run, spec: None });
    assert_eq!(world.status(run), RunStatus::Succeeded, "nothing to retry");
    world.assert_replays();
}

/// What a condition decided from the failure of a stage is decided again once that stage is retried, and
/// so is what follows from it.
#[test]
fn a_retry_decides_anew_what_followed_from_a_failure() {
    let mut world = World::with_cores(2);
    world.fate = Box::new(|stage, index, _| match stage {
        "a" => fails(FailureKind::Exit(1)),
        _ => ok(stage, index),
    });
    let run = world.submit(
        flow()
            .stage(stage("a"))
            .stage(
                stage("bad")
                    .needs("a")
                    .when("${{ stages.a.status == 'failed' }}"),
            )
            .stage(
                stage("good")
                    .needs("a")
                    .when("${{ stages.a.status == 'succeeded' }}"),
            )
            .stage(stage("told").from("x", "bad"))
            .stage(stage("other"))
            .spec(),
    );
    world.settle();
    let before = ["a: failed", "bad: succeeded", "good: skipped"];
    assert_eq!(world.statuses(run)[..3], before);
    world.fate = Box::new(|stage, index, _| ok(stage, index));
    world.give(Input::Retry { run, spec: None });
    world.settle();
    assert_eq!(
        world.statuses(run),
        [
            "a: succeeded",
            "bad: skipped",
            "good: succeeded",
            "told: skipped",
            "other: succeeded"
        ]
    );
    assert_eq!(world.ran("other"), 1);
    world.assert_replays();
}

#[test]
fn a_retry_runs_failures_that_a_stage_tolerates_and_what_reads_from_it() {
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
            .stage(stage("map").range(8).edit(|stage| stage.tolerate = 1))
            .stage(stage("reduce").from("all", "map"))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.fate = Box::new(|stage, index, _| ok(stage, index));
    world.give(Input::Retry { run, spec: None });
    world.settle();
    assert_eq!(world.count(run, "map", TaskStatus::Succeeded), 8);
    assert_eq!((world.ran("map"), world.ran("reduce")), (9, 2));
    world.give(Input::Retry { run, spec: None });
    assert_eq!(world.status(run), RunStatus::Succeeded, "nothing to retry");
    world.assert_replays();
}

#[test]
fn a_retry_adopts_what_is_now_said_of_it_and_keeps_what_is_done() {
    let mut world = World::with_cores(2);
    world.fate = Box::new(|stage, index, _| {
        if index == 3 {
            fails(FailureKind::Exit(1))
        } else {
            ok(stage, index)
        }
    });
    let spec = flow().stage(stage("map").range(8)).spec();
    let run = world.submit(spec.clone());
    world.settle();
    world.fate = Box::new(|stage, index, _| ok(stage, index));
    let mut said = sunward_core::RunSpec::clone(&spec);
    said.placing.at_once = true;
    said.placing.transfer_milliwatt_hours_per_gb = 7;
    world.give(Input::Retry {
        run,
        spec: Some(std::sync::Arc::new(said.clone())),
    });
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.ran("map"), 9, "the one that failed");
    let known = world.state.run(run).unwrap();
    assert_eq!(known.spec.placing, said.placing);
    world.assert_replays();
}
