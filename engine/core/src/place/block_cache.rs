//! A cache of the best block of each stage in each pool, so that only pools that changed are
//! searched again.
//!
//! It relies on one fact: while one problem is solved, free capacity only shrinks. The best block
//! of an untouched pool therefore stays the best block as long as it still fits. If it no longer
//! fits, the best block of the pool is no better than it was, so the old figure is a lower bound. A
//! pool is searched again only if its signals changed, or if its block no longer fits and its bound
//! would make it one of the two best.

use std::collections::BTreeMap;

use super::ask::{Ask, AskId};
use super::board::Board;
use super::choice::{self, Aim, Best, Block, Found, Span};
use super::floor::Floor;
use super::goals;
use crate::ids::Timestamp;
use crate::pool::PoolId;

/// Results by stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockCache {
    stages: BTreeMap<AskId, Remembered>,
    /// The number of the current problem. Stages that the last problem did not ask about are
    /// dropped, which bounds the cache by the size of a problem.
    problem: u64,
}

/// The results of one stage.
#[derive(Clone, Debug)]
struct Remembered {
    asked: Asked,
    /// Results by the index of the pool in [`Asked::allowed`].
    pools: Vec<Option<Kept>>,
    problem: u64,
}

/// Everything about an ask that its best block in a pool depends on, except its data.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    tasks: u32,
    width: u32,
    gpus: u32,
    cpus: u32,
    task_ms: u64,
    task_milliwatts: u64,
    start_by: Option<Timestamp>,
    allowed: Vec<PoolId>,
    span: Span,
    floor: Floor,
}

/// The result for one pool.
#[derive(Clone, Copy, Debug)]
struct Kept {
    version: u64,
    opening: u64,
    /// True when the whole stage fits in every slot. Free capacity then had no influence on the
    /// result.
    is_roomy: bool,
    found: Found,
}

/// What the cache knows of a pool.
enum Known {
    /// The result that a search would give.
    Exactly(Found),
    /// The result that a search would give if this block still fits. If it does not, a search finds
    /// nothing better.
    IfFree(Block, Option<u64>),
    /// Nothing: the pool must be searched.
    Nothing,
}

impl BlockCache {
    /// Begins another problem.
    pub(crate) fn begin(&mut self) {
        let last = self.problem;
        self.stages.retain(|_, stage| stage.problem == last);
        self.problem += 1;
    }

    /// The same answer as [`choice::best`]. Asks with data are not cached, because their cost also
    /// depends on where the data is. Asks with other goals than emissions are not, because their
    /// best block in one pool depends on the other pools.
    pub(crate) fn best(&mut self, board: &Board, ask: &Ask, span: Span) -> Best {
        if !ask.data.is_empty() || !goals::are_carbon(ask) {
            return choice::best(board, ask, span);
        }
        let (floor, problem) = (board.floor, self.problem);
        let stage = self
            .stages
            .entry(ask.id)
            .or_insert_with(|| Remembered::of(ask, span, floor, problem));
        if !stage.asked.is_same(ask, span, floor) {
            *stage = Remembered::of(ask, span, floor, problem);
        }
        stage.problem = problem;
        if Aim::of(ask, span) == Aim::Cleanest && ask.tasks == 1 {
            stage.two_best(board, ask, span)
        } else {
            let mut places = 0..;
            choice::best_of(board, ask, span, |pool| {
                let place = places.next().unwrap_or(usize::MAX);
                stage.found(board, ask, span, (place, pool))
            })
        }
    }
}

impl Asked {
    fn is_same(&self, ask: &Ask, span: Span, floor: Floor) -> bool {
        let numbers = |one: &Self| (one.tasks, one.width, one.gpus, one.cpus, one.task_ms);
        numbers(self) == (ask.tasks, ask.width, ask.gpus, ask.cpus, ask.task_ms)
            && self.task_milliwatts == ask.task_milliwatts
            && self.start_by == ask.start_by
            && (self.span, self.floor) == (span, floor)
            && self.allowed == ask.allowed
    }
}

impl Remembered {
    fn of(ask: &Ask, span: Span, floor: Floor, problem: u64) -> Self {
        Self {
            asked: Asked {
                tasks: ask.tasks,
                width: ask.width,
                gpus: ask.gpus,
                cpus: ask.cpus,
                task_ms: ask.task_ms,
                task_milliwatts: ask.task_milliwatts,
                start_by: ask.start_by,
                allowed: ask.allowed.clone(),
                span,
                floor,
            },
            pools: vec![None; ask.allowed.len()],
            problem,
        }
    }

