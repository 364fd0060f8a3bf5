//! Devices: the processor instead of a GPU, its checks, and a GPU if there is one.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

mod butina;
mod edges;
mod kernels;
mod nvrtc;
mod shape;
mod vina;

use std::sync::{Arc, LazyLock};

use sunward_kernels::device::{Arg, Cache, Device, DeviceError, Gpus, Grid, Source, gpus};

/// The cache of compiled kernels, which is in cargo's target folder and kept between runs.
pub(crate) fn cache() -> Cache {
    Cache::at(concat!(env!("CARGO_TARGET_TMPDIR"), "/kernels"))
}

/// The device without a GPU, or the reason why there is no C++ compiler.
static HOST: LazyLock<Result<Device, String>> =
    LazyLock::new(|| Device::host(1 << 30, cache()).map_err(|error| error.to_string()));

/// Runs a test on each available device, and prints which.
pub(crate) fn on_each(test: impl Fn(&Device)) {
    let mut devices = Vec::new();
    match &*HOST {
        Ok(host) => devices.push(host.clone()),
        Err(error) => eprintln!("NOT RUN on the host: {error}"),
    }
    match gpus() {
        Gpus::Count(_) => devices.push(Device::gpu(0, cache()).unwrap()),
        Gpus::None(reason) => eprintln!("NOT RUN on a GPU: {reason}"),
    }
    for device in devices {
        let about = device.about();
        eprintln!(
            "RUN on {} ({}, {})",
            about.name, about.architecture, about.driver
        );
        test(&device);
    }
}

/// Runs a test on the processor only, for checks that a GPU does not have.
fn on_host(test: impl Fn(&Device)) {
    match &*HOST {
        Ok(host) => test(host),
        Err(error) => eprintln!("NOT RUN on the host: {error}"),
    }
}

const SAXPY: &str = r#"
extern "C" __global__ void saxpy(float a, const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i] + y[i];
}
"#;

fn saxpy(device: &Device, n: usize, told: i32) -> Result<Vec<f32>, DeviceError> {
    let function = device
        .module(&Source::new("saxpy.cu", SAXPY, &["saxpy"]).exact())?
        .function("saxpy")?;
    let stream = device.stream()?;
    let x: Vec<f32> = (0..n).map(|i| i as f32 * 0.25).collect();
    let mut y: Vec<f32> = (0..n).map(|i| 7.0 - i as f32).collect();
    let (dx, dy) = (device.alloc_for::<f32>(n)?, device.alloc_for::<f32>(n)?);
    stream.send(&x, &dx)?;
    stream.send(&y, &dy)?;
    let args = [
        Arg::F32(1.5),
        Arg::Buffer(&dx),
        Arg::Buffer(&dy),
        Arg::I32(told),
    ];
    stream.launch(&function, Grid::new((n as u32).div_ceil(128), 128), &args)?;
    stream.synchronize()?;
    stream.fetch(&dy, &mut y)?;
    Ok(y)
}

#[test]
fn saxpy_over_a_ragged_length_is_right() {
    on_each(|device| {
        for n in [1, 127, 128, 1000] {
            let y = saxpy(device, n, n as i32).unwrap();
            let expected = (0..n).map(|i| 1.5 * (i as f32 * 0.25) + (7.0 - i as f32));
            assert!(y.iter().copied().eq(expected), "{n}");
        }
    });
}

#[test]
fn a_write_beyond_the_end_is_found_and_told() {
    on_host(|device| {
        let error = saxpy(device, 100, 101).unwrap_err().to_string();
        assert_eq!(
            error,
            "kernel `saxpy` did what a GPU leaves undefined: it wrote at byte 400 of an \
             allocation of 400 bytes"
        );
        // An error is reported once. The next launch is not affected.
        saxpy(device, 100, 100).unwrap();
    });
}

/// Row sums with shared memory of both kinds, barriers, shuffles, votes and atomics.
const SUMS: &str = r#"
extern "C" __global__ void sums(const int* x, long long* out, unsigned* odd, int n) {
    extern __shared__ int copy[];
    __shared__ long long part[8];
    int row = blockIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    long long sum = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        copy[i] = x[row * n + i];
        sum += copy[i];
    }
    for (int step = 16; step; step >>= 1) sum += __shfl_down_sync(0xffffffffu, sum, step);
    if (lane == 0) part[warp] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        long long all = 0;
        for (unsigned w = 0; w < blockDim.x / 32; w++) all += part[w];
        out[row] = all;
    }
    int mine = threadIdx.x < n ? copy[n - 1 - threadIdx.x] & 1 : 0;
    unsigned votes = __ballot_sync(0xffffffffu, mine);
    if (lane == 0) atomicAdd(odd, __popc(votes));
}
"#;

