//! Tests of admission by disk space and by GPUs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use sunward_core::{Generation, Tasks};
use sunward_protocol::Job;
use sunward_workflows::{Catalog, Facts, check};

use super::*;
use crate::device::Venue;

const GIB: u64 = 1 << 30;

/// A queue of four cores over a disk of 100 GiB, of which `free_bytes` are free. Stage 0 asks for 6
/// GiB a task, stage 1 for nothing, stage 2 for one of the two GPUs.
fn queue(free_bytes: &Arc<AtomicU64>) -> Queue {
    let free = Arc::clone(free_bytes);
    let total = Need {
        cpus: 4,
        memory_bytes: GIB,
        disk_bytes: 0,
        gpus: 2,
    };
    let mut queue = Queue::new(
        total,
        Box::new(move || {
            Some(Space {
                total_bytes: 100 * GIB,
                free_bytes: free.load(Ordering::Relaxed),
            })
        }),
    );
    let text = "name: w\nstages:\n  large: { run: 'true', resources: { disk: 6GiB } }\n  small: { run: 'true' }\n  gpu: { run: 'true', resources: { gpus: 1 } }\n";
    let checked = check(text, &Catalog::default(), &Facts::default());
    let workflow = checked.workflow.unwrap();
    for (id, stage) in workflow.stages.values().enumerate() {
        let gpus = u32::from(stage.resources.gpus != sunward_workflows::Gpus::None);
        let job = Arc::new(Job {
            run: RunId(1),
            workflow: "w".into(),
            stage_id: StageId(u32::try_from(id).unwrap()),
            stage: stage.clone(),
            params: BTreeMap::new(),
            inputs: BTreeMap::new(),
            tasks: Tasks::Range(100),
            statuses: BTreeMap::new(),
            folder: "/".into(),
            staged: Default::default(),
        });
        queue.add_job(JobState::new(job, Venue::Twin, gpus));
    }
    queue
}

fn lease(queue: &mut Queue, stage: u32, count: u32) {
    let lease = Lease {
        run: RunId(1),
        stage: StageId(stage),
        first: 0,
        count,
        generation: Generation(1),
        attempt: 1,
    };
    queue.add_lease(lease).unwrap();
}

/// The stage of the task that starts now, and its batch; `None` if none may.
fn start(queue: &mut Queue) -> Option<(u32, Batch)> {
    match queue.next() {
        Next::Work(batch) => Some((batch.job.job.stage_id.0, batch)),
        Next::Wait | Next::Leave => None,
    }
}

#[test]
fn a_task_starts_only_with_its_space_free_beyond_what_running_ones_declared() {
    let free = Arc::new(AtomicU64::new(13 * GIB));
    let mut queue = queue(&free);
    lease(&mut queue, 0, 3);
    let (_, batch) = start(&mut queue).unwrap();
    assert_eq!(batch.need.disk_bytes, 6 * GIB);
    assert!(start(&mut queue).is_some());
    assert!(start(&mut queue).is_none(), "13 GiB are not three times 6");
    assert!(!queue.has_work());
    // Running tasks hold the space, so it will be released, and there is nothing to report.
    assert!(queue.shortage().is_none());
    queue.release(&batch);
    assert!(start(&mut queue).is_some());
}

#[test]
fn a_task_that_waits_for_running_ones_is_overtaken_only_so_often() {
    let free = Arc::new(AtomicU64::new(7 * GIB));
    let mut queue = queue(&free);
    lease(&mut queue, 0, 2);
    let (_, large) = start(&mut queue).unwrap();
    lease(&mut queue, 1, 100);
    for _ in 0..OVERTAKEN_AT_MOST {
        let (stage, batch) = start(&mut queue).unwrap();
        assert_eq!(stage, 1);
        queue.release(&batch);
    }
    assert!(start(&mut queue).is_none(), "the large one's turn");
    queue.release(&large);
    assert_eq!(start(&mut queue).unwrap().0, 0);
}

