//! Providers in order: the first that answers.

use sunward_core::Timestamp;

use super::{GridSignal, Series, SignalError};

/// Providers, the preferred one first.
#[derive(Debug)]
pub struct Chain {
    members: Vec<Box<dyn GridSignal>>,
}

/// What the first that answered told.
#[derive(Debug)]
pub struct Answer {
    /// What was.
    pub history: Series,
    /// What it expects, where it says so. A forecast is asked of none but the one that told the past,
    /// as providers count differently.
    pub forecast: Option<Series>,
    /// Who did not answer, and why; the forecast's failure is among them.
    pub failed: Vec<(&'static str, SignalError)>,
}

/// Nobody answered.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(failed))]
pub struct ChainError {
    /// Each with its reason, in order.
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
    /// Of these, in this order.
    #[must_use]
    pub const fn new(members: Vec<Box<dyn GridSignal>>) -> Self {
        Self { members }
    }

    /// What was between two moments, from the first that tells it. When all that could be asked give
    /// only what was kept from earlier, the first such answer counts.
    ///
    /// # Errors
    /// When nobody does: each with its reason.
    pub fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Answer, ChainError> {
        self.first(zone, from, until, now).map(|(_, answer)| answer)
    }

    /// The same, with what the one that answered expects.
    ///
    /// # Errors
    /// When nobody tells what was.
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
