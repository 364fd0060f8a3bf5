//! Where and when work may run, what it may cost, and what it is expected to take.

use serde::{Deserialize, Serialize};

/// Where and when. The placer acts on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// What to prefer, most important first.
    pub prefer: Vec<String>,
    /// Milliseconds from submission to the required end of the run.
    pub deadline_ms: Option<u64>,
    /// The accepted chance of ending after the deadline, in parts per million.
    pub deadline_risk_ppm: Option<u32>,
    /// A stage's own longest wait, in milliseconds.
    pub max_delay_ms: Option<u64>,
    /// The place where it would run by default.
    pub home: Option<String>,
    /// The allowed regions.
    pub regions: Vec<String>,
    /// Regions where parts may be stored.
    pub data_regions: Vec<String>,
}

/// What a run may cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Grams of CO2 equivalent.
    pub gco2e: Option<f64>,
    /// Kilowatt-hours.
    pub kwh: Option<f64>,
}

/// What one task is expected to take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// Milliseconds.
    pub time_ms: Option<u64>,
    /// Watts of all its devices.
    pub power_watts: Option<f64>,
}
