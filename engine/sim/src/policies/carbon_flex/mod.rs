//! CarbonFlex (Hanafy et al., arXiv 2505.18357): how much of a cluster works in an hour is learned
//! from what an oracle would have done in the past.
//!
//! From the paper: provisioning and scheduling are apart. An offline oracle, which knows intensities
//! and lengths, replays the past. What it did in states like the present one (nearest neighbors of
//! features) says how much to provision now. Jobs are elastic, get servers by marginal throughput,
//! and those that are due run in any case.
//!
//! Our reading, from what is public:
//! - A cluster is the machines at one home. Each has states of its own ([`cases`]): the rank of the
//!   intensity now within the forecast of the next day, its ratio to the mean of that forecast, and
//!   how urgent the work is that waits.
//! - The oracle gives the cleanest hours of each job's time to it, within the cluster's machines, with
//!   the earliest deadline first in an hour. In the simulator throughput grows in proportion to
//!   servers, so the order of marginal throughput for carbon is that of intensities.
//! - What is learned of an hour is the share of the waiting work's width that ran. The five nearest
//!   cases are averaged.
//! - It learns once a day, from the last two weeks. Until it has two days of cases it decides as
//!   CarbonScaler does. (The paper begins with a history.)
//! - Where a job's length is not known, the oracle is told the same estimate as the policy.

mod cases;
mod replay;

use std::collections::BTreeMap;

use sunward_core::PoolId;
use sunward_core::place::{Ask, AskId, Segment};

use super::online::{now_and_last, rounds};
use super::pieces::cheapest;
use super::ruled::{Rating, Rule, Turn};
use super::view::{Spot, View};
use super::wait_awhile::WaitAwhile;
use cases::{Case, Cases, State};
use replay::{Job, Moment};

const HOUR_MS: u64 = 3_600_000;

/// How often it learns, and from how much of the past.
const LEARN_EVERY_H: u64 = 24;
const PAST_H: u64 = 14 * 24;

/// How far the forecast of the features looks.
const AHEAD_H: u64 = 24;

/// The policy CarbonFlex.
#[derive(Clone, Debug, Default)]
pub struct CarbonFlex {
    clusters: BTreeMap<PoolId, Cluster>,
    /// By ask of this problem: how many of its tasks run at the same time now; `None` if nothing was
    /// learned yet.
    grants: Vec<Option<u32>>,
}

/// What is known of the machines at one home.
#[derive(Clone, Debug, Default)]
struct Cluster {
    /// The jobs that came in the last weeks.
    jobs: BTreeMap<AskId, Job>,
    /// By hour: what was seen then.
    moments: BTreeMap<u64, Moment>,
    cases: Cases,
    learned_h: Option<u64>,
}

impl Rule for CarbonFlex {
    fn begin(&mut self, view: &View<'_>) {
        let asks = &view.problem.asks;
        self.grants = vec![None; asks.len()];
        let mut homes: BTreeMap<PoolId, Vec<usize>> = BTreeMap::new();
        for (index, ask) in asks.iter().enumerate() {
            homes.entry(ask.home).or_default().push(index);
        }
        for (home, indices) in homes {
            let cluster = self.clusters.entry(home).or_default();
            let waiting = indices.iter().filter_map(|index| asks.get(*index));
            let waiting: Vec<&Ask> = waiting.collect();
            cluster.see(view, home, &waiting);
            let Some(permille) = cluster.share(view.problem.now.0 / HOUR_MS) else {
                continue;
            };
            for (index, tasks) in granted(view, &indices, permille) {
                if let Some(grant) = self.grants.get_mut(index) {
                    *grant = Some(tasks);
                }
            }
        }
    }

    fn rate(&self, view: &View<'_>, turn: Turn<'_>, spot: Spot) -> Option<Rating> {
        WaitAwhile.rate(view, turn, spot)
    }

    fn pieces(&self, view: &View<'_>, turn: Turn<'_>) -> Option<Vec<Segment>> {
        match self.grants.get(turn.index).copied().flatten() {
            Some(width) => {
                let tasks = width.saturating_mul(rounds(turn));
                now_and_last(view, turn, tasks)
            }
            None => cheapest(view, turn, 1),
        }
    }
}

