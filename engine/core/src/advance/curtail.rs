//! Follows curtailments: restricts pools when one begins, frees them when it ends, and asks tasks to
//! make way.

use super::held_back;
use crate::curtailment::{Curtailment, Level};
use crate::fact::{Fact, Yielding};
use crate::ids::{RunId, StageId, Timestamp, WorkerId, place};
use crate::lease::Span;
use crate::order::{Order, Step};
use crate::pool::PoolId;
use crate::ranges::Ranges;
use crate::state::State;
use crate::task::TaskStatus;

/// Restricts and frees pools. A pool that becomes restricted loses the leases of tasks that have not
/// begun, and interruptible tasks stop, the latest first, until the others keep the cap.
pub(super) fn curtail(state: &State, now: Timestamp, step: &mut Step) {
    let curtailed = &state.agenda.curtailed;
    if curtailed.next.is_none_or(|next| now < next) {
        // A new engine may be told that nothing is asked any more.
        if curtailed.levels.is_empty() {
            held_back::let_go(state, now, step);
        }
        return;
    }
    held_back::let_go(state, now, step);
    let levels = curtailed.levels_at(now);
    let stricter: Vec<(PoolId, Level)> = levels
        .iter()
        .map(|(pool, level)| (*pool, *level))
        .filter(|(pool, level)| *level != curtailed.level(*pool))
        .collect();
    step.facts.push(Fact::Curtailed {
        at: now,
        levels: levels.into_iter().collect(),
    });
    for (pool, level) in stricter {
        if let Some(why) = curtailed.known.strictest(pool, now) {
            Clearing::new(state, pool, level, why, now).clear(step);
        }
    }
}

/// The leases of one stage that one worker holds.
struct Held {
    worker: WorkerId,
    run: RunId,
    stage: StageId,
    tasks: Ranges,
    /// The power of one of its tasks, in milliwatts.
    each: u64,
    /// Whether its tasks can stop and continue later.
    stops: bool,
}

/// Makes the tasks of one pool make way.
struct Clearing<'a> {
    state: &'a State,
    pool: PoolId,
    level: Level,
    why: &'a Curtailment,
    now: Timestamp,
}

impl<'a> Clearing<'a> {
    const fn new(
        state: &'a State,
        pool: PoolId,
        level: Level,
        why: &'a Curtailment,
        now: Timestamp,
    ) -> Self {
        Self {
            state,
            pool,
            level,
            why,
            now,
        }
    }

    fn clear(&self, step: &mut Step) {
        let cap = self.level.cap_milliwatts.unwrap_or(u64::MAX);
        let mut power = self.state.power_held(self.pool);
        let is_over = power > cap;
        for held in self.held().into_iter().rev() {
            let out = self.stopping(&held, power.saturating_sub(cap));
            let (kept, stopped) = held.tasks.split_last(out);
            power = power.saturating_sub(held.each.saturating_mul(u64::from(out)));
            self.ask(&held, &stopped, true, step);
            // What has begun and cannot stop runs on. A lease that has not begun would begin.
            if self.level.halted || (is_over && !held.stops) {
                self.ask(&held, &kept, false, step);
            }
        }
    }

    /// How many of the tasks stop so that the pool takes `excess` milliwatts less.
    fn stopping(&self, held: &Held, excess: u64) -> u32 {
        let is_emergency = self.level.halted && self.level.cap_milliwatts == Some(0);
        match (held.stops, is_emergency) {
            (false, _) => 0,
            (true, true) => held.tasks.len(),
            (true, false) => {
                let wanted = excess.div_ceil(held.each.max(1));
                u32::try_from(wanted)
                    .map_or(held.tasks.len(), |wanted| wanted.min(held.tasks.len()))
            }
        }
    }

    /// The leases that the pool's workers hold, by run and stage.
    fn held(&self) -> Vec<Held> {
        let mut all = Vec::new();
        let workers = self.state.workers.iter();
        for (&worker, one) in workers.filter(|(_, one)| one.pool == self.pool) {
            for &(run, stage) in one.held.keys() {
                let owner = self.state.runs.get(&run);
                let Some((planned, state)) = owner.and_then(|owner| owner.get(stage)) else {
                    continue;
                };
                let mut tasks = Ranges::default();
                for index in 0..state.count() {
                    let is_held = state.status_of(index) == Some(TaskStatus::Active)
                        && state.holder.get(place(index)) == Some(&worker.0);
                    if is_held {
                        tasks.insert(index, index + 1);
                    }
                }
                all.push(Held {
                    worker,
                    run,
                    stage,
                    tasks,
                    each: self.state.power_of(planned, self.pool),
                    stops: planned.stage.checkpoint,
                });
            }
        }
        all.sort_by_key(|held| (held.run, held.stage, held.worker));
        all
    }

    fn ask(&self, held: &Held, tasks: &Ranges, stops: bool, step: &mut Step) {
        if tasks.is_empty() {
            return;
        }
        if stops {
            step.facts.push(Fact::YieldAsked {
                run: held.run,
                stage: held.stage,
                at: self.now,
                yielding: Yielding {
                    tasks: tasks.len(),
                    measure: self.why.measure,
                    until: self.why.until,
                    told_by: self.why.told_by.clone(),
                },
            });
        }
        step.orders
            .extend(tasks.spans().map(|(first, end)| Order::Yield {
                worker: held.worker,
                tasks: Span {
                    run: held.run,
                    stage: held.stage,
                    first,
                    count: end - first,
                },
                stops,
            }));
    }
}
