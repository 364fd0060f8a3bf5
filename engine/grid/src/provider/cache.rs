//! Caches answers on disk: one file for each provider, zone and day, and one for the forecast.
//!
//! Only parsed answers are kept. They are used while they are fresh; while the provider is down
//! they are used flagged as stale. A file that cannot be read is ignored.

use std::io::Write;
use std::path::{Path, PathBuf};

use sunward_core::Timestamp;

use super::series::HOUR_MS;
use super::{GridSignal, Prices, Series, SignalError};

const DAY_MS: u64 = 24 * HOUR_MS;

/// How long a day that has not ended stays fresh. New figures come every half hour at most.
const FRESH_MS: u64 = HOUR_MS / 4;

/// How long after a day its figures may still be corrected.
const SETTLED_MS: u64 = 2 * DAY_MS;

/// How long a day that has ended, but may be corrected, stays fresh.
const UNSETTLED_MS: u64 = 6 * HOUR_MS;

/// The most hours of prices that are kept: a year and a month.
const KEPT_HOURS: u64 = 396 * 24;

/// A provider with a cache.
#[derive(Debug)]
pub struct Kept {
    inner: Box<dyn GridSignal>,
    folder: PathBuf,
}

impl Kept {
    /// Caches the answers of `inner`, which is at `address`, in a folder below `folder`.
    #[must_use]
    pub fn new(inner: Box<dyn GridSignal>, address: &str, folder: &Path) -> Self {
        // The address is part of the name, because a test server and the real one answer
        // differently.
        let name = format!("{}@{}", inner.kept_as(), as_name(address));
        let folder = folder.join(name);
        Self { inner, folder }
    }

    fn file(&self, zone: &str, what: &str) -> PathBuf {
        self.folder.join(as_name(zone)).join(format!("{what}.json"))
    }

    fn day_file(&self, zone: &str, day: u64) -> PathBuf {
        let name = super::document::written(Timestamp(day * DAY_MS), "%Y-%m-%d");
        self.file(zone, &name)
    }

    fn read(&self, path: &Path, zone: &str) -> Option<Series> {
        let series: Series = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let whole = series.step_ms > 0
            && HOUR_MS.is_multiple_of(series.step_ms)
            && series.first.0.is_multiple_of(series.step_ms);
        (whole && !series.steps.is_empty() && series.zone == zone).then_some(series)
    }

    fn read_prices(&self, path: &Path, zone: &str) -> Option<Prices> {
        let prices: Prices = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let is_whole = prices.first.0.is_multiple_of(HOUR_MS) && prices.zone == zone;
        is_whole.then_some(prices)
    }

    /// Writes each day of a series, complete or begun. A failure to write is ignored, since the
    /// series can be used anyway.
    fn keep(&self, series: &Series, from: Timestamp) {
        for day in series.first.0 / DAY_MS..=series.end().0.saturating_sub(1) / DAY_MS {
            let begins = day * DAY_MS;
            // A day that was requested in part must not look complete.
            if begins < from.0 || series.first.0 > begins {
                continue;
            }
            if let Some(part) = part(series, Timestamp(begins), Timestamp(begins + DAY_MS)) {
                write(&self.day_file(&series.zone, day), &part);
            }
        }
    }

    /// What is cached after the newest gap, whatever its age.
    fn all_kept(&self, zone: &str, from: Timestamp, until: Timestamp) -> Option<Series> {
        let days = from.0 / DAY_MS..=until.0.saturating_sub(1) / DAY_MS;
        let mut joined: Option<Series> = None;
        for day in days {
            if let Some(series) = self.read(&self.day_file(zone, day), zone) {
                joined = Some(join(joined, series));
            }
        }
        let mut series = part(&joined?, from, until)?;
        series.stale = true;
        Some(series)
    }
}

