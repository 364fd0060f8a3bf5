//! Renders the placement chart as one HTML file: the picture, and a table below it.

use maud::{DOCTYPE, PreEscaped, html};

use super::{PlacementChart, svg};

const STYLE: &str = "
:root{color-scheme:light;font:15px/1.45 system-ui,sans-serif;color:#1f2933;background:#fff}
body{max-width:68rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.4rem}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .8rem .2rem 0}
th{color:#52606d;border-bottom:1px solid #cbd2d9}tr+tr td{border-top:1px solid #f0f2f5}.faint{color:#52606d}";

/// Renders a page with a title, the picture, and a table.
pub(crate) fn render(
    title: &str,
    chart: &PlacementChart,
    headings: &[&str],
    rows: &[Vec<String>],
    notes: &[String],
) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                div.wide { (PreEscaped(svg::render(chart))) }
                table {
                    tr { @for heading in headings { th { (heading.trim_start_matches('>')) } } }
                    @for row in rows {
                        tr { @for cell in row { td { (cell) } } }
                    }
                }
                @for note in notes { p.faint { (note) } }
                p.faint { "Times are UTC. Bars are the forecast carbon intensity of each pool's grid; gray is time in which nothing is open." }
            }
        }
    };
    page.into_string()
}
