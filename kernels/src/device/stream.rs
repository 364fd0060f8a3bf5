//! Streams: copies and launches in order, and pinned host memory.
#![expect(
    unsafe_code,
    reason = "raw copies and launches; a stream keeps alive what they use, see SAFETY at each"
)]

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use super::backend::{Backend, StreamId};
use super::handle::{Memory, bytes_of, bytes_of_mut};
use super::{Buffer, DeviceError, Function, Plain};

/// The threads of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Blocks along x, y, z.
    pub blocks: [u32; 3],
    /// Threads of a block along x, y, z; at most 1024 in all.
    pub threads: [u32; 3],
    /// Bytes of `extern __shared__` memory for each block.
    pub shared_bytes: u32,
}

impl Grid {
    /// A one-dimensional grid.
    #[must_use]
    pub fn new(blocks: u32, threads: u32) -> Self {
        Self {
            blocks: [blocks, 1, 1],
            threads: [threads, 1, 1],
            shared_bytes: 0,
        }
    }

    /// The same grid with this much shared memory.
    #[must_use]
    pub fn shared(self, bytes: u32) -> Self {
        Self {
            shared_bytes: bytes,
            ..self
        }
    }

    /// Why no device can run this grid.
    pub(super) fn fault(&self) -> Option<String> {
        let threads: u64 = self.threads.iter().map(|&n| u64::from(n)).product();
        let empty = self.blocks.iter().chain(&self.threads).any(|&n| n == 0);
        let [_, y, z] = self.blocks;
        (empty || threads > 1024 || y > 65_535 || z > 65_535)
            .then(|| format!("{:?} blocks of {:?} threads", self.blocks, self.threads))
    }
}

/// An argument of a kernel, by its parameter's type.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A pointer to the start of a buffer.
    Buffer(&'a Buffer),
    /// `int`.
    I32(i32),
    /// `unsigned`.
    U32(u32),
    /// `long long`.
    I64(i64),
    /// `unsigned long long`.
    U64(u64),
    /// `float`.
    F32(f32),
    /// `double`.
    F64(f64),
}

impl Arg<'_> {
    /// Its bytes in the low end, and their number.
    fn bits(&self) -> (u64, usize) {
        match *self {
            Self::Buffer(buffer) => (buffer.0.address, 8),
            Self::I32(value) => (u64::from(value.cast_unsigned()), 4),
            Self::U32(value) => (value.into(), 4),
            Self::I64(value) => (value.cast_unsigned(), 8),
            Self::U64(value) => (value, 8),
            Self::F32(value) => (value.to_bits().into(), 4),
            Self::F64(value) => (value.to_bits(), 8),
        }
    }
}

/// A queue of copies and launches. It keeps what it uses alive until it was synchronized.
#[derive(Debug)]
pub struct Stream {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backend: Arc<dyn Backend>,
    id: StreamId,
    used: Mutex<Vec<Used>>,
}

/// What a stream still uses.
#[derive(Debug)]
#[expect(dead_code, reason = "held only so that it lives")]
enum Used {
    Device(Arc<Memory>),
    Host(Arc<Page>),
    Code(Function),
}

impl Stream {
    pub(super) fn new(backend: &Arc<dyn Backend>) -> Result<Self, DeviceError> {
        Ok(Self {
            inner: Arc::new(Inner {
                backend: Arc::clone(backend),
                id: backend.stream()?,
                used: Mutex::new(Vec::new()),
            }),
        })
    }

    /// Waits for everything on the stream.
    ///
    /// # Errors
    ///
    /// Returns the first error of any of it.
    pub fn synchronize(&self) -> Result<(), DeviceError> {
        self.inner.synchronize()
    }

    /// Pinned host memory for copies on this stream.
    ///
    /// # Errors
    ///
    /// Fails if the system cannot pin more memory.
    pub fn pinned(&self, bytes: usize) -> Result<Pinned, DeviceError> {
        let at = self.inner.backend.pin(bytes.max(1))?;
        Ok(Pinned {
            page: Arc::new(Page {
                backend: Arc::clone(&self.inner.backend),
                at,
                bytes,
            }),
            stream: Arc::clone(&self.inner),
        })
    }