impl GridSignal for Kept {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Series, SignalError> {
        let until = until.min(now);
        let mut known: Option<Series> = None;
        // Requests cover whole days, so that days can be cached.
        let mut missing = Timestamp(from.0 / DAY_MS * DAY_MS);
        while missing < until {
            let day = missing.0 / DAY_MS;
            let Some(series) = self
                .read(&self.day_file(zone, day), zone)
                .filter(|series| is_fresh(series, day, now))
            else {
                break;
            };
            known = Some(join(known, series));
            missing = Timestamp((day + 1) * DAY_MS);
        }
        if missing < until {
            // Days that may be corrected are requested as well. A request for today alone may
            // return nothing, because providers publish late.
            let unsettled = Timestamp(until.0.saturating_sub(SETTLED_MS) / DAY_MS * DAY_MS);
            let begin = Timestamp(from.0 / DAY_MS * DAY_MS);
            if unsettled < missing {
                missing = unsettled.max(begin);
                known = known.and_then(|series| part(&series, begin, missing));
            }
            match self.inner.history(zone, missing, until, now) {
                Ok(series) => {
                    self.keep(&series, missing);
                    known = Some(join(known, series));
                }
                Err(error) if error.is_passing() => {
                    return self.all_kept(zone, from, until).ok_or(error);
                }
                Err(error) => return Err(error),
            }
        }
        known
            .and_then(|series| part(&series, from, until))
            .ok_or(SignalError::Stale { newest: None })
    }

