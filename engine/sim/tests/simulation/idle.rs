//! Devices that stand ready draw power, under every policy.

use sunward_sim::Report;
use sunward_sim::report::PolicyReport;

use crate::world::{Draft, job};

/// Two devices of 100 W each when idle.
fn world() -> Draft {
    Draft::default()
        .zone("DE", &[400, 400, 100, 100, 400], 2)
        .idle(100)
}

fn report(world: &Draft) -> Vec<PolicyReport> {
    let played = world.play();
    Report::of(&world.setup(), &[played], None).policies
}

fn is(told: Option<f64>, expected: f64) {
    let told = told.expect("a figure");
    assert!((told - expected).abs() < 1e-5, "{told}, not {expected}");
}

#[test]
fn idle_devices_count_until_the_last_policy_has_ended_and_a_busy_one_is_not_idle() {
    let told = report(&world().run(0, job("DE", 1, 3)));
    let [home, ours] = told.as_slice() else {
        panic!("two policies");
    };
    // Two devices for three hours: 0.2 kW x (400 + 400 + 100) g. One of them works for an hour.
    assert_eq!((home.gco2e, ours.gco2e), (400.0, 100.0));
    is(home.idle_gco2e, 180.0 - 40.0);
    is(ours.idle_gco2e, 180.0 - 10.0);
    is(home.idle_kwh, 0.5);
    is(ours.idle_kwh, 0.5);
    is(ours.saved_percent, 75.0);
    is(ours.saved_with_idle_percent, 50.0);
    is(home.saved_with_idle_percent, 0.0);
}

#[test]
fn the_baseline_spares_no_more_than_there_is() {
    let told = report(
        &world()
            .run(0, job("DE", 1, 3))
            .run(0, job("DE", 1, 3))
            .run(0, job("DE", 1, 3)),
    );
    // Three jobs at once on two devices: none is idle in the first hour. Ours end after four hours.
    assert_eq!(told[0].gco2e, 1200.0);
    is(told[0].idle_gco2e, 0.2 * (400.0 + 100.0 + 100.0));
    is(told[1].idle_gco2e, 0.2 * 1000.0 - 0.1 * 300.0);
}

#[test]
fn nothing_is_said_where_no_pool_says_what_it_draws() {
    let told = report(
        &Draft::default()
            .zone("DE", &[400], 2)
            .run(0, job("DE", 1, 3)),
    );
    assert_eq!(told[1].idle_gco2e, None);
    assert_eq!(told[1].saved_with_idle_percent, None);
}
