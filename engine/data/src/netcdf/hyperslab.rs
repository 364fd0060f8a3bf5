//! Hyperslabs: multidimensional boxes of values, and their conversion to the order of rows and
//! tensors.

/// A range along each dimension of a variable, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slab {
    pub(super) start: Vec<u64>,
    pub(super) count: Vec<u64>,
}

impl Slab {
    /// Cuts the values of this slab out of all values of an array with this shape. The slab must be
    /// inside the array.
    pub(super) fn cut(&self, all: &[f64], shape: &[u64]) -> Vec<f64> {
        if self.count.contains(&0) {
            return Vec::new();
        }
        let mut index = vec![0; self.count.len()];
        let mut out = Vec::new();
        loop {
            let steps = self.start.iter().zip(&index).zip(shape);
            let at = steps.fold(0, |at, ((start, step), length)| at * length + start + step);
            out.extend(all.get(to_usize(at)));
            if !advance(&mut index, &self.count) {
                return out;
            }
        }
    }
}

/// Advances an index in row-major order within `count`. Returns false after the last index.
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

/// Reorders the dimensions of a slab with shape `count`. `order[i]` is the old position of the new
/// dimension i. Dimensions that `order` leaves out must have length one.
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

/// Converts a size. Sizes were checked against the limits of a read, so they fit the address space.
pub(super) fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

pub(super) fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
