//! Ends kernels that exceed their time limit. They run on the slots' own threads, which cannot
//! watch the clock meanwhile. One thread watches all of them; it starts with the first kernel that
//! has a timeout.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::stop::Stop;

/// The tasks with a time limit.
#[derive(Default)]
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    guarded: BTreeMap<u64, Guarded>,
    next: u64,
    awake: bool,
    closing: bool,
}

struct Guarded {
    until: Instant,
    run: Stop,
    stop: Arc<AtomicBool>,
}

/// One watched task; dropping the guard ends the watch.
pub(crate) struct Guard {
    shared: Arc<Shared>,
    number: u64,
    stop: Arc<AtomicBool>,
}

impl Guard {
    /// Set when the time is over or the run is stopped.
    pub(crate) fn stop(&self) -> &Arc<AtomicBool> {
        &self.stop
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.state().guarded.remove(&self.number);
    }
}

impl Watchdog {
    /// Watches a task until `until`. If no thread can be started, the task runs without a limit.
    pub(crate) fn guard(&self, until: Instant, run: &Stop) -> Guard {
        let mut state = self.shared.state();
        // It is read under the lock that `pass_on` takes, so that one of the two sees a stop.
        let stop = Arc::new(AtomicBool::new(run.load(Ordering::Relaxed)));
        let number = state.next;
        state.next += 1;
        let guarded = Guarded {
            until,
            run: Arc::clone(run),
            stop: Arc::clone(&stop),
        };
        state.guarded.insert(number, guarded);
        if !state.awake {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("watchdog".into());
            match thread.spawn(move || shared.watch()) {
                Ok(_) => state.awake = true,
                Err(error) => tracing::warn!("no thread for kernels' timeouts: {error}"),
            }
        }
        drop(state);
        self.shared.changed.notify_one();
        Guard {
            shared: Arc::clone(&self.shared),
            number,
            stop,
        }
    }

    /// Passes a run's stop on to its tasks.
    pub(crate) fn pass_on(&self) {
        for guarded in self.shared.state().guarded.values() {
            if guarded.run.load(Ordering::Relaxed) {
                guarded.stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut state = self.state();
        while !state.closing {
            let now = Instant::now();
            let mut next: Option<Instant> = None;
            let running = |guarded: &&Guarded| !guarded.stop.load(Ordering::Relaxed);
            for guarded in state.guarded.values().filter(running) {
                if guarded.until <= now {
                    guarded.stop.store(true, Ordering::Relaxed);
                } else {
                    next = Some(next.map_or(guarded.until, |n| n.min(guarded.until)));
                }
            }
            state = match next {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let wait = at.saturating_duration_since(now);
                    let woken = self.changed.wait_timeout(state, wait);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
