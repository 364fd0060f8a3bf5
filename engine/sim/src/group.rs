//! Groups of equal tasks, the unit of the simulation.

use sunward_core::{Lease, Timestamp};

use crate::submission::Needs;

/// Tasks of one lease that started together and take equally long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) lease: Lease,
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) needs: Needs,
    pub(crate) started: Timestamp,
    pub(crate) ends: Timestamp,
}
