//! `sunward explain [RUN] [STAGE[/INDEX]]`: explains why a stage or task ran, came from the cache,
//! waits or failed. `sunward explain CODE` prints the page of a diagnostic.

use clap::Args;
use serde::Serialize;
use sunward_core::{
    Explanation, Ingredient, IngredientValue, PlacedStage, RanOn, Reason, RunState, StageId, State,
    explain, late::late,
};
use sunward_state::{Reader, is_engaged};
use sunward_workflows::explain_code;

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::machine::{now, shown};
use crate::placing::{expected, grams, margin, reason as why_words};
use crate::recorded::earlier;
use crate::render::style::harmless;
use crate::render::table::{Table, Tone};
use crate::render::units::{float, gco2e, plural, seconds};
use crate::render::{self, Page, View};
use crate::view::LateView;
use crate::view::made::{Made, made_on};
use crate::view::run::tone;
use crate::which::{self, Found, Which};

/// The number of earlier runs of the same file that are compared, to report what has changed.
const EARLIER_RUNS: usize = 3;
/// The most failed tasks of a stage that are listed. With `--json`, all are.
const FAILED_LISTED: usize = 20;

/// Explain why a stage or task ran, came from the cache, waits or failed, or what a code means
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward explain\n  sunward explain sum\n  sunward explain r1 integrate/2\n  sunward explain SW0604"
)]
pub(crate) struct Explain {
    // The text is in `help`, because rustdoc would take its brackets for links.
    #[arg(value_name = "RUN STAGE[/INDEX]", help = "[RUN] [STAGE[/INDEX]], or the code of a diagnostic, such as SW0604 [default: the newest run, stage by stage]", num_args = 0..=2)]
    which: Vec<String>,
}

/// The explanation of one stage or task.
#[derive(Serialize)]
struct Why {
    /// `STAGE` or `STAGE/INDEX`.
    what: String,
    status: String,
    reason: String,
    /// Where and when it runs, why, and the best alternative.
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<PlacedStage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    ingredients: Vec<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with: Option<String>,
    changes: Vec<String>,
    /// The machines and devices that made the results, also the cached ones.
    ran_on: Vec<Made>,
    failures: Vec<FailedTry>,
    attempts: Vec<Try>,
}

/// One ingredient of a key.
#[derive(Serialize)]
struct Part {
    name: String,
    value: String,
}

/// One failed attempt.
#[derive(Serialize)]
struct FailedTry {
    task: u32,
    attempt: u32,
    tried_again: bool,
    message: String,
    log: String,
}

/// One attempt of a task, by its lease.
#[derive(Serialize)]
struct Try {
    task: u32,
    lease: u32,
    status: String,
    seconds: f64,
    ran_on: Option<RanOn>,
}

/// The answer.
#[derive(Serialize)]
struct Explained {
    run: String,
    /// The limit of time that the run misses, by how much, and why; `None` if it is in time.
    late: Option<LateView>,
    /// One stage or task in detail, or all stages.
    explanations: Vec<Why>,
    #[serde(skip)]
    in_detail: bool,
}

impl View for Explained {
    fn page(&self, page: &mut Page) {
        if let Some(late) = &self.late {
            let line = format!("{} is late: {}", self.run, harmless(&late.text));
            page.line(page.style.warn(&line));
        }
        for why in &self.explanations {
            let title = format!("{} of {}", why.what, self.run);
            let status = match tone(&why.status) {
                Tone::Good => page.style.good(&why.status),
                Tone::Bad => page.style.bad(&why.status),
                Tone::Warn => page.style.warn(&why.status),
                Tone::Plain | Tone::Faint => why.status.clone(),
            };
            page.line(format!(
                "{}: {status}: {}",
                page.style.strong(&title),
                harmless(&why.reason)
            ));
            if let Some(placed) = &why.placement {
                placement(page, placed);
            }
            changes(page, why);
            if self.in_detail {
                detail(page, why);
            }
        }
    }
}

