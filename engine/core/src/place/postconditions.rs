//! Checks a solution against its problem before it leaves the placer.
//!
//! A wrong placement is a bug, but it must not stop a run or shift the answers of other stages. A
//! placement that breaks a rule is left out and reported; the engine then goes on without it.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::Ask;
use super::fault::SolveFault;
use super::placement::{Placement, Segment};
use super::problem::Problem;
use super::taken::Taken;
use crate::ids::{self, Timestamp};
use crate::pool::PoolId;

/// Keeps the valid placements, each in its ask's position, and returns the faults of the others.
///
/// `repeated` are the asks, by index, that were answered more than once.
pub(crate) fn check(
    problem: &Problem,
    mut placements: Vec<Option<Placement>>,
    repeated: &BTreeSet<usize>,
) -> (Vec<Option<Placement>>, Vec<SolveFault>) {
    placements.resize(problem.asks.len(), None);
    let mut faults = Vec::new();
    let mut usage = Usage::default();
    let mut ends: Vec<Option<Timestamp>> = Vec::with_capacity(placements.len());
    for (index, (ask, answer)) in problem.asks.iter().zip(&mut placements).enumerate() {
        if repeated.contains(&index) {
            faults.push(SolveFault::Repeated(ask.id));
        }
        let ready = ready(problem, ask, &ends);
        let fault = match &*answer {
            None => Some(SolveFault::Missing(ask.id)),
            Some(placement) => {
                shape_fault(ask, placement, ready).or_else(|| usage.add(problem, ask, placement))
            }
        };
        if let Some(fault) = fault {
            *answer = None;
            faults.push(fault);
        }
        ends.push(answer.as_ref().and_then(Placement::end));
    }
    (placements, faults)
}

/// When an ask is ready. Asks without a placement do not delay the asks after them.
fn ready(problem: &Problem, ask: &Ask, ends: &[Option<Timestamp>]) -> Timestamp {
    let before = ask.after.iter();
    let before = before.filter_map(|index| ends.get(ids::place(*index)).copied().flatten());
    let own = ask.ready_at.max(problem.now);
    before.fold(own, Timestamp::max)
}

/// The fault of a placement by itself. An ask without a placement has no segments.
fn shape_fault(ask: &Ask, placement: &Placement, ready: Timestamp) -> Option<SolveFault> {
    let segments = &placement.segments;
    let placed = segments.iter().map(|one| u64::from(one.tasks)).sum();
    if !segments.is_empty() && placed != u64::from(ask.tasks) {
        return Some(SolveFault::Tasks {
            ask: ask.id,
            asked: ask.tasks,
            placed,
        });
    }
    segments.iter().find_map(|segment| {
        if !ask.allowed.contains(&segment.pool) {
            return Some(SolveFault::Pool {
                ask: ask.id,
                pool: segment.pool,
            });
        }
        (segment.start < ready).then_some(SolveFault::Early {
            ask: ask.id,
            start: segment.start,
            ready,
        })
    })
}

/// The capacity that a set of placements uses, by pool and slot.
#[derive(Default)]
struct Usage(BTreeMap<(PoolId, usize), Used>);

/// Sums are wide, so that they cannot overflow before they are compared.
#[derive(Clone, Copy, Default)]
struct Used {
    gpus: u64,
    /// Cores of tasks that need no GPU: the others get theirs with their GPUs.
    cpus: u64,
    milliwatts: u128,
}

impl Usage {
    /// Adds a placement, if it fits beside those that were added before.
    fn add(&mut self, problem: &Problem, ask: &Ask, placement: &Placement) -> Option<SolveFault> {
        let mut added = Vec::new();
        for segment in &placement.segments {
            for slot in slots(problem, segment) {
                let key = (segment.pool, slot);
                let used = self.0.entry(key).or_default();
                let before = *used;
                used.take(ask, segment.at_once);
                added.push((key, before));
                if used.exceeds(free(problem, segment.pool, slot)) {
                    // The last addition to a slot is undone first, so that the oldest value stays.
                    for (key, before) in added.into_iter().rev() {
                        self.0.insert(key, before);
                    }
                    return Some(SolveFault::Full {
                        ask: ask.id,
                        pool: segment.pool,
                        at: start_of(problem, slot),
                    });
                }
            }
        }
        None
    }
}

