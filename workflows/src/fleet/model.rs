//! What a pool is, as its host describes it.

use super::when::When;
use crate::source::Span;

/// A pool: what one host lends in one place, and its rules.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpec {
    /// Its name.
    pub name: String,
    /// The region it lies in; the zone when nobody said.
    pub region: String,
    /// Its grid area.
    pub zone: String,
    /// The time zone of its windows, an IANA name; `UTC` when nobody said.
    pub timezone: String,
    /// Where its region keeps parts.
    pub store: Option<String>,
    /// Power usage effectiveness, from 1 on.
    pub pue: f64,
    /// Its devices.
    pub gpu: Option<GpuSpec>,
    /// What is open when; the first that fits counts.
    pub windows: Vec<Window>,
    /// What its tasks may draw together, in watts.
    pub power_watts: Option<f64>,
    /// What its devices cost.
    pub price: Option<PriceSpec>,
    /// Projects that may use it, or patterns; empty for all.
    pub projects: Vec<String>,
    /// Where it stands in the file.
    pub span: Span,
}

/// A pool's devices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GpuSpec {
    /// Their model.
    pub model: Option<String>,
    /// How many there are in all.
    pub count: Option<u32>,
    /// What one draws under load.
    pub power_watts: Option<f64>,
    /// What one draws idle.
    pub idle_watts: Option<f64>,
    /// Emissions of making one, in kilograms of CO2 equivalent.
    pub embodied_kg: Option<f64>,
}

/// What a device costs.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceSpec {
    /// An hour of one device.
    pub gpu_hour: f64,
    /// In which currency.
    pub currency: Option<String>,
}

/// What is open at some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// When.
    pub when: When,
    /// Devices.
    pub gpus: u32,
    /// Cores; as many as the devices need when nobody said.
    pub cpus: Option<u32>,
    /// How long what runs may stay when it begins, in milliseconds.
    pub notice_ms: u64,
}
