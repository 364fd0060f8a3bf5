//! Renders the placement chart as one SVG.

use std::fmt::Write;

use super::{PlacementChart, PoolLine, clock};
use crate::graph::svg::escaped;
use crate::render::text_width::shortened;
use crate::render::units::float;

const LEFT: f64 = 170.0;
const WIDTH: f64 = 760.0;
const BAND: f64 = 40.0;
const LANE: f64 = 18.0;
const GAP: f64 = 14.0;

/// Every rule names the class of this drawing, because a style sheet of a drawing inside a page
/// applies to the whole page.
const STYLE: &str = ".placement-chart text{font:12px system-ui,sans-serif;fill:#1f2933}\
.placement-chart .faint{fill:#52606d;font-size:11px}.placement-chart line{stroke:#e4e7eb}\
.placement-chart .shut{fill:#9aa5b1;opacity:.35}.placement-chart .block{fill:#0967d2}\
.placement-chart .block+text{fill:#fff;font-size:11px}";

/// Renders the SVG document.
pub(crate) fn render(chart: &PlacementChart) -> String {
    let mut body = String::new();
    let mut y = 26.0;
    let range = chart.range();
    for line in &chart.pools {
        y = draw_pool(&mut body, chart, line, range, y);
    }
    let (width, height) = (LEFT + WIDTH + 70.0, y + 4.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"placement-chart\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>Where and when stages go, over the carbon intensity of each pool's grid</title>\n<style>{STYLE}</style>\n"
    );
    axis(&mut text, chart, height);
    text.push_str(&body);
    text.push_str("</svg>\n");
    text
}

fn draw_pool(
    body: &mut String,
    chart: &PlacementChart,
    line: &PoolLine,
    (least, most): (f64, f64),
    y: f64,
) -> f64 {
    let steps = line.intensity_gco2e_per_kwh.len();
    let step = WIDTH / float(u64::try_from(chart.steps().max(1)).unwrap_or(1));
    // Writing to a string does not fail.
    _ = writeln!(
        body,
        "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><text class=\"faint\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        LEFT - 10.0,
        y + 16.0,
        escaped(&shortened(&line.pool, 12.0, false, LEFT - 14.0)),
        LEFT - 10.0,
        y + 31.0,
        escaped(&shortened(&line.zone, 11.0, false, LEFT - 14.0))
    );
    let mut x = LEFT;
    for (at, grams) in line.intensity_gco2e_per_kwh.iter().enumerate() {
        let share = (grams - least) / (most - least).max(1e-9);
        let height = 4.0 + share * (BAND - 4.0);
        let from = chart.from_ms + u64::try_from(at).unwrap_or(0) * chart.step_ms;
        _ = writeln!(
            body,
            "<rect x=\"{x:.2}\" y=\"{:.1}\" width=\"{:.2}\" height=\"{height:.1}\" fill=\"{}\"><title>{} {}: {grams:.0} gCO2e/kWh</title></rect>",
            y + BAND - height,
            step + 0.2,
            colour(share),
            escaped(&line.zone),
            clock(from, chart.from_ms)
        );
        if line.open.get(at) == Some(&false) {
            _ = writeln!(
                body,
                "<rect class=\"shut\" x=\"{x:.2}\" y=\"{y:.1}\" width=\"{:.2}\" height=\"{BAND}\"><title>nothing is open</title></rect>",
                step + 0.2
            );
        }
        x += step;
    }
    if let (Some(first), true) = (line.intensity_gco2e_per_kwh.first(), steps > 0) {
        _ = writeln!(
            body,
            "<text class=\"faint\" x=\"{:.0}\" y=\"{:.1}\">{first:.0} g now</text>",
            LEFT + WIDTH + 8.0,
            y + BAND - 4.0
        );
    }
    draw_blocks(body, chart, line, y + BAND + 3.0)
}

fn draw_blocks(body: &mut String, chart: &PlacementChart, line: &PoolLine, top: f64) -> f64 {
    let span = float(chart.to_ms().saturating_sub(chart.from_ms)).max(1.0);
    let mut ends: Vec<u64> = Vec::new();
    for block in &line.blocks {
        let lane = ends
            .iter()
            .position(|end| *end <= block.start_ms)
            .unwrap_or(ends.len());
        if lane == ends.len() {
            ends.push(0);
        }
        if let Some(end) = ends.get_mut(lane) {
            *end = block.end_ms;
        }
        let x = LEFT + float(block.start_ms.saturating_sub(chart.from_ms)) / span * WIDTH;
        let width = float(block.end_ms.saturating_sub(block.start_ms)) / span * WIDTH;
        let y = top + float(u64::try_from(lane).unwrap_or(0)) * LANE;
        let name = if block.tasks > 1 {
            format!("{} x{}", block.stage, block.tasks)
        } else {
            block.stage.clone()
        };
        _ = writeln!(
            body,
            "<g><title>{} from {} to {}</title><rect class=\"block\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            escaped(&name),
            clock(block.start_ms, chart.from_ms),
            clock(block.end_ms, chart.from_ms),
            width.max(2.0),
            LANE - 3.0,
            x + 5.0,
            y + 11.0,
            escaped(&fitting(&name, width))
        );
    }
    top + float(u64::try_from(ends.len()).unwrap_or(0)) * LANE + GAP
}

/// The part of a name that fits into a block. Empty if only the ellipsis would fit.
fn fitting(name: &str, width: f64) -> String {
    let fits = shortened(name, 11.0, false, width - 10.0);
    if fits == "…" { String::new() } else { fits }
}

/// A color from green (clean) over yellow to brown (dirty).
fn colour(share: f64) -> &'static str {
    const STEPS: [&str; 7] = [
        "#2f9e44", "#74b816", "#c0ca33", "#fab005", "#f08c00", "#b35c1e", "#7a4a2b",
    ];
    STEPS
        .iter()
        .enumerate()
        .rev()
        .find(|(at, _)| share * 7.0 >= float(u64::try_from(*at).unwrap_or(0)))
        .map_or("#2f9e44", |(_, colour)| colour)
}

/// Draws a mark at each quarter of the axis.
fn axis(text: &mut String, chart: &PlacementChart, height: f64) {
    let span = chart.to_ms().saturating_sub(chart.from_ms);
    for mark in 0..=6_u32 {
        let x = LEFT + f64::from(mark) / 6.0 * WIDTH;
        let at = chart.from_ms + span / 6 * u64::from(mark);
        _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"18\" y2=\"{height:.0}\"/><text class=\"faint\" x=\"{x:.1}\" y=\"12\" text-anchor=\"middle\">{}</text>",
            clock(at, chart.from_ms)
        );
    }
}
