//! Caution: how much cleaner a block must be to be worth moving more data, because forecasts may be
//! wrong.
//!
//! What counts is the spread of the difference between the two blocks, which is narrower than each
//! of theirs where errors go together. Two blocks that move the same data are compared by what they
//! are expected to emit. The figures were chosen on 2022.

use super::ask::Ask;
use super::board::Board;
use super::choice::Block;

/// The accepted chance that the block that moves more data turns out dirtier, as the quantile of the
/// normal distribution above it, in thousandths of a deviation: 48 %. It is nearly even, because a
/// move that loses today is made up by another. With 100 GB for each job, a chance of 40 % kept a
/// tenth of a percentage point less of what could be saved, and one of 16 % two points less.
const ACCEPTED_PERMILLE: u128 = 50;

/// An hour in milliseconds.
const HOUR_MS: u128 = 3_600_000;

/// The width of the interval between the 10th and 90th percentile in deviations, in thousandths.
const DEVIATIONS_PERMILLE: u128 = 2563;

/// Whether a block moves more data than another.
pub(super) fn moves_more(ask: &Ask, one: &Block, other: &Block) -> bool {
    let moved = |block: &Block| {
        let elsewhere = ask.data.iter().filter(|(from, _)| *from != block.pool);
        elsewhere.fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
    };
    one.pool != other.pool && moved(one) > moved(other)
}

/// What the block that moves more data must save beyond its own cost, in micrograms.
pub(super) fn margin(board: &Board, ask: &Ask, one: &Block, other: &Block) -> u64 {
    let width = |block: &Block| {
        let width = board.width(block.pool, block.start_ms, block.end_ms());
        u128::from(Board::micrograms(width, ask.power(block.at_once)))
    };
    let (one_width, other_width) = (width(one), width(other));
    let squares = one_width
        .saturating_mul(one_width)
        .saturating_add(other_width.saturating_mul(other_width));
    let product = one_width.saturating_mul(other_width);
    let correlation = correlation_permille(board, one, other);
    let together = (product / 1000).saturating_mul(2 * correlation);
    let difference = squares.saturating_sub(together).isqrt();
    let margin = difference.saturating_mul(ACCEPTED_PERMILLE) / DEVIATIONS_PERMILLE;
    u64::try_from(margin).unwrap_or(u64::MAX)
}

/// The correlation of the errors of two blocks, in thousandths. Those of different zones are
/// independent: it is 0.02 on average, and 0.2 between Germany and Great Britain.
///
/// In one zone it is `1 / (1 + (gap / T)^2)`, where `gap` is the time between the two starts and `T`
/// is 1.3 times the length plus two hours: 0.23 for an hour 6 hours later, 0.73 for 6 hours and 0.97
/// for 24 hours.
fn correlation_permille(board: &Board, one: &Block, other: &Block) -> u128 {
    if !board.is_one_zone(one.pool, other.pool) {
        return 0;
    }
    let gap = u128::from(one.start_ms.abs_diff(other.start_ms));
    let time = u128::from(one.length_ms.max(other.length_ms)) * 13 / 10 + 2 * HOUR_MS;
    let squares = time.saturating_mul(time);
    squares.saturating_mul(1000) / squares.saturating_add(gap.saturating_mul(gap)).max(1)
}
