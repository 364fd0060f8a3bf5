//! NVIDIA's run-time compiler, which needs no GPU and no driver.
#![expect(
    unsafe_code,
    reason = "calls of a library loaded at run time; see SAFETY at each"
)]

use std::ffi::{CStr, CString, c_char, c_int};

use cudarc::nvrtc::{result, sys};

use super::super::cache::{Cache, Key};
use super::super::{CompileError, DeviceError, Source};

/// The compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nvrtc {
    /// Its CUDA version, major and minor.
    pub version: (i32, i32),
}

impl Nvrtc {
    /// The NVRTC that the system's loader finds (`libnvrtc.so`, `libnvrtc.so.13`, …).
    ///
    /// # Errors
    ///
    /// Fails if there is none, or it is too old to produce machine code.
    pub fn find() -> Result<Self, DeviceError> {
        // SAFETY: it only tries to load the library.
        if !unsafe { sys::is_culib_present() } {
            return Err(no_compiler(
                "libnvrtc is not found; install it (`pip install 'nvidia-cuda-nvrtc==13.0.*'`) and \
                 name its folder in LD_LIBRARY_PATH",
            ));
        }
        let (mut major, mut minor): (c_int, c_int) = (0, 0);
        // SAFETY: both are ours.
        unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }
            .result()
            .map_err(|error| no_compiler(&format!("it does not report its version: {error:?}")))?;
        if major < 12 {
            return Err(no_compiler(&format!(
                "NVRTC {major}.{minor} is found, expected 12.0 or newer; install a newer one"
            )));
        }
        Ok(Self {
            version: (major, minor),
        })
    }

    /// Machine code for an architecture such as `sm_90`, from the cache or compiled now.
    ///
    /// # Errors
    ///
    /// Returns a [`CompileError`] at the source's line, or fails if the cache cannot be written.
    pub fn cubin(
        &self,
        source: &Source,
        architecture: &str,
        cache: &Cache,
    ) -> Result<Vec<u8>, DeviceError> {
        let text = source.for_gpu();
        let options = options(source, architecture);
        let version = format!("nvrtc {} {}", self.version.0, self.version.1);
        let key = Key::of(&[
            version.as_bytes(),
            options.join(" ").as_bytes(),
            text.as_bytes(),
        ]);
        if let Some(code) = cache.get(&key, ".cubin").and_then(|path| sealed(&path)) {
            return Ok(code);
        }
        let code = compile(source, &text, &options)?;
        cache.put(&key, ".cubin", |path| {
            let seal = blake3::hash(&code);
            cache.write(path, &[seal.as_bytes().as_slice(), &code].concat())
        })?;
        Ok(code)
    }
}

/// Whether machine code has a kernel of this name: its instructions are in the section
/// `.text.NAME`.
#[must_use]
pub fn defines(cubin: &[u8], kernel: &str) -> bool {
    let section = format!("\0.text.{kernel}\0");
    cubin
        .windows(section.len())
        .any(|window| window == section.as_bytes())
}

fn options(source: &Source, architecture: &str) -> Vec<String> {
    let mut options = vec![
        format!("--gpu-architecture={architecture}"),
        "--std=c++17".to_owned(),
        "--extra-device-vectorization".to_owned(),
    ];
    if source.is_exact() {
        options.push("--fmad=false".to_owned());
    }
    options
}

/// The content of a cache file if it is whole: its digest comes first.
fn sealed(path: &std::path::Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    let (seal, code) = bytes.split_at_checked(blake3::OUT_LEN)?;
    (blake3::hash(code).as_bytes() == seal).then(|| code.to_vec())
}

fn compile(source: &Source, text: &str, options: &[String]) -> Result<Vec<u8>, DeviceError> {
    let failed = |error: result::NvrtcError| no_compiler(&format!("NVRTC failed: {error:?}"));
    let whole = |text: &str| {
        CString::new(text).map_err(|_| CompileError {
            file: source.file().to_owned(),
            line: None,
            message: "the source contains a zero byte".to_owned(),
            log: String::new(),
        })
    };
    let (text, name) = (whole(text)?, whole(source.file())?);
    let program = result::create_program(&text, Some(&name)).map_err(failed)?;
    // SAFETY: the program was just made; `text` and `name` outlive it.
    unsafe {
        let compiled = result::compile_program(program, options);
        let code = match compiled {
            Ok(()) => cubin(program).map_err(failed),
            Err(_) => Err(log(program, source)),
        };
        // A failure to destroy the program has no consequence.
        let _ = result::destroy_program(program);
        code
    }
}

/// # Safety
/// The program was compiled for a real architecture.
unsafe fn cubin(program: sys::nvrtcProgram) -> Result<Vec<u8>, result::NvrtcError> {
    let mut size = 0;
    // SAFETY: the caller's program; the vector is as long as NVRTC says.
    unsafe {
        sys::nvrtcGetCUBINSize(program, &raw mut size).result()?;
        let mut code = vec![0_u8; size];
        sys::nvrtcGetCUBIN(program, code.as_mut_ptr().cast::<c_char>()).result()?;
        Ok(code)
    }
}

/// # Safety
/// The program is alive.
unsafe fn log(program: sys::nvrtcProgram, source: &Source) -> DeviceError {
    // SAFETY: the caller's program; NVRTC ends the log with a zero.
    let log = unsafe { result::get_program_log(program) };
    let text = match &log {
        Ok(log) if log.contains(&0) => {
            // SAFETY: there is a zero in it.
            unsafe { CStr::from_ptr(log.as_ptr()) }
                .to_string_lossy()
                .into_owned()
        }
        _ => String::new(),
    };
    CompileError::from_log(source, &text).into()
}

pub(super) fn no_compiler(reason: &str) -> DeviceError {
    DeviceError::NoCompiler {
        device: "a GPU".to_owned(),
        reason: reason.to_owned(),
    }
}