#[test]
fn blocks_meet_at_barriers_and_warps_shuffle() {
    on_each(|device| {
        let source = Source::new("sums.cu", SUMS, &["sums"]);
        let function = device.module(&source).unwrap().function("sums").unwrap();
        let stream = device.stream().unwrap();
        let (rows, n) = (5_usize, 50_usize);
        let x: Vec<i32> = (0..rows * n)
            .map(|i| (i * 7919 % 1000) as i32 - 300)
            .collect();
        let (dx, out) = (
            device.alloc_for::<i32>(x.len()).unwrap(),
            device.alloc_for::<i64>(rows).unwrap(),
        );
        let odd = device.alloc_for::<u32>(1).unwrap();
        stream.send(&x, &dx).unwrap();
        stream.fill(&odd, 0).unwrap();
        let args = [
            Arg::Buffer(&dx),
            Arg::Buffer(&out),
            Arg::Buffer(&odd),
            Arg::I32(n as i32),
        ];
        let grid = Grid::new(rows as u32, 64).shared(4 * n as u32);
        stream.launch(&function, grid, &args).unwrap();
        let (mut sums, mut odds) = (vec![0_i64; rows], [0_u32]);
        stream.fetch(&out, &mut sums).unwrap();
        stream.fetch(&odd, &mut odds).unwrap();
        let expected: Vec<i64> = x
            .chunks(n)
            .map(|row| row.iter().map(|&v| i64::from(v)).sum())
            .collect();
        assert_eq!(sums, expected);
        assert_eq!(odds[0] as usize, x.iter().filter(|v| *v & 1 == 1).count());
    });
}

#[test]
fn shared_memory_of_the_launch_has_an_end() {
    on_host(|device| {
        let text = r#"extern "C" __global__ void over() {
            extern __shared__ float all[];
            all[threadIdx.x] = 1.0f;
        }"#;
        let source = Source::new("over.cu", text, &["over"]);
        let function = device.module(&source).unwrap().function("over").unwrap();
        let stream = device.stream().unwrap();
        let grid = Grid::new(1, 32);
        stream.launch(&function, grid.shared(128), &[]).unwrap();
        let error = stream.launch(&function, grid.shared(120), &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("in shared memory: it wrote at byte 120")
        );
    });
}

#[test]
fn a_barrier_that_not_all_threads_reach_is_an_error() {
    on_host(|device| {
        let text = r#"
extern "C" __global__ void barrier() { if (threadIdx.x < 40) __syncthreads(); else __syncwarp(); }
extern "C" __global__ void warp(int n) {
    if (threadIdx.x >= n) return;
    __shfl_xor_sync(0xffffffffu, n, 1);
}
extern "C" __global__ void trap() { if (threadIdx.x == 3) __trap(); }
"#;
        let source = Source::new("bad.cu", text, &["barrier", "warp", "trap"]);
        let module = device.module(&source).unwrap();
        let stream = device.stream().unwrap();
        let run = |kernel: &str, args: &[Arg<'_>]| {
            let function = module.function(kernel).unwrap();
            stream.launch(&function, Grid::new(2, 64), args)
        };
        let error = run("barrier", &[]).unwrap_err().to_string();
        assert!(
            error.contains("block (0,0,0), thread (0,0,0): waits at __syncthreads()")
                || error.contains("waits in a warp operation"),
            "{error}"
        );
        run("warp", &[Arg::I32(64)]).unwrap();
        let error = run("warp", &[Arg::I32(50)]).unwrap_err().to_string();
        assert!(
            error.contains("thread (32,0,0): waits in a warp operation"),
            "{error}"
        );
        let error = run("trap", &[]).unwrap_err().to_string();
        assert!(
            error.contains("thread (3,0,0): __trap() was called"),
            "{error}"
        );
    });
}

#[test]
fn a_mistake_in_the_source_is_told_at_its_line() {
    on_host(|device| {
        let text = "\nextern \"C\" __global__ void f(int* x) {\n    *x = y;\n}\n";
        let source = Source::new("lines of mine.cu", text, &["f"]).at_line(10);
        let Err(DeviceError::Compile(error)) = device.module(&source) else {
            panic!("it should not compile");
        };
        assert_eq!(
            (error.file.as_str(), error.line),
            ("lines of mine.cu", Some(12))
        );
        assert!(error.message.contains("'y'"), "{error}");
        let missing = Source::new("one.cu", SAXPY, &["saxpi"]);
        assert!(device.module(&missing).is_err());
        let good = device
            .module(&Source::new("one.cu", SAXPY, &["saxpy"]))
            .unwrap();
        let error = good.function("f").unwrap_err().to_string();
        assert!(error.contains("one.cu defines no kernel `f`"), "{error}");
    });
}

