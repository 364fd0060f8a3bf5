//! On what results were made.

use std::collections::BTreeMap;

use serde::Serialize;
use sunward_core::RanOn;

use crate::render::units::count;

/// So many results, made on one kind of device.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Made {
    /// What made them.
    pub(crate) on: RanOn,
    /// How many, those from the cache too.
    pub(crate) results: u32,
}

impl Made {
    /// All that made some, with how many each.
    pub(crate) fn all(counts: &BTreeMap<RanOn, u32>) -> Vec<Self> {
        let of = |(on, results): (&RanOn, &u32)| Self {
            on: on.clone(),
            results: *results,
        };
        counts.iter().map(of).collect()
    }
}

/// `cpu`, or each with how many where there are several; nothing where there is no result.
pub(crate) fn made_on(all: &[Made]) -> Option<String> {
    match all {
        [] => None,
        [one] => Some(one.on.to_string()),
        several => {
            let parts = several
                .iter()
                .map(|one| format!("{} ({})", one.on, count(one.results.into())));
            Some(parts.collect::<Vec<_>>().join(", "))
        }
    }
}