impl Cluster {
    /// Notes what is seen now, and learns if it is time.
    fn see(&mut self, view: &View<'_>, home: PoolId, waiting: &[&Ask]) {
        let now_ms = view.problem.now.0;
        let hour = now_ms / HOUR_MS;
        for ask in waiting {
            let new = Job::of(ask, now_ms);
            self.jobs.entry(ask.id).or_insert(new);
        }
        // The machines that are open now, whatever is promised of them.
        let open = view.problem.outlook.pool(home);
        let most = |open: &[u32]| open.first().copied().unwrap_or(0).into();
        let moment = Moment {
            intensity: view.intensity(home, now_ms),
            devices: open.map_or(0, |open| most(&open.gpus)),
            cores: open.map_or(0, |open| most(&open.cpus)),
            state: state(view, home, waiting),
        };
        // The first problem of an hour is about all that waits, the others about what has just come.
        self.moments.entry(hour).or_insert(moment);
        let due = |learned: u64| hour >= learned + LEARN_EVERY_H;
        let first = self.moments.keys().next().copied().unwrap_or(hour);
        if due(self.learned_h.unwrap_or(first)) {
            self.learned_h = Some(hour);
            self.learn(hour);
        }
    }

    /// Replays the past with the oracle, and keeps what it did in each hour.
    fn learn(&mut self, hour: u64) {
        let from = hour.saturating_sub(PAST_H);
        self.moments = self.moments.split_off(&from);
        let is_recent = |job: &Job| job.due_h >= from;
        self.jobs.retain(|_, job| is_recent(job));
        // What is not due yet may still run later, under the oracle as well.
        let jobs = self.jobs.values().filter(|job| job.due_h <= hour);
        let shares = replay::replay(&self.moments, jobs.copied().collect());
        let cases = shares.into_iter().filter_map(|(hour, permille)| {
            let state = self.moments.get(&hour)?.state;
            Some(Case { state, permille })
        });
        self.cases = Cases::new(cases.collect());
    }

    /// The share of the waiting work's width to run now, in thousandths.
    fn share(&self, hour: u64) -> Option<u64> {
        self.cases.nearest(self.moments.get(&hour)?.state)
    }
}

/// What the present looks like.
fn state(view: &View<'_>, home: PoolId, waiting: &[&Ask]) -> State {
    let now_ms = view.problem.now.0;
    let now = view.intensity(home, now_ms);
    let ahead = (0..AHEAD_H).map(|hour| view.intensity(home, now_ms + hour * HOUR_MS));
    let ahead: Vec<u64> = ahead.collect();
    let cleaner = ahead.iter().filter(|one| **one < now).count();
    let cleaner = u64::try_from(cleaner).unwrap_or(AHEAD_H);
    let mean = ahead.iter().sum::<u64>() / AHEAD_H;
    let urgency = waiting.iter().map(|ask| urgency(ask, now_ms));
    let number = u64::try_from(waiting.len()).unwrap_or(1).max(1);
    State {
        rank_permille: cleaner * 1000 / AHEAD_H,
        ratio_permille: (now.saturating_mul(1000) / mean.max(1)).min(2000),
        urgency_permille: urgency.sum::<u64>() / number,
    }
}

/// How much of the time until its deadline a job needs at full width, in thousandths.
fn urgency(ask: &Ask, now_ms: u64) -> u64 {
    let rounds = u64::from(ask.tasks.div_ceil(ask.width.max(1)).max(1));
    let length_ms = ask.task_ms.max(1).saturating_mul(rounds);
    let left_ms = ask.finish_by.map_or(0, |by| by.0.saturating_sub(now_ms));
    (length_ms.saturating_mul(1000) / left_ms.max(1)).min(1000)
}

/// The tasks of each ask that run at the same time now, if this share of their width may: the most urgent first.
fn granted(view: &View<'_>, indices: &[usize], permille: u64) -> Vec<(usize, u32)> {
    let now_ms = view.problem.now.0;
    let asks = indices.iter().filter_map(|index| {
        let ask = view.problem.asks.get(*index)?;
        let is_ready = ask.ready_at.0 <= now_ms && ask.after.is_empty();
        let width = if is_ready {
            ask.width.min(ask.tasks)
        } else {
            0
        };
        Some((*index, width, urgency(ask, now_ms)))
    });
    let mut asks: Vec<(usize, u32, u64)> = asks.collect();
    let all: u64 = asks.iter().map(|(_, width, _)| u64::from(*width)).sum();
    let mut left = (all * permille + 500) / 1000;
    asks.sort_by_key(|(index, _, urgency)| (std::cmp::Reverse(*urgency), *index));
    let grant = |(index, width, _): (usize, u32, u64)| {
        let some = u64::from(width).min(left);
        left -= some;
        (index, u32::try_from(some).unwrap_or(width))
    };
    asks.into_iter().map(grant).collect()
}
