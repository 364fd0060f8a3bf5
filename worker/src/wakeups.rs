//! Wakes slots that wait for a command to end, so that they check whether it must stop.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// What wakes the slots of a worker: one eventfd for each.
pub(crate) struct Wakeups {
    all: Vec<OwnedFd>,
    is_leaving: AtomicBool,
}

/// What wakes one slot.
#[derive(Clone, Copy)]
pub(crate) struct Wakeup<'w> {
    /// Becomes readable when the slot is to check whether its command must stop.
    pub(crate) fd: &'w OwnedFd,
    is_leaving: &'w AtomicBool,
}

impl Wakeups {
    pub(crate) fn new(slots: u32) -> io::Result<Self> {
        let fd = |_| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let all = (0..slots).map(fd).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            all,
            is_leaving: AtomicBool::new(false),
        })
    }

    /// What wakes the slot of this number.
    pub(crate) fn of(&self, place: usize) -> Option<Wakeup<'_>> {
        Some(Wakeup {
            fd: self.all.get(place)?,
            is_leaving: &self.is_leaving,
        })
    }

    /// Wakes every slot.
    pub(crate) fn wake_all(&self) {
        for fd in &self.all {
            // Fails only if the counter is full. Then it is readable already.
            rustix::io::write(fd, &1_u64.to_ne_bytes()).ok();
        }
    }

    /// From now on, commands that must stop get no grace period. Call this before any of them is
    /// told to stop.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
    }
}

impl Wakeup<'_> {
    /// Makes the descriptor unreadable again.
    pub(crate) fn reset(self) {
        rustix::io::read(self.fd, &mut [0; 8]).ok();
    }

    /// Whether the whole worker stops.
    pub(crate) fn is_leaving(self) -> bool {
        self.is_leaving.load(Ordering::SeqCst)
    }
}
