//! First-order conservative weights: shares of each target cell's area.

use super::matrix::Link;
use crate::grid::{Axis, Grid};

/// Overlaps below this share of a cell are rounding errors of edges that coincide.
const SLIVER: f64 = 1e-12;

/// w = |source cell ∩ target cell| / |target cell|. Between meridians and parallels, an area is the
/// difference of longitudes times the difference of sines of latitudes, so that shares factorize.
pub(super) fn links(from: &Grid, to: &Grid) -> Vec<Link> {
    let lats = overlaps(&from.lat, &to.lat, &[0.0], |degrees| {
        degrees.to_radians().sin()
    });
    let lons = overlaps(&from.lon, &to.lon, &TURNS, |degrees| degrees);
    let mut links = Vec::new();
    for (row, lats) in lats.iter().enumerate() {
        for (column, lons) in lons.iter().enumerate() {
            for &(lat, across) in lats {
                for &(lon, along) in lons {
                    let source = lat * from.lon.len() + lon;
                    links.push((row * to.lon.len() + column, source, across * along));
                }
            }
        }
    }
    links
}

/// Whole turns that may lie between the longitudes of two grids.
const TURNS: [f64; 5] = [-720.0, -360.0, 0.0, 360.0, 720.0];

/// For each target cell: source cells, and the share of its extent that each covers.
fn overlaps(
    from: &Axis,
    to: &Axis,
    turns: &[f64],
    measure: impl Fn(f64) -> f64,
) -> Vec<Vec<(usize, f64)>> {
    (0..to.len())
        .map(|target| {
            let (low, high) = to.cell(target);
            let extent = measure(high) - measure(low);
            let share = |source: usize| {
                let (a, b) = from.cell(source);
                turns
                    .iter()
                    .map(|turn| ((a + turn).max(low), (b + turn).min(high)))
                    .filter(|(a, b)| b > a)
                    .map(|(a, b)| (measure(b) - measure(a)) / extent)
                    .filter(|&share| share > SLIVER)
                    .sum::<f64>()
            };
            (0..from.len())
                .map(|source| (source, share(source)))
                .filter(|&(_, share)| share > 0.0)
                .collect()
        })
        .collect()
}
