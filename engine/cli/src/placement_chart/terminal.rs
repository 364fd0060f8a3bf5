//! Draws the placement chart in a terminal: a line of bars for each pool, with its stages below.

use super::{Block, PlacementChart, PoolLine, clock};
use crate::render::Page;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The most columns of the axis. With names before it, a line has at most 100.
const COLUMNS: usize = 72;

/// Adds the chart to a page.
pub(crate) fn draw(page: &mut Page, chart: &PlacementChart) {
    let steps = chart.steps();
    if steps == 0 {
        return;
    }
    let columns = steps.min(COLUMNS);
    let named = chart
        .pools
        .iter()
        .map(|line| label(line).chars().count())
        .max()
        .unwrap_or(0);
    page.line(format!("{:named$}  {}", "", axis(chart, columns)));
    let range = chart.range();
    for line in &chart.pools {
        let bars = bars(line, columns, range);
        let reach = reach(line);
        page.line(format!("{:named$}  {bars}  {reach}", label(line)));
        for lane in lanes(&line.blocks) {
            let text = lane_text(chart, &lane, columns);
            let text = page.style.strong(&text);
            page.line(format!("{:named$}  {text}", ""));
        }
    }
    if chart.others > 0 {
        let note = format!("and {} more pools, not used", chart.others);
        let note = page.style.faint(&note);
        page.line(format!("{:named$}  {note}", ""));
    }
    let note = "bars: forecast gCO2e/kWh of each pool's zone; · nothing is open; times are UTC";
    let note = page.style.faint(note);
    page.line(format!("{:named$}  {note}", ""));
}

fn label(line: &PoolLine) -> String {
    if line.pool == line.zone {
        line.zone.clone()
    } else {
        format!("{} ({})", line.pool, line.zone)
    }
}

/// The least and greatest intensity of a pool: `95–410 g`.
fn reach(line: &PoolLine) -> String {
    let least = line
        .intensity_gco2e_per_kwh
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min);
    let most = line
        .intensity_gco2e_per_kwh
        .iter()
        .copied()
        .fold(0.0, f64::max);
    if least > most {
        "not known".to_owned()
    } else {
        format!("{least:.0}–{most:.0}")
    }
}

fn bars(line: &PoolLine, columns: usize, range: (f64, f64)) -> String {
    let values = &line.intensity_gco2e_per_kwh;
    let bars = sparks(values, columns, range);
    bars.chars()
        .enumerate()
        .map(|(column, bar)| {
            let (first, end) = span(column, columns, values.len());
            let open = line
                .open
                .get(first..end)
                .is_none_or(|open| open.iter().any(|open| *open));
            if open { bar } else { '·' }
        })
        .collect()
}

/// Draws values as bars in at most `columns` columns. The range gives the lowest and highest bar.
pub(crate) fn sparks(values: &[f64], columns: usize, (least, most): (f64, f64)) -> String {
    let columns = columns.min(values.len()).max(1);
    (0..columns)
        .map(|column| {
            let (first, end) = span(column, columns, values.len());
            let part = values.get(first..end).unwrap_or(&[]);
            let mean = part.iter().sum::<f64>() / count(part.len()).max(1.0);
            let share = (mean - least) / (most - least).max(1e-9);
            BARS.iter()
                .enumerate()
                .rev()
                .find(|(at, _)| share * 8.0 >= count(*at))
                .map_or('▁', |(_, bar)| *bar)
        })
        .collect()
}

/// The steps that one column shows, as first and end.
fn span(column: usize, columns: usize, steps: usize) -> (usize, usize) {
    let first = column * steps / columns;
    let end = ((column + 1) * steps / columns).max(first + 1);
    (first, end.min(steps))
}

fn count(number: usize) -> f64 {
    crate::render::units::float(u64::try_from(number).unwrap_or(u64::MAX))
}

/// Puts blocks into lanes. Blocks that do not overlap share a lane.
fn lanes(blocks: &[Block]) -> Vec<Vec<&Block>> {
    let mut lanes: Vec<Vec<&Block>> = Vec::new();
    for block in blocks {
        let free = lanes
            .iter_mut()
            .find(|lane| lane.last().is_none_or(|last| last.end_ms <= block.start_ms));
        match free {
            Some(lane) => lane.push(block),
            None => lanes.push(vec![block]),
        }
    }
    lanes
}

/// The text of a lane: `      ├search ×20───┤   ├merge┤`.
fn lane_text(chart: &PlacementChart, lane: &[&Block], columns: usize) -> String {
    let mut text: Vec<char> = Vec::new();
    for block in lane {
        let from = column(chart, block.start_ms, columns);
        let to = column(chart, block.end_ms, columns).max(from + 1);
        text.resize(text.len().max(from), ' ');
        let name = if block.tasks > 1 {
            format!("{} ×{}", block.stage, block.tasks)
        } else {
            block.stage.clone()
        };
        let mut word: Vec<char> = std::iter::once('├').chain(name.chars()).collect();
        while word.len() + 1 < to - from {
            word.push('─');
        }
        word.push('┤');
        // A name that is longer than its block extends over free space.
        text.truncate(from);
        text.extend(word);
    }
    text.into_iter().collect()
}

fn column(chart: &PlacementChart, at_ms: u64, columns: usize) -> usize {
    let span = chart.to_ms().saturating_sub(chart.from_ms).max(1);
    let columns_u64 = u64::try_from(columns).unwrap_or(1);
    let at = at_ms.saturating_sub(chart.from_ms).min(span) * columns_u64 / span;
    usize::try_from(at).unwrap_or(columns)
}

/// The axis with a time at every twelfth column.
fn axis(chart: &PlacementChart, columns: usize) -> String {
    let span = chart.to_ms().saturating_sub(chart.from_ms);
    let columns_u64 = u64::try_from(columns.max(1)).unwrap_or(1);
    let mut text = String::new();
    let mut at = 0_usize;
    while at + 9 <= columns {
        let ms = chart.from_ms + span * u64::try_from(at).unwrap_or(0) / columns_u64;
        let word = clock(ms, chart.from_ms);
        text.push_str(&format!("{word:<12}"));
        at += 12;
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Block, PlacementChart, PoolLine};
    use super::draw;
    use crate::render::{Page, Style};

    fn block(stage: &str, tasks: u32, from_h: u64, to_h: u64) -> Block {
        Block {
            stage: stage.to_owned(),
            tasks,
            start_ms: from_h * 3_600_000,
            end_ms: to_h * 3_600_000,
        }
    }

    #[test]
    fn a_placement_chart_shows_where_each_stage_goes_and_how_clean_it_is_there() {
        let day = |low: usize| -> Vec<f64> {
            (0..24)
                .map(|hour| if hour / 6 == low { 90.0 } else { 400.0 })
                .collect()
        };
        let chart = PlacementChart {
            from_ms: 0,
            step_ms: 3_600_000,
            pools: vec![
                PoolLine {
                    pool: "uni-oslo".to_owned(),
                    zone: "NO".to_owned(),
                    intensity_gco2e_per_kwh: day(1),
                    open: (0..24).map(|hour| hour < 18).collect(),
                    blocks: vec![block("search", 20, 6, 10), block("merge", 1, 10, 11)],
                },
                PoolLine {
                    pool: "DE".to_owned(),
                    zone: "DE".to_owned(),
                    intensity_gco2e_per_kwh: day(2),
                    open: vec![true; 24],
                    blocks: Vec::new(),
                },
            ],
            others: 3,
        };
        let mut page = Page::new(Style::new(false));
        draw(&mut page, &chart);
        insta::assert_snapshot!(page.finish());
    }
}
