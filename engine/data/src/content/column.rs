//! One column of the chunk that is being hashed. Validity, lengths and values each have a stream,
//! so that the digest does not depend on how the rows arrive.

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, FixedSizeListArray, GenericByteArray,
    GenericListArray, OffsetSizeTrait, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::ByteArrayType;
use arrow_schema::{DataType, Field, IntervalUnit};
use sunward_workflows::quoted;

use super::schema::logical;
use crate::error::DataError;

/// The hasher of one column within one chunk.
#[derive(Debug)]
pub(super) struct Column {
    /// The type to which arrays are converted before hashing.
    plain: DataType,
    validity: Validity,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// All values are null, so only validity counts.
    None,
    Bits(BitString),
    Fixed {
        width: usize,
        float: Option<Float>,
        hasher: Box<blake3::Hasher>,
    },
    Bytes {
        lengths: Box<blake3::Hasher>,
        data: Box<blake3::Hasher>,
    },
    List {
        lengths: Box<blake3::Hasher>,
        item: Box<Column>,
    },
    FixedList {
        size: usize,
        item: Box<Column>,
    },
    Struct(Vec<Column>),
}

#[derive(Clone, Copy, Debug)]
enum Float {
    Half,
    Single,
    Double,
}

fn stream() -> Box<blake3::Hasher> {
    Box::new(blake3::Hasher::new())
}

impl Column {
    pub(super) fn new(field: &Field) -> Result<Self, DataError> {
        let plain = logical(field.data_type());
        let values = match &plain {
            DataType::Null => Values::None,
            DataType::Boolean => Values::Bits(BitString::default()),
            DataType::Utf8 | DataType::Binary => Values::Bytes {
                lengths: stream(),
                data: stream(),
            },
            DataType::List(item) | DataType::Map(item, _) => Values::List {
                lengths: stream(),
                item: Box::new(Self::new(item)?),
            },
            DataType::FixedSizeList(item, size) => Values::FixedList {
                size: usize::try_from(*size).unwrap_or(0),
                item: Box::new(Self::new(item)?),
            },
            DataType::Struct(fields) => Values::Struct(
                fields
                    .iter()
                    .map(|f| Self::new(f))
                    .collect::<Result<_, _>>()?,
            ),
            other => Values::Fixed {
                width: width(other).ok_or_else(|| unsupported(field))?,
                float: match other {
                    DataType::Float16 => Some(Float::Half),
                    DataType::Float32 => Some(Float::Single),
                    DataType::Float64 => Some(Float::Double),
                    _ => None,
                },
                hasher: stream(),
            },
        };
        Ok(Self {
            plain,
            validity: Validity::default(),
            values,
        })
    }

    /// Adds rows. Those that are null in `mask` are null whatever the array says.
    pub(super) fn update(
        &mut self,
        array: &ArrayRef,
        mask: Option<&NullBuffer>,
    ) -> Result<(), DataError> {
        let array = &self.plainly(array)?;
        let nulls = NullBuffer::union(array.logical_nulls().as_ref(), mask);
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        self.validity.update(array.len(), nulls.as_ref());
        match &mut self.values {
            Values::None => {}
            Values::Bits(bits) => push_bits(bits, array.as_boolean(), nulls.as_ref()),
            Values::Fixed {
                width,
                float,
                hasher,
            } => push_fixed(hasher, *width, *float, array, nulls.as_ref()),
            Values::Bytes { lengths, data } => push_texts(lengths, data, array, nulls.as_ref()),
            Values::List { lengths, item } => match array.data_type() {
                DataType::Map(..) => {
                    let map = array.as_map();
                    let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
                    push_list(lengths, item, map.value_offsets(), &entries, nulls.as_ref())?;
                }
                DataType::LargeList(_) => {
                    let list: &GenericListArray<i64> = array.as_list();
                    push_list(
                        lengths,
                        item,
                        list.value_offsets(),
                        list.values(),
                        nulls.as_ref(),
                    )?;
                }
                _ => {
                    let list: &GenericListArray<i32> = array.as_list();
                    push_list(
                        lengths,
                        item,
                        list.value_offsets(),
                        list.values(),
                        nulls.as_ref(),
                    )?;
                }
            },
            Values::FixedList { size, item } => {
                push_fixed_list(*size, item, array.as_fixed_size_list(), nulls.as_ref())?;
            }
            Values::Struct(children) => {
                let array: &StructArray = array.as_struct();
                for (child, values) in children.iter_mut().zip(array.columns()) {
                    child.update(values, nulls.as_ref())?;
                }
            }
        }
        Ok(())
    }

