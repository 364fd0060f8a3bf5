//! The view of a run: the object of `run --json`, and what `status` and `report` add.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use sunward_core::{Basis, Certainty, RanOn, RunClock};

use crate::machine;
use crate::notify::Notified;
use crate::render::style::harmless;
use crate::render::table::{Table, Tone};
use crate::render::units::{bytes, count, gco2e, joules, plural, seconds};
use crate::render::{Page, View};
use crate::saved::CacheSaved;
use crate::view::carbon::BasisTotal;
use crate::view::demand::DemandView;
use crate::view::late::LateView;
use crate::view::made::{Made, made_on};
use crate::view::summary::Summary;
use crate::view::waits::WaitView;

/// A JSON object whose fields keep their order.
#[derive(Clone, Debug)]
pub(crate) struct Named<T>(pub(crate) Vec<(String, T)>);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The object that `run --json` prints.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunAnswer {
    /// The version of this format.
    pub(crate) version: u32,
    /// `r7`.
    pub(crate) run: String,
    /// `running`, `succeeded`, `failed`, `cancelled`, `held` or `interrupted`.
    pub(crate) status: String,
    pub(crate) outputs: Named<OutputView>,
    pub(crate) stages: Named<StageCounts>,
    pub(crate) summary: Summary,
    pub(crate) ledger: LedgerView,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    /// What became of the messages about the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notifications: Vec<Notified>,
    /// The limit of time that it misses, by how much, and why; `None` if it is in time.
    pub(crate) late: Option<LateView>,
    /// By how much it exceeded its budget, if it is held for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) over_budget: Option<String>,
    /// The duration of this call, for people.
    #[serde(skip)]
    pub(crate) seconds: f64,
}

/// One output of the workflow.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OutputView {
    /// Its path; `None` if it is not one file, for example because the verb writes no files.
    pub(crate) path: Option<String>,
    /// Its rows; `None` for files and folders, and if it could not be written.
    pub(crate) rows: Option<u64>,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// The digest of its content. Equal rows have equal digests, in any parts and format.
    pub(crate) digest: String,
    /// Why it has no path, if no task has an output or it could not be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl OutputView {
    /// Its path, or the reason why it has none.
    pub(crate) fn place(&self) -> String {
        match (&self.path, &self.note) {
            (Some(path), _) => path.clone(),
            (None, Some(note)) => note.clone(),
            (None, None) => "in the store; `sunward show` reads it".to_owned(),
        }
    }
}

/// The numbers of one stage.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StageCounts {
    /// The number of tasks; 0 if it is not known yet.
    pub(crate) tasks: u64,
    /// Tasks with a result from the cache.
    pub(crate) cached: u64,
    /// Tasks that ran and succeeded.
    pub(crate) ran: u64,
    /// Tasks that failed for good.
    pub(crate) failed: u64,
    /// Tasks that were skipped.
    pub(crate) skipped: u64,
    /// The time from the first attempt's start to the last attempt's end.
    pub(crate) seconds: f64,
    /// The rows that its kernel rejected, by input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rejects: Vec<RejectsView>,
}

/// The rows of one input that a kernel rejected.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RejectsView {
    pub(crate) input: String,
    /// The number of rejected rows.
    pub(crate) rejected: u64,
    /// The number of rows that the kernel examined.
    pub(crate) of: u64,
    /// The most frequent reason.
    pub(crate) reason: Option<String>,
    /// A sentence for people: `7 of 7 rows rejected: …`.
    #[serde(skip)]
    pub(crate) text: String,
}

