//! Absurd figures of grids, machines and runs. There is an answer, and no sum overflows.

use std::sync::Arc;

use proptest::prelude::*;
use sunward_core::place::{Ask, Outlook, Problem};
use sunward_core::{Fleet, PoolId, Timestamp};

use crate::world::{ask, solve, world};

/// Numbers at which sums may overflow.
fn edge() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(3_600_000),
        Just(u64::from(u32::MAX)),
        Just(u64::MAX / 2),
        Just(u64::MAX)
    ]
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn asks() -> impl Strategy<Value = Ask> {
    let numbers = [(); 9].map(|()| edge());
    (numbers, 0_u64..3).prop_map(|(numbers, run)| {
        let [task_ms, power, bytes, tasks, width, gpus, ready, by, count] = numbers;
        Ask {
            tasks: narrow(tasks).clamp(1, 1000),
            width: narrow(width).max(1),
            gpus: narrow(gpus).min(2),
            task_ms,
            task_milliwatts: power,
            ready_at: Timestamp(ready),
            finish_by: (count > 0).then_some(Timestamp(by)),
            data: vec![(PoolId(0), bytes), (PoolId(1), bytes)],
            ..ask(run, 1, None, 2)
        }
    })
}

fn problems() -> impl Strategy<Value = Problem> {
    let grids = proptest::collection::vec(edge(), 8);
    let around = [(); 2].map(|()| edge());
    (grids, around, proptest::collection::vec(asks(), 1..4)).prop_map(|(grid, around, asks)| {
        let [pue, per_gb] = around;
        let mut problem = world(&[("A", &[1; 8], &[3; 8]), ("B", &[1; 8], &[3; 8])]);
        let fleet = Fleet::clone(&problem.fleet);
        let mut outlook = Outlook::clone(&problem.outlook);
        for zone in &mut outlook.zones {
            zone.intensity_mg_per_kwh = grid.iter().map(|one| narrow(*one)).collect();
            zone.error_permille = grid.iter().map(|one| narrow(*one) as u16).collect();
        }
        let mut pools = fleet.pools;
        for pool in &mut pools {
            pool.pue_permille = narrow(pue);
        }
        for (number, ask) in (0..).zip(asks) {
            problem.asks.push(Ask {
                id: sunward_core::place::AskId {
                    run: sunward_core::RunId(number),
                    ..ask.id
                },
                ..ask
            });
        }
        problem.fleet = Arc::new(Fleet { pools });
        problem.outlook = Arc::new(outlook);
        problem.transfer_milliwatt_hours_per_gb = per_gb;
        problem
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn absurd_figures_get_an_answer(problem in problems()) {
        prop_assert_eq!(solve(&problem).len(), problem.asks.len());
    }
}
