//! The content digest: a digest of a table's values that does not depend on parts, padding or
//! encoding.
//!
//! ```text
//! content = H("content", schema, rows, root)
//! root    = Merkle tree (pairs; an odd one is carried up) over chunks of 65 536 rows
//! chunk   = H(rows, each column: validity, lengths of lists and strings, values)
//! ```
//!
//! Rows of a chunk are hashed as they come, in whatever batches and parts. These are *not* part of
//! the content:
//!
//! - bounds of parts and batches, padding, offsets, compression;
//! - bytes under a null (they are hashed as zeros) and null buffers without a null;
//! - encodings of one logical type: dictionary or plain, `utf8`, `large_utf8` or a view, likewise
//!   for binary and lists;
//! - whether a field may be null, and the names of list items;
//! - the payload of a NaN: every NaN counts as the same, since devices disagree about it. `-0.0`
//!   and `0.0` are different.
//!
//! These *are*: names and order of columns, logical types, and metadata of the schema and of fields
//! (units, coordinates, extension types), except a few keys that libraries write for themselves.

mod column;
pub mod schema;

use arrow::array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use sunward_core::{Digest, Hasher};

use crate::error::DataError;
use column::Column;

/// Rows of one leaf of the tree.
pub const CHUNK_ROWS: usize = 65_536;

/// Computes a content digest from batches in row order.
#[derive(Debug)]
pub struct ContentHasher {
    schema: Digest,
    columns: Vec<Column>,
    /// Rows in the unfinished chunk.
    filled: usize,
    rows: u64,
    leaves: Vec<[u8; 32]>,
}

impl ContentHasher {
    /// A hasher for a table of this schema.
    ///
    /// # Errors
    ///
    /// Fails if the schema has a type without a defined content: unions.
    pub fn new(schema: &Schema) -> Result<Self, DataError> {
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column::new(field))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            schema: schema::digest(schema),
            columns,
            filled: 0,
            rows: 0,
            leaves: Vec::new(),
        })
    }

    /// Adds the next rows.
    ///
    /// # Errors
    ///
    /// Fails if the batch does not have the schema's columns.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        if batch.num_columns() != self.columns.len() {
            return Err(DataError::Unsupported(format!(
                "a batch has {} columns, its table {}",
                batch.num_columns(),
                self.columns.len()
            )));
        }
        let mut at = 0;
        while at < batch.num_rows() {
            let take = (CHUNK_ROWS - self.filled).min(batch.num_rows() - at);
            for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
                column.update(&array.slice(at, take), None)?;
            }
            at += take;
            self.filled += take;
            if self.filled == CHUNK_ROWS {
                self.close_chunk();
            }
        }
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(0);
        Ok(())
    }

    fn close_chunk(&mut self) {
        let mut hasher = blake3::Hasher::new();
        let rows = u64::try_from(self.filled).unwrap_or(0);
        hasher.update(&rows.to_le_bytes());
        for column in &mut self.columns {
            column.close(&mut hasher);
        }
        self.leaves.push(*hasher.finalize().as_bytes());
        self.filled = 0;
    }

    /// The rows so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The digest of all rows.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        if self.filled > 0 {
            self.close_chunk();
        }
        Hasher::new("content")
            .field("schema", &self.schema.0)
            .field("rows", &self.rows.to_le_bytes())
            .field("root", &merkle_root(self.leaves))
            .finish()
    }
}

fn merkle_root(mut level: Vec<[u8; 32]>) -> [u8; 32] {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    let mut hasher = blake3::Hasher::new();
                    hasher.update(b"pair").update(left).update(right);
                    *hasher.finalize().as_bytes()
                }
                rest => rest[0],
            })
            .collect();
    }
    level.pop().unwrap_or_default()
}

/// The content digest of a table that comes in batches.
///
/// # Errors
///
/// Fails if a batch fails, or has a type without a defined content.
pub fn content_digest(
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, DataError>>,
) -> Result<Digest, DataError> {
    let mut hasher = ContentHasher::new(schema)?;
    for batch in batches {
        hasher.update(&batch?)?;
    }
    Ok(hasher.finish())
}