/// The energy and emissions of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LedgerView {
    /// The energy of all attempts, including failed ones. A lower bound if some is not known.
    pub(crate) energy_joules: f64,
    /// `measured`, `modelled`, `measured and modelled`, `missing`, or `none` if nothing ran.
    pub(crate) energy_source: &'static str,
    /// The measured part.
    pub(crate) measured_joules: f64,
    /// The modelled part.
    pub(crate) modelled_joules: f64,
    /// The number of attempts whose energy is not known.
    pub(crate) attempts_missing: u64,
    /// The part of failed and stopped attempts, but not of those whose task continues from a
    /// checkpoint.
    pub(crate) failed_joules: f64,
    /// Location-based emissions, including PUE and transfer; `None` without a grid, and if the
    /// intensities count different things.
    pub(crate) gco2e: Option<f64>,
    /// What the intensities behind `gco2e` count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) basis: Option<Basis>,
    /// The emissions by what the intensities count, if that differs. They are never added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) gco2e_by_basis: Vec<BasisTotal>,
    /// The emissions of the same energy at home, as soon as it was ready; `None` without a grid.
    pub(crate) gco2e_at_home_now: Option<f64>,
    /// What was saved against that; `None` unless both are known for all of the energy.
    pub(crate) gco2e_saved: Option<f64>,
    /// Emissions by marginal intensity, if that is known for all of the energy.
    pub(crate) gco2e_marginal: Option<f64>,
    /// The same for the energy at home, as soon as it was ready.
    pub(crate) gco2e_marginal_at_home_now: Option<f64>,
    /// The part for moving inputs between regions.
    pub(crate) gco2e_transfer: Option<f64>,
    /// The embodied share of the devices. Only `sci_gco2e_per_task` includes it. `None` if it is
    /// unknown for any attempt.
    pub(crate) gco2e_embodied: Option<f64>,
    /// `known` or `unknown`.
    pub(crate) embodied: &'static str,
    /// `gco2e` for each task that ran and has a result.
    pub(crate) gco2e_per_task: Option<f64>,
    /// Software carbon intensity (ISO/IEC 21031) for each task that ran and has a result: `gco2e` and
    /// `gco2e_embodied`, divided by their number. `None` unless both are known.
    pub(crate) sci_gco2e_per_task: Option<f64>,
    /// The least certain kind of intensity used: `stale`, `forecast`, `estimated` or `actual`.
    pub(crate) intensity_certainty: Option<Certainty>,
    /// The energy without a known intensity. `gco2e` does not include it.
    pub(crate) joules_without_intensity: f64,
    /// Why `gco2e` is not known, or not for all energy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// Whether intensities measured after the run have replaced forecasts.
    pub(crate) restated: bool,
    /// The recorded time that the run replayed, if it did not use the machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replayed: Option<ReplayView>,
    /// The energy that cached results saved. No other figure includes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_saved: Option<CacheSaved>,
}

/// The recorded time that a run replays.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReplayView {
    /// The time of its clock when the run was last started or continued.
    pub(crate) as_of: String,
    /// The speed of its clock, as a multiple of real time.
    pub(crate) clock_scale: u32,
}

impl ReplayView {
    pub(crate) fn of(clock: RunClock) -> Self {
        Self {
            as_of: machine::shown(clock.as_of),
            clock_scale: clock.scale.get(),
        }
    }

    /// `recorded time, from 2023-01-09T08:00:00Z on, 7200 times as fast`.
    pub(crate) fn text(&self) -> String {
        let pace = match self.clock_scale {
            1 => String::new(),
            scale => format!(", {} times as fast", count(u64::from(scale))),
        };
        format!("recorded time, from {} on{pace}", self.as_of)
    }
}

/// One run, as `status` and `report` show it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunView {
    /// `r7`.
    pub(crate) run: String,
    /// The workflow's name.
    pub(crate) workflow: String,
    /// The workflow's file.
    pub(crate) path: String,
    /// `running`, `succeeded`, `failed`, `cancelled`, `held` or `interrupted`.
    pub(crate) status: String,
    /// When it was submitted.
    pub(crate) submitted: String,
    /// When it ended, or stopped last.
    pub(crate) ended: Option<String>,
    /// The time from its submission to its end, or to now. If its engine was killed, to its last
    /// fact.
    pub(crate) seconds: f64,
    /// The run's own time, if it is not over: what its clock shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) now: Option<String>,
    /// What its stages wait for, until when.
    pub(crate) waits: Vec<WaitView>,
    pub(crate) params: serde_json::Map<String, serde_json::Value>,
    pub(crate) stages: Named<StageView>,
    pub(crate) outputs: Named<OutputView>,
    pub(crate) ledger: LedgerView,
    /// The limit of time that it misses, by how much, and why; `None` if it is in time.
    pub(crate) late: Option<LateView>,
    /// What a grid operator asks of its pools, and what its tasks did for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) demand_response: Option<DemandView>,
    /// By how much it exceeded its budget, if it is held for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) over_budget: Option<String>,
}

/// One stage of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageView {
    pub(crate) status: String,
    /// The reason for its status, if there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(flatten)]
    pub(crate) counts: StageCounts,
    /// The number of running tasks.
    pub(crate) running: u64,
    /// The devices that made its results, including those from the cache.
    pub(crate) ran_on: Vec<Made>,
}

impl StageView {
    /// The reason for its status, and the rows that it rejected.
    pub(crate) fn remarks(&self) -> String {
        let rejects = self.counts.rejects.iter().map(|one| one.text.clone());
        let all: Vec<String> = self.reason.iter().cloned().chain(rejects).collect();
        all.join("; ")
    }
}

