//! Which slots work at the same time. A package's energy belongs to an attempt only if no other ran
//! meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many slots are working, and how many ever started to.
#[derive(Debug, Default)]
pub(super) struct Presence {
    here: AtomicU64,
    arrivals: AtomicU64,
}

/// One working slot.
pub(crate) struct Present<'p>(&'p Presence);

/// The moment since which a slot was alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone {
    arrivals: u64,
}

impl Presence {
    pub(super) fn enter(&self) -> Present<'_> {
        // The order matters: a slot that is seen as present was counted as arrived.
        self.arrivals.fetch_add(1, Ordering::SeqCst);
        self.here.fetch_add(1, Ordering::SeqCst);
        Present(self)
    }

    /// The current moment, if the caller is the only working slot.
    pub(super) fn alone(&self) -> Option<Alone> {
        let arrivals = self.arrivals.load(Ordering::SeqCst);
        let is_alone = self.here.load(Ordering::SeqCst) == 1;
        is_alone.then_some(Alone { arrivals })
    }

    /// Whether no other slot started since.
    pub(super) fn still(&self, since: Alone) -> bool {
        self.arrivals.load(Ordering::SeqCst) == since.arrivals
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.here.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_joined_even_for_a_moment_was_not_alone() {
        let presence = Presence::default();
        let first = presence.enter();
        let since = presence.alone().unwrap();
        assert!(presence.still(since));
        drop(presence.enter());
        assert!(!presence.still(since));
        let again = presence.alone().unwrap();
        let second = presence.enter();
        assert!(presence.alone().is_none());
        drop(first);
        assert!(!presence.still(again));
        assert!(presence.alone().is_some());
        drop(second);
    }
}
