//! The forecast feed: pools and outlooks, requested on its own thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use sunward_core::place::Outlook;
use sunward_core::{Actuals, Fleet, Signal, Timestamp};

use crate::error::DriveError;
use crate::inbox::{Arrival, Line, Seen};

/// Knows the pools and the outlook of their grids.
pub trait ForecastFeed: Send {
    /// The pools, which never change.
    fn fleet(&self) -> Arc<Fleet>;

    /// The current outlook. The call may take as long as a provider takes, but it must end.
    ///
    /// # Errors
    /// Returns a sentence for the user: who did not answer, and what to do.
    fn look(&mut self, now: Timestamp) -> Result<Arc<Outlook>, String>;

    /// Measurements in the zones of its pools since a moment. They are requested after each look,
    /// and replace forecasts in the ledger. A feed without measurements returns nothing.
    fn measured(&self, since: Timestamp, now: Timestamp) -> Vec<Actuals> {
        let _ = (since, now);
        Vec::new()
    }

    /// Who publishes the figures of the last look, and what they count, by zone. It is requested
    /// after each look. A feed that cannot say returns nothing.
    fn signals(&self) -> Vec<Signal> {
        Vec::new()
    }

    /// The moment of the next look.
    fn next_look(&self, now: Timestamp) -> Timestamp;
}

/// How long until a lost thread is tried again, in milliseconds: practically never.
const LOST_MS: u64 = 365 * 24 * 3_600_000;

/// How far back the first look requests measurements, in milliseconds: a day, so that work before
/// an interruption is restated too.
const FIRST_MS: u64 = 24 * 3_600_000;

/// How late figures may be published or corrected, in milliseconds. These hours are requested
/// again.
const LATE_MS: u64 = 6 * 3_600_000;

/// The thread that looks, and when it looks next.
pub(crate) struct Watch {
    fleet: Arc<Fleet>,
    looks: Sender<Timestamp>,
    /// `None` while a look is in progress.
    next: Option<Timestamp>,
    /// True if the last look failed.
    clouded: bool,
}

/// What changed with a look.
pub(crate) struct News {
    /// The new outlook.
    pub(crate) outlook: Option<Arc<Outlook>>,
    /// A line for the user if the feed fails or answers again.
    pub(crate) notice: Option<String>,
}

impl Watch {
    /// Starts the thread, which looks at once. Its answers arrive as [`Arrival::Seen`].
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
        // The thread is not joined: a provider may take long to answer, and at the end nobody needs
        // it.
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

    /// Handles an answer. If a look failed, the last outlook stays in force, flagged as stale.
    pub(crate) fn take(&mut self, seen: Seen, known: Option<&Outlook>) -> News {
        self.next = Some(seen.next);
        let was_clouded = self.clouded;
        self.clouded = seen.outlook.is_err();
        match seen.outlook {
            Ok(outlook) => News {
                outlook: Some(outlook),
                notice: was_clouded.then(|| "grid signals are available again".to_owned()),
            },
            Err(_) if was_clouded => News {
                outlook: None,
                notice: None,
            },
            Err(why) => {
                let (stale, meanwhile) = match known {
                    Some(known) => (
                        Some(Arc::new(flagged(known))),
                        "the last outlook stays in force and is flagged as stale",
                    ),
                    None => (None, "until then, nothing waits for cleaner power"),
                };
                News {
                    outlook: stale,
                    notice: Some(format!(
                        "grid signals are not available: {why}; {meanwhile}"
                    )),
                }
            }
        }
    }

    /// Looks again if it is time.
    pub(crate) fn look_if_due(&mut self, now: Timestamp) {
        if self.next.is_some_and(|next| next <= now) {
            // The thread ends only with this watch, so the message has a receiver.
            self.next = self.looks.send(now).err().map(|_| now.after_ms(LOST_MS));
        }
    }

    /// When to look next; `None` while a look is in progress.
    pub(crate) const fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Whether a look is in progress.
    pub(crate) const fn is_looking(&self) -> bool {
        self.next.is_none()
    }
}

/// The same outlook with every zone marked stale.
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
            Err(
                "the forecast feed failed unexpectedly; this is a bug in Sunward, please report it"
                    .to_owned(),
            )
        });
        let (mut measured, mut signals) = (Vec::new(), Vec::new());
        if outlook.is_ok() {
            let since = last.max(Timestamp(now.0.saturating_sub(FIRST_MS)));
            let since = Timestamp(since.0.saturating_sub(LATE_MS));
            measured =
                catch_unwind(AssertUnwindSafe(|| feed.measured(since, now))).unwrap_or_default();
            signals = catch_unwind(AssertUnwindSafe(|| feed.signals())).unwrap_or_default();
            last = now;
        }
        let seen = Seen {
            outlook,
            signals,
            measured,
            // A feed that always answers "at once" would be queried without end.
            next: feed.next_look(now).max(now.after_ms(1)),
        };
        if line.0.send(Arrival::Seen(Box::new(seen))).is_err() {
            return;
        }
    }
}
