//! Retries of requests to a remote store. Long waits are reported.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

/// The callback that reports what is being waited for.
#[derive(Clone)]
pub struct Tell(Arc<dyn Fn(&str) + Send + Sync>);

impl Tell {
    /// Creates a callback. It may be called from any thread.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl Default for Tell {
    /// Writes to the log only.
    fn default() -> Self {
        Self::new(|line| tracing::warn!(line, "waiting"))
    }
}

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

/// Retries requests, and limits how often a wait is reported.
#[derive(Debug)]
pub(crate) struct Patience {
    /// The length of a wait after which it is reported.
    tell_after: Duration,
    /// The least time between two reports. Many tasks may wait for the same store.
    tell_again_after: Duration,
    tell: Tell,
    told: Mutex<Option<Instant>>,
    /// Whether a request is made once only.
    is_hasty: bool,
}

/// The first and the longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

impl Patience {
    pub(crate) fn new(tell: Tell) -> Self {
        Self {
            tell_after: Duration::from_secs(5),
            tell_again_after: Duration::from_secs(60),
            tell,
            told: Mutex::default(),
            is_hasty: false,
        }
    }

    /// Never repeats a request.
    pub(crate) fn hasty() -> Self {
        Self {
            is_hasty: true,
            ..Self::new(Tell::default())
        }
    }

    /// Repeats a request until it succeeds or fails permanently. No new attempt starts later than
    /// `give_up_after`. `passing` returns the reason of an error that may be temporary.
    pub(crate) async fn ask<T, E, F>(
        &self,
        what: &str,
        place: &str,
        give_up_after: Duration,
        ask: impl Fn() -> F,
        passing: impl Fn(&E) -> Option<String>,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let began = Instant::now();
        let mut pause = PAUSES.0;
        let mut last = "there is no answer yet".to_owned();
        loop {
            let mut answer = pin!(ask());
            let silence = self.tell_after.saturating_sub(began.elapsed());
            let answer = match timeout(silence.max(PAUSES.0), &mut answer).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.tell(what, place, &last, began);
                    answer.await
                }
            };
            let why = answer.as_ref().err().and_then(&passing);
            let Some(why) = why.filter(|_| !self.is_hasty && began.elapsed() < give_up_after)
            else {
                return answer;
            };
            if began.elapsed() >= self.tell_after {
                self.tell(what, place, &why, began);
            }
            last = why;
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Reports a line immediately.
    pub(crate) fn say(&self, line: &str) {
        (self.tell.0)(line);
    }

    fn tell(&self, what: &str, place: &str, why: &str, began: Instant) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|at| at.elapsed() < self.tell_again_after) {
            return;
        }
        *told = Some(Instant::now());
        drop(told);
        (self.tell.0)(&format!(
            "waiting for {place} for {} s, to {what}: {why}; Sunward keeps trying for a few minutes",
            began.elapsed().as_secs()
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn patience() -> (Patience, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        let tell = Tell::new(move |line| heard.lock().unwrap().push(line.to_owned()));
        let patience = Patience {
            tell_after: Duration::ZERO,
            ..Patience::new(tell)
        };
        (patience, lines)
    }

    /// Asks a store that gives these answers in order and then repeats the last. Returns the result
    /// and the number of requests.
    fn asked(
        patience: &Patience,
        give_up_after: Duration,
        answers: &[Result<u32, &'static str>],
    ) -> (Result<u32, &'static str>, u32) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let count = AtomicU32::new(0);
        let ask = || {
            let at = count.fetch_add(1, Ordering::Relaxed);
            let at = usize::try_from(at).unwrap().min(answers.len() - 1);
            let answer = answers[at];
            async move { answer }
        };
        let passing = |error: &&str| (*error == "busy").then(|| "it is busy".to_owned());
        let answer =
            runtime.block_on(patience.ask("put a part", "s3://b", give_up_after, ask, passing));
        (answer, count.into_inner())
    }

    #[test]
    fn what_passes_is_waited_for_and_told_once_with_its_reason() {
        let (patience, lines) = patience();
        let answers = [Err("busy"), Err("busy"), Ok(7)];
        assert_eq!(asked(&patience, LONG, &answers), (Ok(7), 3));
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("s3://b") && lines[0].contains("put a part: it is busy"));
    }

    #[test]
    fn what_will_not_change_is_not_waited_for() {
        let (patience, lines) = patience();
        assert_eq!(asked(&patience, LONG, &[Err("denied")]), (Err("denied"), 1));
        assert!(lines.lock().unwrap().is_empty());
    }

    #[test]
    fn nothing_is_waited_for_for_ever() {
        let (patience, lines) = patience();
        let (answer, count) = asked(&patience, Duration::from_millis(250), &[Err("busy")]);
        assert_eq!(answer, Err("busy"));
        assert!(count > 1);
        assert_eq!(lines.lock().unwrap().len(), 1);
    }

    #[test]
    fn an_answer_that_does_not_come_is_told_while_it_is_waited_for() {
        let (patience, lines) = patience();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let told = || !lines.lock().unwrap().is_empty();
        let ask = || async {
            while !told() {
                tokio::task::yield_now().await;
                sleep(Duration::from_millis(1)).await;
            }
            Ok::<u32, &str>(1)
        };
        let answer = runtime.block_on(patience.ask("fetch a part", "s3://b", LONG, ask, |_| None));
        assert_eq!(answer, Ok(1));
        assert!(lines.lock().unwrap()[0].contains("no answer"));
    }
}