/// Prints where and when a stage runs, why, and the best alternative.
fn placement(page: &mut Page, placed: &PlacedStage) {
    for segment in &placed.segments {
        page.line(format!(
            "  {} in pool {} ({}) from {} to {}",
            plural(u64::from(segment.tasks), "task"),
            segment.pool.pool,
            segment.pool.zone,
            shown(segment.start),
            shown(segment.end)
        ));
    }
    page.line(format!(
        "  why: {}; {}, {} at home and at once",
        why_words(placed.why),
        expected(placed.expected_micrograms, placed.likely),
        gco2e(grams(placed.at_home_now_micrograms))
    ));
    if let Some(margin) = margin::words(&placed.timing) {
        page.line(format!("  margin: {margin}"));
    }
    if let Some(other) = &placed.alternative {
        page.line(format!(
            "  the best alternative: pool {} ({}) from {}: {}",
            other.pool.pool,
            other.pool.zone,
            shown(other.start),
            gco2e(grams(other.expected_micrograms))
        ));
    }
    if !placed.stale_zones.is_empty() {
        page.line(format!(
            "  the grid signal of {} is stale",
            placed.stale_zones.join(", ")
        ));
    }
}

fn changes(page: &mut Page, why: &Why) {
    if let (Some(before), false) = (&why.compared_with, why.changes.is_empty()) {
        page.line(format!("  since {before}:"));
        for change in &why.changes {
            page.line(format!("    {}", harmless(change)));
        }
    }
}

fn detail(page: &mut Page, why: &Why) {
    if let Some(made) = made_on(&why.ran_on) {
        page.line(format!("  made on {made}"));
    }
    if !why.ingredients.is_empty() {
        page.heading("Its cache key is made of");
        let mut table = Table::new(&["", ""]).indented(2);
        for part in &why.ingredients {
            table.row([&part.name, &part.value]);
        }
        page.table(&table);
    }
    if let Some(key) = &why.key {
        page.line(format!("  key {key}"));
    }
    if !why.failures.is_empty() {
        page.heading("Failures");
        for failed in why.failures.iter().take(FAILED_LISTED) {
            let then = if failed.tried_again {
                " (tried again)"
            } else {
                ""
            };
            page.line(format!(
                "  task {}, attempt {}{then}: {}",
                failed.task,
                failed.attempt,
                harmless(&failed.message)
            ));
            for line in failed.log.lines() {
                page.line(format!("    | {}", harmless(line)));
            }
        }
        if why.failures.len() > FAILED_LISTED {
            let rest = why.failures.len() - FAILED_LISTED;
            page.line(format!("  and {rest} more; --json lists them"));
        }
    }
    if why.attempts.len() == 1 {
        page.heading("Attempts");
    }
    for one in why.attempts.iter().filter(|_| why.attempts.len() == 1) {
        page.line(format!(
            "  lease {} {} in {}{}",
            one.lease,
            one.status,
            seconds(one.seconds),
            match &one.ran_on {
                Some(ran_on) => format!(" on {ran_on}"),
                None => String::new(),
            }
        ));
    }
}

impl Explain {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        if let [code] = self.which.as_slice()
            && let Some(page) = explain_code(code)
        {
            return page_of(context, code, page);
        }
        if let [word] = self.which.as_slice()
            && is_code(word)
        {
            return Err(wrong_input(format!(
                "there is no code {word}; `sunward docs codes` lists all codes"
            )));
        }
        let which = Which::parse(&self.which)?;
        let found = which::find(context, which.run)?;
        let id = found.row.run;
        let state = state_with_earlier(&found)?;
        let run = state
            .run(id)
            .ok_or_else(|| wrong_input(format!("there is no run {id}")))?;
        let used = which.stage.as_deref().filter(|_| which.index.is_none());
        let inside = used.map(|name| run.spec.workflow.stages_in(name));
        let inside = inside.unwrap_or_default();
        let explanations = match which.stage.as_deref().filter(|_| inside.is_empty()) {
            None => run
                .stages()
                .filter(|stage| inside.is_empty() || inside.contains(&stage.name()))
                .filter_map(|stage| explain(&state, id, stage.id, None))
                .map(|one| Why::of(&one))
                .collect(),
            Some(name) => {
                let stage = which::stage(&run.spec, name)?;
                vec![one(&state, run, stage, which.index)?]
            }
        };
        let view = Explained {
            run: id.to_string(),
            late: late(run, run.present(now(), is_engaged(&found.home)))
                .as_ref()
                .map(LateView::of),
            explanations,
            in_detail: which.stage.is_some() && inside.is_empty(),
        };
        render::answer(context, &view)?;
        Ok(Exit::Done)
    }
}

