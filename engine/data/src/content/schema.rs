//! Schemas by meaning: digest, comparison, and conversion of batches.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use sunward_core::{Digest, Hasher};
use sunward_workflows::quoted;

use crate::error::DataError;
use crate::netcdf::in_units_of;

/// Metadata that libraries write for themselves. It says nothing about the data.
const CHATTER: [&str; 3] = ["pandas", "ARROW:schema", "PARQUET:field_id"];

/// The logical type. All encodings of the same values have the same logical type.
pub(crate) fn logical(data_type: &DataType) -> DataType {
    let item = |field: &Arc<Field>| {
        Arc::new(
            Field::new("item", logical(field.data_type()), true)
                .with_metadata(field.metadata().clone()),
        )
    };
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => logical(value),
        DataType::RunEndEncoded(_, value) => logical(value.data_type()),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => DataType::List(item(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(item(field), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(logical_field).collect()),
        DataType::Map(field, sorted) => DataType::Map(Arc::new(logical_field(field)), *sorted),
        plain => plain.clone(),
    }
}

fn logical_field(field: &Arc<Field>) -> Field {
    Field::new(field.name(), logical(field.data_type()), true)
        .with_metadata(field.metadata().clone())
}

/// The digest of a schema's meaning.
#[must_use]
pub fn digest(schema: &Schema) -> Digest {
    let mut hasher = Hasher::new("schema");
    for field in schema.fields() {
        describe(field.name(), field, &mut hasher);
    }
    for (key, value) in sorted(schema.metadata()) {
        hasher.field(&format!("metadata {key}"), value.as_bytes());
    }
    hasher.finish()
}

fn describe(name: &str, field: &Field, hasher: &mut Hasher) {
    hasher.field("name", name.as_bytes());
    for (key, value) in sorted(field.metadata()) {
        hasher.field(&format!("metadata {key}"), value.as_bytes());
    }
    match logical(field.data_type()) {
        DataType::List(item) => {
            hasher.field("type", b"list");
            describe("item", &item, hasher);
        }
        DataType::FixedSizeList(item, size) => {
            hasher.field("type", format!("fixed_size_list {size}").as_bytes());
            describe("item", &item, hasher);
        }
        DataType::Struct(fields) => {
            hasher.field("type", format!("struct {}", fields.len()).as_bytes());
            for child in &fields {
                describe(child.name(), child, hasher);
            }
        }
        DataType::Map(entries, _) => {
            hasher.field("type", b"map");
            describe("entries", &entries, hasher);
        }
        plain => {
            hasher.field("type", plain.to_string().as_bytes());
        }
    }
}

fn sorted<'a, M>(metadata: M) -> Vec<(&'a String, &'a String)>
where
    M: IntoIterator<Item = (&'a String, &'a String)>,
{
    let mut pairs: Vec<_> = metadata
        .into_iter()
        .filter(|(key, _)| !CHATTER.contains(&key.as_str()))
        .collect();
    pairs.sort();
    pairs
}

/// How two tables' columns differ, by the first column that does. Names are compared before types,
/// because the types of text may follow from its cells. Nullability and encoding are ignored.
pub(crate) fn difference(found: &Schema, expected: &Schema) -> Option<(String, String, String)> {
    let lacks = |schema: &Schema, name: &str| schema.column_with_name(name).is_none();
    let mut fields = expected.fields().iter();
    if let Some(field) = fields.find(|field| lacks(found, field.name())) {
        return Some((
            field.name().clone(),
            format!("is missing (the columns are: {})", names(found).join(", ")),
            type_text(field),
        ));
    }
    let mut fields = found.fields().iter();
    if let Some(extra) = fields.find(|field| lacks(expected, field.name())) {
        return Some((
            extra.name().clone(),
            format!("is {}", type_text(extra)),
            "no such column".into(),
        ));
    }
    out_of_order(&names(found), &names(expected)).or_else(|| {
        let mut pairs = found.fields().iter().zip(expected.fields());
        let (other, field) = pairs.find(|(other, field)| !same_type(field, other))?;
        Some((
            field.name().clone(),
            format!("is {}", type_text(other)),
            type_text(field),
        ))
    })
}

/// The first column that has another place, as for [`difference`]. A name may be there twice.
fn out_of_order(found: &[String], expected: &[String]) -> Option<(String, String, String)> {
    let common = found.len().min(expected.len());
    let other = (0..common).find(|at| found[*at] != expected[*at]);
    let at = other.or_else(|| (found.len() != expected.len()).then_some(common))?;
    Some((
        expected.get(at).or_else(|| found.get(at))?.clone(),
        format!("is out of order (the order is: {})", found.join(", ")),
        format!("the order {}", expected.join(", ")),
    ))
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|f| f.name().clone()).collect()
}

/// Whether two fields hold the same logical values: type and extension type.
pub(crate) fn same_type(a: &Field, b: &Field) -> bool {
    let bare = |field: &Field| {
        let mut hasher = Hasher::new("type");
        let extension = field
            .metadata()
            .iter()
            .filter(|(key, _)| key.starts_with("ARROW:extension:"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect::<std::collections::HashMap<_, _>>();
        let plain = Field::new("", field.data_type().clone(), true).with_metadata(extension);
        describe("", &plain, &mut hasher);
        hasher.finish()
    };
    bare(a) == bare(b)
}

/// A field's type in users' notation.
pub(crate) fn type_text(field: &Field) -> String {
    match field.extension_type_name() {
        Some(name) => format!("{} ({name})", field.data_type()),
        None => field.data_type().to_string(),
    }
}

/// A batch in the encoding of `schema`, with which it must agree logically. Times that count from
/// another date are converted.
pub(crate) fn conform(
    batch: RecordBatch,
    schema: &SchemaRef,
    place: impl FnOnce() -> String,
) -> Result<RecordBatch, DataError> {
    if Arc::ptr_eq(batch.schema_ref(), schema) || batch.schema_ref() == schema {
        return Ok(batch);
    }
    if let Some((column, found, expected)) = difference(batch.schema_ref(), schema) {
        return Err(DataError::Schema {
            place: place(),
            column,
            found,
            expected,
            hint: "make every task write the same columns, and declare them with `schema:`".into(),
        });
    }
    let found = batch.schema();
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(found.fields())
        .zip(schema.fields())
        .map(
            |((array, from), field)| match in_units_of(array, from, field) {
                None => encode_as(array, field),
                Some(Ok(converted)) => Ok(converted),
                Some(Err(time)) => Err(cannot_convert(from, field, time)),
            },
        )
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(DataError::arrow(
        "cannot bring a batch to its table's schema",
    ))
}

fn cannot_convert(from: &Field, to: &Field, time: f64) -> DataError {
    let units = |field: &Field| field.metadata().get("units").cloned().unwrap_or_default();
    DataError::Schema {
        place: "a table that is joined from several files".to_owned(),
        column: to.name().clone(),
        found: format!("has the time {time} in {}", quoted(units(from))),
        expected: format!(
            "a whole number in {}, as in the first file",
            quoted(units(to))
        ),
        hint: "convert the files to the same time units first".to_owned(),
    }
}

/// An array in a field's encoding, with the same values.
pub(crate) fn encode_as(array: &ArrayRef, field: &Field) -> Result<ArrayRef, DataError> {
    if array.data_type() == field.data_type() {
        return Ok(array.clone());
    }
    cast(array, field.data_type()).map_err(DataError::arrow(format!(
        "cannot read column {} as {}",
        quoted(field.name()),
        field.data_type()
    )))
}
