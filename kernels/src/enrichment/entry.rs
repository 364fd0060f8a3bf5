//! The catalog entry of `enrichment`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use crate::entry::{choice, column, param, port, rejects};

pub(super) fn entry() -> KernelEntry {
    let metric = |name: &str, doc: &str| column(name, "float64", doc);
    KernelEntry {
        name: "enrichment".to_owned(),
        version: 2,
        summary: "How early a ranking finds the known actives: EF, AUC, BEDROC.".to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: vec![port(
            "ranking",
            "The ranked rows. The parameters `score` and `active` give the names of the columns.",
            Vec::new(),
        )],
        outputs: vec![
            port(
                "metrics",
                "One row.",
                vec![
                    metric(
                        "ef1_percent",
                        "enrichment factor of the first 1 %; 1 is chance",
                    ),
                    metric(
                        "ef5_percent",
                        "enrichment factor of the first 5 %; 1 is chance",
                    ),
                    metric("auc", "area under the ROC curve, 0 to 1; 0.5 is chance"),
                    metric("bedroc20", "BEDROC with alpha = 20, 0 to 1"),
                    column("ranked", "int64", "rows of `ranking`, without rejects"),
                ],
            ),
            rejects(
                "Rows that could not be ranked, in their order.",
                &["ranking"],
                vec![column(
                    "row",
                    "int64",
                    "index of the row in `ranking`, from 0",
                )],
            ),
        ],
        params: params(),
        exact: true,
        tolerance: "1e-12 relative for `bedroc20`; the others are quotients of whole numbers"
            .to_owned(),
        reference: "Truchon & Bayly, J. Chem. Inf. Model. 47 (2007) 488, equations 17, 18, 36; as \
                    RDKit's ML.Scoring.Scoring"
            .to_owned(),
        example: "\
quality:
  kernel: enrichment
  inputs: { ranking: ./data/ranking.parquet }
  with: { score: sim, active: active }
"
        .to_owned(),
    }
}

const DESCRIPTION: &str = "\
Ranks N rows by `score`, of which n are active, and measures how early the active ones come.

    ef X %    = (active among the first m) / m * N / n,   m = ceil(X N / 100)
    auc       = pairs of an active row before an inactive one / (n (N - n))
    RIE       = sum over active rows e^(-alpha r / N) / (n / N (1 - e^-alpha) / (e^(alpha / N) - 1))
    bedroc20  = (RIE - RIEmin) / (RIEmax - RIEmin),   alpha = 20, Ra = n / N
    RIEmin    = (1 - e^(alpha Ra)) / (Ra (1 - e^alpha))
    RIEmax    = (1 - e^(-alpha Ra)) / (Ra (1 - e^-alpha))

where r is the rank of a row, from 1. Equal scores keep the order of the input, as in `topk_merge`. If
the result must not depend on the origin of rows, sort the input by an id. A score that is null or NaN
ranks last.

`auc` and `bedroc20` are null if all rows are active, and everything except `ranked` is null if none
is, because they are not defined then. (RDKit's functions give 0 or 1.)

A row whose activity is not known (null) goes to `rejects` and is otherwise ignored.

Memory: 12 bytes per row. Do not scatter this stage: it needs all rows.";

fn params() -> Vec<ParamSpec> {
    let name = |name: &str, default: &str, doc: &str| {
        param(
            name,
            ParamType::String,
            Value::String(default.to_owned()),
            doc,
        )
    };
    vec![
        name("score", "sim", "The column to rank by: a number."),
        name("active", "active", "The column of known activity: bool."),
        choice(
            "order",
            &["descending", "ascending"],
            "descending",
            "Whether the best score is the highest or the lowest.",
        ),
    ]
}
