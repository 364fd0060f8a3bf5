//! The header of a NetCDF classic file: dimensions, attributes, variables. Every count is checked
//! against the bytes that are left before anything is allocated for it.

use std::io::{Read, Seek, SeekFrom};

use super::error::NetcdfError;

/// A header longer than this is damage or an attack, not science: attributes are meant to be short.
const HEADER_LIMIT_BYTES: u64 = 64 << 20;

/// The number of records of a file whose writer did not come back to note it.
const STREAMING: u32 = u32::MAX;

/// The external types of NetCDF classic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Byte,
    Char,
    Short,
    Int,
    Float,
    Double,
}

impl Kind {
    pub(super) fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            1 => Self::Byte,
            2 => Self::Char,
            3 => Self::Short,
            4 => Self::Int,
            5 => Self::Float,
            6 => Self::Double,
            _ => return None,
        })
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Char => 2,
            Self::Short => 3,
            Self::Int => 4,
            Self::Float => 5,
            Self::Double => 6,
        }
    }

    /// Bytes of one value.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Byte | Self::Char => 1,
            Self::Short => 2,
            Self::Int | Self::Float => 4,
            Self::Double => 8,
        }
    }

    /// Appends the big-endian values in `bytes` to `out`. What is left of a last, incomplete value
    /// is ignored.
    pub(super) fn decode(self, bytes: &[u8], out: &mut Vec<f64>) {
        match self {
            Self::Byte => out.extend(bytes.iter().map(|b| f64::from(i8::from_be_bytes([*b])))),
            Self::Char => out.extend(bytes.iter().map(|b| f64::from(*b))),
            Self::Short => out.extend(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f64::from(i16::from_be_bytes(*b))),
            ),
            Self::Int => out.extend(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f64::from(i32::from_be_bytes(*b))),
            ),
            Self::Float => out.extend(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f64::from(f32::from_be_bytes(*b))),
            ),
            Self::Double => out.extend(bytes.as_chunks().0.iter().map(|b| f64::from_be_bytes(*b))),
        }
    }
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Attribute {
    Text(String),
    Numbers(Kind, Vec<f64>),
}

/// Attributes in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attributes(pub(super) Vec<(String, Attribute)>);

impl Attributes {
    pub(super) fn get(&self, name: &str) -> Option<&Attribute> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }

    /// The text of an attribute; numbers are no text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Attribute::Text(text) => Some(text.as_str()),
            Attribute::Numbers(..) => None,
        }
    }

    /// The numbers of an attribute; text that is one number counts.
    pub(super) fn numbers(&self, name: &str) -> Vec<f64> {
        match self.get(name) {
            Some(Attribute::Numbers(_, values)) => values.clone(),
            Some(Attribute::Text(text)) => text.trim().parse().into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The first number of an attribute, with its type where it was stored as a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.numbers(name).first().copied()
    }
}

/// A dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dimension {
    pub(super) name: String,
    /// Its length; of the record dimension, the number of records.
    pub(super) length: u64,
    pub(super) is_record: bool,
}

/// A variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Its dimensions by number, slowest first.
    pub(super) dims: Vec<usize>,
    pub(super) attributes: Attributes,
    pub(super) kind: Kind,
    /// Where its first value stands in the file.
    pub(super) begin: u64,
}

/// A whole header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) dimensions: Vec<Dimension>,
    pub(super) variables: Vec<Variable>,
    /// Bytes from one record to the next.
    pub(super) record_stride: u64,
    /// Bytes of the whole file.
    pub(super) file_bytes: u64,
}

impl Header {
    /// Reads the header of the file called `path` (in messages) from its start.
    pub(super) fn read<R: Read + Seek>(source: &mut R, path: &str) -> Result<Self, NetcdfError> {
        let io = |doing, source| NetcdfError::Io {
            path: path.to_owned(),
            doing,
            source,
        };
        let file_bytes = source
            .seek(SeekFrom::End(0))
            .map_err(|e| io("finding its length", e))?;
        source
            .seek(SeekFrom::Start(0))
            .map_err(|e| io("reading it", e))?;
        let wide = read_magic(source, path)?;
        let mut bytes = Bytes {
            source: std::io::BufReader::new(source),
            path,
            at: 4,
            end: file_bytes.min(HEADER_LIMIT_BYTES),
        };
        let records = bytes.u32()?;
        let mut dimensions = bytes.dimensions()?;
        let _global = bytes.attributes()?;
        let variables = bytes.variables(wide, dimensions.len())?;
        let at = bytes.at;
        let damaged = |what: &str| NetcdfError::Damaged {
            path: path.to_owned(),
            what: what.to_owned(),
            at,
        };
        if dimensions.iter().filter(|d| d.is_record).count() > 1 {
            return Err(damaged(
                "two dimensions are unlimited, expected at most one",
            ));
        }
        let mut header = Self {
            dimensions: Vec::new(),
            variables,
            record_stride: 0,
            file_bytes,
        };
        header.record_stride = record_stride(&header.variables, &dimensions)
            .ok_or_else(|| damaged("the sizes of its variables overflow"))?;
        let records = if records == STREAMING {
            header.streamed_records(&dimensions)
        } else {
            u64::from(records)
        };
        for dimension in dimensions.iter_mut().filter(|d| d.is_record) {
            dimension.length = records;
        }
        header.dimensions = dimensions;
        Ok(header)
    }

