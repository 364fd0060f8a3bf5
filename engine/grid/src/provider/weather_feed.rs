//! The weather of zones: where it is asked for, and what is kept of earlier answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sunward_core::Timestamp;

use super::cache::{as_name, write};
use super::error::SignalError;
use super::open_meteo::{OPEN_METEO, OpenMeteo};
use super::points::{Point, Points};
use super::series::HOUR_MS;
use crate::weather::Weather;

/// How much before the last answer forecasts are asked for again: those of the last hours may not have
/// been published.
const SETTLED_MS: u64 = 24 * HOUR_MS;

/// Where the weather of zones is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeatherOptions {
    /// The points of zones. A zone that is not among them has one: where it is by
    /// [`Options::points`](super::Options::points).
    pub points: BTreeMap<String, Vec<Point>>,
}

/// The weather of zones.
#[derive(Debug)]
pub struct WeatherFeed {
    asked: OpenMeteo,
    options: WeatherOptions,
    places: Points,
    /// Where answers are kept; `None` if they are not.
    folder: Option<PathBuf>,
}

/// The weather of a zone.
#[derive(Debug)]
pub struct Told {
    /// It, with the forecasts that are known.
    pub weather: Weather,
    /// Why the provider did not answer; the weather is that of an earlier answer then.
    pub failed: Option<SignalError>,
}

/// An answer, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The points that it is of.
    points: Vec<String>,
    weather: Weather,
}

impl WeatherFeed {
    /// A feed that asks a provider. With `keep`, answers are kept in a folder below it.
    #[must_use]
    pub fn new(
        asked: OpenMeteo,
        options: WeatherOptions,
        places: Points,
        keep: Option<&Path>,
    ) -> Self {
        let name = || format!("{OPEN_METEO}@{}", as_name(asked.host()));
        let folder = keep.map(|folder| folder.join(name()));
        Self {
            asked,
            options,
            places,
            folder,
        }
    }

    /// The points of a zone.
    ///
    /// # Errors
    ///
    /// Fails if none is known.
    pub fn points(&self, zone: &str) -> Result<Vec<Point>, SignalError> {
        let named = self.options.points.get(zone).cloned();
        let place = || self.places.of(zone).map(|point| vec![point]);
        named.or_else(place).ok_or_else(|| SignalError::NoZone {
            zone: zone.to_owned(),
            what: format!(
                "where it is, is not known; set its points in your settings: `weather: {{ points: {{ {zone}: [[52.5, 13.4]] }} }}`"
            ),
        })
    }

    /// The weather of a zone since a moment, with all forecasts that are published at `now`. `is_now` is
    /// false if a past is replayed. The provider is asked once an hour.
    ///
    /// # Errors
    ///
    /// Fails if the provider does not answer, and nothing is kept.
    pub fn weather(
        &self,
        zone: &str,
        from: Timestamp,
        now: Timestamp,
        is_now: bool,
    ) -> Result<Told, SignalError> {
        let points = self.points(zone)?;
        let names: Vec<String> = points.iter().map(Point::to_string).collect();
        // A replayed past is not asked for again and again, and must not end up among what is new.
        let file = self.folder.as_ref().filter(|_| is_now).map(|folder| {
            let zone = as_name(zone);
            folder.join(zone).join("weather.json")
        });
        let kept = file.as_deref().and_then(read).filter(|kept| {
            let is_of_these = kept.points == names && kept.weather.first <= from;
            is_of_these && kept.weather.issued_at <= now
        });
        let kept = kept.map(|kept| kept.weather);
        if let Some(kept) = &kept
            && kept.issued_at.0 / HOUR_MS == now.0 / HOUR_MS
        {
            return Ok(Told {
                weather: kept.clone(),
                failed: None,
            });
        }
        let unsettled = kept.as_ref().map_or(from, |kept| {
            from.max(Timestamp(kept.issued_at.0.saturating_sub(SETTLED_MS)))
        });
        match self.asked.weather(&points, unsettled, now, is_now) {
            Ok(new) => {
                let weather = kept.map_or_else(|| new.clone(), |kept| grown(kept, &new, from));
                if let Some(file) = file {
                    let kept = Kept {
                        points: names,
                        weather: weather.clone(),
                    };
                    write(&file, &kept);
                }
                Ok(Told {
                    weather,
                    failed: None,
                })
            }
            Err(error) => match kept.filter(|_| error.is_passing()) {
                Some(weather) => Ok(Told {
                    weather,
                    failed: Some(error),
                }),
                None => Err(error),
            },
        }
    }

    /// The provider's answer to a cheap question about a zone, in words.
    ///
    /// # Errors
    ///
    /// Fails if the zone's points are not known, or there is no usable answer.
    pub fn try_out(&self, zone: &str, now: Timestamp) -> Result<String, SignalError> {
        let points = self.points(zone)?;
        let point = points.first().copied();
        let degrees = match point {
            Some(point) => self.asked.try_out(point, now)?,
            None => None,
        };
        let count = points.len();
        let of = match count {
            1 => "its point".to_owned(),
            _ => format!("the first of its {count} points"),
        };
        Ok(match degrees {
            Some(degrees) => format!("it answers; at {of} in {zone} there are now {degrees:.0} °C"),
            None => format!("it answers, but without a figure for {of} in {zone}"),
        })
    }
}

fn read(path: &Path) -> Option<Kept> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    kept.weather.first.0.is_multiple_of(HOUR_MS).then_some(kept)
}

/// What is kept, from a moment on, and what is new.
fn grown(kept: Weather, new: &Weather, from: Timestamp) -> Weather {
    if kept.end() < new.first {
        return new.clone();
    }
    let index = |at: Timestamp| {
        let hours = at.since_ms(kept.first) / HOUR_MS;
        usize::try_from(hours).unwrap_or(usize::MAX)
    };
    let (skip, until) = (index(from), index(new.first));
    let old = kept.hours.iter().take(until).skip(skip).copied();
    Weather {
        first: kept
            .first
            .after_ms(from.since_ms(kept.first) / HOUR_MS * HOUR_MS),
        issued_at: new.issued_at,
        hours: old.chain(new.hours.iter().copied()).collect(),
    }
}
