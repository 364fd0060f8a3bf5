//! Why a provider returned no figures: one case for each cause, with the remedy.

use sunward_core::Timestamp;

use crate::moment::moment_shown;

/// Why there is no usable answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SignalError {
    /// No key was given.
    #[error(
        "${variable} is not set; set it in the environment, or set ${variable}_FILE to a file that contains it"
    )]
    NoKey {
        /// The variable that is missing.
        variable: String,
    },
    /// A setting in the environment is invalid.
    #[error("${variable}: {what}")]
    Access {
        /// The variable.
        variable: String,
        /// What is wrong with it, and the remedy.
        what: String,
    },
    /// The provider has no figures for this zone.
    #[error("there are no figures for zone {zone}: {what}")]
    NoZone {
        /// The zone, as it was requested.
        zone: String,
        /// The zones that exist, or the provider's message.
        what: String,
    },
    /// The server of a grid operator has no such program.
    #[error(
        "{host} has no program {program}; it has {known}; set `openadr.program` in your settings to one of them, or leave it out"
    )]
    NoProgram {
        /// The host.
        host: String,
        /// The program, as it was requested.
        program: String,
        /// The programs that it has.
        known: String,
    },
    /// The provider refused the request.
    #[error("{host} refused the request with status {status}{said}; {}", remedy(*.status))]
    Refused {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The provider's message after a colon, or nothing.
        said: String,
    },
    /// The key is right, but the account's plan does not include what was requested.
    #[error(
        "{host} knows the key, but its plan does not cover this request{said}; {}",
        plan(.covers.as_deref())
    )]
    NotCovered {
        /// The host and path.
        host: String,
        /// The provider's message after a colon, or nothing.
        said: String,
        /// What the plan covers, if the provider says: `the region CAISO_NORTH`.
        covers: Option<String>,
    },
    /// The provider's rate limit was exceeded.
    #[error(
        "{host} received too many requests{}; try again then, or request fewer zones or a shorter span",
        wait(*.retry_after_ms)
    )]
    TooOften {
        /// The host.
        host: String,
        /// How long it asks to wait, in milliseconds, if it says.
        retry_after_ms: Option<u64>,
    },
    /// The provider cannot be reached.
    #[error(
        "{host} cannot be reached: {why}; try again later, or add a second provider after a comma"
    )]
    Down {
        /// The host.
        host: String,
        /// The reason.
        why: String,
    },
    /// There was no answer in time.
    #[error(
        "{host} did not answer within {limit_ms} ms; try again later, or request a shorter span"
    )]
    Slow {
        /// The host.
        host: String,
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// The answer is longer than any valid one.
    #[error(
        "{host} sent more than {limit_bytes} bytes, which is too much for an answer; check its address, or request a shorter span"
    )]
    TooLarge {
        /// The host.
        host: String,
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The answer is a redirect. It is not followed, because keys must not be sent elsewhere.
    #[error(
        "{host} redirects to {target}; redirects are not followed, because they could leak keys. Set the provider's URL to that address"
    )]
    Elsewhere {
        /// The host that was asked.
        host: String,
        /// The redirect's target.
        target: String,
    },
    /// The answer has another type, for example a web page of a proxy.
    #[error(
        "{host} answered with {found} instead of {expected}; check for a proxy or login page in between"
    )]
    NotJson {
        /// The host.
        host: String,
        /// The expected type: `JSON` or `XML`.
        expected: &'static str,
        /// What was received.
        found: String,
    },
    /// The answer has another shape than documented.
    #[error(
        "{place}: {what}; the provider may have changed its format. Look for a newer version of Sunward"
    )]
    Schema {
        /// What is wrong.
        what: String,
        /// The answer, and the place in it.
        place: String,
    },
    /// The answer ends before the requested time.
    #[error(
        "its figures end {}, too early for this request; try again later, or use another provider",
        ends(*.newest)
    )]
    Stale {
        /// The end of the newest figure; `None` if there is no figure.
        newest: Option<Timestamp>,
    },
    /// A figure that is impossible for a grid.
    #[error(
        "{place}: {value} {unit} is impossible for a grid, so it was not used; see the provider's status page"
    )]
    Absurd {
        /// The figure.
        value: f64,
        /// Its unit.
        unit: &'static str,
        /// The answer, and the place in it.
        place: String,
    },
}

impl SignalError {
    /// The same error with the zone's name in it, if it concerns a zone.
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

    /// Whether the failure may pass by itself, so that cached figures are used meanwhile.
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
            | Self::NoProgram { .. }
            | Self::NotCovered { .. }
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
        401 => "check that the key is right and still valid",
        403 => {
            "the key's plan does not cover this, or a proxy in between refused it; request less, or use another plan"
        }
        500.. => "the provider has a problem; try again later",
        _ => "check the zone and the span",
    }
}

fn plan(covers: Option<&str>) -> String {
    covers.map_or_else(
        || "request another zone or a shorter past, or use another plan".to_owned(),
        |covers| format!("it covers {covers}. Request that, or use another plan"),
    )
}

fn wait(retry_after_ms: Option<u64>) -> String {
    retry_after_ms.map_or_else(
        || " and does not say when it may be asked again".to_owned(),
        |ms| format!(" and asks to wait for {} s", ms.div_ceil(1000)),
    )
}

fn ends(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "before it begins, because there are none".to_owned(),
        |at| format!("at {}", moment_shown(at)),
    )
}
