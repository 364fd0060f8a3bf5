//! The ENTSO-E Transparency Platform: generation by type in XML, times emission factors.

use quick_xml::DeError;
use quick_xml::de::from_str;
use serde::Deserialize;
use sunward_core::Timestamp;

use super::client::{Ask, Pass, Site};
use super::document::{foreign, spans, written};
use super::factors::Fuel;
use super::mix::Mix;
use super::series::HOUR_MS;
use super::zones::entsoe_domain;
use super::{GridSignal, Provider, Secret, Series, SignalError};
use crate::moment::moment;

const NAME: &str = Provider::EntsoE.word();

const PATH: &str = "/api";

/// The status of a request that cannot be answered.
const BAD_REQUEST: u16 = 400;

/// The element of an answer that has no data. It says why.
const ACKNOWLEDGEMENT: &str = "<Acknowledgement_MarketDocument";

/// A request may cover a year; a month keeps answers small.
const SPAN_MS: u64 = 31 * 24 * HOUR_MS;

/// How long after an hour's end its figure may still be missing.
const LATE_MS: u64 = 12 * HOUR_MS;

/// The most points of a period: a month of quarter-hours, and some more.
const MOST_POINTS: u64 = 4000;

/// The most periods of one type in an answer; usual are a few a day.
const MOST_PERIODS: usize = 500;

/// The provider.
#[derive(Debug)]
pub(crate) struct EntsoE {
    site: Site,
    key: Secret,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "TimeSeries", default)]
    series: Vec<TimeSeries>,
}

#[derive(Deserialize)]
struct TimeSeries {
    /// Present for power that flows out: what pumps and batteries consume.
    #[serde(rename = "outBiddingZone_Domain.mRID")]
    consumer: Option<String>,
    #[serde(rename = "quantity_Measure_Unit.name")]
    unit: String,
    #[serde(rename = "curveType")]
    curve: Option<String>,
    #[serde(rename = "MktPSRType")]
    plant: Plant,
    #[serde(rename = "Period", default)]
    periods: Vec<Period>,
}

#[derive(Deserialize)]
struct Plant {
    #[serde(rename = "psrType")]
    code: String,
}

#[derive(Deserialize)]
struct Period {
    #[serde(rename = "timeInterval")]
    interval: Interval,
    resolution: String,
    #[serde(rename = "Point", default)]
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Interval {
    start: String,
    end: String,
}

#[derive(Deserialize)]
struct Point {
    position: u64,
    quantity: f64,
}

#[derive(Deserialize)]
struct Acknowledgement {
    #[serde(rename = "Reason", default)]
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    text: String,
}

fn fuel(code: &str) -> Option<Fuel> {
    Some(match code {
        "B01" => Fuel::Biomass,
        // Oil shale and peat emit about as much as lignite.
        "B02" | "B07" | "B08" => Fuel::Lignite,
        // Gas made from coal, and hard coal.
        "B03" | "B05" => Fuel::Coal,
        "B04" => Fuel::Gas,
        "B06" => Fuel::Oil,
        "B09" => Fuel::Geothermal,
        "B11" | "B12" => Fuel::Hydro,
        "B13" => Fuel::Marine,
        "B14" => Fuel::Nuclear,
        "B16" => Fuel::Solar,
        "B18" => Fuel::WindOffshore,
        "B19" => Fuel::WindOnshore,
        // Other renewables count as the dirtiest of them.
        "B15" => Fuel::Biomass,
        // Waste, and other.
        "B17" | "B20" => Fuel::Other,
        _ => return None,
    })
}

fn is_acknowledgement(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains(ACKNOWLEDGEMENT)
}

/// Pumped storage and batteries. The power that they return was counted when it was generated.
fn is_storage(code: &str) -> bool {
    matches!(code, "B10" | "B25")
}

impl EntsoE {
    pub(crate) const fn new(site: Site, key: Secret) -> Self {
        Self { site, key }
    }

    fn wrong(&self, what: String) -> SignalError {
        SignalError::Schema {
            what,
            place: format!("{}{PATH}", self.site.host),
        }
    }

