//! Properties of random graphs in random worlds of pools and grids, with sensible and absurd
//! placements.

use std::sync::Arc;

use proptest::prelude::*;
use sunward_core::place::{
    Likely, Placement, Placer, Problem, Segment, Solution, Sunward, Timing, Why,
};
use sunward_core::{
    Capacity, FailureKind, Input, Order, Outcome, RunId, RunSpec, RunStatus, WorkerId,
};

use crate::stories::at_home::energy_at_home;
use crate::world::flow::{Flow, Shape, flow, stage};
use crate::world::grids::{HOUR_MS, cleanest};
use crate::world::{World, fails, gives};

/// The zones of these worlds. Each has one pool.
const ZONES: [&str; 3] = ["DE", "FR", "NO"];

/// One stage.
#[derive(Clone, Debug)]
struct Node {
    /// The upstream stages among those before it, as bits.
    upstream: u8,
    tasks: u32,
    width: Option<u32>,
    max_delay: Option<u64>,
    /// Whether the workflow gives the duration of a task.
    expected: bool,
}

fn node() -> impl Strategy<Value = Node> {
    (
        any::<u8>(),
        0_u32..9,
        prop::option::of(1_u32..4),
        prop::option::of(0_u64..5),
        any::<bool>(),
    )
        .prop_map(|(upstream, tasks, width, max_delay, expected)| Node {
            upstream,
            tasks,
            width,
            max_delay,
            expected,
        })
}

#[derive(Clone, Debug)]
enum Event {
    Answer,
    Land,
    Sleep,
    Look(Vec<u32>),
    Lose,
    Join(u32),
    OwnerBack,
    Interrupt,
    Crash,
    Submit,
    Cancel,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => Just(Event::Answer),
        8 => Just(Event::Land),
        6 => Just(Event::Sleep),
        3 => prop::collection::vec(1_u32..900, 3).prop_map(Event::Look),
        1 => Just(Event::Lose),
        2 => (0_u32..3).prop_map(Event::Join),
        1 => Just(Event::OwnerBack),
        1 => Just(Event::Interrupt),
        1 => Just(Event::Crash),
        1 => Just(Event::Submit),
        1 => Just(Event::Cancel),
    ]
}

/// Events that end no attempt before its time.
fn calm() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => Just(Event::Answer),
        8 => Just(Event::Land),
        6 => Just(Event::Sleep),
        3 => prop::collection::vec(1_u32..900, 3).prop_map(Event::Look),
        2 => (0_u32..3).prop_map(Event::Join),
    ]
}

fn build(nodes: &[Node], deadline: Option<u64>) -> RunSpec {
    flow_of(nodes, deadline).spec()
}

/// Like [`build`], with tasks that take units of a limit of three, as many as `asked` says by stage.
fn build_sharing(nodes: &[Node], deadline: Option<u64>, asked: &[u32]) -> RunSpec {
    let mut flow = flow_of(nodes, deadline);
    flow.workflow.limits.insert("server".to_owned(), 3);
    let stages = flow.workflow.stages.values_mut();
    for (stage, asked) in stages.zip(asked).filter(|(_, asked)| **asked > 0) {
        let shared = &mut stage.resources.shared;
        shared.insert("server".to_owned(), *asked);
    }
    flow.spec()
}

fn flow_of(nodes: &[Node], deadline: Option<u64>) -> Flow {
    let mut built = flow();
    built.workflow.place.deadline_ms = deadline.map(|hours| hours * HOUR_MS);
    for (at, node) in nodes.iter().enumerate() {
        let mut one = stage(&format!("s{at}"))
            .range(node.tasks)
            .uncached()
            .edit(|stage| {
                stage.max_parallel = node.width;
                stage.place.max_delay_ms = node.max_delay.map(|hours| hours * HOUR_MS);
                stage.expect.time_ms = node.expected.then_some(HOUR_MS);
            });
        for before in 0..at.min(8) {
            if node.upstream & (1 << before) != 0 {
                one = one.needs(&format!("s{before}"));
            }
        }
        built = built.stage(one);
    }
    built
}

