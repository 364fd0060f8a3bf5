//! `tanimoto_topk`: the k most similar fingerprints of a library, exactly ranked.

mod device;
mod entry;
mod exclusion;
mod index;
mod ranking;
mod rejects;
mod scan;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int32Array};
use arrow_schema::{Field, Schema};
use sunward_workflows::catalog::KernelEntry;

pub use index::{FingerprintIndex, Neighbor};

use self::exclusion::QueryIds;
use self::ranking::Hit;
use self::scan::{Excluded, Query, Search};
use crate::bits::{Fingerprints, Popcount};
use crate::device::Source;
use crate::table::wide;
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// The key of the schema's metadata that says how hits were ranked, for the merge.
pub(crate) const TOPK_KEY: &str = "sunward.topk";
/// Its value if all queries share one list.
pub(crate) const FUSED: &str = r#"{"fuse":"max"}"#;
/// Its value if each query has its own list.
pub(crate) const UNFUSED: &str = r#"{"fuse":"none"}"#;
/// The widest fingerprints in bytes whose ratios float32 distinguishes: with unions up to 4096,
/// neighboring ratios are further apart than float32 values below 1.
const FLOAT32_WIDTH: usize = 512;

/// The kernel.
pub(crate) struct TanimotoTopk {
    entry: KernelEntry,
}

impl TanimotoTopk {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::entry(),
        }
    }
}

impl Kernel for TanimotoTopk {
    fn entry(&self) -> &KernelEntry {
        &self.entry
    }

    fn sources(&self) -> Vec<Source> {
        vec![device::source()]
    }

    fn run(
        &self,
        inputs: &Inputs,
        with: &Params,
        context: &Context,
    ) -> Result<Outputs, KernelError> {
        inputs.check(&self.entry)?;
        let library = Fingerprints::read(inputs, &self.entry, "library")?;
        let queries = Fingerprints::read(inputs, &self.entry, "queries")?;
        same_width(&library, &queries)?;
        let threshold = with.float("threshold")?;
        let exclude = with.text("exclude")?;
        let fuse = with.text("fuse")? == "max";
        let ids = QueryIds::new(&queries)?;
        let popcount = Popcount::detect();
        let search = Search {
            queries: (0..queries.rows)
                .map(|row| Query::new(queries.bits(row), popcount))
                .collect(),
            k: with.count("k")?,
            threshold,
            fuse,
            excluded: match exclude {
                "none" => Excluded::new(),
                which => {
                    same_ids(&library, &queries)?;
                    ids.excluded(&library, which == "queries")?
                }
            },
            popcount,
        };
        let lists = search.run(&library, context)?;
        let lists: Vec<Vec<Hit>> = lists.into_iter().map(ranking::Best::into_sorted).collect();
        let columns = Columns {
            fuse,
            query_row: !fuse && (threshold > 0.0 || exclude != "none" || ids.repeat(queries.rows)),
            counts: library.width > FLOAT32_WIDTH,
        };
        let hits = columns.table(&library, &queries, &lists)?;
        Ok(Outputs::new()
            .with("hits", hits)
            .with("rejects", rejects::table(&library, &queries)?))
    }
}

fn same_width(library: &Fingerprints<'_>, queries: &Fingerprints<'_>) -> Result<(), KernelError> {
    if library.width == queries.width {
        return Ok(());
    }
    Err(KernelError::Mismatch {
        first: "library".to_owned(),
        second: "queries".to_owned(),
        problem: format!(
            "`bits` are {} bytes wide in one and {} in the other",
            library.width, queries.width
        ),
        expected: "fingerprints of one kind and one width in both".to_owned(),
    })
}

fn same_ids(library: &Fingerprints<'_>, queries: &Fingerprints<'_>) -> Result<(), KernelError> {
    if library.id_type == queries.id_type {
        return Ok(());
    }
    Err(KernelError::Mismatch {
        first: "library".to_owned(),
        second: "queries".to_owned(),
        problem: format!(
            "`id` is {} in one and {} in the other, so that `exclude` cannot compare them",
            library.id_type, queries.id_type
        ),
        expected: "ids of one type in both, or `exclude: none`".to_owned(),
    })
}

/// The columns of the hits beyond the four.
struct Columns {
    fuse: bool,
    query_row: bool,
    counts: bool,
}

impl Columns {
    fn table(
        &self,
        library: &Fingerprints<'_>,
        queries: &Fingerprints<'_>,
        lists: &[Vec<Hit>],
    ) -> Result<Table, KernelError> {
        let hits = || lists.iter().flatten();
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("query", queries.ids(hits().map(|hit| wide(hit.query)))?),
            ("id", library.ids(hits().map(|hit| hit.row))?),
            (
                "sim",
                Arc::new(
                    hits()
                        .map(|hit| Some(hit.similarity()))
                        .collect::<Float32Array>(),
                ),
            ),
            (
                "rank",
                int32(lists.iter().flat_map(|list| 1..=wide(list.len())), "rank")?,
            ),
        ];
        if self.query_row {
            columns.push((
                "query_row",
                int32(hits().map(|hit| wide(hit.query)), "queries")?,
            ));
        }
        if self.counts {
            columns.push((
                "common",
                int32(hits().map(|hit| hit.common.into()), "common bits")?,
            ));
            columns.push((
                "union",
                int32(hits().map(|hit| hit.union.into()), "bits in either")?,
            ));
        }
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
            .collect();
        let fused = if self.fuse { FUSED } else { UNFUSED };
        let metadata = HashMap::from([(TOPK_KEY.to_owned(), fused.to_owned())]);
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        Table::from_columns(Schema::new_with_metadata(fields, metadata), arrays)
    }
}

/// Counts as an int32 column.
fn int32(values: impl Iterator<Item = u64>, what: &str) -> Result<ArrayRef, KernelError> {
    let values: Result<Vec<i32>, KernelError> = values
        .map(|value| {
            i32::try_from(value).map_err(|_| KernelError::TooLarge {
                what: what.to_owned(),
                found: value,
                limit: i32::MAX.unsigned_abs().into(),
            })
        })
        .collect();
    Ok(Arc::new(Int32Array::from(values?)) as ArrayRef)
}
