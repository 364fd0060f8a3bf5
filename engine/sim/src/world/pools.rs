//! The pools of a world. Faults, owners and opening hours change their open capacity.

use std::sync::Arc;

use sunward_core::{Capacity, Input, PoolId, WorkerId};

use super::World;
use super::event::Event;
use super::worker::Worker;
use crate::capacity::Open;
use crate::scenario::FaultKind;
use crate::setup::SimError;

/// Memory of a pool's worker: unlimited, since fleets state none.
const MEMORY_BYTES: u64 = 1 << 50;

impl World {
    pub(super) fn fault(&mut self, at: usize, begins: bool) -> Result<(), SimError> {
        let Some(fault) = self.setup.scenario.faults.get(at).cloned() else {
            return Ok(());
        };
        match fault.kind {
            FaultKind::Lost(pool) => {
                self.lose(pool.place(), begins)?;
                self.look()
            }
            FaultKind::OwnerBack {
                pool,
                gpus,
                cpus,
                notice_ms,
            } => {
                let cap = (pool, Open { gpus, cpus });
                if begins {
                    self.caps.push(cap);
                } else if let Some(at) = self.caps.iter().position(|one| *one == cap) {
                    self.caps.remove(at);
                }
                self.change(pool, notice_ms)?;
                self.look()
            }
            FaultKind::Curtailed { .. } => self.ask_pools(),
            // These faults are applied by the feed.
            FaultKind::ProviderDown(_) | FaultKind::ForecastError { .. } => Ok(()),
        }
    }

    /// Tells the core what grid operators have asked of pools until now.
    pub(super) fn ask_pools(&mut self) -> Result<(), SimError> {
        let curtailments = Arc::new(self.setup.scenario.asked_by(self.now));
        self.give(Input::Curtailments { curtailments })
    }

    pub(super) fn lose(&mut self, pool: usize, begins: bool) -> Result<(), SimError> {
        let Some(lost) = self.lost.get_mut(pool) else {
            return Ok(());
        };
        if !begins {
            *lost = lost.saturating_sub(1);
            return if *lost == 0 { self.join(pool) } else { Ok(()) };
        }
        *lost += 1;
        if *lost > 1 {
            return Ok(());
        }
        let gone = self.workers.get_mut(pool).map(Worker::lose);
        for group in gone.unwrap_or_default() {
            self.meter(pool, &group);
        }
        self.give(Input::WorkerLost {
            worker: worker_of(pool),
        })
    }

    /// A pool's open capacity now, by its rules and its owners' limits.
    pub(super) fn open(&self, pool: PoolId) -> Open {
        let rule = self.rules.get(pool.place()).copied().unwrap_or_default();
        self.caps
            .iter()
            .filter(|(of, _)| *of == pool)
            .fold(rule, |open, (_, cap)| Open {
                gpus: open.gpus.min(cap.gpus),
                cpus: open.cpus.min(cap.cpus),
            })
    }

    pub(super) fn join(&mut self, pool: usize) -> Result<(), SimError> {
        let id = PoolId(u32::try_from(pool).unwrap_or(u32::MAX));
        let open = self.open(id);
        if let Some(worker) = self.workers.get_mut(pool) {
            worker.set_open(open);
        }
        self.give(Input::WorkerJoined {
            worker: worker_of(pool),
            capacity: capacity(open),
            pool: id,
        })
    }

    /// Updates a pool whose open capacity may have changed.
    pub(super) fn change(&mut self, pool: PoolId, notice_ms: u64) -> Result<(), SimError> {
        let open = self.open(pool);
        let at = pool.place();
        let gone = self.lost.get(at).is_some_and(|lost| *lost > 0);
        let Some(worker) = self.workers.get_mut(at) else {
            return Ok(());
        };
        if gone || worker.open() == open {
            return Ok(());
        }
        self.tally.open_until(at, worker.open(), self.now);
        worker.set_open(open);
        self.freed.insert(at);
        let taken = worker.taken();
        if taken.gpus > open.gpus || taken.cpus > open.cpus {
            self.put(self.now.after_ms(notice_ms), Event::Evict { pool: at });
        }
        self.give(Input::WorkerCapacity {
            worker: worker_of(at),
            capacity: capacity(open),
        })
    }
}

/// The id of a pool's worker.
pub(super) fn worker_of(pool: usize) -> WorkerId {
    WorkerId(u32::try_from(pool).unwrap_or(u32::MAX).saturating_add(1))
}

/// The pool of a worker.
pub(super) fn pool_of(worker: WorkerId) -> usize {
    usize::try_from(worker.0.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// Open capacity in the terms of the core.
pub(super) fn capacity(open: Open) -> Capacity {
    Capacity {
        cpus: open.cpus,
        memory_bytes: MEMORY_BYTES,
        gpus: open.gpus,
    }
}
