//! The catalog entry of `tanimoto_topk`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec, PortSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use crate::entry::{choice, column, param, port, rejects};

pub(super) fn entry() -> KernelEntry {
    KernelEntry {
        name: "tanimoto_topk".to_owned(),
        version: 2,
        summary: "The k fingerprints of a library that are most similar to each query.".to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: inputs(),
        outputs: vec![hits(), without()],
        params: params(),
        exact: true,
        tolerance: "none: ids and ranks follow from integers; `sim` is the nearest float32"
            .to_owned(),
        reference: "Tanimoto similarity as in RDKit's DataStructs.TanimotoSimilarity and FPSim2; \
                    bounds by bit counts: Swamidass & Baldi, J. Chem. Inf. Model. 47 (2007) 302"
            .to_owned(),
        example: "\
search:
  kernel: tanimoto_topk
  scatter: { over: library, rows: 100000 }
  inputs: { library: ./data/library.parquet, queries: ./data/actives.parquet }
  with: { k: 100, fuse: max }
"
        .to_owned(),
    }
}

fn hits() -> PortSpec {
    port(
        "hits",
        "The best rows, best first. Queries are in the order of `queries`.",
        vec![
            column(
                "query",
                "any",
                "`id` of the query; with `fuse: max`, of the query that is most similar to this row",
            ),
            column("id", "any", "`id` of the library row"),
            column("sim", "float32", "Tanimoto similarity, 0 to 1"),
            column(
                "rank",
                "int32",
                "1 for the best hit of its query (of all, with `fuse: max`)",
            ),
        ],
    )
}

fn without() -> PortSpec {
    rejects(
        "Rows without a fingerprint, the library's first.",
        &["library", "queries"],
        vec![
            column("port", "utf8", "`library` or `queries`"),
            column(
                "id",
                "any",
                "`id` of the row; as text if library and queries have ids of different types",
            ),
        ],
    )
}

const DESCRIPTION: &str = "\
Compares every query with every fingerprint of the library and keeps the k best.

    sim(A, B) = c / (a + b - c)

where a and b count the bits of A and B, and c their common bits. Two fingerprints without any bit have
similarity 0.

A fingerprint is one `fixed_size_binary` value: bits packed eight to a byte, of any width that is a
multiple of 8 bytes (2048 bits are `fixed_size_binary[256]`). The order of bits does not matter if
library and queries agree. RDKit's `BitVectToBinaryText` can be used directly. Ids may have any type and
may be null.

A row of either input whose fingerprint is null goes to `rejects` and is otherwise ignored. Each task of
a scatter over `library` reports a query without a fingerprint.

Ranking is exact. c1/u1 and c2/u2 are compared as the integers c1*u2 and c2*u1, never as rounded
numbers. Among equals the lowest library row comes first. A query with fewer than k rows gets all of
them. Rows with similarity 0 are hits like any other, unless `threshold` is above 0. The threshold is
compared with c/u in double precision.

With `fuse: max` all queries share one list. Each library row is in it at most once, with its highest
similarity to any query, and `query` names that query (the first of equals). Otherwise each query has
its own list.

Scatter over `library` and merge with `topk_merge`: the result equals that of one task, for any slices
of the library. `hits` may have more columns for the merge, which `topk_merge` removes: `query_row`
(int32, the query's row) if slices may lack a query or ids do not distinguish queries, that is with
`threshold` above 0, with `exclude`, or if query ids repeat; `common` and `union` (int32, c and u) for
fingerprints of more than 4096 bits, whose ratios may be equal in float32. The schema's metadata
(`sunward.topk`) records whether lists are fused.

Memory besides the mapped inputs: k hits for each query and thread.

On a GPU the result is equal bit for bit. Queries stay on the device, the library streams through it in
tiles, and only rows that can still be hits are copied back. Copies overlap with the search. For one
query the transfer limits the speed, but not for many.";

fn inputs() -> Vec<PortSpec> {
    let bits = |doc| column("bits", "fixed_size_binary", doc);
    vec![
        port(
            "library",
            "The fingerprints to search.",
            vec![
                column("id", "any", "names the row"),
                bits("packed fingerprint: fixed_size_binary, a multiple of 8 bytes wide"),
            ],
        ),
        port(
            "queries",
            "The fingerprints to look for, as wide as the library's.",
            vec![
                column("id", "any", "names the query"),
                bits("packed fingerprint, as wide as the library's"),
            ],
        ),
    ]
}

fn params() -> Vec<ParamSpec> {
    vec![
        ParamSpec {
            min: Some(1.0),
            max: Some(10_000_000.0),
            ..param(
                "k",
                ParamType::Int,
                Value::Int(10),
                "Number of hits to keep in each list.",
            )
        },
        ParamSpec {
            min: Some(0.0),
            max: Some(1.0),
            unit: "1".to_owned(),
            ..param(
                "threshold",
                ParamType::Float,
                Value::Float(0.0),
                "Only rows at least this similar are hits.",
            )
        },
        choice(
            "fuse",
            &["none", "max"],
            "none",
            "`none`: a list for each query. `max`: one list, each row by its most similar query.",
        ),
        choice(
            "exclude",
            &["none", "self", "queries"],
            "none",
            "`self`: a query does not find rows with its own id. `queries`: rows with the id of any \
            query are not hits at all. Both need ids of one type.",
        ),
    ]
}
