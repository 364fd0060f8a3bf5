//! What the events of a server say, in this project's units.

use sunward_core::{Measure, Timestamp};

/// What the events of a server say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// What is asked of the site.
    pub asked: Vec<Asked>,
    /// Prices in euros, without overlaps.
    pub prices: Vec<Priced>,
    /// Intensities, without overlaps.
    pub intensities: Vec<Emitting>,
    /// Warnings that restrict nothing, one line each.
    pub warnings: Vec<String>,
    /// What was not understood, one line each with the event and the field.
    pub mistakes: Vec<String>,
}

/// What is asked of the site for a span of time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends; `None` if it lasts until the event is deleted.
    pub until: Option<Timestamp>,
    /// What is asked.
    pub measure: Measure,
    /// The name of the program.
    pub program: String,
    /// The operator's own words, if there are some.
    pub text: Option<String>,
}

/// A price for a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends; `None` if it is without end.
    pub until: Option<Timestamp>,
    /// Thousandths of a euro per megawatt-hour.
    pub milli_eur_per_mwh: i64,
}

/// An intensity for a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emitting {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends; `None` if it is without end.
    pub until: Option<Timestamp>,
    /// In mgCO2e/kWh.
    pub mg_per_kwh: u32,
}
