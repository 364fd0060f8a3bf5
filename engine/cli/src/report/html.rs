//! Renders the report as one HTML file that needs no script, font or network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::pictures::Gallery;
use super::{ATTEMPTS_LISTED, Report, entries_html, timeline_svg};
use crate::graph::svg;
use crate::render::style::harmless;
use crate::render::units::{bytes, count, gco2e, joules, seconds};
use crate::view::demand::DemandView;
use crate::view::made::made_on;

const STYLE: &str = "
:root{color-scheme:light;font:15px/1.45 system-ui,sans-serif;color:#1f2933;background:#fff}
body{max-width:68rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h3{font-size:1rem;margin:1.2rem 0 .3rem}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid #cbd2d9}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}
th{color:#52606d;font-weight:600;border-bottom:1px solid #cbd2d9;white-space:nowrap}tr+tr td{border-top:1px solid #f0f2f5}
th.number,td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.long,pre{overflow-wrap:anywhere}td.key{white-space:nowrap;width:1%}
code,pre{font:13px/1.4 ui-monospace,monospace}pre{background:#f5f7fa;padding:.6rem;overflow:auto;max-height:24rem;margin:.3rem 0}
.status{font-weight:600}.succeeded{color:#2f8132}.failed{color:#ba2525}.cancelled,.held,.interrupted,.skipped,.cut,.late{color:#8d5a00}
.faint{color:#52606d}.wide{overflow-x:auto}
figure{margin:0 0 1.5rem}figure img{max-width:100%;border:1px solid #e4e7eb}figcaption{color:#52606d}
svg.timeline{max-width:100%;height:auto}svg.timeline text{font:11px system-ui,sans-serif;fill:#1f2933}svg.timeline line{stroke:#e4e7eb}
svg.timeline .bar{fill:#4098d7}svg.timeline .bar.failed{fill:#cf1124}svg.timeline .bar.cut{fill:#cb6e17}
svg.timeline line.wait{stroke:#7b8794;stroke-width:2;stroke-dasharray:2 3}
@media print{pre{max-height:none}}";

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
                div.wide { (stages(report)) }
                @if !run.outputs.0.is_empty() {
                    h2 { "Outputs" }
                    div.wide { (outputs(report)) }
                }
                @if !report.gallery.pictures.is_empty() {
                    h2 { "Pictures" }
                    (pictures(&report.gallery))
                }
                @if !report.failures.is_empty() {
                    h2 { "Failures" }
                    (failures(report))
                }
                @if !report.warnings.is_empty() {
                    h2 { "Warnings" }
                    @for warning in &report.warnings { p { (harmless(warning)) } }
                }
                @if !report.timeline.stages.is_empty() {
                    h2 { "Timeline" }
                    div.wide { (PreEscaped(timeline_svg::render(&report.timeline))) }
                    p.faint { "Time runs from when the first stage was ready. A dotted line is a stage that was ready and waited." }
                }
                @if !report.attempts.is_empty() {
                    h2 { "Attempts" }
                    div.wide { (attempts(report)) }
                }
                h2 { "Ledger" }
                (ledger(report))
                (entries_html::render(&report.entries))
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
            @if let Some(late) = &run.late { span.late { "Late: " (harmless(&late.text)) } br; }
            @for line in run.demand_response.iter().flat_map(DemandView::lines) { "Grid: " (line) br; }
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
                    th.number { (heading) }
                }
                th { "made on" }
            }
            @for (name, stage) in &report.run.stages.0 {
                tr {
                    td.long { (name) }
                    td {
                        span class=(stage.status) { (stage.status) }
                        @let remarks = stage.remarks();
                        @if !remarks.is_empty() { " " span.faint { (harmless(&remarks)) } }
                    }
                    @let counts = &stage.counts;
                    @for number in [counts.tasks, counts.ran, counts.cached, counts.failed, counts.skipped] {
                        td.number { (count(number)) }
                    }
                    td.number { (seconds(counts.seconds)) }
                    td { (made_on(&stage.ran_on).unwrap_or_default()) }
                }
            }
        }
    }
}

fn outputs(report: &Report) -> Markup {
    html! {
        table {
            tr { th { "output" } th.number { "rows" } th.number { "size" } th { "where" } th { "content digest" } }
            @for (name, output) in &report.run.outputs.0 {
                tr {
                    td.long { (name) }
                    td.number { (output.rows.map_or_else(|| "-".to_owned(), count)) }
                    td.number { (bytes(output.bytes)) }
                    td.long { @if let Some(path) = &output.path { code { (path) } } @else { (output.place()) } }
                    td { @if output.digest.is_empty() { "-" } @else { code { (output.digest.chars().take(16).collect::<String>()) "…" } } }
                }
            }
        }
    }
}

fn pictures(gallery: &Gallery) -> Markup {
    html! {
        @for picture in &gallery.pictures {
            figure {
                img src=(picture.data_url()) alt=(picture.name);
                figcaption { (picture.name) ", " (bytes(picture.bytes)) }
            }
        }
        @if gallery.left_out > 0 {
            p.faint { (gallery.left_out) " more are not shown, to keep this page small; sunward show and --out have them." }
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
                @let named = failure.message.starts_with(&failure.task);
                @if !named {
                    span.failed { (failure.task) }
                    @if failure.attempt > 0 { ", attempt " (failure.attempt) }
                    ": "
                }
                (harmless(&failure.message))
                @if failure.tried_again { " (tried again)" }
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
                th { "task" } th.number { "attempt" } th.number { "started" } th.number { "took" }
                th.number { "processor" } th.number { "energy" } th { "on" } th { "outcome" }
            }
            @for attempt in &report.attempts {
                tr {
                    td.long { (attempt.task) }
                    td.number { (attempt.attempt) }
                    td.number { (attempt.started) }
                    td.number { (seconds(attempt.wall_seconds)) }
                    td.number { (seconds(attempt.cpu_seconds)) }
                    td.number { (attempt.energy_joules.map_or_else(|| "-".to_owned(), joules)) }
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
            tr { td.key { "energy of all attempts, failed ones too" } td { (ledger.text()) } }
            @if let Some(carbon) = ledger.carbon() {
                tr { td.key { "emissions, location-based" } td { (carbon) } }
            }
            @if let Some(basis) = ledger.basis {
                tr { td.key { "its intensities count" } td { (basis) } }
            }
            @if let Some(marginal) = ledger.gco2e_marginal {
                tr {
                    td.key { "the same by marginal intensity" }
                    td {
                        (gco2e(marginal))
                        @if let Some(home) = ledger.gco2e_marginal_at_home_now {
                            "; at home and at once " (gco2e(home))
                        }
                    }
                }
            }
            tr {
                td.key { "embodied share of the devices" }
                td { (ledger.gco2e_embodied.map_or_else(|| "unknown".to_owned(), gco2e)) }
            }
            @match (ledger.sci_gco2e_per_task, ledger.gco2e_per_task) {
                (Some(sci), _) => {
                    tr {
                        td.key { "software carbon intensity (ISO/IEC 21031), embodied share included" }
                        td { (gco2e(sci)) " for each task that ran and has a result" }
                    }
                }
                (None, Some(grams)) => {
                    tr {
                        td.key { "emissions for each task that ran and has a result" }
                        td { (gco2e(grams)) ", without the embodied share" }
                    }
                }
                (None, None) => {}
            }
            tr { td.key { "measured" } td { (joules(ledger.measured_joules)) } }
            tr { td.key { "modelled" } td { (joules(ledger.modelled_joules)) } }
            tr { td.key { "attempts with unknown energy" } td { (ledger.attempts_missing) } }
            @if ledger.carbon().is_none() {
                tr { td.key { "carbon" } td { "not known (no grid was given)" } }
            }
            @if let Some(replayed) = &ledger.replayed {
                tr { td.key { "clock" } td { (replayed.text()) } }
            }
            @if let Some(saved) = &ledger.cache_saved {
                tr { td.key { "saved by the cache (not part of the other figures)" } td { (saved.text()) } }
            }
        }
    }
}

fn environment(report: &Report) -> Markup {
    html! {
        table {
            @for (name, value) in &report.run.params {
                tr { td.key { "-p " (name) } td.long { code { (value.to_string()) } } }
            }
            @for (name, value) in &report.environment {
                tr { td.key { (name) } td.long { (value) } }
            }
        }
    }
}
