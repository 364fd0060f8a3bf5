//! The answers to the core's orders. They are immediate, as in a world without latencies.

use sunward_core::ids::index_of;
use sunward_core::{
    Dataset, Digest, FailureKind, Hasher, Input, Order, RunId, Span, StageId, Tasks, WorkerId,
};
use sunward_workflows::{Reference, Scatter};

use super::World;
use super::ends::stopped;
use super::flights::dataset;
use super::pools::pool_of;
use crate::setup::SimError;
use crate::submission::{Needs, guessed_tasks};

impl World {
    /// Answers all pending orders. Inputs are resolved before placements are solved, so that a
    /// placement knows what it would move.
    pub(super) fn answer_orders(&mut self) -> Result<(), SimError> {
        for order in std::mem::take(&mut self.orders) {
            match order {
                Order::Resolve { run, stage } => {
                    if let Some((inputs, tasks)) = self.resolve(run, stage) {
                        self.give(Input::Resolved {
                            run,
                            stage,
                            answer: Ok((inputs, tasks)),
                        })?;
                    }
                }
                Order::Lookup {
                    run,
                    stage,
                    first,
                    keys,
                } => self.give(Input::LookedUp {
                    run,
                    stage,
                    first,
                    count: u32::try_from(keys.len()).unwrap_or(u32::MAX),
                    hits: Vec::new(),
                })?,
                Order::Solve { problem } => {
                    let asks = problem.asks.iter().map(|ask| ask.id).collect();
                    let solution = self.placer.solve(&problem);
                    // Releases the problem, so that the core can change its reservations in place
                    // instead of copying them.
                    drop(problem);
                    self.give(Input::Solved { asks, solution })?;
                }
                Order::Dispatch { worker, lease } => {
                    let pool = pool_of(worker);
                    // The world knows how long a task takes; the core may not.
                    let flight = self.flights.get(lease.run);
                    let needs = flight
                        .and_then(|flight| flight.submission.spec.plan.stage(lease.stage))
                        .map(|planned| Needs::of(planned, self.setup.fleet.pools.get(pool)));
                    if let Some(needs) = needs
                        && let Some(worker) = self.workers.get_mut(pool)
                    {
                        worker.offer(lease, needs);
                        self.freed.insert(pool);
                    }
                }
                Order::Revoke { worker, run } => self.revoke(worker, run)?,
                Order::Yield {
                    worker,
                    tasks,
                    stops,
                } => self.make_way(worker, tasks, stops)?,
                Order::Close { run, status } => {
                    self.flights.end(run, status, self.now, &mut self.tally);
                    let past = self.state.archive(run);
                    if let Some(past) = past.filter(|_| self.setup.keep_details) {
                        self.tally.ledger.merge(&past.ledger());
                    }
                }
            }
        }
        Ok(())
    }

    fn revoke(&mut self, worker: WorkerId, run: RunId) -> Result<(), SimError> {
        let pool = pool_of(worker);
        let Some((groups, waiting)) = self.workers.get_mut(pool).map(|one| one.revoke(run)) else {
            return Ok(());
        };
        self.freed.insert(pool);
        let mut ends = Vec::new();
        for group in groups {
            self.meter(pool, &group);
            self.report(&group, &mut ends, |_| {
                stopped(FailureKind::Cancelled, "the run was stopped")
            });
        }
        self.dropped(
            &waiting,
            &mut ends,
            FailureKind::Cancelled,
            "the run was stopped",
        );
        self.give(Input::Ended { worker, ends })
    }

    /// Stops groups that have to make way, and gives back what has not begun.
    fn make_way(&mut self, worker: WorkerId, tasks: Span, stops: bool) -> Result<(), SimError> {
        let pool = pool_of(worker);
        let Some((groups, waiting)) = self
            .workers
            .get_mut(pool)
            .map(|one| one.make_way(tasks, stops))
        else {
            return Ok(());
        };
        self.freed.insert(pool);
        let mut ends = Vec::new();
        let why = "its pool is curtailed";
        for group in groups {
            self.makes_way(pool, &group);
            self.report(&group, &mut ends, |_| stopped(FailureKind::Preempted, why));
        }
        self.dropped(&waiting, &mut ends, FailureKind::Preempted, why);
        self.give(Input::Ended { worker, ends })
    }

    /// A stage's inputs and tasks, as the world knows them.
    fn resolve(&self, run: RunId, id: StageId) -> Option<(Vec<Dataset>, Tasks)> {
        let state = self.state.run(run)?;
        let planned = state.spec.plan.stage(id)?;
        let flight = self.flights.get(run)?;
        let mut inputs = Vec::new();
        for (at, (port, input)) in planned.stage.inputs.iter().enumerate() {
            let mut whole = Dataset::default();
            let mut outside = false;
            for reference in state.sources(input) {
                match reference {
                    Reference::Port { stage, port } => {
                        let upstream = state.spec.plan.find(stage)?;
                        let parts = state.gathered(upstream, port)?;
                        whole
                            .parts
                            .extend(parts.into_iter().flat_map(|one| one.parts));
                    }
                    Reference::Param(_)
                    | Reference::Path(_)
                    | Reference::Pattern(_)
                    | Reference::Url(_)
                    | Reference::Item(_) => outside = true,
                }
            }
            if outside {
                let bytes = flight.submission.bytes.input(&planned.stage.name, port);
                let numbers = [u64::MAX, id.0.into(), index_of(at).into(), 0];
                whole.parts.extend(dataset(&numbers, bytes).parts);
            }
            whole.rows = whole.parts.iter().map(|part| part.rows).sum();
            whole.content = content(&whole);
            inputs.push(whole);
        }
        let tasks = planned.tasks.clone().unwrap_or_else(|| {
            let parts_of = |port: &str| {
                let at = planned.stage.inputs.get_index_of(port);
                at.and_then(|at| inputs.get(at))
                    .map_or(1, |input| index_of(input.parts.len()))
            };
            let parts = match &planned.stage.scatter {
                Scatter::Input { port, .. } => parts_of(port),
                Scatter::Zip { ports, .. } => ports.first().map_or(1, |port| parts_of(port)),
                Scatter::One | Scatter::Items(_) | Scatter::Range(_) | Scatter::Matrix(_) => 1,
            };
            guessed_tasks(planned, parts)
        });
        Some((inputs, tasks))
    }
}

/// The digest of a dataset's parts, in order.
fn content(dataset: &Dataset) -> Digest {
    let mut hasher = Hasher::new("simulated dataset");
    for part in &dataset.parts {
        hasher.field("part", &part.digest.0);
    }
    hasher.finish()
}
