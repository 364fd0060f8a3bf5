//! Converts column types to and from Arrow's fields.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields};

use crate::column::{ColumnSpec, ColumnType};
use crate::column_kind::{Dimension, Kind};

const EXTENSION_NAME: &str = "ARROW:extension:name";
const EXTENSION_METADATA: &str = "ARROW:extension:metadata";
const TENSOR: &str = "arrow.fixed_shape_tensor";

/// A pattern, for which there is no single Arrow type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column `{name}`: {column_type} is not one Arrow type; {why}")]
pub struct NoArrowType {
    /// The column.
    pub name: String,
    /// Its type.
    pub column_type: String,
    /// The remedy.
    pub why: String,
}

/// The nullable Arrow field of a column. A tensor becomes the canonical extension type.
///
/// # Errors
///
/// Fails for a pattern such as `any` or a tensor without dimensions.
pub fn to_arrow_field(column: &ColumnSpec) -> Result<Field, NoArrowType> {
    let failed = |why: String| NoArrowType {
        name: column.name.clone(),
        column_type: column.column_type.0.clone(),
        why,
    };
    let kind = Kind::parse(&column.column_type.0).map_err(failed)?;
    field(&column.name, &kind).map_err(failed)
}

/// Bytes of one row, for types in which all rows have the same size. Booleans, which take bits,
/// have none.
#[must_use]
pub fn row_bytes(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        DataType::FixedSizeList(item, size) => {
            row_bytes(item.data_type())?.checked_mul(usize::try_from(*size).ok()?)
        }
        plain => plain.primitive_width(),
    }
}

impl ColumnType {
    /// Bytes of one row, for types in which all rows have the same size. Booleans, which take bits,
    /// have none.
    #[must_use]
    pub fn row_bytes(&self) -> Option<u64> {
        let field = to_arrow_field(&ColumnSpec::new("", self.0.clone())).ok()?;
        u64::try_from(row_bytes(field.data_type())?).ok()
    }
}

fn field(name: &str, kind: &Kind) -> Result<Field, String> {
    let Kind::Tensor(element, dimensions) = kind else {
        return Ok(Field::new(name, data_type(kind)?, true));
    };
    let pattern = || "give the tensor's dimensions as numbers".to_owned();
    let mut shape = Vec::new();
    for dimension in dimensions.as_ref().ok_or_else(pattern)? {
        match dimension {
            Dimension::Size(size) => shape.push(*size),
            Dimension::Named(_) => return Err(pattern()),
        }
    }
    let size = shape
        .iter()
        .try_fold(1_i32, |product, size| product.checked_mul(*size))
        .ok_or_else(|| "the tensor has too many elements".to_owned())?;
    let item = Arc::new(field("item", element)?);
    let metadata = serde_json::json!({ "shape": shape }).to_string();
    let list = Field::new(name, DataType::FixedSizeList(item, size), true);
    let metadata: std::collections::HashMap<String, String> = [
        (EXTENSION_NAME.to_owned(), TENSOR.to_owned()),
        (EXTENSION_METADATA.to_owned(), metadata),
    ]
    .into();
    Ok(list.with_metadata(metadata))
}

fn data_type(kind: &Kind) -> Result<DataType, String> {
    Ok(match kind {
        Kind::Any | Kind::AnyBinary => return Err("name the type".to_owned()),
        Kind::Plain(plain) => plain.clone(),
        Kind::List(element) => DataType::List(Arc::new(field("item", element)?)),
        Kind::LargeList(element) => DataType::LargeList(Arc::new(field("item", element)?)),
        Kind::FixedList(element, size) => {
            DataType::FixedSizeList(Arc::new(field("item", element)?), *size)
        }
        Kind::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|(name, kind)| field(name, kind))
                .collect::<Result<Fields, _>>()?,
        ),
        Kind::Tensor(..) => field("item", kind)?.data_type().clone(),
    })
}

/// The column of an Arrow field. A dictionary has the type of its values.
#[must_use]
pub fn from_arrow(field: &Field) -> ColumnSpec {
    ColumnSpec {
        name: field.name().clone(),
        column_type: ColumnType(kind_of(field).to_string()),
        doc: String::new(),
    }
}

fn kind_of(field: &Field) -> Kind {
    match field.data_type() {
        DataType::FixedSizeList(item, size) => match tensor_shape(field, *size) {
            Some(shape) => Kind::Tensor(Box::new(kind_of(item)), Some(shape)),
            None => Kind::FixedList(Box::new(kind_of(item)), *size),
        },
        DataType::List(item) => Kind::List(Box::new(kind_of(item))),
        DataType::LargeList(item) => Kind::LargeList(Box::new(kind_of(item))),
        DataType::Struct(fields) => Kind::Struct(
            fields
                .iter()
                .map(|field| (field.name().clone(), kind_of(field)))
                .collect(),
        ),
        DataType::Dictionary(_, values) => {
            kind_of(&Field::new(field.name(), values.as_ref().clone(), true))
        }
        plain => Kind::Plain(plain.clone()),
    }
}

