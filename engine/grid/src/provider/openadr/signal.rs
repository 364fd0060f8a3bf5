//! The prices and intensities of a site's events, as those of a provider.

use sunward_core::Timestamp;
use sunward_core::ledger::Basis;
use sunward_core::place::SignalKind;

use super::vtn::Vtn;
use crate::provider::options::{Ghg, OpenAdrOptions};
use crate::provider::prices::{Prices, PricesDraft};
use crate::provider::series::{Draft, HOUR_MS, Series};
use crate::provider::{GridSignal, Provider, SignalError};

const NAME: &str = Provider::OpenAdr.word();

/// The length of a step: events begin and end at quarters of an hour. A step has the figure that is in
/// force when it begins.
const STEP_MS: u64 = HOUR_MS / 4;

/// How far ahead figures without end are followed: as far as the longest forecast.
const AHEAD_MS: u64 = 14 * 24 * HOUR_MS;

/// How long after a step's end its figure may still be missing.
const LATE_MS: u64 = HOUR_MS;

/// A site's server as a provider.
#[derive(Debug)]
pub(crate) struct OpenAdr {
    vtn: Vtn,
    kind: SignalKind,
    zone: Option<String>,
}

impl OpenAdr {
    pub(crate) fn new(vtn: Vtn, options: &OpenAdrOptions) -> Self {
        Self {
            vtn,
            kind: match options.ghg {
                Ghg::Marginal => SignalKind::Marginal,
                Ghg::Average => SignalKind::Average,
            },
            zone: options.zone.clone(),
        }
    }

    /// Fails for another zone than the site's.
    fn check(&self, zone: &str) -> Result<(), SignalError> {
        match &self.zone {
            Some(own) if own != zone => Err(SignalError::NoZone {
                zone: zone.to_owned(),
                what: format!(
                    "{} tells those of the site, which is in {own}",
                    self.vtn.host()
                ),
            }),
            _ => Ok(()),
        }
    }

    fn draft(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Draft, SignalError> {
        self.check(zone)?;
        let mut draft = Draft::new(NAME, zone, (self.kind, Basis::default()), STEP_MS);
        for one in self.vtn.events(now)?.intensities {
            let end = one.until.unwrap_or(until).min(until);
            for begin in steps(one.from.max(from), end, STEP_MS) {
                draft.put(begin, Some(f64::from(one.mg_per_kwh) / 1000.0), false)?;
            }
        }
        Ok(draft)
    }
}

/// The whole steps that begin in a span.
fn steps(from: Timestamp, until: Timestamp, step_ms: u64) -> impl Iterator<Item = Timestamp> {
    let first = from.0.div_ceil(step_ms);
    let last = until.0.div_ceil(step_ms);
    (first..last).map(move |step| Timestamp(step * step_ms))
}

impl GridSignal for OpenAdr {
    fn name(&self) -> &'static str {
        NAME
    }

    fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Series, SignalError> {
        let draft = self.draft(zone, from, until, now)?;
        draft.history(from, until, now, LATE_MS)
    }

    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError> {
        let from = Timestamp(now.0 / STEP_MS * STEP_MS);
        let draft = self.draft(zone, from, now.after_ms(AHEAD_MS), now)?;
        draft.forecast(now).map(Some)
    }

    fn prices(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Prices>, SignalError> {
        if self.check(zone).is_err() {
            return Ok(None);
        }
        let mut draft = PricesDraft::new(NAME, zone);
        for one in self.vtn.events(now)?.prices {
            let end = one.until.unwrap_or(until).min(until);
            let milli = i32::try_from(one.milli_eur_per_mwh).unwrap_or(i32::MAX);
            let mut begin = one.from.max(from);
            // Parts of an hour are put by themselves.
            while begin < end {
                let hour_end = Timestamp((begin.0 / HOUR_MS + 1).saturating_mul(HOUR_MS));
                let part_end = hour_end.min(end);
                draft.put(begin, part_end.since_ms(begin), f64::from(milli) / 1000.0)?;
                begin = part_end;
            }
        }
        Ok(draft.finish(from, until, now))
    }
}
