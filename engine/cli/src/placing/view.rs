//! The view of a placing.

use serde::Serialize;
use sunward_core::place::{Likely, Placement, Why};

use super::{PlacedStage, Placing, energy};
use crate::machine::shown;
use crate::placement_chart::{PlacementChart, clock, terminal};
use crate::render::Page;
use crate::render::table::{Table, Tone};
use crate::render::units::{float, gco2e, joules, seconds};

/// Where and when stages are placed, their expected emissions, and the alternatives.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlacingView {
    /// The time of the outlook.
    pub(crate) outlook_at: String,
    pub(crate) stages: Vec<StagePlacing>,
    /// The IT energy of all stages, in kWh.
    pub(crate) energy_kwh: f64,
    /// The expected emissions of all stages, including transfer and PUE.
    pub(crate) gco2e: f64,
    /// The 10th percentile of their emissions, as if all forecasts were too high together.
    pub(crate) gco2e_low: f64,
    /// The 90th percentile of their emissions, as if all forecasts were too low together.
    pub(crate) gco2e_high: f64,
    /// The expected emissions at home and at once.
    pub(crate) gco2e_at_home_now: f64,
    /// The saving in percent; `None` if nothing is emitted either way, or a stage has no place yet.
    pub(crate) saved_percent: Option<f64>,
    /// The expected end of the last stage.
    pub(crate) end: Option<String>,
    pub(crate) placement_chart: PlacementChart,
}

/// The placement of one stage.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StagePlacing {
    pub(crate) stage: String,
    /// The pools on which it runs, in order.
    pub(crate) pools: Vec<String>,
    /// The regions of the pools.
    pub(crate) regions: Vec<String>,
    /// The start of its first task.
    pub(crate) start: Option<String>,
    /// The expected end of its last task.
    pub(crate) end: Option<String>,
    /// The number of tasks.
    pub(crate) tasks: u32,
    /// IT energy, in kWh.
    pub(crate) energy_kwh: f64,
    /// Expected emissions.
    pub(crate) gco2e: f64,
    /// The 10th percentile of the emissions: they are lower in one case of ten.
    pub(crate) gco2e_low: f64,
    /// The 90th percentile of the emissions: they are higher in one case of ten.
    pub(crate) gco2e_high: f64,
    /// The part for the transfer of its inputs.
    pub(crate) transfer_gco2e: f64,
    /// The expected emissions at home and at once.
    pub(crate) gco2e_at_home_now: f64,
    /// The time that is left before the deadline because it may take longer than expected.
    pub(crate) margin_seconds: f64,
    /// The reason for the place and time, as a code.
    pub(crate) why: Why,
    /// The reason for people.
    pub(crate) reason: String,
    /// The best alternative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alternative: Option<AlternativeView>,
}

/// A place and time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AlternativeView {
    pub(crate) pool: String,
    pub(crate) start: String,
    /// Expected emissions.
    pub(crate) gco2e: f64,
}

/// Micrograms as grams.
pub(crate) fn grams(micrograms: u64) -> f64 {
    float(micrograms) / 1e6
}

/// The expected emissions for people, with their interval if forecasts are uncertain: `310 g expected
/// (80 % between 280 g and 350 g)`.
pub(crate) fn expected(micrograms: u64, likely: Likely) -> String {
    let all = [micrograms, likely.low_micrograms, likely.high_micrograms];
    expected_grams(all.map(grams))
}

fn expected_grams(all: [f64; 3]) -> String {
    let [expected, low, high] = all.map(gco2e);
    if low == expected && high == expected {
        return format!("{expected} expected");
    }
    format!("{expected} expected (80 % between {low} and {high})")
}

/// The reason for a placement, for people.
pub(crate) const fn reason(why: Why) -> &'static str {
    match why {
        Why::AtOnce => "no deadline: at once",
        Why::Cleanest => "the cleanest time that ends by the deadline",
        Why::Surplus => "power is in surplus then",
        Why::Idle => "the machines are idle then",
        Why::Earliest => "the earliest end",
        Why::Cheapest => "the lowest price",
        Why::WorthWaiting => "an hour that is cleaner than any forecast now may still come",
        Why::LastSafeStart => "the deadline leaves no later start",
        Why::Late => "the deadline cannot be met: as soon as possible",
        Why::NoCapacity => "no pool has open capacity for it within the forecast",
    }
}

