//! What the loop is given, and what it gives back.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sunward_core::{RunId, RunSpec, RunStatus, State};
use sunward_state::Journal;

use crate::clock::Clock;
use crate::feed::ForecastFeed;
use crate::inbox::Inbox;
use crate::resolver::InputResolver;
use crate::transport::Transport;

/// What the loop works with.
pub struct Setup {
    /// The state, held as its engine.
    pub journal: Box<dyn Journal>,
    /// The time.
    pub clock: Box<dyn Clock>,
    /// To the workers.
    pub transport: Box<dyn Transport>,
    /// Those who answer slow questions.
    pub resolver: Arc<dyn InputResolver>,
    /// Those who know of pools and grids; `None` where nobody does: then nothing waits for power.
    pub feed: Option<Box<dyn ForecastFeed>>,
    /// Where all arrives.
    pub inbox: Inbox,
    /// How much of everything.
    pub limits: Limits,
}

/// Named limits of the loop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Slow questions answered at once. Each reads files; a few keep a disk busy.
    pub questions: NonZeroUsize,
    /// Weight of facts (about one a task) that may wait for the journal's writer before the loop stops taking
    /// more in: bounds memory when the disk is slower than the tasks.
    pub waiting_facts: usize,
    /// How often an observer is told of progress.
    pub progress_every: Duration,
    /// How often other processes' requests are looked for.
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
    /// An unfinished run, under a spec of the same meaning.
    Resume {
        /// Which.
        run: RunId,
        /// What it is now.
        spec: Arc<RunSpec>,
    },
    /// What failed or was skipped in a finished run.
    Retry {
        /// Which.
        run: RunId,
        /// What of it is now said otherwise, in a spec of the same meaning.
        spec: Option<Arc<RunSpec>>,
    },
}

/// How driving ended.
#[derive(Debug)]
pub struct Ended {
    /// Which run.
    pub run: RunId,
    /// How it stands.
    pub status: RunStatus,
    /// All that is true of it.
    pub state: State,
}
