//! Checks that a fleet can hold what arrives. A run with a task that fits no pool would wait
//! forever, and its missing emissions would look like a saving.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sunward_core::{PlannedStage, PoolId, RunSpec, Timestamp, pools_that_may};

use crate::capacity::Open;
use crate::clear::by_pool;
use crate::setup::Setup;
use crate::submission::Needs;
use crate::workload::Mistakes;

/// Refuses runs with a task for which no pool that it may use is ever open enough for long enough.
///
/// # Errors
///
/// Returns each such run, with what it needs and what there is.
pub fn check_vacancy(setup: &Setup) -> Result<(), Mistakes> {
    let mut vacancies = Vacancies {
        setup,
        openings: by_pool(&setup.fleet, &setup.openings),
        stretches_ms: BTreeMap::new(),
    };
    let mut seen = BTreeSet::new();
    let mut mistakes = Vec::new();
    for (number, submission) in setup.submissions.iter().enumerate() {
        // Equal runs share one spec, so the first of them stands for all.
        if !seen.insert(Arc::as_ptr(&submission.spec)) {
            continue;
        }
        let stages = submission.spec.plan.stages.iter();
        for planned in stages.filter(|planned| planned.selected) {
            if let Some(why) = vacancies.lacking(&submission.spec, planned) {
                mistakes.push(format!("run {number}, stage {}: {why}", planned.stage.name));
            }
        }
    }
    Mistakes::check(mistakes)
}

/// The open capacity of pools, and for how long it lasts.
struct Vacancies<'a> {
    setup: &'a Setup,
    openings: Vec<Vec<(Timestamp, Open)>>,
    /// By pool, devices and cores: the longest unbroken time for which these are open.
    stretches_ms: BTreeMap<(PoolId, u32, u32), u64>,
}

impl Vacancies<'_> {
    /// Why no pool can take a task of this stage; `None` if one can.
    fn lacking(&mut self, spec: &RunSpec, planned: &PlannedStage) -> Option<String> {
        let may = pools_that_may(&self.setup.fleet, spec, planned);
        let mut offers = Vec::new();
        let mut needed = String::new();
        for id in may {
            let pool = self.setup.fleet.get(id)?;
            let needs = Needs::of(planned, Some(pool));
            let limit = pool.power_limit_milliwatts;
            let most = self.most(id);
            needed = format!(
                "each task needs {} for {} without a break",
                room(needs.gpus, needs.cpus),
                hours(needs.task_ms)
            );
            if limit.is_some_and(|limit| limit < needs.milliwatts) {
                offers.push(format!(
                    "{} may draw at most {} W, and a task needs {} W",
                    pool.name,
                    limit.unwrap_or(0) / 1000,
                    needs.milliwatts / 1000
                ));
            } else if most.gpus < needs.gpus || most.cpus < needs.cpus {
                let most = room(most.gpus, most.cpus);
                offers.push(format!("{} has {most} at most", pool.name));
            } else {
                let stretch_ms = self.stretch_ms(id, needs);
                if stretch_ms >= needs.task_ms {
                    return None;
                }
                offers.push(format!(
                    "{} has that for {} at most",
                    pool.name,
                    hours(stretch_ms)
                ));
            }
        }
        Some(if offers.is_empty() {
            format!(
                "no pool may take it: see its regions, and `allow: projects` of the pools (it is charged to `{}`)",
                spec.placing.project
            )
        } else {
            format!("{needed}, which no pool ever has: {}", offers.join("; "))
        })
    }

    /// The most devices and cores that a pool ever has open.
    fn most(&self, id: PoolId) -> Open {
        let own = self.openings.get(id.place()).into_iter().flatten();
        own.fold(Open::default(), |most, (_, open)| Open {
            gpus: most.gpus.max(open.gpus),
            cpus: most.cpus.max(open.cpus),
        })
    }

    /// The longest unbroken time for which a pool has this capacity open.
    fn stretch_ms(&mut self, id: PoolId, needs: Needs) -> u64 {
        let key = (id, needs.gpus, needs.cpus);
        if let Some(known) = self.stretches_ms.get(&key) {
            return *known;
        }
        let mut longest = 0;
        let mut since = None;
        for (at, open) in self.openings.get(id.place()).into_iter().flatten() {
            let enough = open.gpus >= needs.gpus && open.cpus >= needs.cpus;
            match (since, enough) {
                (None, true) => since = Some(*at),
                (Some(from), false) => {
                    longest = longest.max(at.since_ms(from));
                    since = None;
                }
                (Some(_), true) | (None, false) => {}
            }
        }
        if let Some(from) = since {
            longest = longest.max(self.setup.end().since_ms(from));
        }
        self.stretches_ms.insert(key, longest);
        longest
    }
}

/// `2 GPUs and 8 cores`.
fn room(gpus: u32, cpus: u32) -> String {
    let some = |number: u32, one: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    };
    match gpus {
        0 => some(cpus, "core"),
        gpus => format!("{} and {}", some(gpus, "GPU"), some(cpus, "core")),
    }
}

/// `2.5 h`.
fn hours(ms: u64) -> String {
    let hundredths = ms / 36_000;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} h")
}

#[cfg(test)]
mod tests {
    use super::{hours, room};

    #[test]
    fn what_is_needed_reads_as_one_would_say_it() {
        assert_eq!(room(0, 1), "1 core");
        assert_eq!(room(1, 8), "1 GPU and 8 cores");
        assert_eq!(hours(9_000_000), "2.5 h");
        assert_eq!(hours(7_200_000), "2 h");
        assert_eq!(hours(60_000), "0.01 h");
    }
}