    /// The variable of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.variables.iter().position(|v| v.name == name)
    }

    /// The lengths of a variable's dimensions.
    pub(super) fn shape(&self, variable: &Variable) -> Vec<u64> {
        variable
            .dims
            .iter()
            .filter_map(|d| self.dimensions.get(*d))
            .map(|d| d.length)
            .collect()
    }

    /// Whether a variable's first dimension is the record dimension.
    pub(super) fn is_record(&self, variable: &Variable) -> bool {
        leads_with_record(variable, &self.dimensions)
    }

    /// Refuses a variable whose values do not all lie within the file. What passes here may be
    /// allocated for: it is no larger than the file.
    pub(super) fn require_inside(
        &self,
        variable: &Variable,
        path: &str,
    ) -> Result<(), NetcdfError> {
        let needed = self.end_of(variable).unwrap_or(u64::MAX);
        if needed <= self.file_bytes {
            return Ok(());
        }
        Err(NetcdfError::CutShort {
            path: path.to_owned(),
            variable: variable.name.clone(),
            needed,
            length: self.file_bytes,
        })
    }

    fn end_of(&self, variable: &Variable) -> Option<u64> {
        let bytes = bytes_a_record(variable, &self.dimensions)?;
        if !self.is_record(variable) {
            return variable.begin.checked_add(bytes);
        }
        match self.shape(variable).first().copied().unwrap_or(0) {
            0 => Some(0),
            records => self
                .record_stride
                .checked_mul(records - 1)?
                .checked_add(bytes)?
                .checked_add(variable.begin),
        }
    }

    /// How many whole records lie in a file that does not say.
    fn streamed_records(&self, dimensions: &[Dimension]) -> u64 {
        let first = self
            .variables
            .iter()
            .filter(|v| leads_with_record(v, dimensions))
            .map(|v| v.begin)
            .min();
        first
            .and_then(|begin| self.file_bytes.checked_sub(begin))
            .and_then(|bytes| bytes.checked_div(self.record_stride))
            .unwrap_or(0)
    }
}

fn leads_with_record(variable: &Variable, dimensions: &[Dimension]) -> bool {
    variable
        .dims
        .first()
        .and_then(|d| dimensions.get(*d))
        .is_some_and(|d| d.is_record)
}

/// Bytes of a variable's values, of one record where it has records; none when that overflows.
fn bytes_a_record(variable: &Variable, dimensions: &[Dimension]) -> Option<u64> {
    let mut bytes = u64::try_from(variable.kind.width()).ok()?;
    for dimension in variable.dims.iter().filter_map(|d| dimensions.get(*d)) {
        if !dimension.is_record {
            bytes = bytes.checked_mul(dimension.length)?;
        }
    }
    Some(bytes)
}

/// The sizes in the header are ignored: they cannot hold large variables, and writers get them wrong.
fn record_stride(variables: &[Variable], dimensions: &[Dimension]) -> Option<u64> {
    let mut stride: u64 = 0;
    let mut last = 0;
    let mut count = 0;
    for variable in variables
        .iter()
        .filter(|v| leads_with_record(v, dimensions))
    {
        last = bytes_a_record(variable, dimensions)?;
        stride = stride.checked_add(last.checked_next_multiple_of(4)?)?;
        count += 1;
    }
    // The format's one exception: a single record variable is not padded.
    Some(if count == 1 { last } else { stride })
}

/// Whether offsets are 64 bits wide (CDF-2); anything but CDF-1 and CDF-2 is refused by name.
fn read_magic<R: Read>(source: &mut R, path: &str) -> Result<bool, NetcdfError> {
    let mut magic = Vec::with_capacity(4);
    source
        .take(4)
        .read_to_end(&mut magic)
        .map_err(|source| NetcdfError::Io {
            path: path.to_owned(),
            doing: "reading it",
            source,
        })?;
    let path = path.to_owned();
    match magic.as_slice() {
        [b'C', b'D', b'F', 1] => Ok(false),
        [b'C', b'D', b'F', 2] => Ok(true),
        [b'C', b'D', b'F', 5] => Err(NetcdfError::Cdf5 { path }),
        [0x89, b'H', b'D', b'F'] => Err(NetcdfError::Hdf5 { path }),
        [] => Err(NetcdfError::NotNetcdf {
            path,
            found: "nothing (it is empty)".to_owned(),
        }),
        other => Err(NetcdfError::NotNetcdf {
            path,
            found: format!("`{}`", other.escape_ascii()),
        }),
    }
}

/// A bounded view of the header's bytes.
struct Bytes<'a, R: Read> {
    source: std::io::BufReader<&'a mut R>,
    path: &'a str,
    at: u64,
    end: u64,
}

