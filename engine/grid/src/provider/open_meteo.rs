//! Open-Meteo: weather at points, as it is forecast now and as it was forecast on the days before.
//!
//! Its forecast API gives the newest forecast. Its API of previous runs gives, for any hour, what was
//! forecast one, two and three days before it (`wind_speed_100m_previous_day2`); its API of historical
//! forecasts has none of these, but only the first hours of each forecast, which nobody knew a day
//! before. Both have the same path and answer in the same shape
//! (<https://open-meteo.com/en/docs>, <https://open-meteo.com/en/docs/previous-runs-api>).

use std::collections::BTreeMap;

use serde::Deserialize;
use sunward_core::Timestamp;

use super::client::{Ask, Pass, Site};
use super::document::{json, written};
use super::error::SignalError;
use super::points::Point;
use super::secret::Secret;
use super::series::HOUR_MS;
use crate::moment::moment_shown;
use crate::weather::{DAYS, Foreseen, REACH_MS, Sky, Weather};
use crate::whole::whole;

/// Its name in settings and messages.
pub const OPEN_METEO: &str = "open-meteo";

/// The path of both APIs.
const PATH: &str = "/v1/forecast";

/// The figures that are asked for: the name, the unit, and the least and greatest value on Earth.
const FIGURES: [(&str, &str, f64, f64); 3] = [
    ("wind_speed_100m", "m/s", 0.0, 150.0),
    ("shortwave_radiation", "W/m²", 0.0, 1_600.0),
    ("temperature_2m", "°C", -100.0, 70.0),
];

/// The wind at which turbines begin to turn, and at which they give all they can, in meters per second
/// (of most turbines on land).
const TURNS_AT: f64 = 3.0;
const FULL_AT: f64 = 12.0;

/// Weather at points.
#[derive(Debug)]
pub struct OpenMeteo {
    newest: Site,
    before: Site,
    key: Option<Secret>,
}

/// The answer for one point.
#[derive(Deserialize)]
struct Place {
    hourly_units: BTreeMap<String, String>,
    hourly: Hourly,
}

#[derive(Deserialize)]
struct Hourly {
    /// Seconds since the epoch.
    time: Vec<u64>,
    #[serde(flatten)]
    figures: BTreeMap<String, Vec<Option<f64>>>,
}

/// A refusal.
#[derive(Deserialize)]
struct Refusal {
    error: bool,
    reason: String,
}

/// The figures of an hour at one point, in the order of [`FIGURES`].
type Raw = [Option<f64>; 3];

impl OpenMeteo {
    pub(crate) const fn new(newest: Site, before: Site, key: Option<Secret>) -> Self {
        Self {
            newest,
            before,
            key,
        }
    }

    /// The weather over some points from the hour of `from` on, with all forecasts that are published at
    /// `now`. The newest one is asked for if `is_now`, that is, unless a past is replayed: which forecast
    /// was the newest at a past moment is not known.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer.
    pub fn weather(
        &self,
        points: &[Point],
        from: Timestamp,
        now: Timestamp,
        is_now: bool,
    ) -> Result<Weather, SignalError> {
        let until = now.after_ms(REACH_MS + HOUR_MS);
        let names = |suffix: &str| FIGURES.map(|(name, ..)| format!("{name}{suffix}"));
        let suffixes: Vec<String> = (1..=DAYS)
            .map(|day| format!("_previous_day{day}"))
            .collect();
        let asked: Vec<String> = suffixes.iter().flat_map(|suffix| names(suffix)).collect();
        let before = self.places(&self.before, points, &asked, (from, until), now)?;
        let newest = match is_now {
            true => Some(self.places(&self.newest, points, &names(""), (now, until), now)?),
            false => None,
        };
        let first = Timestamp(from.0 / HOUR_MS * HOUR_MS);
        let count = until.since_ms(first) / HOUR_MS;
        let hours = (0..count).map(|hour| {
            let begin = first.after_ms(hour * HOUR_MS);
            Foreseen {
                newest: newest.as_ref().and_then(|newest| mean(newest, "", begin)),
                days_before: std::array::from_fn(|day| mean(&before, &suffixes[day], begin)),
            }
        });
        Ok(Weather {
            first,
            issued_at: now,
            hours: hours.collect(),
        })
    }

