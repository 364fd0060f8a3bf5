//! Demand response: what grid operators ask of pools, requested again and again on its own thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use sunward_core::{Curtailment, Curtailments, Timestamp};

use crate::clock::{Clock, SystemClock};
use crate::error::DriveError;
use crate::inbox::{Arrival, Line};

/// Knows what grid operators ask of pools. It is asked in the machine's time, so a run that replays
/// recorded time has none.
pub trait DemandFeed: Send {
    /// What is asked at a moment. The call must end within seconds.
    ///
    /// # Errors
    /// Returns a sentence for the user: who did not answer, and what to do.
    fn ask(&mut self, now: Timestamp) -> Result<Demanded, String>;

    /// How long until the next question, after as many failures in a row.
    fn pause(&self, failures: u32) -> Duration;
}

/// An answer of a [`DemandFeed`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demanded {
    /// Everything that is asked and has not ended.
    pub asked: Vec<Curtailment>,
    /// Lines for the user, each of which is given once.
    pub notices: Vec<String>,
}

/// What the thread found out.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) answer: Result<Demanded, String>,
    /// The moment of the question.
    pub(crate) at: Timestamp,
}

/// The thread that asks. It ends when this is dropped.
pub(crate) struct Demand {
    _ends: Sender<()>,
    /// Since when the feed fails, and whether that was told.
    silent_since: Option<Timestamp>,
    /// True once the first answer has come.
    pub(crate) has_heard: bool,
}

/// What changed with an answer.
pub(crate) struct Told {
    /// What is asked now; `None` if nothing changed.
    pub(crate) curtailments: Option<Arc<Curtailments>>,
    /// Lines for the user.
    pub(crate) notices: Vec<String>,
}

impl Demand {
    /// Starts the thread, which asks at once. Its answers arrive as [`Arrival::Demanded`].
    pub(crate) fn start(feed: Box<dyn DemandFeed>, line: Line) -> Result<Self, DriveError> {
        let (ends, receiver) = channel();
        // The thread is not joined: a server may take seconds to answer.
        std::thread::Builder::new()
            .name("demand".to_owned())
            .spawn(move || serve(feed, &receiver, &line))
            .map_err(|source| DriveError::Thread {
                purpose: "that asks the grid operator",
                source,
            })?;
        Ok(Self {
            _ends: ends,
            silent_since: None,
            has_heard: false,
        })
    }

    /// Handles an answer. If the feed fails, what was asked last stays in force until it ends.
    pub(crate) fn take(&mut self, heard: Heard, known: &Curtailments) -> Told {
        self.has_heard = true;
        let was_silent = self.silent_since.is_some();
        let mut notices = Vec::new();
        let all = match heard.answer {
            Ok(demanded) => {
                self.silent_since = None;
                if was_silent {
                    notices.push("the grid operator's server answers again".to_owned());
                }
                notices.extend(demanded.notices);
                demanded.asked
            }
            Err(why) => {
                let since = *self.silent_since.get_or_insert(heard.at);
                if !was_silent {
                    notices.push(format!(
                        "the grid operator's server does not answer: {why}; what it asked last stays in force"
                    ));
                }
                let holds = |one: &&Curtailment| one.until.is_none_or(|until| since < until);
                known.all.iter().filter(holds).cloned().collect()
            }
        };
        let now = Curtailments {
            all,
            silent_since: self.silent_since,
        };
        Told {
            curtailments: (now != *known).then(|| Arc::new(now)),
            notices,
        }
    }
}

fn serve(mut feed: Box<dyn DemandFeed>, ends: &Receiver<()>, line: &Line) {
    let mut failures = 0_u32;
    loop {
        let at = SystemClock.now();
        let answer = catch_unwind(AssertUnwindSafe(|| feed.ask(at))).unwrap_or_else(|_| {
            Err(
                "asking it failed unexpectedly; this is a bug in Sunward, please report it"
                    .to_owned(),
            )
        });
        failures = if answer.is_ok() {
            0
        } else {
            failures.saturating_add(1)
        };
        let heard = Heard { answer, at };
        if line.0.send(Arrival::Demanded(Box::new(heard))).is_err() {
            return;
        }
        match ends.recv_timeout(feed.pause(failures)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use sunward_core::{Curtailment, Curtailments, Measure, PoolId, Timestamp};

    use super::{Demand, Demanded, Heard};

    fn one(until: u64) -> Curtailment {
        Curtailment {
            pool: PoolId(0),
            from: Timestamp(0),
            until: Some(Timestamp(until)),
            measure: Measure::Emergency,
            told_by: "site-dr".to_owned(),
        }
    }

    #[test]
    fn what_was_asked_last_stays_in_force_while_nobody_answers() {
        let mut demand = Demand {
            _ends: std::sync::mpsc::channel().0,
            silent_since: None,
            has_heard: false,
        };
        let mut known = Curtailments::default();
        let mut hear = |at: u64, answer: Result<Vec<Curtailment>, String>| {
            let answer = answer.map(|asked| Demanded {
                asked,
                notices: Vec::new(),
            });
            let at = Timestamp(at);
            let told = demand.take(Heard { answer, at }, &known);
            let is_news = told.curtailments.is_some();
            if let Some(news) = told.curtailments {
                known = (*news).clone();
            }
            (
                is_news,
                known.all.len(),
                known.silent_since.map(|at| at.0),
                told.notices.len(),
            )
        };
        let down = || Err("it is down".to_owned());
        assert_eq!(hear(1, Ok(vec![one(50), one(90)])), (true, 2, None, 0));
        assert_eq!(hear(2, Ok(vec![one(50), one(90)])), (false, 2, None, 0));
        assert_eq!(hear(3, down()), (true, 2, Some(3), 1));
        assert_eq!(hear(60, down()), (false, 2, Some(3), 0), "told once");
        assert_eq!(hear(70, Ok(Vec::new())), (true, 0, None, 1));
    }
}
