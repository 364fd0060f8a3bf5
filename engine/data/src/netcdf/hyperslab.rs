//! Boxes of values: read from the file in its order, turned into the order of rows and tensors.

use std::io::{Read, Seek, SeekFrom};

use super::error::NetcdfError;
use super::header::{Header, Variable};

/// A range along each dimension of a variable, in the file's order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slab {
    pub(super) start: Vec<u64>,
    pub(super) count: Vec<u64>,
}

/// Reads a box of stored numbers, in the file's order. The caller has checked that the variable lies
/// inside the file and that the box lies inside the variable.
pub(super) fn read_slab<R: Read + Seek>(
    source: &mut R,
    header: &Header,
    variable: &Variable,
    slab: &Slab,
    path: &str,
) -> Result<Vec<f64>, NetcdfError> {
    let io = |source| NetcdfError::Io {
        path: path.to_owned(),
        doing: "reading its data",
        source,
    };
    let shape = header.shape(variable);
    let strides = byte_strides(header, variable, &shape);
    let width = to_u64(variable.kind.width());
    // The longest run of bytes that stand together: whole inner dimensions and a range of the next.
    let mut inner = shape.len();
    let mut run = width;
    while inner > 0 && strides[inner - 1] == run && !(header.is_record(variable) && inner == 1) {
        inner -= 1;
        run *= slab.count[inner];
        if slab.count[inner] != shape[inner] {
            break;
        }
    }
    let total: u64 = slab.count.iter().product();
    let mut values = Vec::with_capacity(to_usize(total));
    if total == 0 {
        return Ok(values);
    }
    let mut buffer = vec![0; to_usize(run)];
    let mut index = vec![0; inner];
    loop {
        let mut offset = variable.begin;
        for (d, (stride, start)) in strides.iter().zip(&slab.start).enumerate() {
            offset += stride * (start + index.get(d).copied().unwrap_or(0));
        }
        source.seek(SeekFrom::Start(offset)).map_err(io)?;
        source.read_exact(&mut buffer).map_err(io)?;
        variable.kind.decode(&buffer, &mut values);
        if !advance(&mut index, &slab.count) {
            return Ok(values);
        }
    }
}

/// Bytes from one index to the next along each dimension.
fn byte_strides(header: &Header, variable: &Variable, shape: &[u64]) -> Vec<u64> {
    let mut strides = vec![0; shape.len()];
    let mut stride = to_u64(variable.kind.width());
    for d in (0..shape.len()).rev() {
        strides[d] = stride;
        stride = stride.saturating_mul(shape[d]);
    }
    if let Some(first) = strides.first_mut().filter(|_| header.is_record(variable)) {
        *first = header.record_stride;
    }
    strides
}

/// The next index in row-major order within `count`; false after the last.
fn advance(index: &mut [u64], count: &[u64]) -> bool {
    for d in (0..index.len()).rev() {
        index[d] += 1;
        if index[d] < count[d] {
            return true;
        }
        index[d] = 0;
    }
    false
}

/// Puts a box of shape `count` into another order of dimensions: `order[i]` is the old place of the
/// new dimension i. Dimensions that are not named must have length one.
pub(super) fn permute(values: Vec<f64>, count: &[u64], order: &[usize]) -> Vec<f64> {
    if order.is_sorted() {
        return values;
    }
    let mut strides = vec![1; count.len()];
    for d in (1..count.len()).rev() {
        strides[d - 1] = strides[d] * to_usize(count[d]);
    }
    let new_count: Vec<u64> = order.iter().map(|d| count[*d]).collect();
    let mut index = vec![0; order.len()];
    let mut out = Vec::with_capacity(values.len());
    while out.len() < values.len() {
        let at: usize = order
            .iter()
            .zip(&index)
            .map(|(d, i)| strides[*d] * to_usize(*i))
            .sum();
        out.push(values[at]);
        if !advance(&mut index, &new_count) {
            break;
        }
    }
    out
}

/// Sizes here were checked against the file's length, so they fit the address space.
pub(super) fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

pub(super) fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
