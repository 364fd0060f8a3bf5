//! `topk_merge`: merges the best rows of many tasks into the best rows of all, stably.

mod entry;
mod score;

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::row::{RowConverter, SortField};
use arrow_schema::{DataType, Field, Schema};
use sunward_workflows::catalog::KernelEntry;

use self::score::{Score, Source};
use crate::tanimoto_topk::{FUSED, TOPK_KEY};
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params, Table};

/// Columns that only the merge needs.
const SERVING: [&str; 3] = ["query_row", "common", "union"];

/// The kernel.
pub(crate) struct TopkMerge {
    entry: KernelEntry,
}

impl TopkMerge {
    pub(crate) fn new() -> Self {
        Self {
            entry: entry::entry(),
        }
    }
}

impl Kernel for TopkMerge {
    fn entry(&self) -> &KernelEntry {
        &self.entry
    }

    fn run(
        &self,
        inputs: &Inputs,
        with: &Params,
        context: &Context,
    ) -> Result<Outputs, KernelError> {
        inputs.check(&self.entry)?;
        let hits = inputs.need(&self.entry, "hits")?;
        let plan = Plan::new(hits, with)?;
        let rows = plan.best(hits, context)?;
        Ok(Outputs::new().with("hits", plan.table(hits, &rows)?))
    }
}

/// A row as its batch and its index there.
type Place = (usize, usize);

/// How this table is ranked.
struct Plan {
    k: usize,
    ascending: bool,
    source: Source,
    /// Columns that define groups.
    groups: Vec<usize>,
    /// Whether groups are ordered by their keys rather than by their first rows.
    by_key: bool,
    /// Whether the columns that only the merge needs are removed.
    strip: bool,
}

impl Plan {
    fn new(hits: &Table, with: &Params) -> Result<Self, KernelError> {
        let ranked = hits.schema.metadata().get(TOPK_KEY);
        let by = with.optional_text("by")?;
        let score = with.text("score")?;
        let own = ranked.is_some() && by.is_none() && score == "sim";
        let by_row = own && hits.schema.index_of("query_row").is_ok();
        let fused = ranked.is_some_and(|value| value == FUSED);
        let by = match by {
            None if fused => "none",
            None if by_row => "query_row",
            None => "query",
            Some(by) => by,
        };
        Ok(Self {
            k: with.count("k")?,
            ascending: with.text("order")? == "ascending",
            source: Source::find(hits, score, own)?,
            groups: groups(hits, by)?,
            by_key: by_row && !fused,
            strip: own,
        })
    }

    /// The chosen rows of each group, in order.
    fn best(&self, hits: &Table, context: &Context) -> Result<Vec<Vec<Place>>, KernelError> {
        let fields = self
            .groups
            .iter()
            .map(|&column| SortField::new(hits.schema.field(column).data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        let mut numbers: BTreeMap<Box<[u8]>, usize> = BTreeMap::new();
        let mut lists: Vec<List> = Vec::new();
        let mut seen = 0_u64;
        for (b, batch) in hits.batches.iter().enumerate() {
            context.check()?;
            let scores = self.source.scores(batch)?;
            let keys: Vec<ArrayRef> = self
                .groups
                .iter()
                .map(|&column| Arc::clone(batch.column(column)))
                .collect();
            let keys = match keys.is_empty() {
                true => None,
                false => Some(converter.convert_columns(&keys)?),
            };
            for (row, score) in scores.into_iter().enumerate() {
                let key: &[u8] = keys.as_ref().map_or(&[], |keys| keys.row(row).data());
                let next = lists.len();
                let number = match numbers.get(key) {
                    Some(&number) => number,
                    None => *numbers.entry(key.into()).or_insert(next),
                };
                if number == next {
                    lists.push(List::default());
                }
                lists[number].offer(
                    self,
                    Ranked {
                        score,
                        seen,
                        place: (b, row),
                        ascending: self.ascending,
                    },
                );
                seen += 1;
            }
        }
        let order: Vec<usize> = if self.by_key {
            numbers.into_values().collect()
        } else {
            (0..lists.len()).collect()
        };
        let mut lists: Vec<Vec<Place>> = lists.into_iter().map(List::into_places).collect();
        Ok(order
            .into_iter()
            .map(|number| std::mem::take(&mut lists[number]))
            .collect())
    }

    /// The chosen rows as a table, with new ranks.
    fn table(&self, hits: &Table, chosen: &[Vec<Place>]) -> Result<Table, KernelError> {
        let places: Vec<Place> = chosen.iter().flatten().copied().collect();
        let ranks: ArrayRef = Arc::new(
            chosen
                .iter()
                .flat_map(|group| (1..=i32::MAX).take(group.len()))
                .map(Some)
                .collect::<Int32Array>(),
        );
        let rank = Field::new("rank", DataType::Int32, true);
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (i, field) in hits.schema.fields().iter().enumerate() {
            if field.name() == "rank" {
                fields.push(Arc::new(rank.clone()));
                columns.push(Arc::clone(&ranks));
            } else if !(self.strip && SERVING.contains(&field.name().as_str())) {
                fields.push(Arc::clone(field));
                columns.push(hits.gather(i, &places)?);
            }
        }
        if hits.schema.index_of("rank").is_err() {
            fields.push(Arc::new(rank));
            columns.push(ranks);
        }
        let schema = Schema::new_with_metadata(fields, hits.schema.metadata().clone());
        let schema = Arc::new(schema);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        Ok(Table::new(schema, vec![batch]))
    }
}

/// The columns that `by` names.
fn groups(hits: &Table, by: &str) -> Result<Vec<usize>, KernelError> {
    if by == "none" {
        return Ok(Vec::new());
    }
    by.split(',')
        .map(|name| {
            hits.column(
                "hits",
                name.trim(),
                "named by `by`; `by: none` ranks all together",
            )
        })
        .collect()
}

/// A row with its score. Greater is better; among equals the earlier wins.
struct Ranked {
    score: Score,
    seen: u64,
    place: Place,
    ascending: bool,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .cmp(&other.score, self.ascending)
            .then_with(|| other.seen.cmp(&self.seen))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

/// The best rows of a group so far, the worst on top.
#[derive(Default)]
struct List {
    heap: BinaryHeap<Reverse<Ranked>>,
}

impl List {
    fn offer(&mut self, plan: &Plan, row: Ranked) {
        if self.heap.len() < plan.k {
            self.heap.push(Reverse(row));
        } else if self.heap.peek().is_some_and(|worst| row > worst.0) {
            self.heap.pop();
            self.heap.push(Reverse(row));
        }
    }

    fn into_places(self) -> Vec<Place> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|row| row.0.place)
            .collect()
    }
}
