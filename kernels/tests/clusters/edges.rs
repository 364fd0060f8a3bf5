//! Inputs that are empty, small, degenerate or wrong.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array, StringArray};
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

/// Equal counts: the highest row first. Rows without bits are neighbours of nothing.
#[test]
fn rows_without_bits_stand_alone_unless_all_rows_are_neighbours() {
    let bits = [vec![0; 8], vec![7; 8], vec![0; 8], vec![7; 8]];
    let found = |distance| rows(&run(table(&bits, 8, 3), distance, 1).unwrap());
    let apart = [(2, true), (0, false), (1, true), (0, true)];
    assert_eq!(found(0.0), apart);
    assert_eq!(found(0.999), apart);
    assert_eq!(found(1.0), [(0, false), (0, false), (0, false), (0, true)]);
}

/// The middle of a chain has the most neighbours; its ends are then left with none of their own.
#[test]
fn a_chain_is_clustered_around_its_middle() {
    let bits = [0b0011, 0b0111, 0b0110].map(|first: u8| {
        let mut row = vec![0; 8];
        row[0] = first;
        row
    });
    // 2/3 to the middle, 1/3 between the ends.
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
    let values = [Some([1_u8; 8]), None].into_iter();
    let null = FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, 8).unwrap();
    let text = refused(Arc::new(null));
    assert!(text.contains("null in row 1"), "{text}");
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
