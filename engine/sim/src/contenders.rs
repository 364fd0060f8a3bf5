//! The policies that can be played, by name, each with its source.

use sunward_core::place::{Placer, Sunward};

use crate::policies::{
    CarbonScaler, CarbonTime, Cucumber, LowestWindow, NowBest, Pcaps, Ruled, Spatial, StaticBest,
    WaitAwhile, WaitAwhileInterruptible,
};
use crate::report::NOW_HOME;
use crate::setup::Contender;

/// A policy's name, its source, and how it is made.
type Row = (&'static str, &'static str, fn() -> Box<dyn Placer>);

/// All that are played, ours last. `temporal` does the same as `wait-awhile`, which is the name of what
/// was published: the cleanest window at home.
const PLAYED: [Row; 12] = [
    (
        "static-best",
        "at once in the region of the lowest mean intensity",
        || Box::new(Ruled(StaticBest)),
    ),
    (
        "now-best",
        "at once in the region that is cleanest at that moment",
        || Box::new(Ruled(NowBest)),
    ),
    (
        "spatial",
        "at once in the region with the cleanest window, transfer paid",
        || Box::new(Ruled(Spatial)),
    ),
    (
        "wait-awhile",
        "Let's Wait Awhile, Middleware '21, non-interruptible",
        || Box::new(Ruled(WaitAwhile)),
    ),
    (
        "wait-awhile-interruptible",
        "Let's Wait Awhile, Middleware '21, interruptible",
        || Box::new(Ruled(WaitAwhileInterruptible)),
    ),
    (
        "gaia-lowest-window",
        "GAIA, ASPLOS '24, Lowest-Window",
        || Box::new(Ruled(LowestWindow::default())),
    ),
    ("gaia-carbon-time", "GAIA, ASPLOS '24, Carbon-Time", || {
        Box::new(Ruled(CarbonTime::default()))
    }),
    ("carbonscaler", "CarbonScaler, SIGMETRICS '24", || {
        Box::new(Ruled(CarbonScaler))
    }),
    ("pcaps", "PCAPS, arXiv 2502.09717, at home", || {
        Box::new(Ruled(Pcaps::default()))
    }),
    ("cucumber", "Cucumber, Euro-Par '22", || {
        Box::new(Ruled(Cucumber))
    }),
    ("temporal", "the cleanest window at home", || {
        Box::new(Ruled(WaitAwhile))
    }),
    ("sunward", "sunward_core::place::Sunward", || {
        Box::new(Sunward::default())
    }),
];

/// Names of all policies, the baseline first and ours last. The baseline is not played: it is not
/// limited by capacity and has a closed form.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let played = PLAYED.iter().map(|(name, _, _)| *name);
    std::iter::once(NOW_HOME).chain(played).collect()
}

/// A policy by its name; `None` when there is none of that name that is played.
#[must_use]
pub fn contender(name: &str) -> Option<Contender> {
    let (name, source, placer) = PLAYED.iter().find(|(known, _, _)| *known == name)?;
    Some(Contender {
        name: (*name).to_owned(),
        source: (*source).to_owned(),
        placer: placer(),
    })
}
