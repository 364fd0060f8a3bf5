//! The time in which a run did not stand still.

use crate::ids::Timestamp;
use crate::state::course::Stop;

/// The time between two moments in which a run did not stand still, in milliseconds.
pub(super) fn net_ms(stops: &[Stop], from: Timestamp, to: Timestamp) -> u64 {
    let stood = stops.iter().map(|stop| overlap_ms(stop, from, to));
    to.since_ms(from).saturating_sub(stood.sum())
}

/// The part of a stop between two moments, in milliseconds.
pub(super) fn overlap_ms(stop: &Stop, from: Timestamp, to: Timestamp) -> u64 {
    stop.to.min(to).since_ms(stop.from.max(from))
}
