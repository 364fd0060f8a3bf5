//! The lists of stages with something to do next, and which of them a stage is on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{RunId, StageId, Timestamp};
use crate::place::{Segment, Taken};
use crate::pool::PoolId;

/// A set of workers to which tasks are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// Offered in this pool only; `None` offers to every worker.
    pub(crate) pool: Option<PoolId>,
    /// Whether the tasks ask for devices.
    pub(crate) gpus: bool,
    /// Whether the tasks get files one by one. They come first, so that what is begun is finished
    /// before more is begun.
    pub(crate) follows: bool,
}

impl Lane {
    /// All lanes of such stages, in the order in which they are offered.
    pub(crate) const ANYWHERE: [Self; 4] = [
        Self::anywhere(true, true),
        Self::anywhere(false, true),
        Self::anywhere(true, false),
        Self::anywhere(false, false),
    ];

    /// The lane of stages that no placement puts anywhere.
    pub(crate) const fn anywhere(gpus: bool, follows: bool) -> Self {
        Self {
            pool: None,
            gpus,
            follows,
        }
    }
}

/// Stages with tasks to lease, by lane.
pub(crate) type Lanes = BTreeMap<Lane, BTreeSet<(RunId, StageId)>>;

/// The lists that a stage is on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(super) lanes: Vec<Lane>,
    pub(super) start: Option<Timestamp>,
    pub(super) wanted: bool,
    pub(super) movable: bool,
    pub(super) held: Vec<Segment>,
    pub(super) each: Taken,
}

impl Listing {
    /// Whether the stage is part of the next problem.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// The moment at which the stage's reservations are expected to end.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.held.iter().map(|segment| segment.end).max()
    }
}
