//! Leases are counted in whole cores and devices.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sunward_core::{Capacity, Input, PoolId, RunStatus, WorkerId};
use sunward_workflows::Gpus;

use crate::world::World;
use crate::world::flow::{Shape as _, flow, stage};
use crate::world::grids::{HOUR_MS, cleanest};

/// The zones of these worlds. Each has one pool.
const ZONES: [(&str, &[u32]); 2] = [("DE", &[300; 48]), ("FR", &[80; 48])];

/// The cores and devices of one worker, and its pool.
type Machine = (u32, u32, usize);

/// The cores and devices of each task of a stage, its tasks, and whether it is placed.
type Work = (u32, u32, u32, bool);

fn world(machines: &[Machine]) -> World {
    let mut world = World::with_grids(&ZONES, 1);
    world.placer = Box::new(cleanest);
    for (worker, (cpus, gpus, pool)) in (1_u32..).zip(machines) {
        world.give(Input::WorkerJoined {
            worker: WorkerId(worker),
            capacity: Capacity {
                cpus: *cpus,
                memory_bytes: 1 << 30,
                gpus: *gpus,
            },
            pool: PoolId(u32::try_from(*pool).unwrap()),
        });
    }
    world
}

/// What the tasks that each worker holds take.
fn taken(world: &World, machines: &[Machine], work: &[Work]) -> BTreeMap<WorkerId, (u32, u32)> {
    let mut taken: BTreeMap<WorkerId, (u32, u32)> = BTreeMap::new();
    for flight in &world.flights {
        let (cpus, gpus, _) = machines[flight.worker.0 as usize - 1];
        let name = world.stage_name(flight.task);
        let (each_cpus, each_gpus, ..) = work[name[1..].parse::<usize>().unwrap()];
        let sum = taken.entry(flight.worker).or_default();
        // A task that asks for more than there is gets all. Hosts have enough cores for each device.
        sum.1 += each_gpus.min(gpus);
        if each_gpus.min(gpus) == 0 {
            sum.0 += each_cpus.min(cpus);
        }
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_worker_holds_no_more_long_tasks_than_it_has_cores_and_devices_for(
        more in prop::collection::vec((1_u32..9, 0_u32..5, 0_usize..2), 0..4),
        work in prop::collection::vec((1_u32..7, 0_u32..4, 1_u32..6, any::<bool>()), 1..7),
        picks in prop::collection::vec(0_usize..12, 1..20),
    ) {
        // Each pool has a small worker, so that what is placed there ends.
        let machines: Vec<Machine> = [(1, 0, 0), (1, 0, 1)].into_iter().chain(more).collect();
        let mut world = world(&machines);
        let mut pick = picks.into_iter().cycle();
        world.picks = Box::new(move |of| pick.next().unwrap_or(0) % of);
        world.wall_us = HOUR_MS * 1000;
        let runs: Vec<_> = (0..).zip(&work).map(|(at, (cpus, gpus, tasks, is_placed))| {
            let mut built = flow();
            built.around.cpus = 8;
            built.around.gpus = 4;
            let one = stage(&format!("s{at}")).range(*tasks).uncached().edit(|stage| {
                stage.resources.cpus = *cpus;
                stage.resources.gpus = match gpus {
                    0 => Gpus::None,
                    some => Gpus::Count(*some),
                };
                stage.place.max_delay_ms = is_placed.then_some(2 * HOUR_MS);
                stage.expect.time_ms = Some(HOUR_MS);
            });
            world.submit(built.stage(one).spec())
        }).collect();
        for _ in 0..1000 {
            world.think();
            for (worker, (cpus, gpus)) in taken(&world, &machines, &work) {
                let (all_cpus, all_gpus, _) = machines[worker.0 as usize - 1];
                prop_assert!(
                    cpus <= all_cpus && gpus <= all_gpus,
                    "{worker:?} has {all_cpus} cores and {all_gpus} devices, and holds tasks for \
                     {cpus} and {gpus}"
                );
            }
            if !(world.land_one() || world.sleep()) {
                break;
            }
        }
        for run in runs {
            prop_assert_eq!(world.status(run), RunStatus::Succeeded);
        }
        world.assert_replays();
    }
}
