//! One stage of a graph that is being planned, and its cost by start.

use super::ask::Ask;
use super::board::Board;
use super::goals::{Bands, Cost, Figures, Spot};
use crate::pool::PoolId;

/// A stage with its bounds and its planned start.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) ask: &'a Ask,
    /// The number of tasks that run at the same time.
    pub(crate) at_once: u32,
    /// Its duration in milliseconds.
    pub(crate) length_ms: u64,
    /// The earliest start, predecessors aside.
    pub(crate) ready_ms: u64,
    /// The latest start.
    pub(crate) latest_ms: u64,
    pub(crate) before: Vec<usize>,
    pub(crate) behind: Vec<usize>,
    pub(crate) start_ms: u64,
    /// The bands of its goals, if it has other goals than emissions.
    pub(crate) bands: Bands,
}

/// The compared cost of a stage that begins at `start_ms`, in the best pool with room.
pub(crate) fn cost<C: Cost>(board: &Board, node: &Node<'_>, start_ms: u64) -> C {
    least(board, node, start_ms, |pool, end_ms| {
        board.compared(node.ask, pool, start_ms, end_ms)
    })
}

/// The same by plain emissions, without the board's floor.
pub(crate) fn emitted<C: Cost>(board: &Board, node: &Node<'_>, start_ms: u64) -> C {
    least(board, node, start_ms, |pool, end_ms| {
        board.window(pool, start_ms, end_ms)
    })
}

fn least<C: Cost>(
    board: &Board,
    node: &Node<'_>,
    start_ms: u64,
    window: impl Fn(PoolId, u64) -> u64,
) -> C {
    spots(board, node, start_ms, window)
        .map(|spot| C::of(board, node.ask, &node.bands, node.ready_ms, &spot))
        .min()
        .unwrap_or(C::NO_ROOM)
}

/// A stage that begins at `start_ms`, in each pool with room.
fn spots<'a>(
    board: &'a Board,
    node: &'a Node<'_>,
    start_ms: u64,
    window: impl Fn(PoolId, u64) -> u64 + 'a,
) -> impl Iterator<Item = Spot> + 'a {
    let power = node.ask.power(node.at_once);
    let end_ms = start_ms.saturating_add(node.length_ms);
    let pools = node.ask.allowed.iter().copied();
    pools
        .filter(move |pool| board.room(node.ask, *pool, start_ms, end_ms) >= node.at_once)
        .map(move |pool| Spot {
            pool,
            start_ms,
            end_ms,
            tasks: node.ask.tasks,
            compared: Board::micrograms(window(pool, end_ms), power)
                .saturating_add(board.transfer(node.ask, pool, start_ms)),
        })
}

impl Node<'_> {
    /// Its latest start if its predecessors end at a moment.
    pub(crate) fn latest_after(&self, ends_ms: u64) -> u64 {
        let delay_ms = self.ask.max_delay_ms;
        delay_ms.map_or(u64::MAX, |ms| ends_ms.saturating_add(ms))
    }

    /// The starts that are tried: the earliest, each slot's, and the latest.
    pub(crate) fn starts(&self, board: &Board) -> Vec<u64> {
        let first = board.slot(self.start_ms) + 1;
        let last = board.slot(self.latest_ms);
        let grid = (first..=last).map(|slot| board.start_ms(slot));
        let grid = grid.filter(|start| *start > self.start_ms && *start < self.latest_ms);
        let mut starts: Vec<u64> = std::iter::once(self.start_ms).chain(grid).collect();
        if self.latest_ms > self.start_ms {
            starts.push(self.latest_ms);
        }
        starts
    }

    /// The bands of the stage's goals, over all starts and pools.
    pub(crate) fn bands(&self, board: &Board) -> Bands {
        let mut all: Vec<Figures> = Vec::new();
        for start_ms in self.starts(board) {
            let window = |pool, end_ms| board.compared(self.ask, pool, start_ms, end_ms);
            let spots = spots(board, self, start_ms, window);
            all.extend(spots.map(|spot| spot.figures(board, self.ask, self.ready_ms)));
        }
        Bands::of(self.ask, &all)
    }
}
