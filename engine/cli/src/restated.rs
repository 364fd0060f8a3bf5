//! The ledger of a run that ended before its last hour was measured, restated once it is.

use sunward_core::place::SignalKind;
use sunward_core::{Actuals, Certainty, Intensities, RunStatus, Timestamp};
use sunward_grid::{Grid, Trace};

use crate::context::Context;
use crate::machine::now;
use crate::providers::Providers;
use crate::recorded::Recorded;
use crate::render;
use crate::settings::Settings;

/// Hours are asked for whole.
const HOUR_MS: u64 = 3_600_000;

/// Puts what was measured since in the place of what was foreseen, where the grid that the run was
/// placed by has it by now. Where it cannot be asked, the ledger stays as it was, and that is said.
pub(crate) fn restate(context: &Context, recorded: &mut Recorded) -> anyhow::Result<()> {
    let run = recorded.run()?;
    let before = recorded.account();
    let is_open = before
        .certainty
        .is_some_and(|least| least < Certainty::Actual);
    let (Some(word), Some(ended)) = (run.spec.placing.grid.clone(), run.ended_at) else {
        return Ok(());
    };
    if !is_open || recorded.status == RunStatus::Running {
        return Ok(());
    }
    let span = (
        Timestamp(run.submitted_at.0 / HOUR_MS * HOUR_MS),
        Timestamp(ended.0.div_ceil(HOUR_MS) * HOUR_MS),
    );
    let measured = match measured(context, &word, &recorded.zones(), span) {
        Ok(measured) => measured,
        Err(error) => {
            render::say(&format!(
                "{word} could not be asked for what it measured since {} ended, so the ledger keeps the forecast: {error:#}",
                run.id
            ));
            return Ok(());
        }
    };
    let mut known = Intensities::default();
    for actuals in &measured {
        known.learn(actuals);
    }
    recorded.restate(&known);
    Ok(())
}

/// What was measured of zones within a span, as far as it is known by now.
fn measured(
    context: &Context,
    word: &str,
    zones: &[String],
    (from, until): (Timestamp, Timestamp),
) -> anyhow::Result<Vec<Actuals>> {
    let now = now();
    let folder = context.folder.join(word);
    let mut traces: Vec<Trace> = Vec::new();
    if folder.is_dir() {
        traces.extend(Grid::open(&folder, Some(zones))?.zones.into_values());
    } else {
        let settings = Settings::read(context.settings.as_deref())?;
        let providers = Providers::named(context, &settings, word, true)?;
        for zone in zones {
            let answer = providers.history(zone, from, until.min(now), now)?;
            // Those of the margin restate no ledger.
            if answer.history.kind == SignalKind::Average {
                traces.push(answer.history.trace());
            }
        }
    }
    let mut measured: Vec<Actuals> = Vec::new();
    for trace in &traces {
        measured.extend(trace.measured(from, now));
    }
    Ok(measured)
}
