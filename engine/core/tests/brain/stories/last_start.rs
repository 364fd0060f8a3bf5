//! Stages whose last start comes while their pool is still taken.

use std::sync::Arc;

use sunward_core::Input;
use sunward_core::place::{Outlook, Placer as _, Sunward};
use sunward_workflows::Stage;

use super::placing::{hour_long, leases, within};
use crate::world::World;
use crate::world::flow::{Shape as _, flow};
use crate::world::grids::{HOUR_MS, hour, outlook};

/// A clean pool of one machine, and a dirty one.
const CLEAN_AND_DIRTY: [(&str, &[u32]); 2] = [("DE", &[100; 24]), ("ZA", &[700; 24])];

/// Runs `edit`ed work of an hour, which takes all `cores` of a machine, beside work on one of them
/// that takes longer than the hour it is expected to take, and gives its pool and the hour of its
/// start.
fn beside_long_work(cores: u32, edit: impl FnOnce(Stage) -> Stage) -> (u32, u64) {
    let mut world = World::with_grids(&CLEAN_AND_DIRTY, cores);
    world.placer = Box::new(|problem| Sunward::default().solve(problem));
    let mut outlook = Outlook::clone(&outlook(world.now, &CLEAN_AND_DIRTY));
    for pool in &mut outlook.pools {
        pool.cpus = vec![cores; 24];
    }
    world.give(Input::Outlook {
        outlook: Arc::new(outlook),
    });
    world.submit(within(1, flow().stage(hour_long("long"))));
    world.think();
    let patient = hour_long("patient").edit(|stage| stage.resources.cpus = cores);
    world.submit(flow().stage(edit(patient)).spec());
    world.think();
    world.pass(hour(20));
    let leases = leases(&world);
    assert_eq!(leases[0], ("long".to_owned(), 0, 0));
    let (name, pool, at) = leases.get(1).cloned().expect("it begins");
    assert_eq!(name, "patient");
    world.assert_replays();
    (pool, at)
}

#[test]
fn work_whose_pool_is_taken_at_its_last_start_begins_in_another_pool() {
    // A machine with a free core is taken for what needs two.
    for cores in [1, 2] {
        let delayed = |hours: u64| {
            beside_long_work(cores, |stage| {
                stage.edit(|stage| stage.place.max_delay_ms = Some(hours * HOUR_MS))
            })
        };
        assert_eq!(
            delayed(3),
            (1, 3),
            "the clean pool is free from hour 1 on, by what was expected"
        );
        assert_eq!(delayed(2), (1, 2));
        let due = beside_long_work(cores, |stage| {
            stage.edit(|stage| {
                stage.place.deadline_ms = Some(6 * HOUR_MS);
                stage.place.deadline_risk_ppm = Some(500_000);
            })
        });
        assert_eq!(due, (1, 5));
    }
}
