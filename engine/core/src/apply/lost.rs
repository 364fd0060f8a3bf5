//! Resets stages whose results or inputs are gone.

use std::collections::BTreeSet;

use crate::fact::RunStatus;
use crate::ids::StageId;
use crate::illegal::Illegal;
use crate::state::RunState;
use crate::task::{TaskEvent, TaskStatus};

/// Makes these stages wait for their upstream stages again, as in a fresh run. Their keys are
/// looked up again, so results that are still whole are not computed again. None of their tasks may
/// be leased.
pub(super) fn results_lost(run: &mut RunState, stages: &[StageId]) -> Result<(), Illegal> {
    if run.status != RunStatus::Running {
        return Err(Illegal::Run {
            run: run.id,
            status: run.status,
            what: "taken up in the middle",
        });
    }
    for &id in stages {
        let (_, stage) = run.at(id)?;
        if stage.counts.of(TaskStatus::Active) > 0 {
            return Err(Illegal::Stage {
                run: run.id,
                stage: id,
                phase: stage.phase.word(),
                what: "begun again while its tasks are with workers",
            });
        }
    }
    let all: BTreeSet<StageId> = stages.iter().copied().collect();
    for &id in stages {
        run.stage_mut(id)?.begin_again();
        run.askable.remove(&id);
        run.leasable.remove(&id);
    }
    run.backoffs.retain(|(_, stage, _)| !all.contains(stage));
    run.recount();
    run.touch_all();
    for (id, ranges) in run.sharing.forget(&all) {
        for (first, end) in ranges.spans() {
            for index in first..end {
                run.shift(id, index, TaskEvent::Open)?;
            }
            run.stage_mut(id)?.ready.insert(first, end);
        }
        run.settle(id);
    }
    Ok(())
}
