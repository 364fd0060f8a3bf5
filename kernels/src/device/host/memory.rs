//! Memory of the host device: counted, with red zones around each allocation.
#![expect(
    unsafe_code,
    reason = "allocations whose addresses kernels use; see SAFETY at each"
)]

use std::alloc::{Layout, alloc, dealloc};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes on either side of an allocation that must not be written.
const ZONE: usize = 4096;
/// The content of red zones.
const ZONE_BYTE: u8 = 0xA5;
/// The content of fresh memory: not a small integer, and NaN as a float.
const FRESH_BYTE: u8 = 0xFF;
/// The alignment, as on a GPU.
const ALIGNMENT: usize = 256;

/// All allocations.
#[derive(Debug)]
pub(super) struct Memory {
    total: u64,
    /// Sizes by address.
    live: Mutex<BTreeMap<u64, usize>>,
}

impl Memory {
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            live: Mutex::new(BTreeMap::new()),
        }
    }

    pub(super) fn free_bytes(&self) -> u64 {
        self.total.saturating_sub(used(&self.lock()))
    }

    /// Allocates memory, if enough is left.
    pub(super) fn alloc(&self, bytes: usize) -> Option<u64> {
        let mut live = self.lock();
        let free = self.total.saturating_sub(used(&live));
        if bytes as u64 > free {
            return None;
        }
        // SAFETY: the layout is not empty; all of it is written before anybody reads it.
        let begin = unsafe {
            let layout = layout(bytes)?;
            let at = alloc(layout);
            if at.is_null() {
                return None;
            }
            at.write_bytes(ZONE_BYTE, layout.size());
            at.add(ZONE).write_bytes(FRESH_BYTE, bytes);
            at.add(ZONE)
        };
        let address = begin.expose_provenance() as u64;
        live.insert(address, bytes);
        Some(address)
    }

    /// Frees memory. Unknown addresses are ignored.
    pub(super) fn free(&self, address: u64) {
        if let Some(bytes) = self.lock().remove(&address) {
            release(address, bytes);
        }
    }

    /// The first allocation with a damaged red zone. The zones are restored, so that each fault is
    /// reported once.
    pub(super) fn damage(&self) -> Option<String> {
        let live = self.lock();
        live.iter().find_map(|(&address, &bytes)| {
            let begin: *mut u8 = std::ptr::with_exposed_provenance_mut(place(address));
            // SAFETY: `alloc` made both zones, and `live` holds only what was not freed.
            let (before, behind) = unsafe {
                (
                    std::slice::from_raw_parts_mut(begin.sub(ZONE), ZONE),
                    std::slice::from_raw_parts_mut(begin.add(bytes), ZONE),
                )
            };
            let hurt = |zone: &[u8]| zone.iter().position(|&byte| byte != ZONE_BYTE);
            let last = before.iter().rposition(|&byte| byte != ZONE_BYTE);
            let at = match (last, hurt(behind)) {
                (_, Some(at)) => format!("at byte {}", bytes + at),
                (Some(at), None) => format!("{} bytes before the start", ZONE - at),
                (None, None) => return None,
            };
            before.fill(ZONE_BYTE);
            behind.fill(ZONE_BYTE);
            Some(format!("it wrote {at} of an allocation of {bytes} bytes"))
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for (&address, &bytes) in self.lock().iter() {
            release(address, bytes);
        }
    }
}

fn used(live: &BTreeMap<u64, usize>) -> u64 {
    live.values().map(|&bytes| bytes as u64).sum()
}

fn place(address: u64) -> usize {
    usize::try_from(address).unwrap_or(0)
}

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(2 * ZONE)?, ALIGNMENT).ok()
}

fn release(address: u64, bytes: usize) {
    if let Some(layout) = layout(bytes) {
        let begin: *mut u8 = std::ptr::with_exposed_provenance_mut(place(address));
        // SAFETY: `alloc` made it with this layout, and it was in `live` until now.
        unsafe { dealloc(begin.sub(ZONE), layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_counted_and_comes_back() {
        let memory = Memory::new(100);
        let a = memory.alloc(60).unwrap();
        assert_eq!(memory.free_bytes(), 40);
        assert_eq!(memory.alloc(41), None);
        memory.free(a);
        assert_eq!(memory.free_bytes(), 100);
    }
}
