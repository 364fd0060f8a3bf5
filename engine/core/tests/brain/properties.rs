//! Properties of random graphs with random outcomes.
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::world::flow::{Shape, flow, stage};
use crate::world::{World, fails, gives};
use proptest::prelude::*;
use sunward_core::{Fact, FailureKind, Input, Outcome, RunId, RunStatus, StageEnd, WorkerId};
use sunward_workflows::{RetryOn, Scatter, Stage, Value};

/// One stage of a random graph.
#[derive(Clone, Debug)]
struct Node {
    /// The upstream stages among those before it, as bits.
    upstream: u8,
    reads: bool,
    tasks: u32,
    shape: u8,
    tolerate: u32,
    max_parallel: Option<u32>,
    attempts: u32,
    /// The units of two limits that each task takes.
    shared: (u32, u32),
}

/// The limits. Some tasks ask for more, as if another run had lowered them.
const LIMITS: [(&str, u32); 2] = [("server", 3), ("license", 1)];

fn node() -> impl Strategy<Value = Node> {
    (
        any::<u8>(),
        any::<bool>(),
        0_u32..6,
        0_u8..9,
        0_u32..3,
        prop::option::of(1_u32..4),
        1_u32..4,
        (0_u32..5, prop::bool::weighted(0.3).prop_map(u32::from)),
    )
        .prop_map(
            |(upstream, reads, tasks, shape, tolerate, max_parallel, attempts, shared)| Node {
                upstream,
                reads,
                tasks,
                shape,
                tolerate,
                max_parallel,
                attempts,
                shared,
            },
        )
}

/// An event during the run.
#[derive(Clone, Debug)]
enum Event {
    Answer,
    Land,
    Sleep,
    LoseWorker,
    Join,
    Interrupt,
    Crash,
    Duplicate,
    Cancel,
    Retry,
    /// A part of the n-th existing result is lost, and the n-th stage reads it.
    LosePart(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => Just(Event::Answer),
        12 => Just(Event::Land),
        2 => Just(Event::Sleep),
        1 => Just(Event::LoseWorker),
        1 => Just(Event::Join),
        1 => Just(Event::Interrupt),
        1 => Just(Event::Crash),
        1 => Just(Event::Duplicate),
        1 => Just(Event::Retry),
        2 => any::<u8>().prop_map(Event::LosePart),
    ]
}

fn shape(name: &str, node: &Node) -> Stage {
    let items: Vec<i64> = (0..node.tasks).map(|index| i64::from(index / 2)).collect();
    let one = match node.shape {
        0 | 1 => stage(name).range(node.tasks),
        2 => stage(name).items(&items),
        3 => stage(name).scatter(Scatter::Range(Value::Int(node.tasks.into()))),
        4 => stage(name).range(node.tasks).uncached(),
        6 | 7 => stage(name).writes_file(),
        8.. => stage(name).writes_file().uncached(),
        _ => crate::world::flow::command(name, "the same for all"),
    };
    let one = match node.shape {
        0 | 1 => one.writes_file(),
        _ => one,
    };
    one.retries(node.attempts, 50, RetryOn::Timeout)
        .edit(|stage| {
            stage.tolerate = node.tolerate;
            stage.max_parallel = node.max_parallel;
            stage.retry.on.push(RetryOn::Infrastructure);
            share(stage, node.shared);
        })
}

fn share(stage: &mut Stage, (server, license): (u32, u32)) {
    for ((name, _), asked) in LIMITS.into_iter().zip([server, license]) {
        if asked > 0 {
            stage.resources.shared.insert(name.to_owned(), asked);
        }
    }
}

fn build(nodes: &[Node]) -> sunward_core::RunSpec {
    let mut built = flow();
    let limits = LIMITS.map(|(name, limit)| (name.to_owned(), limit));
    built.workflow.limits = limits.into();
    for (at, node) in nodes.iter().enumerate() {
        let mut one = shape(&format!("s{at}"), node);
        let over = (0..at.min(8)).find(|before| {
            node.upstream & (1 << before) != 0 && matches!(nodes[*before].shape, 0 | 1 | 6..)
        });
        for before in 0..at.min(8) {
            if node.shape >= 6 && over == Some(before) {
                let name = format!("s{before}");
                one = one.each_file_of(&name, &name);
                continue;
            }
            if node.upstream & (1 << before) != 0 {
                let name = format!("s{before}");
                one = if node.reads {
                    one.from(&name, &name)
                } else {
                    one.needs(&name)
                };
            }
        }
        built = built.stage(one);
    }
    built.spec()
}

