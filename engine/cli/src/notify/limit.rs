//! How long a message may take.

use std::time::Duration;

/// The longest time that one message may take. The answer of a run waits no longer for any.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// The error of a message that took longer.
pub(super) fn too_long() -> String {
    format!("it took more than {} s", LIMIT.as_secs())
}
