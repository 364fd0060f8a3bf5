//! Starts leave a margin before the deadline, from how long earlier attempts of the command took.

use sunward_core::place::{Placement, Spread};
use sunward_core::{RunId, RunSpec, RunStatus};

use crate::world::World;
use crate::world::flow::{Flow, Shape, flow, stage};
use crate::world::grids::{HOUR_MS, hour};

/// Power that gets cleaner with every hour.
const FALLING: [u32; 40] = {
    let mut grams = [900; 40];
    let mut at = 1;
    while at < 40 {
        grams[at] = grams[at - 1] - 20;
        at += 1;
    }
    grams
};

fn world() -> World {
    let mut world = World::with_grids(&[("DE", &FALLING)], 64);
    world.placer = Box::new(|problem| {
        use sunward_core::place::{Placer, Sunward};
        Sunward::default().solve(problem)
    });
    world
}

/// A stage with this deadline, and this accepted risk in parts per million.
fn within(hours: u64, risk_ppm: Option<u32>, stage: sunward_workflows::Stage) -> RunSpec {
    let mut flow: Flow = flow().stage(stage.uncached());
    flow.workflow.place.deadline_ms = Some(hours * HOUR_MS);
    flow.workflow.place.deadline_risk_ppm = risk_ppm;
    flow.spec()
}

fn placement(world: &mut World, spec: RunSpec) -> (RunId, Placement) {
    let run = world.submit(spec);
    world.think();
    let stage = world.state.run(run).unwrap().find("train").unwrap();
    (run, stage.placement().unwrap().clone())
}

/// Minutes from the last moment that still is in time to its start.
fn spare_minutes(placement: &Placement, due_hours: u64) -> u64 {
    hour(due_hours).since_ms(placement.end().unwrap()) / 60_000
}

/// Runs the command once for each of these wall times in minutes, at the same time.
fn history(world: &mut World, minutes: &[u64]) {
    let count = u32::try_from(minutes.len()).unwrap();
    let run = world.submit(flow().stage(stage("train").uncached().range(count)).spec());
    world.think();
    while !world.flights.is_empty() {
        let flight = world.flights.remove(0);
        let wall_us = minutes[flight.task.index as usize] * 60_000_000;
        let outcome = super::ok("train", flight.task.index);
        let end = world.end_of(&flight, outcome, wall_us);
        world.give(sunward_core::Input::Ended {
            worker: flight.worker,
            ends: vec![end],
        });
        world.think();
    }
    assert_eq!(world.status(run), RunStatus::Succeeded);
}

/// The same command as that of [`history`].
fn train() -> sunward_workflows::Stage {
    stage("train").range(1)
}

#[test]
fn without_history_nearly_half_is_left_unless_the_author_states_the_time() {
    // Without any estimate, a task is assumed to take an hour.
    let stated = || stage("train").edit(|stage| stage.expect.time_ms = Some(HOUR_MS));
    for (risk_ppm, hour_long, minutes) in [
        (None, stage("train"), 28),
        (Some(100_000), stage("train"), 28),
        (Some(50_000), stage("train"), 38),
        (Some(1_000_000), stage("train"), 0),
        (Some(100_000), stated(), 28),
        (None, stated(), 0),
    ] {
        let mut world = world();
        let is_taken_at_its_word = risk_ppm.is_none() && hour_long.expect.time_ms.is_some();
        let (run, placed) = placement(&mut world, within(12, risk_ppm, hour_long));
        assert_eq!(spare_minutes(&placed, 12), minutes, "{risk_ppm:?}");
        assert_eq!(
            placed.end().unwrap().since_ms(placed.start().unwrap()),
            HOUR_MS,
            "by the mean"
        );
        let spread = match is_taken_at_its_word {
            true => Spread::None,
            false => Spread::Assumed,
        };
        assert_eq!(placed.timing.margin.spread, spread);
        world.settle();
        assert_eq!(world.status(run), RunStatus::Succeeded);
        world.assert_replays();
    }
}

#[test]
fn the_spread_of_earlier_attempts_decides() {
    let mut world = world();
    let mut minutes = vec![50; 9];
    minutes.extend([230; 2]);
    history(&mut world, &minutes);
    // The mean of these is 82.7 minutes. One in ten takes 230.
    let (_, placed) = placement(&mut world, within(20, None, train()));
    assert_eq!(placed.timing.margin.spread, Spread::Observed(11));
    assert_eq!(spare_minutes(&placed, 20), 147);
    let (_, bold) = placement(&mut world, within(20, Some(500_000), train()));
    assert_eq!(spare_minutes(&bold, 20), 0);
    // Of two tasks at the same time each may be the late one.
    let (_, wide) = placement(
        &mut world,
        within(20, Some(300_000), stage("train").range(2)),
    );
    let (_, one) = placement(&mut world, within(20, Some(300_000), train()));
    assert!(wide.timing.margin.ms > one.timing.margin.ms);
}

#[test]
fn exact_times_need_no_margin() {
    let mut world = world();
    let mut spec = within(
        12,
        None,
        stage("train").edit(|stage| stage.expect.time_ms = Some(HOUR_MS)),
    );
    spec.placing.times_are_exact = true;
    let (_, placed) = placement(&mut world, spec);
    assert_eq!(
        (spare_minutes(&placed, 12), placed.timing.margin.spread),
        (0, Spread::None)
    );
}

#[test]
fn margins_of_a_chain_add_by_their_squares() {
    let mut world = world();
    let hours = |name: &str, hours: u64| {
        stage(name)
            .uncached()
            .edit(move |stage| stage.expect.time_ms = Some(hours * HOUR_MS))
    };
    let mut flow = flow()
        .stage(hours("a", 3))
        .stage(hours("train", 4).needs("a"));
    flow.workflow.place.deadline_ms = Some(24 * HOUR_MS);
    flow.workflow.place.deadline_risk_ppm = Some(100_000);
    let (run, last) = placement(&mut world, flow.spec());
    let first = world.state.run(run).unwrap().find("a").unwrap();
    let first = first.placement().unwrap();
    // 469 thousandths of 3 and of 4 hours, and of the 5 that are the root of their squares.
    assert_eq!(spare_minutes(&last, 24), 112);
    assert_eq!(spare_minutes(first, 20), 140);
}
