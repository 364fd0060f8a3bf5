//! Reads files of all NetCDF formats (classic, 64-bit offset, CDF-5, NetCDF-4) with the crate
//! `netcdf-reader`.
//!
//! All calls of the crate go through here, because files may be damaged or malicious. A panic
//! becomes an error, and no read allocates more memory than is plausible for the size of the file.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::AsRawFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use netcdf_reader::{
    Error, FileStorage, NcAttrValue, NcFile, NcFormat, NcGroup, NcIntegerValue, NcOpenOptions,
    NcSliceInfo, NcSliceInfoElem, NcType, NcValueView,
};

use super::error::NetcdfError;
use super::header::{Attribute, Attributes, Dimension, Header, Kind, Variable};
use super::hyperslab::{Slab, to_u64};

/// The memory that a read of any file may use, however small the file is.
const LEAST_LIMIT_BYTES: u64 = 256 << 20;
/// The most times that a file may expand when it is decompressed. The maximum of deflate is about
/// 1030.
const EXPANSION: u64 = 1100;
/// The most memory that a read may use, however large the file is.
const MOST_LIMIT_BYTES: u64 = 32 << 30;
/// The bytes of decompressed chunks that are cached, because neighboring rows share chunks.
const CHUNK_CACHE_BYTES: usize = 64 << 20;
/// The deepest nesting of groups. A file with deeper groups is damaged.
const MOST_GROUPS_DEEP: usize = 32;
/// The bytes of a value in memory. All numbers are first read as double precision.
const VALUE_BYTES: u64 = 8;

/// An open file.
pub(super) struct NetcdfFile {
    file: NcFile,
    pub(super) header: Header,
    pub(super) path: String,
    limit_bytes: u64,
    /// The size of the file.
    bytes: u64,
}

impl NetcdfFile {
    /// Opens a file and reads its header, but no values. `path` names the file in messages.
    pub(super) fn new(mut source: File, path: &str) -> Result<Self, NetcdfError> {
        let io = |doing| {
            move |source| NetcdfError::Io {
                path: path.to_owned(),
                doing,
                source,
            }
        };
        let mut start = Vec::new();
        source
            .by_ref()
            .take(8)
            .read_to_end(&mut start)
            .map_err(io("reading it"))?;
        source.seek(SeekFrom::Start(0)).map_err(io("reading it"))?;
        let bytes = source.metadata().map_err(io("reading it"))?.len();
        let limit_bytes = bytes
            .saturating_mul(EXPANSION)
            .clamp(LEAST_LIMIT_BYTES, MOST_LIMIT_BYTES);
        let (file, header) = guarded(path, &start, || {
            let file = open_by_ranges_or_copy(source, limit_bytes)?;
            let mut header = Header::default();
            add_group(&mut header, file.root_group()?, "", 0)?;
            Ok((file, header))
        })?;
        Ok(Self {
            file,
            header,
            path: path.to_owned(),
            limit_bytes,
            bytes,
        })
    }

    /// Reads the stored numbers of a slab, in the order of the file. The slab must be inside the
    /// variable.
    pub(super) fn read(&self, variable: &Variable, slab: &Slab) -> Result<Vec<f64>, NetcdfError> {
        let count = slab.count.iter().copied().fold(1, u64::saturating_mul);
        self.require_bounded(variable, count)?;
        if !variable.members.is_empty() {
            return self.read_enumeration(variable, slab);
        }
        let selections = slab.start.iter().zip(&slab.count);
        let selections: Vec<NcSliceInfoElem> = selections
            .map(|(start, count)| NcSliceInfoElem::Slice {
                start: *start,
                end: start.saturating_add(*count),
                step: 1,
            })
            .collect();
        let name = &variable.name;
        let values = guarded(&self.path, &[], || {
            if selections.is_empty() {
                return self.file.read_variable_as_f64(name);
            }
            let selection = NcSliceInfo { selections };
            self.file.read_variable_slice_as_f64(name, &selection)
        })?;
        let found = to_u64(values.len());
        if found != count {
            return Err(self.contradicts(variable, values.len(), count));
        }
        Ok(values.into_iter().collect())
    }

    /// Like [`read`](Self::read), for an enumeration. The crate can only read it as a whole.
    fn read_enumeration(&self, variable: &Variable, slab: &Slab) -> Result<Vec<f64>, NetcdfError> {
        let shape = self.header.shape(variable);
        let all = shape.iter().copied().fold(1, u64::saturating_mul);
        self.require_bounded(variable, all)?;
        let name = &variable.name;
        let values = guarded(&self.path, &[], || {
            let decode = |value: NcValueView<'_>| Ok(number(&value.integer()?));
            self.file.read_variable_user_defined_with(name, decode)
        })?;
        let values: Vec<f64> = values.into_iter().collect();
        if to_u64(values.len()) != all {
            return Err(self.contradicts(variable, values.len(), all));
        }
        Ok(slab.cut(&values, &shape))
    }

