//! One line of the benchmark, in a unit that fits it.

use serde_json::{Value as Json, json};

/// The direction in which a figure is better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// Times and memory.
    Less,
    /// Rates.
    More,
}

/// A figure, its comparison, and its goal.
pub(crate) struct Figure {
    what: String,
    ours: f64,
    unit: &'static str,
    better: Better,
    rival: Option<(String, f64)>,
    goal: Option<(String, Option<bool>)>,
    note: Option<String>,
}

impl Figure {
    /// A figure for which less is better.
    pub(crate) fn cost(what: &str, ours: f64, unit: &'static str) -> Self {
        Self::new(what, ours, unit, Better::Less)
    }

    /// A figure for which more is better.
    pub(crate) fn rate(what: &str, ours: f64, unit: &'static str) -> Self {
        Self::new(what, ours, unit, Better::More)
    }

    fn new(what: &str, ours: f64, unit: &'static str, better: Better) -> Self {
        Self {
            what: what.to_owned(),
            ours,
            unit,
            better,
            rival: None,
            goal: None,
            note: None,
        }
    }

    /// Sets the figure of another tool in the same unit, if it was measured.
    pub(crate) fn beside(mut self, rival: &str, theirs: Option<f64>) -> Self {
        self.rival = theirs.map(|theirs| (rival.to_owned(), theirs));
        self
    }

    /// A goal in the figure's own unit.
    pub(crate) fn goal(mut self, limit: f64) -> Self {
        let (sign, held) = match self.better {
            Better::Less => ("<=", self.ours <= limit),
            Better::More => (">=", self.ours >= limit),
        };
        self.goal = Some((format!("{sign} {limit} {}", self.unit), Some(held)));
        self
    }

    /// A goal as a multiple of the rival's figure. Without that, it is neither held nor missed.
    pub(crate) fn goal_times(mut self, tool: &str, times: f64) -> Self {
        let held = self.ratio().map(|ratio| ratio >= times);
        self.goal = Some((format!(">= {times} x {tool}"), held));
        self
    }

    /// A goal in words.
    pub(crate) fn goal_told(mut self, goal: String, held: Option<bool>) -> Self {
        self.goal = Some((goal, held));
        self
    }

    /// A remark for the reader.
    pub(crate) fn note(mut self, note: String) -> Self {
        self.note = Some(note);
        self
    }

    /// How many times better it is than the rival.
    fn ratio(&self) -> Option<f64> {
        let theirs = self.rival.as_ref()?.1;
        Some(match self.better {
            Better::Less => theirs / self.ours,
            Better::More => self.ours / theirs,
        })
    }

    pub(crate) fn json(&self) -> Json {
        json!({
            "what": self.what,
            "ours": self.ours,
            "unit": self.unit,
            "rival": self.rival.as_ref().map(|rival| &rival.0),
            "theirs": self.rival.as_ref().map(|rival| rival.1),
            "ratio": self.ratio(),
            "goal": self.goal.as_ref().map(|goal| &goal.0),
            "held": self.goal.as_ref().and_then(|goal| goal.1),
            "note": self.note,
        })
    }
}
