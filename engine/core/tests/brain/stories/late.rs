//! Runs that are late: by how much, and why.

use std::sync::Arc;

use sunward_core::late::{Cause, Late, Limit, TookLonger, late};
use sunward_core::place::TimeSource;
use sunward_core::{FailureKind, Input, Outcome, RunId, RunStatus};

use super::ok;
use crate::world::flow::{Flow, Shape, flow, stage};
use crate::world::grids::{HOUR_MS, hour};
use crate::world::{World, fails};

/// A stage that is expected to take an hour.
fn hour_long(name: &str) -> sunward_workflows::Stage {
    stage(name)
        .uncached()
        .edit(|stage| stage.expect.time_ms = Some(HOUR_MS))
}

fn within(hours: u64, mut flow: Flow) -> Flow {
    flow.workflow.place.deadline_ms = Some(hours * HOUR_MS);
    flow
}

/// A world without grids, with a worker of this many cores.
fn world(cores: u32) -> World {
    let mut world = World {
        now: hour(0),
        ..World::default()
    };
    world.join(1, cores);
    world
}

/// Ends the oldest attempt after this many hours, which began now.
fn land(world: &mut World, hours: u64, outcome: Option<Outcome>) {
    let flight = world.flights.remove(0);
    let name = world.stage_name(flight.task);
    let outcome = outcome.unwrap_or_else(|| ok(&name, flight.task.index));
    let end = world.end_of(&flight, outcome, hours * HOUR_MS * 1000);
    world.now = world.now.after_ms(hours * HOUR_MS);
    world.give(Input::Ended {
        worker: flight.worker,
        ends: vec![end],
    });
    world.think();
}

fn told(world: &World, run: RunId) -> Option<Late> {
    late(world.state.run(run).unwrap(), world.now)
}

#[test]
fn an_hour_that_takes_eight_within_one_ends_seven_hours_late() {
    let mut world = world(1);
    let run = world.submit(within(1, flow().stage(hour_long("train"))).spec());
    world.think();
    assert_eq!(told(&world, run), None, "it is in time so far");
    world.now = hour(3);
    let so_far = told(&world, run).unwrap();
    assert_eq!((so_far.is_over, so_far.by_ms), (false, 2 * HOUR_MS));
    world.now = hour(0);
    land(&mut world, 8, None);
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let expected = Late {
        limit: Limit::Deadline,
        limit_of: None,
        due: hour(1),
        end: hour(8),
        is_over: true,
        by_ms: 7 * HOUR_MS,
        cause: Cause::TookLonger,
        stage: Some("train".to_owned()),
        cause_ms: 7 * HOUR_MS,
        task: Some(TookLonger {
            took_ms: 8 * HOUR_MS,
            expected_ms: Some(HOUR_MS),
            source: Some(TimeSource::Stated),
        }),
        curtailed: None,
    };
    assert_eq!(told(&world, run), Some(expected));
    world.now = hour(80);
    assert_eq!(
        told(&world, run).unwrap().by_ms,
        7 * HOUR_MS,
        "it has ended"
    );
    world.assert_replays();
}

#[test]
fn a_run_in_time_and_a_run_without_limits_are_not_late() {
    let mut world = world(2);
    let timely = world.submit(within(9, flow().stage(hour_long("train"))).spec());
    let free = world.submit(flow().stage(hour_long("free")).spec());
    world.think();
    land(&mut world, 8, None);
    land(&mut world, 8, None);
    assert_eq!(told(&world, timely), None);
    assert_eq!(told(&world, free), None);
}

#[test]
fn what_waits_for_the_only_core_is_late_for_want_of_a_slot() {
    let mut world = world(1);
    world.submit(flow().stage(hour_long("other")).spec());
    world.think();
    let run = world.submit(within(2, flow().stage(hour_long("train"))).spec());
    world.think();
    land(&mut world, 5, None);
    land(&mut world, 1, None);
    let late = told(&world, run).unwrap();
    assert_eq!((late.by_ms, late.cause_ms), (4 * HOUR_MS, 5 * HOUR_MS));
    assert_eq!(
        (late.cause, late.stage.as_deref()),
        (Cause::NoSlot, Some("train"))
    );
}

