//! `sunward grid fetch`: saves past data of a provider as a recorded grid.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use sunward_core::place::SignalKind;
use sunward_core::{Basis, Timestamp};
use sunward_grid::provider::Series;
use sunward_grid::{Trace, merge_trace};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::grid_args::moment;
use crate::grid_name::GridName;
use crate::machine::{now, shown};
use crate::providers::{Providers, nobody_tells, tell_failed};
use crate::render::table::Table;
use crate::render::{self, Page, View};
use crate::settings::Settings;

/// Fetch past hours from a provider and save them as a recorded grid
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward grid fetch --grid uk --zone GB --from 2026-11-01T00:00:00Z --out grid\n\n\
        API keys come from the environment: SUNWARD_<PROVIDER>_KEY (such as \
        SUNWARD_ELECTRICITY_MAPS_KEY), or the file that SUNWARD_<PROVIDER>_KEY_FILE names. \
        WattTime's key is user:password. SUNWARD_<PROVIDER>_URL sets another address. Day-ahead prices are saved as far as they are \
        published."
)]
pub(crate) struct Fetch {
    /// Providers, separated by commas; the first that answers is used
    #[arg(long, value_name = "PROVIDER")]
    grid: String,
    /// Zones, as Electricity Maps names them, such as DE
    #[arg(long, value_name = "ZONE", required = true, num_args = 1..)]
    zone: Vec<String>,
    /// Fetch from this hour on
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Until this time [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The folder for the ZONE.csv files; existing rows are kept
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// The answer: what was fetched.
#[derive(Serialize)]
struct FetchView {
    zones: Vec<Fetched>,
}

/// The fetched data of one zone.
#[derive(Serialize)]
struct Fetched {
    zone: String,
    /// The provider that answered.
    source: String,
    /// `average` or `marginal`.
    kind: SignalKind,
    /// What else the figures count.
    basis: Basis,
    file: String,
    hours: usize,
    /// The number of these hours that were estimated or filled in.
    estimated: usize,
    from: String,
    until: String,
    /// The end of the hours whose day-ahead price was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    priced_until: Option<String>,
}

impl View for FetchView {
    fn page(&self, page: &mut Page) {
        let mut table = Table::new(&[
            "zone",
            "source",
            "kind",
            "basis",
            ">hours",
            ">estimated",
            "from",
            "until",
            "prices until",
            "file",
        ]);
        for one in &self.zones {
            table.row([
                one.zone.clone(),
                one.source.clone(),
                one.kind.word().to_owned(),
                one.basis.to_string(),
                one.hours.to_string(),
                one.estimated.to_string(),
                one.from.clone(),
                one.until.clone(),
                one.priced_until.clone().unwrap_or_default(),
                one.file.clone(),
            ]);
        }
        page.table(&table);
    }
}

impl Fetch {
    /// Fetches and saves one zone after the other.
    pub(super) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let settings = Settings::read(context.settings.as_deref())?;
        let now = now();
        let from = moment(&self.from)?;
        let until = self.until.as_deref().map_or(Ok(now), moment)?.min(now);
        if from >= until {
            return Err(wrong_input(format!(
                "--from {} is not before {}; expected a time in the past, and --until after it",
                self.from,
                shown(until)
            )));
        }
        if let Some(zone) = self.zone.iter().find(|zone| !is_name(zone)) {
            return Err(wrong_input(format!(
                "`{zone}` is not a zone; expected letters, digits and dashes, such as US-CAL-CISO"
            )));
        }
        let providers = Providers::named(context, &settings, GridName::of_call(&self.grid), false)?;
        let folder = context.folder.join(&self.out);
        let mut view = FetchView { zones: Vec::new() };
        for zone in &self.zone {
            let answer = providers
                .history(zone, from, until, now)
                .map_err(|error| nobody_tells(Some(zone), &error))?;
            tell_failed(zone, &answer);
            let series = answer.history.hourly();
            let trace = answer.trace();
            if series.first.since_ms(from) >= 2 * series.step_ms {
                render::say(&format!(
                    "zone {zone}: the provider has no gap-free figures before {}",
                    shown(series.first)
                ));
            }
            keep(&folder, &series, &trace)?;
            view.zones.push(Fetched::of(&series, &trace, &self.out));
        }
        render::answer(context, &view)?;
        Ok(Exit::Done)
    }
}

impl Fetched {
    fn of(series: &Series, trace: &Trace, out: &Path) -> Self {
        Self {
            zone: series.zone.clone(),
            source: series.provider.clone(),
            kind: series.kind,
            basis: series.basis,
            file: sunward_files::as_value(&out.join(file_name(series))),
            hours: series.steps.len(),
            estimated: series.steps.iter().filter(|step| step.estimated).count(),
            from: shown(series.first),
            until: shown(series.end()),
            priced_until: priced_until(trace).map(shown),
        }
    }
}

/// The end of the last hour with a price.
fn priced_until(trace: &Trace) -> Option<Timestamp> {
    let steps = 0..trace.priced_steps();
    let last = steps.rev().find(|step| trace.price_of(*step).is_some())?;
    Some(trace.ended(last + 1))
}

/// True if a zone has only characters that are valid in every file name.
fn is_name(zone: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    !zone.is_empty() && zone.bytes().all(plain)
}

fn file_name(series: &Series) -> String {
    format!("{}.csv", series.zone)
}

/// Merges a series into its file. The new file replaces the old one at once, so that nobody reads a
/// partial file.
fn keep(folder: &Path, series: &Series, trace: &Trace) -> anyhow::Result<()> {
    let path = folder.join(file_name(series));
    let shown = sunward_files::shown(&path);
    let old = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(wrong_input(format!("{shown} cannot be read: {error}"))),
    };
    let is_marginal = series.kind == SignalKind::Marginal;
    if is_marginal && old.is_none() {
        return Err(wrong_input(format!(
            "{} has marginal intensities only, and {shown} with average intensities does not exist; fetch averages from another provider first",
            series.provider
        )));
    }
    let bytes = merge_trace(&shown, old.as_deref(), trace, is_marginal)
        .map_err(|error| wrong_input(error.to_string()))?;
    let draft = folder.join(format!(".{}.{}", file_name(series), std::process::id()));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&draft, bytes))
        .and_then(|()| std::fs::rename(&draft, &path))
        .map_err(|error| wrong_input(format!("{shown} cannot be written: {error}")))
}
