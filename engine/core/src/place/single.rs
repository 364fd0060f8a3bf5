//! Places one ask: as one block if that is best, or split if pausing saves emissions or no pool has
//! room.

use super::ask::Ask;
use super::board::Board;
use super::choice::{self, Best, Span};
use super::floor::Floor;
use super::placement::{Placement, Why};
use super::problem::Problem;
use super::split::{self, Pieces};
use crate::ids::Timestamp;

/// Places one ask that may begin at `ready_ms` and, if it may wait, must end by `end_by_ms`.
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
    place_best(problem, board, ask, span, best)
}

/// Places one ask whose best block is already known.
pub(crate) fn place_best(
    problem: &Problem,
    board: &Board,
    ask: &Ask,
    span: Span,
    best: Best,
) -> Placement {
    let Span {
        ready_ms,
        end_by_ms,
    } = span;
    let whole = choice::placement(problem, board, ask, ready_ms, best, false);
    let pieces = in_pieces(board, ask, span, best);
    let Some(placement) = better(problem, board, ask, ready_ms, (whole, best), pieces) else {
        // There is no room in time.
        return soonest(problem, board, ask, ready_ms, end_by_ms.is_some());
    };
    if let Some(end_by_ms) = end_by_ms
        && ask.tasks > 1
        && (placement.segments.len() > 1 || board.floor != Floor::default())
    {
        // Pieces are chosen one by one and compared above the floor. As a whole they must still be
        // no worse than starting at once.
        let soon = soonest(problem, board, ask, ready_ms, false);
        let in_time = soon.end().is_some_and(|end| end.0 <= end_by_ms)
            && soon.start() == Some(Timestamp(ready_ms));
        if in_time && soon.expected_micrograms < placement.expected_micrograms {
            return soon;
        }
    }
    placement
}

/// The placement that ends earliest.
fn soonest(problem: &Problem, board: &Board, ask: &Ask, ready_ms: u64, late: bool) -> Placement {
    let soon = Span {
        ready_ms,
        end_by_ms: None,
    };
    let best = choice::best(board, ask, soon);
    let whole = choice::placement(problem, board, ask, ready_ms, best, late);
    let pieces = if ask.tasks > 1 {
        split::spread(board, ask, soon)
    } else {
        None
    };
    let spread = pieces.map(|pieces| {
        let why = if late { Why::Late } else { Why::AtOnce };
        of_pieces(problem, board, ask, ready_ms, pieces, why, best)
    });
    match (whole, spread) {
        (Some(whole), Some(spread)) if spread.end() < whole.end() => spread,
        (Some(whole), _) => whole,
        (None, Some(spread)) => spread,
        (None, None) => nowhere(problem, board, ask, ready_ms),
    }
}

/// The best split, if one may help: there are several rounds, which can pause, or no pool has room
/// for all tasks together.
fn in_pieces(board: &Board, ask: &Ask, span: Span, best: Best) -> Option<Pieces> {
    if ask.tasks < 2 {
        return None;
    }
    let paused = if ask.rounds(split::at_once(board, ask, &ask.allowed)) > 1 {
        split::paused(board, ask, span)
    } else {
        None
    };
    let wide = ask.width.min(ask.tasks);
    let crowded = best.first.is_none_or(|block| {
        let hindered = best
            .unhindered
            .is_some_and(|least| gains(block.compared, least));
        block.at_once < wide || hindered
    });
    if !crowded || span.end_by_ms.is_none() {
        return paused;
    }
    let spread = split::spread(board, ask, span);
    let key = |pieces: &Pieces| (pieces.compared, pieces.micrograms);
    match (paused, spread) {
        (Some(paused), Some(spread)) if key(&spread) < key(&paused) => Some(spread),
        (Some(paused), _) => Some(paused),
        (None, spread) => spread,
    }
}

/// Whether `to` is lower than `from` by more than a twentieth of a percent. A smaller saving does
/// not justify more segments.
const fn gains(from: u64, to: u64) -> bool {
    from > to.saturating_add(to / 2000)
}

/// The cleaner of a block and a split. If they are equal, the block.
fn better(
    problem: &Problem,
    board: &Board,
    ask: &Ask,
    ready_ms: u64,
    (whole, best): (Option<Placement>, Best),
    pieces: Option<Pieces>,
) -> Option<Placement> {
    let Some(pieces) = pieces else {
        return whole;
    };
    match whole {
        Some(whole)
            if !gains(
                best.first.map_or(u64::MAX, |block| block.compared),
                pieces.compared,
            ) =>
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

/// The placement of an ask for which no pool is open within the outlook: no segments.
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
