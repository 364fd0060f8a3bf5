//! The peak memory of this process, if the system reports it.

/// Resets the peak; false if the system does not allow it.
pub(crate) fn forget_peak() -> bool {
    // 5 resets `VmHWM`, see proc_pid_clear_refs(5).
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The peak since the last `forget_peak`, in bytes.
pub(crate) fn peak_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u32 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(f64::from(kib) * 1024.0)
}