#[test]
fn failed_attempts_are_the_cause_if_they_took_most() {
    let mut world = world(1);
    let flow =
        flow().stage(hour_long("train").retries(3, 0, sunward_workflows::RetryOn::Exit(vec![1])));
    let run = world.submit(within(2, flow).spec());
    world.think();
    land(&mut world, 3, Some(fails(FailureKind::Exit(1))));
    while world.flights.is_empty() && world.sleep() {
        world.think();
    }
    land(&mut world, 1, None);
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let late = told(&world, run).unwrap();
    assert_eq!(late.cause, Cause::FailedAttempts, "{late:?}");
    assert!(late.cause_ms >= 3 * HOUR_MS, "{late:?}");
}

#[test]
fn a_run_that_stood_still_says_so() {
    for clean in [true, false] {
        let mut world = world(1);
        let spec = within(
            4,
            flow()
                .stage(hour_long("a"))
                .stage(hour_long("b").needs("a")),
        )
        .spec();
        let run = world.submit(spec.clone());
        world.think();
        land(&mut world, 1, None);
        if clean {
            world.give(Input::Interrupt);
            world.settle();
        }
        world.crash();
        world.now = hour(9);
        world.join(1, 1);
        world.give(Input::Resume {
            run,
            spec: Arc::new(spec),
        });
        world.think();
        land(&mut world, 1, None);
        assert_eq!(world.status(run), RunStatus::Succeeded);
        let late = told(&world, run).unwrap();
        assert_eq!((late.cause, late.stage), (Cause::EngineStopped, None));
        // The attempt that is interrupted takes a part of a millisecond.
        let stood_ms = 8 * HOUR_MS - u64::from(clean);
        assert_eq!((late.by_ms, late.cause_ms), (6 * HOUR_MS, stood_ms));
        world.assert_replays();
    }
}

#[test]
fn a_deadline_shorter_than_the_stages_was_too_short_from_the_start() {
    let mut world = world(1);
    let flow = flow()
        .stage(hour_long("a"))
        .stage(hour_long("b").needs("a"));
    let run = world.submit(within(1, flow).spec());
    world.think();
    land(&mut world, 1, None);
    land(&mut world, 1, None);
    let late = told(&world, run).unwrap();
    assert_eq!((late.cause, late.cause_ms), (Cause::TooShort, HOUR_MS));
}

#[test]
fn a_stage_s_own_deadline_and_its_longest_wait_are_told_too() {
    let mut world = world(1);
    let own = |hours: u64| {
        hour_long("own").edit(move |stage| stage.place.deadline_ms = Some(hours * HOUR_MS))
    };
    let run = world.submit(
        within(
            9,
            flow().stage(own(2)).stage(hour_long("after").needs("own")),
        )
        .spec(),
    );
    world.think();
    land(&mut world, 3, None);
    land(&mut world, 1, None);
    let late = told(&world, run).unwrap();
    assert_eq!(
        (late.limit, late.limit_of.as_deref()),
        (Limit::Deadline, Some("own"))
    );
    assert_eq!((late.by_ms, late.cause), (HOUR_MS, Cause::TookLonger));

    world.submit(flow().stage(hour_long("other")).spec());
    world.think();
    let patient = hour_long("patient").edit(|stage| stage.place.max_delay_ms = Some(HOUR_MS));
    let waiting = world.submit(flow().stage(patient).spec());
    world.think();
    let begun = world.now;
    world.now = begun.after_ms(2 * HOUR_MS);
    let so_far = told(&world, waiting).unwrap();
    assert_eq!((so_far.limit, so_far.is_over), (Limit::MaxDelay, false));
    world.now = begun;
    land(&mut world, 4, None);
    let late = told(&world, waiting).unwrap();
    assert_eq!((late.by_ms, late.is_over), (3 * HOUR_MS, true));
    assert_eq!(
        (late.cause, late.stage.as_deref()),
        (Cause::NoSlot, Some("patient"))
    );
}

#[test]
fn waiting_by_choice_is_never_the_cause() {
    let mut world = World::with_grids(&[("DE", &[400, 300, 200, 100, 300, 400, 400, 400])], 4);
    let run = world.submit(within(5, flow().stage(hour_long("train"))).spec());
    world.think();
    world.pass(hour(3));
    land(&mut world, 4, None);
    let late = told(&world, run).unwrap();
    assert_eq!((late.by_ms, late.cause_ms), (2 * HOUR_MS, 3 * HOUR_MS));
    assert_eq!(late.cause, Cause::TookLonger);
}
