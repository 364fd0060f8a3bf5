//! Encodes a CDF-2 header and computes the positions of variables.

use super::header::{Attribute, Attributes, Kind};

/// A variable to be written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    /// The indices of the dimensions. The record dimension, if there is one, has index 0.
    pub(super) dims: Vec<usize>,
    pub(super) attributes: Attributes,
    pub(super) kind: Kind,
}

/// A file to be written.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// The names and lengths of the dimensions. The record dimension has length 0.
    pub(super) dimensions: Vec<(String, u32)>,
    pub(super) attributes: Attributes,
    pub(super) variables: Vec<Draft>,
}

/// Positions in the file, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The position of each variable's first value.
    pub(super) begins: Vec<u64>,
    /// The bytes from one record to the next.
    pub(super) record_stride: u64,
}

impl Draft {
    /// The bytes of the values, or of the values of one record. Padding is not included.
    fn bytes(&self, plan: &Plan) -> u64 {
        self.dims
            .iter()
            .filter_map(|d| plan.dimensions.get(*d))
            .filter(|(_, length)| *length > 0)
            .fold(
                super::hyperslab::to_u64(self.kind.width()),
                |bytes, (_, length)| bytes.saturating_mul(u64::from(*length)),
            )
    }

    pub(super) fn is_record(&self, plan: &Plan) -> bool {
        self.dims
            .first()
            .and_then(|d| plan.dimensions.get(*d))
            .is_some_and(|(_, length)| *length == 0)
    }
}

impl Plan {
    /// The positions of all variables. Fixed variables come first, in order, and then the records.
    pub(super) fn places(&self) -> Places {
        let mut at = super::hyperslab::to_u64(self.header(0, &vec![0; self.variables.len()]).len());
        let mut begins = vec![0; self.variables.len()];
        let record_count = self.variables.iter().filter(|v| v.is_record(self)).count();
        for (begin, variable) in begins.iter_mut().zip(&self.variables) {
            if !variable.is_record(self) {
                *begin = at;
                at = at.saturating_add(variable.bytes(self).next_multiple_of(4));
            }
        }
        let records_from = at;
        for (begin, variable) in begins.iter_mut().zip(&self.variables) {
            if variable.is_record(self) {
                *begin = at;
                let bytes = variable.bytes(self);
                // By an exception in the format, a single record variable is not padded.
                let bytes = if record_count == 1 {
                    bytes
                } else {
                    bytes.next_multiple_of(4)
                };
                at = at.saturating_add(bytes);
            }
        }
        Places {
            begins,
            record_stride: at - records_from,
        }
    }

    /// Encodes the header.
    pub(super) fn header(&self, records: u32, begins: &[u64]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(b"CDF\x02");
        put_u32(&mut out, records);
        put_list(&mut out, 10, self.dimensions.len());
        for (name, length) in &self.dimensions {
            put_name(&mut out, name);
            put_u32(&mut out, *length);
        }
        put_attributes(&mut out, &self.attributes);
        put_list(&mut out, 11, self.variables.len());
        for (variable, begin) in self.variables.iter().zip(begins) {
            put_name(&mut out, &variable.name);
            put_u32(&mut out, count(variable.dims.len()));
            for dim in &variable.dims {
                put_u32(&mut out, count(*dim));
            }
            put_attributes(&mut out, &variable.attributes);
            put_u32(&mut out, variable.kind.code());
            // A size that does not fit is written as the largest possible one. Readers compute the
            // size themselves.
            let size = variable.bytes(self).next_multiple_of(4);
            put_u32(&mut out, u32::try_from(size).unwrap_or(u32::MAX));
            out.extend_from_slice(&begin.to_be_bytes());
        }
        out
    }
}

/// Appends values in the type of the file, in big-endian order.
pub(super) fn put_values(out: &mut Vec<u8>, kind: Kind, values: &[f64]) {
    for value in values {
        match kind {
            Kind::Byte | Kind::Text | Kind::Other => {
                out.extend(super::packing::whole_i8(*value).to_be_bytes());
            }
            Kind::Short | Kind::UByte => {
                out.extend(super::packing::whole_i16(*value).to_be_bytes());
            }
            Kind::Int | Kind::UShort => {
                out.extend(super::packing::whole_i32(*value).to_be_bytes());
            }
            Kind::Float => out.extend(super::packing::single(*value).to_be_bytes()),
            Kind::Double | Kind::UInt | Kind::Int64 | Kind::UInt64 => {
                out.extend(value.to_be_bytes());
            }
        }
    }
}

fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_list(out: &mut Vec<u8>, tag: u32, length: usize) {
    put_u32(out, if length == 0 { 0 } else { tag });
    put_u32(out, count(length));
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    put_u32(out, count(name.len()));
    put_padded(out, name.as_bytes());
}

fn put_padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    let padding = bytes.len().next_multiple_of(4) - bytes.len();
    out.extend_from_slice(&[0; 4][..padding]);
}

fn put_attributes(out: &mut Vec<u8>, attributes: &Attributes) {
    put_list(out, 12, attributes.0.len());
    for (name, value) in &attributes.0 {
        put_name(out, name);
        match value {
            Attribute::Text(text) => {
                put_u32(out, Kind::Text.code());
                put_u32(out, count(text.len()));
                put_padded(out, text.as_bytes());
            }
            Attribute::Numbers(kind, values) => {
                put_u32(out, kind.code());
                put_u32(out, count(values.len()));
                let mut bytes = Vec::new();
                put_values(&mut bytes, *kind, values);
                put_padded(out, &bytes);
            }
        }
    }
}
