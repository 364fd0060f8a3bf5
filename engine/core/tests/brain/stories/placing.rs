//! Stages that are placed where and when power is clean.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use sunward_core::place::{Placer, Problem, Solution, Sunward};
use sunward_core::{
    Capacity, Fact, FailureKind, Input, Order, PoolId, Reason, RunSpec, RunStatus, TaskStatus,
    WorkerId, explain,
};
use sunward_workflows::Stage;

use crate::world::flow::{Flow, Shape, flow, stage};
use crate::world::grids::{HOUR_MS, cleanest, hour, hours};
use crate::world::{World, fails};

/// One zone that is cleanest in the fourth hour.
const VALLEY: (&str, &[u32]) = ("DE", &[400, 300, 200, 100, 300, 400, 400, 400]);

pub(super) fn hour_long(name: &str) -> Stage {
    stage(name)
        .uncached()
        .edit(|stage| stage.expect.time_ms = Some(HOUR_MS))
}

pub(super) fn within(hours: u64, flow: Flow) -> RunSpec {
    let mut flow = flow;
    flow.workflow.place.deadline_ms = Some(hours * HOUR_MS);
    flow.spec()
}

/// For each stage, the pool and the hour of its first lease.
pub(super) fn leases(world: &World) -> Vec<(String, u32, u64)> {
    let mut list: Vec<(String, u32, u64)> = Vec::new();
    for fact in &world.journal {
        if let Fact::Leased { worker, lease, at } = fact {
            let run = world.state.run(lease.run).unwrap();
            let name = run.stage(lease.stage).unwrap().name().to_owned();
            let pool = world.state.pool_of(*worker).unwrap_or_default().0;
            if !list.iter().any(|(known, _, _)| *known == name) {
                list.push((name, pool, hours(*at)));
            }
        }
    }
    list
}

fn asked(world: &World) -> usize {
    let asked = |fact: &&Fact| matches!(fact, Fact::SolveRequested { .. });
    world.journal.iter().filter(asked).count()
}

/// Records every problem that the placer gets.
fn watched(world: &mut World) -> Rc<RefCell<Vec<Problem>>> {
    let problems = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&problems);
    world.placer = Box::new(move |problem| {
        log.borrow_mut().push(problem.clone());
        cleanest(problem)
    });
    problems
}

#[test]
fn a_run_with_a_deadline_waits_for_the_cleaner_hour_and_says_so() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let run = world.submit(within(8, flow().stage(hour_long("train"))));
    world.think();
    assert!(world.flights.is_empty(), "nothing runs yet");
    assert_eq!(world.state.next_wakeup(), Some(hour(3)));

    let id = world.state.run(run).unwrap().find("train").unwrap().id;
    let told = explain(&world.state, run, id, None).unwrap();
    assert_eq!(told.status, "deferred");
    let Reason::WaitsForPower { until, .. } = &told.reason else {
        panic!("it says {:?}", told.reason);
    };
    assert_eq!(*until, hour(3));
    let placement = told.placement.unwrap();
    assert_eq!(placement.segments[0].pool.pool, "pool-DE");
    assert!(placement.expected_micrograms < placement.at_home_now_micrograms);

    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(leases(&world), [("train".to_owned(), 0, 3)]);
    world.assert_replays();
}

#[test]
fn one_pool_without_a_deadline_runs_as_if_there_were_no_grid() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let run = world.submit(flow().stage(hour_long("train")).spec());
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(asked(&world), 0, "nobody is asked");
    assert_eq!(leases(&world), [("train".to_owned(), 0, 0)]);
}

#[test]
fn now_overrides_the_deadline() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let mut spec = within(8, flow().stage(hour_long("train")));
    spec.placing.at_once = true;
    let run = world.submit(spec);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(leases(&world), [("train".to_owned(), 0, 0)]);
}

