//! A placer made of a published rule.
//!
//! The rule rates places and times, stage by stage, and the best-rated one with room is taken. All
//! rules have the same forecast, deadlines and capacity as our own policy, and keep the same margin
//! where lengths are not known exactly. They are also asked again whenever the forecast changes and a stage has not begun. (Most published policies decide
//! once; asking again improves them.)

use sunward_core::PoolId;
use sunward_core::place::{
    Ask, Likely, Placement, Placer, Problem, Segment, Solution, Timing, Why,
};

use super::view::{Spot, View, segment};

/// A stage that is being placed.
#[derive(Clone, Copy)]
pub struct Turn<'a> {
    /// The stage's ask.
    pub ask: &'a Ask,
    /// The ask's index in the problem.
    pub index: usize,
    /// The earliest start, in milliseconds since the epoch.
    pub ready_ms: u64,
    /// The latest start, in milliseconds since the epoch.
    pub latest_ms: u64,
    /// Milliseconds that all rounds take, one after the other.
    pub length_ms: u64,
}

impl Turn<'_> {
    /// The place and time of this stage in a pool from `start_ms` on.
    #[must_use]
    pub const fn spot(&self, pool: PoolId, start_ms: u64) -> Spot {
        Spot {
            pool,
            start_ms,
            end_ms: start_ms.saturating_add(self.length_ms),
        }
    }
}

/// A rating. Lower is better; the first number counts most.
pub type Rating = (u64, u64);

/// A policy that rates places and times.
pub trait Rule {
    /// Prepares what is computed once for a whole problem.
    fn begin(&mut self, _view: &View<'_>) {}

    /// The pools that the rule considers for the stage.
    fn pools(&self, _view: &View<'_>, turn: Turn<'_>) -> Vec<PoolId> {
        vec![turn.ask.home]
    }

    /// Rates a place and time; `None` excludes it.
    fn rate(&self, view: &View<'_>, turn: Turn<'_>, spot: Spot) -> Option<Rating>;

    /// Whether the rule decides once and keeps its first decision.
    fn keeps(&self) -> bool {
        false
    }

    /// Several pieces with pauses between them, ordered by start, if the rule makes pieces.
    fn pieces(&self, _view: &View<'_>, _turn: Turn<'_>) -> Option<Vec<Segment>> {
        None
    }
}

/// Applies a rule to problems.
#[derive(Clone, Debug, Default)]
pub struct Ruled<R>(pub R);

impl<R: Rule> Placer for Ruled<R> {
    fn solve(&mut self, problem: &Problem) -> Solution {
        let mut view = View::of(problem);
        self.0.begin(&view);
        let mut placements: Vec<Option<Placement>> = vec![None; problem.asks.len()];
        for index in order(problem) {
            let Some(ask) = problem.asks.get(index) else {
                continue;
            };
            let ends = ask.after.iter().filter_map(|before| {
                let before = placements.get(usize::try_from(*before).ok()?)?.as_ref()?;
                before.end()
            });
            let ready = ends.max().unwrap_or_default();
            let turn = turn(
                problem,
                index,
                ask,
                ready.max(ask.ready_at).max(problem.now).0,
            );
            let kept = self.0.keeps().then(|| kept(&view, turn)).flatten();
            let segments = kept.or_else(|| self.0.pieces(&view, turn));
            let segments = segments.unwrap_or_else(|| whole(&self.0, &view, turn));
            for one in &segments {
                view.take(ask, one);
            }
            if let Some(slot) = placements.get_mut(index) {
                *slot = Some(placement(&view, turn, segments));
            }
        }
        Solution {
            placements,
            faults: Vec::new(),
            // A stage is asked about again each hour, as the paper does, and never because it is
            // late.
            late: false,
        }
    }
}

/// The order in which stages are placed: earliest deadline first, each stage after those it depends
/// on.
fn order(problem: &Problem) -> Vec<usize> {
    let mut order = Vec::with_capacity(problem.asks.len());
    let mut ranks: Vec<u32> = Vec::with_capacity(problem.asks.len());
    for (index, ask) in problem.asks.iter().enumerate() {
        let before = ask.after.iter().filter_map(|one| {
            let rank = ranks.get(usize::try_from(*one).ok()?)?;
            Some(rank + 1)
        });
        ranks.push(before.max().unwrap_or(0));
        order.push(index);
    }
    order.sort_by_key(|index| {
        let by = problem.asks.get(*index).and_then(|ask| ask.finish_by);
        (
            ranks.get(*index).copied(),
            by.map_or(u64::MAX, |by| by.0),
            *index,
        )
    });
    order
}

fn turn<'a>(problem: &Problem, index: usize, ask: &'a Ask, ready_ms: u64) -> Turn<'a> {
    let rounds = u64::from(ask.tasks.div_ceil(ask.width.max(1)).max(1));
    let length_ms = ask.task_ms.max(1).saturating_mul(rounds);
    let needed_ms = length_ms.saturating_add(ask.margin_ms);
    let by_end = ask.finish_by.map(|by| by.0.saturating_sub(needed_ms));
    let by_start = ask.start_by.map(|by| by.0);
    let latest = [by_end, by_start].into_iter().flatten().min();
    Turn {
        ask,
        index,
        ready_ms: ready_ms.max(problem.now.0),
        latest_ms: latest.unwrap_or(ready_ms).max(ready_ms),
        length_ms,
    }
}

