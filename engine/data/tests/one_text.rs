//! Tables that were written as CSV are gathered as one text: the types are those of all cells.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

#[allow(dead_code, reason = "shared with the tests of formats")]
mod bench;

use std::fs;

use arrow_schema::{DataType, TimeUnit};
use bench::Bench;
use proptest::prelude::*;
use sunward_core::Dataset;
use sunward_data::{DataError, Wanted};
use sunward_workflows::{ColumnSpec, Form, OutputFormat};

/// What a command wrote as CSV, with these declared columns.
fn written(bench: &Bench, text: &str, declared: &[(&str, &str)]) -> Dataset {
    adopted(bench, text, declared).unwrap()
}

fn adopted(bench: &Bench, text: &str, declared: &[(&str, &str)]) -> Result<Dataset, DataError> {
    let path = bench.file("output.csv", text);
    let declared = declared.iter();
    let declared: Vec<_> = declared.map(|(n, t)| ColumnSpec::new(*n, *t)).collect();
    let declared = (!declared.is_empty()).then_some(declared.as_slice());
    bench
        .store
        .adopt(path.as_ref(), OutputFormat::Csv, declared)
}

/// A column named `c` of these cells, as CSV.
fn column(cells: &[&str]) -> String {
    // A quoted cell may be empty, and a line without any text would be no row.
    let quoted = cells.iter().map(|cell| format!("\"{cell}\"\n"));
    format!("c\n{}", quoted.collect::<String>())
}

fn type_of(bench: &Bench, dataset: &Dataset) -> DataType {
    let table = bench.store.table(dataset).unwrap();
    table.schema().field(0).data_type().clone()
}

fn as_csv(bench: &Bench, dataset: &Dataset) -> String {
    let wanted = Wanted {
        form: Form::Csv,
        ..Wanted::default()
    };
    fs::read_to_string(bench.store.materialise(dataset, &wanted).unwrap()).unwrap()
}

#[test]
fn a_gathered_column_has_the_type_of_all_its_cells_and_keeps_their_text() {
    let exact = "9007199254740992";
    let beyond = "9007199254740993";
    let cases: &[(&[&[&str]], DataType)] = &[
        (&[&["3"], &["2.50"]], DataType::Float64),
        (&[&["3"], &["2.5"], &["abc"]], DataType::Utf8),
        (&[&["", ""], &["7"]], DataType::Int64),
        (&[&["true"], &["1"]], DataType::Utf8),
        (&[&["1"], &["18446744073709551615"]], DataType::UInt64),
        (&[&["-1"], &["18446744073709551615"]], DataType::Utf8),
        (&[&["007"], &["7"]], DataType::Utf8),
        (&[&[exact], &["0.5"]], DataType::Float64),
        (&[&[beyond], &["0.5"]], DataType::Utf8),
        (&[&["-9007199254740993"], &["0.5"]], DataType::Utf8),
        (&[&[beyond, "1"], &["-9007199254740993"]], DataType::Int64),
        (&[&["2020-01-01"], &["x"]], DataType::Utf8),
        (
            &[&["2020-01-01"], &["2020-01-01T10:00:00"]],
            DataType::Timestamp(TimeUnit::Second, None),
        ),
    ];
    for (tasks, expected) in cases {
        let bench = Bench::new();
        let tables = tasks
            .iter()
            .map(|cells| written(&bench, &column(cells), &[]));
        let tables: Vec<Dataset> = tables.collect();
        let joined = bench.store.concat(&tables).unwrap();
        assert_eq!(type_of(&bench, &joined), *expected, "{tasks:?}");
        assert_eq!(joined.parts.len(), tasks.len(), "each task is a part");
        let cells = tasks.concat();
        assert_eq!(joined.rows, cells.len() as u64);
        let text = as_csv(&bench, &joined);
        assert_eq!(text.replace('"', ""), column(&cells).replace('"', ""));
        let whole = written(&bench, &column(&cells), &[]);
        assert_eq!(bench.rows(&joined), bench.rows(&whole), "{tasks:?}");
        assert_eq!(bench.store.concat(&tables).unwrap(), joined, "remembered");
    }
}

