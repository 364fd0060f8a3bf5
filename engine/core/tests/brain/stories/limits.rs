//! Units of what all tasks share, such as licenses.

use sunward_core::explain::{WaitsFor, waits};
use sunward_core::{Fact, RunId, RunStatus, StageId, explain};
use sunward_workflows::Stage;

use crate::world::World;
use crate::world::flow::{Flow, Shape, flow, stage};

/// A stage whose tasks ask for units of `server`.
fn sharing(name: &str, tasks: u32, asked: u32) -> Stage {
    stage(name)
        .range(tasks)
        .uncached()
        .edit(|stage| stage.resources.shared = [("server".to_owned(), asked)].into())
}

fn limited(limit: u32, flow: Flow) -> Flow {
    let mut flow = flow;
    flow.workflow.limits.insert("server".into(), limit);
    flow
}

/// The stages of all leases so far, in order.
fn leased(world: &World) -> Vec<(RunId, StageId)> {
    let leases = world.journal.iter().filter_map(|fact| match fact {
        Fact::Leased { lease, .. } => Some((lease.run, lease.stage)),
        _ => None,
    });
    leases.collect()
}

#[test]
fn what_waits_for_units_says_which_and_how_many_are_in_use() {
    let mut world = World::with_cores(8);
    let flow = flow()
        .stage(sharing("get", 10, 1))
        .stage(sharing("all", 1, 2))
        .stage(stage("free").uncached());
    let run = world.submit(limited(4, flow).spec());
    while world.answer_one() {}
    assert_eq!(world.flights.len(), 5, "four units, and one task without");
    let told = waits(&world.state, run);
    let text = |wait: &sunward_core::explain::Wait| wait.limit.as_ref().unwrap().to_string();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|wait| wait.wait == WaitsFor::Limit));
    assert_eq!(told[0].tasks, Some(6));
    assert_eq!(text(&told[0]), "server: 4 of 4 in use");
    assert_eq!(text(&told[1]), "2 of server: 4 of 4 in use");
    let id = world.state.run(run).unwrap().find("get").unwrap().id;
    let why = explain(&world.state, run, id, Some(9)).unwrap().reason;
    assert_eq!(why.to_string(), "it waits for server: 4 of 4 in use");
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

#[test]
fn a_task_that_asks_for_many_is_not_passed_by_tasks_that_come_later() {
    let mut world = World::with_cores(8);
    let mut built = flow()
        .stage(sharing("small0", 3, 1))
        .stage(sharing("large", 1, 4));
    for at in 1..4 {
        let before = format!("small{}", at - 1);
        built = built.stage(sharing(&format!("small{at}"), 3, 1).needs(&before));
    }
    let run = world.submit(limited(4, built).spec());
    while world.answer_one() {}
    assert_eq!(world.flights.len(), 3);
    let told = waits(&world.state, run);
    assert_eq!(told[0].stage, "large");
    let text = told[0].limit.as_ref().unwrap().to_string();
    assert_eq!(text, "4 of server: 3 of 4 in use");
    world.settle();
    let stages: Vec<String> = leased(&world)
        .into_iter()
        .map(|(run, id)| {
            let run = world.state.run(run).unwrap();
            run.stage(id).unwrap().name().to_owned()
        })
        .collect();
    let first = |name: &str| stages.iter().position(|one| one == name).unwrap();
    assert!(first("large") < first("small1"), "{stages:?}");
    assert_eq!(world.status(run), RunStatus::Succeeded);
}

#[test]
fn free_units_are_kept_for_what_has_waited_longer() {
    let mut world = World::with_cores(8);
    let first = flow()
        .stage(sharing("one", 1, 3))
        .stage(sharing("two", 1, 3));
    let first = world.submit(limited(4, first).spec());
    while world.answer_one() {}
    let later = world.submit(limited(4, flow().stage(sharing("three", 1, 1))).spec());
    while world.answer_one() {}
    assert_eq!(world.flights.len(), 1, "one unit is free, and it is kept");
    let told = waits(&world.state, later);
    let text = told[0].limit.as_ref().unwrap().to_string();
    assert_eq!(
        text,
        format!("server: 3 of 4 in use, and two of {first} has waited longer")
    );
    world.land_one();
    while world.answer_one() {}
    assert_eq!(world.flights.len(), 2, "then both fit");
    world.settle();
    world.assert_replays();
}

#[test]
fn what_no_worker_would_run_keeps_no_units_from_others() {
    let mut world = World::with_cores(2);
    let built = flow()
        .stage(sharing("slow", 6, 1).edit(|stage| stage.max_parallel = Some(1)))
        .stage(sharing("fast", 1, 1));
    let run = world.submit(limited(2, built).spec());
    while world.answer_one() {}
    let stages: Vec<StageId> = leased(&world).into_iter().map(|(_, id)| id).collect();
    assert_eq!(stages, [StageId(0), StageId(1)]);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
}

#[test]
fn the_smallest_limit_of_the_runs_in_progress_holds_for_all() {
    let mut world = World::with_cores(20);
    let wide = world.submit(limited(8, flow().stage(sharing("wide", 30, 1).range(30))).spec());
    while world.answer_one() {}
    assert_eq!(world.flights.len(), 8);
    let tight = flow().stage(sharing("tight", 2, 1));
    let tight = world.submit(limited(2, tight).spec());
    for _ in 0..6 {
        world.land_one();
        while world.answer_one() {}
    }
    assert_eq!(world.flights.len(), 2, "no more than the smaller limit");
    world.settle();
    for run in [wide, tight] {
        assert_eq!(world.status(run), RunStatus::Succeeded);
    }
    world.assert_replays();
}

#[test]
fn a_task_that_asks_for_more_than_another_runs_limit_runs_alone() {
    let mut world = World::with_cores(20);
    let tight = limited(2, flow().stage(sharing("tight", 5, 1))).spec();
    let tight = world.submit(tight);
    let wide = world.submit(limited(8, flow().stage(sharing("wide", 2, 6))).spec());
    world.settle();
    for run in [wide, tight] {
        assert_eq!(world.status(run), RunStatus::Succeeded);
    }
    world.assert_replays();
}

#[test]
fn a_restarted_engine_knows_which_units_are_in_use() {
    let mut world = World::with_cores(8);
    let spec = limited(3, flow().stage(sharing("get", 9, 1))).spec();
    let run = world.submit(spec.clone());
    while world.answer_one() {}
    assert_eq!(world.state.units()["server"].in_use, 3);
    world.crash();
    assert_eq!(world.state.units().get("server"), None, "no run goes on");
    world.join(1, 8);
    world.give(sunward_core::Input::Resume {
        run,
        spec: spec.into(),
    });
    while world.answer_one() {}
    assert_eq!(world.state.units()["server"].in_use, 3);
    world.settle();
    assert_eq!(world.status(run), RunStatus::Succeeded);
    world.assert_replays();
}

#[test]
fn limits_that_no_stage_asks_for_change_nothing() {
    let journal = |limit: Option<u32>| {
        let mut world = World::with_cores(4);
        let mut built = flow()
            .stage(stage("map").range(500).uncached())
            .stage(stage("end").from("x", "map"));
        if let Some(limit) = limit {
            built = limited(limit, built);
        }
        world.submit(built.spec());
        world.settle();
        let facts = world.journal.iter();
        facts
            .filter(|fact| !matches!(fact, Fact::Submitted { .. }))
            .map(|fact| format!("{fact:?}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(journal(None), journal(Some(1)));
}
