//! Digests of the slices of a table that a scatter with `rows: N` gives to its tasks.
//!
//! The digest of a slice does not depend on the rows around it. So a row that is added at the end
//! of a table changes only the last slice.

use serde::{Deserialize, Serialize};
use sunward_core::{Dataset, Digest, Hasher};

use crate::content::content_digest;
use crate::error::DataError;
use crate::store::Store;
use crate::written::TextRows;

/// The digests of all slices, as noted for the next run.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SliceDigests(pub(crate) Vec<Digest>);

impl Store {
    /// The digest of each slice of `rows_per_slice` rows, of which the last may have fewer: of its
    /// schema and its rows, and of the text of its cells if the table was written as CSV. All rows are
    /// read, unless the digests are noted from before.
    ///
    /// # Errors
    ///
    /// Fails if the dataset is not a table, or a part is missing or damaged.
    pub fn slice_digests(
        &self,
        dataset: &Dataset,
        rows_per_slice: u64,
    ) -> Result<Vec<Digest>, DataError> {
        let rows_per_slice = rows_per_slice.max(1);
        let count = usize::try_from(dataset.rows.div_ceil(rows_per_slice)).unwrap_or(usize::MAX);
        let key = Hasher::new("slices")
            .field("content", &dataset.content.0)
            .field("rows", &rows_per_slice.to_le_bytes())
            .finish();
        if let Some(SliceDigests(known)) = self.noted_slices(&key)
            && known.len() == count
        {
            return Ok(known);
        }
        let slices = 1..=u64::try_from(count).unwrap_or(u64::MAX);
        let ends = slices.map(|slice| slice.saturating_mul(rows_per_slice).min(dataset.rows));
        let digests = SliceDigests(self.digests_to(dataset, ends)?);
        self.note_slices(&key, &digests);
        Ok(digests.0)
    }

    /// The digest of each slice of a table that ends before these rows. Each begins where the one
    /// before it ends. See [`Self::slice_digests`].
    pub(crate) fn digests_to(
        &self,
        dataset: &Dataset,
        ends: impl Iterator<Item = u64>,
    ) -> Result<Vec<Digest>, DataError> {
        let table = self.table(dataset)?;
        let mut texts = TextRows::of(self, dataset, &table.column_names())?;
        let mut digests = Vec::new();
        let mut first = 0;
        for end in ends {
            let rows = first..end;
            let schema = table.joined_schema(Some(&rows))?;
            let content = content_digest(&schema, table.batches(Some(rows.clone())))?;
            digests.push(match &mut texts {
                Some(texts) => with_text(&content, texts, rows.end - rows.start)?,
                None => content,
            });
            first = rows.end;
        }
        Ok(digests)
    }
}

/// The digest of a slice and of the cells of its rows, which commands get as they were written.
fn with_text(content: &Digest, texts: &mut TextRows, rows: u64) -> Result<Digest, DataError> {
    let mut hasher = Hasher::new("slice as written");
    hasher.field("rows", &content.0);
    for _ in 0..rows {
        let Some(cells) = texts.next()? else { break };
        for cell in cells {
            hasher.field("cell", cell.as_bytes());
        }
    }
    Ok(hasher.finish())
}
