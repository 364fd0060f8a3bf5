//! What a stage's attempts took, summed in integers.

use serde::{Deserialize, Serialize};

use crate::attempt::AttemptStatus;
use crate::input::Energy;

/// Sums over the attempts of a stage; failed and stopped ones count too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Attempts that ended with an outcome.
    pub attempts: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Attempts of which nothing was heard again.
    pub lost_attempts: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// Energy read from meters, in millijoules.
    pub measured_millijoules: u64,
    /// Energy by the model, in millijoules.
    pub modelled_millijoules: u64,
    /// Attempts whose energy is not known.
    pub missing_energy: u64,
    /// When the first attempt began, milliseconds since the epoch; 0 when there was none.
    pub first_started_ms: u64,
    /// When the last attempt ended, milliseconds since the epoch.
    pub last_ended_ms: u64,
}

/// What one attempt took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) started_ms: u64,
    pub(crate) wall_us: u64,
    pub(crate) cpu_us: u64,
    pub(crate) energy: Energy,
}

/// One attempt that ended with an outcome, for timelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The task.
    pub index: u32,
    /// Its lease.
    pub generation: u32,
    /// How it ended.
    pub status: AttemptStatus,
    /// When it began, milliseconds since the epoch.
    pub started_ms: u64,
    /// How long it took, in microseconds.
    pub wall_us: u64,
}

impl Ledger {
    /// Adds one attempt.
    pub(crate) fn add(&mut self, spent: Spent) {
        self.attempts += 1;
        self.wall_us = self.wall_us.saturating_add(spent.wall_us);
        self.cpu_us = self.cpu_us.saturating_add(spent.cpu_us);
        match spent.energy {
            Energy::Measured { millijoules } => {
                self.measured_millijoules = self.measured_millijoules.saturating_add(millijoules);
            }
            Energy::Modelled { millijoules } => {
                self.modelled_millijoules = self.modelled_millijoules.saturating_add(millijoules);
            }
            Energy::Missing => self.missing_energy += 1,
        }
        if self.first_started_ms == 0 || spent.started_ms < self.first_started_ms {
            self.first_started_ms = spent.started_ms;
        }
        let ended_ms = spent
            .started_ms
            .saturating_add(spent.wall_us.div_ceil(1000));
        self.last_ended_ms = self.last_ended_ms.max(ended_ms);
    }

    /// Adds another stage's sums.
    pub fn merge(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.failed_attempts += other.failed_attempts;
        self.lost_attempts += other.lost_attempts;
        self.wall_us = self.wall_us.saturating_add(other.wall_us);
        self.cpu_us = self.cpu_us.saturating_add(other.cpu_us);
        self.measured_millijoules = self
            .measured_millijoules
            .saturating_add(other.measured_millijoules);
        self.modelled_millijoules = self
            .modelled_millijoules
            .saturating_add(other.modelled_millijoules);
        self.missing_energy += other.missing_energy;
        if other.attempts > 0
            && (self.first_started_ms == 0 || other.first_started_ms < self.first_started_ms)
        {
            self.first_started_ms = other.first_started_ms;
        }
        self.last_ended_ms = self.last_ended_ms.max(other.last_ended_ms);
    }

    /// Mean wall time of an attempt in microseconds, once one ended.
    pub(crate) fn mean_us(&self) -> Option<u64> {
        self.wall_us.checked_div(self.attempts)
    }
}
