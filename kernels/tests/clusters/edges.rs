//! Inputs that are empty, small, degenerate or wrong.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, Int64Array, RecordBatch,
    StringArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use arrow_schema::{DataType, Field, Schema};
use sunward_kernels::{Context, Inputs, KernelError, Params, Table, library};
use sunward_workflows::value::Value;

use crate::{rows, run, table};

#[test]
fn no_row_and_one_row_are_answers() {
    assert_eq!(rows(&run(table(&[], 256, 1), 0.4, 2).unwrap()), []);
    let one = table(&[vec![3; 256]], 256, 1);
    assert_eq!(rows(&run(one, 0.4, 2).unwrap()), [(0, true)]);
}

/// Among equal counts, the highest row comes first. Rows without bits have no neighbors.
#[test]
fn rows_without_bits_stand_alone_unless_all_rows_are_neighbors() {
    let bits = [vec![0; 8], vec![7; 8], vec![0; 8], vec![7; 8]];
    let found = |distance| rows(&run(table(&bits, 8, 3), distance, 1).unwrap());
    let apart = [(2, true), (0, false), (1, true), (0, true)];
    assert_eq!(found(0.0), apart);
    assert_eq!(found(0.999), apart);
    assert_eq!(found(1.0), [(0, false), (0, false), (0, false), (0, true)]);
}

/// The middle of a chain has the most neighbors. Its ends are then left without neighbors.
#[test]
fn a_chain_is_clustered_around_its_middle() {
    let bits = [0b0011, 0b0111, 0b0110].map(|first: u8| {
        let mut row = vec![0; 8];
        row[0] = first;
        row
    });
    // The similarity is 2/3 to the middle and 1/3 between the ends.
    let found = |distance| rows(&run(table(&bits, 8, 3), distance, 1).unwrap());
    assert_eq!(found(0.34), [(0, false), (0, true), (0, false)]);
    assert_eq!(found(0.33), [(2, true), (1, true), (0, true)]);
    // 1 - 2/3 in double precision is just above a third.
    assert_eq!(found(1.0 / 3.0), [(2, true), (1, true), (0, true)]);
}

fn refused(column: ArrayRef) -> String {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("bits", column.data_type().clone(), true),
    ]);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..column.len() as i64));
    let table = Table::from_columns(schema, vec![ids, column]).unwrap();
    run(table, 0.4, 1).unwrap_err().to_string()
}

#[test]
fn wrong_columns_are_refused_with_what_would_be_right() {
    let text = refused(Arc::new(StringArray::from(vec!["0110"])));
    assert!(text.contains("`bits` of input `library` is Utf8"), "{text}");
    let narrow = FixedSizeBinaryArray::try_from_iter([[1_u8; 12]].into_iter()).unwrap();
    let text = refused(Arc::new(narrow));
    assert!(text.contains("a multiple of 8 bytes"), "{text}");
}

#[test]
fn distances_outside_0_to_1_are_refused() {
    for distance in [-0.1, 1.1, f64::NAN] {
        let error = run(table(&[vec![1; 8]], 8, 1), distance, 1).unwrap_err();
        assert!(error.to_string().contains("from 0 to 1"), "{error}");
    }
}

#[test]
fn a_stopped_task_ends() {
    let kernel = library().get("butina").unwrap();
    let with = Params::resolve(kernel.entry(), Vec::<(String, Value)>::new()).unwrap();
    let inputs = Inputs::new().with("library", table(&[vec![1; 8], vec![2; 8]], 8, 2));
    let context = Context::new(1).with_stop(Arc::new(AtomicBool::new(true)));
    let error = kernel.run(&inputs, &with, &context).unwrap_err();
    assert!(matches!(error, KernelError::Stopped));
}

#[test]
fn rows_without_a_fingerprint_are_rejected_and_the_rest_is_clustered_as_without_them() {
    let bits: Vec<Vec<u8>> = [0b111_u8, 0b111, 0, 0b101, 0b11_1000]
        .iter()
        .map(|byte| vec![*byte; 8])
        .collect();
    let whole = table(&bits, 8, 5);
    let mut holed = table(
        &[&bits[..2], &[vec![255; 8]], &bits[2..], &[vec![1; 8]]].concat(),
        8,
        3,
    );
    for (batch, hole) in [(0, 2), (2, 0)] {
        let old = &holed.batches[batch];
        let holes: BooleanArray = (0..old.num_rows()).map(|row| Some(row == hole)).collect();
        let columns = vec![
            Arc::clone(old.column(0)),
            arrow::compute::nullif(old.column(1), &holes).unwrap(),
        ];
        holed.batches[batch] = RecordBatch::try_new(old.schema(), columns).unwrap();
    }
    let columns = |table: &Table| {
        let all = concat_batches(&table.schema, &table.batches).unwrap();
        [1, 2].map(|column| all.column(column).to_data())
    };
    let expected = columns(&run(whole, 0.4, 1).unwrap());
    assert_eq!(columns(&run(holed.clone(), 0.4, 2).unwrap()), expected);
    let kernel = library().get("butina").unwrap();
    let none: [(&str, Value); 0] = [];
    let with = Params::resolve(kernel.entry(), none).unwrap();
    let inputs = Inputs::new().with("library", holed);
    let outputs = kernel.run(&inputs, &with, &Context::new(1)).unwrap();
    let rejects = &outputs.get("rejects").unwrap().batches[0];
    let ids = rejects.column(0).as_primitive::<Int64Type>();
    assert_eq!(ids.values(), &[102, 106]);
    let reasons = rejects.column(1).as_string::<i32>();
    assert_eq!(reasons.value(1), "it has no fingerprint: `bits` is null");
}
