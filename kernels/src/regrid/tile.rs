//! Divides target cells into stretches whose source cells fit a core's cache.

use std::ops::Range;

use super::matrix::Matrix;

/// Adjacent target cells, and a range of source cells that contains all their sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) targets: Range<usize>,
    pub(super) sources: Range<usize>,
}

/// About `wanted` tiles, in order, that together cover all targets. There are fewer if their
/// sources would overlap by more than half, because shared sources are packed once for each tile.
pub(super) fn tiles(matrix: &Matrix, wanted: usize) -> Vec<Tile> {
    let mut count = wanted.clamp(1, matrix.targets().max(1));
    loop {
        let tiles = cut(matrix, count);
        let packed: usize = tiles.iter().map(|tile| tile.sources.len()).sum();
        let whole = sources(matrix, 0..matrix.targets()).len();
        if count == 1 || packed <= whole + whole / 2 {
            return tiles;
        }
        count /= 2;
    }
}

fn cut(matrix: &Matrix, count: usize) -> Vec<Tile> {
    let targets = matrix.targets();
    let length = targets.div_ceil(count).max(1);
    (0..targets)
        .step_by(length)
        .map(|start| {
            let targets = start..(start + length).min(targets);
            Tile {
                sources: sources(matrix, targets.clone()),
                targets,
            }
        })
        .collect()
}

/// The range of source cells that some targets need.
fn sources(matrix: &Matrix, targets: Range<usize>) -> Range<usize> {
    // A target's links are in the order of their sources.
    let bounds = targets.filter_map(|target| {
        let links = matrix.starts[target]..matrix.starts[target + 1];
        let sources = &matrix.sources[links];
        Some((*sources.first()?, *sources.last()? + 1))
    });
    bounds
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        .map_or(0..0, |(first, end)| first..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Target `t` takes its `width` sources from `t` on.
    fn banded(targets: usize, width: usize) -> Matrix {
        let links = (0..targets).flat_map(|t| (t..t + width).map(move |s| (t, s, 1.0)));
        Matrix::new(targets, links.collect())
    }

    #[test]
    fn tiles_are_all_targets_in_order_with_the_sources_they_need() {
        let tile = |targets, sources| Tile { targets, sources };
        assert_eq!(
            tiles(&banded(10, 2), 3),
            [tile(0..4, 0..5), tile(4..8, 4..9), tile(8..10, 8..11)]
        );
    }

    #[test]
    fn targets_that_need_the_same_sources_stay_together() {
        assert_eq!(tiles(&banded(10, 100), 8).len(), 1);
    }

    #[test]
    fn targets_without_links_need_no_sources() {
        let tiles = tiles(&Matrix::new(4, Vec::new()), 2);
        assert_eq!(tiles.len(), 2);
        assert!(tiles.iter().all(|tile| tile.sources.is_empty()));
    }
}
