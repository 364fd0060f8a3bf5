//! The metrics of a ranking, given as a list of flags.

/// The exponent of BEDROC: the first 8% of a ranking make up 80% of its score.
const ALPHA: f64 = 20.0;

/// The metrics; `None` if one is not defined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Metrics {
    pub(super) ef1: Option<f64>,
    pub(super) ef5: Option<f64>,
    pub(super) auc: Option<f64>,
    pub(super) bedroc20: Option<f64>,
}

impl Metrics {
    /// The metrics of rows in order, best first: whether each is active.
    pub(super) fn of(active: &[bool]) -> Self {
        let actives = count(active);
        let all = active.len();
        if actives == 0 {
            return Self::default();
        }
        let factor = |one_in: usize| {
            let first = all.div_ceil(one_in);
            let found = count(&active[..first]);
            Some(real(found) / real(first) * (real(all) / real(actives)))
        };
        let mixed = actives < all;
        Self {
            ef1: factor(100),
            ef5: factor(20),
            auc: mixed.then(|| auc(active, actives)),
            bedroc20: mixed.then(|| bedroc(active, actives)),
        }
    }
}

fn count(active: &[bool]) -> usize {
    active.iter().filter(|&&active| active).count()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rows that fit memory are far fewer than 2^53"
)]
fn real(count: usize) -> f64 {
    count as f64
}

/// The share of pairs of an active and an inactive row that are in the right order.
fn auc(active: &[bool], actives: usize) -> f64 {
    let (mut before, mut pairs) = (0_usize, 0.0);
    for &active in active {
        if active {
            before += 1;
        } else {
            pairs += real(before);
        }
    }
    pairs / (real(actives) * real(active.len() - actives))
}

/// Truchon & Bayly, equations 18 (RIE) and 36 (BEDROC with its bounds).
fn bedroc(active: &[bool], actives: usize) -> f64 {
    let all = real(active.len());
    let ratio = real(actives) / all;
    let sum: f64 = (1..)
        .zip(active)
        .filter(|(_, active)| **active)
        .map(|(rank, _)| (-ALPHA * real(rank) / all).exp())
        .sum();
    let by_chance = (1.0 - (-ALPHA).exp()) / ((ALPHA / all).exp_m1() * all);
    let rie = sum / (real(actives) * by_chance);
    let least = (1.0 - (ALPHA * ratio).exp()) / (ratio * (1.0 - ALPHA.exp()));
    let most = (1.0 - (-ALPHA * ratio).exp()) / (ratio * (1.0 - (-ALPHA).exp()));
    (rie - least) / (most - least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_and_the_worst_ranking_have_the_extreme_values() {
        let best: Vec<bool> = (0..200).map(|i| i < 10).collect();
        let worst: Vec<bool> = best.iter().rev().copied().collect();
        let (best, worst) = (Metrics::of(&best), Metrics::of(&worst));
        let near = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-12;
        assert_eq!((best.ef1, best.ef5), (Some(20.0), Some(20.0)));
        assert_eq!((worst.ef1, worst.ef5), (Some(0.0), Some(0.0)));
        assert_eq!((best.auc, worst.auc), (Some(1.0), Some(0.0)));
        assert!(near(best.bedroc20, 1.0) && near(worst.bedroc20, 0.0));
    }

    #[test]
    fn what_is_not_defined_is_nothing() {
        assert_eq!(Metrics::of(&[]), Metrics::default());
        assert_eq!(Metrics::of(&[false, false]), Metrics::default());
        let all = Metrics::of(&[true]);
        assert_eq!((all.ef1, all.ef5), (Some(1.0), Some(1.0)));
        assert_eq!((all.auc, all.bedroc20), (None, None));
    }
}
