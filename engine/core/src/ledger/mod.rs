//! What attempts used, in integers: energy by place and time, and the carbon derived from it.
//!
//! Energy is metered once and never changes, but intensities become more certain with time. So a
//! [`Ledger`] holds only energy, by pool and quarter of an hour, and [`Intensities`] holds what is
//! known of the grids. An [`Account`] is derived from both whenever it is needed, so better
//! intensities need no correction of records.

mod account;
mod basis;
mod budget;
mod carbon;
mod intensities;
mod quarters;
mod rows;
mod sums;
mod supply;
mod transfer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use account::Account;
pub use basis::{Basis, Factors, Flow, Signal};
pub use budget::{Budgeted, Overrun};
pub use carbon::Carbon;
pub use intensities::{Actuals, Certainty, Figure, Intensities, Known, Source};
pub use quarters::{QUARTER_MS, Quarter, Quarters, split};
pub use rows::{EnergySource, HomeRow, Meter, Priced, Rows, TransferRow, UseRow, rows};
pub use sums::Sums;
pub use transfer::Transfer;

use crate::attempt::AttemptStatus;
use crate::energy::Energy;
use crate::ids::Timestamp;
use crate::pool::PoolId;
use crate::ran_on::RanOn;

/// Sums over the attempts of a stage, failed and stopped ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The number of attempts that ended with an outcome.
    pub attempts: u64,
    /// The number of attempts that failed.
    pub failed_attempts: u64,
    /// The number of attempts that ended without an outcome because they were lost, or that were
    /// preempted.
    pub lost_attempts: u64,
    /// Wall time of all attempts, in microseconds.
    pub wall_us: u64,
    /// Processor time of all attempts, in microseconds.
    pub cpu_us: u64,
    /// Energy read from meters, in millijoules.
    pub measured_millijoules: u64,
    /// Energy computed by the model, in millijoules.
    pub modelled_millijoules: u64,
    /// The number of attempts whose energy is unknown.
    pub missing_energy: u64,
    /// The start of the first attempt, in milliseconds since the epoch; 0 if there was none.
    pub first_started_ms: u64,
    /// The end of the last attempt, in milliseconds since the epoch; 0 if there was none.
    pub last_ended_ms: u64,
    /// The part of the energy that failed and stopped attempts used, in millijoules. An attempt that
    /// made way or was paused is not among them if its task continues from a checkpoint.
    pub failed_millijoules: u64,
    /// The energy by pool and quarter of an hour.
    pub quarters: Quarters,
    /// The counterfactual: the same energy at home, in a run that begins when this one was submitted
    /// and waits for nothing.
    pub at_home: Quarters,
    /// Transfers of inputs between pools.
    pub transfers: Vec<Transfer>,
    /// Device time by pool, summed over devices, in milliseconds.
    pub gpu_ms: BTreeMap<PoolId, u64>,
    /// The number of attempts that held no device. What making their machines emitted is unknown.
    pub attempts_without_gpu: u64,
}

/// What one attempt used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) started_ms: u64,
    pub(crate) wall_us: u64,
    pub(crate) cpu_us: u64,
    pub(crate) energy: Energy,
}

/// One attempt that ended with an outcome, for timelines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The index of the task.
    pub index: u32,
    /// The generation of its lease.
    pub generation: u32,
    /// How the attempt ended.
    pub status: AttemptStatus,
    /// The start of the attempt, in milliseconds since the epoch.
    pub started_ms: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// The kind of device that it ran on; `None` if it ended before it ran.
    pub ran_on: Option<RanOn>,
}

impl Ledger {
    /// All known energy, in millijoules.
    #[must_use]
    pub const fn millijoules(&self) -> u64 {
        self.measured_millijoules
            .saturating_add(self.modelled_millijoules)
    }

    /// Records in which pool, and on how many GPUs each, `count` equal attempts used their energy.
    pub(crate) fn locate(&mut self, spent: Spent, count: u64, (pool, gpus): (PoolId, u32)) {
        let held_ms = (spent.wall_us / 1000)
            .saturating_mul(u64::from(gpus))
            .saturating_mul(count);
        if gpus > 0 {
            let sum = self.gpu_ms.entry(pool).or_default();
            *sum = sum.saturating_add(held_ms);
        } else {
            self.attempts_without_gpu = self.attempts_without_gpu.saturating_add(count);
        }
        let began = Timestamp(spent.started_ms);
        for millijoules in spent.energy.parts().into_iter().flatten() {
            self.quarters
                .add(pool, began, spent.wall_us, millijoules, count);
        }
    }

    /// Records where and when they would have used it at home.
    pub(crate) fn locate_at_home(
        &mut self,
        spent: Spent,
        count: u64,
        (home, began): (PoolId, Timestamp),
    ) {
        if let Some(millijoules) = spent.energy.millijoules() {
            self.at_home
                .add(home, began, spent.wall_us, millijoules, count);
        }
    }

    /// Counts the energy of an attempt as used by a failed one.
    pub(crate) const fn waste(&mut self, spent: Spent) {
        if let Some(millijoules) = spent.energy.millijoules() {
            self.failed_millijoules = self.failed_millijoules.saturating_add(millijoules);
        }
    }

    /// Adds one attempt to the sums.
    pub(crate) fn add(&mut self, spent: Spent) {
        self.attempts += 1;
        self.wall_us = self.wall_us.saturating_add(spent.wall_us);
        self.cpu_us = self.cpu_us.saturating_add(spent.cpu_us);
        match spent.energy.by_source() {
            Some((measured, modelled)) => {
                self.measured_millijoules = self.measured_millijoules.saturating_add(measured);
                self.modelled_millijoules = self.modelled_millijoules.saturating_add(modelled);
            }
            None => self.missing_energy += 1,
        }
        if self.first_started_ms == 0 || spent.started_ms < self.first_started_ms {
            self.first_started_ms = spent.started_ms;
        }
        let ended = Timestamp(spent.started_ms).after_us(spent.wall_us);
        self.last_ended_ms = self.last_ended_ms.max(ended.0);
    }

    /// Adds the sums of another ledger.
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
        self.failed_millijoules = self
            .failed_millijoules
            .saturating_add(other.failed_millijoules);
        self.quarters.merge(&other.quarters);
        self.at_home.merge(&other.at_home);
        self.transfers.extend_from_slice(&other.transfers);
        self.attempts_without_gpu = self
            .attempts_without_gpu
            .saturating_add(other.attempts_without_gpu);
        for (pool, gpu_ms) in &other.gpu_ms {
            let sum = self.gpu_ms.entry(*pool).or_default();
            *sum = sum.saturating_add(*gpu_ms);
        }
        if other.attempts > 0
            && (self.first_started_ms == 0 || other.first_started_ms < self.first_started_ms)
        {
            self.first_started_ms = other.first_started_ms;
        }
        self.last_ended_ms = self.last_ended_ms.max(other.last_ended_ms);
    }

    /// The mean wall time of an attempt in microseconds, once one has ended.
    pub(crate) fn mean_us(&self) -> Option<u64> {
        self.wall_us.checked_div(self.attempts)
    }
}
