//! The linear algebra: Gram matrix, eigenvectors, patterns and their signs.

use nalgebra::{DMatrix, SymmetricEigen};

use super::{Anchor, Data};
use crate::{Context, KernelError};

/// Partial sums of a dot product. Their number is fixed, so the order of additions does not depend
/// on the instructions.
const LANES: usize = 8;

/// `X X'`, row by row.
pub(super) fn gram(
    values: &[f64],
    rows: usize,
    context: &Context,
) -> Result<DMatrix<f64>, KernelError> {
    let cells = values.len() / rows;
    let row = |i: usize| &values[i * cells..(i + 1) * cells];
    let lower = context.map(rows, |i| {
        Ok((0..=i).map(|j| dot(row(i), row(j))).collect::<Vec<_>>())
    })?;
    Ok(DMatrix::from_fn(rows, rows, |i, j| {
        lower[i.max(j)][i.min(j)]
    }))
}

/// A dot product with a fixed order of additions.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (blocks_a, rest_a) = a.as_chunks::<LANES>();
    let (blocks_b, rest_b) = b.as_chunks::<LANES>();
    for (x, y) in blocks_a.iter().zip(blocks_b) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(rest_a).zip(rest_b) {
        *sum += x * y;
    }
    sums.iter().sum()
}

/// The leading modes.
pub(super) struct Modes {
    /// By mode: its variance.
    pub(super) eigenvalues: Vec<f64>,
    /// By mode: its share of all variance.
    pub(super) fractions: Vec<f64>,
    /// By mode: its component, with variance 1, one value for each row.
    pub(super) components: Vec<Vec<f64>>,
}

impl Modes {
    /// The `n` leading modes of a Gram matrix.
    pub(super) fn of(gram: DMatrix<f64>, rows: usize, n: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "rows are few thousands")]
        let freedom = (rows - 1) as f64;
        let trace = gram.trace() / freedom;
        let eigen = SymmetricEigen::new(gram);
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|&a, &b| {
            eigen.eigenvalues[b]
                .total_cmp(&eigen.eigenvalues[a])
                .then(a.cmp(&b))
        });
        order.truncate(n);
        // The smallest eigenvalue of a Gram matrix is 0; rounding may make it negative.
        let eigenvalues: Vec<f64> = order
            .iter()
            .map(|&k| (eigen.eigenvalues[k] / freedom).max(0.0))
            .collect();
        let fraction = |l: &f64| if trace > 0.0 { l / trace } else { 0.0 };
        Self {
            fractions: eigenvalues.iter().map(fraction).collect(),
            components: order
                .iter()
                .map(|&k| {
                    eigen
                        .eigenvectors
                        .column(k)
                        .iter()
                        .map(|u| u * freedom.sqrt())
                        .collect()
                })
                .collect(),
            eigenvalues,
        }
    }

    /// The pattern of each mode over the complete cells. It also orients the components.
    pub(super) fn oriented_patterns(
        &mut self,
        data: &Data,
        anchor: Option<&Anchor>,
    ) -> Result<Vec<Vec<f64>>, KernelError> {
        let anchored = anchor.map(|anchor| anchor.find(data)).transpose()?;
        let mut patterns = Vec::with_capacity(self.components.len());
        for (mode, component) in self.components.iter_mut().enumerate() {
            let mut pattern = pattern(data, component);
            let turn = match (anchored, anchor) {
                (Some(cell), Some(anchor)) if mode == 0 && pattern[cell] != 0.0 => {
                    (pattern[cell] < 0.0) != anchor.negative
                }
                _ => largest(&pattern) < 0.0,
            };
            if turn {
                for value in component.iter_mut().chain(&mut pattern) {
                    *value = -*value;
                }
            }
            patterns.push(pattern);
        }
        Ok(patterns)
    }
}

impl Anchor {
    /// The anchor among the complete cells.
    fn find(&self, data: &Data) -> Result<usize, KernelError> {
        data.cells
            .binary_search(&self.cell)
            .map_err(|_| KernelError::Input {
                port: "field".to_owned(),
                problem: format!(
                    "the cell nearest to the anchor at {} N, {} E is missing in some row",
                    self.place.0, self.place.1
                ),
                expected: "an anchor where the field is complete".to_owned(),
            })
    }
}

/// The covariance of each cell with a component of variance 1.
fn pattern(data: &Data, component: &[f64]) -> Vec<f64> {
    let cells = data.cells.len();
    let mut sums = vec![0.0; cells];
    for (row, &pc) in data.values.chunks_exact(cells).zip(component) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += x * pc;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "rows are few thousands")]
    let freedom = (data.rows - 1) as f64;
    sums.into_iter().map(|sum| sum / freedom).collect()
}

/// The value of the largest magnitude; the first of equals.
fn largest(pattern: &[f64]) -> f64 {
    pattern.iter().fold(
        0.0_f64,
        |best, &x| if x.abs() > best.abs() { x } else { best },
    )
}
