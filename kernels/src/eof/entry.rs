//! The catalog entry of `eof`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec, PortSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use crate::entry::{choice, column, param, port};

pub(super) fn entry() -> KernelEntry {
    KernelEntry {
        name: "eof".to_owned(),
        version: 1,
        summary:
            "Empirical orthogonal functions: leading patterns of variability and their indices."
                .to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: vec![port(
            "field",
            "One row for each time: anomalies, weighted by `anomaly` if area should count.",
            vec![column(
                "value",
                "tensor<any>",
                "tensor<float32> or tensor<float64>; NaN is missing",
            )],
        )],
        outputs: vec![
            port(
                "index",
                "The first principal component as an index.",
                vec![
                    column(
                        "year",
                        "int32",
                        "`year` of the row; null if the input has none",
                    ),
                    column("index", "float64", "PC 1 with variance 1"),
                ],
            ),
            PortSpec {
                open: true,
                ..port(
                    "pcs",
                    "One row for each time: the input's other columns, then `pc1` to the last mode.",
                    vec![column(
                        "pc1",
                        "float64",
                        "principal component of mode 1, with variance 1; pc2 … likewise",
                    )],
                )
            },
            port(
                "patterns",
                "One row for each mode, on the input's grid.",
                vec![
                    column("mode", "int32", "1 for the leading mode"),
                    column(
                        "value",
                        "tensor<any>",
                        "tensor<float64>: the field's anomaly for a component of 1, in its unit",
                    ),
                ],
            ),
            port(
                "variance",
                "One row for each mode.",
                vec![
                    column("mode", "int32", "1 for the leading mode"),
                    column("fraction", "float64", "share of the total variance, 0 to 1"),
                    column(
                        "eigenvalue",
                        "float64",
                        "variance of the mode, in the field's unit squared",
                    ),
                ],
            ),
        ],
        params: params(),
        exact: false,
        tolerance: "1e-9 relative in eigenvalues, 1e-8 in components of well separated modes"
            .to_owned(),
        reference:
            "Lorenz (1956), MIT Stat. Forecasting Proj. Rep. 1; conventions of the eofs package: \
                    Dawson, J. Open Res. Softw. 4 (2016) e14"
                .to_owned(),
        example: "\
nao:
  kernel: eof
  inputs: { field: anomaly.field }
  with: { n: 4, anchor_lat: 65, anchor_lon: -20, anchor_sign: negative }
"
        .to_owned(),
    }
}

fn params() -> Vec<ParamSpec> {
    let degrees = |name, limit: f64, doc| ParamSpec {
        min: Some(-limit),
        max: Some(limit),
        unit: "degrees".to_owned(),
        ..param(name, ParamType::Float, Value::Null, doc)
    };
    vec![
        ParamSpec {
            min: Some(1.0),
            max: Some(1000.0),
            ..param("n", ParamType::Int, Value::Int(4), "Number of modes.")
        },
        degrees(
            "anchor_lat",
            90.0,
            "Latitude of the place that determines the sign of mode 1; with `anchor_lon`.",
        ),
        degrees("anchor_lon", 360.0, "Longitude of that place."),
        choice(
            "anchor_sign",
            &["positive", "negative"],
            "positive",
            "The sign of pattern 1 at the cell nearest to that place.",
        ),
    ]
}

const DESCRIPTION: &str = "\
With X the matrix of anomalies, T rows (times) by S cells:

    G = X X' / (T - 1),   G u_k = l_k u_k,   l_1 >= l_2 >= …

    eigenvalue_k = l_k             fraction_k = l_k / trace(G)
    pc_k = sqrt(T - 1) u_k         pattern_k = X' pc_k / (T - 1)

A component has variance 1. A pattern is the covariance of the field with it, which is the anomaly for a
component of 1. If `anomaly` weighted the field, patterns are divided by the weight again (NaN if it is
0, at a pole). X is used unchanged: no mean is removed here.

The sign of an eigenvector is arbitrary. The pattern of mode 1 gets the sign `anchor_sign` at the cell
nearest to `anchor_lat`, `anchor_lon`. The patterns of all other modes, and of mode 1 without an anchor,
get the sign with which their largest absolute value is positive (the first of equals).

For the NAO index, anchor near Iceland with `negative`: a positive index is then a deep Iceland low.

A cell that is missing (NaN) in any row is left out, and is NaN in the patterns. At least two rows and
one complete cell are needed. There cannot be more modes than rows.

All arithmetic is in double precision in a fixed order. The kernel needs all rows: do not scatter over
`field`. It is meant for up to a few thousand times and any number of cells. Memory: 8 bytes per
value.";
