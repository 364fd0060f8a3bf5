//! Explanations of why a task ran, waits, failed or came from the cache, and previews of runs.
use crate::world::flow::{Flow, Shape, command, flow, stage};
use crate::world::{World, fails};
use sunward_core::{
    Dataset, Digest, EarlierStages, FailureKind, Gathered, Known, Outline, Outlook, PlannedStage,
    Reason, RunId, TaskResult, Tasks, WhyRan, explain, preview,
};
use sunward_workflows::{RetryOn, Value};

fn reason(world: &World, run: RunId, stage: &str, index: Option<u32>) -> Reason {
    let id = world.state.run(run).unwrap().find(stage).unwrap().id;
    explain(&world.state, run, id, index).unwrap().reason
}

fn two(k: i64) -> Flow {
    flow()
        .param("k", Value::Int(k))
        .stage(command("map", "map ${{ params.k }}").range(3))
        .stage(stage("reduce").from("all", "map"))
}

#[test]
fn every_standing_has_its_reason() {
    let mut world = World::with_cores(1);
    world.fate = Box::new(|stage, index, attempt| {
        if stage == "flaky" && attempt == 1 {
            fails(FailureKind::Timeout)
        } else if stage == "bad" {
            fails(FailureKind::Exit(3))
        } else {
            sunward_core::Outcome::Succeeded(crate::world::gives(stage, index, 1))
        }
    });
    let run = world.submit(
        flow()
            .stage(stage("flaky").retries(2, 60_000, RetryOn::Timeout))
            .stage(stage("bad"))
            .stage(stage("after").from("x", "bad"))
            .stage(stage("twins").items(&[5, 5]))
            .stage(stage("late").needs("twins").when("${{ false }}"))
            .spec(),
    );
    assert_eq!(reason(&world, run, "flaky", None), Reason::LookingUp);
    assert_eq!(
        reason(&world, run, "after", None),
        Reason::WaitsFor(vec!["bad".into()])
    );
    while world.answer_one() {}
    assert_eq!(
        reason(&world, run, "flaky", None),
        Reason::Running {
            worker: 1,
            attempt: 1
        }
    );
    assert_eq!(
        reason(&world, run, "twins", Some(1)),
        Reason::WaitsForTwin("twins".into(), 0)
    );
    world.land_one();
    assert!(matches!(
        reason(&world, run, "flaky", None),
        Reason::WaitsForRetry(_)
    ));
    world.settle();
    assert_eq!(
        reason(&world, run, "flaky", None),
        Reason::Ran(WhyRan::NotInCache)
    );
    let Reason::Failed { tasks, message } = reason(&world, run, "bad", None) else {
        panic!("a failed stage is explained as failed");
    };
    assert_eq!(tasks, 1);
    assert!(message.is_some_and(|message| !message.is_empty()));
    assert_eq!(
        reason(&world, run, "after", None),
        Reason::UpstreamFailed("bad".into())
    );
    assert_eq!(
        reason(&world, run, "twins", Some(1)),
        Reason::FromTwin("twins".into(), 0)
    );
    assert_eq!(reason(&world, run, "late", None), Reason::ConditionFalse);
    let id = world.state.run(run).unwrap().find("bad").unwrap().id;
    assert_eq!(
        explain(&world.state, run, id, Some(7)),
        None,
        "no such task"
    );
    let told = explain(&world.state, run, id, None).unwrap();
    assert_eq!(told.failures[0].failure.kind, FailureKind::Exit(3));
    assert_eq!(told.attempts.len(), 1);
}

#[test]
fn a_changed_param_is_named_against_the_run_before() {
    let mut world = World::with_cores(2);
    let first = world.submit(two(10).spec());
    world.settle();
    world.remember_all(first);
    let second = world.submit(two(20).spec());
    world.settle();
    let id = world.state.run(second).unwrap().find("map").unwrap().id;
    let told = explain(&world.state, second, id, Some(2)).unwrap();
    assert_eq!(told.compared_with, Some(first));
    assert_eq!(told.changes, ["param k: 10 -> 20"]);
    assert!(told.ingredients.iter().any(|one| one.name == "item"));
    let third = world.submit(two(10).spec());
    world.settle();
    assert_eq!(reason(&world, third, "map", Some(1)), Reason::FromCache);
}

/// Answers from a world's cache. Inputs are gathered outputs.
struct Cache<'a>(&'a World);

impl Known for Cache<'_> {
    fn inputs(
        &mut self,
        stage: &PlannedStage,
        upstream: &Gathered,
    ) -> Option<(Vec<Dataset>, Tasks)> {
        let mut inputs = Vec::new();
        for _ in stage.stage.inputs.values() {
            let parts: Vec<_> = upstream
                .written
                .get(&("map".to_owned(), "out".to_owned()))?
                .datasets
                .iter()
                .flat_map(|dataset| dataset.parts.clone())
                .collect();
            let text: Vec<String> = parts.iter().map(|part| part.digest.to_hex()).collect();
            inputs.push(Dataset {
                content: Digest::of(text.join(" ").as_bytes()),
                ..Dataset::default()
            });
        }
        Some((inputs, stage.tasks.clone()?))
    }

    fn results(&mut self, keys: &[Digest]) -> Vec<Option<TaskResult>> {
        keys.iter()
            .map(|key| self.0.cache.get(key).cloned())
            .collect()
    }
}

#[test]
fn a_preview_says_what_runs_what_is_cached_and_what_changed() {
    let mut world = World::with_cores(2);
    let run = world.submit(two(10).spec());
    world.settle();
    world.remember_all(run);
    let mut outline = Outline::default();
    for fact in world.journal.iter().cloned() {
        outline.note(fact);
    }
    let mut earlier = EarlierStages::default();
    earlier.add_older(outline);
    assert!(earlier.has_all_of(&two(10).spec()));
    let outlooks = |flow: Flow| -> Vec<(Outlook, u32, Vec<String>)> {
        preview(&flow.spec(), &mut Cache(&world), &earlier)
            .into_iter()
            .map(|one| (one.outlook, one.cached, one.changes))
            .collect()
    };
    assert_eq!(
        outlooks(two(10)),
        [(Outlook::Cached, 3, vec![]), (Outlook::Cached, 1, vec![])]
    );
    assert_eq!(
        outlooks(two(20)),
        [
            (
                Outlook::Runs(WhyRan::NotInCache),
                0,
                vec!["param k: 10 -> 20".to_owned()]
            ),
            (Outlook::After("map".into()), 0, vec![])
        ]
    );
    let skipped = two(10).stage(stage("more").needs("reduce").when("${{ params.k > 10 }}"));
    assert_eq!(outlooks(skipped)[2].0, Outlook::ConditionFalse);
}
