//! `sunward grid [ZONE…]`: shows the state of grids, now and in the next days.

mod fetch;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde::Serialize;
use sunward_core::place::{Outlook, SignalKind, ZoneOutlook};
use sunward_core::{Basis, Timestamp};

use crate::context::Context;
use crate::exit::Exit;
use crate::grid_args::SignalArgs;
use crate::machine::shown;
use crate::placement_chart::{clock, terminal::sparks};
use crate::render::table::{Table, Tone};
use crate::render::units::{age, float};
use crate::render::{self, Page, View};
use crate::settings::Settings;

/// Show how clean grids are, now and over the next two days
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  sunward grid --grid grid --as-of 2023-01-09T06:00:00Z\n  sunward grid NO --grid grid --as-of 2023-01-09T06:00:00Z --json"
)]
pub(crate) struct GridVerb {
    #[command(subcommand)]
    more: Option<More>,
    /// Zones to show [default: all of a recorded grid; of a provider, --zone]
    #[arg(value_name = "ZONE")]
    zones: Vec<String>,
    #[command(flatten)]
    grid: SignalArgs,
}

/// What else can be done with grids.
#[derive(Subcommand)]
enum More {
    Fetch(fetch::Fetch),
}

/// The answer.
#[derive(Serialize)]
struct GridView {
    /// The moment of the answer, in UTC.
    as_of: String,
    /// One entry for each zone.
    zones: Vec<ZoneView>,
    /// Zones of the grid that have no data at this moment, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    silent: BTreeMap<String, String>,
}

/// The state of one zone.
#[derive(Serialize)]
struct ZoneView {
    zone: String,
    /// The kind of its intensities: `average` or `marginal`.
    kind: SignalKind,
    /// What else they count: whose electricity, and which emissions.
    basis: Basis,
    /// The forecast for the current hour, in gCO2e/kWh.
    now_gco2e_per_kwh: f64,
    /// The expected error of that forecast, in percent.
    error_percent: f64,
    /// The start of the cleanest hour of the next day. Its forecast is `cleanest_gco2e_per_kwh`.
    cleanest_at: String,
    cleanest_gco2e_per_kwh: f64,
    /// The 10th and the 90th percentile of the intensity of that hour.
    cleanest_low_gco2e_per_kwh: f64,
    cleanest_high_gco2e_per_kwh: f64,
    /// True if there is a surplus of power now.
    surplus: bool,
    /// The source of the data.
    source: String,
    /// The age of the newest measurement, in seconds.
    age_seconds: f64,
    /// True if the newest measurement is too old.
    stale: bool,
    /// The forecast for each hour from now, in gCO2e/kWh.
    forecast_gco2e_per_kwh: Vec<f64>,
    /// The 10th percentile of the intensity in each of these hours: it is lower in one case of ten.
    forecast_low_gco2e_per_kwh: Vec<f64>,
    /// The 90th percentile: it is higher in one case of ten.
    forecast_high_gco2e_per_kwh: Vec<f64>,
}

/// Slots of an outlook per hour.
const SLOTS_AN_HOUR: usize = 4;

/// The hours in which the cleanest one is searched.
const DAY: usize = 24;

/// The hours that are shown.
const SHOWN: usize = 48;

impl ZoneView {
    fn of(zone: &ZoneOutlook, basis: Basis, outlook: &Outlook) -> Self {
        let grams: Vec<f64> = zone
            .intensity_mg_per_kwh
            .chunks(SLOTS_AN_HOUR)
            .take(SHOWN)
            .filter_map(|slots| slots.first())
            .map(|mg| f64::from(*mg) / 1000.0)
            .collect();
        let cleanest = grams
            .iter()
            .take(DAY)
            .enumerate()
            .min_by(|one, other| one.1.total_cmp(other.1))
            .map_or((0, 0.0), |(hour, grams)| (hour, *grams));
        let grams_of = |mg: u32| f64::from(mg) / 1000.0;
        let bounds = (0..grams.len()).filter_map(|hour| zone.interval(hour * SLOTS_AN_HOUR));
        let (low, high): (Vec<f64>, Vec<f64>) = bounds
            .map(|(low, high)| (grams_of(low), grams_of(high)))
            .unzip();
        let then = |values: &[f64]| values.get(cleanest.0).copied().unwrap_or(cleanest.1);
        let slots = u64::try_from(cleanest.0 * SLOTS_AN_HOUR).unwrap_or(0);
        let at = (outlook.first_slot + slots) * outlook.slot_ms;
        Self {
            zone: zone.zone.clone(),
            kind: zone.kind,
            basis,
            now_gco2e_per_kwh: grams.first().copied().unwrap_or(0.0),
            error_percent: zone
                .error_permille
                .first()
                .map_or(0.0, |one| f64::from(*one) / 10.0),
            cleanest_at: shown(Timestamp(at).max(outlook.issued_at)),
            cleanest_gco2e_per_kwh: cleanest.1,
            cleanest_low_gco2e_per_kwh: then(&low),
            cleanest_high_gco2e_per_kwh: then(&high),
            surplus: zone.surplus.first().copied().unwrap_or(false),
            source: zone.source.clone(),
            age_seconds: float(outlook.issued_at.since_ms(zone.observed_until)) / 1000.0,
            stale: zone.stale,
            forecast_gco2e_per_kwh: grams,
            forecast_low_gco2e_per_kwh: low,
            forecast_high_gco2e_per_kwh: high,
        }
    }
}

