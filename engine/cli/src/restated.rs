//! Restates the ledger of a run with intensities that were measured after it ended.

use sunward_core::place::SignalKind;
use sunward_core::{Actuals, Certainty, Intensities, RunStatus, Signal, Timestamp};
use sunward_grid::{Grid, Trace};

use crate::context::Context;
use crate::grid_name::GridName;
use crate::machine::now;
use crate::providers::Providers;
use crate::recorded::Recorded;
use crate::render;
use crate::settings::Settings;

/// Providers are asked for whole hours.
const HOUR_MS: u64 = 3_600_000;

/// Replaces forecast intensities by measured ones, if the run's grid has them now. If the grid
/// cannot be asked, the ledger stays as it was, and a message says so.
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
                "{word} could not be asked for measurements since {} ended, so the ledger keeps the forecast: {error:#}",
                run.id
            ));
            return Ok(());
        }
    };
    let mut known = Intensities::default();
    for (actuals, signal) in &measured {
        known.learn(actuals, Some(signal), now());
    }
    recorded.restate(&known);
    Ok(())
}

/// The measured intensities of zones within a span, as far as they are known now, each with its
/// provider.
fn measured(
    context: &Context,
    word: &str,
    zones: &[String],
    (from, until): (Timestamp, Timestamp),
) -> anyhow::Result<Vec<(Actuals, Signal)>> {
    let now = now();
    let folder = context.folder.join(word);
    let mut traces: Vec<(Trace, Signal)> = Vec::new();
    if folder.is_dir() {
        let recorded = Grid::open(&folder, Some(zones))?.zones.into_iter();
        traces.extend(recorded.map(|(zone, trace)| {
            let signal = Signal::recorded(&zone, trace.basis);
            (trace, signal)
        }));
    } else {
        let settings = Settings::read(context.settings.as_deref())?;
        let providers = Providers::named(context, &settings, GridName::of_call(word), true)?;
        for zone in zones {
            let answer = providers.history(zone, from, until.min(now), now)?;
            // Marginal intensities restate no ledger.
            if answer.history.kind == SignalKind::Average {
                traces.push((answer.history.trace(), answer.history.signal()));
            }
        }
    }
    let mut measured = Vec::new();
    for (trace, signal) in traces {
        let actuals = trace.measured(from, now);
        measured.extend(actuals.map(|actuals| (actuals, signal)));
    }
    Ok(measured)
}