#[test]
fn a_task_that_waits_for_space_which_nobody_here_holds_bars_nobody() {
    let free = Arc::new(AtomicU64::new(5 * GIB));
    let mut queue = queue(&free);
    lease(&mut queue, 0, 1);
    lease(&mut queue, 1, 100);
    for _ in 0..100 {
        let (stage, batch) = start(&mut queue).unwrap();
        assert_eq!(stage, 1);
        queue.release(&batch);
    }
    assert!(start(&mut queue).is_none());
    let shortage = queue.shortage().unwrap();
    assert_eq!(shortage.need_bytes, 6 * GIB);
    assert_eq!(shortage.space.free_bytes, 5 * GIB);
    free.store(6 * GIB, Ordering::Relaxed);
    assert!(queue.has_work() && queue.shortage().is_none());
    assert_eq!(start(&mut queue).unwrap().0, 0);
}

#[test]
fn tasks_that_wait_for_gpus_take_no_slot_and_leave_cores_to_others_for_as_long_as_it_takes() {
    let mut queue = queue(&Arc::new(AtomicU64::new(0)));
    lease(&mut queue, 2, 4);
    let [first, second] = [start(&mut queue).unwrap(), start(&mut queue).unwrap()];
    assert_eq!((first.0, first.1.need.gpus, second.0), (2, 1, 2));
    assert!(start(&mut queue).is_none(), "both GPUs are taken");
    lease(&mut queue, 1, 100);
    for _ in 0..2 * OVERTAKEN_AT_MOST {
        let (stage, batch) = start(&mut queue).unwrap();
        assert_eq!((stage, batch.need.gpus), (1, 0));
        queue.release(&batch);
    }
    queue.release(&first.1);
    assert_eq!(
        start(&mut queue).unwrap().0,
        2,
        "the oldest, as soon as a GPU is free"
    );
}

#[test]
fn a_task_for_many_gpus_is_not_overtaken_for_ever_by_those_for_few() {
    let mut queue = queue(&Arc::new(AtomicU64::new(0)));
    lease(&mut queue, 2, 1);
    let (_, one) = start(&mut queue).unwrap();
    let all = queue.jobs.get(&(RunId(1), StageId(1))).unwrap().job.clone();
    queue.add_job(JobState::new(all, Venue::Twin, 2));
    lease(&mut queue, 1, 1);
    lease(&mut queue, 2, 100);
    for _ in 0..OVERTAKEN_AT_MOST {
        let (stage, batch) = start(&mut queue).unwrap();
        assert_eq!(stage, 2);
        queue.release(&batch);
    }
    assert!(start(&mut queue).is_none(), "its turn");
    queue.release(&one);
    let (stage, batch) = start(&mut queue).unwrap();
    assert_eq!((stage, batch.need.gpus), (1, 2));
}

#[test]
fn tasks_that_make_way_are_given_back_exactly_and_only_running_ones_of_the_span_stop() {
    let mut queue = queue(&Arc::new(AtomicU64::new(0)));
    lease(&mut queue, 1, 10);
    let running: Vec<Batch> = (0..4).map(|_| start(&mut queue).unwrap().1).collect();
    let span = |first, count| Span {
        run: RunId(1),
        stage: StageId(1),
        first,
        count,
    };
    let given = |leases: Vec<Lease>| -> Vec<u32> {
        let tasks = leases.into_iter();
        tasks
            .flat_map(|one| one.first..one.first + one.count)
            .collect()
    };
    assert_eq!(given(queue.make_way(span(2, 4), false)), [4, 5]);
    assert!(running.iter().all(|batch| !batch.stopped()));
    assert_eq!(given(queue.make_way(span(3, 4), true)), [6]);
    let stopped: Vec<bool> = running.iter().map(Batch::stopped).collect();
    assert_eq!(stopped, [false, false, false, true]);
    assert!(running[3].stop.makes_way());
    assert_eq!(given(queue.revoke(RunId(1))), [7, 8, 9]);
    let away: Vec<bool> = running.iter().map(|batch| batch.stop.makes_way()).collect();
    assert_eq!(away, [false, false, false, true], "the others end for good");
    assert!(running.iter().all(Batch::stopped));
    running.iter().for_each(|batch| queue.release(batch));
    lease(&mut queue, 1, 1);
    assert!(
        !start(&mut queue).unwrap().1.stopped(),
        "what comes later runs"
    );
}