impl PlacingView {
    /// The view of a placing.
    pub(crate) fn of(placing: &Placing) -> Self {
        let stages: Vec<StagePlacing> = placing
            .stages
            .iter()
            .map(|one| StagePlacing::of(placing, one))
            .collect();
        let sum = |part: fn(&Placement) -> u64| -> u64 {
            placing.stages.iter().map(|one| part(&one.placement)).sum()
        };
        let gco2e = grams(sum(|placement| placement.expected_micrograms));
        let at_home = grams(sum(|placement| placement.at_home_now_micrograms));
        Self {
            outlook_at: shown(placing.outlook.issued_at),
            energy_kwh: float(placing.millijoules()) / 3.6e9,
            gco2e,
            gco2e_low: grams(sum(|placement| placement.likely.low_micrograms)),
            gco2e_high: grams(sum(|placement| placement.likely.high_micrograms)),
            gco2e_at_home_now: at_home,
            saved_percent: (at_home > 0.0 && placing.is_whole())
                .then(|| 100.0 * (1.0 - gco2e / at_home)),
            end: placing
                .stages
                .iter()
                .filter_map(|one| one.placement.end())
                .max()
                .map(shown),
            placement_chart: PlacementChart::of(&placing.fleet, &placing.outlook, &placing.named()),
            stages,
        }
    }

    /// The headings of the table.
    pub(crate) const HEADINGS: [&'static str; 8] = [
        "stage",
        "where",
        "starts",
        ">takes",
        ">energy",
        ">gCO2e",
        ">at home now",
        "why",
    ];

    /// The rows of the table.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        self.stages
            .iter()
            .map(|stage| stage.row(&self.placement_chart))
            .collect()
    }

    /// Adds the table and the chart to a page.
    pub(crate) fn page(&self, page: &mut Page) {
        page.heading("Where and when");
        let mut table = Table::new(&Self::HEADINGS);
        for row in self.rows() {
            table.toned(row.into_iter().map(|cell| (cell, Tone::Plain)));
        }
        page.table(&table);
        page.line(format!("  {}", self.summary()));
        page.gap();
        terminal::draw(page, &self.placement_chart);
    }

    /// `together 1.2 kWh, 310 g expected (80 % between 280 g and 350 g); at home and at once 840 g:
    /// 63 % saved`.
    pub(crate) fn summary(&self) -> String {
        let saved = match self.saved_percent {
            Some(percent) if percent >= 0.0 => format!(": {percent:.0} % saved"),
            Some(percent) => format!(": {:.0} % more", -percent),
            None => String::new(),
        };
        format!(
            "together {}, {}; at home and at once {}{saved}",
            joules(self.energy_kwh * 3.6e6),
            expected_grams([self.gco2e, self.gco2e_low, self.gco2e_high]),
            gco2e(self.gco2e_at_home_now)
        )
    }
}

impl StagePlacing {
    fn of(placing: &Placing, one: &PlacedStage) -> Self {
        let placement = &one.placement;
        let mut pools = Vec::new();
        let mut regions = Vec::new();
        for segment in &placement.segments {
            if let Some(pool) = placing.fleet.get(segment.pool)
                && pools.last() != Some(&pool.name)
            {
                pools.push(pool.name.clone());
                regions.push(pool.region.clone());
            }
        }
        Self {
            stage: one.stage.clone(),
            pools,
            regions,
            start: placement.start().map(shown),
            end: placement.end().map(shown),
            tasks: one.ask.tasks,
            energy_kwh: float(energy(&one.ask)) / 3.6e9,
            gco2e: grams(placement.expected_micrograms),
            gco2e_low: grams(placement.likely.low_micrograms),
            gco2e_high: grams(placement.likely.high_micrograms),
            transfer_gco2e: grams(placement.transfer_micrograms),
            gco2e_at_home_now: grams(placement.at_home_now_micrograms),
            margin_seconds: float(placement.timing.margin.ms) / 1000.0,
            why: placement.why,
            reason: reason(placement.why).to_owned(),
            alternative: placement.alternative.map(|other| AlternativeView {
                pool: placing
                    .fleet
                    .get(other.pool)
                    .map_or_else(String::new, |pool| pool.name.clone()),
                start: shown(other.start),
                gco2e: grams(other.expected_micrograms),
            }),
        }
    }

    fn row(&self, placement_chart: &PlacementChart) -> Vec<String> {
        let at = |text: &Option<String>| text.as_deref().and_then(sunward_grid::moment);
        let (start, end) = (at(&self.start), at(&self.end));
        let takes = start.zip(end).map_or_else(String::new, |(start, end)| {
            seconds(float(end.since_ms(start)) / 1000.0)
        });
        vec![
            self.stage.clone(),
            if self.pools.is_empty() {
                "nowhere yet".to_owned()
            } else {
                self.pools.join(" then ")
            },
            start.map_or_else(|| "-".to_owned(), |at| clock(at.0, placement_chart.from_ms)),
            takes,
            joules(self.energy_kwh * 3.6e6),
            gco2e(self.gco2e),
            gco2e(self.gco2e_at_home_now),
            self.reason.clone(),
        ]
    }
}
