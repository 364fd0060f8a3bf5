//! Open and taken capacity of a pool.

/// Open capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Devices.
    pub gpus: u32,
    /// Cores.
    pub cpus: u32,
}
