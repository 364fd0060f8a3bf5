//! Sums of emissions, apart by what the intensities count.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::basis::Basis;
use super::carbon::Carbon;

/// Emissions by basis. Those of one basis may be added, those of two may not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums(BTreeMap<Basis, Carbon>);

impl Sums {
    /// Adds emissions by intensities of a basis.
    pub fn add(&mut self, basis: Basis, carbon: Carbon) {
        *self.0.entry(basis).or_default() += carbon;
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        for (basis, carbon) in &other.0 {
            self.add(*basis, *carbon);
        }
    }

    /// Each basis with its emissions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (Basis, Carbon)> + '_ {
        self.0.iter().map(|(basis, carbon)| (*basis, *carbon))
    }

    /// The emissions if they have one basis, and 0 if there are none; `None` for several bases.
    #[must_use]
    pub fn single(&self) -> Option<Carbon> {
        (!self.is_mixed()).then(|| self.total())
    }

    /// Whether there are several bases.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.0.len() > 1
    }

    /// Whether no basis of one is missing from the other, or one of them is empty.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self.0.is_empty() || other.0.is_empty() || self.0.keys().eq(other.0.keys())
    }

    /// The sum over all bases. It says nothing if there are several.
    #[must_use]
    pub fn total(&self) -> Carbon {
        self.0.values().copied().sum()
    }
}