/// An absurd answer: too few or too many tasks, an arbitrary split, or no placement.
fn mad(problem: &Problem, luck: &mut impl FnMut() -> u64) -> Solution {
    let mut placements: Vec<Option<Placement>> = problem
        .asks
        .iter()
        .map(|ask| {
            let mut segments = Vec::new();
            for _ in 0..luck() % 3 {
                let pools = u64::try_from(ask.allowed.len()).unwrap();
                let pool = ask.allowed[usize::try_from(luck() % pools).unwrap()];
                let start = problem.now.after_ms(luck() % 7 * HOUR_MS / 2);
                segments.push(Segment {
                    pool,
                    start,
                    end: start.after_ms(luck() % 3 * HOUR_MS),
                    tasks: u32::try_from(luck() % 6).unwrap(),
                    at_once: u32::try_from(luck() % 4).unwrap(),
                });
            }
            (!luck().is_multiple_of(8)).then(|| Placement {
                segments,
                why: Why::Cleanest,
                expected_micrograms: luck(),
                transfer_micrograms: 0,
                at_home_now_micrograms: luck(),
                likely: Likely {
                    low_micrograms: luck(),
                    high_micrograms: luck(),
                },
                timing: Timing::default(),
                alternative: None,
                decided_at: problem.now,
                outlook_at: problem.outlook.issued_at,
            })
        })
        .collect();
    if luck().is_multiple_of(4) {
        placements.pop();
    }
    Solution {
        placements,
        faults: Vec::new(),
        late: false,
    }
}

/// The behavior of the placer.
#[derive(Clone, Copy, Debug)]
enum Mind {
    Ours,
    Cleanest,
    Mad,
}

fn world(mind: Mind, luck: Vec<u8>) -> World {
    let grids = ZONES.map(|zone| (zone, [300_u32; 24]));
    let rows: Vec<(&str, &[u32])> = grids.iter().map(|(zone, row)| (*zone, &row[..])).collect();
    let mut world = World::with_grids(&rows, 2);
    let mut dice = luck.clone().into_iter().cycle();
    let mut throw = move || u64::from(dice.next().unwrap_or(3));
    let mut ours = Sunward::default();
    world.placer = match mind {
        Mind::Ours => Box::new(move |problem| ours.solve(problem)),
        Mind::Cleanest => Box::new(cleanest),
        Mind::Mad => Box::new(move |problem| mad(problem, &mut throw)),
    };
    // Some attempts succeed, because otherwise a task that is always preempted never ends.
    let mut fates = luck.into_iter().chain([9]).cycle();
    world.fate = Box::new(move |stage, index, _| match fates.next().unwrap_or(9) {
        0 => fails(FailureKind::Infrastructure),
        1 => fails(FailureKind::Preempted),
        _ => Outcome::Succeeded(gives(stage, index, 1)),
    });
    world
}

fn look(world: &mut World, grams: &[u32]) {
    let rows: Vec<Vec<u32>> = grams
        .iter()
        .map(|first| (0..24).map(|slot| 1 + first * (slot + 7) % 900).collect())
        .collect();
    let zones: Vec<(&str, &[u32])> = ZONES
        .into_iter()
        .zip(rows.iter().map(Vec::as_slice))
        .collect();
    world.look(&zones);
}

fn play(world: &mut World, run: RunId, spec: &Arc<RunSpec>, event: &Event) {
    match event {
        Event::Answer => drop(world.answer_one()),
        Event::Land => drop(world.land_one()),
        Event::Sleep => drop(world.sleep()),
        Event::Look(grams) => look(world, grams),
        Event::Lose => {
            let lost = world.state.workers().next().map(|(id, _)| id);
            if let Some(worker) = lost {
                world.give(Input::WorkerLost { worker });
                world.flights.retain(|flight| flight.worker != worker);
                world.orders.retain(|order| {
                    !matches!(order, Order::Dispatch { worker: to, .. }
                        | Order::Revoke { worker: to, .. } if *to == worker)
                });
            }
        }
        Event::Join(pool) => join(world, *pool),
        Event::OwnerBack => {
            let worker = world.state.workers().last().map(|(id, _)| id);
            if let Some(worker) = worker {
                world.give(Input::WorkerCapacity {
                    worker,
                    capacity: Capacity {
                        cpus: 0,
                        memory_bytes: 1 << 30,
                        gpus: 0,
                    },
                });
            }
        }
        Event::Interrupt => {
            world.give(Input::Interrupt);
            stop(world);
            resume(world, run, spec);
        }
        Event::Crash => {
            world.crash();
            look(world, &[200, 100, 300]);
            for pool in 0..3 {
                join(world, pool);
            }
            resume(world, run, spec);
        }
        Event::Submit => drop(world.submit(spec.as_ref().clone())),
        Event::Cancel => {
            let newest = world.state.newest().unwrap();
            if newest != run {
                world.give(Input::Cancel { run: newest });
            }
        }
    }
}

