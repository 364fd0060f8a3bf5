//! The catalog entry of `butina`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use crate::entry::{column, param, port, rejects};

pub(super) fn entry() -> KernelEntry {
    KernelEntry {
        name: "butina".to_owned(),
        version: 2,
        summary: "Clusters of similar fingerprints, each around a centroid.".to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: vec![port(
            "library",
            "The fingerprints to cluster.",
            vec![
                column("id", "any", "names the row"),
                column(
                    "bits",
                    "fixed_size_binary",
                    "packed fingerprint: fixed_size_binary, a multiple of 8 bytes wide",
                ),
            ],
        )],
        outputs: vec![
            port(
                "clusters",
                "One row for each row of `library` that has a fingerprint, in its order.",
                vec![
                    column("id", "any", "`id` of the library row"),
                    column(
                        "cluster",
                        "int32",
                        "number of its cluster, from 0 in the order in which clusters were made",
                    ),
                    column(
                        "is_centroid",
                        "bool",
                        "whether the cluster was made around this row",
                    ),
                ],
            ),
            rejects(
                "Rows without a fingerprint, in the order of `library`.",
                &["library"],
                vec![column("id", "any", "`id` of the library row")],
            ),
        ],
        params: vec![ParamSpec {
            min: Some(0.0),
            max: Some(1.0),
            unit: "1".to_owned(),
            ..param(
                "distance",
                ParamType::Float,
                Value::Float(0.4),
                "Rows at most this far apart, as 1 - similarity, are neighbors.",
            )
        }],
        exact: true,
        tolerance: "none: clusters follow from integers and one comparison in double precision"
            .to_owned(),
        reference: "Butina, J. Chem. Inf. Comput. Sci. 39 (1999) 747; order as in RDKit's \
                    ML.Cluster.Butina.ClusterData with reordering=False"
            .to_owned(),
        example: "\
diverse:
  kernel: butina
  inputs: { library: ./data/library.parquet }
  with: { distance: 0.6 }
"
        .to_owned(),
    }
}

const DESCRIPTION: &str = "\
Groups fingerprints so that every member of a cluster is a neighbor of its centroid. Two rows are
neighbors if

    1 - c / (a + b - c) <= distance

in double precision, where a and b count the bits of each and c their common bits. Two fingerprints
without any bit have similarity 0, as in `tanimoto_topk` (1 in RDKit's functions), so that rows
without bits are clusters of their own unless `distance` is 1.

Rows are visited by their number of neighbors among all rows, most first. Among equals the highest
row comes first. A row that is not in a cluster yet becomes the centroid of a new one, with all its
neighbors that are not in a cluster. Numbers of neighbors are not updated meanwhile, so the sizes of
clusters may rise and fall. RDKit calls this `reordering=False`. A row whose neighbors were all taken is
a cluster of its own, like a row without neighbors.

A row whose fingerprint is null goes to `rejects` and is otherwise ignored.

The result depends on all rows: do not scatter this stage. It does not depend on the number of threads
or on the batches of the input.

Time: each pair once, then the remaining rows once for each centroid with neighbors. Pairs whose bit
counts or folded fingerprints show that they are not neighbors are not counted in full. Memory besides
the mapped input: about 100 bytes per row, with at most a few neighbors of each row, for any number
of neighbors. There is no matrix of distances and no list of all pairs.

On a GPU the result is equal bit for bit. The GPU counts and lists neighbors in integers, and the CPU
makes the clusters. Rows are copied to the GPU once if they fit its memory. Otherwise they stream
through it in tiles, once for each strip of rows, and copies overlap with counting.";
