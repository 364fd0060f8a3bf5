//! The ends of attempts in a world: what they used, and how they are reported to the core.

use sunward_core::{
    Energy, Failure, FailureKind, Input, Lease, Outcome, TaskEnd, TaskId, TaskResult,
};

use super::World;
use super::pools::worker_of;
use crate::group::Group;
use crate::setup::SimError;
use crate::submission::Needs;

impl World {
    /// Counts what a group used until now, or until its end.
    pub(super) fn meter(&mut self, pool: usize, group: &Group) {
        self.tally
            .ran(&self.setup, pool, group, self.now.min(group.ends));
    }

    /// Counts what a group used that has to make way. Stages with `checkpoint: true` keep what it has
    /// done.
    pub(super) fn makes_way(&mut self, pool: usize, group: &Group) {
        self.meter(pool, group);
        let Lease { run, stage, .. } = group.lease;
        let flight = self.flights.get(run);
        let planned = flight.and_then(|flight| flight.submission.spec.plan.stage(stage));
        if planned.is_none_or(|planned| !planned.stage.checkpoint) {
            return;
        }
        let done_ms = self.now.min(group.ends).since_ms(group.started);
        for index in group.first..group.first + group.count {
            *self.kept.entry((run, stage, index)).or_default() += done_ms;
        }
    }

    /// Records the end of a group, which succeeded.
    pub(super) fn ended(&mut self, pool: usize, group: &Group, ends: &mut Vec<TaskEnd>) {
        self.freed.insert(pool);
        self.meter(pool, group);
        let ports = self.flights.outputs(group, pool);
        self.report(group, ends, |index| {
            Outcome::Succeeded(TaskResult::of_cpu(ports(index)))
        });
    }

    /// Reports groups that had to leave early; leases that wait in the pool are given back as well.
    pub(super) fn evicted(&mut self, pool: usize, groups: Vec<Group>) -> Result<(), SimError> {
        self.freed.insert(pool);
        let mut ends = Vec::new();
        for group in groups {
            self.makes_way(pool, &group);
            self.report(&group, &mut ends, |_| {
                stopped(
                    FailureKind::Preempted,
                    "the pool's owner took the machine back",
                )
            });
        }
        self.give(Input::Ended {
            worker: worker_of(pool),
            ends,
        })
    }

    pub(super) fn report(
        &self,
        group: &Group,
        ends: &mut Vec<TaskEnd>,
        outcome: impl Fn(u32) -> Outcome,
    ) {
        let wall_ms = self.now.min(group.ends).since_ms(group.started);
        let millijoules = u128::from(group.needs.milliwatts) * u128::from(wall_ms) / 1000;
        let millijoules = u64::try_from(millijoules).unwrap_or(u64::MAX);
        ends.extend(
            (group.first..group.first + group.count).map(|index| TaskEnd {
                task: TaskId {
                    run: group.lease.run,
                    stage: group.lease.stage,
                    index,
                },
                generation: group.lease.generation,
                started_ms: group.started.0,
                wall_us: wall_ms.saturating_mul(1000),
                cpu_us: 0,
                energy: Energy::Modelled { millijoules },
                outcome: outcome(index),
            }),
        );
    }

    /// Reports leases that ended before any of their tasks started.
    pub(super) fn dropped(
        &self,
        leases: &[Lease],
        ends: &mut Vec<TaskEnd>,
        kind: FailureKind,
        why: &str,
    ) {
        for lease in leases {
            let nothing = Group {
                lease: *lease,
                first: lease.first,
                count: lease.count,
                needs: Needs::default(),
                started: self.now,
                ends: self.now,
            };
            self.report(&nothing, ends, |_| stopped(kind, why));
        }
    }
}

/// The outcome of an attempt that was stopped.
pub(super) fn stopped(kind: FailureKind, why: &str) -> Outcome {
    Outcome::Failed(Failure {
        kind,
        message: why.to_owned(),
        log_tail: String::new(),
        ran_on: None,
    })
}
