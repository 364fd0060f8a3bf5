//! What a run is compared with: itself, at home, from when it was submitted.

use sunward_core::ledger::split;
use sunward_core::place::{Placer, Sunward};
use sunward_core::{Carbon, Energy, Input, RunId, RunStatus, Timestamp};

use crate::world::World;
use crate::world::flow::{Flow, Shape, flow, stage};
use crate::world::grids::{HOUR_MS, hour};

const KWH_MILLIJOULES: u64 = 3_600_000_000;

/// Home is clean but for the last hours of the day, when the other zone is cleanest.
fn zones(from: usize) -> [(&'static str, Vec<u32>); 2] {
    let home = |hour: usize| {
        if (20..24).contains(&(hour % 24)) {
            900
        } else {
            100
        }
    };
    let other = |hour: usize| {
        if (18..22).contains(&(hour % 24)) {
            20
        } else {
            500
        }
    };
    let hours = || from..from + 30;
    [
        ("AA", hours().map(home).collect()),
        ("BB", hours().map(other).collect()),
    ]
}

fn look(world: &mut World, from: usize) {
    let zones = zones(from);
    let rows: Vec<(&str, &[u32])> = zones.iter().map(|(name, row)| (*name, &row[..])).collect();
    world.look(&rows);
}

/// A stage of two hours at a kilowatt, and another after it, within a day.
fn chain() -> Flow {
    let one = |name: &str| {
        stage(name).uncached().edit(|stage| {
            stage.expect.time_ms = Some(2 * HOUR_MS);
            stage.expect.power_watts = Some(1000.0);
        })
    };
    let mut flow = flow().stage(one("a")).stage(one("b").needs("a"));
    flow.workflow.place.deadline_ms = Some(24 * HOUR_MS);
    flow.workflow.place.home = Some("AA".to_owned());
    flow
}

fn day() -> World {
    let rows = zones(0);
    let rows: Vec<(&str, &[u32])> = rows.iter().map(|(name, row)| (*name, &row[..])).collect();
    let mut world = World::with_grids(&rows, 4);
    let mut ours = Sunward::default();
    world.placer = Box::new(move |problem| ours.solve(problem));
    world
}

/// The expected grams of each stage, and at home.
fn expected(world: &World, run: RunId) -> Vec<(u64, u64)> {
    let run = world.state.run(run).unwrap();
    let grams = |micrograms: u64| micrograms / 1_000_000;
    run.stages()
        .map(|stage| {
            let placed = stage.placement().unwrap();
            (
                grams(placed.expected_micrograms),
                grams(placed.at_home_now_micrograms),
            )
        })
        .collect()
}

/// Ends the one attempt in progress, which began now and took two hours and two kilowatt hours.
fn land(world: &mut World) {
    let flight = world.flights.remove(0);
    let name = world.stage_name(flight.task);
    let outcome = (world.fate)(&name, 0, flight.attempt);
    let mut end = world.end_of(&flight, outcome, 2 * HOUR_MS * 1000);
    end.energy = Energy::Modelled {
        millijoules: 2 * KWH_MILLIJOULES,
    };
    world.now = world.now.after_ms(2 * HOUR_MS);
    world.give(Input::Ended {
        worker: flight.worker,
        ends: vec![end],
    });
    world.think();
}

#[test]
fn at_home_each_stage_begins_when_the_one_before_it_would_have_ended_there() {
    let mut world = day();
    let run = world.submit(chain().spec());
    world.think();
    assert_eq!(expected(&world, run), [(40, 200), (40, 200)]);
    // New outlooks replan what has not begun. That moves nothing at home.
    for at in [6, 12, 16] {
        world.pass(hour(at as u64));
        look(&mut world, at);
        world.think();
        assert_eq!(expected(&world, run), [(40, 200), (40, 200)], "at {at} h");
    }
    world.pass(hour(18));
    land(&mut world);
    assert_eq!(expected(&world, run)[1], (40, 200), "the first has ended");
    world.pass(hour(20));
    land(&mut world);
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let account = world.state.account(run);
    let grams = |carbon: Carbon| carbon.micrograms() / 1_000_000;
    assert_eq!(account.headline().map(grams), Some(80));
    assert_eq!(account.at_home().map(grams), Some(400));
    world.assert_replays();
}

#[test]
fn a_retry_is_compared_with_a_retry_at_home() {
    let mut world = day();
    let flow = chain();
    world.fate = Box::new(|stage, _, attempt| match (stage, attempt) {
        ("b", 1) => crate::world::fails(sunward_core::FailureKind::Input),
        _ => sunward_core::Outcome::Succeeded(crate::world::gives(stage, 0, 1)),
    });
    let spec = flow.spec();
    let run = world.submit(spec.clone());
    world.pass(hour(18));
    land(&mut world);
    land(&mut world);
    assert_eq!(world.status(run), RunStatus::Failed);
    world.now = hour(24);
    look(&mut world, 24);
    world.give(Input::Retry {
        run,
        spec: Some(std::sync::Arc::new(spec)),
    });
    world.think();
    assert_eq!(expected(&world, run)[1].1, 200, "home is clean again");
    world.assert_replays();
}

#[test]
fn what_nothing_moves_is_compared_with_itself() {
    let row = [400, 300, 200, 100, 400, 400, 400, 400];
    let mut world = World::with_grids(&[("DE", &row)], 4);
    let mut flow = chain();
    flow.workflow.place = sunward_workflows::Place::default();
    let run = world.submit(flow.spec());
    world.think();
    world.now = hour(1);
    land(&mut world);
    world.now = world.now.after_ms(HOUR_MS);
    land(&mut world);
    let account = world.state.account(run);
    assert_eq!(account.at_home(), account.headline());
    assert_ne!(account.at_home(), Some(Carbon::ZERO));
}

/// The energy at home by quarter of an hour, computed without the core: stages of equal attempts,
/// as (upstream, tasks, width).
pub fn energy_at_home(
    stages: &[(Vec<usize>, u32, u32)],
    from: Timestamp,
    wall_us: u64,
    millijoules: u64,
) -> Vec<(u32, u64)> {
    let mut sums = std::collections::BTreeMap::new();
    let mut ends: Vec<Timestamp> = Vec::new();
    for (upstream, tasks, width) in stages {
        let mut at = upstream
            .iter()
            .map(|one| ends[*one])
            .fold(from, Timestamp::max);
        let mut left = *tasks;
        while left > 0 {
            let round = left.min(*width);
            for (quarter, part) in split(at, wall_us, millijoules) {
                *sums.entry(quarter.0).or_insert(0) += part * u64::from(round);
            }
            at = at.after_ms(wall_us / 1000);
            left -= round;
        }
        ends.push(at);
    }
    sums.into_iter().collect()
}
