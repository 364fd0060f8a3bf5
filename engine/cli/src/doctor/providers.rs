//! Asks each configured provider of grid signals one question: for its figures of the last days; and
//! the provider of weather for the temperature now.

use std::sync::Arc;
use std::time::Duration;

use sunward_core::Timestamp;
use sunward_grid::provider::{
    Access, Client, GridSignal, Limits, OPEN_METEO, Provider, Series, SignalError, really_wait,
};

use super::Finding;
use crate::context::Context;
use crate::demand::{in_words, server};
use crate::machine::{now, shown};
use crate::providers::{access, weather_feed};
use crate::render::style::harmless;
use crate::render::units::{age, float};
use crate::settings::Settings;

/// An hour in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// How far back figures are requested. Every provider that answers has some by then.
const PAST_MS: u64 = 72 * HOUR_MS;

/// The limits of a question. It is asked once, because `doctor` is not to wait.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    total: Duration::from_secs(10),
    body_bytes: 32 << 20,
    tries: 1,
    patience: Duration::ZERO,
};

/// The zone of the provider that has only one.
const BRITAIN: &str = "GB";

/// Asks the providers that the settings name, and those that have a key or an address in the
/// environment. Nobody else is asked.
pub(crate) fn answers(context: &Context) -> Vec<Finding> {
    let settings = match Settings::read(context.settings.as_deref()) {
        Ok(settings) => settings,
        Err(error) => {
            return vec![Finding::problem(
                "settings",
                format!("{error:#}"),
                "correct the file",
            )];
        }
    };
    let used = used(context, &settings);
    let access = match access(&settings, &used) {
        Ok(access) => access,
        Err(error) => {
            return vec![Finding::problem(
                "grid",
                error.to_string(),
                "correct the variable, or unset it",
            )];
        }
    };
    let is_configured = |provider: &Provider| used.contains(provider) || access.names(*provider);
    let configured = Provider::ALL.into_iter().filter(is_configured);
    let findings = configured.map(|provider| {
        if provider == Provider::OpenAdr {
            return operator(&access);
        }
        let question = Question {
            provider,
            zone: settings.zone.as_deref(),
            is_used: used.contains(&provider),
        };
        question.ask(&access)
    });
    findings
        .chain(weather(context, &settings, &access))
        .collect()
}

/// Asks the provider of weather, if the settings name one.
fn weather(context: &Context, settings: &Settings, access: &Access) -> Option<Finding> {
    settings.providers.weather.as_ref()?;
    let Some(zone) = &settings.zone else {
        return Some(Finding::note(
            OPEN_METEO,
            "it was not asked, because the zone of this machine is not set",
            "set `zone:` in your settings, such as DE",
        ));
    };
    let asked = Client::new(LIMITS, really_wait())
        .and_then(|client| weather_feed(context, settings, access, &Arc::new(client), false))
        .and_then(|feed| feed.map(|feed| feed.try_out(zone, now())).transpose());
    Some(match asked {
        Ok(found) => Finding::good(OPEN_METEO, harmless(&found?)),
        Err(error) => {
            let mend = match &error {
                SignalError::NoZone { .. } => "set the points of your zone under `weather.points`",
                SignalError::Refused { status: 401, .. } => {
                    "set $SUNWARD_OPEN_METEO_KEY to a valid key, or unset it"
                }
                SignalError::Down { .. }
                | SignalError::Slow { .. }
                | SignalError::NotJson { .. } => {
                    "see `proxy` and `certificates` above, and $SUNWARD_OPEN_METEO_URL if it is set"
                }
                _ => "nothing to do: forecasts do without weather meanwhile",
            };
            // Forecasts do without weather, so runs go on.
            Finding::note(OPEN_METEO, harmless(&error.to_string()), mend)
        }
    })
}

/// Asks the site's OpenADR server what it asks now.
fn operator(access: &Access) -> Finding {
    let check = Provider::OpenAdr.word();
    let asked = server(access, LIMITS).and_then(|vtn| {
        let events = vtn.events(now())?;
        Ok((vtn.host().to_owned(), events))
    });
    let (host, events) = match asked {
        Ok(answer) => answer,
        Err(error) => return refused(check, &error),
    };
    let asked: Vec<String> = events.asked.iter().map(in_words).collect();
    let mut found = match asked.as_slice() {
        [] => format!("{host} answers, and asks nothing now"),
        some => format!("{host} answers, and asks: {}", some.join("; ")),
    };
    if events.mistakes.is_empty() {
        return Finding::good(check, harmless(&found));
    }
    found.push_str(&format!("; {}", events.mistakes.join("; ")));
    let mend = "tell the operator which of its events are not valid";
    Finding::note(check, harmless(&found), mend)
}

