//! Values that belong to a time or a cell, such as time bounds and the names of stations. They are
//! written beside the rows.
//!
//! Rows may be cut, selected and joined. So these values are looked up by the time or the cell in a
//! row, and not by the position of the row.

use super::grid::{Coordinate, Grid, TimeAxis};
use super::header::Kind;
use super::hyperslab::to_usize;

/// Values that are looked up for each row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Along {
    /// The bounds of each time: time, begin and end.
    Bounds(Vec<[f64; 3]>),
    /// The values of all cells in order, and the number of values per cell.
    Cells(Vec<f64>, usize),
}

impl Along {
    /// The time bounds of an axis, or `None` if it has none.
    pub(super) fn bounds(axis: &TimeAxis) -> Option<Self> {
        let mut bounds = axis.bounds.clone();
        bounds.sort_by(|a, b| a[0].total_cmp(&b[0]));
        (!bounds.is_empty()).then_some(Self::Bounds(bounds))
    }

    /// The number of values per row.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Bounds(_) => 2,
            Self::Cells(_, width) => *width,
        }
    }

    /// Looks up the values of each of these times or cells. Unknown ones give NaN, or no text.
    pub(super) fn values(&self, keys: &[f64]) -> Vec<f64> {
        let mut out = Vec::with_capacity(keys.len() * self.width());
        for key in keys {
            match self {
                Self::Bounds(bounds) => {
                    out.extend(nearest(bounds, *key).map_or([f64::NAN; 2], |b| [b[1], b[2]]));
                }
                Self::Cells(values, width) => {
                    let cell = u64::try_from(super::packing::whole_i32(*key)).map(to_usize);
                    let start = cell.ok().and_then(|cell| cell.checked_mul(*width));
                    let found =
                        start.and_then(|start| values.get(start..start.checked_add(*width)?));
                    match found {
                        Some(found) => out.extend(found),
                        None => out.extend(std::iter::repeat_n(f64::NAN, *width)),
                    }
                }
            }
        }
        out
    }
}

/// The bounds of a time. The last digits may differ, because times were converted to milliseconds
/// and back.
fn nearest(bounds: &[[f64; 3]], time: f64) -> Option<[f64; 3]> {
    let at = bounds.partition_point(|known| known[0] < time);
    let beside = [at.checked_sub(1), Some(at)].into_iter().flatten();
    let best = beside
        .filter_map(|at| bounds.get(at))
        .min_by(|a, b| (a[0] - time).abs().total_cmp(&(b[0] - time).abs()))?;
    ((best[0] - time).abs() <= 1e-9 + 1e-10 * time.abs()).then_some(*best)
}

/// The coordinates of cells that are not on a grid, such as stations. They run over the one
/// dimension that became the rows and that the tensor lacks.
pub(super) fn of_cells(grid: &Grid) -> Vec<(&str, &Coordinate, Kind, Along)> {
    let is_of_rows = |coordinate: &Coordinate| match coordinate.dims.as_slice() {
        [dim] => !grid.dims.contains(dim),
        _ => false,
    };
    let coordinates = grid.coordinates.iter();
    coordinates
        .filter(|(_, coordinate)| is_of_rows(coordinate))
        .map(|(name, coordinate)| {
            let (kind, along) = if coordinate.texts.is_empty() {
                let values = coordinate.values.iter().map(|v| v.unwrap_or(f64::NAN));
                (Kind::Double, Along::Cells(values.collect(), 1))
            } else {
                let (width, bytes) = characters(&coordinate.texts);
                (Kind::Text, Along::Cells(bytes, width))
            };
            (name.as_str(), coordinate, kind, along)
        })
        .collect()
}

/// Encodes texts as characters, padded with zeros to a common length. Returns that length first.
pub(super) fn characters(texts: &[String]) -> (usize, Vec<f64>) {
    let width = texts.iter().map(String::len).max().unwrap_or(0).max(1);
    let padded = texts.iter().flat_map(|text| {
        let zeros = std::iter::repeat_n(0, width - text.len());
        text.bytes().chain(zeros)
    });
    let signed = padded.map(|byte| f64::from(i8::from_ne_bytes([byte])));
    (width, signed.collect())
}

#[cfg(test)]
mod tests {
    use super::{Along, characters};

    #[test]
    fn bounds_are_found_by_time_in_any_order_and_others_are_missing() {
        let along = Along::Bounds(vec![[15.5, 0.0, 31.0], [45.0, 31.0, 59.0]]);
        let found = along.values(&[45.000_000_000_1, 15.5, 30.0, f64::NAN]);
        assert_eq!(found[..4], [31.0, 59.0, 0.0, 31.0]);
        assert!(found[4..].iter().all(|value| value.is_nan()));
    }

    #[test]
    fn cells_beyond_what_is_known_have_nothing() {
        let along = Along::Cells(vec![1.0, 2.0, 3.0, 4.0], 2);
        let found = along.values(&[1.0, 2.0, -1.0]);
        assert_eq!(found[..2], [3.0, 4.0]);
        assert!(found[2..].iter().all(|value| value.is_nan()));
    }

    #[test]
    fn texts_are_padded_to_the_longest_byte_by_byte() {
        let (width, bytes) = characters(&["a".to_owned(), "é".to_owned()]);
        assert_eq!((width, bytes), (2, vec![97.0, 0.0, -61.0, -87.0]));
        assert_eq!(characters(&[String::new()]), (1, vec![0.0]));
    }
}