impl Used {
    fn take(&mut self, ask: &Ask, at_once: u32) {
        let count = u64::from(at_once);
        self.gpus = self.gpus.saturating_add(u64::from(ask.gpus) * count);
        if ask.gpus == 0 {
            self.cpus = self.cpus.saturating_add(u64::from(ask.cpus) * count);
        }
        let milliwatts = u128::from(ask.task_milliwatts) * u128::from(count);
        self.milliwatts = self.milliwatts.saturating_add(milliwatts);
    }

    fn exceeds(self, free: Taken) -> bool {
        // The largest number means that the pool has no limit.
        let limited = free.milliwatts != u64::MAX;
        self.gpus > u64::from(free.gpus)
            || self.cpus > u64::from(free.cpus)
            || (limited && self.milliwatts > u128::from(free.milliwatts))
    }
}

/// The slots of the outlook that a segment covers. The outlook's last slot stands for all later
/// ones.
fn slots(problem: &Problem, segment: &Segment) -> std::ops::Range<usize> {
    let count = problem.outlook.slots();
    let Some(most) = count.checked_sub(1) else {
        return 0..0;
    };
    let last_ms = segment.end.0.saturating_sub(1).max(segment.start.0);
    let first = problem.outlook.slot_of(segment.start).min(most);
    let last = problem.outlook.slot_of(Timestamp(last_ms)).min(most);
    first..last + 1
}

fn start_of(problem: &Problem, slot: usize) -> Timestamp {
    let slot = u64::try_from(slot).unwrap_or(u64::MAX);
    let slot = problem.outlook.first_slot.saturating_add(slot);
    Timestamp(slot.saturating_mul(problem.outlook.slot_ms))
}

