//! The gridded kernels, compared with naive loops and CDO's own weights on made-up grids, and with
//! numbers of CDO and the eofs package on a real field.
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

mod classic;
mod edges;
mod nao;
mod weights;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array,
};
use arrow::datatypes::{Float32Type, Float64Type};
use arrow_schema::{DataType, Field, Schema};
use serde_json::json;
use sunward_kernels::{Context, Inputs, KernelError, Outputs, Params, Table, library};
use sunward_workflows::value::Value;

pub(crate) fn run_on(
    kernel: &str,
    inputs: &Inputs,
    with: &[(&str, Value)],
    threads: usize,
) -> Result<Outputs, KernelError> {
    let kernel = library().get(kernel).unwrap();
    let with = Params::resolve(
        kernel.entry(),
        with.iter().map(|(k, v)| ((*k).to_owned(), v.clone())),
    )?;
    kernel.run(inputs, &with, &Context::new(threads))
}

pub(crate) fn run(
    kernel: &str,
    field: &Table,
    with: &[(&str, Value)],
) -> Result<Table, KernelError> {
    let inputs = Inputs::new().with("field", field.clone());
    let mut outputs = run_on(kernel, &inputs, with, 1)?;
    Ok(outputs
        .take(if kernel == "regrid_weights" {
            "weights"
        } else {
            "field"
        })
        .unwrap())
}

pub(crate) fn text(s: &str) -> Value {
    Value::String(s.to_owned())
}

/// A gridded table with years from `first`.
pub(crate) fn field(lat: &[f64], lon: &[f64], first: i32, values: Vec<f64>, single: bool) -> Table {
    let (size, kind) = (
        lat.len() * lon.len(),
        if single {
            DataType::Float32
        } else {
            DataType::Float64
        },
    );
    let rows = values.len() / size;
    let item = Arc::new(Field::new("item", kind.clone(), true));
    let values: ArrayRef = if single {
        Arc::new(Float32Array::from(
            values.iter().map(|&x| x as f32).collect::<Vec<_>>(),
        ))
    } else {
        Arc::new(Float64Array::from(values))
    };
    let list = FixedSizeListArray::try_new(item.clone(), size as i32, values, None).unwrap();
    let tensor = json!({"shape": [lat.len(), lon.len()], "dim_names": ["lat", "lon"]}).to_string();
    let tensor = HashMap::from([
        (
            "ARROW:extension:name".to_owned(),
            "arrow.fixed_shape_tensor".to_owned(),
        ),
        ("ARROW:extension:metadata".to_owned(), tensor),
        ("units".to_owned(), "m".to_owned()),
    ]);
    let value = Field::new("value", DataType::FixedSizeList(item, size as i32), true);
    let fields = vec![
        Field::new("year", DataType::Int32, true),
        value.with_metadata(tensor),
    ];
    let grid = json!({"variable": "z", "dims": ["lat", "lon"], "lat": lat, "lon": lon}).to_string();
    let metadata = HashMap::from([("sunward.grid".to_owned(), grid)]);
    let years: ArrayRef = Arc::new(Int32Array::from_iter_values(first..first + rows as i32));
    Table::from_columns(
        Schema::new_with_metadata(fields, metadata),
        vec![years, Arc::new(list)],
    )
    .unwrap()
}

pub(crate) fn values(table: &Table) -> Vec<f64> {
    let mut all = Vec::new();
    for batch in &table.batches {
        let lists = batch.column_by_name("value").unwrap().as_fixed_size_list();
        match lists.values().data_type() {
            DataType::Float32 => {
                all.extend(
                    lists
                        .values()
                        .as_primitive::<Float32Type>()
                        .values()
                        .iter()
                        .map(|&x| f64::from(x)),
                );
            }
            _ => all.extend(lists.values().as_primitive::<Float64Type>().values()),
        }
    }
    all
}

pub(crate) fn numbers(table: &Table, column: &str) -> Vec<f64> {
    let batches = table.batches.iter();
    batches
        .flat_map(|b| {
            b.column_by_name(column)
                .unwrap()
                .as_primitive::<Float64Type>()
                .values()
                .to_vec()
        })
        .collect()
}

/// The rows in batches of `rows` rows.
pub(crate) fn recut(table: &Table, rows: usize) -> Table {
    let batches = table.batches.iter().flat_map(|batch| {
        (0..batch.num_rows().div_ceil(rows))
            .map(move |i| batch.slice(i * rows, rows.min(batch.num_rows() - i * rows)))
    });
    Table::new(Arc::clone(&table.schema), batches.collect())
}

pub(crate) fn close(found: f64, expected: f64, within: f64) {
    assert!(
        (found - expected).abs() <= within,
        "found {found}, expected {expected} within {within}"
    );
}
