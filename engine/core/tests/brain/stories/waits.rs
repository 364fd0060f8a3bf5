//! What a run in progress waits for.

use sunward_core::explain::{WaitsFor, waits};
use sunward_core::{FailureKind, Input};
use sunward_workflows::{RetryOn, Stage};

use crate::world::flow::{Shape, flow, stage};
use crate::world::grids::HOUR_MS;
use crate::world::{World, fails};

fn hour_long(name: &str) -> Stage {
    stage(name)
        .uncached()
        .edit(|stage| stage.expect.time_ms = Some(HOUR_MS))
}

#[test]
fn what_waits_says_until_when_and_for_what() {
    let mut world = World::with_grids(&[("DE", &[400, 300, 200, 100, 300, 400, 400, 400])], 1);
    let mut flow = flow()
        .stage(
            hour_long("train")
                .range(3)
                .retries(3, 60_000, RetryOn::Exit(vec![75])),
        )
        .stage(hour_long("end").from("all", "train"));
    flow.workflow.place.deadline_ms = Some(9 * HOUR_MS);
    let run = world.submit(flow.spec());
    world.think();
    let told = |world: &World| waits(&world.state, run);
    let first = told(&world);
    assert_eq!(first.len(), 2);
    assert_eq!(
        (first[0].stage.as_str(), first[0].tasks),
        ("train", Some(3))
    );
    assert_eq!(first[0].wait, WaitsFor::CleanPower);
    let placed = world.state.run(run).unwrap().find("train").unwrap();
    let start = placed.placement().unwrap().start();
    assert_eq!(first[0].until, start);
    assert_eq!(first[0].pool.as_ref().unwrap().pool, "pool-DE");
    assert_eq!(
        (first[1].wait, first[1].stages.as_slice()),
        (WaitsFor::Stages, &["train".to_owned()][..])
    );
    assert!(first[1].until > first[0].until);

    world.pass(start.unwrap());
    let slots = told(&world);
    assert_eq!(
        (slots[0].wait, slots[0].tasks),
        (WaitsFor::Slot, Some(2)),
        "one runs"
    );
    assert_eq!(slots[0].pool.as_ref().unwrap().zone, "DE");

    world.fate = Box::new(|_, _, _| fails(FailureKind::Exit(75)));
    world.land_one();
    let retried = told(&world);
    let retry = retried
        .iter()
        .find(|one| one.wait == WaitsFor::Retry)
        .unwrap();
    assert_eq!(retry.tasks, Some(1));
    let until = retry.until.unwrap();
    assert!(
        until > world.now && until <= world.now.after_ms(60_000),
        "{until:?}"
    );

    world.give(Input::Cancel { run });
    world.settle();
    assert_eq!(told(&world), []);
}
