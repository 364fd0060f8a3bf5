//! Providers in order of preference; the first that answers is used.

use sunward_core::Timestamp;

use super::{GridSignal, Series, SignalError};

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
    /// The providers that failed, with reasons. A failure of the forecast is included.
    pub failed: Vec<(&'static str, SignalError)>,
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

    /// The past between two moments from the first provider that has it. If all answers are stale,
    /// the first of them is used.
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
        self.first(zone, from, until, now).map(|(_, answer)| answer)
    }

    /// The past, with the forecast of the provider that returned it.
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
            Ok(forecast) => answer.forecast = forecast,
            Err(error) => answer.failed.push((member.name(), error)),
        }
        Ok(answer)
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
                    failed,
                };
                Ok((member.as_ref(), answer))
            }
            None => Err(ChainError { failed }),
        }
    }
}
