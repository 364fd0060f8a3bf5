//! `sunward check` on the `.cu` files of `cuda` stages, if NVIDIA's run-time compiler is available.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says when it did not run"
)]

mod scene;

use scene::{Scene, Told};
use sunward_kernels::device::Nvrtc;

/// A stage that calls the kernel `own` of this source.
fn own(source: &str) -> Scene {
    let scene = Scene::with(
        "name: w\nstages:\n  own:\n    inputs: { t: ./rows.csv }\n    cuda:\n      source: ./code/own.cu\n      \
         entry: own\n      args: [{ in: t.x }, { out: o.z, type: float64 }, { rows: uint32 }]\n\
         outputs: { z: own.o }\n",
    );
    scene.file("rows.csv", "x\n1.5\n");
    scene.file("code/own.cu", source);
    scene
}

const WRONG: &str = "extern \"C\" __global__ void own(const double *x, double *out, unsigned rows) {\n    \
                     unsigned i = blockIdx.x * blockDim.x + threadIdx.x;\n    \
                     if (i < rows) out[i] = 2 * y[i];\n}\n";

/// The output of `check`, if the compiler is available.
fn check(scene: &Scene, arguments: &[&str]) -> Option<Told> {
    if let Err(error) = Nvrtc::find() {
        eprintln!("NOT RUN through NVRTC: {error}");
        return None;
    }
    let mut command = scene.command(&[&["check", "workflow.yaml"], arguments].concat());
    if let Some(folders) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", folders);
    }
    Some(Told::of(&command.output().unwrap()))
}

#[test]
fn source_that_does_not_compile_is_told_at_its_line() {
    let scene = own(WRONG);
    if let Some(told) = check(&scene, &[]) {
        insta::assert_snapshot!(told.expect(2).out);
    }
    if let Some(told) = check(&scene, &["--json"]) {
        let told = told.expect(2).json();
        assert_eq!(told[0]["code"], "SW0707");
        assert_eq!(told[0]["file"], "code/own.cu");
        assert_eq!(told[0]["line"], 3);
    }
}

#[test]
fn a_kernel_that_the_source_does_not_define_is_named() {
    let right = WRONG.replace("y[i]", "x[i]");
    let scene = own(&right.replace("void own", "void other"));
    if let Some(told) = check(&scene, &[]) {
        insta::assert_snapshot!(told.expect(2).out);
    }
    scene.file("code/own.cu", &right);
    if let Some(told) = check(&scene, &[]) {
        assert_eq!(told.expect(0).out, "workflow.yaml: no mistakes\n");
    }
}

#[test]
fn without_the_compiler_source_is_not_looked_at() {
    // Without LD_LIBRARY_PATH, only a compiler that the system installs is found.
    let scene = own(WRONG);
    let told = scene.sunward(&["check", "workflow.yaml"]);
    let by_the_system = told.code == 2 && told.out.contains("SW0707");
    if by_the_system {
        eprintln!("NOT RUN without NVRTC: the system has one");
    } else {
        assert_eq!(told.expect(0).out, "workflow.yaml: no mistakes\n");
    }
}