/// Prints the page of a diagnostic's code.
/// Whether a word looks like the code of a diagnostic.
fn is_code(word: &str) -> bool {
    let digits = word.strip_prefix("SW").or_else(|| word.strip_prefix("sw"));
    digits.is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn page_of(context: &Context, code: &str, page: &str) -> anyhow::Result<Exit> {
    if context.json {
        let code = code.to_uppercase();
        render::machine(&serde_json::json!({ "version": 1, "code": code, "page": page }))?;
    } else {
        render::raw(page.as_bytes())?;
    }
    Ok(Exit::Done)
}

fn one(state: &State, run: &RunState, stage: StageId, index: Option<u32>) -> anyhow::Result<Why> {
    explain(state, run.id, stage, index)
        .map(|explanation| Why::of(&explanation))
        .ok_or_else(|| {
            let view = run.stage(stage);
            let name = view.map_or("", |view| view.name());
            let count = view.and_then(|view| view.task_count()).unwrap_or(0);
            let there_are = match count {
                0 => "it has none".to_owned(),
                1 => format!("it has one, {name}/0: sunward explain {name}/0"),
                _ => format!("it has {name}/0 to {name}/{}", count - 1),
            };
            wrong_input(format!(
                "stage {name} of {} has no task {}; {there_are}",
                run.id,
                index.unwrap_or_default(),
            ))
        })
}

/// The state of the run, with the newest earlier runs of the same file.
fn state_with_earlier(found: &Found) -> anyhow::Result<State> {
    let (id, path) = (found.row.run, &found.row.path);
    // The run's own state holds the pools and grids by which it was placed.
    let mut state = found.reader.load_run(id)?;
    for (_, run) in earlier(&found.reader, path, Some(id), EARLIER_RUNS)?.runs() {
        state.restore(run.clone());
    }
    Ok(state)
}

impl Why {
    fn of(one: &Explanation) -> Self {
        Self {
            what: match one.index {
                Some(index) => format!("{}/{index}", one.stage),
                None => one.stage.clone(),
            },
            status: one.status.clone(),
            reason: reason(&one.reason),
            placement: one.placement.clone(),
            key: one.key.map(|key| key.to_hex()),
            ingredients: one.ingredients.iter().map(part).collect(),
            compared_with: one.compared_with.map(|run| run.to_string()),
            changes: one.changes.clone(),
            ran_on: Made::all(&one.ran_on),
            failures: one
                .failures
                .iter()
                .map(|failed| FailedTry {
                    task: failed.index,
                    attempt: failed.attempt,
                    tried_again: !failed.last,
                    message: failed.failure.message.clone(),
                    log: failed.failure.log_tail.clone(),
                })
                .collect(),
            attempts: one
                .attempts
                .iter()
                .map(|attempt| Try {
                    task: attempt.index,
                    lease: attempt.generation,
                    status: format!("{:?}", attempt.status).to_lowercase(),
                    seconds: float(attempt.wall_us) / 1e6,
                    ran_on: attempt.ran_on.clone(),
                })
                .collect(),
        }
    }
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::WaitsForRetry(at) => format!("{reason} at {}", shown(*at)),
        Reason::Curtailed {
            until: Some(until), ..
        } => format!("{reason}, until {}", shown(*until)),
        Reason::WaitsForPower { until, .. } => format!("{reason}, until {}", shown(*until)),
        other => other.to_string(),
    }
}

fn part(ingredient: &Ingredient) -> Part {
    Part {
        name: ingredient.name.clone(),
        value: match &ingredient.value {
            IngredientValue::Text(text) => text.clone(),
            IngredientValue::Digest(digest) => digest.to_hex(),
        },
    }
}
