//! A run that will arrive, and what its stages really need. The world knows this; the core is told
//! only a spec.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::{PlannedStage, Pool, RunSpec, Tasks, Timestamp};
use sunward_grid::whole;
use sunward_workflows::{Gpus, Scatter, Slicing};

use crate::workload::Lengths;

/// The length of a task if the workflow states none. The core assumes the same.
const TASK_MS: u64 = 3_600_000;

/// The power of a core under load in milliwatts if the workflow states none. The core assumes the
/// same.
const CORE_MILLIWATTS: u64 = 12_000;

/// A run that arrives at a moment.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The moment of arrival.
    pub at: Timestamp,
    /// The run's spec, with the true lengths of its tasks.
    pub spec: Arc<RunSpec>,
    /// The spec that the core is told: the same one, unless lengths are not known.
    pub told: Arc<RunSpec>,
    /// The sizes of its data.
    pub bytes: Arc<DataSizes>,
}

impl Submission {
    /// A run that arrives at a moment, with what policies are told of its length.
    #[must_use]
    pub fn new(at: Timestamp, (spec, bytes): Specified, lengths: Lengths) -> Self {
        Self {
            at,
            told: lengths.told(&spec, None),
            spec,
            bytes,
        }
    }
}

/// A run without its arrival: its spec and the sizes of its data.
pub type Specified = (Arc<RunSpec>, Arc<DataSizes>);

/// The sizes of a run's data in bytes; what is absent has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSizes {
    /// By stage and port: bytes that the stage reads from outside the run.
    pub inputs: BTreeMap<(String, String), u64>,
    /// By stage: bytes that one task writes at each of its ports.
    pub outputs: BTreeMap<String, u64>,
}

impl DataSizes {
    /// Bytes that one task of a stage writes at each port.
    #[must_use]
    pub fn output(&self, stage: &str) -> u64 {
        self.outputs.get(stage).copied().unwrap_or(0)
    }

    /// Bytes that a stage reads at a port from outside the run.
    #[must_use]
    pub fn input(&self, stage: &str, port: &str) -> u64 {
        let key = (stage.to_owned(), port.to_owned());
        self.inputs.get(&key).copied().unwrap_or(0)
    }
}

/// What one task of a stage needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Its length in milliseconds.
    pub(crate) task_ms: u64,
    /// IT power in milliwatts, devices and cores together.
    pub(crate) milliwatts: u64,
    /// Devices.
    pub(crate) gpus: u32,
    /// Cores.
    pub(crate) cpus: u32,
}

impl Needs {
    /// What one task of a stage needs in a pool.
    pub(crate) fn of(planned: &PlannedStage, pool: Option<&Pool>) -> Self {
        let stage = &planned.stage;
        let gpus = devices(&stage.resources.gpus);
        let cpus = stage.resources.cpus;
        let device = pool.map_or(0, |pool| pool.gpu_milliwatts);
        let milliwatts = match stage.expect.power_watts {
            Some(watts) => milliwatts(watts),
            None if gpus > 0 && device > 0 => device.saturating_mul(gpus.into()),
            None => CORE_MILLIWATTS.saturating_mul(cpus.into()),
        };
        Self {
            task_ms: stage.expect.time_ms.unwrap_or(TASK_MS).max(1),
            milliwatts,
            gpus,
            cpus,
        }
    }
}

/// Watts from a workflow as milliwatts; negative and non-finite values are 0.
#[must_use]
pub fn milliwatts(watts: f64) -> u64 {
    whole((watts * 1000.0).clamp(0.0, 1e15))
}

/// The least number of devices that one task accepts.
fn devices(gpus: &Gpus) -> u32 {
    match gpus {
        Gpus::None => 0,
        Gpus::Count(count) | Gpus::Model(_, count) => *count,
        Gpus::AnyOf(choices) => choices.iter().map(devices).min().unwrap_or(0),
    }
}

/// The number of tasks of a stage whose scatter depends on data. There is no data here, so each
/// part of the port is one slice, and each task upstream gives one part.
pub(crate) fn guessed_tasks(planned: &PlannedStage, parts: u32) -> Tasks {
    let each = match &planned.stage.scatter {
        Scatter::Input { port, slicing } => match slicing {
            Slicing::Rows(rows) => Tasks::Rows {
                port: port.clone(),
                rows_per_task: *rows,
                rows: rows.saturating_mul(parts.into()),
                digests: Vec::new(),
            },
            Slicing::Parts | Slicing::Row | Slicing::By(_) => Tasks::Parts {
                port: port.clone(),
                count: parts,
            },
        },
        Scatter::Items(_) | Scatter::Range(_) | Scatter::Matrix(_) | Scatter::Zip { .. } => {
            Tasks::Range(parts)
        }
        Scatter::One => Tasks::One,
    };
    each.repeated(planned.repeat)
}

#[cfg(test)]
mod tests {
    use super::milliwatts;

    #[test]
    fn powers_are_rounded_to_the_milliwatt_and_nonsense_is_none() {
        assert_eq!(milliwatts(350.0), 350_000);
        assert_eq!(milliwatts(0.0004), 0);
        assert_eq!(milliwatts(f64::NAN), 0);
        assert_eq!(milliwatts(-3.0), 0);
    }
}