#[test]
fn without_a_deadline_the_cleanest_pool_is_taken_at_once() {
    let mut world = World::with_grids(&[VALLEY, ("NO", &[30; 8])], 4);
    let run = world.submit(
        flow()
            .stage(hour_long("map").range(6))
            .stage(hour_long("end").from("all", "map"))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(
        leases(&world),
        [("map".to_owned(), 1, 0), ("end".to_owned(), 1, 0)]
    );
    let workers = world.journal.iter().filter_map(|fact| match fact {
        Fact::Leased { worker, .. } => Some(*worker),
        _ => None,
    });
    assert!(
        workers.into_iter().all(|worker| worker == WorkerId(2)),
        "tasks of a segment are never leased in another pool"
    );
    world.assert_replays();
}

#[test]
fn what_moves_between_pools_is_written_down_once_for_each_pool() {
    let mut world = World::with_grids(&[("DE", &[400; 8]), ("NO", &[20; 8])], 2);
    let bound = |name: &str, region: &str| {
        hour_long(name).edit(|stage| stage.place.regions = vec![region.to_owned()])
    };
    let shape = flow()
        .stage(bound("prepare", "DE"))
        .stage(bound("train", "NO").from("data", "prepare"));
    let mut spec = within(8, shape);
    // A kilowatt hour for each of its hundred bytes: 1e9 bytes per gigabyte, 1e6 mWh/kWh.
    spec.placing.transfer_milliwatt_hours_per_gb = 1_000_000_000_000_000;
    let run = world.submit(spec);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let view = world.state.run(run).unwrap();
    let transfers = &view.find("train").unwrap().ledger().transfers;
    assert_eq!(transfers.len(), 1);
    assert_eq!((transfers[0].from, transfers[0].to), (PoolId(0), PoolId(1)));
    assert_eq!(transfers[0].bytes, 100);
    assert_eq!(transfers[0].millijoules, 100 * 3_600_000_000);
    world.assert_replays();
}

#[test]
fn a_later_outlook_moves_only_what_has_not_begun() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let run = world.submit(within(
        8,
        flow()
            .stage(hour_long("early").edit(|stage| stage.place.max_delay_ms = Some(0)))
            .stage(hour_long("late").edit(|stage| stage.place.max_delay_ms = Some(6 * HOUR_MS))),
    ));
    world.think();
    assert_eq!(world.flights.len(), 1, "early runs, late waits");
    let problems = watched(&mut world);
    world.now = hour(1);
    world.look(&[("DE", &[300, 200, 300, 50, 400, 400, 400])]);
    world.think();
    let names: Vec<u32> = problems.borrow()[0]
        .asks
        .iter()
        .map(|ask| ask.id.stage.0)
        .collect();
    assert_eq!(names, [1], "what runs is not asked about");
    assert_eq!(world.state.next_wakeup(), Some(hour(4)));
    world.pass(hour(3));
    assert_eq!(world.flights.len(), 1, "the old hour passes");
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(
        leases(&world),
        [("early".to_owned(), 0, 0), ("late".to_owned(), 0, 4)]
    );
    world.assert_replays();
}

#[test]
fn who_can_wait_gives_way_to_a_newcomer_who_cannot() {
    let mut world = World::with_grids(&[VALLEY], 1);
    let mut placer = Sunward::default();
    let problems = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&problems);
    world.placer = Box::new(move |problem| {
        // There is room for one stage at a time.
        let mut problem = problem.clone();
        let mut outlook = (*problem.outlook).clone();
        outlook.pools[0].cpus.fill(1);
        problem.outlook = Arc::new(outlook);
        log.borrow_mut().push(problem.asks.len());
        placer.solve(&problem)
    });
    let patient = world.submit(within(8, flow().stage(hour_long("patient"))));
    world.pass(hour(2));
    assert!(world.flights.is_empty(), "it waits for the fourth hour");

    // It takes two hours and must end within two, so it needs the place of the other stage.
    let long = stage("hurried")
        .uncached()
        .edit(|stage| stage.expect.time_ms = Some(2 * HOUR_MS));
    let hurried = world.submit(within(2, flow().stage(long)));
    world.think();
    assert_eq!(*problems.borrow(), [1, 1, 2], "it alone, then both");
    assert_eq!(world.flights.len(), 1, "it runs at once");
    world.settle();
    assert_eq!(world.status(hurried), RunStatus::Succeeded);
    assert_eq!(world.status(patient), RunStatus::Succeeded);
    assert_eq!(
        leases(&world),
        [("hurried".to_owned(), 0, 2), ("patient".to_owned(), 0, 4)]
    );
    world.assert_replays();
}

