//! The report as one HTML file that needs nothing else: no script, no font, no network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{ATTEMPTS_LISTED, Report, timeline};
use crate::graph::svg;
use crate::render::style::harmless;
use crate::render::units::{bytes, count, gco2e, joules, seconds};
use crate::view::made::made_on;

const STYLE: &str = "
:root{color-scheme:light;font:15px/1.45 system-ui,sans-serif;color:#1f2933;background:#fff}
body{max-width:68rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid #cbd2d9}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem .2rem 0;vertical-align:top}
th{color:#52606d;font-weight:600;border-bottom:1px solid #cbd2d9}tr+tr td{border-top:1px solid #f0f2f5}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
code,pre{font:13px/1.4 ui-monospace,monospace}pre{background:#f5f7fa;padding:.6rem;overflow:auto;max-height:24rem;margin:.3rem 0}
.status{font-weight:600}.succeeded{color:#2f8132}.failed{color:#ba2525}.cancelled,.held,.interrupted,.skipped{color:#8d5a00}
.faint{color:#52606d}.wide{overflow-x:auto}
svg.timeline text{font:11px system-ui,sans-serif;fill:#1f2933}svg.timeline line{stroke:#e4e7eb}
svg.timeline .bar{fill:#4098d7}svg.timeline .bar.failed{fill:#cf1124}
@media print{pre{max-height:none}}";

/// The page.
pub(crate) fn render(report: &Report) -> String {
    let run = &report.run;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (run.workflow) " " (run.run) ": " (run.status) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (run.workflow) " " span.faint { (run.run) } }
                (summary(report))
                h2 { "Graph" }
                div.wide { (PreEscaped(svg::render(&report.graph))) }
                h2 { "Stages" }
                (stages(report))
                @if !run.outputs.0.is_empty() {
                    h2 { "Outputs" }
                    (outputs(report))
                }
                @if !report.failures.is_empty() {
                    h2 { "Failures" }
                    (failures(report))
                }
                @if !report.timeline.stages.is_empty() {
                    h2 { "Timeline" }
                    div.wide { (PreEscaped(timeline::svg(&report.timeline))) }
                }
                @if !report.attempts.is_empty() {
                    h2 { "Attempts" }
                    (attempts(report))
                }
                h2 { "Ledger" }
                (ledger(report))
                h2 { "Parameters and environment" }
                (environment(report))
                h2 { "Workflow" }
                pre { (report.source) }
            }
        }
    };
    page.into_string()
}

fn summary(report: &Report) -> Markup {
    let run = &report.run;
    html! {
        p {
            span class={ "status " (run.status) } { (run.status) }
            " in " (seconds(run.seconds)) ", submitted " (run.submitted)
            @if let Some(ended) = &run.ended { ", ended " (ended) }
            br;
            span.faint { (run.path) }
        }
    }
}

fn stages(report: &Report) -> Markup {
    html! {
        table {
            tr {
                th { "stage" } th { "status" }
                @for heading in ["tasks", "ran", "from cache", "failed", "skipped", "took"] {
                    th.n { (heading) }
                }
                th { "made on" }
            }
            @for (name, stage) in &report.run.stages.0 {
                tr {
                    td { (name) }
                    td {
                        span class=(stage.status) { (stage.status) }
                        @if let Some(reason) = &stage.reason { " " span.faint { (reason) } }
                    }
                    @let counts = &stage.counts;
                    @for number in [counts.tasks, counts.ran, counts.cached, counts.failed, counts.skipped] {
                        td.n { (count(number)) }
                    }
                    td.n { (seconds(counts.seconds)) }
                    td { (made_on(&stage.ran_on).unwrap_or_default()) }
                }
            }
        }
    }
}

fn outputs(report: &Report) -> Markup {
    html! {
        table {
            tr { th { "output" } th.n { "rows" } th.n { "size" } th { "where" } th { "digest of its content" } }
            @for (name, output) in &report.run.outputs.0 {
                tr {
                    td { (name) }
                    td.n { (output.rows.map_or_else(|| "-".to_owned(), count)) }
                    td.n { (bytes(output.bytes)) }
                    td { @if let Some(path) = &output.path { code { (path) } } @else { "in several parts" } }
                    td { code { (output.digest.chars().take(16).collect::<String>()) "…" } }
                }
            }
        }
    }
}

fn failures(report: &Report) -> Markup {
    html! {
        @if report.failures_total > report.failures.len() {
            p.faint {
                "The newest " (report.failures.len()) " of " (report.failures_total) "."
            }
        }
        @for failure in &report.failures {
            p {
                span.failed { (failure.task) }
                @if failure.attempt > 0 { ", attempt " (failure.attempt) }
                @if failure.tried_again { " (tried again)" }
                ": " (harmless(&failure.message))
            }
            @if !failure.log.is_empty() {
                pre { (harmless(&failure.log)) }
            }
        }
    }
}

fn attempts(report: &Report) -> Markup {
    html! {
        @if report.attempts_total > report.attempts.len() {
            p.faint {
                "The slowest " (ATTEMPTS_LISTED) " of " (report.attempts_total)
                "; sunward report --out FILE.json has the numbers of each stage."
            }
        }
        table {
            tr {
                th { "task" } th.n { "attempt" } th { "started" } th.n { "took" }
                th.n { "processor" } th.n { "energy" } th { "on" } th { "outcome" }
            }
            @for attempt in &report.attempts {
                tr {
                    td { (attempt.task) }
                    td.n { (attempt.attempt) }
                    td { (attempt.started) }
                    td.n { (seconds(attempt.wall_seconds)) }
                    td.n { (seconds(attempt.cpu_seconds)) }
                    td.n { (attempt.energy_joules.map_or_else(|| "-".to_owned(), joules)) }
                    td { (attempt.ran_on.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)) }
                    td { span class=(attempt.outcome) { (attempt.outcome) } }
                }
            }
        }
    }
}

fn ledger(report: &Report) -> Markup {
    let ledger = &report.run.ledger;
    html! {
        table {
            tr { td { "energy of all attempts, failed ones too" } td { (ledger.text()) } }
            @if let Some(carbon) = ledger.carbon() {
                tr { td { "emissions, location-based" } td { (carbon) } }
            }
            @if let Some(grams) = ledger.gco2e_embodied {
                tr { td { "share of making the devices" } td { (gco2e(grams)) } }
            }
            tr { td { "measured" } td { (joules(ledger.measured_joules)) } }
            tr { td { "modelled" } td { (joules(ledger.modelled_joules)) } }
            tr { td { "attempts of which nothing is known" } td { (ledger.attempts_missing) } }
            @if ledger.gco2e.is_none() {
                tr { td { "carbon" } td { "not known: no grid was given" } }
            }
            @if let Some(replayed) = &ledger.replayed {
                tr { td { "clock" } td { (replayed.text()) } }
            }
            @if let Some(saved) = &ledger.cache_saved {
                tr { td { "saved by the cache, in no other figure" } td { (saved.text()) } }
            }
        }
    }
}

fn environment(report: &Report) -> Markup {
    html! {
        table {
            @for (name, value) in &report.run.params {
                tr { td { "-p " (name) } td { code { (value.to_string()) } } }
            }
            @for (name, value) in &report.environment {
                tr { td { (name) } td { (value) } }
            }
        }
    }
}
