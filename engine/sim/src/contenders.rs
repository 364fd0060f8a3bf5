//! The policies that can be played, by name, each with its source.

use sunward_core::place::Sunward;

use crate::report::NOW_HOME;
use crate::setup::Contender;

/// Names of all policies, the baseline first and ours last. The baseline is not played: it is not
/// limited by capacity and has a closed form.
#[must_use]
pub fn names() -> Vec<&'static str> {
    vec![NOW_HOME, "sunward"]
}

/// A policy by its name; `None` when there is none of that name that is played.
#[must_use]
pub fn contender(name: &str) -> Option<Contender> {
    match name {
        "sunward" => Some(Contender {
            name: name.to_owned(),
            source: "sunward_core::place::Sunward".to_owned(),
            placer: Box::new(Sunward::default()),
        }),
        _ => None,
    }
}