    /// The array without encodings that hide its values. Large offsets are read as they are.
    fn plainly(&self, array: &ArrayRef) -> Result<ArrayRef, DataError> {
        match array.data_type() {
            DataType::Dictionary(..)
            | DataType::RunEndEncoded(..)
            | DataType::Utf8View
            | DataType::BinaryView
            | DataType::ListView(_)
            | DataType::LargeListView(_) => {
                let plain = match &self.plain {
                    DataType::Utf8 => &DataType::LargeUtf8,
                    DataType::Binary => &DataType::LargeBinary,
                    other => other,
                };
                cast(array, plain).map_err(DataError::arrow("cannot decode a column"))
            }
            _ => Ok(array.clone()),
        }
    }

    /// Adds the column to the chunk's digest and resets it.
    pub(super) fn close(&mut self, chunk: &mut blake3::Hasher) {
        self.validity.close(chunk);
        let mut end = |hasher: &mut blake3::Hasher| {
            chunk.update(hasher.finalize().as_bytes());
            hasher.reset();
        };
        match &mut self.values {
            Values::None => {}
            Values::Bits(bits) => bits.close(chunk),
            Values::Fixed { hasher, .. } => end(hasher),
            Values::Bytes { lengths, data } => {
                end(lengths);
                end(data);
            }
            Values::List { lengths, item } => {
                end(lengths);
                item.close(chunk);
            }
            Values::FixedList { item, .. } => item.close(chunk),
            Values::Struct(children) => {
                for child in children {
                    child.close(chunk);
                }
            }
        }
    }
}

fn unsupported(field: &Field) -> DataError {
    DataError::Unsupported(format!(
        "column {} has type {}, which cannot be handed between stages; write it as a struct or as several columns",
        quoted(field.name()),
        field.data_type()
    ))
}

/// Bytes of one value of a fixed-width type.
fn width(data_type: &DataType) -> Option<usize> {
    if let Some(width) = data_type.primitive_width() {
        return Some(width);
    }
    match data_type {
        DataType::FixedSizeBinary(size) => usize::try_from(*size).ok(),
        DataType::Interval(IntervalUnit::MonthDayNano) => Some(16),
        _ => None,
    }
}

/// Bits, packed as they come.
#[derive(Debug, Default)]
struct BitString {
    bytes: Vec<u8>,
    length: usize,
}

impl BitString {
    fn push(&mut self, bit: bool) {
        if self.length.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if bit && let Some(last) = self.bytes.last_mut() {
            *last |= 1 << (self.length % 8);
        }
        self.length += 1;
    }

    fn push_ones(&mut self, mut count: usize) {
        while count > 0 && !self.length.is_multiple_of(8) {
            self.push(true);
            count -= 1;
        }
        let whole = count / 8;
        self.bytes.resize(self.bytes.len() + whole, 0xff);
        self.length += whole * 8;
        for _ in 0..count % 8 {
            self.push(true);
        }
    }

    fn close(&mut self, chunk: &mut blake3::Hasher) {
        chunk.update(&self.bytes);
        self.bytes.clear();
        self.length = 0;
    }
}

/// Which rows are null. Without nulls only their number is kept.
#[derive(Debug, Default)]
struct Validity {
    rows: usize,
    bits: Option<BitString>,
}

impl Validity {
    fn update(&mut self, rows: usize, nulls: Option<&NullBuffer>) {
        match (nulls, &mut self.bits) {
            (None, None) => {}
            (None, Some(bits)) => bits.push_ones(rows),
            (Some(nulls), bits) => {
                let bits = bits.get_or_insert_with(|| {
                    let mut earlier = BitString::default();
                    earlier.push_ones(self.rows);
                    earlier
                });
                for valid in nulls {
                    bits.push(valid);
                }
            }
        }
        self.rows += rows;
    }

    fn close(&mut self, chunk: &mut blake3::Hasher) {
        chunk.update(&u64::try_from(self.rows).unwrap_or(0).to_le_bytes());
        match self.bits.take() {
            None => chunk.update(&[0]),
            Some(bits) => chunk.update(&[1]).update(&bits.bytes),
        };
        self.rows = 0;
    }
}

fn push_bits(bits: &mut BitString, array: &BooleanArray, nulls: Option<&NullBuffer>) {
    for (row, bit) in array.values().iter().enumerate() {
        bits.push(bit && nulls.is_none_or(|nulls| nulls.is_valid(row)));
    }
}

fn push_fixed(
    hasher: &mut blake3::Hasher,
    width: usize,
    float: Option<Float>,
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
) {
    let data = array.to_data();
    let Some(buffer) = data.buffers().first() else {
        return;
    };
    let start = data.offset() * width;
    let bytes = &buffer.as_slice()[start..start + data.len() * width];
    match nulls {
        None => push_floats(hasher, float, bytes),
        Some(nulls) => {
            let mut masked = vec![0; bytes.len()];
            for (from, until) in nulls.valid_slices() {
                let range = from * width..until * width;
                masked[range.clone()].copy_from_slice(&bytes[range]);
            }
            push_floats(hasher, float, &masked);
        }
    }
}

/// Bytes searched for NaN at a time: as much as fits the first-level cache.
const BLOCK: usize = 16 * 1024;

