//! A pool as its host describes it.

use super::when::When;
use crate::source::Span;

/// A pool: the capacity that one host provides in one place, and its rules.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpec {
    /// The pool's name.
    pub name: String,
    /// Its region; the zone if not stated.
    pub region: String,
    /// Its grid zone.
    pub zone: String,
    /// The time zone of its windows, an IANA name; `UTC` if not stated.
    pub timezone: String,
    /// The store of its region.
    pub store: Option<String>,
    /// Power usage effectiveness, at least 1.
    pub pue: f64,
    /// Its devices.
    pub gpu: Option<GpuSpec>,
    /// Its open capacity over time. The first window that contains a moment applies.
    pub windows: Vec<Window>,
    /// The most watts that its tasks may draw together.
    pub power_watts: Option<f64>,
    /// The price of its devices.
    pub price: Option<PriceSpec>,
    /// The OpenADR server of its site.
    pub openadr: Option<OpenAdrSpec>,
    /// Names or patterns of projects that may use it; empty means all.
    pub projects: Vec<String>,
    /// Its place in the file.
    pub span: Span,
}

/// A pool's devices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GpuSpec {
    /// The model.
    pub model: Option<String>,
    /// The number of devices.
    pub count: Option<u32>,
    /// Watts of one device under load.
    pub power_watts: Option<f64>,
    /// Watts of one idle device.
    pub idle_watts: Option<f64>,
    /// Emissions of making one device, in kilograms of CO2 equivalent.
    pub embodied_kg: Option<f64>,
}

/// The OpenADR server of a pool's site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenAdrSpec {
    /// Its address, up to the part before `/events`.
    pub url: String,
    /// The program whose events count, by name or id; `None` for all programs.
    pub program: Option<String>,
    /// The site's names: of its client (VEN), and of the groups that it is in.
    pub names: Vec<String>,
    /// Whether `GHG` is an average intensity; it is a marginal one by default.
    pub is_ghg_average: bool,
}

/// The price of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceSpec {
    /// The price of one device for an hour.
    pub gpu_hour: f64,
    /// The currency.
    pub currency: Option<String>,
}

/// The open capacity at certain times.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The times.
    pub when: When,
    /// Devices.
    pub gpus: u32,
    /// Cores; if not stated, as many as the devices need.
    pub cpus: Option<u32>,
    /// How long running tasks may stay when the window begins, in milliseconds.
    pub notice_ms: u64,
}