/// The finding that the site's OpenADR server gives no events.
fn refused(check: &'static str, error: &SignalError) -> Finding {
    let (key, url) = (
        Provider::OpenAdr.variable("KEY"),
        Provider::OpenAdr.variable("URL"),
    );
    let mend = match error {
        SignalError::Access { variable, .. } if *variable == url => {
            format!("correct `openadr.url` in your settings, or ${url}")
        }
        SignalError::Access { .. }
        | SignalError::Refused {
            status: 401 | 403, ..
        } => format!("set ${key} to a token, or to client_id:client_secret"),
        SignalError::NoProgram { .. } => "correct `openadr.program` in your settings".to_owned(),
        _ => format!(
            "see `proxy` and `certificates` above, and `openadr.url` in your settings or ${url}"
        ),
    };
    Finding::problem(check, harmless(&error.to_string()), mend)
}

/// The providers that `grid` in the settings names.
fn used(context: &Context, settings: &Settings) -> Vec<Provider> {
    let Some(word) = settings.grid.as_deref() else {
        return Vec::new();
    };
    if context.folder.join(word).is_dir() {
        return Vec::new();
    }
    word.split(',')
        .filter_map(|name| Provider::named(name.trim()))
        .collect()
}

/// The question to one provider.
struct Question<'a> {
    provider: Provider,
    zone: Option<&'a str>,
    /// Whether the settings name the provider, so that runs need it.
    is_used: bool,
}

impl Question<'_> {
    fn ask(&self, access: &Access) -> Finding {
        let signal = Client::new(LIMITS, really_wait())
            .and_then(|client| access.signal(self.provider, &Arc::new(client)));
        let signal = match signal {
            Ok(signal) => signal,
            Err(error) => return self.failed(&error),
        };
        let zone = match (self.zone, self.provider) {
            (Some(zone), _) => zone,
            (None, Provider::Uk) => BRITAIN,
            (None, _) => {
                return Finding::note(
                    self.provider.word(),
                    "it was not asked, because the zone of this machine is not set",
                    "set `zone:` in your settings, such as DE",
                );
            }
        };
        let now = now();
        let from = Timestamp((now.0.saturating_sub(PAST_MS)) / HOUR_MS * HOUR_MS);
        match signal.history(zone, from, now, now) {
            Ok(series) => self.answered(signal.as_ref(), &series, from, now),
            Err(error) => self.failed(&error),
        }
    }

    fn answered(
        &self,
        signal: &dyn GridSignal,
        series: &Series,
        from: Timestamp,
        now: Timestamp,
    ) -> Finding {
        let old = float(now.since_ms(series.end())) / 1000.0;
        let mut found = format!(
            "it answers; the newest figure of {} is {} old ({}, {})",
            series.zone,
            age(old),
            series.kind.word(),
            series.basis
        );
        if let Ok(Some(covers)) = signal.covers(now) {
            found.push_str(&format!("; the account covers {covers}"));
        }
        if series.first.since_ms(from) <= 2 * HOUR_MS {
            return Finding::good(self.provider.word(), found);
        }
        Finding::note(
            self.provider.word(),
            format!("{found}; it gave nothing before {}", shown(series.first)),
            "nothing to do: forecasts are made from a short past; `sunward grid fetch` records a longer one day by day, or choose another plan",
        )
    }

    fn failed(&self, error: &SignalError) -> Finding {
        let check = self.provider.word();
        let found = error.to_string();
        match error {
            SignalError::NoZone { .. } => Finding::note(
                check,
                found,
                "set `zone:` in your settings, or name another provider in `grid:`",
            ),
            _ if self.is_used => Finding::problem(check, found, self.mend(error)),
            _ => Finding::note(check, found, self.mend(error)),
        }
    }

    fn mend(&self, error: &SignalError) -> String {
        let (key, url) = (self.provider.variable("KEY"), self.provider.variable("URL"));
        match error {
            SignalError::NoKey { .. } | SignalError::Refused { status: 401, .. } => {
                format!("set ${key} to a valid key, or ${key}_FILE to a file that contains it")
            }
            SignalError::NotCovered { .. } | SignalError::Refused { status: 403, .. } => {
                "ask the provider for a plan with this zone, or name another provider in `grid:`"
                    .to_owned()
            }
            SignalError::Down { .. } | SignalError::Slow { .. } | SignalError::NotJson { .. } => {
                format!("see `proxy` and `certificates` above, and ${url} if it is set")
            }
            _ => "runs use cached figures for a while; name a second provider in `grid:`, after a comma"
                .to_owned(),
        }
    }
}