/// The shape in a tensor's metadata, if it agrees with the list's size.
fn tensor_shape(field: &Field, size: i32) -> Option<Vec<Dimension>> {
    let metadata = field.metadata();
    if metadata.get(EXTENSION_NAME)? != TENSOR {
        return None;
    }
    let json: serde_json::Value = serde_json::from_str(metadata.get(EXTENSION_METADATA)?).ok()?;
    let mut product = 1_i64;
    let mut shape = Vec::new();
    for dimension in json.get("shape")?.as_array()? {
        let dimension = i32::try_from(dimension.as_i64()?).ok()?;
        product = product.checked_mul(dimension.into())?;
        shape.push(Dimension::Size(dimension));
    }
    (product == i64::from(size)).then_some(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_goes_to_arrow_and_back() {
        for text in [
            "bool",
            "int8",
            "uint64",
            "float16",
            "float32",
            "utf8",
            "large_utf8",
            "binary",
            "date32",
            "date64",
            "timestamp[us]",
            "timestamp[ns, UTC]",
            "timestamp[s, +01:00]",
            "time32[ms]",
            "time64[ns]",
            "duration[ms]",
            "decimal128(12, 2)",
            "fixed_size_binary[256]",
            "list<float64>",
            "large_list<utf8>",
            "fixed_size_list<int32>[3]",
            "struct<a: int64, b: list<utf8>>",
            "tensor<float32>[24, 14]",
            "list<tensor<float32>[2]>",
        ] {
            assert_eq!(ColumnType::parse(text).unwrap().0, text);
            let column = ColumnSpec::new("x", text);
            let field = to_arrow_field(&column).unwrap();
            assert_eq!(from_arrow(&field), column, "{text}");
        }
    }

    #[test]
    fn writing_is_free_and_mistakes_are_named() {
        assert_eq!(
            ColumnType::parse(" tensor< float32 >[24,14] ").unwrap().0,
            "tensor<float32>[24, 14]"
        );
        assert_eq!(ColumnType::parse("string").unwrap().0, "utf8");
        assert_eq!(
            ColumnType::parse("decimal128(12,2)").unwrap().0,
            "decimal128(12, 2)"
        );
        for (bad, says) in [
            ("itn64", "did you mean `int64`"),
            ("datetime", "did you mean `timestamp[us]`"),
            ("timestamp", "`timestamp` needs its unit: `timestamp[us]`"),
            ("list", "`list` needs its element type: `list<float64>`"),
            (
                "list<tensor",
                "`tensor` needs its element type: `tensor<float32>`",
            ),
            ("decimal128", "decimal128(12, 2)"),
            ("struct ", "`struct` needs its fields"),
            ("timestamp[xs]", "unit"),
            ("list<int64", "expected `>`"),
            ("int64]", "unexpected"),
            ("fixed_size_binary[0]", "size in brackets"),
            ("tensor<float32>[-1]", "not a dimension"),
            ("", "not a column type"),
        ] {
            let error = ColumnType::parse(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
        let deep = "list<".repeat(500);
        assert!(ColumnType::parse(&deep).is_err());
    }

    #[test]
    fn a_pattern_accepts_what_it_stands_for() {
        let accepts = |wanted: &str, actual: &str| {
            ColumnSpec::new("x", wanted)
                .accepts(&ColumnSpec::new("x", actual))
                .is_ok()
        };
        assert!(accepts("any", "list<int8>"));
        assert!(accepts("tensor<float32>", "tensor<float32>[24, 14]"));
        assert!(accepts(
            "tensor<float32>[lat, lon]",
            "tensor<float32>[24, 14]"
        ));
        assert!(!accepts("tensor<float32>[lat, lon]", "tensor<float32>[24]"));
        assert!(!accepts("tensor<float32>", "tensor<float64>[24]"));
        assert!(accepts("fixed_size_binary", "fixed_size_binary[256]"));
        assert!(accepts("tensor<float32>[24,14]", "tensor<float32>[24, 14]"));
        assert!(!accepts("int64", "int32"));
        let overlap = |one: &str, other: &str| {
            let types = [one, other].map(|text| ColumnType::parse(text).unwrap());
            types[0].overlaps(&types[1]) && types[1].overlaps(&types[0])
        };
        assert!(overlap("tensor<float32>", "tensor<any>[lat, lon]"));
        assert!(overlap("tensor<any>[24, lon]", "tensor<float32>[lat, 14]"));
        assert!(!overlap("tensor<float32>[24]", "tensor<any>[lat, lon]"));
        assert!(!overlap("tensor<float32>", "tensor<float64>"));
        assert!(!overlap("list<int8>", "list<utf8>"));
        assert!(to_arrow_field(&ColumnSpec::new("x", "any")).is_err());
        assert!(to_arrow_field(&ColumnSpec::new("x", "tensor<float32>[lat]")).is_err());
    }
}