fn play(world: &mut World, run: RunId, spec: &Arc<sunward_core::RunSpec>, event: &Event) {
    match event {
        Event::Answer => {
            world.answer_one();
        }
        Event::Land => {
            world.land_one();
        }
        Event::Sleep => {
            world.sleep();
        }
        Event::LoseWorker => {
            let lost = world.state.workers().next().map(|(id, _)| id);
            if let Some(worker) = lost {
                world.give(Input::WorkerLost { worker });
                world.flights.retain(|flight| flight.worker != worker);
                world.orders.retain(|order| {
                    !matches!(order, sunward_core::Order::Dispatch { worker: to, .. }
                        | sunward_core::Order::Revoke { worker: to, .. } if *to == worker)
                });
            }
        }
        Event::Join => {
            let id = world.state.workers().last().map_or(1, |(id, _)| id.0 + 1);
            world.join(id, 2);
        }
        Event::Interrupt => {
            world.give(Input::Interrupt);
            world.settle();
            resume(world, run, spec);
        }
        Event::Crash => {
            world.crash();
            world.join(1, 2);
            resume(world, run, spec);
        }
        Event::Duplicate => {
            if let Some(flight) = world.flights.first().cloned() {
                let end = |generation: u32| sunward_core::TaskEnd {
                    task: flight.task,
                    generation: sunward_core::Generation(generation),
                    started_ms: 1,
                    wall_us: 1,
                    cpu_us: 1,
                    energy: sunward_core::Energy::Missing,
                    outcome: fails(FailureKind::Exit(9)),
                };
                let now = flight.generation.0;
                world.give(Input::Ended {
                    worker: WorkerId(77),
                    ends: vec![end(now - 1), end(now + 1)],
                });
            }
        }
        Event::Cancel => world.give(Input::Cancel { run }),
        Event::Retry => world.give(Input::Retry { run, spec: None }),
        Event::LosePart(nth) => lose_part(world, run, usize::from(*nth)),
    }
}

/// Deletes a part from the store. Like the loop, repeats the input until no task of the affected
/// stages is in progress.
fn lose_part(world: &mut World, run: RunId, nth: usize) {
    let one = world.state.run(run).unwrap();
    let results: Vec<_> = one
        .stages()
        .flat_map(|stage| one.gathered(stage.id, "out").unwrap_or_default())
        .collect();
    let stages: Vec<_> = one.stages().map(|stage| stage.id).collect();
    let Some(lost) = results.get(nth % results.len().max(1)) else {
        return;
    };
    let parts: BTreeSet<_> = lost.parts.iter().map(|part| part.digest).collect();
    let is_whole = |result: &sunward_core::TaskResult| {
        let mut held = result.ports.iter().flat_map(|port| &port.parts);
        !held.any(|part| parts.contains(&part.digest))
    };
    world.cache.retain(|_, result| is_whole(result));
    let input = Input::PartsLost {
        run,
        stage: stages[nth % stages.len()],
        parts,
    };
    for _ in 0..40 {
        let before = world.journal.len();
        world.give(input.clone());
        if world.journal[before..]
            .iter()
            .any(|fact| matches!(fact, Fact::ResultsLost { .. }))
        {
            return;
        }
        if !world.land_one() && !world.answer_one() {
            return;
        }
    }
}

fn resume(world: &mut World, run: RunId, spec: &Arc<sunward_core::RunSpec>) {
    let spec = Arc::clone(spec);
    world.give(Input::Resume { run, spec });
}

