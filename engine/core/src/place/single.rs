//! Places one ask: as one block if that is best, or split if pausing saves emissions or no pool has
//! room.

use super::answer;
use super::ask::Ask;
use super::board::Board;
use super::choice::{self, Best, Block, Span};
use super::floor::Floor;
use super::goals;
use super::likely::Likely;
use super::placement::{Placement, Why};
use super::problem::Problem;
use super::split::{self, Pieces};
use super::timing::Timing;
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
    let whole = answer::placement(problem, board, ask, ready_ms, best, false);
    if goals::are_time_first(ask) {
        let why = Why::Earliest;
        let first = earliest(problem, board, ask, ready_ms, (whole, best), why);
        let in_time = |one: &Placement| {
            let end = one.end().map(|end| end.0);
            end_by_ms.is_none_or(|by| end.is_some_and(|end| end <= by))
        };
        return first
            .filter(in_time)
            .unwrap_or_else(|| soonest(problem, board, ask, ready_ms, end_by_ms.is_some()));
    }
    let pieces = in_pieces(board, ask, span, best);
    let Some(placement) = better(problem, board, ask, ready_ms, (whole, best), pieces) else {
        // There is no room in time.
        return soonest(problem, board, ask, ready_ms, end_by_ms.is_some());
    };
    if let Some(end_by_ms) = end_by_ms
        && ask.tasks > 1
        && goals::are_carbon(ask)
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

/// Places one ask where it ends earliest, because others need what is left.
pub(crate) fn place_first(
    problem: &Problem,
    board: &Board,
    ask: &Ask,
    ready_ms: u64,
    end_by_ms: Option<u64>,
) -> Placement {
    let mut first = soonest(problem, board, ask, ready_ms, false);
    let by_start = ask.start_by.map(|by| by.0);
    let is_late = |at: Option<Timestamp>, by: Option<u64>| {
        by.is_some_and(|by| at.is_some_and(|at| at.0 > by))
    };
    if is_late(first.end(), end_by_ms) || is_late(first.start(), by_start) {
        first.why = Why::Late;
    } else if first.why == Why::AtOnce && end_by_ms.is_some() {
        first.why = Why::LastSafeStart;
    }
    first
}

/// The placement that ends earliest.
fn soonest(problem: &Problem, board: &Board, ask: &Ask, ready_ms: u64, late: bool) -> Placement {
    let soon = Span {
        ready_ms,
        end_by_ms: None,
    };
    let best = choice::best(board, ask, soon);
    let whole = answer::placement(problem, board, ask, ready_ms, best, late);
    let why = if late { Why::Late } else { Why::AtOnce };
    earliest(problem, board, ask, ready_ms, (whole, best), why).unwrap_or_else(|| nowhere(problem))
}

