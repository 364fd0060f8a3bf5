//! The rows behind the ledger, as a part of the page.

use maud::{Markup, html};

use super::entries::{AVERAGE_AND_MARGINAL, Entries, Intensity, Place};
use super::entries_text::figure;
use crate::render::style::harmless;
use crate::render::units::bytes;

/// The most rows of a table that the page shows.
const ROWS_SHOWN: usize = 500;

pub(super) fn render(entries: &Entries) -> Markup {
    html! {
        @if entries.len() > 0 {
            h3 { "How the ledger is computed" }
            p { (entries.how) }
            p { (AVERAGE_AND_MARGINAL) }
            (used(entries))
            @if !entries.transfers.is_empty() { (moved(entries)) }
            @if !entries.at_home_now.is_empty() { (at_home(entries)) }
            @let sources = entries.sources();
            @if !sources.is_empty() {
                h3 { "Intensities" }
                ul { @for line in &sources { li { (harmless(line)) } } }
            }
        }
    }
}

fn used(entries: &Entries) -> Markup {
    html! {
        h3 { "Used" }
        p.faint {
            @if entries.each_row_is == "attempt" { "Each row is of one attempt in a quarter of an hour." }
            @else { "There are many attempts, so each row is of all that ended alike." }
            (left_out(entries.used.len()))
        }
        div.wide { table {
            tr { th { "task" } th.number { "attempt" } th { "outcome" } (place_heads()) th { "energy" } th.number { "embodied g" } }
            @for row in entries.used.iter().take(ROWS_SHOWN) {
                tr {
                    td { (row.task.as_ref().unwrap_or(&row.stage)) }
                    td.number {
                        @match (row.attempt, row.attempts) {
                            (Some(attempt), _) => { (attempt) }
                            (None, Some(count)) => { (count) " attempts" }
                            (None, None) => { "all" }
                        }
                    }
                    td { (row.outcome_word()) }
                    (place(&row.place))
                    td { (row.source_word()) }
                    td.number { (figure(row.gco2e_embodied, "unknown")) }
                }
            }
        } }
    }
}

fn moved(entries: &Entries) -> Markup {
    html! {
        h3 { "Moved" }
        p.faint { (left_out(entries.transfers.len())) }
        div.wide { table {
            tr {
                th { "stage" } th { "quarter" } th { "from" } th { "to" } th.number { "size" }
                th.number { "kWh/GB" } th.number { "J" } th.number { "g CO2e" }
            }
            @for row in entries.transfers.iter().take(ROWS_SHOWN) {
                tr {
                    td { (row.stage) } td { (row.quarter) } td { (row.end(false)) } td { (row.end(true)) }
                    td.number { (bytes(row.bytes)) } td.number { (row.kwh_per_gb) } td.number { (row.energy_joules) }
                    td.number { (figure(row.gco2e_from, "unknown")) " + " (figure(row.gco2e_to, "unknown")) }
                }
            }
        } }
    }
}

fn at_home(entries: &Entries) -> Markup {
    html! {
        h3 { "At home and at once" }
        p.faint { "The same energy at home, in a run that waits for nothing: what the saving is told against. " (left_out(entries.at_home_now.len())) }
        div.wide { table {
            tr { th { "stage" } (place_heads()) }
            @for row in entries.at_home_now.iter().take(ROWS_SHOWN) {
                tr { td { (row.stage) } (place(&row.place)) }
            }
        } }
    }
}

fn left_out(rows: usize) -> String {
    match rows.saturating_sub(ROWS_SHOWN) {
        0 => String::new(),
        more => format!(" {more} more rows are in sunward report --out FILE.json."),
    }
}

fn place_heads() -> Markup {
    html! {
        th { "quarter" } th { "pool" } th { "zone" } th.number { "J" } th.number { "PUE" }
        th.number { "g/kWh" } th.number { "g CO2e" } th.number { "marginal g/kWh" } th.number { "marginal g" }
    }
}

fn place(place: &Place) -> Markup {
    html! {
        td { (place.quarter) } td { (place.pool) } td { (place.zone) }
        td.number { (figure(place.energy_joules, "missing")) }
        td.number { (figure(place.pue, "unknown")) }
        (intensity(place.average.as_ref(), "average"))
        td.number { (figure(place.gco2e, "unknown")) }
        (intensity(place.marginal.as_ref(), "marginal"))
        td.number { (figure(place.gco2e_marginal, "unknown")) }
    }
}

/// A cell with an intensity. Where it comes from and how old it is shows below a pointer.
fn intensity(figure: Option<&Intensity>, kind: &str) -> Markup {
    html! {
        @match figure {
            Some(one) => { td.number title=(harmless(&format!("{}; {}", one.words(kind), one.times()))) { (one.gco2e_per_kwh) } }
            None => { td.number { "unknown" } }
        }
    }
}