    /// Enqueues a copy of the first `bytes` bytes of `from` to `to`, from its byte `at` on.
    ///
    /// # Errors
    ///
    /// Fails if they do not fit, or the driver refuses.
    pub fn upload(
        &self,
        from: &Pinned,
        bytes: usize,
        to: &Buffer,
        at: usize,
    ) -> Result<(), DeviceError> {
        fits(0, bytes, from.page.bytes)?;
        fits(at, bytes, to.bytes())?;
        self.at_home(to)?;
        self.hold(Used::Host(Arc::clone(&from.page)));
        self.hold(Used::Device(Arc::clone(&to.0)));
        self.own(from)?;
        // SAFETY: both ranges fit and are held; `Pinned` waits for its stream, this one, before it
        // lets anybody write.
        unsafe {
            self.inner
                .backend
                .upload(self.inner.id, from.page.at, to.0.address + at as u64, bytes)
        }
    }

    /// Enqueues a copy of `bytes` bytes of `from`, from its byte `at` on, to the start of `to`.
    ///
    /// # Errors
    ///
    /// Fails if they do not fit, or the driver refuses.
    pub fn download(
        &self,
        from: &Buffer,
        at: usize,
        bytes: usize,
        to: &Pinned,
    ) -> Result<(), DeviceError> {
        fits(at, bytes, from.bytes())?;
        fits(0, bytes, to.page.bytes)?;
        self.at_home(from)?;
        self.hold(Used::Host(Arc::clone(&to.page)));
        self.hold(Used::Device(Arc::clone(&from.0)));
        self.own(to)?;
        // SAFETY: as in `upload`.
        unsafe {
            self.inner.backend.download(
                self.inner.id,
                from.0.address + at as u64,
                to.page.at,
                bytes,
            )
        }
    }

    /// Enqueues setting all bytes of a buffer.
    ///
    /// # Errors
    ///
    /// Fails if the driver refuses.
    pub fn fill(&self, buffer: &Buffer, value: u8) -> Result<(), DeviceError> {
        self.at_home(buffer)?;
        self.hold(Used::Device(Arc::clone(&buffer.0)));
        // SAFETY: the range is the buffer's own and held.
        unsafe {
            self.inner
                .backend
                .fill(self.inner.id, buffer.0.address, buffer.bytes(), value)
        }
    }

    /// Copies values to the start of a buffer and waits. It is meant for small data.
    ///
    /// # Errors
    ///
    /// Fails if they do not fit, or the driver refuses.
    pub fn send<T: Plain>(&self, values: &[T], to: &Buffer) -> Result<(), DeviceError> {
        let bytes = bytes_of(values);
        fits(0, bytes.len(), to.bytes())?;
        self.at_home(to)?;
        // SAFETY: both ranges fit, and nobody touches them before the stream was synchronized.
        unsafe {
            let id = self.inner.id;
            (self.inner.backend).upload(id, bytes.as_ptr(), to.0.address, bytes.len())
        }?;
        self.synchronize()
    }

    /// Copies the start of a buffer to values and waits.
    ///
    /// # Errors
    ///
    /// Fails if the buffer is shorter, or the driver refuses.
    pub fn fetch<T: Plain>(&self, from: &Buffer, values: &mut [T]) -> Result<(), DeviceError> {
        let bytes = bytes_of_mut(values);
        fits(0, bytes.len(), from.bytes())?;
        self.at_home(from)?;
        // SAFETY: as in `send`.
        unsafe {
            let id = self.inner.id;
            (self.inner.backend).download(id, from.0.address, bytes.as_mut_ptr(), bytes.len())
        }?;
        self.synchronize()
    }

