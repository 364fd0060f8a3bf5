//! The runs in progress, as the world sees them: where their data is and when they are due.

use std::collections::{BTreeMap, BTreeSet};

use sunward_core::ids::index_of;
use sunward_core::{
    Dataset, Digest, Fleet, PartRef, PoolId, RunId, RunSpec, RunStatus, StageId, Timestamp,
};
use sunward_workflows::Reference;

use crate::at_home::{AtHome, at_home};
use crate::group::Group;
use crate::meter::Truth;
use crate::setup::Setup;
use crate::submission::Submission;
use crate::tally::{Past, Tally, transfer_microjoules};

/// The runs in progress.
#[derive(Debug, Default)]
pub(super) struct Flights {
    runs: BTreeMap<RunId, Flight>,
}

/// One run in progress.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) submission: Submission,
    home: PoolId,
    due: Option<Timestamp>,
    at_home: AtHome,
    /// Bytes that a stage's tasks wrote, by the pool in which they ran.
    rests: BTreeMap<StageId, BTreeMap<usize, u64>>,
    /// Inputs of a stage that were already brought to a region.
    moved: BTreeSet<(StageId, String)>,
    /// When its first task started.
    begun: Option<Timestamp>,
}

/// The pool that stands for a run's home: the workflow's, else the settings', else the first region
/// that it may use, else the first pool.
pub(crate) fn home_of(spec: &RunSpec, fleet: &Fleet) -> PoolId {
    let place = &spec.workflow.place;
    place
        .home
        .as_ref()
        .or(spec.placing.home.as_ref())
        .or_else(|| place.regions.first())
        .and_then(|word| fleet.find(word))
        .unwrap_or(PoolId(0))
}

impl Flights {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Records a run that starts.
    pub(super) fn begin(
        &mut self,
        run: RunId,
        submission: Submission,
        fleet: &Fleet,
        truth: &Truth,
    ) {
        let home = home_of(&submission.spec, fleet);
        let deadline_ms = submission.spec.workflow.place.deadline_ms;
        let flight = Flight {
            home,
            due: deadline_ms.map(|ms| submission.at.after_ms(ms)),
            at_home: at_home(&submission, home, fleet, truth),
            rests: BTreeMap::new(),
            moved: BTreeSet::new(),
            begun: None,
            submission,
        };
        self.runs.insert(run, flight);
    }

    pub(super) fn get(&self, run: RunId) -> Option<&Flight> {
        self.runs.get(&run)
    }

    /// Records that tasks start in a pool. What they read is brought there, once for each stage.
    pub(super) fn starts(&mut self, group: &Group, pool: usize, setup: &Setup, tally: &mut Tally) {
        let Some(flight) = self.runs.get_mut(&group.lease.run) else {
            return;
        };
        if setup.keep_details {
            tally.begins(pool, group);
        }
        flight.begun.get_or_insert(group.started);
        let stage = group.lease.stage;
        let Some(to) = setup.fleet.pools.get(pool) else {
            return;
        };
        let bytes = flight.reads(stage);
        if bytes.is_empty() || !flight.moved.insert((stage, to.region.clone())) {
            return;
        }
        let per_gb = flight
            .submission
            .spec
            .placing
            .transfer_milliwatt_hours_per_gb;
        let of = (group.lease.run, stage);
        for (from, bytes) in bytes {
            let region = setup.fleet.pools.get(from).map(|pool| &pool.region);
            if region.is_some_and(|region| *region != to.region) {
                let microjoules = transfer_microjoules(bytes, per_gb);
                tally.moved(setup, of, (from, pool), microjoules, group.started);
            }
        }
    }

    /// The outputs of tasks that ended in a pool, by port. A stage without outputs costs nothing.
    pub(super) fn outputs(
        &mut self,
        group: &Group,
        pool: usize,
    ) -> impl Fn(u32) -> Vec<Dataset> + use<> {
        let lease = group.lease;
        let mut ports = 0_u64;
        let mut bytes = 0;
        if let Some(flight) = self.runs.get_mut(&lease.run)
            && let Some(planned) = flight.submission.spec.plan.stage(lease.stage)
        {
            ports = index_of(planned.stage.outputs.len()).into();
            bytes = flight.submission.bytes.output(&planned.stage.name);
            if ports > 0 {
                let rests = flight.rests.entry(lease.stage).or_default();
                *rests.entry(pool).or_default() += bytes.saturating_mul(group.count.into());
            }
        }
        move |index| {
            (0..ports)
                .map(|port| {
                    dataset(
                        &[lease.run.0, lease.stage.0.into(), index.into(), port],
                        bytes,
                    )
                })
                .collect()
        }
    }

    /// Records that a run has ended.
    pub(super) fn end(&mut self, run: RunId, status: RunStatus, now: Timestamp, tally: &mut Tally) {
        if let Some(flight) = self.runs.remove(&run) {
            tally.ended(&flight.past(), status == RunStatus::Succeeded, now);
        }
    }

    /// Ends the simulation: runs in progress stay unfinished.
    pub(super) fn give_up(&mut self, now: Timestamp, tally: &mut Tally) {
        for flight in std::mem::take(&mut self.runs).into_values() {
            tally.ended(&flight.past(), false, now);
        }
    }
}

impl Flight {
    fn past(&self) -> Past {
        Past {
            arrived: self.submission.at,
            begun: self.begun,
            due: self.due,
            at_home: self.at_home,
        }
    }

    /// Bytes that a stage reads, by the pool where they are. Data from outside the run is at its
    /// home.
    fn reads(&self, stage: StageId) -> BTreeMap<usize, u64> {
        let mut bytes: BTreeMap<usize, u64> = BTreeMap::new();
        let plan = &self.submission.spec.plan;
        let Some(planned) = plan.stage(stage) else {
            return bytes;
        };
        for (port, input) in &planned.stage.inputs {
            let mut outside = false;
            for reference in &input.from {
                match reference {
                    Reference::Port { stage, .. } => {
                        let rests = plan.find(stage).and_then(|id| self.rests.get(&id));
                        for (pool, some) in rests.into_iter().flatten() {
                            *bytes.entry(*pool).or_default() += some;
                        }
                    }
                    Reference::Param(_)
                    | Reference::Path(_)
                    | Reference::Pattern(_)
                    | Reference::Url(_)
                    | Reference::Item(_) => outside = true,
                }
            }
            let size = self.submission.bytes.input(&planned.stage.name, port);
            if outside && size > 0 {
                *bytes.entry(self.home.place()).or_default() += size;
            }
        }
        bytes
    }
}

/// A dataset of one part whose digest is derived from these numbers.
pub(super) fn dataset(parts: &[u64; 4], bytes: u64) -> Dataset {
    let mut digest = [0; 32];
    for (to, from) in digest.chunks_exact_mut(8).zip(parts) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    Dataset {
        content: Digest(digest),
        rows: 1,
        parts: vec![PartRef {
            digest: Digest(digest),
            bytes,
            rows: 1,
        }],
        ..Dataset::default()
    }
}
