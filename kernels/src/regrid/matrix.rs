//! A sparse matrix from source cells to target cells.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array};
use arrow::compute::cast;
use arrow::datatypes::{Float64Type, Int64Type};
use arrow_schema::DataType;
use std::sync::Arc;

use crate::table::wide;
use crate::{KernelError, Table};

/// One weight: target cell, source cell, share.
pub(super) type Link = (usize, usize, f64);

/// Weights by target cell (compressed rows), within a cell by source cell. Sums are computed in
/// this order.
#[derive(Clone, Debug, Default)]
pub(super) struct Matrix {
    /// By target: the index of its first link, and one more entry for the end.
    pub(super) starts: Vec<usize>,
    /// By link: the source cell.
    pub(super) sources: Vec<usize>,
    /// By link: the weight.
    pub(super) weights: Vec<f64>,
    /// By target: the sum of its weights.
    pub(super) sums: Vec<f64>,
}

impl Matrix {
    /// Sorts links into the matrix.
    pub(super) fn new(targets: usize, mut links: Vec<Link>) -> Self {
        links.sort_by_key(|&(target, source, _)| (target, source));
        let mut starts = vec![0; targets + 1];
        let mut sums = vec![0.0; targets];
        for &(target, _, weight) in &links {
            starts[target + 1] += 1;
            sums[target] += weight;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        Self {
            starts,
            sources: links.iter().map(|link| link.1).collect(),
            weights: links.iter().map(|link| link.2).collect(),
            sums,
        }
    }

    /// The number of target cells.
    pub(super) fn targets(&self) -> usize {
        self.sums.len()
    }

    /// The columns `src`, `dst` and `w`.
    pub(super) fn columns(&self) -> Result<Vec<ArrayRef>, KernelError> {
        let narrow = |cell: usize| {
            i32::try_from(cell).map_err(|_| KernelError::TooLarge {
                what: "a grid".to_owned(),
                found: wide(cell),
                limit: i32::MAX.unsigned_abs().into(),
            })
        };
        let src: Result<Vec<i32>, _> = self.sources.iter().map(|&cell| narrow(cell)).collect();
        let dst: Result<Vec<i32>, _> = (0..self.targets())
            .flat_map(|cell| std::iter::repeat_n(cell, self.starts[cell + 1] - self.starts[cell]))
            .map(narrow)
            .collect();
        Ok(vec![
            Arc::new(Int32Array::from(src?)),
            Arc::new(Int32Array::from(dst?)),
            Arc::new(Float64Array::from(self.weights.clone())),
        ])
    }

    /// Reads such columns; the two counts bound the cells.
    pub(super) fn read(table: &Table, sources: usize, targets: usize) -> Result<Self, KernelError> {
        let mut links = Vec::with_capacity(table.rows());
        let src = number_column(table, "src", "the source cell, from 0, latitude-major")?;
        let dst = number_column(table, "dst", "the target cell, from 0, latitude-major")?;
        let w = number_column(table, "w", "the weight")?;
        let mut row = 0;
        for batch in &table.batches {
            let ints = |i: usize| cast(batch.column(i), &DataType::Int64);
            let (src, dst) = (ints(src)?, ints(dst)?);
            let w = cast(batch.column(w), &DataType::Float64)?;
            let (src, dst) = (
                src.as_primitive::<Int64Type>(),
                dst.as_primitive::<Int64Type>(),
            );
            let w = w.as_primitive::<Float64Type>();
            for i in 0..batch.num_rows() {
                let all = src.is_valid(i) && dst.is_valid(i) && w.is_valid(i);
                let source = usize::try_from(src.value(i))
                    .ok()
                    .filter(|&s| all && s < sources);
                let target = usize::try_from(dst.value(i)).ok().filter(|&t| t < targets);
                match (source, target, w.value(i)) {
                    (Some(source), Some(target), w) if w.is_finite() => {
                        links.push((target, source, w));
                    }
                    (_, _, w) => {
                        return Err(KernelError::Input {
                            port: "weights".to_owned(),
                            problem: format!(
                                "row {} links src {} to dst {} with w {w}",
                                row + i,
                                src.value(i),
                                dst.value(i)
                            ),
                            expected: format!(
                                "src from 0 to {}, dst from 0 to {}, w a finite number, none null",
                                sources.saturating_sub(1),
                                targets.saturating_sub(1)
                            ),
                        });
                    }
                }
            }
            row += batch.num_rows();
        }
        Ok(Self::new(targets, links))
    }
}

/// The index of a numeric column.
fn number_column(table: &Table, name: &str, wanted: &str) -> Result<usize, KernelError> {
    let column = table.column("weights", name, wanted)?;
    let found = table.schema.field(column).data_type();
    if found.is_numeric() {
        return Ok(column);
    }
    Err(KernelError::ColumnType {
        port: "weights".to_owned(),
        column: name.to_owned(),
        expected: "a number".to_owned(),
        found: found.to_string(),
    })
}
