//! The policies that can be simulated, by name, with the source of each.

use sunward_core::place::{Placer, Sunward};

use crate::locale::Locales;
use crate::policies::{
    CarbonFlex, CarbonScaler, CarbonTime, CheapestWindow, Cucumber, Lacs, LowestWindow, NightsOnly,
    NowBest, Pcaps, Ruled, Spatial, StaticBest, WaitAwhile, WaitAwhileInterruptible,
};
use crate::report::NOW_HOME;
use crate::setup::Contender;

/// A policy that can be simulated.
struct Played {
    name: &'static str,
    does: &'static str,
    source: &'static str,
    placer: fn(&Locales) -> Box<dyn Placer>,
}

/// All policies that are simulated; ours is last. `temporal` is another name for `wait-awhile`, the
/// published one: the cleanest window at home.
const PLAYED: [Played; 17] = [
    Played {
        name: "static-best",
        does: "at once, in the region with the cleanest forecast on average",
        source: "the region of the lowest mean intensity, at once",
        placer: |_| Box::new(Ruled(StaticBest)),
    },
    Played {
        name: "now-best",
        does: "at once, in the region that is cleanest at that moment",
        source: "the region that is cleanest at that moment, at once",
        placer: |_| Box::new(Ruled(NowBest)),
    },
    Played {
        name: "spatial",
        does: "at once, in the region with the cleanest window, counting transfers",
        source: "the region with the cleanest window, at once, counting transfers",
        placer: |_| Box::new(Ruled(Spatial)),
    },
    Played {
        name: "wait-awhile",
        does: "at home, as one block in the cleanest window before the deadline",
        source: "Let's Wait Awhile, Middleware '21, non-interruptible",
        placer: |_| Box::new(Ruled(WaitAwhile)),
    },
    Played {
        name: "wait-awhile-interruptible",
        does: "at home, in the cleanest slots before the deadline, pausing in between",
        source: "Let's Wait Awhile, Middleware '21, interruptible",
        placer: |_| Box::new(Ruled(WaitAwhileInterruptible)),
    },
    Played {
        name: "gaia-lowest-window",
        does: "at home, in the cleanest window of the queue's mean length",
        source: "GAIA, ASPLOS '24, Lowest-Window",
        placer: |_| Box::new(Ruled(LowestWindow::default())),
    },
    Played {
        name: "gaia-carbon-time",
        does: "at home, where most is saved for each hour until the end",
        source: "GAIA, ASPLOS '24, Carbon-Time",
        placer: |_| Box::new(Ruled(CarbonTime::default())),
    },
    Played {
        name: "carbonscaler",
        does: "at home, more servers in cleaner slots",
        source: "CarbonScaler, SIGMETRICS '24",
        placer: |_| Box::new(Ruled(CarbonScaler)),
    },
    Played {
        name: "carbonflex",
        does: "at home, as much of the work as an oracle ran in hours like this one",
        source: "CarbonFlex, arXiv 2505.18357, our reading of what is public",
        placer: |_| Box::new(Ruled(CarbonFlex::default())),
    },
    Played {
        name: "lacs",
        does: "at home, by a threshold on the intensity now; lengths may be unknown",
        source: "LACS, arXiv 2404.15211, our reading of what is public",
        placer: |_| Box::new(Ruled(Lacs::default())),
    },
    Played {
        name: "pcaps",
        does: "at home, a stage once its grid is clean enough for its importance",
        source: "PCAPS, arXiv 2502.09717, at home",
        placer: |_| Box::new(Ruled(Pcaps::default())),
    },
    Played {
        name: "pcaps-anywhere",
        does: "where and once a grid is clean enough for a stage's importance",
        source: "PCAPS, arXiv 2502.09717, over all regions",
        placer: |_| Box::new(Ruled(Pcaps::anywhere())),
    },
    Played {
        name: "nights-only",
        does: "at home, at night",
        source: "a rule of thumb: from 20:00 to 08:00 local time",
        placer: |locales| Box::new(Ruled(NightsOnly::new(locales.clone()))),
    },
    Played {
        name: "cheapest-window",
        does: "at home, in the cheapest window by published prices",
        source: "day-ahead prices, in place of carbon",
        placer: |locales| Box::new(Ruled(CheapestWindow::new(locales.clone()))),
    },
    Played {
        name: "cucumber",
        does: "at home, in a surplus of power before the deadline, else at once",
        source: "Cucumber, Euro-Par '22",
        placer: |_| Box::new(Ruled(Cucumber)),
    },
    Played {
        name: "temporal",
        does: "the same as wait-awhile",
        source: "the cleanest window at home",
        placer: |_| Box::new(Ruled(WaitAwhile)),
    },
    Played {
        name: "sunward",
        does: "ours: where and when it emits least before its deadline",
        source: "sunward_core::place::Sunward",
        placer: |_| Box::new(Sunward::default()),
    },
];

/// What the baseline does, in one line.
const NOW_HOME_DOES: &str = "the baseline: at once at home, with unlimited machines";

/// The names of all policies: the baseline first, ours last. The baseline is not simulated, because
/// capacity does not limit it and it has a closed form.
#[must_use]
pub fn names() -> Vec<&'static str> {
    told().into_iter().map(|(name, _)| name).collect()
}

/// The names of all policies, in the order of [`names`], each with one line on what it does.
#[must_use]
pub fn told() -> Vec<(&'static str, &'static str)> {
    let played = PLAYED.iter().map(|one| (one.name, one.does));
    std::iter::once((NOW_HOME, NOW_HOME_DOES))
        .chain(played)
        .collect()
}

/// The policy of this name, for pools in these places; `None` if no simulated policy has the name.
#[must_use]
pub fn contender(name: &str, locales: &Locales) -> Option<Contender> {
    let one = PLAYED.iter().find(|one| one.name == name)?;
    Some(Contender {
        name: one.name.to_owned(),
        source: one.source.to_owned(),
        placer: (one.placer)(locales),
    })
}
