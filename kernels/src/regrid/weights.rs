//! `regrid_weights`: the weights between two grids, as a table.

use std::collections::HashMap;

use arrow_schema::{DataType, Field as ArrowField, Schema};
use serde_json::{Value as Json, json};
use sunward_workflows::catalog::KernelEntry;

use super::matrix::{Link, Matrix};
use super::{WEIGHTS_KEY, bilinear, conservative, entry};
use crate::grid::{GRID_KEY, Grid, target};
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// The kernel.
pub(crate) struct RegridWeights {
    entry: KernelEntry,
}

impl RegridWeights {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::weights(),
        }
    }
}

impl Kernel for RegridWeights {
    fn entry(&self) -> &KernelEntry {
        &self.entry
    }

    fn run(&self, inputs: &Inputs, with: &Params, _: &Context) -> Result<Outputs, KernelError> {
        inputs.check(&self.entry)?;
        let from = Grid::read(inputs.need(&self.entry, "field")?, "field")?;
        let to = required_target(with)?;
        let method = with.text("method")?;
        let matrix = Matrix::new(to.cells(), links(method, &from, &to));
        let fields = vec![
            ArrowField::new("src", DataType::Int32, false),
            ArrowField::new("dst", DataType::Int32, false),
            ArrowField::new("w", DataType::Float64, false),
        ];
        let made = json!({
            "method": method,
            "lat": from.lat.centers(),
            "lon": from.lon.centers(),
        });
        let metadata = HashMap::from([
            (GRID_KEY.to_owned(), to.to_json()),
            (WEIGHTS_KEY.to_owned(), made.to_string()),
        ]);
        let schema = Schema::new_with_metadata(fields, metadata);
        let table = Table::from_columns(schema, matrix.columns()?)?;
        Ok(Outputs::new().with("weights", table))
    }
}

/// Weights by method.
pub(super) fn links(method: &str, from: &Grid, to: &Grid) -> Vec<Link> {
    match method {
        "bilinear" => bilinear::links(from, to),
        _ => conservative::links(from, to),
    }
}

/// The target grid, which must be given.
pub(super) fn required_target(with: &Params) -> Result<Grid, KernelError> {
    target(with)?.ok_or_else(|| {
        with.wrong(
            "grid",
            "given, as r72x36; or xfirst, xinc, xsize, yfirst, yinc and ysize",
        )
    })
}

/// Whether weights state that they were made for another source grid.
pub(super) fn made_for_another_grid(weights: &Table, from: &Grid) -> bool {
    let made = weights.schema.metadata().get(WEIGHTS_KEY);
    let Some(Ok(made)) = made.map(|text| serde_json::from_str::<Json>(text)) else {
        return false;
    };
    let differs =
        |key: &str, centers: &[f64]| made.get(key).is_some_and(|there| *there != json!(centers));
    differs("lat", from.lat.centers()) || differs("lon", from.lon.centers())
}