/// The tone of a status.
pub(crate) fn tone(status: &str) -> Tone {
    match status {
        "succeeded" | "cached" => Tone::Good,
        "failed" => Tone::Bad,
        "cancelled" | "held" | "interrupted" | "skipped" => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// The number as text, or an empty cell for zero, so that other numbers stand out.
fn some(number: u64) -> String {
    if number == 0 {
        String::new()
    } else {
        count(number)
    }
}

impl LedgerView {
    /// `12.3 J (modelled)`.
    pub(crate) fn text(&self) -> String {
        match self.energy_source {
            "none" => "none: nothing ran".to_owned(),
            "missing" => "not known".to_owned(),
            source => {
                let least = if self.attempts_missing > 0 {
                    format!(
                        ", and not known for {}",
                        plural(self.attempts_missing, "attempt")
                    )
                } else {
                    String::new()
                };
                format!("{} ({source}{least})", joules(self.energy_joules))
            }
        }
    }
}

impl LedgerView {
    /// `12.3 g (forecast); at home and at once 45.6 g: 73 % saved`; nothing without a grid.
    pub(crate) fn carbon(&self) -> Option<String> {
        let mut text = match self.gco2e {
            Some(grams) => self.headline(grams),
            None if !self.gco2e_by_basis.is_empty() => {
                let each = self.gco2e_by_basis.iter();
                let each: Vec<String> = each
                    .map(|one| format!("{} ({})", gco2e(one.gco2e), one.basis))
                    .collect();
                each.join(" and ")
            }
            None => match (self.gco2e_marginal, &self.note) {
                (Some(marginal), _) => self.marginal(marginal),
                (None, Some(_)) => "not known".to_owned(),
                (None, None) => return None,
            },
        };
        if let Some(note) = &self.note {
            text.push_str(&format!("; {note}"));
        }
        Some(text)
    }

    /// `12.3 g marginal; at home and at once 45.6 g marginal`.
    fn marginal(&self, grams: f64) -> String {
        let mut text = format!("{} marginal", gco2e(grams));
        if let Some(home) = self.gco2e_marginal_at_home_now {
            text.push_str(&format!("; at home and at once {} marginal", gco2e(home)));
        }
        text
    }

    fn headline(&self, grams: f64) -> String {
        let sure = match self.intensity_certainty {
            Some(Certainty::Actual) if self.restated => " (restated with later measurements)",
            Some(Certainty::Actual) => "",
            Some(_) if self.restated => " (in part restated with later measurements)",
            Some(Certainty::Estimated) => " (by estimated intensities)",
            Some(Certainty::Forecast) => " (by forecast intensities)",
            Some(Certainty::Stale) => " (by stale intensities)",
            None => " (transfer alone)",
        };
        let mut text = format!("{}{sure}", gco2e(grams));
        if let Some(home) = self.gco2e_at_home_now {
            text.push_str(&format!("; at home and at once {}", gco2e(home)));
            if let Some(saved) = self.gco2e_saved.filter(|_| home > 0.0) {
                let saved = 100.0 * saved / home;
                text.push_str(&if saved >= 0.0 {
                    format!(": {saved:.0} % saved")
                } else {
                    format!(": {:.0} % more", -saved)
                });
            }
        }
        if self.joules_without_intensity > 0.0 {
            text.push_str(&format!(
                "; not known for {}",
                joules(self.joules_without_intensity)
            ));
        }
        // A recorded grid does not say what its figures count.
        if let Some(basis) = self.basis.filter(|basis| *basis != Basis::default()) {
            text.push_str(&format!("; its intensities count {basis}"));
        }
        text
    }
}

/// Adds the outputs and their paths to a page.
pub(crate) fn outputs_table(page: &mut Page, outputs: &Named<OutputView>) {
    if outputs.0.is_empty() {
        return;
    }
    page.heading("Outputs");
    let mut table = Table::new(&["name", ">rows", ">size", "where"]).indented(2);
    for (name, output) in &outputs.0 {
        table.row([
            name.clone(),
            output.rows.map_or_else(|| "-".to_owned(), count),
            bytes(output.bytes),
            output.place(),
        ]);
    }
    page.table(&table);
}

impl View for RunAnswer {
    fn page(&self, page: &mut Page) {
        let sum = |of: fn(&StageCounts) -> u64| self.stages.0.iter().map(|(_, s)| of(s)).sum();
        let (ran, cached): (u64, u64) = (sum(|s| s.ran), sum(|s| s.cached));
        let (failed, skipped): (u64, u64) = (sum(|s| s.failed), sum(|s| s.skipped));
        let status = match tone(&self.status) {
            Tone::Good => page.style.good(&self.status),
            Tone::Bad => page.style.bad(&self.status),
            Tone::Warn => page.style.warn(&self.status),
            Tone::Plain | Tone::Faint => self.status.clone(),
        };
        page.line(format!(
            "run {}: {status} in {}",
            page.style.strong(&self.run),
            seconds(self.seconds)
        ));
        if let Some(text) = self.summary.text() {
            page.line(format!("  {text}"));
        }
        let mut line = format!(
            "  {} ran, {} from cache",
            plural(ran, "task"),
            count(cached)
        );
        for (number, word) in [(failed, "failed"), (skipped, "skipped")] {
            if number > 0 {
                line.push_str(&format!(", {} {word}", count(number)));
            }
        }
        page.line(line);
        if let Some(late) = &self.late {
            page.line(
                page.style
                    .warn(&format!("  late: {}", harmless(&late.text))),
            );
        }
        for (name, stage) in &self.stages.0 {
            for rejects in &stage.rejects {
                page.line(format!("  {name}: {}", rejects.text));
            }
        }
        page.line(format!("  energy: {}", self.ledger.text()));
        if let Some(carbon) = self.ledger.carbon() {
            page.line(format!("  carbon: {carbon}"));
        }
        if let Some(saved) = self
            .ledger
            .cache_saved
            .as_ref()
            .and_then(|saved| saved.short(&self.run))
        {
            page.line(format!("  saved: {saved}"));
        }
        if let Some(replayed) = &self.ledger.replayed {
            page.line(format!("  clock: {}", replayed.text()));
        }
        if let Some(over) = &self.over_budget {
            page.line(format!(
                "  over budget: {over}; raise `budget` in the workflow, and the same command continues the run"
            ));
        }
        if failed > 0 || self.summary.not_started > 0 {
            page.line("  `sunward explain` shows why; `sunward retry` runs the failed tasks again");
        }
        outputs_table(page, &self.outputs);
    }
}

impl View for RunView {
    fn page(&self, page: &mut Page) {
        let title = format!("{}: {}", self.run, self.workflow);
        page.line(page.style.strong(&title));
        let mut facts = Table::new(&["", ""]).indented(2);
        facts.toned([
            ("status", Tone::Plain),
            (self.status.as_str(), tone(&self.status)),
        ]);
        facts.row(["file", &self.path]);
        facts.row(["submitted", &self.submitted]);
        if let Some(ended) = &self.ended {
            facts.row(["ended", ended]);
        }
        let took = match self.status.as_str() {
            "interrupted" => "interrupted after",
            _ => "took",
        };
        facts.row([took, &seconds(self.seconds)]);
        if let Some(now) = &self.now {
            facts.row(["now", now]);
        }
        if let Some(late) = &self.late {
            facts.toned([("late", Tone::Plain), (late.text.as_str(), Tone::Warn)]);
        }
        for line in self.demand_response.iter().flat_map(DemandView::lines) {
            facts.toned([("grid", Tone::Plain), (line.as_str(), Tone::Warn)]);
        }
        facts.row(["energy", &self.ledger.text()]);
        if let Some(carbon) = self.ledger.carbon() {
            facts.row(["carbon", &carbon]);
        }
        if let Some(replayed) = &self.ledger.replayed {
            facts.row(["clock", &replayed.text()]);
        }
        if let Some(saved) = &self.ledger.cache_saved {
            facts.row(["saved", &saved.text()]);
        }
        if let Some(over) = &self.over_budget {
            facts.row(["over budget", over]);
        }
        for (name, value) in &self.params {
            facts.row([&format!("-p {name}"), &value.to_string()]);
        }
        page.table(&facts);
        page.heading("Stages");
        page.table(&stages_table(&self.stages));
        outputs_table(page, &self.outputs);
    }
}

fn stages_table(stages: &Named<StageView>) -> Table {
    let mut heads = vec![
        "stage", "status", ">tasks", ">ran", ">cached", ">failed", ">skipped", ">running", ">took",
    ];
    // If all results were made on the CPU, there is no column for devices.
    let by_cpu = |made: &Made| made.on == RanOn::Cpu;
    let says_where = !stages.0.iter().all(|(_, s)| s.ran_on.iter().all(by_cpu));
    if says_where {
        heads.push("on");
    }
    heads.push("");
    let mut table = Table::new(&heads).indented(2);
    for (name, stage) in &stages.0 {
        let counts = &stage.counts;
        let took = if counts.seconds > 0.0 {
            seconds(counts.seconds)
        } else {
            String::new()
        };
        let mut row = vec![
            (name.clone(), Tone::Plain),
            (stage.status.clone(), tone(&stage.status)),
            (some(counts.tasks), Tone::Plain),
            (some(counts.ran), Tone::Plain),
            (some(counts.cached), Tone::Plain),
            (some(counts.failed), Tone::Bad),
            (some(counts.skipped), Tone::Plain),
            (some(stage.running), Tone::Plain),
            (took, Tone::Plain),
        ];
        if says_where {
            row.push((made_on(&stage.ran_on).unwrap_or_default(), Tone::Plain));
        }
        row.push((stage.remarks(), Tone::Faint));
        table.toned(row);
    }
    table
}
