//! `resources.disk`: tasks that wait for it, and tasks that use more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "tests stop where they cannot go on, and share one scene"
)]

mod support;

use sunward_core::{FailureKind, Tasks};
use sunward_protocol::{FromWorker, ToWorker};
use sunward_worker::Space;
use support::{Scene, failure, kind, shell, succeeded};

#[test]
fn a_task_that_writes_more_than_its_disk_is_ended_and_told_so() {
    let mut scene = Scene::new();
    let mut stage = shell(
        "head -c 4194304 /dev/zero > $TMPDIR/a; head -c 4194304 /dev/zero > b; while :; do sleep 0.1; done",
    );
    stage.resources.disk_bytes = Some(6 << 20);
    let failure = scene.failure(stage);
    assert_eq!(failure.kind, FailureKind::Output, "{}", failure.message);
    for word in ["work/0, attempt 1", "8.0 MiB", "6.0 MiB", "resources.disk"] {
        assert!(failure.message.contains(word), "{}", failure.message);
    }
    // Files for its next attempt count too.
    let mut stage =
        shell("head -c 8388608 /dev/zero > $SUNWARD_CHECKPOINT/a; while :; do sleep 0.1; done");
    stage.checkpoint = true;
    stage.resources.disk_bytes = Some(6 << 20);
    assert_eq!(scene.failure(stage).kind, FailureKind::Output);
    // Its files are deleted, and a task that stays within its limit is not affected.
    let mut stage = shell("head -c 4194304 /dev/zero > a; test -s a");
    stage.resources.disk_bytes = Some(6 << 20);
    assert!(succeeded(&scene.one(stage)));
}

#[test]
fn a_task_without_space_waits_says_why_and_bars_nobody() {
    let mut scene = Scene::new();
    let space = Space::at(scene.home.path()).unwrap();
    let mut large = shell("true");
    large.name = "large".into();
    large.resources.disk_bytes = Some(space.total_bytes + 1);
    let large = scene.job(large, Tasks::One);
    let lease = scene.start(large);
    while scene.notices.is_empty() {
        scene.message();
    }
    let notice = scene.notices[0].clone();
    for word in ["stage large waits for disk space", "too small", "--home"] {
        assert!(notice.contains(word), "{notice}");
    }
    let small = scene.one(shell("true"));
    assert!(succeeded(&small));
    scene.worker.tell(ToWorker::Revoke { run: lease.run });
    let end = loop {
        if let FromWorker::Ended { mut ends } = scene.message() {
            break ends.remove(0);
        }
    };
    assert_eq!(end.task.stage, lease.stage);
    assert_eq!(kind(end.clone()), FailureKind::Cancelled);
    assert!(failure(end).message.contains("before it started"));
}
