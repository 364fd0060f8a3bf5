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
        summary: "How early a ranking finds what is known to be active: EF, AUC, BEDROC."
            .to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: vec![port(
            "ranking",
            "What was ranked, one row each. Columns of other names are said by `score` and `active`.",
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
                vec![column("row", "int64", "which row of `ranking`, from 0")],
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
Ranks N rows by `score`, of which n are active, and says how early the active ones come.

    ef X %    = (active among the first m) / m * N / n,   m = ceil(X N / 100)
    auc       = pairs of an active row before an inactive one / (n (N - n))
    RIE       = sum over active rows e^(-alpha r / N) / (n / N (1 - e^-alpha) / (e^(alpha / N) - 1))
    bedroc20  = (RIE - RIEmin) / (RIEmax - RIEmin),   alpha = 20, Ra = n / N
    RIEmin    = (1 - e^(alpha Ra)) / (Ra (1 - e^alpha))
    RIEmax    = (1 - e^(-alpha Ra)) / (Ra (1 - e^-alpha))

where r is the rank of a row, from 1. Equal scores keep the order of the input, as in `topk_merge`, so
that the answer is that for the ranking as it stands; a score that is null or NaN ranks last. Which of
two equals comes first is then decided by the input: sort it by an id where that should not depend on
where rows come from.

`auc` and `bedroc20` are null where all rows are active, and everything but `ranked` is null where none
is, for they are not defined there. (RDKit's functions give 0 or 1.)

A row of which it is not known whether it is active (null) goes to `rejects`, and the rest is done as
if it were not there.

Memory: 12 bytes a row. Do not scatter this stage: it needs all rows.";

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
        name(
            "active",
            "active",
            "The column that says which rows are active: bool.",
        ),
        choice(
            "order",
            &["descending", "ascending"],
            "descending",
            "Whether the best score is the highest or the lowest.",
        ),
    ]
}