impl<R: Read> Bytes<'_, R> {
    fn damaged(&self, what: impl Into<String>) -> NetcdfError {
        NetcdfError::Damaged {
            path: self.path.to_owned(),
            what: what.into(),
            at: self.at,
        }
    }

    /// Refuses to go on when fewer than `count` things of `width` bytes can be left.
    fn require(&self, count: u64, width: u64, what: &str) -> Result<(), NetcdfError> {
        let left = self.end.saturating_sub(self.at);
        if count.checked_mul(width).is_some_and(|bytes| bytes <= left) {
            return Ok(());
        }
        Err(self.damaged(format!(
            "it announces {count} {what}, but only {left} bytes are left"
        )))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), NetcdfError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        self.require(length, 1, "bytes")?;
        self.source
            .read_exact(buffer)
            .map_err(|source| NetcdfError::Io {
                path: self.path.to_owned(),
                doing: "reading its header",
                source,
            })?;
        self.at += length;
        Ok(())
    }

    fn u32(&mut self) -> Result<u32, NetcdfError> {
        let mut buffer = [0; 4];
        self.fill(&mut buffer)?;
        Ok(u32::from_be_bytes(buffer))
    }

    fn u64(&mut self) -> Result<u64, NetcdfError> {
        let mut buffer = [0; 8];
        self.fill(&mut buffer)?;
        Ok(u64::from_be_bytes(buffer))
    }

    /// `count` bytes and their padding to a multiple of four.
    fn padded(&mut self, count: u64, what: &str) -> Result<Vec<u8>, NetcdfError> {
        self.require(count, 1, what)?;
        let length = usize::try_from(count).map_err(|_| self.damaged("a size is out of range"))?;
        let mut buffer = vec![0; length];
        self.fill(&mut buffer)?;
        let padding = length.next_multiple_of(4) - length;
        self.fill(&mut [0; 4][..padding])?;
        Ok(buffer)
    }

    fn name(&mut self) -> Result<String, NetcdfError> {
        let length = self.u32()?;
        let bytes = self.padded(u64::from(length), "bytes of a name")?;
        String::from_utf8(bytes).map_err(|_| self.damaged("a name is not UTF-8"))
    }

    /// The length of a list that starts with `tag`, or with two zeros when there is none.
    fn list(&mut self, tag: u32, width: u64, what: &str) -> Result<u32, NetcdfError> {
        let found = self.u32()?;
        let count = self.u32()?;
        match (found, count) {
            (0, 0) => Ok(0),
            (found, count) if found == tag => {
                self.require(u64::from(count), width, what)?;
                Ok(count)
            }
            _ => Err(self.damaged(format!(
                "found tag {found} and count {count} where a list of {what} (tag {tag}) should start"
            ))),
        }
    }

    fn dimensions(&mut self) -> Result<Vec<Dimension>, NetcdfError> {
        let count = self.list(10, 8, "dimensions")?;
        let mut dimensions = Vec::new();
        for _ in 0..count {
            let name = self.name()?;
            let length = self.u32()?;
            dimensions.push(Dimension {
                name,
                length: u64::from(length),
                is_record: length == 0,
            });
        }
        Ok(dimensions)
    }

    fn attributes(&mut self) -> Result<Attributes, NetcdfError> {
        let count = self.list(12, 12, "attributes")?;
        let mut attributes = Vec::new();
        for _ in 0..count {
            let name = self.name()?;
            let kind = self.kind()?;
            let length = u64::from(self.u32()?);
            let width = u64::try_from(kind.width()).unwrap_or(8);
            let bytes = self.padded(length.saturating_mul(width), "bytes of an attribute")?;
            let value = if kind == Kind::Char {
                let text = String::from_utf8_lossy(&bytes);
                Attribute::Text(text.trim_end_matches('\0').to_owned())
            } else {
                let mut values = Vec::new();
                kind.decode(&bytes, &mut values);
                Attribute::Numbers(kind, values)
            };
            attributes.push((name, value));
        }
        Ok(Attributes(attributes))
    }

    fn kind(&mut self) -> Result<Kind, NetcdfError> {
        let code = self.u32()?;
        Kind::from_code(code)
            .ok_or_else(|| self.damaged(format!("type {code}, expected 1 (byte) to 6 (double)")))
    }

    fn variables(&mut self, wide: bool, dimensions: usize) -> Result<Vec<Variable>, NetcdfError> {
        let count = self.list(11, 28, "variables")?;
        let mut variables = Vec::new();
        for _ in 0..count {
            let name = self.name()?;
            let rank = self.u32()?;
            self.require(u64::from(rank), 4, "dimensions of a variable")?;
            let mut dims = Vec::new();
            for _ in 0..rank {
                let dim = self.u32()?;
                let dim = usize::try_from(dim).unwrap_or(usize::MAX);
                if dim >= dimensions {
                    return Err(self.damaged(format!(
                        "variable `{name}` has dimension {dim}, but there are only {dimensions}"
                    )));
                }
                dims.push(dim);
            }
            let attributes = self.attributes()?;
            let kind = self.kind()?;
            let _size = self.u32()?;
            let begin = if wide {
                self.u64()?
            } else {
                u64::from(self.u32()?)
            };
            variables.push(Variable {
                name,
                dims,
                attributes,
                kind,
                begin,
            });
        }
        Ok(variables)
    }
}
