//! The list of GPUs, before any of them is opened.
#![expect(
    unsafe_code,
    reason = "calls of a library loaded at run time; see SAFETY at each"
)]

use std::fmt::Write;

use cudarc::driver::{result, sys};

use super::gpu::{Gpus, gpus};

/// What the allocation of GPUs to tasks must know of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The maker's name: `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// The device's UUID: `GPU-8-4-4-4-12`.
    pub uuid: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
}

/// The GPUs that `CUDA_VISIBLE_DEVICES` leaves visible; none without a driver. A GPU that does not
/// report its properties is left out.
#[must_use]
pub fn cards() -> Vec<Card> {
    let Gpus::Count(count) = gpus() else {
        return Vec::new();
    };
    let ordinals = (0..count).filter_map(|ordinal| i32::try_from(ordinal).ok());
    ordinals
        .filter_map(|ordinal| Card::of(result::device::get(ordinal).ok()?).ok())
        .collect()
}

impl Card {
    /// The driver's description of a device.
    pub(super) fn of(device: sys::CUdevice) -> Result<Self, result::DriverError> {
        // SAFETY: the device comes from the driver.
        let memory = unsafe { result::device::total_mem(device) }?;
        let uuid = result::device::get_uuid(device)?;
        Ok(Self {
            name: result::device::get_name(device)?,
            uuid: shown(uuid.bytes.map(|byte| byte.cast_unsigned())),
            memory_bytes: memory as u64,
        })
    }
}

/// A UUID in the format of the driver's tools: `GPU-8-4-4-4-12`.
fn shown(bytes: [u8; 16]) -> String {
    let mut text = String::from("GPU");
    for (i, byte) in bytes.iter().enumerate() {
        if [0, 4, 6, 8, 10].contains(&i) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