/// The open capacity of a pool in a slot, minus the promised capacity.
fn free(problem: &Problem, pool: PoolId, slot: usize) -> Taken {
    let open = problem.outlook.pool(pool);
    let at = |values: &Vec<u32>| values.get(slot).copied().unwrap_or(0);
    let limit = problem.fleet.get(pool);
    let limit = limit.and_then(|pool| pool.power_limit_milliwatts);
    let free = Taken {
        gpus: open.map_or(0, |open| at(&open.gpus)),
        cpus: open.map_or(0, |open| at(&open.cpus)),
        milliwatts: limit.unwrap_or(u64::MAX),
    };
    let absolute = u64::try_from(slot).ok();
    let absolute = absolute.and_then(|slot| problem.outlook.first_slot.checked_add(slot));
    let mut free = absolute.map_or(free, |slot| problem.curtailed(pool, slot, free));
    let promised = problem.reserved.pools.get(pool.place());
    let promised = absolute.and_then(|slot| promised?.get(&slot).copied());
    let promised = promised.unwrap_or_default();
    free.gpus = free.gpus.saturating_sub(promised.gpus);
    free.cpus = free.cpus.saturating_sub(promised.cpus);
    // Without a limit nothing is subtracted, so that it stays the largest number.
    if free.milliwatts != u64::MAX {
        free.milliwatts = free.milliwatts.saturating_sub(promised.milliwatts);
    }
    free
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::ask::AskId;
    use super::super::demand::Demand;
    use super::super::likely::Likely;
    use super::super::outlook::{Outlook, PoolOutlook};
    use super::super::placement::Why;
    use super::super::problem::Reserved;
    use super::super::timing::Timing;
    use super::*;
    use crate::ids::{RunId, StageId};
    use crate::pool::{Fleet, Pool};

    const HOUR: u64 = 3_600_000;

    fn ask(stage: u32, after: Vec<u32>) -> Ask {
        Ask {
            id: AskId {
                run: RunId(1),
                stage: StageId(stage),
            },
            after,
            project: String::new(),
            priority: 0,
            since: Timestamp(0),
            tasks: 2,
            width: 2,
            gpus: 1,
            cpus: 1,
            task_ms: HOUR,
            task_milliwatts: 1000,
            ready_at: Timestamp(HOUR),
            finish_by: None,
            start_by: None,
            max_delay_ms: None,
            allowed: vec![PoolId(0)],
            home: PoolId(0),
            data: Vec::new(),
            prefer: Vec::new(),
            previous: None,
            timing: Timing::default(),
            margin_ms: 0,
        }
    }

    /// Two stages, the second after the first, and one pool of two GPUs, one of them promised in
    /// hour 5.
    fn problem() -> Problem {
        let promised = Taken {
            gpus: 1,
            ..Taken::default()
        };
        Problem {
            now: Timestamp(0),
            fleet: Arc::new(Fleet {
                pools: vec![Pool {
                    power_limit_milliwatts: Some(2500),
                    ..Pool::default()
                }],
            }),
            outlook: Arc::new(Outlook {
                slot_ms: HOUR,
                pools: vec![PoolOutlook {
                    gpus: vec![2; 8],
                    cpus: vec![2; 8],
                }],
                ..Outlook::default()
            }),
            reserved: Arc::new(Reserved {
                pools: vec![BTreeMap::from([(5, promised)])],
            }),
            curtailments: Arc::default(),
            asks: vec![ask(0, Vec::new()), ask(1, vec![0])],
            transfer_milliwatt_hours_per_gb: 0,
            shares: BTreeMap::new(),
            demand: Demand::default(),
        }
    }

    fn at(pool: u32, hour: u64, tasks: u32) -> Option<Placement> {
        Some(Placement {
            segments: vec![Segment {
                pool: PoolId(pool),
                start: Timestamp(hour * HOUR),
                end: Timestamp((hour + 1) * HOUR),
                tasks,
                at_once: 2,
            }],
            why: Why::Cleanest,
            expected_micrograms: 0,
            transfer_micrograms: 0,
            at_home_now_micrograms: 0,
            likely: Likely::default(),
            timing: Timing::default(),
            alternative: None,
            decided_at: Timestamp(0),
            outlook_at: Timestamp(0),
        })
    }

    fn faults(problem: &Problem, answers: Vec<Option<Placement>>) -> Vec<String> {
        let (kept, faults) = check(problem, answers.clone(), &BTreeSet::new());
        assert_eq!(kept.len(), problem.asks.len());
        for (kept, answer) in kept.iter().zip(&answers) {
            assert!(
                kept.is_none() || kept == answer,
                "no answer takes another's position"
            );
        }
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_rule_that_a_placement_breaks_is_named() {
        let cases = [
            (at(0, 1, 2), at(0, 2, 2), None),
            (
                None,
                at(0, 2, 2),
                Some("stage 0 of run r1 got no placement"),
            ),
            (
                at(0, 1, 3),
                at(0, 2, 2),
                Some("stage 0 of run r1 has 2 tasks, but its placement holds 3"),
            ),
            (
                at(1, 1, 2),
                at(0, 2, 2),
                Some("stage 0 of run r1 was placed in pool 1, which it may not use"),
            ),
            (
                at(0, 0, 2),
                at(0, 2, 2),
                Some("stage 0 of run r1 was placed at 0 ms, before it is ready at 3600000 ms"),
            ),
            (
                at(0, 2, 2),
                at(0, 2, 2),
                Some(
                    "stage 1 of run r1 was placed at 7200000 ms, before it is ready at 10800000 ms",
                ),
            ),
            (
                at(0, 5, 2),
                at(0, 6, 2),
                Some("stage 0 of run r1 was placed in pool 0 at 18000000 ms, which is full then"),
            ),
        ];
        for (first, second, expected) in cases {
            let faults = faults(&problem(), vec![first, second]);
            assert_eq!(faults, Vec::from_iter(expected.map(str::to_owned)));
        }
    }

    #[test]
    fn placements_are_counted_together_and_a_dropped_one_takes_nothing() {
        let mut problem = problem();
        problem.asks[1].after.clear();
        problem.asks.push(ask(2, Vec::new()));
        let long = at(0, 1, 2).map(|mut one| {
            one.segments[0].end = Timestamp(5 * HOUR);
            one
        });
        // The second runs from hour 1 to 5 and collides with the first in hour 4. Once it is
        // dropped, the third has hour 3 to itself.
        let faults = faults(&problem, vec![at(0, 4, 2), long, at(0, 3, 2)]);
        assert_eq!(
            faults,
            ["stage 1 of run r1 was placed in pool 0 at 14400000 ms, which is full then"]
        );
    }

    #[test]
    fn a_power_limit_counts() {
        let mut problem = problem();
        problem.asks[0].task_milliwatts = 1300;
        let faults = faults(&problem, vec![at(0, 1, 2), at(0, 2, 2)]);
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn an_answer_that_is_missing_or_given_twice_is_named() {
        let (kept, faults) = check(&problem(), vec![at(0, 1, 2)], &BTreeSet::from([0]));
        assert_eq!(kept, [at(0, 1, 2), None]);
        let id = |stage| ask(stage, Vec::new()).id;
        assert_eq!(
            faults,
            [SolveFault::Repeated(id(0)), SolveFault::Missing(id(1))]
        );
    }
}