impl ZoneView {
    /// Between which figures the cleanest hour is likely to be: `95–140`.
    fn interval(&self) -> String {
        let (low, high) = (
            self.cleanest_low_gco2e_per_kwh,
            self.cleanest_high_gco2e_per_kwh,
        );
        format!("{low:.0}–{high:.0}")
    }
}

/// What the zones' figures count, once if it is the same for all.
fn bases(zones: &[ZoneView]) -> Vec<String> {
    let mut named: BTreeMap<(SignalKind, Basis), Vec<&str>> = BTreeMap::new();
    for zone in zones {
        named
            .entry((zone.kind, zone.basis))
            .or_default()
            .push(&zone.zone);
    }
    let is_one = named.len() == 1;
    let named = named.iter();
    named
        .map(|((kind, basis), zones)| {
            let words = format!("{}, {basis}", kind.word());
            match is_one {
                true => words,
                false => format!("{}: {words}", zones.join(", ")),
            }
        })
        .collect()
}

impl View for GridView {
    fn page(&self, page: &mut Page) {
        let title = format!("grids at {}", self.as_of);
        page.line(page.style.strong(&title));
        let bases = bases(&self.zones);
        let only = match bases.as_slice() {
            [basis] => format!(", {basis}"),
            _ => String::new(),
        };
        page.line(format!(
            "gCO2e/kWh{only}; cleanest: of the next 24 hours; 80 %: where that hour's figure lies in four cases of five; error: the expected error of the forecast"
        ));
        if bases.len() > 1 {
            for basis in &bases {
                page.line(basis.clone());
            }
            page.line("Figures with different bases cannot be compared.");
        }
        page.gap();
        let mut table = Table::new(&[
            "zone",
            ">now",
            ">error",
            ">cleanest",
            ">80 %",
            "at",
            "next 48 h",
            "",
            "source",
            ">age",
        ]);
        for zone in &self.zones {
            let values = &zone.forecast_gco2e_per_kwh;
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(0.0, f64::max);
            let at = zone.cleanest_at.parse::<jiff::Timestamp>().ok();
            let ms = |at: jiff::Timestamp| u64::try_from(at.as_millisecond()).unwrap_or(0);
            let from = self.as_of.parse::<jiff::Timestamp>().map_or(0, ms);
            let flag = match (zone.stale, zone.surplus) {
                (true, _) => ("stale", Tone::Warn),
                (false, true) => ("surplus", Tone::Good),
                (false, false) => ("", Tone::Plain),
            };
            table.toned([
                (zone.zone.clone(), Tone::Plain),
                (format!("{:.0}", zone.now_gco2e_per_kwh), Tone::Plain),
                (format!("{:.0} %", zone.error_percent), Tone::Faint),
                (format!("{:.0}", zone.cleanest_gco2e_per_kwh), Tone::Good),
                (zone.interval(), Tone::Faint),
                (
                    at.map_or_else(String::new, |at| clock(ms(at), from)),
                    Tone::Plain,
                ),
                (sparks(values, SHOWN, (least, most)), Tone::Plain),
                (flag.0.to_owned(), flag.1),
                (zone.source.clone(), Tone::Faint),
                (age(zone.age_seconds), Tone::Faint),
            ]);
        }
        page.table(&table);
        if !self.silent.is_empty() {
            page.gap();
        }
        for why in self.silent.values() {
            let line = format!("left out: {why}");
            page.line(page.style.faint(&line));
        }
    }
}

impl GridVerb {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        if let Some(More::Fetch(fetch)) = &self.more {
            return fetch.perform(context);
        }
        let settings = Settings::read(context.settings.as_deref())?;
        let (feeds, silent) = self.grid.over_zones(context, &settings, &self.zones)?;
        let at = feeds.moment();
        let outlook = feeds.outlook(at);
        let view = GridView {
            as_of: shown(at),
            zones: outlook
                .zones
                .iter()
                .map(|zone| ZoneView::of(zone, feeds.basis(&zone.zone), &outlook))
                .collect(),
            silent,
        };
        render::answer(context, &view)?;
        Ok(Exit::Done)
    }
}