#[test]
fn what_is_late_whoever_gives_way_is_asked_about_no_more_than_twice() {
    let mut world = World::with_grids(&[VALLEY], 4);
    world.placer = Box::new(|problem| Solution {
        late: true,
        ..cleanest(problem)
    });
    let patient = world.submit(within(8, flow().stage(hour_long("patient"))));
    world.think();
    assert_eq!(asked(&world), 1, "nobody else could give way");
    let hurried = world.submit(within(1, flow().stage(hour_long("hurried"))));
    world.think();
    assert_eq!(asked(&world), 3);
    world.settle();
    assert_eq!(asked(&world), 3);
    assert_eq!(world.status(hurried), RunStatus::Succeeded);
    assert_eq!(world.status(patient), RunStatus::Succeeded);
    world.assert_replays();
}

#[test]
fn a_stage_of_a_chain_is_not_asked_about_again_when_it_is_ready_in_time() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let run = world.submit(within(
        8,
        flow()
            .stage(hour_long("first"))
            .stage(hour_long("second").from("in", "first")),
    ));
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(asked(&world), 1, "once, with both");
    world.assert_replays();
}

#[test]
fn a_stage_that_is_ready_too_late_is_placed_again() {
    let mut world = World::with_grids(&[("DE", &[100, 100, 200, 300, 100, 100, 300, 300])], 4);
    let run = world.submit(within(
        7,
        flow()
            .stage(hour_long("first"))
            .stage(hour_long("second").from("in", "first")),
    ));
    world.think();
    // It was expected to end after the first hour, and ends at half past the third.
    world.now = hour(3).after_ms(HOUR_MS / 2);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(asked(&world), 2);
    assert_eq!(leases(&world)[1], ("second".to_owned(), 0, 4));
    world.assert_replays();
}

#[test]
fn more_tasks_than_were_planned_are_placed_anew() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let problems = watched(&mut world);
    let run = world.submit(within(
        8,
        flow().stage(hour_long("first").range(3)).stage(
            hour_long("each")
                .from("table", "first")
                .sliced("table", sunward_workflows::Slicing::Parts),
        ),
    ));
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let tasks: Vec<Vec<u32>> = problems
        .borrow()
        .iter()
        .map(|problem| problem.asks.iter().map(|ask| ask.tasks).collect())
        .collect();
    assert_eq!(tasks, [vec![3, 1], vec![3]]);
    let last = problems.borrow()[1].asks[0].clone();
    assert_eq!(last.data, [(PoolId(0), 300)], "its inputs are bound");
    world.assert_replays();
}

