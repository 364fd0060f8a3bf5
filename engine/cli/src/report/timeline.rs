//! When what ran: a bar an attempt for small stages, the number running for big ones.

use std::fmt::Write;

use serde::Serialize;

use crate::attempts::Attempt;
use crate::graph::svg::escaped;
use crate::render::units::{float, seconds};

/// A stage with more attempts is drawn as the number running over time.
const BARS: usize = 160;
/// Steps of that curve.
const STEPS: usize = 200;
/// So many lanes of bars a stage has at most; further bars share the last.
const LANES: usize = 12;

const LEFT: f64 = 130.0;
const WIDTH: f64 = 760.0;
const LANE: f64 = 10.0;
const CURVE: f64 = 46.0;
const GAP: f64 = 10.0;

/// All stages on one time axis.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Timeline {
    /// The axis' beginning, milliseconds since the epoch.
    pub(crate) from_ms: u64,
    /// Its end.
    pub(crate) to_ms: u64,
    /// Stage by stage, in the plan's order.
    pub(crate) stages: Vec<StageTime>,
}

/// One stage's part of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageTime {
    /// Its name.
    pub(crate) stage: String,
    /// A bar an attempt; empty when there were too many.
    pub(crate) bars: Vec<Bar>,
    /// How many ran in each step of the axis; empty when there are bars.
    pub(crate) running: Vec<u32>,
}

/// One attempt on the axis.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bar {
    /// Its task in the stage.
    pub(crate) index: u32,
    /// From the axis' beginning, in milliseconds.
    pub(crate) start_ms: u64,
    /// How long, in milliseconds.
    pub(crate) length_ms: u64,
    /// Which lane it is drawn in.
    pub(crate) lane: usize,
    /// Whether it failed.
    pub(crate) failed: bool,
}

/// Puts attempts on one axis. `names` are the stages' by their place in the plan.
pub(crate) fn of(attempts: &[Attempt], names: &[String]) -> Timeline {
    let from_ms = attempts
        .iter()
        .map(|attempt| attempt.started_ms)
        .min()
        .unwrap_or(0);
    let to_ms = attempts.iter().map(Attempt::ended_ms).max().unwrap_or(0);
    let mut stages = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let mut own: Vec<&Attempt> = attempts
            .iter()
            .filter(|attempt| attempt.stage.place() == at)
            .collect();
        if own.is_empty() {
            continue;
        }
        own.sort_by_key(|attempt| (attempt.started_ms, attempt.index));
        let many = own.len() > BARS;
        stages.push(StageTime {
            stage: name.clone(),
            bars: if many {
                Vec::new()
            } else {
                bars(&own, from_ms)
            },
            running: if many {
                running(&own, from_ms, to_ms)
            } else {
                Vec::new()
            },
        });
    }
    Timeline {
        from_ms,
        to_ms,
        stages,
    }
}

/// Each bar in the first lane that is free.
fn bars(attempts: &[&Attempt], from_ms: u64) -> Vec<Bar> {
    let mut free_at: Vec<u64> = Vec::new();
    attempts
        .iter()
        .map(|attempt| {
            let lane = free_at
                .iter()
                .position(|free| *free <= attempt.started_ms)
                .unwrap_or(free_at.len())
                .min(LANES - 1);
            if lane == free_at.len() {
                free_at.push(0);
            }
            if let Some(free) = free_at.get_mut(lane) {
                *free = attempt.ended_ms();
            }
            Bar {
                index: attempt.index,
                start_ms: attempt.started_ms.saturating_sub(from_ms),
                length_ms: attempt.wall_us / 1000,
                lane,
                failed: attempt.failure.is_some(),
            }
        })
        .collect()
}

/// How many run in each step.
fn running(attempts: &[&Attempt], from_ms: u64, to_ms: u64) -> Vec<u32> {
    let steps = u64::try_from(STEPS).unwrap_or(1);
    let span = (to_ms - from_ms).max(1);
    let step_of = |ms: u64| {
        let step = ms.saturating_sub(from_ms).saturating_mul(steps) / span;
        usize::try_from(step.min(steps - 1)).unwrap_or(0)
    };
    // The change at each step; the sum of changes so far is the number running.
    let mut change = vec![0_i64; STEPS + 1];
    for attempt in attempts {
        change[step_of(attempt.started_ms)] += 1;
        change[step_of(attempt.ended_ms()) + 1] -= 1;
    }
    change
        .iter()
        .take(STEPS)
        .scan(0_i64, |sum, step| {
            *sum += step;
            Some(u32::try_from(*sum).unwrap_or(0))
        })
        .collect()
}

/// As one SVG.
pub(crate) fn svg(timeline: &Timeline) -> String {
    let span = float(timeline.to_ms.saturating_sub(timeline.from_ms)).max(1.0);
    let mut y = 24.0;
    let mut body = String::new();
    for stage in &timeline.stages {
        let lanes = stage.bars.iter().map(|bar| bar.lane + 1).max().unwrap_or(0);
        let height = if stage.bars.is_empty() {
            CURVE
        } else {
            LANE * float(u64::try_from(lanes).unwrap_or(1))
        };
        // Writing to a string does not fail.
        _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + height / 2.0 + 4.0,
            escaped(&stage.stage)
        );
        if stage.bars.is_empty() {
            curve(&mut body, &stage.running, y);
        }
        for bar in &stage.bars {
            draw_bar(&mut body, stage, bar, span, y);
        }
        y += height + GAP;
    }
    let total = LEFT + WIDTH + 20.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"timeline\" viewBox=\"0 0 {total:.0} {y:.0}\" width=\"{total:.0}\" height=\"{y:.0}\" role=\"img\"><title>When what ran</title>\n"
    );
    axis(&mut text, span, y);
    text.push_str(&body);
    text.push_str("</svg>\n");
    text
}

fn draw_bar(body: &mut String, stage: &StageTime, bar: &Bar, span: f64, y: f64) {
    let lane = float(u64::try_from(bar.lane).unwrap_or(0));
    let class = if bar.failed { "bar failed" } else { "bar" };
    let outcome = if bar.failed { ", failed" } else { "" };
    _ = writeln!(
        body,
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}/{}: {}{outcome}</title></rect>",
        LEFT + float(bar.start_ms) / span * WIDTH,
        y + lane * LANE,
        (float(bar.length_ms) / span * WIDTH).max(1.0),
        LANE - 2.0,
        escaped(&stage.stage),
        bar.index,
        seconds(float(bar.length_ms) / 1000.0)
    );
}

fn curve(body: &mut String, running: &[u32], y: f64) {
    let most = running.iter().copied().max().unwrap_or(1).max(1);
    let mut path = format!("M{LEFT:.1} {:.1}", y + CURVE);
    let step = WIDTH / float(u64::try_from(running.len().max(1)).unwrap_or(1));
    let mut x = LEFT;
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

/// Five marks, in seconds from the first attempt's start.
fn axis(text: &mut String, span_ms: f64, height: f64) {
    for mark in 0..=4_u32 {
        let share = f64::from(mark) / 4.0;
        let x = LEFT + share * WIDTH;
        _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"18\" y2=\"{height:.0}\"/><text x=\"{x:.1}\" y=\"12\" text-anchor=\"middle\">{}</text>",
            seconds(span_ms / 1000.0 * share)
        );
    }
}
