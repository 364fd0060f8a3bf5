//! Folds facts into a state.

use std::path::Path;

use sunward_core::{Capacity, Fact, PoolId, State, WorkerId, apply};

use crate::error::StateError;

/// A state that is being folded. The first contradiction stops it.
#[derive(Debug, Default)]
pub(crate) struct Folding {
    state: State,
    refused: Option<String>,
}

impl Folding {
    /// Starts from an earlier state.
    pub(crate) const fn onto(state: State) -> Self {
        Self {
            state,
            refused: None,
        }
    }

    /// Applies a fact of a run that is folded alone. Workers that joined before the run are unknown
    /// then: the holder of a lease counts as joined without resources, and a worker that leaves
    /// unknown is ignored.
    pub(crate) fn apply_alone(&mut self, fact: &Fact) {
        match fact {
            Fact::Leased { worker, .. } if !self.knows(*worker) => {
                self.apply(&Fact::WorkerJoined {
                    worker: *worker,
                    capacity: Capacity {
                        cpus: 0,
                        memory_bytes: 0,
                        gpus: 0,
                    },
                    pool: PoolId::default(),
                });
                self.apply(fact);
            }
            Fact::WorkerLost { worker } | Fact::WorkerCapacity { worker, .. }
                if !self.knows(*worker) => {}
            _ => self.apply(fact),
        }
    }

    fn knows(&self, worker: WorkerId) -> bool {
        self.state.workers().any(|(known, _)| known == worker)
    }

    pub(crate) fn apply(&mut self, fact: &Fact) {
        if self.refused.is_none()
            && let Err(why) = apply(&mut self.state, fact)
        {
            self.refused = Some(why.to_string());
        }
    }

    pub(crate) fn finish(self, path: &Path) -> Result<State, StateError> {
        match self.refused {
            None => Ok(self.state),
            Some(why) => Err(StateError::Inconsistent {
                path: path.to_path_buf(),
                why,
            }),
        }
    }
}
