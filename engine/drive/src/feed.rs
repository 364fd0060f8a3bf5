//! Those who know of pools and grids, asked on a thread of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use sunward_core::place::Outlook;
use sunward_core::{Actuals, Fleet, Timestamp};

use crate::clock::Clock;
use crate::error::DriveError;
use crate::inbox::{Arrival, Line};

/// Knows the pools, and what is known of their grids at a moment.
pub trait ForecastFeed: Send {
    /// The pools; the same for as long as it lives.
    fn fleet(&self) -> Arc<Fleet>;

    /// All that is known now. It may take as long as a provider takes to answer, and must end.
    ///
    /// # Errors
    /// A sentence for the user: who did not answer, and what to do.
    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String>;

    /// What was measured in the zones of its pools from a moment on, as far as is known now; asked after
    /// each look. In the ledger it replaces what was foreseen. A feed that knows none says nothing.
    fn measured(&self, since: Timestamp, now: Timestamp) -> Vec<Actuals> {
        let _ = (since, now);
        Vec::new()
    }

    /// When to look again.
    fn next_look(&self, now: Timestamp) -> Timestamp;
}

/// How long until a thread that is gone is tried again, in milliseconds: as good as never.
const LOST_MS: u64 = 365 * 24 * 3_600_000;

/// How far back what was measured is asked for at the first look, in milliseconds: a day, so that what
/// ran before an interruption is restated too.
const FIRST_MS: u64 = 24 * 3_600_000;

/// How late figures may be published or corrected, in milliseconds: those hours are asked for again.
const LATE_MS: u64 = 6 * 3_600_000;

/// What the feed answered.
#[derive(Debug)]
pub(crate) struct Seen {
    /// All that is known, or why it is not.
    pub(crate) outlook: Result<Arc<Outlook>, String>,
    /// What was measured meanwhile.
    pub(crate) measured: Vec<Actuals>,
    /// When to look again.
    pub(crate) next: Timestamp,
}

/// The thread that looks, and when it is to look again.
pub(crate) struct Watch {
    fleet: Arc<Fleet>,
    looks: Sender<Timestamp>,
    /// `None` while it looks.
    next: Option<Timestamp>,
    /// The last look failed.
    clouded: bool,
}

/// What a look changes.
pub(crate) struct News {
    /// What is known now.
    pub(crate) outlook: Option<Arc<Outlook>>,
    /// A line for the user, when the feed fails or answers again.
    pub(crate) notice: Option<String>,
}

impl Watch {
    /// Starts the thread, which looks at once; what it sees arrives as [`Arrival::Seen`].
    pub(crate) fn start(
        feed: Box<dyn ForecastFeed>,
        now: Timestamp,
        line: Line,
    ) -> Result<Self, DriveError> {
        let (looks, receiver) = channel();
        let fleet = feed.fleet();
        let mut watch = Self {
            fleet,
            looks,
            next: Some(now),
            clouded: false,
        };
        // It is not waited for: a provider may take its time to answer, and nobody needs it then.
        std::thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || serve(feed, &receiver, &line))
            .map_err(|source| DriveError::Thread {
                purpose: "that asks for the grid's signals",
                source,
            })?;
        watch.look_if_due(now);
        Ok(watch)
    }

    /// The pools.
    pub(crate) fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet)
    }

    /// Takes in what was seen. Where nothing was, what was known last stays in force, flagged.
    pub(crate) fn take(&mut self, seen: Seen, known: Option<&Outlook>) -> News {
        self.next = Some(seen.next);
        let was_clouded = self.clouded;
        self.clouded = seen.outlook.is_err();
        match seen.outlook {
            Ok(outlook) => News {
                outlook: Some(outlook),
                notice: was_clouded.then(|| "the grid's signals are there again".to_owned()),
            },
            Err(_) if was_clouded => News {
                outlook: None,
                notice: None,
            },
            Err(why) => {
                let (stale, meanwhile) = match known {
                    Some(known) => (
                        Some(Arc::new(flagged(known))),
                        "what was known last stays in force, flagged as stale",
                    ),
                    None => (None, "until they are, nothing waits for cleaner power"),
                };
                News {
                    outlook: stale,
                    notice: Some(format!(
                        "the grid's signals cannot be had: {why}; {meanwhile}"
                    )),
                }
            }
        }
    }

    /// Looks again if it is time to.
    pub(crate) fn look_if_due(&mut self, now: Timestamp) {
        if self.next.is_some_and(|next| next <= now) {
            // The thread ends with the watch alone, so there is somebody to hear.
            self.next = self.looks.send(now).err().map(|_| now.after_ms(LOST_MS));
        }
    }

    /// How long until it is time to look again; `None` while it looks.
    pub(crate) fn due_in(&self, clock: &dyn Clock) -> Option<Duration> {
        let next = self.next?;
        Some(clock.real(next.since_ms(clock.now())))
    }
}

/// The same outlook, every zone of it marked as older than it should be.
fn flagged(known: &Outlook) -> Outlook {
    let mut outlook = known.clone();
    for zone in &mut outlook.zones {
        zone.stale = true;
    }
    outlook
}

fn serve(mut feed: Box<dyn ForecastFeed>, looks: &Receiver<Timestamp>, line: &Line) {
    let mut last = Timestamp::default();
    while let Ok(now) = looks.recv() {
        let outlook = catch_unwind(AssertUnwindSafe(|| feed.look(now))).unwrap_or_else(|_| {
            Err("asking for them failed unexpectedly; this is a mistake in sunward, please report it"
                .to_owned())
        });
        let mut measured = Vec::new();
        if outlook.is_ok() {
            let since = last.max(Timestamp(now.0.saturating_sub(FIRST_MS)));
            let since = Timestamp(since.0.saturating_sub(LATE_MS));
            measured =
                catch_unwind(AssertUnwindSafe(|| feed.measured(since, now))).unwrap_or_default();
            last = now;
        }
        let seen = Seen {
            outlook,
            measured,
            // A feed that says "at once" would be asked without end.
            next: feed.next_look(now).max(now.after_ms(1)),
        };
        if line.0.send(Arrival::Seen(Box::new(seen))).is_err() {
            return;
        }
    }
}