/// The earlier decision, if it still holds.
fn kept(view: &View<'_>, turn: Turn<'_>) -> Option<Vec<Segment>> {
    let segments = &turn.ask.previous.as_ref()?.segments;
    let holds = |one: &Segment| {
        let spot = Spot {
            pool: one.pool,
            start_ms: one.start.0,
            end_ms: one.end.0,
        };
        one.start.0 >= turn.ready_ms && view.room(turn.ask, spot) >= one.at_once
    };
    let tasks: u32 = segments.iter().map(|one| one.tasks).sum();
    (tasks == turn.ask.tasks && segments.iter().all(holds)).then(|| segments.clone())
}

/// Places the stage as one block: at the best-rated place with room, or else at the first moment
/// with room.
fn whole(rule: &impl Rule, view: &View<'_>, turn: Turn<'_>) -> Vec<Segment> {
    let ask = turn.ask;
    let at_once = ask.width.min(ask.tasks).max(1);
    let starts = view.starts(turn.ready_ms, turn.latest_ms);
    let mut best: Option<(Rating, u64, PoolId)> = None;
    for pool in rule.pools(view, turn) {
        for start in &starts {
            let spot = turn.spot(pool, *start);
            let Some(rating) = rule.rate(view, turn, spot) else {
                continue;
            };
            let rated = (rating, *start, pool);
            if best.is_none_or(|best| rated < best) && view.room(ask, spot) >= at_once {
                best = Some(rated);
            }
        }
    }
    let best = best.map(|(_, start, pool)| turn.spot(pool, start));
    let best = best.or_else(|| soonest(view, turn, at_once));
    match best {
        Some(spot) => vec![segment(spot, ask.tasks, at_once)],
        None => crowded(view, turn),
    }
}

/// The first moment at which all tasks have room; home is tried first.
fn soonest(view: &View<'_>, turn: Turn<'_>, at_once: u32) -> Option<Spot> {
    let starts = view.starts(turn.ready_ms, view.end_ms());
    let mut spots = starts
        .iter()
        .flat_map(|start| homeward(turn.ask).map(move |pool| turn.spot(pool, *start)));
    spots.find(|spot| view.room(turn.ask, *spot) >= at_once)
}

/// Places the stage with fewer tasks at once, for longer, where it ends first. If there is no room
/// at all, it is planned as if one task fitted, so that it is asked about again when more is known.
fn crowded(view: &View<'_>, turn: Turn<'_>) -> Vec<Segment> {
    let ask = turn.ask;
    let starts = view.starts(turn.ready_ms, view.end_ms());
    let mut best: Option<(u64, Segment)> = None;
    for pool in homeward(ask) {
        for start in &starts {
            let one = Spot {
                pool,
                start_ms: *start,
                end_ms: start.saturating_add(ask.task_ms.max(1)),
            };
            let at_once = view.room(ask, one).min(ask.width).min(ask.tasks);
            if at_once == 0 {
                continue;
            }
            let rounds = u64::from(ask.tasks.div_ceil(at_once));
            let spot = Spot {
                end_ms: start.saturating_add(ask.task_ms.max(1).saturating_mul(rounds)),
                ..one
            };
            let fits = view.room(ask, spot) >= at_once;
            if fits && best.as_ref().is_none_or(|(end, _)| spot.end_ms < *end) {
                best = Some((spot.end_ms, segment(spot, ask.tasks, at_once)));
            }
        }
    }
    let nowhere = || {
        segment(
            turn.spot(ask.home, view.end_ms().max(turn.ready_ms)),
            ask.tasks,
            1,
        )
    };
    vec![best.map_or_else(nowhere, |(_, segment)| segment)]
}

/// The pools where a stage may go, its home first.
fn homeward(ask: &Ask) -> impl Iterator<Item = PoolId> {
    let home = ask.allowed.iter().filter(|pool| **pool == ask.home);
    let others = ask.allowed.iter().filter(|pool| **pool != ask.home);
    home.chain(others).copied()
}

fn placement(view: &View<'_>, turn: Turn<'_>, segments: Vec<Segment>) -> Placement {
    let ask = turn.ask;
    let emitted = segments.iter().map(|one| {
        let part = Ask {
            tasks: one.tasks,
            data: Vec::new(),
            ..ask.clone()
        };
        view.micrograms(
            &part,
            Spot {
                pool: one.pool,
                start_ms: one.start.0,
                end_ms: one.end.0,
            },
        )
    });
    let emitted: u64 = emitted.fold(0, u64::saturating_add);
    let transfer = segments
        .first()
        .map_or(0, |first| view.transfer(ask, first.pool, first.start.0));
    let start_ms = segments.first().map_or(turn.ready_ms, |one| one.start.0);
    Placement {
        why: match start_ms {
            start if start > turn.latest_ms => Why::Late,
            start if start <= turn.ready_ms => Why::AtOnce,
            _ => Why::Cleanest,
        },
        segments,
        expected_micrograms: emitted.saturating_add(transfer),
        transfer_micrograms: transfer,
        at_home_now_micrograms: 0,
        likely: Likely::default(),
        timing: Timing::default(),
        alternative: None,
        decided_at: view.problem.now,
        outlook_at: view.problem.outlook.issued_at,
    }
}
