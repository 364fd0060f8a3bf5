//! Records as columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Builder, Int32Builder, ListBuilder, RecordBatch, StringBuilder,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use sunward_workflows::quoted;

use super::lines::Lines;
use super::record::Record;
use crate::error::DataError;

/// The most names of data items. A file with more probably has values in place of names.
const MOST_NAMES: usize = 1000;
/// The bytes of text that count as one atom.
const ATOM_BYTES: usize = 32;

/// The columns of a file, and the column of each data item.
pub(super) struct Layout {
    schema: SchemaRef,
    /// By the item's name; the index counts from the first item.
    places: BTreeMap<String, usize>,
    names: Vec<String>,
    /// The error if there are too many names.
    too_many: Option<DataError>,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            schema: Arc::new(Schema::new(own())),
            places: BTreeMap::new(),
            names: Vec::new(),
            too_many: None,
        }
    }
}

/// The columns of every file.
fn own() -> Vec<Field> {
    let list = |name: &str, kind: DataType| {
        Field::new(
            name,
            DataType::List(Arc::new(Field::new("item", kind, true))),
            true,
        )
    };
    vec![
        Field::new("id", DataType::Utf8, true),
        list("xyz", DataType::Float64),
        list("elements", DataType::Utf8),
        list("formal_charges", DataType::Int32),
        Field::new("problem", DataType::Utf8, true),
    ]
}

impl Layout {
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds the name of an item.
    pub(super) fn add(&mut self, lines: &Lines, name: &str) {
        if self.places.contains_key(name) {
            return;
        }
        if self.names.len() == MOST_NAMES {
            self.too_many.get_or_insert_with(|| {
                lines.broken(
                    &format!(
                        "{} is a further name of a data item, and at most {MOST_NAMES} are allowed",
                        quoted(name)
                    ),
                    "names that records share, not values in their place",
                )
            });
            return;
        }
        self.places.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
    }

    /// Names the columns after all items were seen. An item with the name of a fixed column becomes
    /// `property_NAME`.
    pub(super) fn finish(&mut self) -> Result<(), DataError> {
        if let Some(error) = self.too_many.take() {
            return Err(error);
        }
        let mut fields = own();
        for name in &self.names {
            let mut column = name.clone();
            // The name must differ from fixed columns and from other items.
            while own().iter().any(|field| *field.name() == column)
                || (column != *name && self.places.contains_key(&column))
            {
                column = format!("property_{column}");
            }
            fields.push(Field::new(column, DataType::Utf8, true));
        }
        self.schema = Arc::new(Schema::new(fields));
        Ok(())
    }
}

/// The columns under construction.
pub(super) struct Columns<'l> {
    layout: &'l Layout,
    weight: usize,
    id: StringBuilder,
    xyz: ListBuilder<Float64Builder>,
    elements: ListBuilder<StringBuilder>,
    formal_charges: ListBuilder<Int32Builder>,
    problem: StringBuilder,
    items: Vec<StringBuilder>,
}

impl<'l> Columns<'l> {
    pub(super) fn new(layout: &'l Layout) -> Self {
        Self {
            layout,
            weight: 0,
            id: StringBuilder::new(),
            xyz: ListBuilder::default(),
            elements: ListBuilder::default(),
            formal_charges: ListBuilder::default(),
            problem: StringBuilder::new(),
            items: layout.names.iter().map(|_| StringBuilder::new()).collect(),
        }
    }

    /// The atoms so far, and text counted as atoms.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Adds a row.
    pub(super) fn push(&mut self, record: &Record, lines: &Lines) -> Result<(), DataError> {
        let mut values: Vec<Option<&str>> = vec![None; self.items.len()];
        let mut bytes = record.id.len();
        for (name, value) in &record.items {
            let place = self.layout.places.get(name);
            let found = place.and_then(|&place| values.get_mut(place));
            let found = found.ok_or_else(|| {
                lines.broken(
                    &format!("data item {}, which was not there before", quoted(name)),
                    "a file that does not change while it is read",
                )
            })?;
            *found = Some(value);
            bytes += value.len();
        }
        self.weight += 1 + record.atoms.count() + bytes / ATOM_BYTES;
        self.id.append_value(&record.id);
        self.xyz.values().append_slice(&record.atoms.xyz);
        self.xyz.append(true);
        let charges = &record.atoms.formal_charges;
        self.formal_charges.values().append_slice(charges);
        self.formal_charges.append(true);
        self.elements
            .append_value(record.atoms.elements.iter().map(Some));
        self.problem.append_null();
        for (builder, value) in self.items.iter_mut().zip(values) {
            builder.append_option(value);
        }
        Ok(())
    }

    /// Adds a row for a record that cannot be read.
    pub(super) fn push_broken(&mut self, id: &str, problem: &str) {
        self.weight += 1 + (id.len() + problem.len()) / ATOM_BYTES;
        self.id.append_value(id);
        self.xyz.append(false);
        self.elements.append(false);
        self.formal_charges.append(false);
        self.problem.append_value(problem);
        for builder in &mut self.items {
            builder.append_null();
        }
    }

    /// The batch; `None` without rows.
    pub(super) fn finish(mut self) -> Result<Option<RecordBatch>, DataError> {
        if self.weight == 0 {
            return Ok(None);
        }
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.id.finish()),
            Arc::new(self.xyz.finish()),
            Arc::new(self.elements.finish()),
            Arc::new(self.formal_charges.finish()),
            Arc::new(self.problem.finish()),
        ];
        for mut item in self.items {
            columns.push(Arc::new(item.finish()));
        }
        RecordBatch::try_new(self.layout.schema.clone(), columns)
            .map(Some)
            .map_err(DataError::arrow("cannot read molecules"))
    }
}
