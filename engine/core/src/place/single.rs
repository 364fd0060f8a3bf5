//! One ask, placed: as one block if that is best, in pieces where pausing pays or room is short.

use super::ask::Ask;
use super::board::Board;
use super::choice::{self, Best, Span};
use super::divide::{self, Pieces};
use super::placement::{Placement, Why};
use super::problem::Problem;
use crate::ids::Timestamp;

/// Places one ask that may begin at `ready_ms` and, if it may wait, has to end by `end_by_ms`.
pub(crate) fn place(
    problem: &Problem,
    board: &Board,
    ask: &Ask,
    ready_ms: u64,
    end_by_ms: Option<u64>,
) -> Placement {
    let span = Span {
        ready_ms,
        end_by_ms,
    };
    let best = choice::best(board, ask, span);
    let whole = choice::placement(problem, board, ask, ready_ms, best, false);
    let pieces = in_pieces(board, ask, span, best);
    if let Some(placement) = better(problem, board, ask, ready_ms, whole, pieces) {
        return placement;
    }
    // The time there is does not do: as soon as can be.
    let soon = Span {
        ready_ms,
        end_by_ms: None,
    };
    let best = choice::best(board, ask, soon);
    let late = end_by_ms.is_some();
    let whole = choice::placement(problem, board, ask, ready_ms, best, late);
    let pieces = if ask.tasks > 1 {
        divide::spread(board, ask, soon)
    } else {
        None
    };
    let by_end = |placement: &Placement| placement.end();
    let spread = pieces.map(|pieces| {
        let why = if late { Why::Late } else { Why::AtOnce };
        of_pieces(problem, board, ask, ready_ms, pieces, why, best)
    });
    match (whole, spread) {
        (Some(whole), Some(spread)) if by_end(&spread) < by_end(&whole) => spread,
        (Some(whole), _) => whole,
        (None, Some(spread)) => spread,
        (None, None) => nowhere(problem, board, ask, ready_ms),
    }
}

/// Pieces, where they may be of use: rounds that may pause, or tasks for which there is no room
/// together.
fn in_pieces(board: &Board, ask: &Ask, span: Span, best: Best) -> Option<Pieces> {
    if ask.tasks < 2 || !ask.divisible {
        return None;
    }
    let paused = if ask.rounds(ask.width) > 1 {
        divide::paused(board, ask, span)
    } else {
        None
    };
    let wide = ask.width.min(ask.tasks);
    let crowded = best.first.is_none_or(|block| block.at_once < wide);
    if !crowded || span.end_by_ms.is_none() {
        return paused;
    }
    let spread = divide::spread(board, ask, span);
    match (paused, spread) {
        (Some(paused), Some(spread)) if spread.micrograms < paused.micrograms => Some(spread),
        (Some(paused), _) => Some(paused),
        (None, spread) => spread,
    }
}

/// The cleaner of the two. Pieces must gain a twentieth of a percent to be worth their trouble.
fn better(
    problem: &Problem,
    board: &Board,
    ask: &Ask,
    ready_ms: u64,
    whole: Option<Placement>,
    pieces: Option<Pieces>,
) -> Option<Placement> {
    let Some(pieces) = pieces else {
        return whole;
    };
    match whole {
        Some(whole)
            if whole.expected_micrograms <= pieces.micrograms + pieces.micrograms / 2000 =>
        {
            Some(whole)
        }
        Some(whole) => {
            let why = whole.why;
            let mut placed = of_pieces(problem, board, ask, ready_ms, pieces, why, Best::default());
            placed.alternative = whole.alternative;
            Some(placed)
        }
        None => Some(of_pieces(
            problem,
            board,
            ask,
            ready_ms,
            pieces,
            Why::Cleanest,
            Best::default(),
        )),
    }
}

fn of_pieces(
    problem: &Problem,
    board: &Board,
    ask: &Ask,
    ready_ms: u64,
    pieces: Pieces,
    why: Why,
    best: Best,
) -> Placement {
    let other = best.other.or(best.first);
    Placement {
        segments: pieces.segments,
        why,
        expected_micrograms: pieces.micrograms,
        transfer_micrograms: pieces.transfer,
        at_home_now_micrograms: choice::at_home(board, ask, ready_ms),
        alternative: other.map(|other| super::placement::Alternative {
            pool: other.pool,
            start: Timestamp(other.start_ms),
            expected_micrograms: other.micrograms,
        }),
        decided_at: problem.now,
        outlook_at: problem.outlook.issued_at,
    }
}

/// Nothing is open within what is known: nowhere yet.
fn nowhere(problem: &Problem, board: &Board, ask: &Ask, ready_ms: u64) -> Placement {
    Placement {
        segments: Vec::new(),
        why: Why::NoCapacity,
        expected_micrograms: 0,
        transfer_micrograms: 0,
        at_home_now_micrograms: choice::at_home(board, ask, ready_ms),
        alternative: None,
        decided_at: problem.now,
        outlook_at: problem.outlook.issued_at,
    }
}
