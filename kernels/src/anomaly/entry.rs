//! The catalog entry of `anomaly`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec, PortSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use super::SQRT_COS_LAT;
use crate::entry::{choice, column, param, port};

pub(super) fn entry() -> KernelEntry {
    let year = |name, doc| ParamSpec {
        min: Some(-100_000.0),
        max: Some(100_000.0),
        unit: "year".to_owned(),
        ..param(name, ParamType::Int, Value::Null, doc)
    };
    KernelEntry {
        name: "anomaly".to_owned(),
        version: 1,
        summary: "Deviations of fields from their mean over time, optionally weighted by latitude."
            .to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: vec![port(
            "field",
            "One row for each time. A base period needs the column `year`; weights need a [lat, lon] grid.",
            vec![column(
                "value",
                "tensor<any>",
                "tensor<float32> or tensor<float64>; NaN is missing",
            )],
        )],
        outputs: vec![PortSpec {
            like: Some("field".to_owned()),
            ..port(
                "field",
                "The same rows; all other columns are unchanged.",
                vec![column(
                    "value",
                    "tensor<any>",
                    "anomaly, in the input's type and unit",
                )],
            )
        }],
        params: vec![
            year(
                "base_from",
                "First year of the base period; if left out, the first row.",
            ),
            year(
                "base_to",
                "Last year of the base period; if left out, the last row.",
            ),
            choice(
                "weight",
                &["none", SQRT_COS_LAT],
                "none",
                "`sqrt_cos_lat`: multiplies by the square root of the cosine of latitude, so that \
                 a sum of squares counts each cell by its area, as `eof` needs.",
            ),
        ],
        exact: false,
        tolerance: "1e-6 relative to the field for float32, 1e-12 for float64".to_owned(),
        reference:
            "anomaly and weights as in the eofs package: Dawson, J. Open Res. Softw. 4 (2016) e14"
                .to_owned(),
        example: "\
anomaly:
  kernel: anomaly
  inputs: { field: regrid.field }
  with: { weight: sqrt_cos_lat }
"
        .to_owned(),
    }
}

const DESCRIPTION: &str = "\
For each cell s and row t:

    y(t,s) = (x(t,s) - m(s)) w(s),   m(s) = mean of x over the rows of the base period

with w = 1, or w = sqrt(cos(latitude)), limited to 0..1. The base period is all rows, or the rows whose
`year` is from `base_from` to `base_to`. A base period without rows is an error.

Missing values (NaN) do not count in the mean and stay missing. A cell without any value in the base
period is missing in all rows. Each cell is summed in row order in double precision, so that the
result does not depend on threads or parts. It is rounded once to the field's own type.

The mean needs all rows: do not scatter over `field`. The grid's metadata (`weight`) records that
values were weighted, for `eof`.";