    /// Enqueues a kernel.
    ///
    /// # Errors
    ///
    /// Fails if arguments or sizes do not fit. The host device also reports what the kernel did
    /// wrong at once; a GPU reports it at synchronization, if at all.
    pub fn launch(
        &self,
        function: &Function,
        grid: Grid,
        args: &[Arg<'_>],
    ) -> Result<(), DeviceError> {
        if let Some(problem) = grid.fault() {
            return Err(DeviceError::Launch {
                kernel: function.kernel.clone(),
                problem,
                expected:
                    "at least one of each, 1024 threads per block, 65535 blocks along y and z"
                        .to_owned(),
            });
        }
        let mut values: Vec<(u64, usize)> = args.iter().map(Arg::bits).collect();
        let sizes: Vec<usize> = values.iter().map(|value| value.1).collect();
        // The machine is little-endian, as all with GPUs are: the low bytes come first.
        let mut pointers: Vec<*mut c_void> = values
            .iter_mut()
            .map(|value| std::ptr::from_mut(&mut value.0).cast())
            .collect();
        for arg in args {
            if let Arg::Buffer(buffer) = arg {
                self.at_home(buffer)?;
                self.hold(Used::Device(Arc::clone(&buffer.0)));
            }
        }
        self.hold(Used::Code(function.clone()));
        // SAFETY: buffers are held until the stream was synchronized; one value an argument.
        unsafe {
            let id = self.inner.id;
            (function.loaded).launch(&function.kernel, id, &grid, &mut pointers, &sizes)
        }
    }

    fn hold(&self, used: Used) {
        self.inner
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(used);
    }

    /// Refuses memory of other devices, whose addresses mean nothing here.
    fn at_home(&self, buffer: &Buffer) -> Result<(), DeviceError> {
        if Arc::ptr_eq(&self.inner.backend, &buffer.0.backend) {
            return Ok(());
        }
        Err(DeviceError::Launch {
            kernel: "copy or argument".to_owned(),
            problem: "a buffer belongs to another device".to_owned(),
            expected: "memory of the stream's own device".to_owned(),
        })
    }

    /// Refuses pinned memory of other streams: it does not wait for this stream before it is
    /// written.
    fn own(&self, pinned: &Pinned) -> Result<(), DeviceError> {
        if Arc::ptr_eq(&self.inner, &pinned.stream) {
            Ok(())
        } else {
            Err(DeviceError::Launch {
                kernel: "copy".to_owned(),
                problem: "the pinned memory belongs to another stream".to_owned(),
                expected: "memory from this stream's `pinned`".to_owned(),
            })
        }
    }
}

impl Inner {
    fn synchronize(&self) -> Result<(), DeviceError> {
        let done = self.backend.synchronize(self.id);
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if done.is_err() {
            // The device may still write there, so the memory is leaked rather than reused.
            std::mem::forget(used);
        }
        done
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.synchronize().is_ok() {
            // SAFETY: nothing is under way on it.
            unsafe { self.backend.end_stream(self.id) }
        }
    }
}

fn fits(at: usize, bytes: usize, room: usize) -> Result<(), DeviceError> {
    if at.checked_add(bytes).is_some_and(|end| end <= room) {
        Ok(())
    } else {
        Err(DeviceError::Range { at, bytes, room })
    }
}

/// Host memory that the copies of one stream reach directly.
#[derive(Debug)]
pub struct Pinned {
    page: Arc<Page>,
    stream: Arc<Inner>,
}

impl Pinned {
    /// Its bytes, after waiting for the stream.
    ///
    /// # Errors
    ///
    /// Returns the stream's error.
    pub fn bytes(&mut self) -> Result<&mut [u8], DeviceError> {
        self.stream.synchronize()?;
        // SAFETY: the page is ours alone (`Pinned` is not cloned, copies are done), and its bytes
        // were set when it was made.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.page.at, self.page.bytes) })
    }

    /// Sets its first bytes to values, after waiting for the stream.
    ///
    /// # Errors
    ///
    /// Fails if they do not fit, or with the stream's error.
    pub fn write<T: Plain>(&mut self, values: &[T]) -> Result<(), DeviceError> {
        let bytes = bytes_of(values);
        fits(0, bytes.len(), self.page.bytes)?;
        self.bytes()?[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// Reads values from its first bytes, after waiting for the stream.
    ///
    /// # Errors
    ///
    /// Fails if there are fewer, or with the stream's error.
    pub fn read<T: Plain>(&mut self, values: &mut [T]) -> Result<(), DeviceError> {
        let bytes = bytes_of_mut(values);
        fits(0, bytes.len(), self.page.bytes)?;
        bytes.copy_from_slice(&self.bytes()?[..bytes.len()]);
        Ok(())
    }
}

#[derive(Debug)]
struct Page {
    backend: Arc<dyn Backend>,
    at: *mut u8,
    bytes: usize,
}

// SAFETY: the pointer is the page's own; who may touch it is decided by `Pinned` and `Stream`.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: it came from `pin` with as many bytes; streams hold a clone of what they use.
        unsafe { self.backend.unpin(self.at, self.bytes.max(1)) }
    }
}
