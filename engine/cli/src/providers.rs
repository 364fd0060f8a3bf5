//! Grid data from providers: `--grid uk`, or several names separated by commas.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_core::Timestamp;
use sunward_grid::provider::{
    Access, Answer, Chain, ChainError, Client, Kept, Limits, Provider, SignalError, really_wait,
};
use sunward_grid::{Grid, Told};

use crate::context::Context;
use crate::exit::wrong_input;
use crate::grid_name::GridName;
use crate::render;
use crate::settings::Settings;

/// How far back data is requested: the ninety days on which a forecast is fitted, and the week that
/// may have passed since. Against 38 days, forecasts with prices of the day ahead are off by 17.6%
/// instead of 19.1% in Germany and by 26.0% instead of 28.7% in Great Britain (2023, 24 hours ahead).
const PAST_MS: u64 = 97 * 24 * 3_600_000;

/// Providers, the preferred one first.
#[derive(Debug)]
pub(crate) struct Providers {
    chain: Chain,
}

/// The data of some zones.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Their history.
    pub(crate) grid: Grid,
    /// Their forecasts, and the properties of the history.
    pub(crate) told: BTreeMap<String, Told>,
}

impl Providers {
    /// The providers that a call or the settings name. With `keep`, answers are cached for later calls.
    ///
    /// # Errors
    /// Fails if a name is unknown, or a key is missing.
    pub(crate) fn named(
        context: &Context,
        settings: &Settings,
        name: GridName<'_>,
        keep: bool,
    ) -> anyhow::Result<Self> {
        let providers: Vec<Provider> = name
            .word
            .split(',')
            .map(|one| Provider::named(one.trim()).ok_or_else(|| nobody(name, one)))
            .collect::<anyhow::Result<_>>()?;
        let wrong = |error: SignalError| wrong_input(format!("{name}: {error}"));
        let access = Access::of_environment().map_err(wrong)?;
        let mut access = access.with(settings.providers.clone());
        if let ([provider], Some(address)) = (providers.as_slice(), &settings.grid_url) {
            access = access.or_at(*provider, address);
        }
        let client = Client::new(Limits::default(), really_wait())?;
        let client = Arc::new(client);
        let mut members = Vec::with_capacity(providers.len());
        for provider in providers {
            let signal = access.signal(provider, &client).map_err(wrong)?;
            let address = access.address(provider).map_err(wrong)?;
            members.push(match context.cache.as_deref().filter(|_| keep) {
                Some(folder) => Box::new(Kept::new(signal, address, &folder.join("grid"))),
                None => signal,
            });
        }
        Ok(Self {
            chain: Chain::new(members),
        })
    }

    /// The history of a zone between two times.
    ///
    /// # Errors
    /// Fails if no provider answers.
    pub(crate) fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Answer, ChainError> {
        self.chain.history(zone, from, until, now)
    }

    /// The data of zones now. Prints which providers failed.
    ///
    /// # Errors
    /// Fails if no provider answers for a zone.
    pub(crate) fn known(&self, zones: &[String], now: Timestamp) -> Result<Known, ChainError> {
        let mut known = Known::default();
        let from = Timestamp(now.0.saturating_sub(PAST_MS));
        for zone in zones {
            let answer = self.chain.outlook(zone, from, now)?;
            tell_failed(zone, &answer);
            let trace = answer.trace();
            let history = &answer.history;
            let told = Told {
                source: history.provider.clone(),
                kind: history.kind,
                basis: history.basis,
                stale: history.stale,
                estimated: history.steps.last().is_some_and(|step| step.estimated),
                forecast: answer.forecast,
            };
            known.grid.zones.insert(zone.clone(), trace);
            known.told.insert(zone.clone(), told);
        }
        Ok(known)
    }
}

/// Prints the providers that failed before one answered, and whether its data is stale.
pub(crate) fn tell_failed(zone: &str, answer: &Answer) {
    for (name, error) in &answer.failed {
        render::say(&format!("zone {zone}: {name}: {error}"));
    }
    if answer.history.stale {
        render::say(&format!(
            "zone {zone}: {} does not answer; its figures from {} are used",
            answer.history.provider,
            crate::machine::shown(answer.history.fetched_at)
        ));
    }
}

/// The error that no provider answered. It is the user's error, unless it may pass by itself.
pub(crate) fn nobody_tells(zone: Option<&str>, error: &ChainError) -> anyhow::Error {
    let text = match zone {
        Some(zone) => format!("no grid signal could be read for zone {zone}:\n{error}"),
        None => format!("no grid signal could be read:\n{error}"),
    };
    if error.failed.iter().any(|(_, error)| error.is_passing()) {
        return anyhow::anyhow!(text);
    }
    wrong_input(text)
}

fn nobody(name: GridName<'_>, one: &str) -> anyhow::Error {
    let all: Vec<&str> = Provider::ALL.into_iter().map(Provider::word).collect();
    wrong_input(format!(
        "{name}: '{one}' is neither a folder nor a provider; expected a folder with a ZONE.csv file for each zone, or one or more of {}",
        all.join(", ")
    ))
}
