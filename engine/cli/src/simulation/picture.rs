//! Draws a simulation as one SVG: the emissions of each policy and the bound, and the use of the
//! fleet over time.

use std::fmt::Write;

use sunward_sim::report::Report;

use super::view::grams;
use crate::graph::svg::escaped;
use crate::render::units::float;

/// The most steps of the timeline.
const STEPS: usize = 240;

const LEFT: f64 = 190.0;
const WIDTH: f64 = 640.0;
const BAR: f64 = 16.0;
const ROW: f64 = 24.0;
const CURVE: f64 = 120.0;

/// Every rule names the class of this drawing, because a style sheet of a drawing inside a page
/// applies to the whole page.
const STYLE: &str = ".simulation text{font:12px system-ui,sans-serif;fill:#1f2933}.simulation .h{font-weight:600}\
.simulation .f{fill:#52606d;font-size:11px}.simulation .b{fill:#9aa5b1}.simulation .s{fill:#2f8132}\
.simulation .l{stroke:#ba2525;stroke-dasharray:4 3}.simulation .u{fill:#0967d2;opacity:.35}\
.simulation .i{fill:none;stroke:#b44d12;stroke-width:1.4}.simulation .a{stroke:#cbd2d9}";

/// The use of a fleet over time, and the intensity of its grids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// The policy that used the fleet.
    pub(crate) policy: String,
    /// The share of the fleet in use, for each hour.
    pub(crate) used: Vec<f64>,
    /// The mean intensity of the fleet's zones in gCO2e/kWh, for each hour.
    pub(crate) intensity_gco2e_per_kwh: Vec<f64>,
    /// Its beginning and end, as text.
    pub(crate) ends: (String, String),
}

/// Renders the SVG document.
pub(crate) fn render(report: &Report, timeline: &Timeline) -> String {
    let rows = float(u64::try_from(report.policies.len()).unwrap_or(0));
    let bars = 40.0 + rows * ROW;
    let height = bars + CURVE + 90.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"simulation\" viewBox=\"0 0 {0:.0} {height:.0}\" width=\"{0:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>What each policy emits, and when the fleet is used</title>\n<style>{STYLE}</style>\n",
        LEFT + WIDTH + 110.0
    );
    // Writing to a string does not fail.
    _ = writeln!(
        text,
        "<text class=\"h\" x=\"10\" y=\"20\">gCO2e by policy</text>"
    );
    draw_bars(&mut text, report, bars);
    draw_timeline(&mut text, timeline, bars + 30.0);
    text.push_str("</svg>\n");
    text
}

fn draw_bars(text: &mut String, report: &Report, bottom: f64) {
    let most = report.policies.iter().map(|one| one.gco2e);
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let mut y = 34.0;
    for policy in &report.policies {
        let width = policy.gco2e / most * WIDTH;
        let class = if policy.name == "sunward" { "s" } else { "b" };
        _ = writeln!(
            text,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><rect class=\"{class}\" x=\"{LEFT:.0}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR:.0}\"><title>{}</title></rect><text class=\"f\" x=\"{:.1}\" y=\"{:.1}\">{}{}</text>",
            LEFT - 8.0,
            y + 12.5,
            escaped(&policy.name),
            escaped(&policy.source),
            LEFT + width + 6.0,
            y + 12.5,
            grams(policy.gco2e),
            policy
                .saved_percent
                .map_or_else(String::new, |saved| format!(" ({:.1} %)", -saved))
        );
        y += ROW;
    }
    if let Some(bound) = &report.bound {
        let x = LEFT + bound.gco2e / most * WIDTH;
        _ = writeln!(
            text,
            "<line class=\"l\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"28\" y2=\"{bottom:.1}\"><title>bound {}: {}</title></line><text class=\"f\" x=\"{x:.1}\" y=\"24\" text-anchor=\"middle\">bound</text>",
            escaped(&bound.kind),
            grams(bound.gco2e)
        );
    }
}

fn draw_timeline(text: &mut String, timeline: &Timeline, y: f64) {
    let used = thinned(&timeline.used);
    let intensity = thinned(&timeline.intensity_gco2e_per_kwh);
    let floor = y + 20.0 + CURVE;
    let most = intensity.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    _ = writeln!(
        text,
        "<text class=\"h\" x=\"10\" y=\"{y:.1}\">{}: share of the fleet in use (blue) over the mean intensity of its grids (orange, up to {most:.0} gCO2e/kWh)</text>",
        escaped(&timeline.policy)
    );
    let mut area = format!("M{LEFT:.0} {floor:.1}");
    for (x, share) in points(&used) {
        _ = write!(area, "L{x:.1} {:.1}", floor - share.min(1.0) * CURVE);
    }
    let last = points(&used).last().map_or(LEFT, |(x, _)| x);
    _ = writeln!(
        text,
        "<path class=\"u\" d=\"{area}L{last:.1} {floor:.1}Z\"/>"
    );
    let mut line = String::new();
    for (x, value) in points(&intensity) {
        let step = if line.is_empty() { 'M' } else { 'L' };
        _ = write!(line, "{step}{x:.1} {:.1}", floor - value / most * CURVE);
    }
    _ = writeln!(text, "<path class=\"i\" d=\"{line}\"/>");
    _ = writeln!(
        text,
        "<line class=\"a\" x1=\"{LEFT:.0}\" x2=\"{:.0}\" y1=\"{floor:.1}\" y2=\"{floor:.1}\"/><text class=\"f\" x=\"{LEFT:.0}\" y=\"{:.1}\">{}</text><text class=\"f\" x=\"{:.0}\" y=\"{2:.1}\" text-anchor=\"end\">{}</text>",
        LEFT + WIDTH,
        floor + 16.0,
        escaped(&timeline.ends.0),
        LEFT + WIDTH,
        escaped(&timeline.ends.1)
    );
}

/// Values with their horizontal positions in the picture.
fn points(values: &[f64]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let last = u64::try_from(values.len().saturating_sub(1).max(1)).unwrap_or(1);
    let step = WIDTH / float(last);
    (0_u64..)
        .zip(values)
        .map(move |(at, value)| (LEFT + float(at) * step, *value))
}

/// Means of adjacent values, so that at most [`STEPS`] are left.
fn thinned(values: &[f64]) -> Vec<f64> {
    let each = values.len().div_ceil(STEPS).max(1);
    values
        .chunks(each)
        .map(|some| some.iter().sum::<f64>() / float(u64::try_from(some.len()).unwrap_or(1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::thinned;

    #[test]
    fn a_year_of_hours_is_thinned_to_means() {
        let year: Vec<f64> = (0..8760).map(f64::from).collect();
        let thin = thinned(&year);
        assert!(thin.len() <= 240, "{}", thin.len());
        assert!((thin[0] - 18.0).abs() < 1e-9, "{}", thin[0]);
        assert_eq!(thinned(&[1.0, 2.0]), [1.0, 2.0]);
    }
}
