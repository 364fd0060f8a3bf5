//! The XML of the ENTSO-E Transparency Platform: time series of periods of points.

use quick_xml::DeError;
use quick_xml::de::from_str;
use serde::Deserialize;
use sunward_core::Timestamp;
use sunward_workflows::quoted;

use super::document::foreign;
use super::series::HOUR_MS;
use super::{Secret, SignalError};
use crate::moment::moment;

/// The status of a request that cannot be answered.
const BAD_REQUEST: u16 = 400;

/// The element of an answer that has no data. It says why.
const ACKNOWLEDGEMENT: &str = "<Acknowledgement_MarketDocument";

/// The most points of a period: a month of quarter-hours, and some more.
const MOST_POINTS: u64 = 4000;

/// The most periods of one series in an answer; usual are a few a day.
const MOST_PERIODS: usize = 500;

/// A document with series of one kind.
#[derive(Deserialize)]
struct Document<T> {
    #[serde(rename = "TimeSeries", default = "Vec::new")]
    series: Vec<T>,
}

/// A part of a series with points of equal length.
#[derive(Deserialize)]
pub(super) struct Period {
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
    #[serde(alias = "price.amount")]
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

/// Whether an answer says that there is no data.
pub(super) fn is_acknowledgement(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains(ACKNOWLEDGEMENT)
}

/// Where an answer came from, for errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) key: &'a Secret,
}

impl Place<'_> {
    pub(super) fn wrong(&self, what: String) -> SignalError {
        SignalError::Schema {
            what,
            place: format!("{}{}", self.host, self.path),
        }
    }

    /// The series of an answer whose root element is `root`; none if there is no data.
    pub(super) fn series<T: for<'de> Deserialize<'de>>(
        &self,
        root: &str,
        bytes: &[u8],
    ) -> Result<Vec<T>, SignalError> {
        let text = std::str::from_utf8(bytes).map_err(|_| foreign(self.host, "XML", bytes))?;
        let malformed = |error: DeError| self.wrong(error.to_string());
        if text.contains(&format!("<{root}")) {
            if !text.trim_end().ends_with(&format!("</{root}>")) {
                return Err(self.wrong("the answer ends in the middle".to_owned()));
            }
            let document: Document<T> = from_str(text).map_err(malformed)?;
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
                host: self.host.to_owned(),
                status: BAD_REQUEST,
                said: self.key.hide_in(&format!(": {}", reasons.join("; "))),
            });
        }
        Err(foreign(self.host, "XML", bytes))
    }

    /// The points of a series: begin, length and value of each. In a curve of the type `A03`, a
    /// missing point has the value of the one before, up to the period's end.
    pub(super) fn points(
        &self,
        periods: &[Period],
        curve: Option<&str>,
    ) -> Result<Vec<(Timestamp, u64, f64)>, SignalError> {
        if periods.len() > MOST_PERIODS {
            return Err(self.wrong(format!("{} periods of one series", periods.len())));
        }
        let repeats = curve == Some("A03");
        let mut all = Vec::new();
        for period in periods {
            self.points_of(period, repeats, &mut all)?;
        }
        Ok(all)
    }

    fn points_of(
        &self,
        period: &Period,
        repeats: bool,
        all: &mut Vec<(Timestamp, u64, f64)>,
    ) -> Result<(), SignalError> {
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
        let at = |text: &str| {
            moment(text).ok_or_else(|| self.wrong(format!("{} is not a time", quoted(text))))
        };
        let (start, end) = (at(&period.interval.start)?, at(&period.interval.end)?);
        let count = end.since_ms(start) / step_ms;
        if count > MOST_POINTS {
            return Err(self.wrong(format!("a period of {count} points")));
        }
        let mut points = period.points.iter().peekable();
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
        Ok(())
    }
}
