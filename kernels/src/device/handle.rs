//! A device, and the memory and compiled kernels on it.
#![expect(
    unsafe_code,
    reason = "raw addresses are freed here, and plain numbers seen as bytes; see SAFETY at each"
)]

use std::sync::Arc;

use super::backend::{Address, Backend, Loaded};
use super::host::Host;
use super::modules::Modules;
use super::{Cache, DeviceError, Source, Stream};

/// A device that runs CUDA kernels. Clones refer to the same device.
#[derive(Clone, Debug)]
pub struct Device {
    pub(super) backend: Arc<dyn Backend>,
    modules: Arc<Modules>,
}

/// The properties of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The maker's name.
    pub name: String,
    /// The target of the compiler: `sm_90`, or `host`.
    pub architecture: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// The driver's version, or the compiler of the host device.
    pub driver: String,
    /// A GPU's UUID, or `host`.
    pub uuid: String,
    /// Whether kernels run on a GPU rather than on the CPU.
    pub is_gpu: bool,
}

impl Device {
    /// The GPU of this number among those that `CUDA_VISIBLE_DEVICES` leaves visible.
    ///
    /// # Errors
    ///
    /// Fails without a driver, without such a GPU, or if it cannot be opened.
    pub fn gpu(ordinal: usize, cache: Cache) -> Result<Self, DeviceError> {
        let backend = super::cuda::Gpu::open(ordinal, cache)?;
        Ok(Self::of(Arc::new(backend)))
    }

    /// The host device: the CPU in place of a GPU, with this many bytes of memory.
    ///
    /// # Errors
    ///
    /// Fails if no C++ compiler is found.
    pub fn host(memory_bytes: u64, cache: Cache) -> Result<Self, DeviceError> {
        Ok(Self::of(Arc::new(Host::new(memory_bytes, cache)?)))
    }

    fn of(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            modules: Arc::default(),
        }
    }

    /// Its properties.
    #[must_use]
    pub fn about(&self) -> &About {
        self.backend.about()
    }

    /// Bytes of memory that can still be allocated.
    ///
    /// # Errors
    ///
    /// Fails if the driver does not report it.
    pub fn free_memory(&self) -> Result<u64, DeviceError> {
        self.backend.free_memory()
    }

    /// Compiles a source for this device and loads it. Both results are reused: compiled code
    /// across processes, loaded modules across a process's tasks. A source that may have variables
    /// on the device is loaded again each time.
    ///
    /// # Errors
    ///
    /// Returns a [`CompileError`](super::CompileError) at the source's line, or fails without a
    /// compiler.
    pub fn module(&self, source: &Source) -> Result<Module, DeviceError> {
        if let Some(name) = source.bad_name() {
            return Err(DeviceError::NoFunction {
                file: source.file().to_owned(),
                kernel: name.to_owned(),
            });
        }
        Ok(Module {
            file: source.file().to_owned(),
            loaded: (self.modules).get(source, || self.backend.module(source))?,
        })
    }

    /// How many modules this handle and its clones have loaded.
    #[must_use]
    pub fn loads(&self) -> usize {
        self.modules.loads()
    }

    /// Uninitialized memory.
    ///
    /// # Errors
    ///
    /// Returns [`DeviceError::OutOfMemory`] with the numbers.
    pub fn alloc(&self, bytes: usize) -> Result<Buffer, DeviceError> {
        let address = self.backend.alloc(bytes.max(1))?;
        Ok(Buffer(Arc::new(Memory {
            backend: Arc::clone(&self.backend),
            address,
            bytes,
        })))
    }

    /// Uninitialized memory for `length` values of a type.
    ///
    /// # Errors
    ///
    /// Returns [`DeviceError::OutOfMemory`] with the numbers.
    pub fn alloc_for<T: Plain>(&self, length: usize) -> Result<Buffer, DeviceError> {
        self.alloc(length.saturating_mul(size_of::<T>()))
    }

    /// A queue of copies and launches that run in order.
    ///
    /// # Errors
    ///
    /// Fails if the driver refuses.
    pub fn stream(&self) -> Result<Stream, DeviceError> {
        Stream::new(&self.backend)
    }
}

/// Memory on a device. It is freed when its last clone is dropped and no stream uses it any more.
#[derive(Clone, Debug)]
pub struct Buffer(pub(super) Arc<Memory>);

impl Buffer {
    /// Its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }
}

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) address: Address,
    pub(super) bytes: usize,
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it came from `alloc`; streams hold a clone of what they still use.
        unsafe { self.backend.free(self.address) }
    }
}

/// A compiled source on its device.
#[derive(Clone, Debug)]
pub struct Module {
    file: String,
    loaded: Arc<dyn Loaded>,
}

impl Module {
    /// One of its kernels.
    ///
    /// # Errors
    ///
    /// Fails if the source does not define it.
    pub fn function(&self, kernel: &str) -> Result<Function, DeviceError> {
        if !self.loaded.has(kernel) {
            return Err(DeviceError::NoFunction {
                file: self.file.clone(),
                kernel: kernel.to_owned(),
            });
        }
        Ok(Function {
            loaded: Arc::clone(&self.loaded),
            kernel: kernel.to_owned(),
        })
    }
}

/// A kernel that can be launched.
#[derive(Clone, Debug)]
pub struct Function {
    pub(super) loaded: Arc<dyn Loaded>,
    pub(super) kernel: String,
}

/// Types that are nothing but their bytes.
///
/// # Safety
///
/// Every pattern of bits is a value, and no byte is padding.
pub unsafe trait Plain: Copy + Send + Sync + 'static {}

macro_rules! plain {
    ($($kind:ty),*) => { $(
        // SAFETY: a number of the machine's own.
        unsafe impl Plain for $kind {}
    )* };
}
plain!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// Values as bytes.
pub(super) fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: `Plain` has no padding, and bytes need no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// Values as writable bytes.
pub(super) fn bytes_of_mut<T: Plain>(values: &mut [T]) -> &mut [u8] {
    // SAFETY: `Plain` has no padding and takes all bits, and bytes need no alignment.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}