    /// Reads the `count` texts of a variable of characters or strings, in the order of the file.
    pub(super) fn texts(
        &self,
        variable: &Variable,
        count: u64,
    ) -> Result<Vec<String>, NetcdfError> {
        let shape = self.header.shape(variable);
        let all = shape.iter().copied().fold(1, u64::saturating_mul);
        self.require_bounded(variable, all)?;
        let name = &variable.name;
        let texts = guarded(&self.path, &[], || self.file.read_variable_as_strings(name))?;
        if to_u64(texts.len()) != count {
            return Err(self.contradicts(variable, texts.len(), count));
        }
        let is_padding = |c: char| c == '\0' || c == ' ';
        Ok(texts
            .iter()
            .map(|text| text.trim_end_matches(is_padding).to_owned())
            .collect())
    }

    fn contradicts(&self, variable: &Variable, found: usize, expected: u64) -> NetcdfError {
        NetcdfError::Damaged {
            path: self.path.clone(),
            what: format!(
                "variable `{}` has {found} values where {expected} should be",
                variable.name
            ),
        }
    }

    /// Refuses a variable whose values need more bytes than the file has. This is only known for
    /// the classic formats, which neither compress values nor leave them out.
    pub(super) fn require_inside(&self, variable: &Variable) -> Result<(), NetcdfError> {
        let is_plain = matches!(
            self.file.format(),
            NcFormat::Classic | NcFormat::Offset64 | NcFormat::Cdf5
        );
        let shape = self.header.shape(variable);
        let needed = shape
            .iter()
            .copied()
            .fold(variable.kind.stored_bytes(), u64::saturating_mul);
        if !is_plain || needed <= self.bytes {
            return Ok(());
        }
        Err(NetcdfError::Damaged {
            path: self.path.clone(),
            what: format!(
                "variable `{}` needs {needed} bytes, and the file has {} in all",
                variable.name, self.bytes
            ),
        })
    }

    /// Refuses to read `count` values at once if they exceed the limit for the file. Otherwise a
    /// small file could exhaust the memory.
    pub(super) fn require_bounded(
        &self,
        variable: &Variable,
        count: u64,
    ) -> Result<(), NetcdfError> {
        if count.saturating_mul(VALUE_BYTES) <= self.limit_bytes {
            return Ok(());
        }
        Err(NetcdfError::Unsuitable {
            path: self.path.clone(),
            variable: variable.name.clone(),
            what: format!(
                "would need {count} values in memory at once, and at most {} are read of a file of this size; split it first, for example with `cdo splityear`, or take other `rows:`",
                self.limit_bytes / VALUE_BYTES
            ),
        })
    }
}

impl std::fmt::Debug for NetcdfFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetcdfFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Opens a file that is read in ranges. The crate then requires the header of a classic file to be
/// in the first 64 KiB. If the header is longer, a private copy is mapped: the file itself may get
/// shorter, which would end the process.
fn open_by_ranges_or_copy(source: File, limit_bytes: u64) -> Result<NcFile, Error> {
    let options = || NcOpenOptions {
        chunk_cache_bytes: CHUNK_CACHE_BYTES,
        max_read_bytes: usize::try_from(limit_bytes).unwrap_or(usize::MAX),
        ..NcOpenOptions::default()
    };
    let storage = FileStorage::from_file(source.try_clone()?)?;
    match NcFile::from_storage_with_options(Arc::new(storage), options()) {
        Err(Error::InvalidData(_)) => {
            let copy = private_copy(source)?;
            let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
            NcFile::open_with_options(path, options())
        }
        other => other,
    }
}

/// A copy of a file that nobody else can name.
fn private_copy(mut source: File) -> std::io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    source.rewind()?;
    std::io::copy(&mut source, &mut copy)?;
    Ok(copy)
}

/// Calls the crate and converts a panic to an error. `start` are the first bytes of the file, if it
/// is not yet known to be NetCDF.
fn guarded<T>(
    path: &str,
    start: &[u8],
    call: impl FnOnce() -> Result<T, Error>,
) -> Result<T, NetcdfError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(fault(path, start, error)),
        Err(_) => Err(NetcdfError::Damaged {
            path: path.to_owned(),
            what: "its parts contradict each other".to_owned(),
        }),
    }
}

