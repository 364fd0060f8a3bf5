//! The catalog entry of `topk_merge`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec, PortSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use crate::entry::{choice, column, param, port};

pub(super) fn entry() -> KernelEntry {
    KernelEntry {
        name: "topk_merge".to_owned(),
        version: 1,
        summary: "Merges the best rows of many tasks into the best rows of all.".to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: vec![port(
            "hits",
            "Rows to rank: those of all tasks, in task order.",
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
                    "Number of rows to keep in each group.",
                )
            },
            param(
                "by",
                ParamType::String,
                Value::Null,
                "The column whose values are the groups, or several, separated by commas; `none` ranks all \
                rows together. If left out: as `tanimoto_topk` ranked them, else by `query`.",
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
        reference:
            "a stable merge: the same as sorting all rows by score and keeping the order of equals"
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
order of the input: task order, then the order within each task. So merging the partial hits of a
scattered `tanimoto_topk` gives exactly the result of one task over the whole library, for any slices.

Groups are in the order of their first row. `rank` is replaced or added, from 1. All other columns are
unchanged. A score that is null or NaN ranks last. If a group has fewer than k rows, all are kept.

The schema's metadata (`sunward.topk`) of hits of `tanimoto_topk` records whether all queries share one
list (`fuse: max`). The hits may have more columns for this merge: `query_row` gives the groups and
their order, and `common` and `union` the exact similarity. They are left out of the result, whose
columns are `query, id, sim, rank`. Give `by` and `score` to ignore them.

Any other table with a numeric column can be ranked too, for example docking scores:
`with: { k: 50, by: receptor, score: affinity, order: ascending }`.

Memory: k references for each group. Rows are not copied.";
