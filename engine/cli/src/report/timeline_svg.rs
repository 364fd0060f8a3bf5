//! Renders the timeline as one SVG.

use std::fmt::Write;

use super::timeline::{Bar, StageTime, Timeline, Wait};
use crate::graph::svg::escaped;
use crate::render::text_width::{shortened, text_width};
use crate::render::units::{float, seconds};

/// The least and greatest width of the column of names, which fits the longest name.
const NAMES: (f64, f64) = (60.0, 240.0);
const NAME_SIZE: f64 = 11.0;
const WIDTH: f64 = 760.0;
const LANE: f64 = 10.0;
const CURVE: f64 = 46.0;
const GAP: f64 = 10.0;
/// The least wait that is drawn, as a share of the axis. A shorter wait is the engine's own work.
const WAIT_AT_LEAST: f64 = 0.01;

/// The horizontal axis: the column of names, then the time.
struct Axis {
    left: f64,
    span_ms: f64,
}

impl Axis {
    fn x(&self, at_ms: u64) -> f64 {
        self.left + float(at_ms) / self.span_ms * WIDTH
    }

    fn width(&self, length_ms: u64) -> f64 {
        float(length_ms) / self.span_ms * WIDTH
    }
}

/// Renders the SVG. It uses the style sheet of the page.
pub(crate) fn render(timeline: &Timeline) -> String {
    let names = timeline.stages.iter();
    let widest = names
        .map(|stage| text_width(&stage.stage, NAME_SIZE, false))
        .fold(NAMES.0, f64::max);
    let axis = Axis {
        left: widest.min(NAMES.1) + 12.0,
        span_ms: float(timeline.to_ms.saturating_sub(timeline.from_ms)).max(1.0),
    };
    let mut y = 24.0;
    let mut body = String::new();
    for stage in &timeline.stages {
        y = draw_stage(&mut body, &axis, stage, y);
    }
    let total = axis.left + WIDTH + 30.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"timeline\" viewBox=\"0 0 {total:.0} {y:.0}\" width=\"{total:.0}\" height=\"{y:.0}\" role=\"img\"><title>When what ran</title>\n"
    );
    draw_marks(&mut text, &axis, y);
    text.push_str(&body);
    text.push_str("</svg>\n");
    text
}

/// Draws one stage at `y` and returns the `y` of the next.
fn draw_stage(body: &mut String, axis: &Axis, stage: &StageTime, y: f64) -> f64 {
    let lanes = stage.bars.iter().map(|bar| bar.lane + 1).max().unwrap_or(0);
    let height = if stage.bars.is_empty() {
        CURVE
    } else {
        LANE * float(u64::try_from(lanes).unwrap_or(1))
    };
    // Writing to a string does not fail.
    _ = writeln!(
        body,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}<title>{}</title></text>",
        axis.left - 8.0,
        y + height / 2.0 + 4.0,
        escaped(&shortened(&stage.stage, NAME_SIZE, false, NAMES.1)),
        escaped(&stage.stage),
    );
    if let Some(wait) = &stage.waited {
        draw_wait(body, axis, wait, y + height / 2.0);
    }
    if stage.bars.is_empty() {
        draw_curve(body, axis, &stage.running, y);
    }
    for bar in &stage.bars {
        draw_bar(body, axis, stage, bar, y);
    }
    y + height + GAP
}

/// Draws a dotted line from the time when the stage was ready to its first attempt.
fn draw_wait(body: &mut String, axis: &Axis, wait: &Wait, y: f64) {
    if float(wait.length_ms) < axis.span_ms * WAIT_AT_LEAST {
        return;
    }
    let from = axis.x(wait.start_ms);
    _ = writeln!(
        body,
        "<line class=\"wait\" x1=\"{from:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"><title>ready, waited {}</title></line>",
        from + axis.width(wait.length_ms),
        seconds(float(wait.length_ms) / 1000.0)
    );
}

fn draw_bar(body: &mut String, axis: &Axis, stage: &StageTime, bar: &Bar, y: f64) {
    let lane = float(u64::try_from(bar.lane).unwrap_or(0));
    let class = match bar.outcome {
        "succeeded" => "bar",
        "cut off" | "made way" => "bar cut",
        _ => "bar failed",
    };
    _ = writeln!(
        body,
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}/{}: {}, {}</title></rect>",
        axis.x(bar.start_ms),
        y + lane * LANE,
        axis.width(bar.length_ms).max(1.0),
        LANE - 2.0,
        escaped(&stage.stage),
        bar.index,
        seconds(float(bar.length_ms) / 1000.0),
        bar.outcome,
    );
}

fn draw_curve(body: &mut String, axis: &Axis, running: &[u32], y: f64) {
    let most = running.iter().copied().max().unwrap_or(1).max(1);
    let mut path = format!("M{:.1} {:.1}", axis.left, y + CURVE);
    let step = WIDTH / float(u64::try_from(running.len().max(1)).unwrap_or(1));
    let mut x = axis.left;
    for count in running {
        let top = y + CURVE - f64::from(*count) / f64::from(most) * (CURVE - 4.0);
        _ = write!(path, "L{x:.1} {top:.1}L{:.1} {top:.1}", x + step);
        x += step;
    }
    _ = write!(path, "L{x:.1} {:.1}z", y + CURVE);
    _ = writeln!(
        body,
        "<path class=\"bar\" d=\"{path}\"><title>at most {most} at once</title></path>"
    );
}

/// Draws five marks, in seconds since the first stage was ready.
fn draw_marks(text: &mut String, axis: &Axis, height: f64) {
    for mark in 0..=4_u32 {
        let share = f64::from(mark) / 4.0;
        let x = axis.left + share * WIDTH;
        _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"18\" y2=\"{height:.0}\"/><text x=\"{x:.1}\" y=\"12\" text-anchor=\"middle\">{}</text>",
            seconds(axis.span_ms / 1000.0 * share)
        );
    }
}
