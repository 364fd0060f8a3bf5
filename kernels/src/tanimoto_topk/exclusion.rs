//! Library rows that a query must not find, by id.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::row::{RowConverter, SortField};

use super::scan::Excluded;
use crate::KernelError;
use crate::bits::Fingerprints;
use crate::table::wide;

/// Queries by id, as bytes that compare as the ids do. A null id matches nothing.
pub(super) struct QueryIds {
    converter: RowConverter,
    by_id: BTreeMap<Box<[u8]>, Vec<usize>>,
}

impl QueryIds {
    pub(super) fn new(queries: &Fingerprints<'_>) -> Result<Self, KernelError> {
        let mut ids = Self {
            converter: RowConverter::new(vec![SortField::new(queries.id_type.clone())])?,
            by_id: BTreeMap::new(),
        };
        for batch in &queries.batches {
            let keys = ids.keys(&batch.ids)?;
            for (row, key) in keys.into_iter().enumerate() {
                if let (Some(key), Ok(start)) = (key, usize::try_from(batch.start)) {
                    ids.by_id.entry(key).or_default().push(start + row);
                }
            }
        }
        Ok(ids)
    }

    /// Whether two queries have the same id, or one has none.
    pub(super) fn repeat(&self, queries: u64) -> bool {
        wide(self.by_id.len()) < queries
    }

    /// The library rows with a query's id: excluded for all queries, or for those with that id.
    pub(super) fn excluded(
        &self,
        library: &Fingerprints<'_>,
        for_all: bool,
    ) -> Result<Excluded, KernelError> {
        let mut excluded = Excluded::new();
        for batch in &library.batches {
            for (row, key) in self.keys(&batch.ids)?.into_iter().enumerate() {
                if let Some(queries) = key.and_then(|key| self.by_id.get(&key)) {
                    let queries = if for_all { Vec::new() } else { queries.clone() };
                    excluded.insert(batch.start + wide(row), queries);
                }
            }
        }
        Ok(excluded)
    }

    fn keys(&self, ids: &ArrayRef) -> Result<Vec<Option<Box<[u8]>>>, KernelError> {
        let rows = self.converter.convert_columns(&[Arc::clone(ids)])?;
        Ok((0..ids.len())
            .map(|row| ids.is_valid(row).then(|| rows.row(row).as_ref().into()))
            .collect())
    }
}
