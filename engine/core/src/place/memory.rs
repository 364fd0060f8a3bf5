//! What was found for stages before, to find it again sooner when only some pools have changed.
//!
//! Within one problem what is free only ever becomes less. So what was the best block in a pool when
//! nothing of the problem was placed there is the best as long as there is still room for it; and where
//! there is none any more, what is best now is no better. A pool is looked at anew only where what is
//! known of it changed, or where its block is taken and, were it not, it would be one of the two best.

use std::collections::BTreeMap;

use super::ask::{Ask, AskId, Prefer};
use super::board::Board;
use super::choice::{self, Aim, Best, Block, Found, Span};
use super::floor::Floor;
use crate::ids::Timestamp;
use crate::pool::PoolId;

/// By stage, what was found in each pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    stages: BTreeMap<AskId, Remembered>,
    /// Counts problems: what was not asked about in the last one is forgotten.
    problem: u64,
}

/// What was found for one stage.
#[derive(Clone, Debug)]
struct Remembered {
    asked: Asked,
    /// By place in [`Asked::allowed`].
    pools: Vec<Option<Kept>>,
    problem: u64,
}

/// All of an ask that its best block in a pool depends on, whatever its data.
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
    prefer: Vec<Prefer>,
    span: Span,
    floor: Floor,
}

/// What was found in one pool.
#[derive(Clone, Copy, Debug)]
struct Kept {
    version: u64,
    opening: u64,
    /// The whole stage had room at any time: what was free did not matter.
    is_roomy: bool,
    found: Found,
}

/// What is known of one pool from before.
enum Known {
    /// What looking at it would find.
    Exactly(Found),
    /// What it would find if that fits; else it finds nothing that counts for less.
    IfFree(Block, Option<u64>),
    /// Nothing.
    Nothing,
}

impl Memory {
    /// Another problem begins.
    pub(crate) fn begin(&mut self) {
        let last = self.problem;
        self.stages.retain(|_, stage| stage.problem == last);
        self.problem += 1;
    }

    /// What [`choice::best`] answers. Nothing is kept where data moves, which costs by where it comes from
    /// too.
    pub(crate) fn best(&mut self, board: &Board, ask: &Ask, span: Span) -> Best {
        if !ask.data.is_empty() {
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
        let aim = Aim::of(ask, span, choice::goals(ask));
        if aim == Aim::Cleanest && ask.tasks == 1 && choice::goals(ask) == [Prefer::Carbon] {
            stage.two_best(board, ask, span)
        } else {
            let mut places = 0..;
            choice::best_of(board, ask, span, |pool, goals| {
                let place = places.next().unwrap_or(usize::MAX);
                stage.found(board, ask, span, (place, pool), goals)
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
            && self.prefer == ask.prefer
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
                prefer: ask.prefer.clone(),
                span,
                floor,
            },
            pools: vec![None; ask.allowed.len()],
            problem,
        }
    }

    /// The best block of a single task, and the best in another pool: pools are looked at in the order of
    /// what they count for at least, until none that is left can be one of the two.
    fn two_best(&mut self, board: &Board, ask: &Ask, span: Span) -> Best {
        let goals = choice::goals(ask);
        let mut found: Vec<Found> = vec![(None, None); ask.allowed.len()];
        let mut least = Two::default();
        let mut waiting: Vec<(u64, usize)> = Vec::with_capacity(ask.allowed.len());
        for (place, pool) in ask.allowed.iter().enumerate() {
            let at = (place, *pool);
            found[place] = match self.known(board, ask, at, Aim::Cleanest) {
                Known::Exactly(exact) => exact,
                Known::IfFree(block, _) => {
                    waiting.push((block.compared, place));
                    continue;
                }
                Known::Nothing => self.look(board, ask, span, at, goals),
            };
            least.see(found[place].0);
        }
        while let Some(next) = first_of(&waiting) {
            let (bound, place) = waiting.swap_remove(next);
            if bound > least.second {
                break;
            }
            let at = (place, ask.allowed[place]);
            found[place] = self.found(board, ask, span, at, goals);
            least.see(found[place].0);
        }
        let mut found = found.into_iter();
        choice::best_of(board, ask, span, |_, _| {
            found.next().unwrap_or((None, None))
        })
    }

    /// What looking at a pool finds.
    fn found(
        &mut self,
        board: &Board,
        ask: &Ask,
        span: Span,
        at: (usize, PoolId),
        goals: &[Prefer],
    ) -> Found {
        match self.known(board, ask, at, Aim::of(ask, span, goals)) {
            Known::Exactly(found) => found,
            Known::IfFree(block, unhindered) if block.fits(board, ask) => (Some(block), unhindered),
            Known::IfFree(..) | Known::Nothing => self.look(board, ask, span, at, goals),
        }
    }

    /// What is known of a pool without looking at it.
    fn known(&self, board: &Board, ask: &Ask, (place, pool): (usize, PoolId), aim: Aim) -> Known {
        let standing = board.standing(pool);
        let kept = self.pools.get(place).copied().flatten();
        let Some(kept) = kept.filter(|kept| kept.version == standing.version) else {
            return Known::Nothing;
        };
        let as_opened = kept.opening == standing.opening;
        if as_opened && standing.is_open {
            return Known::Exactly(kept.found);
        }
        if kept.is_roomy && board.has_room_at_any_time(ask, pool) {
            return Known::Exactly(kept.found);
        }
        if !as_opened && !kept.is_roomy {
            return Known::Nothing;
        }
        match kept.found {
            // What surplus there is has no order in which less room is no better.
            _ if aim == Aim::Best => Known::Nothing,
            (Some(block), unhindered) => Known::IfFree(block, unhindered),
            // An array may fit where it is narrower.
            (None, _) if ask.tasks > 1 => Known::Nothing,
            found => Known::Exactly(found),
        }
    }

    /// Looks at a pool, and keeps what is found there if it stands in the next problem.
    fn look(
        &mut self,
        board: &Board,
        ask: &Ask,
        span: Span,
        (place, pool): (usize, PoolId),
        goals: &[Prefer],
    ) -> Found {
        let found = choice::in_pool(board, ask, pool, span, goals);
        let standing = board.standing(pool);
        let is_roomy = board.has_room_at_any_time(ask, pool);
        if let Some(kept) = self.pools.get_mut(place)
            && (standing.is_open || is_roomy)
        {
            *kept = Some(Kept {
                version: standing.version,
                opening: standing.opening,
                is_roomy,
                found,
            });
        }
        found
    }
}

/// The two least figures seen.
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

/// Where the least of some stands.
fn first_of(waiting: &[(u64, usize)]) -> Option<usize> {
    let places = waiting.iter().enumerate();
    places.min_by_key(|(_, one)| **one).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::board::segment;
    use super::super::demand::Demand;
    use super::super::outlook::{Outlook, PoolOutlook, ZoneOutlook};
    use super::super::problem::{Problem, Reserved};
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
            allowed: (0..4).map(PoolId).collect(),
            home: PoolId(0),
            data: Vec::new(),
            prefer,
            previous: None,
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
            let mut memory = Memory::default();
            let span = |ask: &Ask| Span {
                ready_ms: 0,
                end_by_ms: ask.finish_by.map(|by| by.0),
            };
            for ask in &asks {
                let (kept, looked) =
                    (memory.best(&board, ask, span(ask)), choice::best(&board, ask, span(ask)));
                prop_assert_eq!(kept.first, looked.first);
            }
            for ask in &asks {
                let (kept, looked) =
                    (memory.best(&board, ask, span(ask)), choice::best(&board, ask, span(ask)));
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
