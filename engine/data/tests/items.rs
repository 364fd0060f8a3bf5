//! Rows of text tables become items. Their cells print as they were written, whatever the
//! delimiter.
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
use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, RecordBatch};
use bench::Bench;
use flate2::Compression;
use flate2::write::GzEncoder;
use sunward_core::Dataset;
use sunward_data::SourceOptions;
use sunward_workflows::{ColumnSpec, CsvOptions, Form, OutputFormat, Value};

/// Columns whose cells would change if they were printed as a number, a date or a boolean.
const HEADER: [&str; 8] = ["id", "zip", "x", "big", "flag", "when", "huge", "note"];
const ROWS: [[&str; 8]; 2] = [
    [
        "001",
        "01234",
        "1.50",
        "18446744073709551615",
        "TRUE",
        "2020-01-01T00:00:00+02:00",
        "123456789012345678901234",
        "a \"b\"",
    ],
    [
        "2",
        "9",
        "1e5",
        "7",
        "false",
        "2020-06-01T00:00:00.10Z",
        "1",
        "x, y",
    ],
];

fn kept(csv: CsvOptions) -> SourceOptions {
    SourceOptions {
        csv,
        keep: vec![Form::Csv],
        ..SourceOptions::default()
    }
}

fn text(delimiter: char) -> String {
    let line = |cells: &[&str]| {
        let cells = cells.iter().map(|cell| {
            let quoted = cell.contains(['"', delimiter]);
            match quoted {
                true => format!("\"{}\"", cell.replace('"', "\"\"")),
                false => (*cell).to_owned(),
            }
        });
        cells.collect::<Vec<_>>().join(&delimiter.to_string())
    };
    let lines = [line(&HEADER), line(&ROWS[0]), line(&ROWS[1])];
    lines.join("\n") + "\n"
}

fn cells(bench: &Bench, dataset: &Dataset) -> Vec<Vec<String>> {
    let items = bench.store.items(dataset, 100).unwrap();
    let row = |item: &Value| match item {
        Value::Map(row) => row.iter().map(|(_, value)| value.to_text()).collect(),
        other => panic!("{other:?}"),
    };
    items.iter().map(row).collect()
}

#[test]
fn cells_print_as_they_were_written_however_they_are_separated() {
    let bench = Bench::new();
    let packed = bench.path("t.csv.gz");
    let mut encoder = GzEncoder::new(fs::File::create(&packed).unwrap(), Compression::fast());
    encoder.write_all(text(',').as_bytes()).unwrap();
    encoder.finish().unwrap();
    let delimited = |delimiter| CsvOptions {
        delimiter: Some(delimiter),
        ..CsvOptions::default()
    };
    let sources = [
        (bench.file("t.csv", text(',')), CsvOptions::default()),
        (
            bench.file("b.csv", format!("\u{feff}{}", text(','))),
            CsvOptions::default(),
        ),
        (bench.file("t.tsv", text('\t')), CsvOptions::default()),
        (bench.file("s.csv", text(';')), delimited(';')),
        (packed.display().to_string(), CsvOptions::default()),
    ];
    for (source, csv) in sources {
        let dataset = bench.read_with(&source, &kept(csv));
        assert_eq!(cells(&bench, &dataset.unwrap()), ROWS, "{source}");
    }
    let output = bench.file("out.csv", text(','));
    let path = std::path::Path::new(&output);
    let dataset = bench.store.adopt(path, OutputFormat::Csv, None).unwrap();
    assert_eq!(cells(&bench, &dataset), ROWS, "a command's output");
    let twice = bench.store.concat(&[dataset.clone(), dataset]).unwrap();
    assert_eq!(cells(&bench, &twice), [ROWS, ROWS].concat(), "joined");
}

#[test]
fn numbers_of_cells_are_still_numbers() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a;b;c\n1,50;NA;-999\n2;TRUE;+7\n");
    let csv = CsvOptions {
        delimiter: Some(';'),
        null: vec!["NA".into(), "-999".into()],
        decimal: Some(','),
        ..CsvOptions::default()
    };
    let dataset = bench.read_with(&source, &kept(csv)).unwrap();
    assert_eq!(
        cells(&bench, &dataset),
        [["1.50", "", ""], ["2", "TRUE", "+7"]]
    );
    let items = bench.store.items(&dataset, 10).unwrap();
    let plain = |row: &[Value; 3]| {
        let names = ["a", "b", "c"].iter().zip(row);
        Value::Map(names.map(|(n, v)| ((*n).to_owned(), v.clone())).collect())
    };
    assert_eq!(
        items.iter().map(Value::plain).collect::<Vec<_>>(),
        [
            plain(&[Value::Float(1.5), Value::Null, Value::Null]),
            plain(&[Value::Float(2.0), Value::Bool(true), Value::Int(7)]),
        ]
    );
}

#[test]
fn a_declared_number_is_the_number_and_a_declared_text_is_the_text() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "id,n\n1,007\n2,12\n");
    let options = SourceOptions {
        schema: Some(vec![
            ColumnSpec::new("id", "utf8"),
            ColumnSpec::new("n", "int64"),
        ]),
        ..kept(CsvOptions::default())
    };
    let dataset = bench.read_with(&source, &options).unwrap();
    let items = bench.store.items(&dataset, 10).unwrap();
    let row = |id: &str, n| {
        let id = Value::String(id.to_owned());
        Value::Map(vec![("id".to_owned(), id), ("n".to_owned(), Value::Int(n))])
    };
    assert_eq!(items, [row("1", 7), row("2", 12)]);
}

/// `(digits, scale)`, and the item.
#[test]
fn decimals_are_numbers_that_print_all_their_digits() {
    let cases: [(i128, i8, &str, Option<f64>); 7] = [
        (150, 2, "1.50", Some(1.5)),
        (-5, 3, "-0.005", Some(-0.005)),
        (7, 0, "7", Some(7.0)),
        (0, 2, "0.00", Some(0.0)),
        (12, -2, "1200", Some(1200.0)),
        (
            12_345_678_901_234_567_890_123,
            0,
            "12345678901234567890123",
            None,
        ),
        (
            12_345_678_901_234_567_890_123,
            3,
            "12345678901234567890.123",
            Some(12_345_678_901_234_567_890.123),
        ),
    ];
    let bench = Bench::new();
    for (digits, scale, text, number) in cases {
        let column = Decimal128Array::from(vec![digits])
            .with_precision_and_scale(38, scale)
            .unwrap();
        let column: ArrayRef = Arc::new(column);
        let batch = RecordBatch::try_from_iter([("d", column)]).unwrap();
        let items = bench.store.items(&bench.table(&batch), 10).unwrap();
        let Value::Map(row) = &items[0] else {
            panic!("a row is a map");
        };
        assert_eq!(row[0].1.to_text(), text);
        let plain = match row[0].1.plain() {
            Value::Int(held) => held.to_string().parse().ok(),
            Value::Float(held) => Some(held),
            _ => None,
        };
        assert_eq!(plain, number, "{text}");
    }
}
