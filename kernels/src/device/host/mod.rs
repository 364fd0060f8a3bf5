//! The host device: the CPU in place of a GPU. The same source is compiled by a C++ compiler, run
//! here, and checked.
//!
//! It serves tests, and a user's first look at a kernel. Each thread is a fiber, so it is thousands
//! of times slower than a GPU. Writes outside an allocation, barriers that not all threads reach,
//! and arguments of a wrong size are errors here.
#![expect(
    unsafe_code,
    reason = "compiled kernels are loaded and called; see SAFETY at each"
)]

mod compiler;
mod memory;

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::sync::Arc;

use libloading::Library;

use self::compiler::Compiler;
use self::memory::Memory;
use super::backend::{Address, Backend, Loaded, StreamId};
use super::cache::{Cache, Key};
use super::{About, CompileError, DeviceError, Grid, Source};

/// Shared memory of a block, static and dynamic: the least of compute capability 8.0.
const SHARED_BYTES: u32 = 163 << 10;
/// The longest message of a kernel.
const MESSAGE_BYTES: usize = 512;

/// The device.
#[derive(Debug)]
pub(super) struct Host {
    about: About,
    compiler: Compiler,
    cache: Cache,
    memory: Arc<Memory>,
}

impl Host {
    pub(super) fn new(memory_bytes: u64, cache: Cache) -> Result<Self, DeviceError> {
        let compiler = Compiler::find()?;
        Ok(Self {
            about: About {
                name: "this CPU in place of a GPU".to_owned(),
                architecture: "host".to_owned(),
                memory_bytes,
                driver: compiler.version.clone(),
                uuid: "host".to_owned(),
                is_gpu: false,
            },
            compiler,
            cache,
            memory: Arc::new(Memory::new(memory_bytes)),
        })
    }

    fn compile(&self, source: &Source, text: &str, key: &Key) -> Result<Program, DeviceError> {
        let make = |to: &Path| self.compiler.compile(source, text, &self.cache, to);
        let load = |path: &Path| Program::load(path, source, Arc::clone(&self.memory));
        if let Some(path) = self.cache.get(key, ".so")
            && let Ok(program) = load(&path)
        {
            return Ok(program);
        }
        // The file was never compiled, or is damaged: it may have been cut off.
        let path = self.cache.put(key, ".so", make)?;
        load(&path)
    }
}

impl Backend for Host {
    fn about(&self) -> &About {
        &self.about
    }

    fn free_memory(&self) -> Result<u64, DeviceError> {
        Ok(self.memory.free_bytes())
    }

    fn module(&self, source: &Source) -> Result<Arc<dyn Loaded>, DeviceError> {
        let text = source.for_host();
        let key = self.compiler.key(&text);
        Ok(Arc::new(self.compile(source, &text, &key)?))
    }

    fn alloc(&self, bytes: usize) -> Result<Address, DeviceError> {
        self.memory
            .alloc(bytes)
            .ok_or_else(|| DeviceError::OutOfMemory {
                device: self.about.name.clone(),
                wanted: bytes as u64,
                free: self.memory.free_bytes(),
                total: self.about.memory_bytes,
            })
    }

    unsafe fn free(&self, address: Address) {
        self.memory.free(address);
    }

    fn pin(&self, bytes: usize) -> Result<*mut u8, DeviceError> {
        let page = vec![0_u8; bytes].into_boxed_slice();
        Ok(Box::into_raw(page).cast())
    }

    unsafe fn unpin(&self, at: *mut u8, bytes: usize) {
        let page = std::ptr::slice_from_raw_parts_mut(at, bytes);
        // SAFETY: it came from `pin` with as many bytes.
        drop(unsafe { Box::from_raw(page) });
    }

    fn stream(&self) -> Result<StreamId, DeviceError> {
        Ok(0)
    }

    unsafe fn end_stream(&self, _stream: StreamId) {}

    fn synchronize(&self, _stream: StreamId) -> Result<(), DeviceError> {
        // Everything was done when it was requested.
        Ok(())
    }

    unsafe fn upload(
        &self,
        _stream: StreamId,
        from: *const u8,
        to: Address,
        bytes: usize,
    ) -> Result<(), DeviceError> {
        // SAFETY: the caller says that both ranges exist; an allocation overlaps nothing else.
        unsafe { std::ptr::copy_nonoverlapping(from, pointer(to), bytes) };
        Ok(())
    }

    unsafe fn download(
        &self,
        _stream: StreamId,
        from: Address,
        to: *mut u8,
        bytes: usize,
    ) -> Result<(), DeviceError> {
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(pointer(from).cast_const(), to, bytes) };
        Ok(())
    }

    unsafe fn fill(
        &self,
        _stream: StreamId,
        at: Address,
        bytes: usize,
        value: u8,
    ) -> Result<(), DeviceError> {
        // SAFETY: the caller says that the range exists.
        unsafe { std::ptr::write_bytes(pointer(at), value, bytes) };
        Ok(())
    }
}

