//! One GPU, through its driver.
#![expect(
    unsafe_code,
    reason = "calls of a library loaded at run time; see SAFETY at each"
)]

use std::collections::BTreeMap;
use std::ffi::{CString, c_int, c_void};
use std::sync::Arc;

use cudarc::driver::{result, sys};

use super::super::backend::{Address, Backend, Loaded, StreamId};
use super::super::{About, Cache, DeviceError, Grid, Source};
use super::nvrtc::no_compiler;
use super::{Card, Nvrtc};

/// Dynamic shared memory beyond this must be enabled for each kernel.
const PLAIN_SHARED_BYTES: u32 = 48 << 10;
/// The first driver that reports a kernel's parameters. Without them no launch is safe.
const OLDEST_DRIVER: (i32, i32) = (12, 4);

/// The GPUs of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gpus {
    /// There is no driver, no visible GPU, or the driver refuses, for this reason.
    None(String),
    /// The number of GPUs, which are numbered from 0.
    Count(usize),
}

/// Looks for GPUs. It opens only the driver, and does not fail without one.
#[must_use]
pub fn gpus() -> Gpus {
    // SAFETY: it only tries to load the library. Calls without the library would panic, hence this
    // check.
    if !unsafe { sys::is_culib_present() } {
        return Gpus::None("no NVIDIA driver (libcuda.so) is installed".to_owned());
    }
    match result::init().and_then(|()| result::device::get_count()) {
        Ok(0) => Gpus::None("the driver sees no GPU".to_owned()),
        Ok(count) => Gpus::Count(usize::try_from(count).unwrap_or(0)),
        Err(error) => Gpus::None(format!("the driver reports {:?}", error.0)),
    }
}

/// A GPU and its primary context.
#[derive(Debug)]
pub(in super::super) struct Gpu {
    about: About,
    driver: (i32, i32),
    cache: Cache,
    context: Arc<Context>,
}

/// The primary context, released with its last user.
#[derive(Debug)]
struct Context {
    device: sys::CUdevice,
    handle: sys::CUcontext,
}

// SAFETY: the driver's handles may be used from any thread that has made the context current, which
// each call here does first.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    fn enter(&self) -> Result<(), DeviceError> {
        // SAFETY: retained until it is dropped.
        unsafe { result::ctx::set_current(self.handle) }.map_err(failed("entering the context"))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: retained once. A failure leaves it to the end of the process.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}

fn failed(doing: &str) -> impl Fn(result::DriverError) -> DeviceError + '_ {
    move |error| DeviceError::Driver {
        doing: doing.to_owned(),
        reason: format!("{:?}", error.0),
    }
}

impl Gpu {
    pub(in super::super) fn open(ordinal: usize, cache: Cache) -> Result<Self, DeviceError> {
        let count = match gpus() {
            Gpus::Count(count) => count,
            Gpus::None(reason) => return Err(DeviceError::NoGpu { reason }),
        };
        let number = c_int::try_from(ordinal).ok().filter(|_| ordinal < count);
        let number = number.ok_or_else(|| DeviceError::NoGpu {
            reason: format!("GPU {ordinal} was requested, but {count} are visible"),
        })?;
        let device = result::device::get(number).map_err(failed("opening the device"))?;
        // SAFETY: the device comes from the driver.
        let handle = unsafe { result::primary_ctx::retain(device) }
            .map_err(failed("making the device's context"))?;
        let context = Arc::new(Context { device, handle });
        context.enter()?;
        let driver = driver_version()?;
        if driver < OLDEST_DRIVER {
            return Err(DeviceError::NoGpu {
                reason: format!(
                    "its driver knows CUDA up to {}.{}, expected 12.4 or newer; install a newer driver",
                    driver.0, driver.1
                ),
            });
        }
        Ok(Self {
            about: about(device, driver)?,
            driver,
            cache,
            context,
        })
    }

    fn out_of_memory(&self, wanted: usize) -> DeviceError {
        DeviceError::OutOfMemory {
            device: self.about.name.clone(),
            wanted: wanted as u64,
            free: self.free_memory().unwrap_or(0),
            total: self.about.memory_bytes,
        }
    }
}

/// The newest CUDA version that the driver supports, major and minor.
fn driver_version() -> Result<(i32, i32), DeviceError> {
    let mut version: c_int = 0;
    // SAFETY: the number is ours.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }
        .result()
        .map_err(failed("asking for the driver's version"))?;
    Ok((version / 1000, version % 1000 / 10))
}

