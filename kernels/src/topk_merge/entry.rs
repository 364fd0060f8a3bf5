//! The catalog entry of `topk_merge`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec, PortSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use crate::entry::{choice, column, param, port};

pub(super) fn entry() -> KernelEntry {
    KernelEntry {
        name: "topk_merge".to_owned(),
        version: 1,
        summary: "Joins the best rows of many tasks into the best rows of all.".to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: vec![port(
            "hits",
            "Rows to rank; those of all tasks in task order.",
            vec![],
        )],
        outputs: vec![PortSpec {
            like: Some("hits".to_owned()),
            ..port(
                "hits",
                "The best k rows of each group, best first, with the input's columns.",
                vec![column("rank", "int32", "1 for the best row of its group")],
            )
        }],
        params: vec![
            ParamSpec {
                min: Some(1.0),
                max: Some(10_000_000.0),
                ..param(
                    "k",
                    ParamType::Int,
                    Value::Int(10),
                    "How many rows to keep of each group.",
                )
            },
            param(
                "by",
                ParamType::String,
                Value::Null,
                "The column whose values make groups; several with commas; `none` ranks all rows \
                 together. Left out: as `tanimoto_topk` ranked them, else by `query`.",
            ),
            param(
                "score",
                ParamType::String,
                Value::String("sim".to_owned()),
                "The column to rank by: a number.",
            ),
            choice(
                "order",
                &["descending", "ascending"],
                "descending",
                "Whether the best score is the highest or the lowest.",
            ),
        ],
        exact: true,
        tolerance: "none: rows are chosen, not computed".to_owned(),
        reference: "a stable merge: equals sorting all rows by score, keeping the order of equals"
            .to_owned(),
        example: "\
merge:
  kernel: topk_merge
  inputs: { hits: search.hits }
  with: { k: 100 }
"
        .to_owned(),
    }
}

const DESCRIPTION: &str = "\
Ranks the rows of `hits` by `score` within each group and keeps the best k. Equal scores keep the
order of the input: task order, then the order within each task. So the partial hits of a scattered
`tanimoto_topk` merge to exactly what one task over the whole library gives, however it was cut.

Groups come in the order of their first row. `rank` is written anew, from 1; it is added where the
input has none. All other columns are carried unchanged. A score that is null or NaN ranks last.
With fewer than k rows in a group, all are kept.

Hits of `tanimoto_topk` say in the schema's metadata (`sunward.topk`) whether all queries share one
list (`fuse: max`), and may have columns for this merge alone: `query_row` gives the groups and
their order, `common` and `union` the exact similarity. They are used and left out of the result,
whose columns are `query, id, sim, rank`. To use them nowhere, name `by` and `score` yourself.

Any other table with a numeric column can be ranked too, for instance docking scores:
`with: { k: 50, by: receptor, score: affinity, order: ascending }`.

Memory: k references a group; rows stay where they are mapped.";
