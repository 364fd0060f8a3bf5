//! One stage of a graph while it is planned, and what it costs to begin it somewhere.

use super::ask::Ask;
use super::board::Board;
use crate::pool::PoolId;

/// One stage of a graph: what it may and what it would.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) ask: &'a Ask,
    /// How many tasks run at once.
    pub(crate) at_once: u32,
    /// How long it takes.
    pub(crate) length_ms: u64,
    /// Not before, whatever it waits for.
    pub(crate) ready_ms: u64,
    /// It begins by then.
    pub(crate) latest_ms: u64,
    pub(crate) before: Vec<usize>,
    pub(crate) behind: Vec<usize>,
    pub(crate) start_ms: u64,
}

/// More than anything emits: there is no room then.
const NO_ROOM: u64 = u64::MAX / 4096;

/// What a stage counts for that begins then, in the best pool with room for it.
pub(crate) fn cost(board: &Board, node: &Node<'_>, start_ms: u64) -> u64 {
    let window = |pool, end_ms| board.compared(node.ask, pool, start_ms, end_ms);
    least(board, node, start_ms, window)
}

/// What it emits then.
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