fn about(device: sys::CUdevice, driver: (i32, i32)) -> Result<About, DeviceError> {
    use sys::CUdevice_attribute as Attribute;
    let asking = failed("asking what the device is");
    let attribute = |which| {
        // SAFETY: the device comes from the driver.
        unsafe { result::device::get_attribute(device, which) }.map_err(&asking)
    };
    let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    let card = Card::of(device).map_err(&asking)?;
    Ok(About {
        name: card.name,
        architecture: format!("sm_{major}{minor}"),
        memory_bytes: card.memory_bytes,
        driver: format!("CUDA {}.{}", driver.0, driver.1),
        uuid: card.uuid,
        is_gpu: true,
    })
}

fn stream(id: StreamId) -> sys::CUstream {
    std::ptr::with_exposed_provenance_mut(usize::try_from(id).unwrap_or(0))
}

impl Backend for Gpu {
    fn about(&self) -> &About {
        &self.about
    }

    fn free_memory(&self) -> Result<u64, DeviceError> {
        self.context.enter()?;
        let (free, _) = result::mem_get_info().map_err(failed("asking for free memory"))?;
        Ok(free as u64)
    }

    fn module(&self, source: &Source) -> Result<Arc<dyn Loaded>, DeviceError> {
        let nvrtc = Nvrtc::find()?;
        if nvrtc.version > self.driver {
            let (ours, theirs) = (nvrtc.version, self.driver);
            return Err(no_compiler(&format!(
                "NVRTC {}.{} is newer than the driver, which knows CUDA up to {}.{}; install \
                 `nvidia-cuda-nvrtc=={}.{}.*` or a newer driver",
                ours.0, ours.1, theirs.0, theirs.1, theirs.0, theirs.1
            )));
        }
        let code = nvrtc.cubin(source, &self.about.architecture, &self.cache)?;
        self.context.enter()?;
        // SAFETY: whole machine code, checked by its digest where it comes from the cache.
        let handle = unsafe { result::module::load_data(code.as_ptr().cast()) }
            .map_err(failed("loading a compiled kernel"))?;
        let mut program = Program {
            context: Arc::clone(&self.context),
            handle,
            functions: BTreeMap::new(),
        };
        for name in source.kernels() {
            let c_name = CString::new(name.as_str()).unwrap_or_default();
            // SAFETY: the module was just loaded.
            if let Ok(function) = unsafe { result::module::get_function(handle, c_name) } {
                program.functions.insert(name.clone(), function);
            }
        }
        Ok(Arc::new(program))
    }

    fn alloc(&self, bytes: usize) -> Result<Address, DeviceError> {
        self.context.enter()?;
        // SAFETY: what it gives is set before it is read, by kernels and copies.
        unsafe { result::malloc_sync(bytes) }.map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => self.out_of_memory(bytes),
            _ => failed("allocating memory")(error),
        })
    }

    unsafe fn free(&self, address: Address) {
        if self.context.enter().is_ok() {
            // SAFETY: the caller's promise. What cannot be freed ends with the process.
            let _ = unsafe { result::free_sync(address) };
        }
    }

    fn pin(&self, bytes: usize) -> Result<*mut u8, DeviceError> {
        self.context.enter()?;
        // SAFETY: the bytes are set at once.
        unsafe {
            let at: *mut u8 = result::malloc_host(bytes, 0)
                .map_err(failed("pinning host memory"))?
                .cast();
            at.write_bytes(0, bytes);
            Ok(at)
        }
    }

    unsafe fn unpin(&self, at: *mut u8, _bytes: usize) {
        if self.context.enter().is_ok() {
            // SAFETY: the caller's promise.
            let _ = unsafe { result::free_host(at.cast()) };
        }
    }

    fn stream(&self) -> Result<StreamId, DeviceError> {
        self.context.enter()?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking)
            .map_err(failed("making a stream"))?;
        Ok(stream.expose_provenance() as u64)
    }

    unsafe fn end_stream(&self, id: StreamId) {
        if self.context.enter().is_ok() {
            // SAFETY: the caller's promise.
            let _ = unsafe { result::stream::destroy(stream(id)) };
        }
    }

    fn synchronize(&self, id: StreamId) -> Result<(), DeviceError> {
        self.context.enter()?;
        // SAFETY: the handles above end streams only when they are gone.
        unsafe { result::stream::synchronize(stream(id)) }.map_err(failed("running a kernel"))
    }

    unsafe fn upload(
        &self,
        id: StreamId,
        from: *const u8,
        to: Address,
        bytes: usize,
    ) -> Result<(), DeviceError> {
        self.context.enter()?;
        // SAFETY: the caller says that the range exists and stays.
        unsafe {
            let from = std::slice::from_raw_parts(from, bytes);
            result::memcpy_htod_async(to, from, stream(id))
        }
        .map_err(failed("copying to the device"))
    }

    unsafe fn download(
        &self,
        id: StreamId,
        from: Address,
        to: *mut u8,
        bytes: usize,
    ) -> Result<(), DeviceError> {
        self.context.enter()?;
        // SAFETY: the caller says that the range exists and is nobody else's.
        unsafe {
            let to = std::slice::from_raw_parts_mut(to, bytes);
            result::memcpy_dtoh_async(to, from, stream(id))
        }
        .map_err(failed("copying from the device"))
    }

    unsafe fn fill(
        &self,
        id: StreamId,
        at: Address,
        bytes: usize,
        value: u8,
    ) -> Result<(), DeviceError> {
        self.context.enter()?;
        // SAFETY: the caller says that the range exists.
        unsafe { result::memset_d8_async(at, value, bytes, stream(id)) }
            .map_err(failed("setting memory"))
    }
}

