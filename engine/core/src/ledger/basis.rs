//! What an intensity counts. Figures that count different things are never added.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// What an intensity counts, apart from whether it is an average.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Basis {
    /// The emissions of a plant that count.
    pub factors: Factors,
    /// The power that counts.
    pub flow: Flow,
}

/// The emissions of a plant that count.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Factors {
    /// The source does not say.
    #[default]
    Unstated,
    /// Those of building, fueling and running it.
    LifeCycle,
    /// Those of combustion while it runs.
    Direct,
}

/// The power of a zone that counts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// The source does not say.
    #[default]
    Unstated,
    /// What the zone uses: imports count, exports do not.
    Consumption,
    /// What the plants of the zone generate.
    Generation,
}

/// Who publishes the figures of one zone, and what they count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// The zone, named as in the fleet.
    pub zone: String,
    /// The provider, such as `uk`, or `trace` for a recorded grid.
    pub provider: String,
    /// What its figures count.
    pub basis: Basis,
    /// When the provider published its newest forecast, if it publishes one.
    pub published: Option<Timestamp>,
}

impl Signal {
    /// The figures of a recorded grid.
    #[must_use]
    pub fn recorded(zone: &str, basis: Basis) -> Self {
        Self {
            zone: zone.to_owned(),
            provider: "trace".to_owned(),
            basis,
            published: None,
        }
    }
}

impl Basis {
    /// The basis that is written so, as [`Display`](fmt::Display) writes it.
    #[must_use]
    pub fn of_words(words: &str) -> Option<Self> {
        Self::stated().find(|basis| basis.to_string() == words)
    }

    /// Every basis that states something.
    pub fn stated() -> impl Iterator<Item = Self> {
        let flows = [Flow::Consumption, Flow::Generation, Flow::Unstated];
        let all = [Factors::LifeCycle, Factors::Direct, Factors::Unstated].into_iter();
        let all = all.flat_map(move |factors| flows.map(|flow| Self { factors, flow }));
        all.filter(|basis| *basis != Self::default())
    }
}

impl Factors {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unstated => "not stated",
            Self::LifeCycle => "life-cycle",
            Self::Direct => "direct",
        }
    }
}

impl Flow {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unstated => "not stated",
            Self::Consumption => "consumption",
            Self::Generation => "generation",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.factors, self.flow) {
            (Factors::Unstated, Flow::Unstated) => f.write_str("basis not stated"),
            (factors, Flow::Unstated) => write!(f, "{} emissions", factors.word()),
            (Factors::Unstated, flow) => write!(f, "of {}", flow.word()),
            (factors, flow) => write!(f, "{} emissions of {}", factors.word(), flow.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Basis;

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(Basis::stated().count(), 8);
        for basis in Basis::stated() {
            assert_eq!(Basis::of_words(&basis.to_string()), Some(basis));
        }
        assert_eq!(Basis::of_words("basis not stated"), None);
    }
}