/// Ends the attempts that were told to stop.
fn stop(world: &mut World) {
    while world.answer_one() || world.land_one() {}
}

fn join(world: &mut World, pool: u32) {
    let id = world.state.workers().last().map_or(1, |(id, _)| id.0 + 1);
    world.join_pool(id, pool, 2);
}

fn resume(world: &mut World, run: RunId, spec: &Arc<RunSpec>) {
    let spec = Arc::clone(spec);
    world.give(Input::Resume { run, spec });
}

/// Continues until all runs have ended. Each pool has a worker, new outlooks arrive, and placements
/// are sensible.
fn settle(world: &mut World, run: RunId, spec: &Arc<RunSpec>) {
    world.placer = Box::new(cleanest);
    for pool in 0..3 {
        join(world, pool);
    }
    let others: Vec<RunId> = world.state.runs().map(|(id, _)| id).collect();
    for id in others {
        let status = world.status(id);
        if status == RunStatus::Interrupted {
            resume(world, id, spec);
        }
    }
    for _ in 0..50 {
        world.settle();
        if world.state.going_on().next().is_none() {
            return;
        }
        world.now = world.now.after_ms(HOUR_MS);
        look(world, &[400, 300, 200]);
    }
    panic!("{run} never ends: {:?}", world.statuses(run));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_placed_run_ends_replays_and_leaves_no_promise_behind(
        nodes in prop::collection::vec(node(), 1..5),
        deadline in prop::option::of(0_u64..20),
        events in prop::collection::vec(event(), 0..60),
        luck in prop::collection::vec(0_u8..30, 1..30),
        mind in prop_oneof![Just(Mind::Ours), Just(Mind::Cleanest), Just(Mind::Mad)],
        asked in prop::collection::vec(0_u32..4, 4),
    ) {
        let spec = Arc::new(build_sharing(&nodes, deadline, &asked));
        let mut world = world(mind, luck);
        let run = world.submit(spec.as_ref().clone());
        for event in &events {
            play(&mut world, run, &spec, event);
        }
        // At any point, the folded state equals the state of the live core.
        world.assert_replays();
        settle(&mut world, run, &spec);
        prop_assert!(world.status(run) == RunStatus::Succeeded || world.status(run) == RunStatus::Failed);
        world.assert_replays();
        prop_assert_eq!(world.state.next_wakeup(), None);
        let (reserved, listed) = world.state.promises();
        prop_assert_eq!(reserved, 0, "slots are still promised");
        prop_assert_eq!(listed, 0, "stages are still listed");
    }

    #[test]
    fn no_answer_of_a_placer_and_no_new_plan_moves_what_a_run_is_compared_with(
        nodes in prop::collection::vec(node(), 1..5),
        deadline in prop::option::of(0_u64..20),
        events in prop::collection::vec(calm(), 0..60),
        luck in prop::collection::vec(0_u8..30, 1..30),
        mind in prop_oneof![Just(Mind::Ours), Just(Mind::Cleanest), Just(Mind::Mad)],
        wall_min in 1_u64..200,
    ) {
        let spec = Arc::new(build(&nodes, deadline));
        let mut world = world(mind, luck);
        world.fate = Box::new(|stage, index, _| Outcome::Succeeded(gives(stage, index, 1)));
        world.wall_us = wall_min * 60_000_000;
        let run = world.submit(spec.as_ref().clone());
        for event in &events {
            play(&mut world, run, &spec, event);
        }
        settle(&mut world, run, &spec);
        let one = world.state.run(run).unwrap();
        let stages: Vec<(Vec<usize>, u32, u32)> = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| {
                let upstream = (0..at.min(8)).filter(|before| node.upstream & (1 << before) != 0);
                (upstream.collect(), node.tasks, node.width.unwrap_or(u32::MAX))
            })
            .collect();
        let expected = energy_at_home(&stages, one.submitted_at, world.wall_us, 7);
        let at_home = one.ledger().at_home;
        let told: Vec<(u32, u64)> = at_home
            .iter()
            .map(|(pool, quarter, millijoules)| {
                assert_eq!(pool.0, 0, "the first pool is home");
                (quarter.0, millijoules)
            })
            .collect();
        prop_assert_eq!(told, expected);
        world.assert_replays();
    }

    #[test]
    fn deciding_twice_on_the_same_outlook_changes_nothing(
        nodes in prop::collection::vec(node(), 1..5),
        deadline in 2_u64..20,
        grams in prop::collection::vec(1_u32..900, 3),
    ) {
        let spec = build(&nodes, Some(deadline));
        let mut world = world(Mind::Ours, vec![9]);
        let run = world.submit(spec);
        look(&mut world, &grams);
        world.think();
        let places = |world: &World| -> Vec<_> {
            let one = world.state.run(run).unwrap();
            one.stages()
                .map(|stage| stage.placement().map(|one| one.segments.clone()))
                .collect()
        };
        let before = places(&world);
        look(&mut world, &grams);
        world.think();
        prop_assert_eq!(before, places(&world));
    }
}