/// An address of this device is one of this process.
fn pointer(address: Address) -> *mut u8 {
    // Addresses have 64 bits on all platforms that this is built for; `alloc` made it from a
    // pointer.
    std::ptr::with_exposed_provenance_mut(usize::try_from(address).unwrap_or(0))
}

/// A compiled source.
#[derive(Debug)]
struct Program {
    library: Library,
    kernels: Vec<String>,
    memory: Arc<Memory>,
}

type Sizes = unsafe extern "C" fn(*mut usize, c_int) -> c_int;
type Launch = unsafe extern "C" fn(
    *const c_uint,
    *const c_uint,
    *mut u8,
    *mut *mut c_void,
    *mut c_char,
    usize,
) -> c_int;

impl Program {
    fn load(path: &Path, source: &Source, memory: Arc<Memory>) -> Result<Self, DeviceError> {
        // SAFETY: our compiler made it from the user's source, which the user wants to run; loading
        // runs only the source's own initializers.
        let library = unsafe { Library::new(path) }.map_err(|error| {
            DeviceError::Compile(CompileError {
                file: source.file().to_owned(),
                line: None,
                message: format!("the compiled source cannot be loaded: {error}"),
                log: error.to_string(),
            })
        })?;
        Ok(Self {
            library,
            kernels: source.kernels().to_vec(),
            memory,
        })
    }

    fn symbol<T: Copy>(&self, kind: &str, kernel: &str) -> Result<T, DeviceError> {
        // SAFETY: the header defines both kinds of names with the types above.
        unsafe { self.library.get::<T>(format!("sunward_{kind}_{kernel}")) }
            .map(|symbol| *symbol)
            .map_err(|error| refused(kernel, error.to_string(), "a kernel of this source"))
    }

    fn check_sizes(&self, kernel: &str, sizes: &[usize]) -> Result<(), DeviceError> {
        let ask: Sizes = self.symbol("sizes", kernel)?;
        let mut wanted = vec![0_usize; sizes.len()];
        let room = c_int::try_from(sizes.len()).unwrap_or(c_int::MAX);
        // SAFETY: there is room for them.
        let count = unsafe { ask(wanted.as_mut_ptr(), room) };
        if usize::try_from(count) != Ok(sizes.len()) {
            let problem = format!("{} arguments were given", sizes.len());
            return Err(refused(kernel, problem, &format!("{count}")));
        }
        let differs = (0..sizes.len()).find(|&i| sizes[i] != wanted[i]);
        differs.map_or(Ok(()), |i| {
            let problem = format!("argument {} has {} bytes", i + 1, sizes[i]);
            Err(refused(kernel, problem, &format!("{} bytes", wanted[i])))
        })
    }
}

impl Loaded for Program {
    fn has(&self, kernel: &str) -> bool {
        self.kernels.iter().any(|name| name == kernel)
    }

    unsafe fn launch(
        &self,
        kernel: &str,
        _stream: StreamId,
        grid: &Grid,
        args: &mut [*mut c_void],
        sizes: &[usize],
    ) -> Result<(), DeviceError> {
        self.check_sizes(kernel, sizes)?;
        if grid.shared_bytes > SHARED_BYTES {
            let problem = format!("{} bytes of shared memory", grid.shared_bytes);
            return Err(refused(kernel, problem, &format!("{SHARED_BYTES} at most")));
        }
        let launch: Launch = self.symbol("launch", kernel)?;
        let shared = Memory::new(u64::MAX);
        let shared_at = shared.alloc((grid.shared_bytes as usize).max(1));
        let mut message = [0 as c_char; MESSAGE_BYTES];
        // SAFETY: the header's function; sizes were checked, the caller vouches for addresses.
        let failed = unsafe {
            launch(
                grid.blocks.as_ptr(),
                grid.threads.as_ptr(),
                pointer(shared_at.unwrap_or_default()),
                args.as_mut_ptr(),
                message.as_mut_ptr(),
                MESSAGE_BYTES,
            )
        } != 0;
        let undefined = |what: String| {
            Err(DeviceError::Undefined {
                kernel: kernel.to_owned(),
                what,
            })
        };
        if let Some(damage) = self.memory.damage() {
            return undefined(damage);
        }
        if let Some(damage) = shared.damage() {
            return undefined(format!("in shared memory: {damage}"));
        }
        if failed {
            // SAFETY: `snprintf` ends what it writes with a zero, and the array began as zeros.
            let what = unsafe { CStr::from_ptr(message.as_ptr()) };
            return undefined(what.to_string_lossy().into_owned());
        }
        Ok(())
    }
}

fn refused(kernel: &str, problem: String, expected: &str) -> DeviceError {
    DeviceError::Launch {
        kernel: kernel.to_owned(),
        problem,
        expected: expected.to_owned(),
    }
}
