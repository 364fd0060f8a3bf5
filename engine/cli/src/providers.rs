//! Grid data from providers: `--grid uk`, or several names separated by commas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use sunward_core::place::SignalKind;
use sunward_core::{Basis, Signal, Timestamp};
use sunward_grid::provider::{
    Access, Answer, Chain, ChainError, Client, Kept, Limits, OPEN_METEO, Provider, SignalError,
    WeatherFeed, really_wait,
};
use sunward_grid::{Grid, Told, Weather};

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
    /// The provider of weather, if the settings name one.
    weather: Option<WeatherFeed>,
    counted: Mutex<Counted>,
}

/// What the figures of each zone counted when they were last read: the provider, the kind and the
/// basis.
type Counted = BTreeMap<String, (String, SignalKind, Basis)>;

/// The data of some zones.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Their history.
    pub(crate) grid: Grid,
    /// Their forecasts, and the properties of the history.
    pub(crate) told: BTreeMap<String, Told>,
    /// Who publishes them, in the order of zones.
    pub(crate) signals: Vec<Signal>,
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
        let access = access(settings, &providers).map_err(wrong)?;
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
        let weather = weather_feed(context, settings, &access, &client, keep)
            .map_err(|error| wrong_input(error.to_string()))?;
        Ok(Self {
            chain: Chain::new(members),
            weather,
            counted: Mutex::new(Counted::new()),
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

    /// The data of zones at a moment. Prints which providers failed. `is_now` is false if a past is
    /// replayed.
    ///
    /// # Errors
    /// Fails if no provider answers for a zone.
    pub(crate) fn known(
        &self,
        zones: &[String],
        now: Timestamp,
        is_now: bool,
    ) -> Result<Known, ChainError> {
        let mut known = Known::default();
        let from = Timestamp(now.0.saturating_sub(PAST_MS));
        for zone in zones {
            let answer = self.chain.outlook(zone, from, now)?;
            tell_failed(zone, &answer);
            let mut trace = answer.trace();
            trace.weather = self.weather_of(zone, from, now, is_now);
            let history = &answer.history;
            let told = Told {
                source: history.provider.clone(),
                kind: history.kind,
                basis: history.basis,
                stale: history.stale,
                estimated: history.steps.last().is_some_and(|step| step.estimated),
                forecast: answer.forecast,
            };
            let forecast = told.forecast.as_ref();
            known.signals.push(Signal {
                published: forecast.map(|series| series.issued_at),
                ..history.signal()
            });
            known.grid.zones.insert(zone.clone(), trace);
            known.told.insert(zone.clone(), told);
        }
        self.tell_changes(&known);
        Ok(known)
    }

    /// The weather of a zone, if it is asked for. Prints why there is none; forecasts do without it then.
    fn weather_of(&self, zone: &str, from: Timestamp, now: Timestamp, is_now: bool) -> Weather {
        let Some(feed) = &self.weather else {
            return Weather::default();
        };
        let say = |error: &SignalError| render::say(&format!("zone {zone}: {OPEN_METEO}: {error}"));
        match feed.weather(zone, from, now, is_now) {
            Ok(told) => {
                if let Some(error) = &told.failed {
                    say(error);
                }
                told.weather
            }
            Err(error) => {
                say(&error);
                Weather::default()
            }
        }
    }

    /// Prints which figures count other things than before, or than those of other zones.
    fn tell_changes(&self, known: &Known) {
        let now: Counted = known
            .signals
            .iter()
            .filter_map(|one| {
                let kind = known.told.get(&one.zone)?.kind;
                Some((one.zone.clone(), (one.provider.clone(), kind, one.basis)))
            })
            .collect();
        let mut before = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for line in changes(&before, &now) {
            render::say(&line);
        }
        *before = now;
    }
}

/// One line for each zone whose figures count other things than before. If nothing was known
/// before, a line if zones differ.
fn changes(before: &Counted, now: &Counted) -> Vec<String> {
    let words = |(provider, kind, basis): &(String, SignalKind, Basis)| {
        format!("{provider} ({}, {basis})", kind.word())
    };
    let counts = |one: &(String, SignalKind, Basis)| (one.1, one.2);
    let mut lines = Vec::new();
    for (zone, one) in now {
        if let Some(old) = before.get(zone).filter(|old| counts(old) != counts(one)) {
            lines.push(format!(
                "zone {zone}: figures now come from {} and no longer from {}; they count different things, so the ledger keeps them apart",
                words(one),
                words(old)
            ));
        }
    }
    let kinds: BTreeSet<(SignalKind, Basis)> = now.values().map(counts).collect();
    if before.is_empty() && kinds.len() > 1 {
        let zones = now
            .iter()
            .map(|(zone, one)| format!("{zone} {}", words(one)));
        let zones: Vec<String> = zones.collect();
        lines.push(counts_differ(&zones.join(", ")));
    }
    lines
}

/// Says that zones cannot be compared. `zones` says what the figures of each count.
pub(crate) fn counts_differ(zones: &str) -> String {
    format!("the zones' figures count different things, so comparing them says little: {zones}")
}

/// The provider of weather, if the settings name one. With `keep`, answers are cached.
///
/// # Errors
/// Fails if its address is not valid.
pub(crate) fn weather_feed(
    context: &Context,
    settings: &Settings,
    access: &Access,
    client: &Arc<Client>,
    keep: bool,
) -> Result<Option<WeatherFeed>, SignalError> {
    let Some(options) = settings.providers.weather.clone() else {
        return Ok(None);
    };
    let folder = context.cache.as_deref().filter(|_| keep);
    let folder = folder.map(|folder| folder.join("grid"));
    let places = settings.providers.points.clone();
    let asked = access.open_meteo(client)?;
    Ok(Some(WeatherFeed::new(
        asked,
        options,
        places,
        folder.as_deref(),
    )))
}

/// The access to providers that the environment and the settings give. The settings' address counts
/// if there is only one.
///
/// # Errors
/// Fails if a variable of the environment is not valid.
pub(crate) fn access(settings: &Settings, providers: &[Provider]) -> Result<Access, SignalError> {
    let access = Access::of_environment()?.with(settings.providers.clone());
    Ok(match (providers, &settings.grid_url) {
        ([provider], Some(address)) => access.or_at(*provider, address),
        _ => access,
    })
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
        "{name}: `{one}` is neither a folder nor a provider; expected a folder with a ZONE.csv file for each zone, or one or more of {}",
        all.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use sunward_core::Basis;
    use sunward_core::ledger::{Factors, Flow};
    use sunward_core::place::SignalKind::{self, Average, Marginal};

    use super::{Counted, changes};

    type Counts = (&'static str, SignalKind, Factors, Flow);

    const MAPS: Counts = (
        "electricity-maps",
        Average,
        Factors::LifeCycle,
        Flow::Consumption,
    );
    const UK: Counts = ("uk", Average, Factors::Direct, Flow::Consumption);
    const WATTTIME: Counts = ("watttime", Marginal, Factors::Direct, Flow::Unstated);
    const ENTSOE: Counts = ("entsoe", Average, Factors::LifeCycle, Flow::Generation);
    const EIA: Counts = ("eia", Average, Factors::LifeCycle, Flow::Generation);

    fn counted(zones: &[(&str, Counts)]) -> Counted {
        let one = |(zone, (provider, kind, factors, flow)): &(&str, Counts)| {
            let basis = Basis {
                factors: *factors,
                flow: *flow,
            };
            ((*zone).to_owned(), ((*provider).to_owned(), *kind, basis))
        };
        zones.iter().map(one).collect()
    }

    #[test]
    fn a_chain_that_changes_what_its_figures_count_says_so() {
        for (second, words) in [
            (UK, "uk (average, direct emissions of consumption)"),
            (WATTTIME, "watttime (marginal, direct emissions)"),
            (
                ENTSOE,
                "entsoe (average, life-cycle emissions of generation)",
            ),
        ] {
            let (before, now) = (counted(&[("GB", MAPS)]), counted(&[("GB", second)]));
            let told = changes(&before, &now);
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
            assert!(
                told[0].contains("no longer from electricity-maps"),
                "{told:?}"
            );
        }
        let alike = (counted(&[("DE", ENTSOE)]), counted(&[("DE", EIA)]));
        assert!(
            changes(&alike.0, &alike.1).is_empty(),
            "both count the same"
        );
        let zones = counted(&[("DE", ENTSOE), ("GB", UK)]);
        let told = changes(&Counted::new(), &zones);
        assert!(told[0].contains("GB uk (average, direct"), "{told:?}");
        assert!(changes(&zones, &zones).is_empty(), "it is said once");
    }
}
