//! What was found for stages before, to find it again sooner when only some pools have changed.

use std::collections::BTreeMap;

use super::ask::{Ask, AskId};
use super::board::Board;
use super::choice::{self, Best, Found, Span};
use super::floor::Floor;

/// By stage, what was found in each pool that had room for all of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    stages: BTreeMap<AskId, Remembered>,
    /// Counts problems: what was not asked about in the last one is forgotten.
    problem: u64,
}

/// What was found for one stage.
#[derive(Clone, Debug)]
struct Remembered {
    ask: Ask,
    span: Span,
    floor: Floor,
    /// By place in `ask.allowed`: the pool's version, and what was found in it.
    pools: Vec<Option<(u64, Found)>>,
    problem: u64,
}

impl Memory {
    /// Another problem begins.
    pub(crate) fn begin(&mut self) {
        let last = self.problem;
        self.stages.retain(|_, stage| stage.problem == last);
        self.problem += 1;
    }

    /// What [`choice::best`] answers. A pool in which the whole stage has room at any time is looked at
    /// again only if it, the stage or the floor has changed: what runs there then does not matter. Not so
    /// where data moves, which costs by where it comes from too.
    pub(crate) fn best(&mut self, board: &Board, ask: &Ask, span: Span) -> Best {
        let (floor, problem) = (board.floor, self.problem);
        let stage = self.stages.entry(ask.id).or_insert_with(|| Remembered {
            ask: ask.clone(),
            span,
            floor,
            pools: vec![None; ask.allowed.len()],
            problem,
        });
        stage.problem = problem;
        if stage.floor != floor || stage.span != span || stage.ask != *ask {
            stage.ask.clone_from(ask);
            (stage.span, stage.floor) = (span, floor);
            stage.pools = vec![None; ask.allowed.len()];
        }
        let mut pools = stage.pools.iter_mut();
        choice::best_of(board, ask, span, |pool, goals| {
            let kept = pools.next();
            if !ask.data.is_empty() || !board.has_room_at_any_time(ask, pool) {
                return choice::in_pool(board, ask, pool, span, goals);
            }
            let version = board.version(pool);
            match kept {
                Some(Some((then, found))) if *then == version => *found,
                kept => {
                    let found = choice::in_pool(board, ask, pool, span, goals);
                    if let Some(kept) = kept {
                        *kept = Some((version, found));
                    }
                    found
                }
            }
        })
    }
}
