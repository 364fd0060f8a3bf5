//! One stage of a graph that is being planned, and its cost by start.

use super::ask::Ask;
use super::board::Board;
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
}

/// The cost if no pool has room. It exceeds any real emission, and a sum over 4096 stages does not
/// saturate.
const NO_ROOM: u64 = u64::MAX / 4096;

/// The compared cost of a stage that begins at `start_ms`, in the best pool with room.
pub(crate) fn cost(board: &Board, node: &Node<'_>, start_ms: u64) -> u64 {
    let window = |pool, end_ms| board.compared(node.ask, pool, start_ms, end_ms);
    least(board, node, start_ms, window)
}

/// The emissions of a stage that begins at `start_ms`, in micrograms.
pub(crate) fn emitted(board: &Board, node: &Node<'_>, start_ms: u64) -> u64 {
    least(board, node, start_ms, |pool, end_ms| {
        board.window(pool, start_ms, end_ms)
    })
}

fn least(
    board: &Board,
    node: &Node<'_>,
    start_ms: u64,
    window: impl Fn(PoolId, u64) -> u64,
) -> u64 {
    let power = node.ask.power(node.at_once);
    let end_ms = start_ms.saturating_add(node.length_ms);
    node.ask
        .allowed
        .iter()
        .filter(|pool| board.room(node.ask, **pool, start_ms, end_ms) >= node.at_once)
        .map(|pool| {
            Board::micrograms(window(*pool, end_ms), power)
                .saturating_add(board.transfer(node.ask, *pool, start_ms))
        })
        .min()
        .unwrap_or(NO_ROOM)
}