/// A block, or the tasks spread over pools and times if they end earlier then.
fn earliest(
    problem: &Problem,
    board: &Board,
    ask: &Ask,
    ready_ms: u64,
    (whole, best): (Option<Placement>, Best),
    why: Why,
) -> Option<Placement> {
    let soon = Span {
        ready_ms,
        end_by_ms: None,
    };
    let pieces = (ask.tasks > 1).then(|| split::spread(board, ask, soon));
    let spread = pieces
        .flatten()
        .map(|pieces| of_pieces(problem, ask, pieces, why, best));
    match (whole, spread) {
        (Some(whole), Some(spread)) if spread.end() < whole.end() => Some(spread),
        (Some(whole), _) => Some(whole),
        (None, spread) => spread,
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
    // With other goals than emissions, other work may be in the way without showing here.
    let crowded = !goals::are_carbon(ask)
        || best.first.is_none_or(|block| {
            let hindered = best
                .unhindered
                .is_some_and(|least| gains(block.compared, least));
            block.at_once < wide || hindered || is_beaten(board, ask, span, &block)
        });
    if !crowded || span.end_by_ms.is_none() {
        return paused;
    }
    let spread = split::spread(board, ask, span);
    let beats = |one: &Pieces, other: &Pieces| {
        let key = |pieces: &Pieces| (pieces.compared, pieces.micrograms);
        goals::decide(&one.figures, &other.figures).unwrap_or(key(one) < key(other))
    };
    match (paused, spread) {
        (Some(paused), Some(spread)) if beats(&spread, &paused) => Some(spread),
        (Some(paused), _) => Some(paused),
        (None, spread) => spread,
    }
}

/// Whether one task alone would be cleaner in a pool that is too small for all of them than it is in
/// the best block. Such a pool may take some of the tasks, though it is too slow for all.
fn is_beaten(board: &Board, ask: &Ask, span: Span, block: &Block) -> bool {
    let wide = ask.width.min(ask.tasks);
    let alone = Ask {
        tasks: 1,
        width: 1,
        data: Vec::new(),
        ..ask.clone()
    };
    let each = block.compared.saturating_sub(block.transfer) / u64::from(ask.tasks.max(1));
    ask.allowed
        .iter()
        .filter(|pool| board.most(ask, **pool) < wide)
        .filter_map(|pool| choice::in_pool(board, &alone, *pool, span).0)
        .any(|one| gains(each, one.compared))
}

/// A block's compared figure if the floor applies to each of its rounds, as it does to rounds that
/// pause. The mean of a block hides hours above the floor behind those below it.
fn in_rounds(board: &Board, ask: &Ask, block: &Block) -> u64 {
    if board.floor == Floor::default() {
        return block.compared;
    }
    let rounds = u64::from(ask.rounds(block.at_once).min(split::ROUNDS));
    let edge = |round: u64| {
        let into_ms = u128::from(block.length_ms) * u128::from(round) / u128::from(rounds.max(1));
        let into_ms = u64::try_from(into_ms).unwrap_or(u64::MAX);
        block.start_ms.saturating_add(into_ms)
    };
    let windows = (0..rounds)
        .map(|round| board.compared(ask, block.pool, edge(round), edge(round + 1)))
        .fold(0, u64::saturating_add);
    Board::micrograms(windows, ask.power(block.at_once)).saturating_add(block.transfer)
}

/// Whether `to` is lower than `from` by more than a twentieth of a percent. A smaller saving does
/// not justify more segments.
const fn gains(from: u64, to: u64) -> bool {
    from > to.saturating_add(to / 2000)
}

/// The better of a block and a split. If they are equal, the block.
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
    let stays = best.first.is_some_and(|block| {
        let figures = block.spot(ask).figures(board, ask, ready_ms);
        let decided = goals::decide(&pieces.figures, &figures);
        !decided.unwrap_or_else(|| gains(in_rounds(board, ask, &block), pieces.compared))
    });
    match whole {
        Some(whole) if stays => Some(whole),
        Some(whole) => {
            let why = whole.why;
            let mut placed = of_pieces(problem, ask, pieces, why, Best::default());
            placed.alternative = whole.alternative;
            Some(placed)
        }
        None => Some(of_pieces(
            problem,
            ask,
            pieces,
            Why::Cleanest,
            Best::default(),
        )),
    }
}

fn of_pieces(problem: &Problem, ask: &Ask, pieces: Pieces, why: Why, best: Best) -> Placement {
    let end = pieces.segments.iter().map(|segment| segment.end).max();
    let in_time = ask.finish_by.is_none_or(|by| end <= Some(by));
    let mut others = best.other.into_iter().chain(best.first);
    let other = others.find(|other| !in_time || answer::keeps_limits(ask, other));
    Placement {
        segments: pieces.segments,
        why,
        expected_micrograms: pieces.micrograms,
        transfer_micrograms: pieces.transfer,
        at_home_now_micrograms: 0,
        likely: Likely::default(),
        timing: Timing::default(),
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
fn nowhere(problem: &Problem) -> Placement {
    Placement {
        segments: Vec::new(),
        why: Why::NoCapacity,
        expected_micrograms: 0,
        transfer_micrograms: 0,
        at_home_now_micrograms: 0,
        likely: Likely::default(),
        timing: Timing::default(),
        alternative: None,
        decided_at: problem.now,
        outlook_at: problem.outlook.issued_at,
    }
}
