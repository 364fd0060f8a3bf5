//! The report of a simulation: each policy beside the baseline and the bound. Floats appear here
//! for display only.

use serde::Serialize;
use sunward_core::Timestamp;

use crate::at_home::at_home;
use crate::idle;
use crate::meter::{Emissions, Used, grams, kilowatt_hours, ratio};
use crate::setup::Setup;
use crate::tally::Played;
use crate::tally::{BIN_MS, Tally};
use crate::world::home_of;

/// The baseline's name: each run starts at once at home, with unlimited capacity.
pub const NOW_HOME: &str = "now-home";

const HOUR_MS: f64 = 3_600_000.0;

/// The results of all policies of one simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The policies; the baseline is first.
    pub policies: Vec<PolicyReport>,
    /// The lower bound, if one was computed.
    pub bound: Option<BoundReport>,
    /// The number of runs that arrived.
    pub runs: u64,
    /// The first arrival, in milliseconds since the epoch.
    pub begin_ms: u64,
    /// The end of the grids' traces, in milliseconds since the epoch.
    pub end_ms: u64,
}

/// The results of one policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyReport {
    /// The policy's name.
    pub name: String,
    /// Emissions by average intensity, with PUE and transfers, in grams.
    pub gco2e: f64,
    /// Emissions by marginal intensity, without transfers; absent unless the traces hold it
    /// throughout.
    pub gco2e_marginal: Option<f64>,
    /// Savings relative to the baseline, in percent of its gCO2e. Absent if runs did not finish,
    /// since unfinished work is not a saving.
    pub saved_percent: Option<f64>,
    /// The savings as a share of what the bound would save.
    pub achievable_share: Option<f64>,
    /// IT energy in kilowatt-hours.
    pub kwh: f64,
    /// IT energy of open devices while no task had them, in kilowatt-hours; absent unless some pool
    /// says what an idle device draws. It is not part of `kwh`.
    pub idle_kwh: Option<f64>,
    /// The emissions of that, with PUE, in grams. They are not part of `gco2e`.
    pub idle_gco2e: Option<f64>,
    /// Savings relative to the baseline if idle devices count for both, in percent.
    pub saved_with_idle_percent: Option<f64>,
    /// The part of `gco2e` that is due to transfers.
    pub transfer_gco2e: f64,
    /// The mean delay of a run's end relative to the baseline, in hours.
    pub delay_mean_h: Option<f64>,
    /// The 95th percentile of that delay, in hours.
    pub delay_p95_h: Option<f64>,
    /// Runs that had a deadline and missed it.
    pub deadlines_missed: u64,
    /// The share of open devices that was taken (of open cores, in a fleet without devices). The
    /// baseline has unlimited capacity; its share is relative to what was open for the others and
    /// may exceed 1.
    pub utilization: Option<f64>,
    /// The mean time from arrival to end, over runs that ended, in hours.
    pub makespan_mean_h: Option<f64>,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed, or had not ended when the traces did.
    pub unfinished: u64,
    /// The publication or origin of the policy.
    pub source: String,
}

/// A lower bound on emissions for the same jobs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoundReport {
    /// The kind of bound: one of [`crate::limit::KINDS`], or `clairvoyant` or `lp-window` of
    /// [`crate::clairvoyant`].
    pub kind: String,
    /// The bound's emissions in grams.
    pub gco2e: f64,
    /// Savings relative to the baseline, in percent of its gCO2e.
    pub saved_percent: f64,
}

/// A bound, as it was computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The kind of bound.
    pub kind: String,
    /// The bound's emissions.
    pub emissions: Emissions,
}

impl Report {
    /// Builds the report from the results of the policies, the baseline and the bound.
    #[must_use]
    pub fn of(setup: &Setup, played: &[Played], bound: Option<&Bound>) -> Self {
        let mut base = now_home(setup);
        base.tally.open = played.first().map_or((0, 0), |one| one.tally.open);
        let base_total = base.tally.used.total();
        let bound_total = bound.map(|bound| bound.emissions);
        let idle = Idle::of(setup, &base, played);
        let is_baseline = |one: &Played| one.name == NOW_HOME;
        let policies = std::iter::once(&base)
            .chain(played.iter().filter(|one| !is_baseline(one)))
            .map(|one| policy(one, base_total, bound_total, idle.as_ref()))
            .collect();
        Self {
            policies,
            bound: bound.map(|bound| BoundReport {
                kind: bound.kind.clone(),
                gco2e: rounded(grams(bound.emissions)),
                saved_percent: rounded(saved(base_total, bound.emissions) * 100.0),
            }),
            runs: u64::try_from(setup.submissions.len()).unwrap_or(u64::MAX),
            begin_ms: setup.submissions.first().map_or(0, |first| first.at.0),
            end_ms: setup.end().0,
        }
    }

    /// The results of the policy of this name.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&PolicyReport> {
        self.policies.iter().find(|policy| policy.name == name)
    }
}