fn fault(path: &str, start: &[u8], error: Error) -> NetcdfError {
    let path = path.to_owned();
    match error {
        Error::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            NetcdfError::Io {
                path,
                doing: "reading it",
                source,
            }
        }
        Error::InvalidMagic | Error::UnsupportedVersion(_) => NetcdfError::NotNetcdf {
            path,
            found: match start {
                [] => "nothing (it is empty)".to_owned(),
                bytes => format!("`{}`", bytes.escape_ascii()),
            },
        },
        Error::UnsupportedFeature(what) => NetcdfError::Unsupported { path, what },
        other => NetcdfError::Damaged {
            path,
            what: other.to_string(),
        },
    }
}

fn add_group(
    header: &mut Header,
    group: &NcGroup,
    prefix: &str,
    depth: usize,
) -> Result<(), Error> {
    if depth > MOST_GROUPS_DEEP {
        return Err(Error::InvalidData(format!(
            "groups are nested more than {MOST_GROUPS_DEEP} deep"
        )));
    }
    if depth == 0 {
        header.attributes = attributes(&group.attributes);
    }
    for variable in &group.variables {
        let dims = variable.dimensions.iter().map(|dimension| {
            let wanted = Dimension {
                name: dimension.name.clone(),
                length: dimension.size,
            };
            let known = header.dimensions.iter().position(|d| *d == wanted);
            known.unwrap_or_else(|| {
                header.dimensions.push(wanted);
                header.dimensions.len() - 1
            })
        });
        let dims = dims.collect();
        header.variables.push(Variable {
            name: format!("{prefix}{}", variable.name),
            dims,
            attributes: attributes(&variable.attributes),
            kind: kind(&variable.dtype),
            members: members(&variable.dtype),
        });
    }
    for inner in &group.groups {
        add_group(
            header,
            inner,
            &format!("{prefix}{}/", inner.name),
            depth + 1,
        )?;
    }
    Ok(())
}

fn kind(dtype: &NcType) -> Kind {
    match dtype {
        NcType::Byte => Kind::Byte,
        NcType::Short => Kind::Short,
        NcType::Int => Kind::Int,
        NcType::Float => Kind::Float,
        NcType::Double => Kind::Double,
        NcType::UByte => Kind::UByte,
        NcType::UShort => Kind::UShort,
        NcType::UInt => Kind::UInt,
        NcType::Int64 => Kind::Int64,
        NcType::UInt64 => Kind::UInt64,
        NcType::Char | NcType::String => Kind::Text,
        NcType::Enum { base, .. } => kind(base),
        NcType::Compound { .. }
        | NcType::Opaque { .. }
        | NcType::Array { .. }
        | NcType::VLen { .. } => Kind::Other,
    }
}

/// The names and numbers of an enumeration. Empty for other types.
fn members(dtype: &NcType) -> Vec<(String, f64)> {
    let NcType::Enum { members, .. } = dtype else {
        return Vec::new();
    };
    let named = members.iter();
    named
        .map(|member| (member.name.clone(), number(&member.value)))
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "whole numbers of 64 bits become double precision, as everywhere in this room"
)]
fn number(value: &NcIntegerValue) -> f64 {
    match *value {
        NcIntegerValue::I8(value) => f64::from(value),
        NcIntegerValue::U8(value) => f64::from(value),
        NcIntegerValue::I16(value) => f64::from(value),
        NcIntegerValue::U16(value) => f64::from(value),
        NcIntegerValue::I32(value) => f64::from(value),
        NcIntegerValue::U32(value) => f64::from(value),
        NcIntegerValue::I64(value) => value as f64,
        NcIntegerValue::U64(value) => value as f64,
    }
}

fn attributes(all: &[netcdf_reader::NcAttribute]) -> Attributes {
    Attributes(
        all.iter()
            .filter_map(|a| Some((a.name.clone(), attribute(&a.value)?)))
            .collect(),
    )
}

/// Converts an attribute. Attributes of user-defined types are dropped.
fn attribute(value: &NcAttrValue) -> Option<Attribute> {
    let kind = match value {
        NcAttrValue::Chars(text) => {
            return Some(Attribute::Text(text.trim_end_matches('\0').to_owned()));
        }
        NcAttrValue::Strings(texts) => return Some(Attribute::Text(texts.join(" "))),
        NcAttrValue::UserDefined { .. } => return None,
        NcAttrValue::Bytes(_) => Kind::Byte,
        NcAttrValue::Shorts(_) => Kind::Short,
        NcAttrValue::Ints(_) => Kind::Int,
        NcAttrValue::Floats(_) => Kind::Float,
        NcAttrValue::Doubles(_) => Kind::Double,
        NcAttrValue::UBytes(_) => Kind::UByte,
        NcAttrValue::UShorts(_) => Kind::UShort,
        NcAttrValue::UInts(_) => Kind::UInt,
        NcAttrValue::Int64s(_) => Kind::Int64,
        NcAttrValue::UInt64s(_) => Kind::UInt64,
    };
    Some(Attribute::Numbers(kind, value.as_f64_vec()?))
}
