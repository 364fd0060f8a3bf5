//! Applies `defaults:` to stages. A stage's own values win; maps are merged by key.

use std::borrow::Cow;

use crate::yaml::{Data, Entry, Node};

/// Keys whose maps are merged rather than replaced.
const MERGED: &[&str] = &["env", "place", "resources", "retry"];

/// Keys that are valid for commands only.
const OF_COMMANDS: &[&str] = &[
    "env",
    "python",
    "conda",
    "container",
    "modules",
    "setup",
    "shell",
];

/// Environments of which a stage has one. Its own is in place of another kind in `defaults`.
pub(super) const ENVIRONMENTS: &[&str] = &["python", "conda", "container"];

/// Keys that are valid for kernels only.
const OF_KERNELS: &[&str] = &["tolerate_rejects"];

/// The stage with its defaults.
pub(super) fn apply<'n>(stage: &'n Node, defaults: Option<&Node>) -> Cow<'n, Node> {
    let Some(defaults) = defaults.filter(|node| !node.entries().is_empty()) else {
        return Cow::Borrowed(stage);
    };
    let Data::Map(entries) = &stage.data else {
        return Cow::Borrowed(stage);
    };
    let run = stage.get("run");
    let mut merged: Vec<Entry> = entries.clone();
    for default in defaults.entries() {
        let key = default.key.as_str();
        let shell_unused = key == "shell" && run.and_then(Node::text).is_none();
        let of_kernels = OF_KERNELS.contains(&key) && stage.get("kernel").is_none();
        let has_own =
            ENVIRONMENTS.contains(&key) && ENVIRONMENTS.iter().any(|one| stage.get(one).is_some());
        if has_own || shell_unused || of_kernels || (run.is_none() && OF_COMMANDS.contains(&key)) {
            continue;
        }
        match merged.iter_mut().find(|entry| entry.key == default.key) {
            None => merged.push(default.clone()),
            Some(entry) if MERGED.contains(&entry.key.as_str()) => {
                if let Data::Map(own) = &mut entry.value.data {
                    for inner in default.value.entries() {
                        if !own.iter().any(|known| known.key == inner.key) {
                            own.push(inner.clone());
                        }
                    }
                }
            }
            Some(_) => {}
        }
    }
    Cow::Owned(Node {
        span: stage.span,
        end: stage.end,
        data: Data::Map(merged),
    })
}
