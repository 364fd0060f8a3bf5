//! One measured figure, and how runs become one.

use serde::Serialize;

/// One line of the benchmark.
#[derive(Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// Our median, in `unit`.
    pub(crate) ours: f64,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// Who it is measured against; none where no rival was at hand.
    pub(crate) rival: Option<String>,
    /// Their median, in the same unit.
    pub(crate) theirs: Option<f64>,
    /// How many times better we are (above 1 is better, whatever the unit).
    pub(crate) ratio: Option<f64>,
    /// What we set out to reach.
    pub(crate) goal: &'static str,
}

impl Figure {
    /// A figure where more is better, as tasks a second.
    pub(crate) fn rate(
        what: &str,
        unit: &'static str,
        ours: f64,
        rival: Option<(&str, f64)>,
        goal: &'static str,
    ) -> Self {
        Self {
            what: what.into(),
            ours,
            unit,
            rival: rival.map(|(name, _)| name.into()),
            theirs: rival.map(|(_, theirs)| theirs),
            ratio: rival.map(|(_, theirs)| ours / theirs),
            goal,
        }
    }

    /// A figure where less is better, as seconds.
    pub(crate) fn cost(
        what: &str,
        unit: &'static str,
        ours: f64,
        rival: Option<(&str, f64)>,
        goal: &'static str,
    ) -> Self {
        let mut figure = Self::rate(what, unit, ours, rival, goal);
        figure.ratio = rival.map(|(_, theirs)| theirs / ours);
        figure
    }

    /// As one line of a table.
    pub(crate) fn line(&self) -> String {
        let beside = match (&self.rival, self.theirs, self.ratio) {
            (Some(rival), Some(theirs), Some(ratio)) => {
                format!("{rival} {theirs:.4}  ratio {ratio:.2}")
            }
            _ => "no rival measured".into(),
        };
        format!(
            "{:<44} {:>12.4} {:<10} {beside}  (goal: {})",
            self.what, self.ours, self.unit, self.goal
        )
    }
}

/// The middle of some measurements; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_better_whatever_the_unit() {
        assert_eq!(
            Figure::rate("a", "tasks/s", 4.0, Some(("b", 2.0)), "").ratio,
            Some(2.0)
        );
        assert_eq!(
            Figure::cost("a", "s", 2.0, Some(("b", 4.0)), "").ratio,
            Some(2.0)
        );
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
