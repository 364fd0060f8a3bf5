//! What one task needs of a machine.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What one task needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Cores.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Devices.
    pub gpus: Gpus,
    /// Memory of each device in bytes.
    pub gpu_memory_bytes: Option<u64>,
    /// Scratch space in bytes.
    pub disk_bytes: Option<u64>,
    /// Units of what all tasks share, by the name of its limit.
    pub shared: BTreeMap<String, u32>,
    /// Whether it also runs without the GPU.
    pub optional: bool,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpus: 1,
            memory_bytes: None,
            gpus: Gpus::None,
            gpu_memory_bytes: None,
            disk_bytes: None,
            shared: BTreeMap::new(),
            optional: false,
        }
    }
}

/// The devices that a task needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gpus {
    /// None.
    #[default]
    None,
    /// A number of devices of any model.
    Count(u32),
    /// A number of devices of one model, for example `H100:2`.
    Model(String, u32),
    /// The first of these that is available.
    AnyOf(Vec<Self>),
}

impl fmt::Display for Gpus {
    /// `2`, `2 H100`, `1 H100 or 2 A100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Model(model, count) => write!(f, "{count} {model}"),
            Self::AnyOf(choices) => {
                for (i, choice) in choices.iter().enumerate() {
                    let between = if i == 0 { "" } else { " or " };
                    write!(f, "{between}{choice}")?;
                }
                Ok(())
            }
        }
    }
}