    fn ask(
        &self,
        domain: &str,
        span: (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Vec<TimeSeries>, SignalError> {
        let stamp = |at: Timestamp| written(at, "%Y%m%d%H%M");
        let ask = Ask {
            path: PATH.to_owned(),
            query: vec![
                ("documentType", "A75".to_owned()),
                ("processType", "A16".to_owned()),
                ("in_Domain", domain.to_owned()),
                ("periodStart", stamp(span.0)),
                ("periodEnd", stamp(span.1)),
            ],
            pass: Pass::Parameter("securityToken", &self.key),
            now,
        };
        // "No matching data found" has the status 400, or 200.
        let bytes = self.site.get_also(&ask, is_acknowledgement)?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| foreign(&self.site.host, "XML", &bytes))?;
        let malformed = |error: DeError| self.wrong(error.to_string());
        if text.contains("<GL_MarketDocument") {
            if !text.trim_end().ends_with("</GL_MarketDocument>") {
                return Err(self.wrong("the answer ends in the middle".to_owned()));
            }
            let document: Document = from_str(text).map_err(malformed)?;
            return Ok(document.series);
        }
        if text.contains(ACKNOWLEDGEMENT) {
            let told: Acknowledgement = from_str(text).map_err(malformed)?;
            let nothing = |reason: &Reason| reason.text.contains("No matching data");
            if told.reasons.iter().any(nothing) {
                return Ok(Vec::new());
            }
            let reasons: Vec<&str> = told.reasons.iter().map(|one| one.text.as_str()).collect();
            return Err(SignalError::Refused {
                host: self.site.host.clone(),
                status: BAD_REQUEST,
                said: self.key.hide_in(&format!(": {}", reasons.join("; "))),
            });
        }
        Err(foreign(&self.site.host, "XML", &bytes))
    }

    fn put(&self, mix: &mut Mix, series: &TimeSeries) -> Result<(), SignalError> {
        let code = series.plant.code.as_str();
        if series.consumer.is_some() || is_storage(code) {
            return Ok(());
        }
        if series.unit != "MAW" {
            return Err(self.wrong(format!(
                "quantity_Measure_Unit is {}, but MAW was expected",
                series.unit
            )));
        }
        if series.periods.len() > MOST_PERIODS {
            return Err(self.wrong(format!("{} periods of {code}", series.periods.len())));
        }
        let repeats = series.curve.as_deref() == Some("A03");
        for period in &series.periods {
            for (begin, length_ms, megawatts) in self.points(period, repeats)? {
                let place = &self.site.host;
                mix.put(begin, length_ms, code, fuel(code), megawatts, place)?;
            }
        }
        Ok(())
    }

    /// Each point's start, length and value. In a curve that `repeats`, a missing point has the
    /// value of the one before, up to the period's end.
    fn points(
        &self,
        period: &Period,
        repeats: bool,
    ) -> Result<Vec<(Timestamp, u64, f64)>, SignalError> {
        let step_ms = match period.resolution.as_str() {
            "PT15M" => HOUR_MS / 4,
            "PT30M" => HOUR_MS / 2,
            "PT60M" | "PT1H" => HOUR_MS,
            other => {
                return Err(self.wrong(format!(
                    "resolution is {other}, but PT15M, PT30M or PT60M was expected"
                )));
            }
        };
        let at =
            |text: &str| moment(text).ok_or_else(|| self.wrong(format!("'{text}' is not a time")));
        let (start, end) = (at(&period.interval.start)?, at(&period.interval.end)?);
        let count = end.since_ms(start) / step_ms;
        if count > MOST_POINTS {
            return Err(self.wrong(format!("a period of {count} points")));
        }
        let mut points = period.points.iter().peekable();
        let mut all = Vec::new();
        while let Some(point) = points.next() {
            let next = points.peek().map_or(count + 1, |next| next.position);
            let in_order = (1..=count).contains(&point.position) && next > point.position;
            if !in_order || next > count + 1 {
                return Err(self.wrong(format!(
                    "position {} of {count} is out of order",
                    point.position
                )));
            }
            let until = if repeats { next } else { point.position + 1 };
            for position in point.position..until {
                let begin = start.after_ms((position - 1) * step_ms);
                all.push((begin, step_ms, point.quantity));
            }
        }
        Ok(all)
    }
}

impl GridSignal for EntsoE {
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
        let domain = entsoe_domain(zone)?;
        let mut mix = Mix::default();
        for span in spans(from, until.min(now), SPAN_MS) {
            let all = self
                .ask(domain, span, now)
                .map_err(|error| error.about(zone))?;
            for series in &all {
                self.put(&mut mix, series)?;
            }
        }
        mix.intensities(NAME, zone, &self.site.host)?
            .history(from, until, now, LATE_MS)
    }

    /// Its forecasts cover only wind, sun and load, which do not suffice for an intensity.
    fn forecast(&self, _zone: &str, _now: Timestamp) -> Result<Option<Series>, SignalError> {
        Ok(None)
    }
}
