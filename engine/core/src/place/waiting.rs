//! What waiting is worth: forecasts of later hours change until these come, and what still waits
//! then takes the best of what has turned out.
//!
//! A forecast is the mean of what may come. The best of several hours is on average better than the
//! best of their means, the more so the more of them there are and the less is known of them. So a
//! block that is to begin soon must be better than what waiting for later ones leaves on average.
//! That is optimal stopping, from the last span of starts backwards: `V = E min(X, V')`, where `X`
//! is the span's best block in a pool, and `V'` what waiting for later spans is worth.
//!
//! `X` is normal around what is forecast. Its deviation follows from the lower half of the forecast's
//! interval, less what is still unknown of a block when it begins. It is 0 where no errors were
//! measured: nothing waits on a guess.

use super::ask::Ask;
use super::board::Board;
use super::choice::{self, Best, Block, Span};
use super::goals;

/// The length of a span of starts, in milliseconds. Blocks that begin within it go together, and
/// one that begins in the first of them is weighed against all later ones.
///
/// Chosen on 2022, with [`COUNTED_PERMILLE`], before far forecasts approached what is usual: with a
/// week of slack in ten zones, jobs of 6 and 24 hours kept .944 and .912 of what can be saved, and
/// .918 and .880 without. With a day of slack in six dirty zones, they kept .954 and .927, and .949
/// and .920 without.
const SPAN_MS: u64 = 6 * 3_600_000;

/// The part of a deviation that counts, in thousandths. Spans and zones are not as independent as
/// the sum assumes: what is dirtier than forecast today often is tomorrow.
const COUNTED_PERMILLE: u128 = 500;

/// The lower half of the interval between the 10th and 90th percentile in deviations, in thousandths.
const HALF_PERMILLE: u128 = 1282;

/// By how many deviations the mean of the lesser of a normal figure and a certain one is below the
/// smaller of both, in ten-thousandths, by the distance of the two in quarters of a deviation. It is
/// `f(t) - t (1 - F(t))` of the normal density `f` and distribution `F`.
const GAINED: [u64; 14] = [
    3989, 2863, 1978, 1312, 833, 506, 293, 162, 85, 42, 20, 9, 4, 0,
];

/// The best block that begins later than `soon`, and `soon` as its alternative, if waiting for later
/// hours is worth more than `soon`. Only work that cannot pause is weighed, and only by its
/// emissions.
///
/// Nothing is if one of its pools lacks room for it at any time. Where machines are scarce, an hour
/// that turns out clean is taken, and one that is left unused is lost to all (see [`super::Demand`]).
pub(super) fn later(board: &Board, ask: &Ask, span: Span, soon: &Block) -> Option<Best> {
    let from_ms = span.ready_ms.saturating_add(SPAN_MS);
    if ask.tasks > 1 || !goals::are_carbon(ask) || soon.start_ms >= from_ms {
        return None;
    }
    let has_room = |pool| board.has_room_at_any_time(ask, pool);
    if !ask.allowed.iter().copied().all(has_room) {
        return None;
    }
    let rest = Span {
        ready_ms: from_ms,
        end_by_ms: Some(span.end_by_ms?),
    };
    if worth(board, ask, span.ready_ms, rest)? >= soon.compared {
        return None;
    }
    let best = choice::best(board, ask, rest);
    best.first.is_some().then_some(Best {
        other: Some(*soon),
        ..best
    })
}

/// What an ask that waits for blocks of a span emits on average, as blocks are compared. `None` if
/// there are none.
fn worth(board: &Board, ask: &Ask, now_ms: u64, rest: Span) -> Option<u64> {
    let length_ms = ask.length_ms(1);
    let latest_ms = rest.end_by_ms?.checked_sub(length_ms)?;
    let latest_ms = latest_ms.min(board.end_ms());
    let spans = latest_ms.checked_sub(rest.ready_ms)? / SPAN_MS;
    let floor = Board::micrograms(board.least_window(ask, length_ms), ask.power(1));
    let mut worth: Option<u64> = None;
    for number in (0..=spans).rev() {
        let ready_ms = rest.ready_ms + number * SPAN_MS;
        let last_ms = ready_ms + SPAN_MS.saturating_sub(board.slot_ms);
        let within = Span {
            ready_ms,
            end_by_ms: Some(last_ms.min(latest_ms).saturating_add(length_ms)),
        };
        let blocks = ask.allowed.iter();
        let blocks = blocks.filter_map(|pool| choice::in_pool(board, ask, *pool, within).0);
        let mut blocks: Vec<Block> = blocks.collect();
        blocks.sort_by_key(|block| std::cmp::Reverse((block.compared, block.pool)));
        for block in &blocks {
            worth = Some(worth.map_or(block.compared, |worth| {
                let deviation = deviation(board, ask, now_ms, block);
                expected_least(block.compared, deviation, worth).max(floor)
            }));
        }
    }
    worth
}

/// How far a block's forecast is expected to move until it begins, in micrograms: one deviation, as
/// far as it counts.
fn deviation(board: &Board, ask: &Ask, now_ms: u64, block: &Block) -> u64 {
    let below = |start_ms: u64| {
        let end_ms = start_ms.saturating_add(block.length_ms);
        let window = board.window(block.pool, start_ms, end_ms);
        let below = board.below(block.pool, start_ms, end_ms);
        (u128::from(below), u128::from(window))
    };
    let ((then, window), (now, of)) = (below(block.start_ms), below(now_ms));
    // The same share of the block will be unknown as is of one that begins now.
    let now = now.saturating_mul(window) / of.max(1);
    let moved = then
        .saturating_mul(then)
        .saturating_sub(now.saturating_mul(now));
    let moved = moved.isqrt() * COUNTED_PERMILLE / HALF_PERMILLE;
    let moved = u64::try_from(moved).unwrap_or(u64::MAX);
    Board::micrograms(moved, ask.power(block.at_once))
}

/// The mean of the lesser of a normal figure and a certain one.
fn expected_least(mean: u64, deviation: u64, certain: u64) -> u64 {
    let least = mean.min(certain);
    let apart = u128::from(mean.abs_diff(certain)) * 4000;
    let Some(apart) = apart.checked_div(u128::from(deviation)) else {
        return least;
    };
    let place = usize::try_from(apart / 1000).unwrap_or(usize::MAX);
    let at = |place: usize| u128::from(GAINED.get(place).copied().unwrap_or(0));
    let (near, far) = (at(place), at(place.saturating_add(1)));
    let gained = near * 1000 - near.saturating_sub(far) * (apart % 1000);
    let gained = u128::from(deviation) * gained / 10_000_000;
    least.saturating_sub(u64::try_from(gained).unwrap_or(u64::MAX))
}
