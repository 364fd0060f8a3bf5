//! Caches answers on disk: one file for each provider, zone and day, and one for the forecast.
//!
//! Only parsed answers are kept. They are used while they are fresh; while the provider is down
//! they are used flagged as stale. A file that cannot be read is ignored.

use std::io::Write;
use std::path::{Path, PathBuf};

use sunward_core::Timestamp;

use super::series::HOUR_MS;
use super::{GridSignal, Series, SignalError};

const DAY_MS: u64 = 24 * HOUR_MS;

/// How long a day that has not ended stays fresh. New figures come every half hour at most.
const FRESH_MS: u64 = HOUR_MS / 4;

/// How long after a day its figures may still be corrected.
const SETTLED_MS: u64 = 2 * DAY_MS;

/// How long a day that has ended, but may be corrected, stays fresh.
const UNSETTLED_MS: u64 = 6 * HOUR_MS;

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
        let name = format!("{}@{}", inner.name(), as_name(address));
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

/// Joins two successive series. If there is a gap between them or their kinds differ, the later one
/// is returned alone. The result is as old as the later one.
fn join(earlier: Option<Series>, later: Series) -> Series {
    match earlier {
        Some(mut earlier)
            if earlier.end() == later.first
                && earlier.step_ms == later.step_ms
                && earlier.kind == later.kind =>
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
fn as_name(text: &str) -> String {
    let text = text.trim_start_matches("https://").trim_end_matches('/');
    text.chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' => letter,
            _ => '_',
        })
        .collect()
}

fn write(path: &Path, series: &Series) {
    if let Err(error) = try_write(path, series) {
        tracing::warn!(path = %sunward_files::shown(path), %error, "an answer could not be kept");
    }
}

/// Writes under a temporary name and renames, so that nobody reads half a file.
fn try_write(path: &Path, series: &Series) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let draft = folder.join(format!(
        ".{}.{}",
        std::process::id(),
        sunward_files::shown(path.file_name().unwrap_or_default().as_ref())
    ));
    let mut file = std::fs::File::create(&draft)?;
    file.write_all(&serde_json::to_vec(series)?)?;
    drop(file);
    std::fs::rename(&draft, path)
}