    /// The best block of a single task, and the best block in another pool. Pools are searched in
    /// ascending order of their lower bounds, until no remaining pool can be among the two best.
    fn two_best(&mut self, board: &Board, ask: &Ask, span: Span) -> Best {
        let mut found: Vec<Found> = vec![(None, None); ask.allowed.len()];
        let mut least = Two::default();
        let mut waiting: Vec<(u64, usize)> = Vec::with_capacity(ask.allowed.len());
        for (place, pool) in ask.allowed.iter().enumerate() {
            let at = (place, *pool);
            found[place] = match self.known(board, ask, at) {
                Known::Exactly(exact) => exact,
                Known::IfFree(block, _) => {
                    waiting.push((block.compared, place));
                    continue;
                }
                Known::Nothing => self.look(board, ask, span, at),
            };
            least.see(found[place].0);
        }
        while let Some(next) = first_of(&waiting) {
            let (bound, place) = waiting.swap_remove(next);
            if bound > least.second {
                break;
            }
            let at = (place, ask.allowed[place]);
            found[place] = self.found(board, ask, span, at);
            least.see(found[place].0);
        }
        let mut found = found.into_iter();
        choice::best_of(board, ask, span, |_| found.next().unwrap_or((None, None)))
    }

    /// The result for a pool, from the cache or by a search.
    fn found(&mut self, board: &Board, ask: &Ask, span: Span, at: (usize, PoolId)) -> Found {
        match self.known(board, ask, at) {
            Known::Exactly(found) => found,
            Known::IfFree(block, unhindered) if block.fits(board, ask) => (Some(block), unhindered),
            Known::IfFree(..) | Known::Nothing => self.look(board, ask, span, at),
        }
    }

    /// What the cache knows of a pool.
    fn known(&self, board: &Board, ask: &Ask, (place, pool): (usize, PoolId)) -> Known {
        let state = board.pool_state(pool);
        let kept = self.pools.get(place).copied().flatten();
        let Some(kept) = kept.filter(|kept| kept.version == state.version) else {
            return Known::Nothing;
        };
        let as_opened = kept.opening == state.opening;
        if as_opened && state.is_open {
            return Known::Exactly(kept.found);
        }
        if kept.is_roomy && board.has_room_at_any_time(ask, pool) {
            return Known::Exactly(kept.found);
        }
        if !as_opened && !kept.is_roomy {
            return Known::Nothing;
        }
        match kept.found {
            (Some(block), unhindered) => Known::IfFree(block, unhindered),
            // A narrower block of an array may fit.
            (None, _) if ask.tasks > 1 => Known::Nothing,
            found => Known::Exactly(found),
        }
    }

    /// Searches a pool. The result is kept if it will hold for the next problem, that is, if
    /// nothing of this one has taken capacity there or capacity does not matter.
    fn look(
        &mut self,
        board: &Board,
        ask: &Ask,
        span: Span,
        (place, pool): (usize, PoolId),
    ) -> Found {
        let found = choice::in_pool(board, ask, pool, span);
        let state = board.pool_state(pool);
        let is_roomy = board.has_room_at_any_time(ask, pool);
        if let Some(kept) = self.pools.get_mut(place)
            && (state.is_open || is_roomy)
        {
            *kept = Some(Kept {
                version: state.version,
                opening: state.opening,
                is_roomy,
                found,
            });
        }
        found
    }
}

/// The two lowest figures so far.
#[derive(Clone, Copy, Debug)]
struct Two {
    first: u64,
    second: u64,
}

impl Default for Two {
    fn default() -> Self {
        Self {
            first: u64::MAX,
            second: u64::MAX,
        }
    }
}

impl Two {
    fn see(&mut self, block: Option<Block>) {
        let Some(figure) = block.map(|block| block.compared) else {
            return;
        };
        if figure < self.first {
            self.second = self.first;
            self.first = figure;
        } else {
            self.second = self.second.min(figure);
        }
    }
}

