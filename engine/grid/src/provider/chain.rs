//! Providers in order of preference; the first that answers is used.

use sunward_core::Timestamp;

use super::series::HOUR_MS;
use super::{GridSignal, Prices, Series, SignalError};
use crate::market::Market;
use crate::trace::Trace;

/// Providers in order of preference.
#[derive(Debug)]
pub struct Chain {
    members: Vec<Box<dyn GridSignal>>,
}

/// The answer of the first provider that answered.
#[derive(Debug)]
pub struct Answer {
    /// The past.
    pub history: Series,
    /// Its forecast, if it publishes one. Another provider's forecast is never used with this past,
    /// because providers count differently.
    pub forecast: Option<Series>,
    /// The day-ahead prices of these hours and of those to come, as far as they are published. They
    /// may be another provider's, because a price is the same whoever tells it.
    pub prices: Option<Prices>,
    /// The providers that failed, with reasons. A failure of the forecast or of prices is included.
    pub failed: Vec<(&'static str, SignalError)>,
}

impl Answer {
    /// Whether a provider failed in a way that also concerns prices: it cannot be reached, or refuses
    /// the key. One without figures of a zone may have its prices.
    fn is_out(&self, name: &str) -> bool {
        let mut failed = self.failed.iter();
        failed.any(|(failed, error)| {
            let has_answered = matches!(
                error,
                SignalError::Stale { .. } | SignalError::NoZone { .. }
            );
            *failed == name && !has_answered
        })
    }

    /// The past as a recorded trace in whole hours, with the prices that are known.
    #[must_use]
    pub fn trace(&self) -> Trace {
        let mut trace = self.history.trace();
        if let Some(prices) = &self.prices {
            trace.price(prices.first, &prices.milli_eur_per_mwh);
        }
        trace
    }
}

/// No provider answered.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(failed))]
pub struct ChainError {
    /// Each provider with its reason, in order.
    pub failed: Vec<(&'static str, SignalError)>,
}

fn told(failed: &[(&'static str, SignalError)]) -> String {
    let all: Vec<String> = failed
        .iter()
        .map(|(name, error)| format!("{name}: {error}"))
        .collect();
    all.join("\n")
}

impl Chain {
    /// A chain of these providers, in this order.
    #[must_use]
    pub const fn new(members: Vec<Box<dyn GridSignal>>) -> Self {
        Self { members }
    }

    /// The past between two moments from the first provider that has it, with its prices. If all
    /// answers are stale, the first of them is used.
    ///
    /// # Errors
    ///
    /// Returns each provider's reason if none answers.
    pub fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Answer, ChainError> {
        let (_, mut answer) = self.first(zone, from, until, now)?;
        self.price(&mut answer, zone, from, until, now);
        Ok(answer)
    }

    /// The past, with the forecast of the provider that returned it, and prices.
    ///
    /// # Errors
    ///
    /// Returns each provider's reason if none has the past.
    pub fn outlook(
        &self,
        zone: &str,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Answer, ChainError> {
        let (member, mut answer) = self.first(zone, from, now, now)?;
        match member.forecast(zone, now) {
            Ok(Some(forecast)) if !forecast.counts_as(&answer.history) => {
                let words = |series: &Series| format!("{} ({})", series.kind.word(), series.basis);
                let what = format!(
                    "its forecast is {}, but its past is {}",
                    words(&forecast),
                    words(&answer.history)
                );
                let place = format!("{}, zone {zone}", member.name());
                let error = SignalError::Schema { what, place };
                answer.failed.push((member.name(), error));
            }
            Ok(forecast) => answer.forecast = forecast,
            Err(error) => answer.failed.push((member.name(), error)),
        }
        self.price(&mut answer, zone, from, now, now);
        Ok(answer)
    }

    /// Adds the prices that are published at `now`, of the hours from `from` on: to the end of what
    /// is published if `until` is `now`, else to `until`. The first provider that has some is used.
    fn price(
        &self,
        answer: &mut Answer,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) {
        let Some(days) = Market::of(zone).and_then(|market| market.days(now)) else {
            return;
        };
        // Prices are of whole hours.
        let from = Timestamp(from.0 / HOUR_MS * HOUR_MS);
        let until = if until < now {
            Timestamp(until.0.div_ceil(HOUR_MS) * HOUR_MS)
        } else {
            days.published_until
        };
        for member in &self.members {
            if answer.is_out(member.name()) {
                continue;
            }
            match member.prices(zone, from, until, now) {
                Ok(Some(prices)) => {
                    answer.prices = Some(prices);
                    return;
                }
                Ok(None) => {}
                Err(error) => answer.failed.push((member.name(), error)),
            }
        }
    }

    fn first(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(&dyn GridSignal, Answer), ChainError> {
        let mut failed = Vec::new();
        let mut kept = None;
        for member in &self.members {
            match member.history(zone, from, until, now) {
                Ok(history) if history.stale => {
                    kept.get_or_insert((member, history));
                }
                Ok(history) => {
                    let answer = Answer {
                        history,
                        forecast: None,
                        prices: None,
                        failed,
                    };
                    return Ok((member.as_ref(), answer));
                }
                Err(error) => failed.push((member.name(), error)),
            }
        }
        match kept {
            Some((member, history)) => {
                let answer = Answer {
                    history,
                    forecast: None,
                    prices: None,
                    failed,
                };
                Ok((member.as_ref(), answer))
            }
            None => Err(ChainError { failed }),
        }
    }
}
