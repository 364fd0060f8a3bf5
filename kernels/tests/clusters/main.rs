//! `butina` compared with a naive clustering and with RDKit's, for any division of the input, any
//! number of threads and unusual inputs.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

mod edges;
mod naive;
mod rdkit;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow_schema::{DataType, Field, Schema};
use sunward_kernels::{Context, Inputs, KernelError, Params, Table, library};
use sunward_workflows::value::Value;

/// A row of the result: the cluster, and whether it is the centroid.
pub type Row = (i32, bool);

/// Fingerprints in batches of at most `batch_rows` rows. Ids begin at 100.
pub fn table(bits: &[Vec<u8>], width: usize, batch_rows: usize) -> Table {
    let kind = DataType::FixedSizeBinary(width as i32);
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("bits", kind, true),
    ]));
    let mut batches = Vec::new();
    for (number, rows) in bits.chunks(batch_rows).enumerate() {
        let mut builder = FixedSizeBinaryBuilder::new(width as i32);
        for row in rows {
            builder.append_value(row).unwrap();
        }
        let first = 100 + (number * batch_rows) as i64;
        let ids = Int64Array::from_iter_values((first..).take(rows.len()));
        let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(builder.finish())];
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns).unwrap());
    }
    Table::new(schema, batches)
}

pub fn run(library_table: Table, distance: f64, threads: usize) -> Result<Table, KernelError> {
    let kernel = library().get("butina").unwrap();
    let with = Params::resolve(kernel.entry(), [("distance", Value::Float(distance))])?;
    let inputs = Inputs::new().with("library", library_table);
    let mut outputs = kernel.run(&inputs, &with, &Context::new(threads))?;
    Ok(outputs.take("clusters").unwrap())
}

/// The rows of a result, whose ids must be those of [`table`].
pub fn rows(table: &Table) -> Vec<Row> {
    let names: Vec<&str> = table.schema.fields().iter().map(|f| &**f.name()).collect();
    assert_eq!(names, ["id", "cluster", "is_centroid"]);
    let batch = concat_batches(&table.schema, &table.batches).unwrap();
    let ids = batch.column(0).as_primitive::<Int64Type>();
    assert!(ids.values().iter().copied().eq((100..).take(ids.len())));
    let cluster = batch.column(1).as_primitive::<Int32Type>().values();
    let centroid = batch.column(2).as_boolean();
    assert_eq!(
        (batch.column(1).null_count(), centroid.null_count()),
        (0, 0)
    );
    cluster
        .iter()
        .copied()
        .zip(centroid.iter().map(Option::unwrap))
        .collect()
}

/// Clusters given as lists of rows, the centroid first.
pub fn from_lists(lists: &[Vec<usize>]) -> Vec<Row> {
    let mut rows = vec![None; lists.iter().map(Vec::len).sum()];
    for (number, list) in (0..).zip(lists) {
        for (place, &row) in list.iter().enumerate() {
            assert_eq!(rows[row].replace((number, place == 0)), None);
        }
    }
    rows.into_iter().map(Option::unwrap).collect()
}