/// No task has two results.
fn assert_single_results(journal: &[Fact]) {
    let mut seen = BTreeSet::new();
    for fact in journal {
        let (stage, indices): (_, Vec<u32>) = match fact {
            Fact::Finished {
                stage, successes, ..
            } => (stage, successes.iter().map(|one| one.index).collect()),
            Fact::LookedUp { stage, hits, .. } | Fact::Shared { stage, hits, .. } => {
                (stage, hits.iter().map(|(index, _)| *index).collect())
            }
            Fact::ResultsLost { stages, .. } | Fact::Reopened { again: stages, .. } => {
                seen.retain(|(stage, _)| !stages.contains(stage));
                continue;
            }
            _ => continue,
        };
        for index in indices {
            assert!(seen.insert((*stage, index)), "{stage:?}/{index} twice");
        }
    }
}

fn story(
    nodes: &[Node],
    events: &[Event],
    luck: Vec<u8>,
    picks: Vec<usize>,
    cancel: bool,
) -> World {
    let mut world = World::default();
    let mut luck = luck.into_iter().cycle();
    world.fate = Box::new(move |stage, index, _| match luck.next().unwrap_or(9) {
        0 => fails(FailureKind::Exit(1)),
        1 => fails(FailureKind::Timeout),
        2 => fails(FailureKind::Infrastructure),
        _ => Outcome::Succeeded(gives(stage, index, 1)),
    });
    let mut picks = picks.into_iter().cycle();
    world.picks = Box::new(move |_| picks.next().unwrap_or(0));
    world.join(1, 2);
    let spec = Arc::new(build(nodes));
    let run = world.submit(spec.as_ref().clone());
    for event in events {
        play(&mut world, run, &spec, event);
    }
    if cancel {
        play(&mut world, run, &spec, &Event::Cancel);
    }
    if world.state.workers().next().is_none() {
        world.join(90, 3);
    }
    world.settle();
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_run_ends_replays_and_gives_each_result_once(
        nodes in prop::collection::vec(node(), 1..7),
        events in prop::collection::vec(event(), 0..60),
        luck in prop::collection::vec(0_u8..12, 1..20),
        picks in prop::collection::vec(0_usize..50, 1..20),
        cancel in prop::bool::weighted(0.15),
    ) {
        let world = story(&nodes, &events, luck, picks, cancel);
        let run = world.state.newest().unwrap();
        let one = world.state.run(run).unwrap();
        prop_assert!(
            matches!(
                one.status,
                RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled
            ),
            "it stands at {:?}: {:?}",
            one.status,
            world.statuses(run)
        );
        for stage in one.stages() {
            prop_assert!(stage.end().is_some());
            for status in stage.statuses() {
                prop_assert!(status.is_final(), "{}: {status:?}", stage.name());
            }
            let counts = stage.counts();
            prop_assert_eq!(counts.ended(), counts.total());
            if stage.end() == Some(&StageEnd::Succeeded) {
                let mut files = stage.inputs().iter().flat_map(|input| &input.parts);
                prop_assert!(files.all(|part| !part.is_awaited()), "{}", stage.name());
            }
        }
        assert_single_results(&world.journal);
        prop_assert_eq!(world.state.promises(), (0, 0));
        world.assert_replays();
    }

    #[test]
    fn without_failures_everything_succeeds_whatever_breaks_around_it(
        nodes in prop::collection::vec(node(), 1..7),
        events in prop::collection::vec(event(), 0..60),
        picks in prop::collection::vec(0_usize..50, 1..20),
    ) {
        let world = story(&nodes, &events, vec![9], picks, false);
        let run = world.state.newest().unwrap();
        prop_assert_eq!(world.status(run), RunStatus::Succeeded);
        let calm = story(&nodes, &[], vec![9], vec![0], false);
        let results = |world: &World| -> Vec<_> {
            let one = world.state.run(run).unwrap();
            one.stages()
                .map(|stage| one.gathered(stage.id, "out"))
                .collect()
        };
        // Tasks with equal keys may share a result, which then has another task's name.
        if nodes.iter().all(|node| matches!(node.shape, 0 | 1 | 4 | 6..)) {
            prop_assert_eq!(results(&world), results(&calm));
        }
    }
}