#[test]
fn a_lost_worker_s_stage_is_placed_again() {
    let mut world = World::with_grids(&[("DE", &[100; 8]), ("NO", &[300; 8])], 2);
    let run = world.submit(within(8, flow().stage(hour_long("map").range(4))));
    world.think();
    assert_eq!(world.flights.len(), 2);
    let problems = watched(&mut world);
    world.give(Input::WorkerLost {
        worker: WorkerId(1),
    });
    world.flights.clear();
    world.think();
    let ask = problems.borrow()[0].asks[0].clone();
    assert_eq!(ask.tasks, 4);
    assert_eq!(ask.allowed, [PoolId(1)], "nobody is left where it was");
    let other = world.flights.iter().map(|flight| flight.worker);
    assert!(other.into_iter().all(|worker| worker == WorkerId(2)));
    assert_eq!(world.flights.len(), 2);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

#[test]
fn what_waits_for_room_where_nobody_is_left_goes_elsewhere() {
    let mut world = World::with_grids(&[("DE", &[100; 8]), ("NO", &[300; 8])], 1);
    let first = world.submit(within(8, flow().stage(hour_long("first"))));
    let second = world.submit(within(8, flow().stage(hour_long("second"))));
    world.think();
    assert_eq!(
        world.flights.len(),
        1,
        "the second waits for the first's core"
    );
    world.give(Input::WorkerLost {
        worker: WorkerId(1),
    });
    world.flights.clear();
    world.settle();
    for run in [first, second] {
        assert_eq!(world.status(run), RunStatus::Succeeded);
    }
    world.assert_replays();
}

#[test]
fn an_answer_that_comes_after_the_run_was_taken_up_anew_is_not_for_it() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let run = world.submit(within(8, flow().stage(hour_long("train"))));
    let place = |order: &Order| matches!(order, Order::Solve { .. });
    while !world.orders.iter().any(place) {
        assert!(world.answer_one(), "it is asked about");
    }
    let at = world.orders.iter().position(place).unwrap();
    let late = world.orders.remove(at).unwrap();
    world.give(Input::Interrupt);
    world.think();
    let spec = Arc::new(within(2, flow().stage(hour_long("train"))));
    world.give(Input::Resume { run, spec });
    world.think();
    world.orders.push_back(late);
    world.think();
    assert_eq!(world.state.next_wakeup(), Some(hour(1)), "the new deadline");
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

#[test]
fn what_keeps_a_checkpoint_is_asked_about_for_what_is_left_of_it() {
    let long = |checkpoint: bool| {
        hour_long("train").edit(|stage| {
            stage.expect.time_ms = Some(4 * HOUR_MS);
            stage.checkpoint = checkpoint;
        })
    };
    // After three hours of four, one hour is left. After all four, a tenth is left.
    let tenth = 4 * HOUR_MS / 10;
    for (stage, worked_h, left_ms) in [
        (long(true), 3, HOUR_MS),
        (long(true), 5, tenth),
        (long(false), 3, 4 * HOUR_MS),
        (long(true).range(2), 3, 4 * HOUR_MS),
    ] {
        let mut world = World::with_grids(&[VALLEY], 4);
        let problems = watched(&mut world);
        let run = world.submit(within(4, flow().stage(stage.clone())));
        world.think();
        world.give(Input::Interrupt);
        world.now = world.now.after_ms(worked_h * HOUR_MS);
        let stopped = std::mem::take(&mut world.flights);
        assert!(!stopped.is_empty(), "it runs");
        let end = |flight| {
            world.end_of(
                flight,
                fails(FailureKind::Cancelled),
                worked_h * 3_600_000_000,
            )
        };
        let ends = stopped.iter().map(end).collect();
        let worker = WorkerId(1);
        world.give(Input::Ended { worker, ends });
        world.think();
        let spec = Arc::new(within(24, flow().stage(stage)));
        world.give(Input::Resume { run, spec });
        world.think();
        let asked = problems
            .borrow()
            .last()
            .map(|problem| problem.asks[0].task_ms);
        assert_eq!(asked, Some(left_ms));
        assert!(problems.borrow().len() > 1, "it is asked about again");
        world.settle();
        assert_eq!(world.status(run), RunStatus::Succeeded);
        world.assert_replays();
    }
}

#[test]
fn an_owner_s_return_is_nobody_s_fault_however_often() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let run = world.submit(within(1, flow().stage(hour_long("train"))));
    let worker = WorkerId(1);
    let lent = |cpus| Capacity {
        cpus,
        memory_bytes: 1 << 30,
        gpus: 0,
    };
    for _ in 0..50 {
        world.think();
        let flight = world.flights.pop().expect("it runs");
        let end = world.end_of(&flight, fails(FailureKind::Preempted), 1_000_000);
        let capacity = lent(0);
        world.give(Input::WorkerCapacity { worker, capacity });
        world.give(Input::Ended {
            worker,
            ends: vec![end],
        });
        world.think();
        assert!(world.flights.is_empty(), "nothing is lent now");
        world.now = world.now.after_ms(1);
        let capacity = lent(4);
        world.give(Input::WorkerCapacity { worker, capacity });
    }
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    let view = world.state.run(run).unwrap().find("train").unwrap();
    assert_eq!(view.attempt(0), 1, "no try is charged");
    assert_eq!(view.ledger().attempts, 51, "and each is accounted");
    world.assert_replays();
}