/// The baseline, in closed form.
fn now_home(setup: &Setup) -> Played {
    let mut tally = Tally::default();
    for submission in setup.submissions.iter() {
        let home = home_of(&submission.spec, &setup.fleet);
        let at_home = at_home(submission, home, &setup.fleet, &setup.truth);
        tally.used.add(&at_home.used);
        tally.taken.0 += at_home.taken.0;
        tally.taken.1 += at_home.taken.1;
        tally.succeeded += 1;
        tally.delays_ms.push(0);
        tally.makespans_ms += u128::from(at_home.end.since_ms(submission.at));
        let due = submission.spec.workflow.place.deadline_ms;
        tally.end = tally.end.max(at_home.end);
        if due.is_some_and(|ms| submission.at.after_ms(ms) < at_home.end) {
            tally.deadlines_missed += 1;
        }
    }
    if idle::is_known(setup) {
        tally.spared = idle::spared_at_home(setup);
    }
    Played {
        name: NOW_HOME.to_owned(),
        source: "each run at once at home, with unlimited machines".to_owned(),
        tally,
    }
}

/// Idle devices, for all policies alike.
struct Idle {
    /// What all open devices would draw if none was taken, until the last policy has ended.
    standing: Used,
    /// The emissions of the baseline, with idle devices.
    base: Emissions,
}

impl Idle {
    /// `None` if no pool says what an idle device draws.
    fn of(setup: &Setup, base: &Played, played: &[Played]) -> Option<Self> {
        if !idle::is_known(setup) {
            return None;
        }
        let ends = played.iter().chain([base]).map(|one| one.tally.end);
        let until = ends.max().unwrap_or_default();
        let mut idle = Self {
            standing: idle::standing(setup, until),
            base: 0,
        };
        idle.base = base.tally.used.total() + idle.emissions(base);
        Some(idle)
    }

    fn emissions(&self, one: &Played) -> Emissions {
        let spared = one.tally.spared.average;
        self.standing.average.saturating_sub(spared)
    }

    fn microjoules(&self, one: &Played) -> u128 {
        let spared = one.tally.spared.microjoules;
        self.standing.microjoules.saturating_sub(spared)
    }
}

fn policy(
    played: &Played,
    base: Emissions,
    bound: Option<Emissions>,
    idle: Option<&Idle>,
) -> PolicyReport {
    let tally = &played.tally;
    let used: &Used = &tally.used;
    let total = used.total();
    let (open, taken) = match tally.open {
        (0, cpus) => (cpus, tally.taken.1),
        (gpus, _) => (gpus, tally.taken.0),
    };
    let is_whole = tally.unfinished == 0;
    let has_marginal = used.marginal_unknown_microjoules == 0 && used.microjoules > 0;
    PolicyReport {
        name: played.name.clone(),
        gco2e: rounded(grams(total)),
        gco2e_marginal: has_marginal.then(|| rounded(grams(used.marginal))),
        saved_percent: is_whole.then(|| rounded(saved(base, total) * 100.0)),
        achievable_share: bound
            .filter(|bound| is_whole && *bound < base)
            .map(|bound| rounded(saved(base, total) / saved(base, bound))),
        kwh: rounded(kilowatt_hours(used.microjoules)),
        idle_kwh: idle.map(|idle| rounded(kilowatt_hours(idle.microjoules(played)))),
        idle_gco2e: idle.map(|idle| rounded(grams(idle.emissions(played)))),
        saved_with_idle_percent: idle.filter(|_| is_whole).map(|idle| {
            let total = total + idle.emissions(played);
            rounded(saved(idle.base, total) * 100.0)
        }),
        transfer_gco2e: rounded(grams(used.transfer)),
        delay_mean_h: mean(
            tally.delays_ms.iter().map(|ms| u128::from(*ms)).sum(),
            tally,
        ),
        delay_p95_h: percentile_95(&tally.delays_ms),
        deadlines_missed: tally.deadlines_missed,
        utilization: (open > 0).then(|| rounded(ratio(taken, open))),
        makespan_mean_h: mean(tally.makespans_ms, tally),
        succeeded: tally.succeeded,
        unfinished: tally.unfinished,
        source: played.source.clone(),
    }
}

/// The share of `base` that was saved; negative if more was emitted.
fn saved(base: Emissions, total: Emissions) -> f64 {
    if base == 0 {
        return 0.0;
    }
    1.0 - ratio(total, base)
}

fn mean(sum_ms: u128, tally: &Tally) -> Option<f64> {
    let runs = u32::try_from(tally.succeeded)
        .ok()
        .filter(|runs| *runs > 0)?;
    let sum = u64::try_from(sum_ms).ok()?;
    Some(rounded(hours(sum) / f64::from(runs)))
}

fn percentile_95(delays_ms: &[u64]) -> Option<f64> {
    let mut sorted = delays_ms.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * 95).div_ceil(100).checked_sub(1)?;
    sorted.get(place).map(|ms| rounded(hours(*ms)))
}

fn hours(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64() * 1000.0 / HOUR_MS
}

/// Rounds to six decimals. That exceeds the accuracy, and gives the same text on every machine.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The hourly use of a fleet, as a share of its mean open capacity.
#[must_use]
pub fn hourly_utilization(tally: &Tally) -> Vec<(Timestamp, f64)> {
    let of_gpus = tally.open.0 > 0;
    let open = if of_gpus { tally.open.0 } else { tally.open.1 };
    let bins = u128::try_from(tally.hours.len()).unwrap_or(1).max(1);
    let mean = (open / bins).max(1);
    (0_u64..)
        .zip(&tally.hours)
        .map(|(hour, (gpus, cpus))| {
            let taken = if of_gpus { *gpus } else { *cpus };
            (
                tally.begin.after_ms(hour * BIN_MS),
                ratio(taken.into(), mean),
            )
        })
        .collect()
}
