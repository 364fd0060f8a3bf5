//! One axis of a grid: coordinates and cell edges.

/// Coordinates in degrees, in order, with n + 1 edges.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    centers: Vec<f64>,
    edges: Vec<f64>,
}

/// The largest difference between two angles that count as equal, in degrees.
const SAME_DEGREES: f64 = 1e-6;

/// A derived last edge beyond this latitude lies on the pole, as in CDO: the last cell of a
/// Gaussian grid reaches the pole, although the spacing does not show it.
const POLAR_EDGE: f64 = 88.0;

impl Axis {
    /// An axis with the given edges, or edges halfway between coordinates. Returns what is wrong.
    pub(crate) fn new(
        centers: Vec<f64>,
        edges: Option<Vec<f64>>,
        latitude: bool,
    ) -> Result<Self, String> {
        if centers.len() < 2 {
            return Err(format!(
                "has {} values where at least 2 are needed",
                centers.len()
            ));
        }
        if centers.iter().any(|x| !x.is_finite()) {
            return Err("has a value that is not finite".to_owned());
        }
        if latitude && centers.iter().any(|x| x.abs() > 90.0 + SAME_DEGREES) {
            return Err("is beyond a pole".to_owned());
        }
        if !in_order(&centers) {
            return Err("is not strictly rising or falling".to_owned());
        }
        if !latitude && (centers[0] - centers[centers.len() - 1]).abs() > 360.0 - SAME_DEGREES {
            return Err("goes more than once around the globe".to_owned());
        }
        let edges = match edges {
            Some(edges) => {
                let rises = edges.len() > 1 && (edges[1] > edges[0]) == (centers[1] > centers[0]);
                if edges.len() != centers.len() + 1 || !in_order(&edges) || !rises {
                    return Err(format!(
                        "has bounds that are not {} edges in its own order",
                        centers.len() + 1
                    ));
                }
                edges
            }
            None => midpoints(&centers, latitude),
        };
        let limit = |x: f64| if latitude { x.clamp(-90.0, 90.0) } else { x };
        Ok(Self {
            edges: edges.into_iter().map(limit).collect(),
            centers,
        })
    }

    /// Evenly spaced coordinates.
    pub(crate) fn regular(
        first: f64,
        step: f64,
        count: usize,
        latitude: bool,
    ) -> Result<Self, String> {
        let mut at = first;
        let mut index = 0.0;
        let mut centers = Vec::with_capacity(count);
        for _ in 0..count {
            centers.push(at);
            index += 1.0;
            at = first + index * step;
        }
        Self::new(centers, None, latitude)
    }

    /// The number of cells.
    pub(crate) fn len(&self) -> usize {
        self.centers.len()
    }

    /// The coordinates.
    pub(crate) fn centers(&self) -> &[f64] {
        &self.centers
    }

    /// The n + 1 edges.
    pub(crate) fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The two edges of a cell, lower first.
    pub(crate) fn cell(&self, index: usize) -> (f64, f64) {
        let (a, b) = (self.edges[index], self.edges[index + 1]);
        (a.min(b), a.max(b))
    }

    /// Whether longitudes go around the globe, so that the last is adjacent to the first.
    pub(crate) fn is_global(&self) -> bool {
        let span = (self.edges[self.edges.len() - 1] - self.edges[0]).abs();
        // Edges that were rounded, for example to float32, must not open the globe.
        (span - 360.0).abs() < 1e-3
    }

    /// The index of the coordinate nearest to this one, modulo a full circle if requested; the
    /// first of equals.
    pub(crate) fn nearest(&self, degrees: f64, circle: bool) -> usize {
        let distance = |x: f64| {
            let d = (x - degrees).abs();
            if circle {
                (d % 360.0).min(360.0 - d % 360.0)
            } else {
                d
            }
        };
        let mut best = 0;
        for i in 1..self.centers.len() {
            if distance(self.centers[i]) < distance(self.centers[best]) {
                best = i;
            }
        }
        best
    }
}

fn in_order(values: &[f64]) -> bool {
    values.iter().all(|x| x.is_finite())
        && (values.windows(2).all(|w| w[0] < w[1]) || values.windows(2).all(|w| w[0] > w[1]))
}

/// Edges halfway between coordinates. The outermost ones mirror their neighbors, or lie on the
/// pole.
fn midpoints(centers: &[f64], latitude: bool) -> Vec<f64> {
    let n = centers.len();
    let outermost = |center: f64, neighbor: f64| {
        let edge = center + (center - neighbor) / 2.0;
        let polar = latitude && edge.abs() > POLAR_EDGE;
        if polar { 90.0_f64.copysign(edge) } else { edge }
    };
    let mut edges = Vec::with_capacity(n + 1);
    edges.push(outermost(centers[0], centers[1]));
    edges.extend(centers.windows(2).map(|w| f64::midpoint(w[0], w[1])));
    edges.push(outermost(centers[n - 1], centers[n - 2]));
    edges
}
