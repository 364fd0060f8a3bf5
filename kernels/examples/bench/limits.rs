//! The limits of the machine: copies in memory, over the host link and on the device.

use sunward_kernels::device::{Arg, Device, Grid, Source};

use crate::{Any, median};

/// Much more than fits in caches.
const BYTES: usize = 1 << 28;
/// The number of copies in a launch on a device, so that its start does not matter.
const COPIES: u32 = 8;
const COPY: &str = r#"
extern "C" __global__ void copy(const double* from, double* to, unsigned long long n, int times) {
    for (int time = 0; time < times; ++time)
        for (unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x; i < n;
             i += (unsigned long long)gridDim.x * blockDim.x)
            to[i] = from[i] + time;
}
"#;

/// Gigabytes per second that one core reads and writes in a copy (both are counted).
pub(crate) fn memory_gb_a_second() -> Result<f64, Any> {
    let from = vec![1_u8; BYTES];
    let mut to = vec![0_u8; BYTES];
    let seconds = median(7, |_| {
        to.copy_from_slice(std::hint::black_box(&from));
        Ok(std::hint::black_box(&mut to)[BYTES / 2])
    })?;
    Ok(2.0 * gigabytes(BYTES) / seconds)
}

/// Gigabytes per second from pinned memory to a device.
pub(crate) fn link_gb_a_second(device: &Device) -> Result<f64, Any> {
    let stream = device.stream()?;
    let here = stream.pinned(BYTES)?;
    let there = device.alloc(BYTES)?;
    let seconds = median(7, |_| {
        stream.upload(&here, BYTES, &there, 0)?;
        Ok(stream.synchronize()?)
    })?;
    Ok(gigabytes(BYTES) / seconds)
}

/// Gigabytes per second that a kernel reads and writes on a device in a copy (both are counted).
pub(crate) fn device_gb_a_second(device: &Device) -> Result<f64, Any> {
    let copy = device
        .module(&Source::new("copy.cu", COPY, &["copy"]))?
        .function("copy")?;
    let stream = device.stream()?;
    let (from, to) = (device.alloc(BYTES)?, device.alloc(BYTES)?);
    stream.fill(&from, 0)?;
    let seconds = median(7, |_| {
        let args = [
            Arg::Buffer(&from),
            Arg::Buffer(&to),
            Arg::U64((BYTES / 8) as u64),
            Arg::I32(COPIES.cast_signed()),
        ];
        stream.launch(&copy, Grid::new(4096, 256), &args)?;
        Ok(stream.synchronize()?)
    })?;
    Ok(2.0 * f64::from(COPIES) * gigabytes(BYTES) / seconds)
}

/// Bytes as gigabytes.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn gigabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e9
}
