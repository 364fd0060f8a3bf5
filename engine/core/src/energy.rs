//! The energy of attempts.

use serde::{Deserialize, Serialize};

/// The energy of one attempt. It is an integer, so that sums agree to the last unit however they
/// are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Energy {
    /// Read from a meter while the attempt had the device to itself.
    Measured {
        /// Millijoules.
        millijoules: u64,
    },
    /// Computed from processor time and a table of devices.
    Modelled {
        /// Millijoules.
        millijoules: u64,
    },
    /// Unknown, for the whole or for a part.
    Missing,
    /// Measured for some devices and modelled for the others.
    Both {
        /// Millijoules by the meter.
        measured_millijoules: u64,
        /// Millijoules by the model.
        modelled_millijoules: u64,
    },
}

impl Energy {
    /// The sum for several devices; unknown if one of them is.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        let (Some((measured, modelled)), Some((also_measured, also_modelled))) =
            (self.by_source(), other.by_source())
        else {
            return Self::Missing;
        };
        let measured_millijoules = measured.saturating_add(also_measured);
        let modelled_millijoules = modelled.saturating_add(also_modelled);
        match (self, other) {
            (Self::Measured { .. }, Self::Measured { .. }) => Self::Measured {
                millijoules: measured_millijoules,
            },
            (Self::Modelled { .. }, Self::Modelled { .. }) => Self::Modelled {
                millijoules: modelled_millijoules,
            },
            _ => Self::Both {
                measured_millijoules,
                modelled_millijoules,
            },
        }
    }

    /// Measured and modelled millijoules, if known.
    #[must_use]
    pub const fn by_source(self) -> Option<(u64, u64)> {
        match self {
            Self::Measured { millijoules } => Some((millijoules, 0)),
            Self::Modelled { millijoules } => Some((0, millijoules)),
            Self::Both {
                measured_millijoules,
                modelled_millijoules,
            } => Some((measured_millijoules, modelled_millijoules)),
            Self::Missing => None,
        }
    }

    /// The measured and the modelled millijoules, each if there are such. Unknown energy has neither.
    #[must_use]
    pub const fn parts(self) -> [Option<u64>; 2] {
        match self {
            Self::Measured { millijoules } => [Some(millijoules), None],
            Self::Modelled { millijoules } => [None, Some(millijoules)],
            Self::Both {
                measured_millijoules,
                modelled_millijoules,
            } => [Some(measured_millijoules), Some(modelled_millijoules)],
            Self::Missing => [None, None],
        }
    }

    /// The energy in millijoules, if known.
    #[must_use]
    pub const fn millijoules(self) -> Option<u64> {
        match self.by_source() {
            Some((measured, modelled)) => Some(measured.saturating_add(modelled)),
            None => None,
        }
    }
}
