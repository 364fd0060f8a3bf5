//! Fingerprints of a table: buffers of equal rows, never copied.
//!
//! Rows without a fingerprint are set aside; row numbers here count only rows that have one.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch};
use arrow::compute::interleave;
use arrow_schema::DataType;
use sunward_workflows::catalog::KernelEntry;

use super::fold::Fold;
use super::popcount::Popcount;
use crate::table::wide;
use crate::{Context, Inputs, KernelError, Table};

/// Rows digested at a time.
const DIGEST_ROWS: usize = 4096;

/// The fingerprints of one port.
pub(crate) struct Fingerprints<'a> {
    /// Bytes of a fingerprint.
    pub(crate) width: usize,
    /// The number of rows.
    pub(crate) rows: u64,
    /// The non-empty batches. A batch with rows without a fingerprint is split there.
    pub(crate) batches: Vec<Batch<'a>>,
    /// The type of the ids.
    pub(crate) id_type: DataType,
    /// Rows without a fingerprint, as batch and row in the table.
    without: Vec<(usize, usize)>,
    table: &'a Table,
    id: usize,
}

/// Consecutive rows of a batch: contiguous bits, and ids.
pub(crate) struct Batch<'a> {
    /// The number of its first row, over all batches.
    pub(crate) start: u64,
    /// `rows * width` bytes.
    pub(crate) bits: &'a [u8],
    /// One for each row.
    pub(crate) ids: ArrayRef,
}

impl<'a> Fingerprints<'a> {
    /// Reads the `id` and `bits` of a port.
    pub(crate) fn read(
        inputs: &'a Inputs,
        entry: &KernelEntry,
        port: &str,
    ) -> Result<Self, KernelError> {
        let table = inputs.need(entry, port)?;
        let id = table.column(port, "id", "what names a row, of any type")?;
        let bits = table.column(
            port,
            "bits",
            "fixed_size_binary, one packed fingerprint per row",
        )?;
        let width = width(table, port, bits)?;
        let mut batches = Vec::with_capacity(table.batches.len());
        let mut without = Vec::new();
        let mut start = 0;
        for (number, batch) in table.batches.iter().enumerate() {
            let array = batch.column(bits).as_fixed_size_binary();
            let ids = batch.column(id);
            for (from, to) in runs(array) {
                batches.push(Batch {
                    start,
                    bits: &array.value_data()[from * width..to * width],
                    ids: ids.slice(from, to - from),
                });
                start += wide(to - from);
            }
            if array.null_count() > 0 {
                let nulls = (0..array.len()).filter(|&row| array.is_null(row));
                without.extend(nulls.map(|row| (number, row)));
            }
        }
        Ok(Self {
            width,
            rows: start,
            batches,
            id_type: table.schema.field(id).data_type().clone(),
            without,
            table,
            id,
        })
    }

    /// The first row of the table without a fingerprint, over all batches.
    pub(crate) fn first_without(&self) -> Option<u64> {
        let &(batch, place) = self.without.first()?;
        let before = self.table.batches[..batch].iter();
        let before: usize = before.map(RecordBatch::num_rows).sum();
        Some(wide(before + place))
    }

    /// The ids of the rows without a fingerprint, in order.
    pub(crate) fn ids_without(&self) -> Result<ArrayRef, KernelError> {
        self.table.gather(self.id, &self.without)
    }

    /// The batch of a row, and the row's index in it.
    pub(crate) fn locate(&self, row: u64) -> (usize, usize) {
        let batch = self.batches.partition_point(|batch| batch.start <= row) - 1;
        let place = usize::try_from(row - self.batches[batch].start).unwrap_or(usize::MAX);
        (batch, place)
    }

    /// The bits of a row.
    pub(crate) fn bits(&self, row: u64) -> &'a [u8] {
        let (batch, place) = self.locate(row);
        &self.batches[batch].bits[place * self.width..(place + 1) * self.width]
    }

    /// Bit counts and folds of all rows, in row order.
    pub(crate) fn digest(
        &self,
        popcount: Popcount,
        context: &Context,
    ) -> Result<(Vec<u32>, Vec<Fold>), KernelError> {
        let blocks: Vec<&[u8]> = self
            .batches
            .iter()
            .flat_map(|batch| batch.bits.chunks(DIGEST_ROWS * self.width))
            .collect();
        let parts = context.map(blocks.len(), |i| {
            let rows = blocks[i].len() / self.width;
            let (mut own, mut folds) = (vec![0; rows], vec![[0; 8]; rows]);
            popcount.digest(blocks[i], self.width, &mut own, &mut folds);
            Ok((own, folds))
        })?;
        let (own, folds): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Ok((own.concat(), folds.concat()))
    }

    /// Copies the bits of rows from `first` on until `into` is full. So many rows must exist.
    pub(crate) fn copy(&self, first: u64, mut into: &mut [u8]) {
        let mut row = first;
        while !into.is_empty() {
            let (batch, place) = self.locate(row);
            let bits = &self.batches[batch].bits[place * self.width..];
            let (now, rest) = into.split_at_mut(bits.len().min(into.len()));
            now.copy_from_slice(&bits[..now.len()]);
            row += wide(now.len() / self.width);
            into = rest;
        }
    }

    /// The ids of these rows, in this order.
    pub(crate) fn ids(&self, rows: impl Iterator<Item = u64>) -> Result<ArrayRef, KernelError> {
        if self.batches.is_empty() {
            return Ok(arrow::array::new_empty_array(&self.id_type));
        }
        let places: Vec<(usize, usize)> = rows.map(|row| self.locate(row)).collect();
        let ids: Vec<&dyn Array> = self.batches.iter().map(|batch| &*batch.ids).collect();
        Ok(interleave(&ids, &places)?)
    }
}

/// The reason for rejecting a row without a fingerprint.
pub(crate) const WITHOUT: &str = "it has no fingerprint: `bits` is null";

/// The ranges of consecutive fingerprints without a null.
fn runs(array: &FixedSizeBinaryArray) -> Vec<(usize, usize)> {
    match array.nulls() {
        Some(nulls) => nulls.valid_slices().collect(),
        None if array.is_empty() => Vec::new(),
        None => vec![(0, array.len())],
    }
}

/// Bytes of a fingerprint in this column.
fn width(table: &Table, port: &str, column: usize) -> Result<usize, KernelError> {
    let field = table.schema.field(column);
    if let DataType::FixedSizeBinary(width) = field.data_type()
        && let Ok(width) = usize::try_from(*width)
        && width > 0
        && width.is_multiple_of(8)
    {
        return Ok(width);
    }
    Err(KernelError::ColumnType {
        port: port.to_owned(),
        column: "bits".to_owned(),
        expected: "fixed_size_binary[N] with N a multiple of 8 bytes (2048 bits are \
                   fixed_size_binary[256]; pad shorter fingerprints with zeros)"
            .to_owned(),
        found: field.data_type().to_string(),
    })
}