    /// The temperature at a point at noon of today, in degrees Celsius: a cheap question.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer.
    pub fn try_out(&self, point: Point, now: Timestamp) -> Result<Option<f64>, SignalError> {
        let asked = [FIGURES[2].0.to_owned()];
        let places = self.places(&self.newest, &[point], &asked, (now, now), now)?;
        let of = |place: &Table| place.at("", now)[2];
        Ok(places.first().and_then(of))
    }

    /// The host that gives forecasts.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.newest.host
    }

    fn places(
        &self,
        site: &Site,
        points: &[Point],
        asked: &[String],
        (from, until): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Vec<Table>, SignalError> {
        let all = |of: fn(Point) -> String| {
            let texts: Vec<String> = points.iter().map(|point| of(*point)).collect();
            texts.join(",")
        };
        let day = |at: Timestamp| written(at, "%Y-%m-%d");
        let ask = Ask {
            path: PATH.to_owned(),
            query: vec![
                ("latitude", all(Point::latitude)),
                ("longitude", all(Point::longitude)),
                ("hourly", asked.join(",")),
                ("start_date", day(from)),
                ("end_date", day(until)),
                ("wind_speed_unit", "ms".to_owned()),
                ("timezone", "GMT".to_owned()),
                ("timeformat", "unixtime".to_owned()),
            ],
            pass: match &self.key {
                Some(key) => Pass::Parameter("apikey", key),
                None => Pass::Open,
            },
            now,
        };
        let bytes = site.get_also(&ask, |body| refusal(body).is_some())?;
        if let Some(reason) = refusal(&bytes) {
            return Err(refused(site, &reason, now));
        }
        let is_list = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let places: Vec<Place> = match is_list {
            true => json(&site.host, PATH, &bytes)?,
            false => vec![json(&site.host, PATH, &bytes)?],
        };
        if places.len() != points.len() {
            let what = format!("{} places for {} points", places.len(), points.len());
            return Err(schema(site, what));
        }
        places
            .into_iter()
            .map(|place| Table::read(site, place, asked))
            .collect()
    }
}

/// The reason of a refusal: `{"error":true,"reason":"…"}`.
fn refusal(body: &[u8]) -> Option<String> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    refusal.error.then_some(refusal.reason)
}

/// What a refusal means. Its limits are per minute, hour and day, and end as these do; the answer has no
/// `Retry-After`.
fn refused(site: &Site, reason: &str, now: Timestamp) -> SignalError {
    let limit = |ms: u64| Some(ms - now.0 % ms);
    let retry_after_ms = match reason.split(' ').next() {
        Some("Minutely") => limit(60_000),
        Some("Hourly") => limit(HOUR_MS),
        Some("Daily") => limit(24 * HOUR_MS),
        _ => None,
    };
    let host = format!("{}{PATH}", site.host);
    if retry_after_ms.is_some()
        || reason.contains("limit exceeded")
        || reason.starts_with("Too many")
    {
        return SignalError::TooOften {
            host,
            retry_after_ms,
        };
    }
    // Its documentation names no status of a wrong key, so its words tell it from a wrong request.
    let is_key = reason.to_lowercase().contains("api key");
    SignalError::Refused {
        host,
        status: if is_key { 401 } else { 400 },
        said: format!(": {reason}"),
    }
}

fn schema(site: &Site, what: String) -> SignalError {
    SignalError::Schema {
        what,
        place: format!("{}{PATH}", site.host),
    }
}

/// The figures of one point by hour.
#[derive(Debug)]
struct Table {
    first: Timestamp,
    figures: BTreeMap<String, Vec<Option<f64>>>,
}

