//! The catalog entries of `regrid_weights` and `regrid_apply`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec, PortSpec};
use sunward_workflows::column::ColumnSpec;
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use crate::entry::{choice, column, optional_port, param, port};
use crate::grid::target_params;

const REFERENCE: &str = "Jones, Mon. Wea. Rev. 127 (1999) 2204 (SCRIP); compared with CDO 2.1.1 \
                         remapbil and remapcon, `cdo -b F64`";

fn method() -> ParamSpec {
    choice(
        "method",
        &["conservative", "bilinear"],
        "conservative",
        "`conservative` keeps area means (first order); `bilinear` interpolates.",
    )
}

fn field_columns(doc: &str) -> Vec<ColumnSpec> {
    vec![column("value", "tensor<any>[lat, lon]", doc)]
}

fn weight_columns() -> Vec<ColumnSpec> {
    vec![
        column(
            "src",
            "int32",
            "source cell from 0: latitude index x longitudes + longitude index",
        ),
        column("dst", "int32", "target cell, counted in the same way"),
        column(
            "w",
            "float64",
            "share of the source cell in the target cell",
        ),
    ]
}

pub(super) fn weights() -> KernelEntry {
    KernelEntry {
        name: "regrid_weights".to_owned(),
        version: 1,
        summary: "Weights from one rectilinear grid to another, for any number of fields."
            .to_owned(),
        description: WEIGHTS.to_owned(),
        inputs: vec![port(
            "field",
            "A gridded table; only its grid is read (schema metadata `sunward.grid`), no values.",
            vec![],
        )],
        outputs: vec![port(
            "weights",
            "One row for each pair of cells, ordered by `dst`, then `src`.",
            weight_columns(),
        )],
        params: std::iter::once(method()).chain(target_params()).collect(),
        exact: false,
        tolerance: "1e-12 relative in each weight".to_owned(),
        reference: REFERENCE.to_owned(),
        example: "\
weights:
  kernel: regrid_weights
  inputs: { field: { from: ./data/tas.nc, variable: tas } }
  with: { method: bilinear, grid: r72x36 }
"
        .to_owned(),
    }
}

const WEIGHTS: &str = "\
Computes the weight of each source cell in each target cell, for grids whose coordinates are one list
of latitudes and one of longitudes: regular and Gaussian, global and regional.

conservative: w = |source cell ∩ target cell| / |target cell|. Between parallels and meridians an
area is (sin north - sin south) x (east - west), which is exact on the sphere. Edges are the file's
bounds, or else the midpoints between coordinates. No edge is beyond a pole. The weights of a target
cell that the source covers only in part sum to the covered share.

bilinear: the four source coordinates around a target center, w = (1-u)(1-v), u(1-v), (1-u)v, uv with
u, v the target's position between them, 0 to 1. Longitudes are cyclic if the source goes around the
globe. Beyond the last latitude of such a source (the caps of a Gaussian grid) the four nearest cells
of that latitude are used, weighted by inverse distance, as in CDO. Targets outside get no weights,
and so NaN.

Longitudes of both grids may begin at 0 or at -180. The target has a name (`grid: r72x36`) or the six
numbers of CDO's grid descriptions. The output has both grids in its metadata, so that `regrid_apply`
needs nothing else and refuses fields on another grid.";

pub(super) fn apply() -> KernelEntry {
    let mut params = vec![method()];
    params.extend(target_params());
    params.push(ParamSpec {
        min: Some(0.0),
        max: Some(1.0),
        unit: "1".to_owned(),
        ..param(
            "min_valid",
            ParamType::Float,
            Value::Float(0.5),
            "Least share of a target cell that must be covered by values; with less, the cell is NaN. \
            0 accepts any share, as CDO does.",
        )
    });
    KernelEntry {
        name: "regrid_apply".to_owned(),
        version: 1,
        summary: "Interpolates fields to another grid, bilinear or conservative, with given or computed weights."
            .to_owned(),
        description: APPLY.to_owned(),
        inputs: vec![
            port(
                "field",
                "One row for each time: a gridded table, as from NetCDF with `rows: time`.",
                field_columns("tensor<float32>[lat, lon] or tensor<float64>[lat, lon]; NaN is missing"),
            ),
            optional_port(
                "weights",
                "From `regrid_weights`. Without metadata, `with:` must name the target grid.",
                weight_columns(),
            ),
        ],
        outputs: vec![PortSpec {
            like: Some("field".to_owned()),
            ..port(
                "field",
                "The same rows on the target grid; all other columns are unchanged.",
                field_columns("tensor of the input's number type, [lat, lon] of the target"),
            )
        }],
        params,
        exact: false,
        tolerance: "2e-6 relative for float32, 1e-12 for float64".to_owned(),
        reference: REFERENCE.to_owned(),
        example: "\
regrid:
  kernel: regrid_apply
  inputs: { field: { from: ./data/hgt_djf.nc, variable: z, rows: time } }
  with: { method: conservative, xfirst: -77.5, xinc: 5, xsize: 24, yfirst: 22.5, yinc: 5, ysize: 14 }
"
        .to_owned(),
    }
}

const APPLY: &str = "\
For each row and target cell d:

    y(d) = sum over s of w(d,s) x(s) / sum over s of w(d,s),   s over the source cells not missing

and NaN if the sum of weights in the denominator is less than `min_valid`. So missing values (NaN) are
left out and the rest is renormalized, if enough of the cell is known. Sums are in double precision, in
the order of source cells. The result is rounded once to the field's own type.

Without the input `weights` they are computed as in `regrid_weights`, from `method` and the target
grid. To compute them once for many tasks, connect `weights`. Then no grid is needed here. Weights
from other tools can be used too (cells counted from 0, latitude-major, in the order of the
coordinates). Their sums for a whole cell should be 1.

Rows are independent, so any scatter over `field` is valid.

On a GPU the result is equal bit for bit. Weights stay on the device, and rows stream through it in
tiles. Copies overlap with the sums. The transfer limits the speed.";
