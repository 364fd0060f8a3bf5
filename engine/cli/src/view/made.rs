//! The devices on which results were made.

use std::collections::BTreeMap;

use serde::Serialize;
use sunward_core::RanOn;

use crate::render::units::count;

/// The number of results that one kind of device made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Made {
    /// The device.
    pub(crate) on: RanOn,
    /// The number of results, including those from the cache.
    pub(crate) results: u32,
}

impl Made {
    /// All devices that made results.
    pub(crate) fn all(counts: &BTreeMap<RanOn, u32>) -> Vec<Self> {
        let of = |(on, results): (&RanOn, &u32)| Self {
            on: on.clone(),
            results: *results,
        };
        counts.iter().map(of).collect()
    }
}

/// As in `cpu`, or each device with its number if there are several. `None` without results.
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