/// The index of the lowest entry.
fn first_of(waiting: &[(u64, usize)]) -> Option<usize> {
    let places = waiting.iter().enumerate();
    places.min_by_key(|(_, one)| **one).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::ask::Prefer;
    use super::super::demand::Demand;
    use super::super::outlook::{Outlook, PoolOutlook, ZoneOutlook};
    use super::super::placement::segment;
    use super::super::problem::{Problem, Reserved};
    use super::super::timing::Timing;
    use super::*;
    use crate::ids::{RunId, StageId};
    use crate::pool::{Fleet, Pool};

    const HOUR: u64 = 3_600_000;
    const HOURS: usize = 16;

    fn board(pools: &[Vec<(u32, u32)>]) -> Board {
        let name = |place: usize| format!("Z{place}");
        let fleet = (0..pools.len()).map(|place| Pool {
            name: name(place),
            zone: name(place),
            pue_permille: 1000,
            ..Pool::default()
        });
        let zones = pools.iter().enumerate().map(|(place, pool)| ZoneOutlook {
            zone: name(place),
            intensity_mg_per_kwh: pool.iter().map(|(grams, _)| grams * 1000).collect(),
            surplus: pool.iter().map(|(grams, _)| grams % 3 == 0).collect(),
            ..ZoneOutlook::default()
        });
        let open = pools.iter().map(|pool| PoolOutlook {
            gpus: pool.iter().map(|(_, gpus)| *gpus).collect(),
            cpus: vec![0; HOURS],
        });
        let problem = Problem {
            now: Timestamp(0),
            outlook: Arc::new(Outlook {
                slot_ms: HOUR,
                zones: zones.collect(),
                pools: open.collect(),
                ..Outlook::default()
            }),
            fleet: Arc::new(Fleet {
                pools: fleet.collect(),
            }),
            reserved: Arc::new(Reserved::default()),
            curtailments: Arc::default(),
            asks: Vec::new(),
            transfer_milliwatt_hours_per_gb: 0,
            shares: BTreeMap::new(),
            demand: Demand::default(),
        };
        Board::of(&problem, None)
    }

    fn asks() -> impl Strategy<Value = Vec<Ask>> {
        let prefer = prop_oneof![
            3 => Just(vec![Prefer::Carbon]),
            1 => Just(vec![Prefer::Cost]),
            1 => Just(vec![Prefer::Surplus, Prefer::Cost]),
            1 => Just(vec![Prefer::Time]),
        ];
        let one = (
            1_u64..4,
            prop::option::weighted(0.9, 4_u64..20),
            1_u32..4,
            1_u32..3,
            prefer,
        );
        type One = (u64, Option<u64>, u32, u32, Vec<Prefer>);
        let ask = |(run, (hours, by, tasks, width, prefer)): (u64, One)| Ask {
            id: AskId {
                run: RunId(run),
                stage: StageId(0),
            },
            after: Vec::new(),
            project: String::new(),
            priority: 0,
            since: Timestamp(0),
            tasks,
            width,
            gpus: 1,
            cpus: 0,
            task_ms: hours * HOUR,
            task_milliwatts: 1_000_000,
            ready_at: Timestamp(0),
            finish_by: by.map(|by| Timestamp(by * HOUR)),
            start_by: None,
            max_delay_ms: None,
            allowed: (0..4).map(PoolId).collect(),
            home: PoolId(0),
            data: Vec::new(),
            prefer,
            previous: None,
            timing: Timing::default(),
            margin_ms: 0,
        };
        prop::collection::vec(one, 1..12).prop_map(move |asks| (1..).zip(asks).map(ask).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        #[test]
        fn it_answers_what_looking_everywhere_would(
            pools in prop::collection::vec(
                prop::collection::vec((1_u32..9, 0_u32..4), HOURS),
                4,
            ),
            asks in asks(),
        ) {
            let mut board = board(&pools);
            let mut cache = BlockCache::default();
            let span = |ask: &Ask| Span {
                ready_ms: 0,
                end_by_ms: ask.finish_by.map(|by| by.0),
            };
            for ask in &asks {
                let (kept, looked) =
                    (cache.best(&board, ask, span(ask)), choice::best(&board, ask, span(ask)));
                prop_assert_eq!(kept.first, looked.first);
            }
            for ask in &asks {
                let (kept, looked) =
                    (cache.best(&board, ask, span(ask)), choice::best(&board, ask, span(ask)));
                prop_assert_eq!(kept, looked);
                if let Some(block) = looked.first {
                    let (start, length) = (block.start_ms, block.length_ms);
                    let taken = segment(block.pool, start, length, ask.tasks, block.at_once);
                    board.reserve(ask, &taken);
                }
            }
        }
    }
}
