//! Checks whether a stage's tasks can run on the pool at all. Cores are clamped when tasks are
//! leased and never refused here.

use sunward_workflows::{Action, Gpus, Stage};

use super::{PlanError, Surroundings};

/// Refuses a stage that could never start.
pub(super) fn fits(stage: &Stage, around: &Surroundings) -> Result<(), PlanError> {
    if let Some(asked_bytes) = stage.resources.memory_bytes
        && asked_bytes > around.memory_bytes
    {
        return Err(PlanError::Memory {
            stage: stage.name.clone(),
            asked_bytes,
            machine_bytes: around.memory_bytes,
        });
    }
    if let (Some(asked_bytes), Some(disk_bytes)) = (stage.resources.disk_bytes, around.disk_bytes)
        && asked_bytes > disk_bytes
    {
        return Err(PlanError::Disk {
            stage: stage.name.clone(),
            asked_bytes,
            disk_bytes,
        });
    }
    // A kernel falls back to its CPU twin, and its results say so.
    let falls_back = match stage.action {
        Action::Kernel { .. } => true,
        Action::Run(_) | Action::Cuda(_) => stage.resources.optional,
    };
    if gpus(&stage.resources.gpus) > around.gpus && !falls_back {
        return Err(PlanError::Gpu {
            stage: stage.name.clone(),
            have: around.gpus,
        });
    }
    Ok(())
}

/// The number of devices that a task needs at least.
pub(crate) fn gpus(gpus_asked: &Gpus) -> u32 {
    match gpus_asked {
        Gpus::None => 0,
        Gpus::Count(count) | Gpus::Model(_, count) => *count,
        Gpus::AnyOf(choices) => choices.iter().map(gpus).min().unwrap_or(0),
    }
}
