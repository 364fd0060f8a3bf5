//! Computes the energy and emissions that cached results saved: those of the attempts that made
//! the results. They are never part of the run's own ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use sunward_core::{Carbon, Digest, PoolId, RunId, RunState, StageId, TaskKeys, TaskStatus};
use sunward_state::Reader;

use crate::attempts::{Attempt, AttemptEnd};
use crate::recorded::{Recorded, history};
use crate::render::units::{float, gco2e, joules, plural};
use crate::view::of_state;

/// The most earlier runs in which the makers of the results are searched. Each is read whole.
pub(crate) const EARLIER_RUNS: usize = 50;

/// The most earlier runs at the end of a run, where the search must be short.
pub(crate) const LATEST_RUNS: usize = 8;

/// The energy and emissions of cached results when they were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct CacheSaved {
    /// Cached tasks for which the run that made the result is known.
    pub(crate) tasks: u64,
    /// Cached tasks for which it is not known, for example because another site made the result.
    pub(crate) tasks_unknown: u64,
    /// The energy of the attempts that made the results.
    pub(crate) joules: f64,
    /// The emissions of that energy, if intensities are known for all of it.
    pub(crate) gco2e: Option<f64>,
    /// The runs that made the results.
    pub(crate) runs: Vec<String>,
}

/// The number of cached tasks for each key whose maker is searched.
type Wanted = BTreeMap<Digest, u64>;

impl CacheSaved {
    /// Computes the savings of a run. Searches the run itself and at most `most` earlier ones.
    /// Returns `None` if nothing came from the cache.
    ///
    /// # Errors
    /// Fails if the journal cannot be read.
    pub(crate) fn of(
        reader: &dyn Reader,
        home: &Path,
        recorded: &Recorded,
        most: usize,
    ) -> anyhow::Result<Option<Self>> {
        let run = recorded.run()?;
        let mut wanted: Wanted = BTreeMap::new();
        for (_, key) in keys(run, TaskStatus::Cached) {
            *wanted.entry(key).or_default() += 1;
        }
        if wanted.is_empty() {
            return Ok(None);
        }
        let mut sum = Sum::default();
        // The run itself comes first: of its tasks with equal keys, one ran and the others used its
        // result.
        sum.add(reader, recorded, &mut wanted)?;
        let rows = reader.runs()?;
        let earlier = rows.iter().rev().filter(|row| row.run < run.id);
        for row in earlier.take(most) {
            if wanted.is_empty() {
                break;
            }
            sum.add(reader, &Recorded::read(reader, home, row.run)?, &mut wanted)?;
        }
        Ok(Some(sum.finish(&wanted)))
    }

    /// A short text for the run `own`: `1.2 kJ and 0.31 g, by results of r1`. `None` if no savings
    /// are known.
    pub(crate) fn short(&self, own: &str) -> Option<String> {
        if self.joules <= 0.0 {
            return None;
        }
        let grams = self
            .gco2e
            .map_or_else(String::new, |grams| format!(" and {}", gco2e(grams)));
        let of = match self.runs.as_slice() {
            [] => return None,
            [one] if one == own => "its own".to_owned(),
            [one] => one.clone(),
            more => format!("{} runs", more.len()),
        };
        Some(format!(
            "{}{grams}, by results of {of}",
            joules(self.joules)
        ))
    }

    /// A sentence: `1.2 kJ and 0.31 g, what 3 tasks from the cache used when r1 made them`.
    pub(crate) fn text(&self) -> String {
        if self.tasks == 0 {
            let tasks = plural(self.tasks_unknown, "task");
            return format!(
                "not known: {tasks} from the cache, made by runs that are not kept here"
            );
        }
        let grams = self
            .gco2e
            .map_or_else(String::new, |grams| format!(" and {}", gco2e(grams)));
        let unknown = match self.tasks_unknown {
            0 => String::new(),
            number => format!(", and not known for {}", plural(number, "task")),
        };
        format!(
            "{}{grams}, what {} from the cache used when {} made them{unknown}",
            joules(self.joules),
            plural(self.tasks, "task"),
            self.runs.join(", ")
        )
    }
}

/// The sums over the attempts found so far.
#[derive(Default)]
struct Sum {
    tasks: u64,
    joules: f64,
    carbon: Carbon,
    /// Whether the emissions of some attempt are not known.
    uncovered: bool,
    runs: BTreeSet<RunId>,
}

impl Sum {
    /// Adds the wanted results that one run made, and removes them from `wanted`.
    fn add(
        &mut self,
        reader: &dyn Reader,
        recorded: &Recorded,
        wanted: &mut Wanted,
    ) -> anyhow::Result<()> {
        let run = recorded.run()?;
        let made: BTreeMap<(StageId, u32), Digest> = keys(run, TaskStatus::Succeeded)
            .filter(|(_, key)| wanted.contains_key(key))
            .collect();
        if made.is_empty() {
            return Ok(());
        }
        for attempt in history(reader, run.id)?.attempts {
            let key = made.get(&(attempt.stage, attempt.index));
            let is_it = matches!(attempt.end, AttemptEnd::Succeeded);
            if let Some(times) = key.filter(|_| is_it).and_then(|key| wanted.remove(key)) {
                self.runs.insert(run.id);
                self.count(recorded, &attempt, times);
            }
        }
        Ok(())
    }

    /// Adds an attempt whose result `times` tasks used.
    fn count(&mut self, recorded: &Recorded, attempt: &Attempt, times: u64) {
        self.tasks += times;
        let Some(energy) = of_state::joules(attempt.energy).0 else {
            self.uncovered = true;
            return;
        };
        self.joules += energy * float(times);
        // All workers of a machine's own engine belong to its first pool.
        let carbon = recorded.carbon_of(PoolId::default(), attempt);
        match carbon {
            Some(carbon) => (0..times).for_each(|_| self.carbon += carbon),
            None => self.uncovered = true,
        }
    }

    fn finish(self, left: &Wanted) -> CacheSaved {
        let grams = float(self.carbon.micrograms()) / 1e6;
        CacheSaved {
            tasks: self.tasks,
            tasks_unknown: left.values().sum(),
            joules: self.joules,
            gco2e: (!self.uncovered && self.tasks > 0).then_some(grams),
            runs: self.runs.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The keys of a run's tasks with this status.
fn keys(run: &RunState, status: TaskStatus) -> impl Iterator<Item = ((StageId, u32), Digest)> + '_ {
    run.stages().flat_map(move |stage| {
        let keys = stage
            .tasks()
            .filter(|_| stage.counts().of(status) > 0)
            .map(|tasks| TaskKeys::new(stage.planned, stage.inputs(), tasks));
        let count = stage.task_count().filter(|_| keys.is_some()).unwrap_or(0);
        (0..count)
            .filter(move |index| stage.status(*index) == Some(status))
            .filter_map(move |index| Some(((stage.id, index), keys.as_ref()?.key(index))))
    })
}