#[test]
fn a_worker_without_cores_is_given_nothing() {
    let mut world = world(Mind::Cleanest, vec![9]);
    let idle = Capacity {
        cpus: 0,
        memory_bytes: 1 << 30,
        gpus: 0,
    };
    for worker in 1..4 {
        let worker = WorkerId(worker);
        world.give(Input::WorkerCapacity {
            worker,
            capacity: idle,
        });
    }
    let node = Node {
        upstream: 0,
        tasks: 3,
        width: None,
        max_delay: None,
        expected: true,
    };
    world.submit(build(&[node], None));
    world.think();
    assert!(world.flights.is_empty());
}

/// Both the planned placement and the answer are the same, and far ahead, when the stage is ready.
#[test]
fn a_placement_that_stands_once_its_stage_is_ready_is_not_asked_about_without_end() {
    let n = |upstream: u8, tasks: u32, width: Option<u32>, max_delay: Option<u64>, expected| Node {
        upstream,
        tasks,
        width,
        max_delay,
        expected,
    };
    let nodes = vec![
        n(84, 8, Some(3), Some(4), true),
        n(175, 8, Some(1), Some(2), true),
        n(118, 7, None, Some(4), false),
        n(6, 6, Some(3), Some(4), true),
    ];
    use Event::{Answer, Join, Land, Look, Sleep};
    let events = vec![
        Answer,
        Answer,
        Look(vec![843, 780, 611]),
        Sleep,
        Answer,
        Answer,
        Sleep,
        Land,
        Answer,
        Answer,
        Answer,
        Join(0),
        Answer,
        Answer,
        Answer,
        Land,
        Answer,
        Sleep,
        Sleep,
        Sleep,
        Sleep,
        Land,
        Answer,
        Land,
        Join(0),
        Sleep,
    ];
    let luck = vec![14, 11, 24, 11, 7, 22, 1, 11, 3, 25, 11, 16];
    let spec = Arc::new(build(&nodes, None));
    let mut world = world(Mind::Ours, luck);
    world.fate = Box::new(|stage, index, _| Outcome::Succeeded(gives(stage, index, 1)));
    world.wall_us = 154 * 60_000_000;
    let run = world.submit(spec.as_ref().clone());
    for event in &events {
        play(&mut world, run, &spec, event);
    }
    settle(&mut world, run, &spec);
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}
