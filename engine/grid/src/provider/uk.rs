//! The Carbon Intensity API of Great Britain: half hours, emissions of combustion, no key.

use serde::Deserialize;
use sunward_core::Timestamp;
use sunward_core::ledger::{Basis, Factors, Flow};
use sunward_core::place::SignalKind;

use super::client::{Ask, Pass, Site};
use super::document::{Moment, TO_MINUTES, json, nullable, spans, written};
use super::series::{Counts, Draft, HOUR_MS};
use super::{GridSignal, Provider, Series, SignalError};

const NAME: &str = Provider::Uk.word();

/// Its only zone.
const ZONE: &str = "GB";

/// What its figures count: "CO2 emissions related to electricity generation only", per
/// kilowatt-hour consumed, with imports over interconnectors and losses (National Energy System
/// Operator, <https://www.carbonintensity.org.uk> and "Carbon Intensity Forecast Methodology").
/// Wind, sun and nuclear power count as zero. Its `actual` is an estimate from metered generation.
const COUNTS: Counts = (
    SignalKind::Average,
    Basis {
        factors: Factors::Direct,
        flow: Flow::Consumption,
    },
);

const STEP_MS: u64 = HOUR_MS / 2;

/// A request may cover fourteen days. It includes the half hour that ends at its start.
const SPAN_MS: u64 = 13 * 24 * HOUR_MS;

/// How long after a half hour's end its figure may still be missing.
const LATE_MS: u64 = 3 * HOUR_MS;

/// The provider.
#[derive(Debug)]
pub(crate) struct Uk {
    site: Site,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<HalfHour>,
}

#[derive(Deserialize)]
struct HalfHour {
    from: Moment,
    to: Moment,
    intensity: Intensity,
}

#[derive(Deserialize)]
struct Intensity {
    #[serde(deserialize_with = "nullable")]
    forecast: Option<f64>,
    #[serde(deserialize_with = "nullable")]
    actual: Option<f64>,
}

impl Uk {
    pub(crate) const fn new(site: Site) -> Self {
        Self { site }
    }

    fn ask(&self, path: String, now: Timestamp) -> Result<Vec<HalfHour>, SignalError> {
        let bytes = self.site.get(&Ask {
            path: path.clone(),
            query: Vec::new(),
            pass: Pass::Open,
            now,
        });
        let bytes = bytes.map_err(|error| error.about(ZONE))?;
        let answer: Answer = json(&self.site.host, &path, &bytes)?;
        if let Some(other) = answer
            .data
            .iter()
            .find(|half| half.to.0.since_ms(half.from.0) != STEP_MS)
        {
            return Err(SignalError::Schema {
                what: format!(
                    "a figure from {} to {}, but half hours were expected",
                    written(other.from.0, TO_MINUTES),
                    written(other.to.0, TO_MINUTES)
                ),
                place: format!("{}{path}", self.site.host),
            });
        }
        Ok(answer.data)
    }
}

fn check(zone: &str) -> Result<(), SignalError> {
    if zone == ZONE {
        return Ok(());
    }
    Err(SignalError::NoZone {
        zone: zone.to_owned(),
        what: format!("{NAME} covers only {ZONE}"),
    })
}

impl GridSignal for Uk {
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
        check(zone)?;
        let until = until.min(now);
        let mut draft = Draft::new(NAME, zone, COUNTS, STEP_MS);
        for (begin, end) in spans(from, until, SPAN_MS) {
            let (begin, end) = (written(begin, TO_MINUTES), written(end, TO_MINUTES));
            for half in self.ask(format!("/intensity/{begin}/{end}"), now)? {
                if half.to.0 > now {
                    continue;
                }
                // Without a measurement, the forecast of that half hour is the best figure.
                let Intensity { forecast, actual } = half.intensity;
                draft.put(half.from.0, actual.or(forecast), actual.is_none())?;
            }
        }
        draft.history(from, until, now, LATE_MS)
    }

    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError> {
        check(zone)?;
        let mut draft = Draft::new(NAME, zone, COUNTS, STEP_MS);
        let path = format!("/intensity/{}/fw48h", written(now, TO_MINUTES));
        for half in self.ask(path, now)? {
            draft.put(half.from.0, half.intensity.forecast, false)?;
        }
        draft.forecast(now).map(Some)
    }
}
