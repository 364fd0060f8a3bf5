//! The placement chart: stages over the intensity of their regions. It is drawn in a terminal, as
//! SVG, and as an HTML page.

pub(crate) mod html;
pub(crate) mod svg;
pub(crate) mod terminal;

use serde::Serialize;
use sunward_core::place::{Outlook, Placement};
use sunward_core::{Fleet, PoolId, Timestamp};

/// All pools on one time axis.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlacementChart {
    /// The beginning of the axis, in milliseconds since the epoch.
    pub(crate) from_ms: u64,
    /// The length of one step of the axis, in milliseconds.
    pub(crate) step_ms: u64,
    /// The pools, first those with work.
    pub(crate) pools: Vec<PoolLine>,
    /// The number of pools that are not drawn. They have no work.
    pub(crate) others: usize,
}

/// One pool: the intensity of its grid over time, and its work.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PoolLine {
    pub(crate) pool: String,
    pub(crate) zone: String,
    /// Intensity at each step, in gCO2e/kWh, without PUE.
    pub(crate) intensity_gco2e_per_kwh: Vec<f64>,
    /// Whether the pool has any capacity, at each step.
    pub(crate) open: Vec<bool>,
    /// The work of the pool.
    pub(crate) blocks: Vec<Block>,
}

/// Tasks of one stage that begin together.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Block {
    pub(crate) stage: String,
    /// The number of tasks.
    pub(crate) tasks: u32,
    /// When they begin, in milliseconds since the epoch.
    pub(crate) start_ms: u64,
    /// When the last is expected to end, in milliseconds since the epoch.
    pub(crate) end_ms: u64,
}

/// The number of pools without work that are drawn too, the cleanest first. They show the
/// alternatives.
const IDLE_POOLS: usize = 5;

/// The axis extends beyond the last block by a half, so that a third of the chart shows whether
/// waiting longer would help.
const ROOM_BEHIND: u64 = 2;

/// The least time that is drawn before that extension: 16 hours, in milliseconds.
const LEAST_MS: u64 = 16 * 3_600_000;

/// The most steps that are drawn.
const STEPS: usize = 480;

impl PlacementChart {
    /// The chart of these placements, each with its stage's name. The outlook is the one with which
    /// they were decided.
    pub(crate) fn of(fleet: &Fleet, outlook: &Outlook, placed: &[(String, Placement)]) -> Self {
        let begin = outlook.issued_at.0 / outlook.slot_ms.max(1) * outlook.slot_ms;
        let last = placed
            .iter()
            .filter_map(|(_, placement)| placement.end())
            .map(|end| end.0)
            .max()
            .unwrap_or(begin);
        let used = last.saturating_sub(begin).max(LEAST_MS);
        let steps = (used + used / ROOM_BEHIND).div_ceil(outlook.slot_ms.max(1));
        let steps = usize::try_from(steps)
            .unwrap_or(STEPS)
            .min(outlook.slots())
            .min(STEPS);
        let mut lines: Vec<PoolLine> = fleet
            .iter()
            .map(|(id, pool)| PoolLine {
                pool: pool.name.clone(),
                zone: pool.zone.clone(),
                intensity_gco2e_per_kwh: intensity(outlook, &pool.zone, steps),
                open: open(outlook, id, steps),
                blocks: blocks(placed, id),
            })
            .collect();
        lines.sort_by(|one, other| {
            let mean = |line: &PoolLine| line.intensity_gco2e_per_kwh.iter().sum::<f64>();
            let first = |line: &PoolLine| line.blocks.iter().map(|block| block.start_ms).min();
            let idle = |line: &PoolLine| line.blocks.is_empty();
            (idle(one), first(one))
                .cmp(&(idle(other), first(other)))
                .then(mean(one).total_cmp(&mean(other)))
                .then(one.pool.cmp(&other.pool))
        });
        let busy = lines.iter().filter(|line| !line.blocks.is_empty()).count();
        let others = lines.len().saturating_sub(busy + IDLE_POOLS);
        lines.truncate(busy + IDLE_POOLS);
        Self {
            from_ms: begin,
            step_ms: outlook.slot_ms,
            pools: lines,
            others,
        }
    }

    /// The number of steps of the axis.
    pub(crate) fn steps(&self) -> usize {
        self.pools
            .iter()
            .map(|line| line.intensity_gco2e_per_kwh.len())
            .max()
            .unwrap_or(0)
    }

    /// The end of the axis, in milliseconds since the epoch.
    pub(crate) fn to_ms(&self) -> u64 {
        let steps = u64::try_from(self.steps()).unwrap_or(u64::MAX);
        self.from_ms
            .saturating_add(steps.saturating_mul(self.step_ms))
    }

    /// The least and greatest intensity in the chart.
    pub(crate) fn range(&self) -> (f64, f64) {
        let all = self
            .pools
            .iter()
            .flat_map(|line| line.intensity_gco2e_per_kwh.iter().copied());
        let (least, most) = all.fold((f64::INFINITY, 0.0_f64), |(least, most), one| {
            (least.min(one), most.max(one))
        });
        (least.min(most), most)
    }
}

fn intensity(outlook: &Outlook, zone: &str, steps: usize) -> Vec<f64> {
    outlook.zone(zone).map_or_else(Vec::new, |zone| {
        zone.intensity_mg_per_kwh
            .iter()
            .take(steps)
            .map(|mg| f64::from(*mg) / 1000.0)
            .collect()
    })
}

fn open(outlook: &Outlook, pool: PoolId, steps: usize) -> Vec<bool> {
    outlook.pool(pool).map_or_else(Vec::new, |pool| {
        pool.gpus
            .iter()
            .zip(&pool.cpus)
            .take(steps)
            .map(|(gpus, cpus)| gpus + cpus > 0)
            .collect()
    })
}

fn blocks(placed: &[(String, Placement)], pool: PoolId) -> Vec<Block> {
    let mut blocks: Vec<Block> = placed
        .iter()
        .flat_map(|(stage, placement)| {
            placement
                .segments
                .iter()
                .filter(move |segment| segment.pool == pool)
                .map(move |segment| Block {
                    stage: stage.clone(),
                    tasks: segment.tasks,
                    start_ms: segment.start.0,
                    end_ms: segment.end.0,
                })
        })
        .collect();
    blocks.sort_by_key(|block| (block.start_ms, block.end_ms));
    blocks
}

/// `22:15` or, on another day than `from`, `Tue 03:00`; UTC.
pub(crate) fn clock(at_ms: u64, from_ms: u64) -> String {
    let time = |ms: u64| {
        i64::try_from(ms)
            .ok()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .map(|at| at.to_zoned_datetime(jiff::tz::TimeZone::UTC))
    };
    match (time(at_ms), time(from_ms)) {
        (Some(at), Some(from)) if at.date() == from.date() => at.strftime("%H:%M").to_string(),
        (Some(at), _) => at.strftime("%a %H:%M").to_string(),
        (None, _) => crate::machine::shown(Timestamp(at_ms)),
    }
}
