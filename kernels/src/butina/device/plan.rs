//! The sizes of buffers that fit the device.

use crate::device::DeviceError;
use crate::device::tiles::{Budget, LANES};
use crate::table::wide;

/// Bytes of a fold, of a row's two counts, of a neighbor count, and of a returned pair.
const FOLD_BYTES: usize = 64;
pub(super) const ROW_BYTES: usize = 8;
pub(super) const COUNT_BYTES: usize = 4;
pub(super) const PAIR_BYTES: usize = 8;
/// The pairs that a tile can return: this many if there are few rows, and at most.
const FEW_PAIRS: usize = 1 << 16;
const MOST_PAIRS: usize = 1 << 24;
/// The most candidates of a round.
const MOST_CANDIDATES: usize = 8192;
/// The most rows by rows of a launch: some tenths of a second, so that a stopped task ends soon.
const STRIP: usize = 1 << 14;
const LONG_TILE: usize = 1 << 22;
const SQUARE_TILE: usize = 1 << 18;
/// The most bytes that are copied at a time: enough to keep the link busy, and little pinned
/// memory.
const STAGE_BYTES: usize = 128 << 20;

/// Sizes.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Bytes of a fingerprint.
    pub(super) width: usize,
    /// Whether all rows are on the device together; else they are streamed.
    pub(super) is_resident: bool,
    /// Rows whose neighbors one launch counts.
    pub(super) strip: usize,
    /// Rows among which one launch searches.
    pub(super) tile: usize,
    /// Rows of the block beside the tiles: candidates, or strips if rows are streamed.
    pub(super) block: usize,
    /// The most candidates of a round.
    pub(super) candidates: usize,
    /// The pairs that a tile can return.
    pub(super) room: usize,
    /// Rows copied at a time.
    pub(super) stage: usize,
}

impl Plan {
    /// The sizes for a number of rows and a table of `need` bytes.
    pub(super) fn new(
        mut budget: Budget,
        width: usize,
        rows: usize,
        need: usize,
    ) -> Result<Self, DeviceError> {
        let row = width + FOLD_BYTES + ROW_BYTES;
        budget.take(wide(need))?;
        budget.take(wide(rows * COUNT_BYTES))?;
        let wanted = rows.saturating_mul(4).clamp(FEW_PAIRS, MOST_PAIRS);
        let most = usize::try_from(budget.lane() / 4 / wide(PAIR_BYTES)).unwrap_or(usize::MAX);
        // There must be room for a candidate and its count.
        let room = most.min(wanted).max(2);
        budget.take(wide(room * PAIR_BYTES * LANES))?;
        let room = room - 1;
        let candidates = MOST_CANDIDATES.min(rows).min(room.div_ceil(2));
        let stage = (STAGE_BYTES / width).max(1);
        let mut beside = budget.clone();
        if beside.take(wide((rows + candidates) * row)).is_ok() {
            return Ok(Self {
                width,
                is_resident: true,
                strip: STRIP,
                tile: LONG_TILE,
                block: candidates,
                candidates,
                room,
                // Both lanes get a part even of few rows.
                stage: stage.min(rows.div_ceil(LANES)).max(1),
            });
        }
        // One block for the candidates, and one for each lane.
        let a_row = wide(row * (LANES + 1)).div_ceil(LANES as u64);
        let most = SQUARE_TILE.min(stage);
        let block = budget.rows(a_row, wide(most))?;
        Ok(Self {
            width,
            is_resident: false,
            strip: block,
            tile: block,
            block,
            candidates: candidates.min(block),
            room,
            stage: block,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planned_fits_and_sends_back_a_row_at_least() {
        for free in [600, 1000, 5000, 100_000, 1 << 20, 80 << 30] {
            for (width, rows) in [
                (8, 1),
                (256, 3),
                (256, 700),
                (2048, 100_000),
                (256, 4_000_000),
            ] {
                let budget = Budget::for_tests(free);
                let Ok(plan) = Plan::new(budget, width, rows, 100) else {
                    assert!(free < 100_000 || rows >= 100_000);
                    continue;
                };
                let row = width + FOLD_BYTES + ROW_BYTES;
                let rows_there = match plan.is_resident {
                    true => rows + plan.block,
                    false => plan.block + LANES * plan.tile,
                };
                let pairs = (plan.room + 1) * PAIR_BYTES * LANES;
                let all = 100 + rows * COUNT_BYTES + pairs + rows_there * row;
                assert!(wide(all) <= free / 10 * 9, "{free} {width} {rows} {plan:?}");
                assert!((1..=plan.room).contains(&plan.candidates), "{plan:?}");
                assert!(plan.candidates <= plan.block && plan.stage > 0);
            }
        }
    }
}
