//! Work that comes steadily to a fleet of which it takes more than half.

use std::sync::Arc;

use sunward_core::place::Sunward;
use sunward_sim::report::Report;
use sunward_sim::{Contender, PerfectFeed, Submission, simulate};

use crate::world::{Draft, HOUR_MS, job};

/// What jobs of six hours emit, in grams, of which one comes each hour for three days, some minutes
/// after a look at the grids. They take six of ten machines in two zones, and may wait for a day.
fn emitted(minutes: u64) -> f64 {
    let day = |noon: u32| move |hour: u32| 100 + 25 * (hour % 24).abs_diff(noon).min(12);
    let zone = |noon| (0..96).map(day(noon)).collect::<Vec<u32>>();
    let mut world = Draft::default()
        .zone("DE", &zone(12), 5)
        .zone("GB", &zone(20), 5);
    for hour in 0..60 {
        world = world.run(hour, job("DE", 6, 24));
    }
    let mut setup = world.setup();
    let late = |one: &Submission| Submission {
        at: one.at.after_ms(minutes * HOUR_MS / 60),
        ..one.clone()
    };
    setup.submissions = Arc::new(setup.submissions.iter().map(late).collect());
    let mut feed = PerfectFeed::new(&setup, HOUR_MS / 4, 192);
    let ours = Contender {
        name: "ours".into(),
        source: "of these tests".into(),
        placer: Box::new(Sunward::default()),
    };
    let played = simulate(&setup, &mut feed, vec![ours]).unwrap();
    let report = Report::of(&setup, &played, None);
    let ours = report.policies.iter().find(|one| one.name == "ours");
    ours.unwrap().gco2e
}

#[test]
fn work_that_comes_between_two_looks_waits_as_well_as_work_that_comes_with_one() {
    let (with, between) = (emitted(0), emitted(20));
    assert!(between < with * 1.02, "{between} g against {with} g");
}