#[test]
fn declared_columns_keep_their_type_and_the_others_get_that_of_all_cells() {
    let bench = Bench::new();
    let some = [("a", "float64")];
    let tables = [
        written(&bench, "a,b\n1,1\n", &some),
        written(&bench, "a,b\n2,1.5\n", &some),
    ];
    let joined = bench.store.concat(&tables).unwrap();
    let types: Vec<_> = bench
        .rows(&joined)
        .schema()
        .fields()
        .iter()
        .map(|f| f.data_type().clone())
        .collect();
    assert_eq!(types, [DataType::Float64, DataType::Float64]);
    // Joined again, the declared column is still declared.
    let int = written(&bench, "a,b\n3,x\n", &[]);
    let again = bench.store.concat(&[joined, int]).unwrap();
    assert_eq!(type_of(&bench, &again), DataType::Float64);
    assert_eq!(again.rows, 3);
    let text = written(&bench, "a,b\nx,1\n", &[]);
    let error = bench.store.concat(&[tables[0].clone(), text]).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("column `a` holds `x`"), "{error}");
    let other = written(&bench, "a,b\n3,4\n", &[("a", "int32")]);
    let error = bench.store.concat(&[tables[0].clone(), other]).unwrap_err();
    assert!(error.to_string().contains("column `a` is Int32"), "{error}");
    // A declared type is required of each part.
    let error = adopted(&bench, "a,b\nx,1\n", &some).unwrap_err();
    assert!(error.to_string().contains("holds `x`"), "{error}");
    // A declared number does not round an integer either, unless it can hold it.
    let beyond = "a,b\n9007199254740993,1\n";
    let error = adopted(&bench, beyond, &some).unwrap_err().to_string();
    assert!(error.contains("does not fit without rounding"), "{error}");
    written(
        &bench,
        "a,b\n-9007199254740994,1\n9007199254740992,1\n0000000000000000,1\n",
        &some,
    );
}

#[test]
fn selected_columns_are_joined_by_their_text_too() {
    let bench = Bench::new();
    let columns = ["b".to_owned()];
    let select = |text| {
        let table = written(&bench, text, &[]);
        bench.store.select(&table, &columns).unwrap()
    };
    let joined = bench
        .store
        .concat(&[select("a,b\n1,1\n"), select("a,b\nx,1.50\n")]);
    let joined = joined.unwrap();
    assert_eq!(type_of(&bench, &joined), DataType::Float64);
    assert_eq!(as_csv(&bench, &joined), "b\n1\n1.50\n");
}

#[test]
fn files_without_rows_do_not_decide_and_other_columns_are_refused_with_both_files() {
    let bench = Bench::new();
    let empty = written(&bench, "c\n", &[]);
    let one = written(&bench, "c\n1\n", &[]);
    let joined = bench
        .store
        .concat(&[empty.clone(), one.clone(), empty])
        .unwrap();
    assert_eq!(joined, one);
    for (other, column, what) in [
        ("d\n1.5\n", "c", "is missing"),
        ("c,d\n1.5,2\n", "d", "no such column"),
        ("C\n1.5\n", "c", "is missing"),
    ] {
        let other = written(&bench, other, &[]);
        let error = bench
            .store
            .concat(&[one.clone(), other.clone()])
            .unwrap_err();
        let error = error.to_string();
        for table in [&one, &other] {
            let file = table.written.as_ref().unwrap().files[0];
            let path = bench.store.part_path(&file.digest).display().to_string();
            assert!(error.contains(&path), "{error}");
        }
        assert!(error.contains(&format!("column `{column}`")), "{error}");
        assert!(error.contains(what), "{error}");
    }
    let ordered = [
        written(&bench, "a,b\n1,2\n", &[]),
        written(&bench, "b,a\n1.5,2\n", &[]),
    ];
    let error = bench.store.concat(&ordered).unwrap_err().to_string();
    assert!(error.contains("column `a` is out of order"), "{error}");
}

#[test]
fn a_table_that_is_not_text_is_joined_with_text_only_if_the_types_agree() {
    let bench = Bench::new();
    let decimals = written(&bench, "i\n1.5\n", &[]);
    let integers = written(&bench, "i\n1\n", &[]);
    let schema = bench.rows(&integers).schema();
    let arrow = bench
        .store
        .write_table(schema, &[bench.rows(&integers)])
        .unwrap();
    assert_eq!(
        bench.store.concat(&[arrow.clone(), integers]).unwrap().rows,
        2
    );
    let error = bench.store.concat(&[arrow, decimals]).unwrap_err();
    assert!(error.to_string().contains("is Float64"), "{error}");
}

const CELLS: [&str; 14] = [
    "",
    "0",
    "7",
    "-7",
    "9007199254740993",
    "-9007199254740993",
    "18446744073709551615",
    "0.5",
    "1e3",
    "true",
    "2020-01-01",
    "2020-01-01 10:00:00",
    "abc",
    "01",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Wherever the cells are cut into tasks, the table is the same.
    #[test]
    fn the_types_do_not_depend_on_the_cut(
        picks in proptest::collection::vec(0..CELLS.len(), 1..8),
        cuts in proptest::collection::vec(any::<bool>(), 8),
    ) {
        let cells: Vec<&str> = picks.iter().map(|at| CELLS[*at]).collect();
        let bench = Bench::new();
        let mut tasks: Vec<Vec<&str>> = vec![Vec::new()];
        for (cell, cut) in cells.iter().zip(cuts) {
            if cut {
                tasks.push(Vec::new());
            }
            tasks.last_mut().unwrap().push(cell);
        }
        let tables: Vec<Dataset> = tasks.iter().map(|cells| written(&bench, &column(cells), &[])).collect();
        let joined = bench.store.concat(&tables).unwrap();
        let whole = written(&bench, &column(&cells), &[]);
        prop_assert_eq!(bench.rows(&joined), bench.rows(&whole));
    }
}
