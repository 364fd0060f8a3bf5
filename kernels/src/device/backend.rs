//! What a kind of device must be able to do, in raw addresses; the handles above make it safe.
#![expect(
    unsafe_code,
    reason = "declares unsafe functions; each says what it needs"
)]

use std::ffi::c_void;
use std::fmt::Debug;
use std::sync::Arc;

use super::{About, DeviceError, Grid, Source};

/// An address in a device's memory.
pub(super) type Address = u64;
/// A stream's name in its device.
pub(super) type StreamId = u64;

/// A kind of device.
pub(super) trait Backend: Send + Sync + Debug {
    fn about(&self) -> &About;
    /// Bytes that can still be allocated.
    fn free_memory(&self) -> Result<u64, DeviceError>;
    /// Compiles, or takes from the cache, and loads.
    fn module(&self, source: &Source) -> Result<Arc<dyn Loaded>, DeviceError>;
    /// Room for this many bytes, at least one, of any content.
    fn alloc(&self, bytes: usize) -> Result<Address, DeviceError>;
    /// Gives room back.
    ///
    /// # Safety
    /// It comes from `alloc`, and nothing uses it any more.
    unsafe fn free(&self, address: Address);
    /// Room in the host's memory that copies can reach without a detour.
    fn pin(&self, bytes: usize) -> Result<*mut u8, DeviceError>;
    /// Gives such room back.
    ///
    /// # Safety
    /// It comes from `pin` with as many bytes, and nothing uses it any more.
    unsafe fn unpin(&self, at: *mut u8, bytes: usize);
    fn stream(&self) -> Result<StreamId, DeviceError>;
    /// Ends a stream.
    ///
    /// # Safety
    /// It comes from `stream`, and nothing is under way on it.
    unsafe fn end_stream(&self, stream: StreamId);
    /// Waits for all that was put on the stream; tells what went wrong in it.
    fn synchronize(&self, stream: StreamId) -> Result<(), DeviceError>;
    /// Copies to the device, in the stream's turn.
    ///
    /// # Safety
    /// Both ranges exist and stay as they are until the stream was synchronized.
    unsafe fn upload(
        &self,
        stream: StreamId,
        from: *const u8,
        to: Address,
        bytes: usize,
    ) -> Result<(), DeviceError>;
    /// Copies from the device, in the stream's turn.
    ///
    /// # Safety
    /// Both ranges exist, and nobody else uses `to`, until the stream was synchronized.
    unsafe fn download(
        &self,
        stream: StreamId,
        from: Address,
        to: *mut u8,
        bytes: usize,
    ) -> Result<(), DeviceError>;
    /// Sets bytes, in the stream's turn.
    ///
    /// # Safety
    /// The range exists until the stream was synchronized.
    unsafe fn fill(
        &self,
        stream: StreamId,
        at: Address,
        bytes: usize,
        value: u8,
    ) -> Result<(), DeviceError>;
}

/// A compiled source on its device.
pub(super) trait Loaded: Send + Sync + Debug {
    /// Whether it has a kernel of this name.
    fn has(&self, kernel: &str) -> bool;
    /// Runs a kernel, in the stream's turn. `args` point to one value each, `sizes` says how long
    /// these are; they are read before this returns.
    ///
    /// # Safety
    /// Addresses among the arguments lead to live allocations of this device, which stay until the
    /// stream was synchronized. What the kernel does with them is its author's promise.
    unsafe fn launch(
        &self,
        kernel: &str,
        stream: StreamId,
        grid: &Grid,
        args: &mut [*mut c_void],
        sizes: &[usize],
    ) -> Result<(), DeviceError>;
}