impl Table {
    fn read(site: &Site, place: Place, asked: &[String]) -> Result<Self, SignalError> {
        let hourly = place.hourly;
        let first = hourly.time.first().copied();
        let first = first.ok_or_else(|| schema(site, "there is no hour in the answer".into()))?;
        let is_hourly = (first..).step_by(3_600).zip(&hourly.time);
        if first % 3_600 != 0 || is_hourly.into_iter().any(|(due, time)| due != *time) {
            return Err(schema(site, "its times are not hour by hour".into()));
        }
        let first = Timestamp(first.saturating_mul(1000));
        for name in asked {
            let Some(values) = hourly.figures.get(name) else {
                return Err(schema(site, format!("there is no {name}")));
            };
            if values.len() != hourly.time.len() {
                let what = format!("{} {name} for {} hours", values.len(), hourly.time.len());
                return Err(schema(site, what));
            }
            let known = FIGURES
                .into_iter()
                .find(|(figure, ..)| name.starts_with(figure));
            let Some((_, unit, least, most)) = known else {
                continue;
            };
            let given = place.hourly_units.get(name).map_or("", String::as_str);
            if given != unit {
                return Err(schema(
                    site,
                    format!("{name} is in `{given}`, not in `{unit}`"),
                ));
            }
            let mut known = values.iter().flatten().copied();
            if let Some(value) = known.find(|value| !(least..=most).contains(value)) {
                return Err(SignalError::Absurd {
                    value,
                    unit,
                    place: format!("{}, {name} from {}", site.host, moment_shown(first)),
                });
            }
        }
        Ok(Self {
            first,
            figures: hourly.figures,
        })
    }

    /// The figures of the hour that contains a moment. Wind and temperature are told at its begin and
    /// at its end; radiation is told at its end, as the mean since its begin.
    fn at(&self, suffix: &str, moment: Timestamp) -> Raw {
        let Some(since_ms) = moment.0.checked_sub(self.first.0) else {
            return [None; 3];
        };
        let Ok(hour) = usize::try_from(since_ms / HOUR_MS) else {
            return [None; 3];
        };
        let told = |figure: usize, hour: usize| -> Option<f64> {
            let values = self
                .figures
                .get(&format!("{}{suffix}", FIGURES[figure].0))?;
            values.get(hour).copied().flatten()
        };
        let between = |figure: usize| {
            let begin = told(figure, hour)?;
            Some(f64::midpoint(
                begin,
                told(figure, hour + 1).unwrap_or(begin),
            ))
        };
        [between(0), told(1, hour + 1), between(2)]
    }
}

/// The mean over all points in the hour of a moment; `None` if a figure of a point is not known.
fn mean(points: &[Table], suffix: &str, moment: Timestamp) -> Option<Sky> {
    let mut sums = [0.0; 3];
    for point in points {
        let [wind, radiation, temperature] = point.at(suffix, moment);
        sums[0] += turbine(wind?);
        sums[1] += radiation?;
        sums[2] += temperature?;
    }
    let count = u32::try_from(points.len()).map_or(1.0, f64::from).max(1.0);
    let [turbine, radiation, temperature] = sums.map(|sum| sum / count);
    let positive = |value: f64| u32::try_from(whole(value)).unwrap_or(u32::MAX);
    Some(Sky {
        turbine_permille: positive(turbine * 1000.0),
        radiation_w_per_m2: positive(radiation),
        temperature_decicelsius: format!("{:.0}", temperature * 10.0).parse().unwrap_or(0),
    })
}

/// What turbines give at a wind speed, as a share of what they can: the power of wind grows with the
/// cube of its speed.
fn turbine(meters_per_s: f64) -> f64 {
    let cube = |speed: f64| speed * speed * speed;
    let above = cube(meters_per_s) - cube(TURNS_AT);
    (above / (cube(FULL_AT) - cube(TURNS_AT))).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::turbine;

    #[test]
    fn turbines_stand_in_a_calm_and_give_no_more_than_they_can() {
        assert_eq!((turbine(0.0), turbine(3.0)), (0.0, 0.0));
        assert_eq!((turbine(12.0), turbine(30.0)), (1.0, 1.0));
        assert!((0.25..0.35).contains(&turbine(8.2)), "{}", turbine(8.2));
    }
}
