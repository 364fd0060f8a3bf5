//! Lowers `place:` and `budget:`: where, when, and for how much.

use crate::model::{Budget, Place};
use crate::units::{parse_duration, parse_share};
use crate::yaml::Node;

/// Lowers `place:`.
pub(super) fn lower(node: &Node) -> Place {
    Place {
        prefer: words(node, "prefer"),
        deadline_ms: duration(node, "deadline"),
        deadline_risk_ppm: share_ppm(node, "deadline_risk"),
        max_delay_ms: duration(node, "max_delay"),
        home: node.get("home").and_then(Node::text).map(str::to_owned),
        regions: words(node, "regions"),
        data_regions: words(node, "data_regions"),
    }
}

/// Lowers `budget:`.
pub(super) fn lower_budget(node: &Node) -> Budget {
    Budget {
        gco2e: node.get("gco2e").and_then(Node::number),
        kwh: node.get("kwh").and_then(Node::number),
    }
}

/// A duration under a key, in milliseconds.
pub(super) fn duration(node: &Node, key: &str) -> Option<u64> {
    node.get(key)
        .and_then(Node::text)
        .and_then(|text| parse_duration(text).ok())
}

/// A percentage under a key, in parts per million.
fn share_ppm(node: &Node, key: &str) -> Option<u32> {
    node.get(key)
        .and_then(Node::text)
        .and_then(|text| parse_share(text).ok())
}

/// One or more words under a key.
pub(super) fn words(node: &Node, key: &str) -> Vec<String> {
    let items = node.get(key).map(Node::items).unwrap_or_default();
    items
        .iter()
        .filter_map(Node::text)
        .map(str::to_owned)
        .collect()
}
