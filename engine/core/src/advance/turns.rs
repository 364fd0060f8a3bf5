//! How many tasks of each stage may take units of what all tasks share: first come, first served.

use std::collections::BTreeMap;

use crate::state::State;
use crate::state::shared::{StagePlace, Units};

/// How many tasks of each waiting stage may begin.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    most: BTreeMap<StagePlace, u32>,
    short: BTreeMap<StagePlace, Shortage>,
}

/// The units for which tasks of a stage wait.
#[derive(Clone, Debug)]
pub(crate) struct Shortage {
    /// The name of the limit.
    pub(crate) name: String,
    /// The units that one task asks for.
    pub(crate) asked: u32,
    /// The units that tasks hold.
    pub(crate) in_use: u64,
    /// How many there are.
    pub(crate) limit: u64,
    /// The stage for whose tasks, which wait longer, the free units are kept.
    pub(crate) kept_for: Option<StagePlace>,
}

impl Turns {
    /// Goes through the waiting stages in order. `could` answers how many tasks of a stage workers
    /// would take if there were enough units. A stage whose tasks no worker would take does not wait
    /// for units, and nothing is put aside for it. Otherwise the units of at least one task are, so
    /// that a task that asks for many is not passed by those that ask for few.
    pub(super) fn of(state: &State, could: &dyn Fn(StagePlace) -> u32) -> Self {
        let units = state.units();
        let mut aside: BTreeMap<&str, (u64, StagePlace)> = BTreeMap::new();
        let mut turns = Self::default();
        for turn in state.shared.turns() {
            let (run, id) = turn.stage;
            let Some((planned, _)) = state.runs.get(&run).and_then(|run| run.get(id)) else {
                continue;
            };
            let shared = &planned.stage.resources.shared;
            let mut most = could(turn.stage).min(turn.tasks);
            if most == 0 {
                continue;
            }
            for (name, asked) in shared {
                let Some(one) = units.get(name.as_str()) else {
                    continue;
                };
                let (kept, kept_for) = aside.get(name.as_str()).copied().unzip();
                let fit = one.fit(*asked, kept.unwrap_or(0));
                if fit == 0 {
                    let free = one.fit(*asked, 0) > 0;
                    let short = shortage(name, *asked, *one, kept_for.filter(|_| free));
                    turns.short.entry(turn.stage).or_insert(short);
                }
                most = most.min(fit);
            }
            turns.most.insert(turn.stage, most);
            for (name, asked) in shared {
                let tasks = u64::from(most.max(1));
                let kept = aside.entry(name).or_insert((0, turn.stage));
                kept.0 = kept
                    .0
                    .saturating_add(tasks.saturating_mul(u64::from(*asked)));
            }
        }
        turns
    }

    /// How many tasks of a stage that shares something may begin.
    pub(super) fn most(&self, stage: StagePlace) -> u32 {
        self.most.get(&stage).copied().unwrap_or(0)
    }

    /// The units for which the next task of a stage waits, if it waits for some.
    pub(crate) fn shortage(&self, stage: StagePlace) -> Option<&Shortage> {
        self.short.get(&stage)
    }
}

fn shortage(name: &str, asked: u32, units: Units, kept_for: Option<StagePlace>) -> Shortage {
    Shortage {
        name: name.to_owned(),
        asked,
        in_use: units.in_use,
        limit: units.limit,
        kept_for,
    }
}