    fn forecast(&self, zone: &str, now: Timestamp) -> Result<Option<Series>, SignalError> {
        let file = self.file(zone, "forecast");
        let kept = || {
            let series = self.read(&file, zone)?;
            let from = Timestamp(now.0 / series.step_ms * series.step_ms);
            // A forecast that was made later contains what was not known at this moment.
            let known = series.fetched_at <= now;
            known.then(|| part(&series, from, series.end()))?
        };
        if let Some(series) = kept()
            && now.since_ms(series.fetched_at) < FRESH_MS
        {
            return Ok(Some(series));
        }
        match self.inner.forecast(zone, now) {
            Ok(Some(series)) => {
                write(&file, &series);
                Ok(Some(series))
            }
            Ok(None) => Ok(None),
            Err(error) if error.is_passing() => match kept() {
                Some(series) => Ok(Some(Series {
                    stale: true,
                    ..series
                })),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn prices(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Prices>, SignalError> {
        let file = self.file(zone, "prices");
        let kept = self.read_prices(&file, zone);
        if let Some(kept) = &kept
            && has_prices(kept, (from, until), now)
        {
            return Ok(priced(kept, from, until));
        }
        // Published prices do not change, so only those that follow the kept ones are requested.
        let begin = kept
            .as_ref()
            .filter(|kept| kept.first.0 < from.0 + DAY_MS && kept.end() > from)
            .map_or(from, |kept| {
                from.max(Timestamp(kept.end().0.saturating_sub(SETTLED_MS)))
            });
        match self.inner.prices(zone, begin, until, now) {
            Ok(Some(prices)) => {
                let all = match kept {
                    Some(kept) => grown(&kept, prices),
                    None => prices,
                };
                write(&file, &all);
                Ok(priced(&all, from, until))
            }
            Ok(None) => {
                // Remembered for a while, so that the provider is not asked at every look.
                let none = Prices {
                    provider: self.name().to_owned(),
                    zone: zone.to_owned(),
                    first: Timestamp(from.0 / HOUR_MS * HOUR_MS),
                    milli_eur_per_mwh: Vec::new(),
                    fetched_at: now,
                };
                let kept = Prices {
                    fetched_at: now,
                    ..kept.unwrap_or(none)
                };
                write(&file, &kept);
                Ok(priced(&kept, from, until))
            }
            Err(error) if error.is_passing() => match kept {
                Some(kept) => Ok(priced(&kept, from, until)),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn covers(&self, now: Timestamp) -> Result<Option<String>, SignalError> {
        self.inner.covers(now)
    }

    fn kept_as(&self) -> String {
        self.inner.kept_as()
    }
}

/// The hours of prices between two moments; `None` if none is known. Prices that were published later
/// than a moment are cut off with it, so that a past can be replayed.
fn priced(prices: &Prices, from: Timestamp, until: Timestamp) -> Option<Prices> {
    let first = prices
        .first
        .max(Timestamp(from.0.div_ceil(HOUR_MS) * HOUR_MS));
    let count = until.since_ms(first).div_ceil(HOUR_MS);
    let hours = (0..count).map(|hour| first.after_ms(hour * HOUR_MS));
    let known = hours.take_while(|at| *at < prices.end());
    let milli_eur_per_mwh: Vec<Option<i64>> = known.map(|at| prices.at(at)).collect();
    (!milli_eur_per_mwh.is_empty()).then(|| Prices {
        first,
        milli_eur_per_mwh,
        ..prices.clone()
    })
}

/// Kept prices and newer ones as one record. It has at most the prices of `KEPT_HOURS`.
fn grown(kept: &Prices, new: Prices) -> Prices {
    if kept.end() < new.first || new.end() < kept.first {
        return new;
    }
    let first = kept.first.min(new.first);
    let count = kept.end().max(new.end()).since_ms(first) / HOUR_MS;
    let skipped = count.saturating_sub(KEPT_HOURS);
    let hours = (skipped..count).map(|hour| first.after_ms(hour * HOUR_MS));
    Prices {
        first: first.after_ms(skipped * HOUR_MS),
        milli_eur_per_mwh: hours.map(|at| new.at(at).or(kept.at(at))).collect(),
        fetched_at: new.fetched_at.max(kept.fetched_at),
        ..new
    }
}

/// Whether cached prices need not be requested again. A published price does not change.
fn has_prices(prices: &Prices, (from, until): (Timestamp, Timestamp), now: Timestamp) -> bool {
    let is_new = prices.fetched_at <= now && now.since_ms(prices.fetched_at) < FRESH_MS;
    let covers =
        prices.first.0 < from.0.div_ceil(HOUR_MS) * HOUR_MS + DAY_MS && prices.end() >= until;
    covers || is_new
}

/// Whether a cached day need not be requested again.
fn is_fresh(series: &Series, day: u64, now: Timestamp) -> bool {
    let end = (day + 1) * DAY_MS;
    let (fetched, age) = (series.fetched_at.0, now.since_ms(series.fetched_at));
    if fetched >= end + SETTLED_MS {
        return series.end().0 >= end;
    }
    // It was fetched after the moment that is asked about: a recorded past is replayed.
    if fetched > now.0 {
        return false;
    }
    let whole = series.end().0 >= end;
    age < if whole { UNSETTLED_MS } else { FRESH_MS }
}

/// The steps of a series that begin between two moments.
fn part(series: &Series, from: Timestamp, until: Timestamp) -> Option<Series> {
    let step = series.step_ms;
    let skip = from.since_ms(series.first).div_ceil(step);
    let first = series.first.after_ms(skip * step);
    let take = until.since_ms(first).div_ceil(step);
    let steps: Vec<_> = series
        .steps
        .iter()
        .skip(usize::try_from(skip).ok()?)
        .take(usize::try_from(take).ok()?)
        .copied()
        .collect();
    (!steps.is_empty()).then(|| Series {
        first,
        steps,
        ..series.clone()
    })
}

/// Joins two successive series. If there is a gap between them or their bases differ, the later one
/// is returned alone. The result is as old as the later one.
fn join(earlier: Option<Series>, later: Series) -> Series {
    match earlier {
        Some(mut earlier)
            if earlier.end() == later.first
                && earlier.step_ms == later.step_ms
                && earlier.counts_as(&later) =>
        {
            earlier.steps.extend(later.steps);
            Series {
                steps: earlier.steps,
                first: earlier.first,
                ..later
            }
        }
        _ => later,
    }
}

/// Text as a file name.
pub(super) fn as_name(text: &str) -> String {
    let text = text.trim_start_matches("https://").trim_end_matches('/');
    text.chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' => letter,
            _ => '_',
        })
        .collect()
}

/// Writes an answer. A failure is ignored, since the answer can be used anyway.
pub(super) fn write(path: &Path, told: &impl serde::Serialize) {
    if let Err(error) = try_write(path, told) {
        tracing::warn!(path = %sunward_files::shown(path), %error, "an answer could not be kept");
    }
}

/// Writes under a temporary name and renames, so that nobody reads half a file.
fn try_write(path: &Path, told: &impl serde::Serialize) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let draft = folder.join(format!(
        ".{}.{}",
        std::process::id(),
        sunward_files::shown(path.file_name().unwrap_or_default().as_ref())
    ));
    let mut file = std::fs::File::create(&draft)?;
    file.write_all(&serde_json::to_vec(told)?)?;
    drop(file);
    std::fs::rename(&draft, path)
}
