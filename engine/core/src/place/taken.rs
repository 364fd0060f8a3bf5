//! An amount of a pool's capacity.

use serde::{Deserialize, Serialize};

/// An amount of one pool's capacity in one slot: taken, or still free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// GPUs.
    pub gpus: u32,
    /// Processor cores.
    pub cpus: u32,
    /// Power, in milliwatts.
    pub milliwatts: u64,
}

impl Taken {
    pub(super) fn less(&mut self, other: Self) {
        self.gpus = self.gpus.saturating_sub(other.gpus);
        self.cpus = self.cpus.saturating_sub(other.cpus);
        self.milliwatts = self.milliwatts.saturating_sub(other.milliwatts);
    }

    pub(super) fn least(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.min(other.gpus),
            cpus: self.cpus.min(other.cpus),
            milliwatts: self.milliwatts.min(other.milliwatts),
        }
    }
}
