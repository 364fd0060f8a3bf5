//! Tables as kernels see them: a schema and its record batches, by port.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, new_empty_array};
use arrow::compute::interleave;
use arrow_schema::{DataType, Schema, SchemaRef};
use sunward_workflows::catalog::KernelEntry;

use crate::KernelError;

/// A table: record batches of one schema, in row order. The division into batches never changes a
/// kernel's result. Batches may alias a memory-mapped file; nothing copies them.
#[derive(Clone, Debug)]
pub struct Table {
    /// The columns and the table's metadata; also valid if there is no batch.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

impl Table {
    /// A table of these batches, which must have this schema.
    #[must_use]
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self { schema, batches }
    }

    /// A table of one batch.
    ///
    /// # Errors
    ///
    /// Fails if the columns do not fit the schema.
    pub fn from_columns(schema: Schema, columns: Vec<ArrayRef>) -> Result<Self, KernelError> {
        let schema = Arc::new(schema);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        Ok(Self::new(schema, vec![batch]))
    }

    /// The number of rows in all batches.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Every row in order, as its batch and its index there.
    pub(crate) fn places(&self) -> Vec<(usize, usize)> {
        let batches = self.batches.iter().enumerate();
        batches
            .flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row)))
            .collect()
    }

    /// One column of the rows at these places, in this order.
    pub(crate) fn gather(
        &self,
        column: usize,
        places: &[(usize, usize)],
    ) -> Result<ArrayRef, KernelError> {
        if self.batches.is_empty() {
            let kind = self.schema.field(column).data_type();
            return Ok(new_empty_array(kind));
        }
        let batches = self.batches.iter();
        let arrays: Vec<&dyn Array> = batches.map(|batch| &**batch.column(column)).collect();
        Ok(interleave(&arrays, places)?)
    }

    /// Whether a batch has this table's columns. Metadata may differ.
    fn holds(&self, batch: &RecordBatch) -> bool {
        let types = |schema: &Schema| -> Vec<DataType> {
            let fields = schema.fields().iter();
            fields.map(|field| field.data_type().clone()).collect()
        };
        let schema = batch.schema_ref();
        Arc::ptr_eq(schema, &self.schema)
            || (types(schema) == types(&self.schema)
                && schema
                    .fields()
                    .iter()
                    .zip(self.schema.fields())
                    .all(|(a, b)| a.name() == b.name()))
    }

    /// The index of a column, or an error that lists the existing ones.
    pub(crate) fn column(
        &self,
        port: &str,
        name: &str,
        wanted: &str,
    ) -> Result<usize, KernelError> {
        self.schema
            .index_of(name)
            .map_err(|_| KernelError::MissingColumn {
                port: port.to_owned(),
                column: name.to_owned(),
                wanted: wanted.to_owned(),
                found: listed(self.schema.fields().iter().map(|f| f.name().as_str())),
            })
    }
}

/// The inputs of a task, by port.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    tables: BTreeMap<String, Table>,
}

impl Inputs {
    /// No inputs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one more table.
    #[must_use]
    pub fn with(mut self, port: impl Into<String>, table: Table) -> Self {
        self.tables.insert(port.into(), table);
        self
    }

    /// Adds a table.
    pub fn insert(&mut self, port: impl Into<String>, table: Table) {
        self.tables.insert(port.into(), table);
    }

    /// The table of a port, if one is connected.
    #[must_use]
    pub fn get(&self, port: &str) -> Option<&Table> {
        self.tables.get(port)
    }

    /// The table of a required port.
    pub(crate) fn need(&self, entry: &KernelEntry, port: &str) -> Result<&Table, KernelError> {
        self.get(port).ok_or_else(|| KernelError::MissingInput {
            kernel: entry.name.clone(),
            port: port.to_owned(),
        })
    }

    /// Refuses ports that the kernel does not have, and batches that do not fit their table's
    /// types.
    pub(crate) fn check(&self, entry: &KernelEntry) -> Result<(), KernelError> {
        for (port, table) in &self.tables {
            if !entry.inputs.iter().any(|spec| spec.name == *port) {
                return Err(KernelError::UnknownInput {
                    kernel: entry.name.clone(),
                    port: port.clone(),
                    known: listed(entry.inputs.iter().map(|spec| spec.name.as_str())),
                });
            }
            if let Some(number) = table.batches.iter().position(|batch| !table.holds(batch)) {
                return Err(KernelError::Input {
                    port: port.clone(),
                    problem: format!(
                        "record batch {number} has columns of other types than the table"
                    ),
                    expected: "parts of one schema".to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// The outputs of a task by port: exactly those of the kernel's entry.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    tables: BTreeMap<String, Table>,
}

impl Outputs {
    /// No outputs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one more table.
    #[must_use]
    pub fn with(mut self, port: impl Into<String>, table: Table) -> Self {
        self.tables.insert(port.into(), table);
        self
    }

    /// The table of a port.
    #[must_use]
    pub fn get(&self, port: &str) -> Option<&Table> {
        self.tables.get(port)
    }

    /// Removes and returns a port's table.
    pub fn take(&mut self, port: &str) -> Option<Table> {
        self.tables.remove(port)
    }

    /// All ports in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.tables
            .iter()
            .map(|(port, table)| (port.as_str(), table))
    }
}

/// Names for a message: `a, b, c`, or `none`.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// A count as 64 bits.
pub(crate) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