/// Loaded machine code.
#[derive(Debug)]
struct Program {
    context: Arc<Context>,
    handle: sys::CUmodule,
    functions: BTreeMap<String, sys::CUfunction>,
}

// SAFETY: as for `Context`.
unsafe impl Send for Program {}
// SAFETY: as for `Context`.
unsafe impl Sync for Program {}

impl Drop for Program {
    fn drop(&mut self) {
        if self.context.enter().is_ok() {
            // SAFETY: loaded once; streams hold what they still run.
            let _ = unsafe { result::module::unload(self.handle) };
        }
    }
}

impl Loaded for Program {
    fn has(&self, kernel: &str) -> bool {
        self.functions.contains_key(kernel)
    }

    unsafe fn launch(
        &self,
        kernel: &str,
        id: StreamId,
        grid: &Grid,
        args: &mut [*mut c_void],
        sizes: &[usize],
    ) -> Result<(), DeviceError> {
        self.context.enter()?;
        let function = self.functions.get(kernel).copied();
        let function = function.ok_or_else(|| DeviceError::NoFunction {
            file: "the loaded module".to_owned(),
            kernel: kernel.to_owned(),
        })?;
        let refused = |error: result::DriverError| DeviceError::Launch {
            kernel: kernel.to_owned(),
            problem: format!("the driver reports {:?}", error.0),
            expected: "arguments as its parameters are, and a size that the device can run"
                .to_owned(),
        };
        check_sizes(kernel, function, sizes)?;
        if grid.shared_bytes > PLAIN_SHARED_BYTES {
            use sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES as MOST;
            let bytes = c_int::try_from(grid.shared_bytes).unwrap_or(c_int::MAX);
            // SAFETY: the function is this module's.
            unsafe { result::function::set_function_attribute(function, MOST, bytes) }
                .map_err(refused)?;
        }
        let [blocks, threads] = [grid.blocks, grid.threads].map(|n| (n[0], n[1], n[2]));
        // SAFETY: the caller vouches for addresses; the driver reads the arguments now.
        unsafe {
            result::launch_kernel(
                function,
                blocks,
                threads,
                grid.shared_bytes,
                stream(id),
                args,
            )
        }
        .map_err(refused)
    }
}

/// Checks that the arguments have the sizes of the parameters, because the driver reads that many
/// bytes.
fn check_sizes(
    kernel: &str,
    function: sys::CUfunction,
    sizes: &[usize],
) -> Result<(), DeviceError> {
    let parameter = |i: usize| {
        let (mut at, mut bytes) = (0, 0);
        // SAFETY: the function is a loaded module's, both numbers are ours, and drivers that do not
        // know the call are refused when the GPU is opened.
        unsafe { sys::cuFuncGetParamInfo(function, i, &raw mut at, &raw mut bytes) }
            .result()
            .ok()
            .map(|()| bytes)
    };
    let wanted: Vec<usize> = (0..).map_while(parameter).collect();
    if wanted == sizes {
        return Ok(());
    }
    Err(DeviceError::Launch {
        kernel: kernel.to_owned(),
        problem: format!("its arguments are {sizes:?} bytes long"),
        expected: format!("{wanted:?}"),
    })
}
