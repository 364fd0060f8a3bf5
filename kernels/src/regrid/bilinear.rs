//! Bilinear weights between rectilinear grids, with neighbors around the globe and at the poles.

use super::matrix::Link;
use crate::grid::{Axis, Grid};

/// How many neighbors are used for a value beyond the last latitude.
const POLE_NEIGHBORS: usize = 4;

/// A target between source coordinates gets the four around it. Beyond the last latitude of a
/// global grid, the four nearest cells of that latitude are used, by inverse distance. All other
/// targets get no weights.
pub(super) fn links(from: &Grid, to: &Grid) -> Vec<Link> {
    let global = from.lon.is_global();
    let lats: Vec<_> = to
        .lat
        .centers()
        .iter()
        .map(|&lat| between(&from.lat, lat, false))
        .collect();
    let lons: Vec<_> = to
        .lon
        .centers()
        .iter()
        .map(|&lon| between(&from.lon, lon, global))
        .collect();
    let width = from.lon.len();
    let mut links = Vec::new();
    for (row, lat) in lats.iter().enumerate() {
        for (column, lon) in lons.iter().enumerate() {
            let target = row * to.lon.len() + column;
            match (lat, lon) {
                (Some((south, north, v)), Some((west, east, u))) => links.extend([
                    (target, south * width + west, (1.0 - v) * (1.0 - u)),
                    (target, south * width + east, (1.0 - v) * u),
                    (target, north * width + west, v * (1.0 - u)),
                    (target, north * width + east, v * u),
                ]),
                (None, _) if global => {
                    let at = (to.lat.centers()[row], to.lon.centers()[column]);
                    links.extend(pole(from, at).into_iter().map(|(s, w)| (target, s, w)));
                }
                _ => {}
            }
        }
    }
    links
}

/// The two coordinates around a position, and the fraction from the first to the second, 0 to 1.
fn between(axis: &Axis, at: f64, global: bool) -> Option<(usize, usize, f64)> {
    let centers = axis.centers();
    let n = centers.len();
    let wraps = if global { n } else { n - 1 };
    // A longitude may be written a whole turn away.
    for turn in [0.0, -360.0, 360.0, -720.0, 720.0] {
        let at = at + turn;
        for i in 0..wraps {
            let (a, mut b) = (centers[i], centers[(i + 1) % n]);
            if i + 1 == n {
                b += if centers[1] > centers[0] {
                    360.0
                } else {
                    -360.0
                };
            }
            let share = (at - a) / (b - a);
            if (0.0..=1.0).contains(&share) {
                return Some((i, (i + 1) % n, share));
            }
        }
    }
    None
}

/// The nearest cells of the latitude next to a pole, weighted by inverse distance.
fn pole(from: &Grid, (lat, lon): (f64, f64)) -> Vec<(usize, f64)> {
    let row = from.lat.nearest(lat, false);
    let mut near: Vec<(f64, usize)> = from
        .lon
        .centers()
        .iter()
        .enumerate()
        .map(|(i, &x)| (distance((lat, lon), (from.lat.centers()[row], x)), i))
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    near.truncate(POLE_NEIGHBORS);
    let inverse = |distance: f64| 1.0 / distance.max(1e-12);
    let sum: f64 = near.iter().map(|n| inverse(n.0)).sum();
    near.iter()
        .map(|&(distance, i)| (row * from.lon.len() + i, inverse(distance) / sum))
        .collect()
}

/// The angle between two positions, in radians.
fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let vector = |(lat, lon): (f64, f64)| {
        let (lat, lon) = (lat.to_radians(), lon.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    };
    let (a, b) = (vector(a), vector(b));
    let chord: f64 = a
        .iter()
        .zip(b)
        .map(|(x, y)| (x - y).powi(2))
        .sum::<f64>()
        .sqrt();
    2.0 * (chord / 2.0).clamp(0.0, 1.0).asin()
}
