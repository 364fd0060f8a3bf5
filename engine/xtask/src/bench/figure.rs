//! One measured figure, and the statistics of several runs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One line of the benchmark.
#[derive(Serialize, Deserialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// Sunward's median, in `unit`.
    pub(crate) ours: f64,
    /// The unit of both medians.
    pub(crate) unit: Cow<'static, str>,
    /// The tool or method that it is compared with; `None` if no other was available.
    pub(crate) rival: Option<String>,
    /// The median of `rival`, in the same unit.
    pub(crate) theirs: Option<f64>,
    /// How many times better Sunward is. Above 1 is better, whatever the unit.
    pub(crate) ratio: Option<f64>,
    /// The goal, in words; `None` if there is none.
    pub(crate) goal: Option<Cow<'static, str>>,
    /// Whether the goal is reached; `None` if the benchmark cannot decide that.
    pub(crate) held: Option<bool>,
    /// A remark for the reader.
    pub(crate) note: Option<String>,
}

impl Figure {
    /// A figure where more is better, such as tasks per second.
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
            unit: unit.into(),
            rival: rival.map(|(name, _)| name.into()),
            theirs: rival.map(|(_, theirs)| theirs),
            ratio: rival.map(|(_, theirs)| ours / theirs),
            goal: Some(goal.into()),
            held: None,
            note: None,
        }
    }

    /// A figure where less is better, such as seconds.
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

    /// The figure as one line of a table.
    pub(crate) fn line(&self) -> String {
        let beside = match (&self.rival, self.theirs, self.ratio) {
            (Some(rival), Some(theirs), Some(ratio)) => {
                format!("{rival} {}  ratio {}", digits(theirs), digits(ratio))
            }
            _ => "no rival measured".into(),
        };
        let held = match self.held {
            Some(true) => ": held",
            Some(false) => ": MISSED",
            None => "",
        };
        let goal = self
            .goal
            .as_deref()
            .map_or(String::new(), |goal| format!("  (goal: {goal}{held})"));
        let note = self
            .note
            .as_deref()
            .map_or(String::new(), |note| format!("  [{note}]"));
        format!(
            "{:<48} {:>10} {:<13} {beside}{goal}{note}",
            self.what,
            digits(self.ours),
            self.unit
        )
    }
}

/// A number with four significant digits, never in scientific notation.
fn digits(value: f64) -> String {
    let places = [1000.0, 100.0, 10.0, 1.0, 0.1, 0.01, 0.001];
    let decimals = places
        .iter()
        .take_while(|&&place| value.abs() < place)
        .count();
    format!("{value:.decimals$}")
}

/// The median of some measurements; 0 if there are none.
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
    fn a_line_has_digits_that_count_and_says_whether_the_goal_is_held() {
        let mut figure = Figure::cost(
            "vina",
            "us a pose",
            6.1421,
            Some(("NumPy", 1452.6)),
            "<= 60",
        );
        figure.held = Some(true);
        let line = figure.line();
        assert!(line.contains(" 6.142 us a pose"), "{line}");
        assert!(
            line.contains("NumPy 1453  ratio 236.5  (goal: <= 60: held)"),
            "{line}"
        );
        figure.held = Some(false);
        figure.ours = 0.000_012_34;
        assert!(figure.line().contains(" 0.0000123 us"), "{}", figure.line());
        assert!(figure.line().contains("MISSED"));
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
