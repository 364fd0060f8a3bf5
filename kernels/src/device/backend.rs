//! The interface of a kind of device, in raw addresses. The handles above it make it safe.
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
/// The identity of a stream in its device.
pub(super) type StreamId = u64;

/// A kind of device.
pub(super) trait Backend: Send + Sync + Debug {
    fn about(&self) -> &About;
    /// Bytes that can still be allocated.
    fn free_memory(&self) -> Result<u64, DeviceError>;
    /// Compiles a source, or takes it from the cache, and loads it.
    fn module(&self, source: &Source) -> Result<Arc<dyn Loaded>, DeviceError>;
    /// Allocates uninitialized memory, at least one byte.
    fn alloc(&self, bytes: usize) -> Result<Address, DeviceError>;
    /// Frees memory.
    ///
    /// # Safety
    ///
    /// It comes from `alloc`, and nothing uses it any more.
    unsafe fn free(&self, address: Address);
    /// Allocates pinned host memory, which copies reach directly.
    fn pin(&self, bytes: usize) -> Result<*mut u8, DeviceError>;
    /// Frees pinned memory.
    ///
    /// # Safety
    ///
    /// It comes from `pin` with as many bytes, and nothing uses it any more.
    unsafe fn unpin(&self, at: *mut u8, bytes: usize);
    fn stream(&self) -> Result<StreamId, DeviceError>;
    /// Destroys a stream.
    ///
    /// # Safety
    ///
    /// It comes from `stream`, and nothing is in progress on it.
    unsafe fn end_stream(&self, stream: StreamId);
    /// Waits for everything on the stream, and returns the first error in it.
    fn synchronize(&self, stream: StreamId) -> Result<(), DeviceError>;
    /// Enqueues a copy to the device.
    ///
    /// # Safety
    ///
    /// Both ranges exist and stay unchanged until the stream was synchronized.
    unsafe fn upload(
        &self,
        stream: StreamId,
        from: *const u8,
        to: Address,
        bytes: usize,
    ) -> Result<(), DeviceError>;
    /// Enqueues a copy from the device.
    ///
    /// # Safety
    ///
    /// Both ranges exist, and nobody else uses `to`, until the stream was synchronized.
    unsafe fn download(
        &self,
        stream: StreamId,
        from: Address,
        to: *mut u8,
        bytes: usize,
    ) -> Result<(), DeviceError>;
    /// Enqueues setting bytes.
    ///
    /// # Safety
    ///
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
    /// Enqueues a kernel. `args` point to one value each, and `sizes` are their sizes; both are
    /// read before this returns.
    ///
    /// # Safety
    ///
    /// Addresses among the arguments belong to live allocations of this device, which stay until
    /// the stream was synchronized. The kernel's author is responsible for what it does with them.
    unsafe fn launch(
        &self,
        kernel: &str,
        stream: StreamId,
        grid: &Grid,
        args: &mut [*mut c_void],
        sizes: &[usize],
    ) -> Result<(), DeviceError>;
}
