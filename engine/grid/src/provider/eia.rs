//! The EIA of the United States, version 2: hourly generation by fuel, times emission factors.

use serde::{Deserialize, Deserializer};
use sunward_core::Timestamp;
use sunward_workflows::quoted;

use super::client::{Ask, Pass, Site};
use super::document::{json, spans, written};
use super::factors::Fuel;
use super::mix::Mix;
use super::series::HOUR_MS;
use super::zones::eia_respondent;
use super::{GridSignal, Provider, Secret, Series, SignalError};
use crate::moment::moment;

const NAME: &str = Provider::Eia.word();

const PATH: &str = "/v2/electricity/rto/fuel-type-data/data/";

/// The most rows in one answer; ten days of a dozen fuels are fewer.
const ROWS: u64 = 5000;

/// The most pages of one span, whatever total the answer states.
const PAGES: u64 = 20;

const SPAN_MS: u64 = 10 * 24 * HOUR_MS;

/// How long after an hour's end its figure may still be missing. Fuels are published a day later.
const LATE_MS: u64 = 36 * HOUR_MS;

/// The provider.
#[derive(Debug)]
pub(crate) struct Eia {
    site: Site,
    key: Secret,
}

#[derive(Deserialize)]
struct Answer {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    #[serde(deserialize_with = "count")]
    total: u64,
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    /// The END of the hour in UTC: `2022-10-31T11`.
    period: String,
    respondent: String,
    fueltype: String,
    #[serde(deserialize_with = "number")]
    value: Option<f64>,
    #[serde(rename = "value-units")]
    units: String,
}

/// A number, which EIA writes as a number or as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(f64),
    Text(String),
}

impl Loose {
    fn number<E: serde::de::Error>(self) -> Result<f64, E> {
        match self {
            Self::Number(value) => Ok(value),
            Self::Text(text) => text
                .trim()
                .parse()
                .map_err(|_| E::custom(format!("{} is not a number", quoted(&text)))),
        }
    }
}

fn number<'de, D: Deserializer<'de>>(source: D) -> Result<Option<f64>, D::Error> {
    let value: Option<Loose> = Option::deserialize(source)?;
    value.map(Loose::number).transpose()
}

fn count<'de, D: Deserializer<'de>>(source: D) -> Result<u64, D::Error> {
    let value: f64 = Loose::deserialize(source)?.number()?;
    format!("{value:.0}")
        .parse()
        .map_err(|_| serde::de::Error::custom(format!("{value} is not a count")))
}

/// What a fuel's code stands for.
enum Kind {
    Power(Option<Fuel>),
    /// Storage. The power that it returns was counted when it was generated.
    Storage,
}

fn kind(code: &str) -> Kind {
    Kind::Power(Some(match code {
        "COL" => Fuel::Coal,
        "NG" => Fuel::Gas,
        "OIL" => Fuel::Oil,
        "NUC" => Fuel::Nuclear,
        "WAT" => Fuel::Hydro,
        "SUN" | "SNB" => Fuel::Solar,
        "WND" | "WNB" => Fuel::WindOnshore,
        "GEO" => Fuel::Geothermal,
        "OTH" => Fuel::Other,
        "BAT" | "PS" | "UES" | "OES" => return Kind::Storage,
        _ => return Kind::Power(None),
    }))
}

impl Eia {
    pub(crate) const fn new(site: Site, key: Secret) -> Self {
        Self { site, key }
    }

    fn rows(
        &self,
        respondent: &str,
        span: (Timestamp, Timestamp),
        offset: u64,
        now: Timestamp,
    ) -> Result<Response, SignalError> {
        // Periods are named by their end, so the first hour of the span has the name of the next
        // one.
        let hour = |at: Timestamp| written(at, "%Y-%m-%dT%H");
        let bytes = self.site.get(&Ask {
            path: PATH.to_owned(),
            query: vec![
                ("frequency", "hourly".to_owned()),
                ("data[0]", "value".to_owned()),
                ("facets[respondent][]", respondent.to_owned()),
                ("start", hour(span.0.after_ms(HOUR_MS))),
                ("end", hour(span.1)),
                ("sort[0][column]", "period".to_owned()),
                ("sort[0][direction]", "asc".to_owned()),
                ("offset", offset.to_string()),
                ("length", ROWS.to_string()),
            ],
            pass: Pass::Parameter("api_key", &self.key),
            now,
        })?;
        let answer: Answer = json(&self.site.host, PATH, &bytes)?;
        Ok(answer.response)
    }

    fn put(&self, mix: &mut Mix, row: &Row, respondent: &str) -> Result<(), SignalError> {
        let place = format!("{}{PATH}", self.site.host);
        let wrong = |what: String| SignalError::Schema {
            what,
            place: place.clone(),
        };
        if row.units != "megawatthours" {
            return Err(wrong(format!(
                "value-units is {}, but megawatthours was expected",
                row.units
            )));
        }
        if row.respondent != respondent {
            return Err(wrong(format!(
                "it is about {}, but {respondent} was requested",
                row.respondent
            )));
        }
        let end = moment(&format!("{}:00Z", row.period))
            .ok_or_else(|| wrong(format!("period {} is not an hour", quoted(&row.period))))?;
        let begin = Timestamp(end.0.saturating_sub(HOUR_MS));
        match (kind(&row.fueltype), row.value) {
            (Kind::Power(fuel), Some(value)) => {
                mix.put(begin, HOUR_MS, &row.fueltype, fuel, value, &place)
            }
            (Kind::Storage, _) | (_, None) => Ok(()),
        }
    }
}

impl GridSignal for Eia {
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
        let respondent = eia_respondent(zone)?;
        let mut mix = Mix::default();
        for span in spans(from, until.min(now), SPAN_MS) {
            let mut read: u64 = 0;
            for _ in 0..PAGES {
                let rows = self
                    .rows(respondent, span, read, now)
                    .map_err(|error| error.about(zone))?;
                for row in &rows.data {
                    self.put(&mut mix, row, respondent)?;
                }
                let count = u64::try_from(rows.data.len()).unwrap_or(u64::MAX);
                read = read.saturating_add(count);
                if count == 0 || read >= rows.total {
                    break;
                }
            }
        }
        mix.intensities(NAME, zone, &self.site.host)?
            .history(from, until, now, LATE_MS)
    }

    /// EIA publishes no forecasts, and no day-ahead prices (its series of the grid are demand,
    /// generation and interchange: <https://www.eia.gov/opendata/browser/electricity/rto>).
    fn forecast(&self, _zone: &str, _now: Timestamp) -> Result<Option<Series>, SignalError> {
        Ok(None)
    }
}