fn push_floats(hasher: &mut blake3::Hasher, float: Option<Float>, bytes: &[u8]) {
    match float {
        None => {
            hasher.update(bytes);
        }
        Some(Float::Half) => push_canonical(
            hasher,
            bytes,
            |b: [u8; 2]| u16::from_le_bytes(b) & 0x7fff > 0x7c00,
            0x7e00_u16.to_le_bytes(),
        ),
        Some(Float::Single) => push_canonical(
            hasher,
            bytes,
            |b: [u8; 4]| u32::from_le_bytes(b) & 0x7fff_ffff > 0x7f80_0000,
            0x7fc0_0000_u32.to_le_bytes(),
        ),
        Some(Float::Double) => push_canonical(
            hasher,
            bytes,
            |b: [u8; 8]| u64::from_le_bytes(b) & (u64::MAX >> 1) > 0x7ff0 << 48,
            (0x7ff8_u64 << 48).to_le_bytes(),
        ),
    }
}

/// Hashes floats with every NaN as `nan`. Runs of blocks without NaN are hashed at once, since the
/// hash is fastest on long inputs.
fn push_canonical<const W: usize>(
    hasher: &mut blake3::Hasher,
    bytes: &[u8],
    is_nan: impl Fn([u8; W]) -> bool,
    nan: [u8; W],
) {
    let mut clean_from = 0;
    let mut at = 0;
    let mut scratch = Vec::new();
    for block in bytes.chunks(BLOCK) {
        let (values, _) = block.as_chunks::<W>();
        let dirty = values.iter().fold(false, |any, value| any | is_nan(*value));
        if dirty {
            hasher.update(&bytes[clean_from..at]);
            clean_from = at + block.len();
            scratch.clear();
            for value in values {
                scratch.extend_from_slice(if is_nan(*value) { &nan } else { value });
            }
            hasher.update(&scratch);
        }
        at += block.len();
    }
    hasher.update(&bytes[clean_from..]);
}

fn push_texts(
    lengths: &mut blake3::Hasher,
    data: &mut blake3::Hasher,
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
) {
    match array.data_type() {
        DataType::Utf8 => push_bytes(lengths, data, array.as_string::<i32>(), nulls),
        DataType::LargeUtf8 => push_bytes(lengths, data, array.as_string::<i64>(), nulls),
        DataType::LargeBinary => push_bytes(lengths, data, array.as_binary::<i64>(), nulls),
        _ => push_bytes(lengths, data, array.as_binary::<i32>(), nulls),
    }
}

fn push_bytes<T: ByteArrayType>(
    lengths: &mut blake3::Hasher,
    data: &mut blake3::Hasher,
    array: &GenericByteArray<T>,
    nulls: Option<&NullBuffer>,
) {
    let offsets = array.value_offsets();
    push_lengths(lengths, offsets, nulls);
    let mut push = |from: usize, until: usize| {
        let range = index(offsets[from])..index(offsets[until]);
        data.update(&array.value_data()[range]);
    };
    match nulls {
        None => push(0, array.len()),
        Some(nulls) => nulls
            .valid_slices()
            .for_each(|(from, until)| push(from, until)),
    }
}

fn index<O: OffsetSizeTrait>(offset: O) -> usize {
    offset.as_usize()
}

fn push_lengths<O: OffsetSizeTrait>(
    lengths: &mut blake3::Hasher,
    offsets: &[O],
    nulls: Option<&NullBuffer>,
) {
    let mut bytes = Vec::with_capacity(offsets.len() * 8);
    for (row, pair) in offsets.windows(2).enumerate() {
        let length = if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
            u64::try_from(index(pair[1]) - index(pair[0])).unwrap_or(0)
        } else {
            0
        };
        bytes.extend_from_slice(&length.to_le_bytes());
    }
    lengths.update(&bytes);
}

fn push_list<O: OffsetSizeTrait>(
    lengths: &mut blake3::Hasher,
    item: &mut Column,
    offsets: &[O],
    values: &ArrayRef,
    nulls: Option<&NullBuffer>,
) -> Result<(), DataError> {
    push_lengths(lengths, offsets, nulls);
    let mut push = |from: usize, until: usize| {
        let (start, end) = (index(offsets[from]), index(offsets[until]));
        item.update(&values.slice(start, end - start), None)
    };
    match nulls {
        None => push(0, offsets.len() - 1),
        Some(nulls) => nulls
            .valid_slices()
            .try_for_each(|(from, until)| push(from, until)),
    }
}

fn push_fixed_list(
    size: usize,
    item: &mut Column,
    array: &FixedSizeListArray,
    nulls: Option<&NullBuffer>,
) -> Result<(), DataError> {
    // The `values` of a sliced array already begin at its first row.
    let values = array.values().slice(0, array.len() * size);
    let mask = nulls.map(|nulls| nulls.expand(size));
    item.update(&values, mask.as_ref())
}
