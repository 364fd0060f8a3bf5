//! Why a provider gave no figures: by cause, each with what to do.

use sunward_core::Timestamp;

use crate::moment::moment_shown;

/// Why there is no answer that can be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SignalError {
    /// Nothing was given that lets us in.
    #[error(
        "${variable} is not set; put it into the environment, or name a file that holds it in ${variable}_FILE"
    )]
    NoKey {
        /// The variable that is missing.
        variable: String,
    },
    /// What the environment gives cannot be used.
    #[error("${variable}: {what}")]
    Access {
        /// The variable.
        variable: String,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// The provider tells nothing of this zone.
    #[error("nothing is told of zone {zone}: {what}")]
    NoZone {
        /// The zone, as it was asked for.
        zone: String,
        /// What zones there are, or what the provider said.
        what: String,
    },
    /// The provider will not answer.
    #[error("{host} refused with status {status}{said}; {}", remedy(*.status))]
    Refused {
        /// Who refused.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What it said, after a colon; or nothing.
        said: String,
    },
    /// It was asked more often than it allows.
    #[error(
        "{host} was asked too often{}; ask again then, or fewer zones and a shorter span",
        wait(*.retry_after_ms)
    )]
    TooOften {
        /// Who says so.
        host: String,
        /// How long it wants to be left alone, in milliseconds; `None` when it did not say.
        retry_after_ms: Option<u64>,
    },
    /// Nobody answers.
    #[error("{host} cannot be reached: {why}; try later, or name a second provider after a comma")]
    Down {
        /// Who.
        host: String,
        /// What happened.
        why: String,
    },
    /// No answer within the time that is given to it.
    #[error("{host} did not answer within {limit_ms} ms; try later, or ask for a shorter span")]
    Slow {
        /// Who.
        host: String,
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// The answer is longer than any true one.
    #[error(
        "{host} sent more than {limit_bytes} bytes, which is no true answer; look at its address, or ask for a shorter span"
    )]
    TooLarge {
        /// Who.
        host: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// The answer sends us elsewhere, where keys must not be sent.
    #[error(
        "{host} sends us on to {target}, which is not followed because keys would go along; give the address itself as the provider's URL"
    )]
    Elsewhere {
        /// Who was asked.
        host: String,
        /// Where it points.
        target: String,
    },
    /// The answer is something else: a web page of a proxy or a portal.
    #[error(
        "{host} answered with {found} where {expected} was expected; look whether a proxy or a login page stands between"
    )]
    NotJson {
        /// Who.
        host: String,
        /// What was expected: `JSON`, `XML`.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// The answer has another shape than documented.
    #[error("{place}: {what}; the provider may have changed its answers, look for a newer sunward")]
    Schema {
        /// What is wrong.
        what: String,
        /// In which answer and where.
        place: String,
    },
    /// The answer ends before the time that was asked for.
    #[error(
        "what it tells ends {}: too early for what was asked; try later or another provider",
        ends(*.newest)
    )]
    Stale {
        /// The end of the newest figure; `None` when there is none at all.
        newest: Option<Timestamp>,
    },
    /// A figure that no grid has.
    #[error(
        "{place}: {value} {unit} is no figure that a grid can have; it was not used, look at the provider's status page"
    )]
    Absurd {
        /// The figure.
        value: f64,
        /// In what unit.
        unit: &'static str,
        /// In which answer and where.
        place: String,
    },
}

impl SignalError {
    /// The same with the zone's own name in it, where it is about the zone.
    #[must_use]
    pub(crate) fn about(self, zone: &str) -> Self {
        match self {
            Self::NoZone { what, .. } => Self::NoZone {
                zone: zone.to_owned(),
                what,
            },
            other => other,
        }
    }

    /// Whether it may pass by itself, so that what was kept from earlier serves meanwhile.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Down { .. } | Self::Slow { .. } | Self::TooOften { .. } | Self::Stale { .. } => {
                true
            }
            Self::Refused { status, .. } => *status >= 500,
            Self::NoKey { .. }
            | Self::Access { .. }
            | Self::NoZone { .. }
            | Self::TooLarge { .. }
            | Self::Elsewhere { .. }
            | Self::NotJson { .. }
            | Self::Schema { .. }
            | Self::Absurd { .. } => false,
        }
    }
}

const fn remedy(status: u16) -> &'static str {
    match status {
        401 => "look whether the key is right and still valid",
        403 => "the key's plan does not cover this; ask for less or take another plan",
        500.. => "the provider has trouble of its own, try later",
        _ => "look at the zone and the span that were asked for",
    }
}

fn wait(retry_after_ms: Option<u64>) -> String {
    retry_after_ms.map_or_else(
        || " and does not say for how long".to_owned(),
        |ms| format!(" and wants to be left alone for {} s", ms.div_ceil(1000)),
    )
}

fn ends(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "before it begins (there is no figure at all)".to_owned(),
        |at| format!("at {}", moment_shown(at)),
    )
}
