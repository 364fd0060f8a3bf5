//! PCAPS (Lechowicz et al., arXiv 2502.09717): a stage starts once its grid is clean enough for its
//! importance; bottlenecks always start.
//!
//! A stage of relative importance `r` starts when the intensity is at most `gL + (1-g)U + (U - gL -
//! (1-g)U) (e^(gr) - 1) / (e^g - 1)`, where `L` and `U` are the least and greatest forecast of the
//! next 48 hours and `g = 0.5`.
//!
//! Adaptations: importance is the longest path behind a stage, relative to the longest among the
//! stages that may start now. (The paper uses the preference of a carbon-agnostic scheduler,
//! relative to the most preferred ready stage.) A deferred stage is planned for the first slot
//! whose forecast is clean enough, or for its last safe start. There is one region, its home, unless
//! the policy is told to go anywhere. On jobs of one stage and equal length it does not wait, as
//! published: each ready stage is then the most important one, so `r = 1` and the threshold is `U`.

use sunward_core::PoolId;
use sunward_core::place::Ask;

use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};

/// How far ahead the bounds `L` and `U` look.
const AHEAD_MS: u64 = 48 * 3_600_000;

/// The number of steps of importance in the table.
const STEPS: usize = 20;

/// `1000 (e^(r/2) - 1) / (e^(1/2) - 1)` for `r` from 0 to 1 in twentieths. It is a table because
/// powers of e differ between machines.
const CURVE_PERMILLE: [u64; STEPS + 1] = [
    0, 39, 79, 120, 162, 205, 249, 295, 341, 389, 438, 488, 539, 592, 646, 701, 758, 816, 876, 937,
    1000,
];

/// The policy PCAPS.
#[derive(Clone, Debug, Default)]
pub struct Pcaps {
    /// The importance of each ask, in twentieths.
    importance: Vec<usize>,
    /// By pool: the least and greatest forecast of the next 48 hours.
    bounds: Vec<(u64, u64)>,
    /// Whether a stage may go to any pool, or stays at its home.
    anywhere: bool,
}

impl Pcaps {
    /// PCAPS over all pools: `L` and `U` are the least and greatest forecast of any of them, and a
    /// stage starts in the cleanest one at the first moment at which one is clean enough.
    #[must_use]
    pub const fn anywhere() -> Self {
        Self {
            importance: Vec::new(),
            bounds: Vec::new(),
            anywhere: true,
        }
    }
}

impl Rule for Pcaps {
    fn begin(&mut self, view: &View<'_>) {
        let paths = paths(&view.problem.asks);
        let asks = &view.problem.asks;
        let is_ready = |ask: &Ask| ask.after.is_empty() && ask.ready_at <= view.problem.now;
        let ready = asks.iter().zip(&paths).filter(|(ask, _)| is_ready(ask));
        // Before anything is ready, importance is relative to all asks.
        let longest = ready.map(|(_, path)| *path).max();
        let longest = longest.or_else(|| paths.iter().copied().max());
        let longest = longest.unwrap_or(1).max(1);
        let steps = u64::try_from(STEPS).unwrap_or(1);
        let twentieths = paths.iter().map(|path| {
            let exact = u128::from(*path) * u128::from(steps) / u128::from(longest);
            usize::try_from(exact).unwrap_or(STEPS).min(STEPS)
        });
        self.importance = twentieths.collect();
        let pools = view.problem.fleet.iter();
        let bounds = pools.map(|(pool, _)| view.range(pool, view.problem.now.0, AHEAD_MS));
        self.bounds = bounds.collect();
    }

    fn pools(&self, _view: &View<'_>, turn: Turn<'_>) -> Vec<PoolId> {
        match self.anywhere {
            true => turn.ask.allowed.clone(),
            false => vec![turn.ask.home],
        }
    }

    fn rate(&self, view: &View<'_>, turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        let bounds = |pool: PoolId| self.bounds.get(pool.place()).copied();
        let (least, most) = match self.anywhere {
            true => {
                let all = turn.ask.allowed.iter().filter_map(|pool| bounds(*pool));
                all.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
            }
            false => bounds(spot.pool),
        }
        .unwrap_or_default();
        let importance = self.importance.get(turn.index).copied().unwrap_or(STEPS);
        let clean = view.intensity(spot.pool, spot.start_ms) <= threshold(least, most, importance);
        let is_last = spot.start_ms >= turn.latest_ms;
        let now = Spot {
            end_ms: spot.start_ms.saturating_add(1),
            ..spot
        };
        (clean || is_last).then(|| (spot.start_ms, view.window(now)))
    }
}

/// The highest intensity at which a stage of this importance starts, given the least and greatest
/// forecast.
fn threshold(least: u64, most: u64, importance: usize) -> u64 {
    let floor = u64::midpoint(least, most);
    let curve = CURVE_PERMILLE.get(importance).copied().unwrap_or(1000);
    floor + (most - floor) * curve / 1000
}

/// For each ask: the longest path from its start to the end of the last stage that depends on it.
fn paths(asks: &[Ask]) -> Vec<u64> {
    let mut behind = vec![0_u64; asks.len()];
    let mut paths = vec![0_u64; asks.len()];
    for (index, ask) in asks.iter().enumerate().rev() {
        let rounds = u64::from(ask.tasks.div_ceil(ask.width.max(1)).max(1));
        let own = ask.task_ms.max(1).saturating_mul(rounds);
        let path = behind.get(index).copied().unwrap_or(0).saturating_add(own);
        if let Some(known) = paths.get_mut(index) {
            *known = path;
        }
        for before in &ask.after {
            let place = usize::try_from(*before).unwrap_or(usize::MAX);
            if let Some(behind) = behind.get_mut(place) {
                *behind = (*behind).max(path);
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::{CURVE_PERMILLE, STEPS, threshold};

    #[test]
    fn the_written_curve_is_the_published_one() {
        for (step, permille) in CURVE_PERMILLE.iter().enumerate() {
            let r = step as f64 / STEPS as f64;
            let exact = 1000.0 * ((0.5 * r).exp() - 1.0) / (0.5_f64.exp() - 1.0);
            assert!((exact - *permille as f64).abs() < 1.0, "{step}: {exact}");
        }
    }

    #[test]
    fn a_bottleneck_runs_at_any_intensity_and_a_trifle_in_the_cleaner_half() {
        assert_eq!(threshold(100, 500, STEPS), 500);
        assert_eq!(threshold(100, 500, 0), 300);
    }
}