#[test]
fn arguments_of_a_wrong_number_or_size_are_refused_before_anything_runs() {
    on_host(|device| {
        let source = Source::new("saxpy.cu", SAXPY, &["saxpy"]).exact();
        let function = device.module(&source).unwrap().function("saxpy").unwrap();
        let stream = device.stream().unwrap();
        let room = device.alloc(4).unwrap();
        let launch = |args: &[Arg<'_>]| {
            let error = stream.launch(&function, Grid::new(1, 1), args).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            launch(&[Arg::F32(1.0)]),
            "kernel `saxpy` cannot be launched: 1 arguments were given; expected 4"
        );
        let buffer = Arg::Buffer(&room);
        assert_eq!(
            launch(&[Arg::F64(1.0), buffer, buffer, Arg::I32(0)]),
            "kernel `saxpy` cannot be launched: argument 1 has 8 bytes; expected 4 bytes"
        );
        let none = stream.launch(&function, Grid::new(0, 1), &[]).unwrap_err();
        assert!(none.to_string().contains("at least one of each"));
    });
}

#[test]
fn memory_that_runs_out_is_told_with_its_numbers() {
    match Device::host(1000, cache()) {
        Ok(device) => {
            let _held = device.alloc(700).unwrap();
            assert_eq!(device.free_memory().unwrap(), 300);
            let error = device.alloc(301).unwrap_err().to_string();
            assert!(
                error.contains("has 300 of 1000 bytes of memory free, and 301 were requested"),
                "{error}"
            );
        }
        Err(error) => eprintln!("NOT RUN on the host: {error}"),
    }
}

#[test]
fn copies_beyond_a_buffer_and_pages_of_another_stream_are_refused() {
    on_each(|device| {
        let (a, b) = (device.stream().unwrap(), device.stream().unwrap());
        let buffer = device.alloc(8).unwrap();
        let mut page = a.pinned(16).unwrap();
        page.bytes().unwrap().fill(9);
        assert!(a.upload(&page, 8, &buffer, 1).is_err());
        assert!(a.upload(&page, 17, &buffer, 0).is_err());
        assert!(b.upload(&page, 8, &buffer, 0).is_err());
        a.upload(&page, 8, &buffer, 0).unwrap();
        page.bytes().unwrap().fill(0);
        a.download(&buffer, 4, 4, &page).unwrap();
        assert_eq!(page.bytes().unwrap()[..5], [9, 9, 9, 9, 0]);
        assert!(a.fetch(&buffer, &mut [0_u8; 9]).is_err());
        if let Ok(other) = Device::host(100, cache()) {
            let foreign = other.alloc(8).unwrap();
            let error = a.send(&[0_u8; 8], &foreign).unwrap_err().to_string();
            assert!(
                error.contains("a buffer belongs to another device"),
                "{error}"
            );
        }
    });
}

#[test]
fn what_was_compiled_is_found_again_and_what_was_cut_short_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    // A new device each time, because a device keeps the kernels that it has loaded.
    let device = || Device::host(1 << 20, Cache::at(folder.path()));
    if let Err(error) = device() {
        eprintln!("NOT RUN on the host: {error}");
        return;
    }
    let source = Source::new("saxpy.cu", SAXPY, &["saxpy"]);
    device().unwrap().module(&source).unwrap();
    let kept = || -> Vec<_> {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    };
    let first = kept();
    assert_eq!(first.len(), 1, "{first:?}");
    let made = std::fs::metadata(&first[0]).unwrap().modified().unwrap();
    device().unwrap().module(&source).unwrap();
    assert_eq!(
        std::fs::metadata(&first[0]).unwrap().modified().unwrap(),
        made
    );
    device()
        .unwrap()
        .module(&source.clone().at_line(3))
        .unwrap();
    assert_eq!(kept().len(), 2);
    std::fs::write(&first[0], b"no library").unwrap();
    saxpy_loads(&device().unwrap(), &source);
}

fn saxpy_loads(device: &Device, source: &Source) {
    assert!(device.module(source).unwrap().function("saxpy").is_ok());
}

#[test]
fn a_device_and_its_parts_can_go_to_other_threads() {
    on_each(|device| {
        let device = Arc::new(device.clone());
        let threads: Vec<_> = (1..4)
            .map(|n| {
                let device = Arc::clone(&device);
                std::thread::spawn(move || saxpy(&device, n * 33, n as i32 * 33).unwrap().len())
            })
            .collect();
        let lengths: Vec<usize> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        assert_eq!(lengths, [33, 66, 99]);
    });
}
