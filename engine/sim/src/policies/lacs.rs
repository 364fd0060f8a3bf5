//! LACS (Bostandoost et al., e-Energy '24, arXiv 2404.15211): resources of a job of unknown length
//! are scaled by a threshold on the intensity now, without a forecast.
//!
//! From the paper: LACS extends ramp-on, ramp-off (RORO; Lechowicz et al., arXiv 2310.20598) to jobs
//! of unknown length, and combines a decision for the predicted length with one for the longest
//! length, which is robust. RORO continues a job while the intensity is at most
//! `phi(w) = U + (U / a - U) e^(w / a)`, where `w` is the share that is done, `L` and `U` bound the
//! intensity, and `a` is such that `phi(1) = L`. What is left at the deadline runs whatever it emits.
//!
//! Our reading, from what is public:
//! - Pauses cost nothing in this simulator, so the paper's switching cost is 0.
//! - The predicted length is the one that policies are told, and the longest is that of the longest
//!   job so far. Assuming a longer job means that less of it is done, so it runs in dirtier hours.
//!   The two numbers of tasks are averaged (rounded up).
//! - `L` and `U` are the least and greatest forecast of the next 48 hours, as for PCAPS here. (The
//!   paper takes them from history.)
//! - A server is a task of an array; only tasks begin and pause. A job of one task begins once the
//!   intensity is at most `phi(0)`, or at its last safe start.

use std::collections::BTreeMap;

use sunward_core::place::{Ask, AskId, Segment};

use super::online::{may_begin, now_and_last};
use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};

/// How far ahead the bounds `L` and `U` look.
const AHEAD_MS: u64 = 48 * 3_600_000;

/// One, in the millionths in which shares and powers of e are computed. Floating point is avoided,
/// because powers of e differ between machines.
const ONE: u64 = 1_000_000;

/// The policy LACS.
#[derive(Clone, Debug, Default)]
pub struct Lacs {
    /// By stage: its tasks when it was first seen.
    tasks: BTreeMap<AskId, u32>,
    /// The longest job so far: the milliseconds of all of its tasks together.
    longest_ms: u64,
}

impl Rule for Lacs {
    fn begin(&mut self, view: &View<'_>) {
        for ask in &view.problem.asks {
            let all = *self.tasks.entry(ask.id).or_insert(ask.tasks);
            self.longest_ms = self.longest_ms.max(work_ms(ask, all));
        }
    }

    fn rate(&self, _view: &View<'_>, _turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        Some((spot.start_ms, 0))
    }

    fn pieces(&self, view: &View<'_>, turn: Turn<'_>) -> Option<Vec<Segment>> {
        let ask = turn.ask;
        let all = self.tasks.get(&ask.id).copied().unwrap_or(ask.tasks);
        let intensity = view.intensity(ask.home, view.problem.now.0);
        let (least, most) = view.range(ask.home, view.problem.now.0, AHEAD_MS);
        let most_tasks = may_begin(view, turn);
        let begun = all.saturating_sub(ask.tasks);
        let assuming = |length_ms: u64| {
            let share = |number: u32| {
                let done = u128::from(work_ms(ask, number)) * u128::from(ONE);
                let share = done / u128::from(length_ms.max(1));
                u64::try_from(share).unwrap_or(ONE).min(ONE)
            };
            let goes_on = |more: &u32| threshold(least, most, share(begun + more)) >= intensity;
            let some = (0..most_tasks).take_while(goes_on).count();
            u32::try_from(some).unwrap_or(u32::MAX)
        };
        let predicted = assuming(work_ms(ask, all));
        let robust = assuming(self.longest_ms);
        now_and_last(view, turn, (predicted + robust).div_ceil(2))
    }
}

fn work_ms(ask: &Ask, tasks: u32) -> u64 {
    ask.task_ms.max(1).saturating_mul(tasks.into())
}

/// `phi`: the highest intensity at which a job continues of which this share is done, in millionths.
fn threshold(least: u64, most: u64, done: u64) -> u64 {
    if least >= most {
        return most;
    }
    let y = inverse_ratio(least, most);
    let falls = u128::from(ONE - y) * u128::from(exp(done * y / ONE)) / u128::from(ONE);
    let falls = u128::from(most) * falls / u128::from(ONE);
    most.saturating_sub(u64::try_from(falls).unwrap_or(most))
        .max(least)
}

/// `1 / a` in millionths: the `y` with `(1 - y) e^y = 1 - L / U`. The left side falls from 1 to 0.
fn inverse_ratio(least: u64, most: u64) -> u64 {
    let wanted = u128::from(most - least) * u128::from(ONE) / u128::from(most.max(1));
    let (mut low, mut high) = (0, ONE);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        let left = u128::from(ONE - middle) * u128::from(exp(middle)) / u128::from(ONE);
        if left >= wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// `e^x` for `x` from 0 to 1, in millionths, by its series.
fn exp(x: u64) -> u64 {
    let (mut sum, mut term) = (ONE, ONE);
    for n in 1..12 {
        term = term * x / ONE / n;
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{ONE, exp, inverse_ratio, threshold};

    fn share(x: f64) -> u64 {
        format!("{:.0}", x * 1e6).parse().unwrap()
    }

    #[test]
    fn powers_are_those_of_e() {
        for x in [0.0, 0.1, 0.5, 0.9, 1.0_f64] {
            let told = exp(share(x)) as f64 / 1e6;
            assert!((told - x.exp()).abs() < 2e-5, "{x}: {told}");
        }
    }

    #[test]
    fn the_threshold_falls_from_the_published_one_to_the_least() {
        // L / U = 0.2: a = 1 / (1 + W((0.2 - 1) / e)) = 1 / (1 - 0.4716).
        let y = inverse_ratio(100, 500) as f64 / 1e6;
        assert!(
            (y - 0.5284).abs() < 1e-4 && ((1.0 - y) * y.exp() - 0.8).abs() < 1e-4,
            "{y}"
        );
        let begins = threshold(100_000, 500_000, 0) as f64;
        assert!((begins - 500_000.0 * y).abs() < 2.0, "{begins}");
        let all: Vec<u64> = (0..=10)
            .map(|tenth| threshold(100_000, 500_000, tenth * ONE / 10))
            .collect();
        assert!(all.is_sorted_by(|one, next| one > next), "{all:?}");
        assert!(all[10].abs_diff(100_000) < 100, "{all:?}");
        assert_eq!(threshold(300, 300, ONE / 2), 300);
    }
}
