//! Bells wake slots that wait for a command to end.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// The bells of a worker, one for each slot.
pub(crate) struct Bells {
    /// Eventfds. One becomes readable when its slot should check whether its task must stop.
    all: Vec<OwnedFd>,
    is_leaving: AtomicBool,
}

/// The bell of one slot.
#[derive(Clone, Copy)]
pub(crate) struct Bell<'b> {
    pub(crate) fd: &'b OwnedFd,
    is_leaving: &'b AtomicBool,
}

impl Bells {
    pub(crate) fn new(slots: u32) -> io::Result<Self> {
        let bell = |_| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let all = (0..slots).map(bell).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            all,
            is_leaving: AtomicBool::new(false),
        })
    }

    /// The bell of a slot.
    pub(crate) fn of(&self, place: usize) -> Option<Bell<'_>> {
        Some(Bell {
            fd: self.all.get(place)?,
            is_leaving: &self.is_leaving,
        })
    }

    /// Makes every slot check whether its task must stop.
    pub(crate) fn ring(&self) {
        for bell in &self.all {
            // Fails only if the counter is full. Then the bell is readable already.
            rustix::io::write(bell, &1_u64.to_ne_bytes()).ok();
        }
    }

    /// From now on, tasks that must stop get no grace period. Call this before any of them is told
    /// to stop.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
    }
}

impl Bell<'_> {
    /// Resets the bell after it rang.
    pub(crate) fn reset(self) {
        rustix::io::read(self.fd, &mut [0; 8]).ok();
    }

    /// Whether the whole worker stops.
    pub(crate) fn is_leaving(self) -> bool {
        self.is_leaving.load(Ordering::SeqCst)
    }
}
