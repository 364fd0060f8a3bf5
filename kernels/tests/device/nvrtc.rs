//! NVIDIA's compiler, which needs no GPU, compiles every kernel.

use sunward_kernels::device::{CompileError, DeviceError, Nvrtc, Source};
use sunward_kernels::library;

use crate::cache;

/// Ampere, Hopper, Blackwell.
const ARCHITECTURES: [&str; 3] = ["sm_80", "sm_90", "sm_120"];

fn nvrtc() -> Option<Nvrtc> {
    Nvrtc::find()
        .inspect_err(|error| eprintln!("NOT RUN through NVRTC: {error}"))
        .ok()
}

#[test]
fn every_kernel_compiles_for_every_architecture() {
    let Some(nvrtc) = nvrtc() else { return };
    let mut compiled = Vec::new();
    for kernel in library().iter() {
        for source in kernel.sources() {
            for architecture in ARCHITECTURES {
                let code = nvrtc.cubin(&source, architecture, &cache()).unwrap();
                assert_eq!(&code[..4], b"\x7fELF");
                // Cached kernels are equal to compiled ones.
                let again = nvrtc.cubin(&source, architecture, &cache()).unwrap();
                assert!(again == code);
            }
            compiled.push(source.file().to_owned());
        }
    }
    assert!(!compiled.is_empty());
    let (major, minor) = nvrtc.version;
    eprintln!("RUN through NVRTC {major}.{minor} for {ARCHITECTURES:?}: {compiled:?}");
}

#[test]
fn a_mistake_is_told_at_its_line() {
    let Some(nvrtc) = nvrtc() else { return };
    let text = "\nextern \"C\" __global__ void f(int* x) {\n    *x = y;\n}\n";
    let source = Source::new("mine.cu", text, &["f"]).at_line(10);
    let error = nvrtc.cubin(&source, "sm_90", &cache()).unwrap_err();
    let DeviceError::Compile(CompileError {
        file,
        line,
        message,
        ..
    }) = error
    else {
        panic!("{error}");
    };
    assert_eq!((file.as_str(), line), ("mine.cu", Some(12)));
    assert!(message.contains("\"y\" is undefined"), "{message}");
}
