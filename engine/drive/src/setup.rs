//! The inputs and the result of the loop.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sunward_core::{RunId, RunSpec, RunStatus, State};
use sunward_state::Journal;

use crate::clock::Clock;
use crate::demand::DemandFeed;
use crate::feed::ForecastFeed;
use crate::inbox::Inbox;
use crate::resolver::InputResolver;
use crate::transport::Transport;

/// The parts that the loop works with.
pub struct Setup {
    /// The state, held as its engine.
    pub journal: Box<dyn Journal>,
    /// The clock.
    pub clock: Box<dyn Clock>,
    /// The transport to workers.
    pub transport: Box<dyn Transport>,
    /// The resolver of slow questions.
    pub resolver: Arc<dyn InputResolver>,
    /// The forecast feed. Without one, nothing waits for clean power.
    pub feed: Option<Box<dyn ForecastFeed>>,
    /// What grid operators ask of pools. Without it, nothing restricts them.
    pub demand: Option<Box<dyn DemandFeed>>,
    /// The inbox.
    pub inbox: Inbox,
    /// Limits.
    pub limits: Limits,
}

/// Limits of the loop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Slow questions that are answered at once. Each reads files; a few of them keep a disk busy.
    pub questions: NonZeroUsize,
    /// The weight of facts (about one per task) that may wait for the journal's writer before the
    /// loop stops handling arrivals. It bounds memory if the disk is slower than the tasks.
    pub waiting_facts: usize,
    /// How often progress is reported.
    pub progress_every: Duration,
    /// How often other processes' requests are checked.
    pub requests_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            questions: NonZeroUsize::MIN.saturating_add(3),
            waiting_facts: 262_144,
            progress_every: Duration::from_millis(100),
            requests_every: Duration::from_millis(200),
        }
    }
}

/// What to drive.
#[derive(Clone, Debug)]
pub enum Start {
    /// A new run.
    Submit(Arc<RunSpec>),
    /// An unfinished run, with a spec of the same meaning.
    Resume {
        /// The run.
        run: RunId,
        /// Its new spec.
        spec: Arc<RunSpec>,
    },
    /// A finished run, whose failed and skipped stages run again.
    Retry {
        /// The run.
        run: RunId,
        /// A new spec of the same meaning, if anything in it has changed.
        spec: Option<Arc<RunSpec>>,
    },
}

/// The result of driving a run.
#[derive(Debug)]
pub struct Ended {
    /// The run.
    pub run: RunId,
    /// Its status.
    pub status: RunStatus,
    /// Its state.
    pub state: State,
}
