//! Demand response of this machine's site: what its OpenADR server asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sunward_core::{Curtailment, Measure, PoolId, RunSpec, Timestamp};
use sunward_drive::{DemandFeed, Demanded, Start};
use sunward_grid::provider::openadr::{Asked, Vtn};
use sunward_grid::provider::{Access, Client, Limits, Provider, SignalError, really_wait};
use sunward_workflows::quoted;

use crate::context::Context;
use crate::exit::wrong_input;
use crate::feeds::AHEAD_LIMIT_MS;
use crate::machine::shown;
use crate::providers::access;
use crate::render;
use crate::render::style::harmless;
use crate::render::units::watts;
use crate::settings::Settings;

/// How often the server is asked. An interruptible task has five seconds to stop, so that it has made
/// way ten seconds after an alert became visible.
const EVERY: Duration = Duration::from_secs(3);

/// The longest pause while the server does not answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The limits of a question. It is asked again soon anyway.
pub(crate) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    total: Duration::from_secs(4),
    body_bytes: 8 << 20,
    tries: 1,
    patience: Duration::ZERO,
};

/// The site's server, and what was told about it.
struct Site {
    vtn: Vtn,
    told: BTreeSet<String>,
}

/// The demand feed of a run on this machine; `None` if the settings name no server, or the run
/// replays recorded time.
///
/// # Errors
/// Fails if the settings or the environment are not valid.
pub(crate) fn feed_of(
    context: &Context,
    start: &Start,
) -> anyhow::Result<Option<Box<dyn DemandFeed>>> {
    let settings = Settings::read(context.settings.as_deref())?;
    let wrong = |error: SignalError| wrong_input(format!("openadr: {error}"));
    let access = access(&settings, &[]).map_err(wrong)?;
    if !access.names(Provider::OpenAdr) {
        return Ok(None);
    }
    if replays(start) {
        render::say("openadr: the run replays recorded time, so the grid operator is not asked");
        return Ok(None);
    }
    let vtn = server(&access, LIMITS).map_err(wrong)?;
    Ok(Some(Box::new(Site {
        vtn,
        told: BTreeSet::new(),
    })))
}

/// The site's server, asked within these limits.
pub(crate) fn server(access: &Access, limits: Limits) -> Result<Vtn, SignalError> {
    let client = Client::new(limits, really_wait())?;
    access.vtn(&Arc::new(client))
}

fn replays(start: &Start) -> bool {
    let spec: Option<&Arc<RunSpec>> = match start {
        Start::Submit(spec) | Start::Resume { spec, .. } => Some(spec),
        Start::Retry { spec, .. } => spec.as_ref(),
    };
    spec.is_some_and(|spec| spec.placing.clock.is_some())
}

impl DemandFeed for Site {
    fn ask(&mut self, now: Timestamp) -> Result<Demanded, String> {
        let events = self.vtn.events(now).map_err(|error| error.to_string())?;
        let asked = events.asked.iter().map(in_words);
        let lines = asked.chain(events.warnings).chain(events.mistakes);
        let lines: BTreeSet<String> = lines.map(|line| harmless(&line)).collect();
        let notices = lines.difference(&self.told).cloned().collect();
        self.told = lines;
        let asked = curtailments(events.asked, PoolId::default(), now);
        Ok(Demanded { asked, notices })
    }

    fn pause(&self, failures: u32) -> Duration {
        let doubled = EVERY.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
        doubled.min(PATIENCE)
    }
}

/// What is asked of a site, as curtailments of a pool, sorted. What begins beyond the longest plan is
/// left out.
pub(crate) fn curtailments(
    asked: impl IntoIterator<Item = Asked>,
    pool: PoolId,
    now: Timestamp,
) -> Vec<Curtailment> {
    let soon = |one: &Asked| one.from < now.after_ms(AHEAD_LIMIT_MS);
    let asked = asked.into_iter().filter(soon);
    let mut all: Vec<Curtailment> = asked.map(|one| of_pool(one, pool)).collect();
    all.sort();
    all.dedup();
    all
}

fn of_pool(asked: Asked, pool: PoolId) -> Curtailment {
    Curtailment {
        pool,
        from: asked.from,
        until: asked.until,
        measure: asked.measure,
        told_by: asked.program,
    }
}

/// `site-dr: grid emergency until 2026-03-01T18:00:00Z`, with what it means here.
pub(crate) fn in_words(asked: &Asked) -> String {
    let (what, meaning) = match asked.measure {
        Measure::Emergency => (
            "grid emergency".to_owned(),
            "nothing starts, and tasks of stages with `checkpoint: true` stop and continue later",
        ),
        Measure::Alert => ("alert".to_owned(), "nothing starts, and what runs goes on"),
        Measure::Cap { milliwatts } => (
            format!("at most {}", watts(milliwatts)),
            "no more tasks run than take this power",
        ),
    };
    let until = asked
        .until
        .map_or_else(String::new, |until| format!(" until {}", shown(until)));
    let from = match asked.from {
        Timestamp(0) => String::new(),
        from => format!(" from {}", shown(from)),
    };
    let said = asked
        .text
        .as_ref()
        .map_or_else(String::new, |text| format!(" ({})", quoted(text)));
    format!("{}: {what}{from}{until}{said}: {meaning}", asked.program)
}

#[cfg(test)]
mod tests {
    use sunward_core::{Measure, Timestamp};
    use sunward_grid::provider::openadr::Asked;

    use super::in_words;

    #[test]
    fn what_is_asked_is_said_with_what_it_means_here() {
        let asked = |measure, until: Option<u64>, text: Option<&str>| {
            in_words(&Asked {
                from: Timestamp(0),
                until: until.map(Timestamp),
                measure,
                program: "site-dr".to_owned(),
                text: text.map(str::to_owned),
            })
        };
        assert_eq!(
            asked(Measure::Emergency, Some(3_600_000), Some("line 4")),
            "site-dr: grid emergency until 1970-01-01T01:00:00Z (`line 4`): nothing starts, and tasks of stages with `checkpoint: true` stop and continue later"
        );
        let cap = Measure::Cap {
            milliwatts: 2_500_000,
        };
        assert!(asked(cap, None, None).starts_with("site-dr: at most 2.5 kW: no more tasks"));
    }
}
