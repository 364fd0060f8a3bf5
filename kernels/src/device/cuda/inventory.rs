//! Which GPUs there are, before any of them is opened.
#![expect(
    unsafe_code,
    reason = "calls of a library loaded at run time; see SAFETY at each"
)]

use cudarc::driver::result;

use super::gpu::{Gpus, gpus, shown};

/// A GPU as somebody who hands it out must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// As its maker calls it: `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// What names this very device: `GPU-8-4-4-4-12`.
    pub uuid: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
}

/// The GPUs that `CUDA_VISIBLE_DEVICES` leaves visible, none without a driver. One that does not say
/// what it is, is left out.
#[must_use]
pub fn cards() -> Vec<Card> {
    let Gpus::Count(count) = gpus() else {
        return Vec::new();
    };
    let ordinals = (0..count).filter_map(|ordinal| i32::try_from(ordinal).ok());
    ordinals.filter_map(card).collect()
}

fn card(ordinal: i32) -> Option<Card> {
    let device = result::device::get(ordinal).ok()?;
    // SAFETY: the device comes from the driver.
    let memory = unsafe { result::device::total_mem(device) }.ok()?;
    let uuid = result::device::get_uuid(device).ok()?;
    Some(Card {
        name: result::device::get_name(device).ok()?,
        uuid: shown(uuid.bytes.map(|byte| byte.cast_unsigned())),
        memory_bytes: u64::try_from(memory).unwrap_or(u64::MAX),
    })
}