#[test]
fn a_cancelled_run_frees_what_it_was_promised() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let problems = watched(&mut world);
    let run = world.submit(within(8, flow().stage(hour_long("train"))));
    world.think();
    let other = || within(8, flow().stage(hour_long("other")));
    world.submit(other());
    world.think();
    let taken = |at: usize| {
        let problems = problems.borrow();
        let pools = &problems[at].reserved.pools;
        let slots = pools.iter().flat_map(|pool| pool.iter());
        slots
            .map(|(slot, taken)| (*slot * HOUR_MS, taken.cpus))
            .collect::<Vec<_>>()
    };
    assert_eq!(taken(0), []);
    assert_eq!(taken(1), [(hour(3).0, 1)], "the first is promised its hour");
    world.give(Input::Cancel { run });
    world.settle();
    world.submit(other());
    world.think();
    assert_eq!(
        taken(2),
        [],
        "the second has ended, the first was cancelled"
    );
    world.assert_replays();
}

#[test]
fn resuming_adopts_the_new_deadline() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let run = world.submit(within(8, flow().stage(hour_long("train"))));
    world.think();
    assert_eq!(world.state.next_wakeup(), Some(hour(3)));
    world.give(Input::Interrupt);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Interrupted);
    assert_eq!(world.state.next_wakeup(), None);
    let spec = Arc::new(within(2, flow().stage(hour_long("train"))));
    world.give(Input::Resume { run, spec });
    world.think();
    assert_eq!(world.state.next_wakeup(), Some(hour(1)));
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

#[test]
fn after_a_crash_what_waits_is_asked_about_once_the_world_is_known_again() {
    let mut world = World::with_grids(&[VALLEY], 4);
    let spec = within(8, flow().stage(hour_long("train")));
    let run = world.submit(spec.clone());
    world.think();
    world.crash();
    let spec = Arc::new(spec);
    world.give(Input::Resume { run, spec });
    world.look(&[VALLEY]);
    world.join_pool(7, 0, 4);
    world.think();
    assert_eq!(world.state.next_wakeup(), Some(hour(3)));
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

#[test]
fn a_stage_that_no_pool_may_run_fails_and_says_why() {
    let mut world = World::with_grids(&[VALLEY, ("NO", &[30; 8])], 4);
    let run = world.submit(
        flow()
            .stage(hour_long("train").edit(|stage| stage.place.regions = vec!["mars".into()]))
            .spec(),
    );
    world.settle();
    assert_eq!(world.status(run), RunStatus::Failed);
    let one = world.state.run(run).unwrap();
    let why = one.find("train").unwrap().unresolvable().unwrap();
    assert!(why.message.contains("no pool of the fleet"), "{why:?}");
}

#[test]
fn a_placer_that_answers_nothing_delays_nothing() {
    let mut world = World::with_grids(&[VALLEY, ("NO", &[30; 8])], 4);
    world.placer = Box::new(|_| Solution::default());
    let run = world.submit(within(8, flow().stage(hour_long("map").range(9))));
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    assert_eq!(world.count(run, "map", TaskStatus::Succeeded), 9);
    world.assert_replays();
}

#[test]
fn a_placer_that_cannot_count_leaves_no_task_without_a_place() {
    for wrong in [1_u32, 20] {
        let mut world = World::with_grids(&[VALLEY, ("NO", &[30; 8])], 4);
        world.placer = Box::new(move |problem| {
            let mut solution = cleanest(problem);
            for placement in solution.placements.iter_mut().flatten() {
                placement.segments[0].tasks = wrong;
            }
            solution
        });
        let run = world.submit(within(8, flow().stage(hour_long("map").range(9))));
        world.settle();
        assert_eq!(world.status(run), RunStatus::Succeeded);
        assert_eq!(asked(&world), 1, "and nobody is asked twice");
        world.assert_replays();
    }
}

#[test]
fn a_stage_without_an_answer_does_not_shift_the_answers_of_others() {
    let mut world = World::with_grids(&[VALLEY], 4);
    world.placer = Box::new(|problem| {
        let mut solution = cleanest(problem);
        if problem.asks.len() == 2 {
            solution.placements[0] = None;
        }
        solution
    });
    let run = world.submit(within(
        8,
        flow().stage(hour_long("first")).stage(hour_long("second")),
    ));
    world.think();
    let begin = |name: &str| {
        let run = world.state.run(run).unwrap();
        let placement = run.find(name).unwrap().placement().unwrap();
        hours(placement.start().unwrap())
    };
    assert_eq!(begin("first"), 0, "it starts at once at home");
    assert_eq!(begin("second"), 3, "it keeps its own answer");
    world.assert_replays();
}
