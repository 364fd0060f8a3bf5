//! Tables that other programs wrote, whether valid or damaged. They are read with equal values or
//! give an error with a reason. They never cause a panic, a wrong value or an unbounded allocation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

#[allow(dead_code, reason = "shared with the tests of formats")]
mod bench;

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date64Array, DictionaryArray, FixedSizeBinaryArray, Float32Array, Int32Array,
    Int64Array, RecordBatch, RunArray, StringArray, Time32SecondArray, TimestampMicrosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::Int32Type;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, TimeUnit};
use bench::Bench;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use sunward_data::SourceOptions;
use sunward_workflows::{ColumnSpec, CsvOptions, Form, Value};

fn csv_types(cells: &str) -> DataType {
    let bench = Bench::new();
    let source = bench.file("t.csv", format!("c\n{cells}\n"));
    let dataset = bench.read(&source).unwrap();
    bench.rows(&dataset).schema().field(0).data_type().clone()
}

/// The type of a column is the narrowest that preserves what was written.
#[test]
fn cells_that_a_number_would_change_are_text() {
    let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    for (cells, expected) in [
        ("001\n2", DataType::Utf8),
        ("-07", DataType::Utf8),
        ("+012", DataType::Utf8),
        ("00", DataType::Utf8),
        ("0\n-0", DataType::Int64),
        ("0.5\n1", DataType::Float64),
        ("1.10\n1e5", DataType::Float64),
        ("18446744073709551615\n1", DataType::UInt64),
        ("18446744073709551615\n-1", DataType::Utf8),
        ("18446744073709551616", DataType::Utf8),
        ("123456789012345678901234", DataType::Utf8),
        ("1e999", DataType::Utf8),
        ("0.5\n1e-400", DataType::Utf8),
        ("0.5\n0e-400", DataType::Float64),
        ("0.5\n1e-300", DataType::Float64),
        ("2020-01-01\n2020-13-45\n0000-00-00", DataType::Utf8),
        ("2020-01-01\n2021-02-28", DataType::Date32),
        ("2020-01-01 25:00:00", DataType::Utf8),
        (
            "2020-01-01T00:00:00\n2020-01-01T00:00:00.5",
            DataType::Timestamp(TimeUnit::Millisecond, None),
        ),
        (
            "2020-01-01T00:00:00+02:00\n2020-06-01T00:00:00Z",
            utc(TimeUnit::Second),
        ),
        (
            "2020-01-01T00:00:00+02:00\n2020-06-01T00:00:00",
            DataType::Utf8,
        ),
        ("TRUE\nfalse", DataType::Boolean),
        ("TRUE\n1", DataType::Utf8),
        ("- 1", DataType::Utf8),
        ("--1", DataType::Utf8),
        ("1_000", DataType::Utf8),
        ("infinity", DataType::Utf8),
    ] {
        assert_eq!(csv_types(cells), expected, "{cells:?}");
    }
}

#[test]
fn a_text_table_that_is_broken_is_refused_with_its_line() {
    let bench = Bench::new();
    for (text, words) in [
        ("a,b\n1,\"two\n3,4\n", ["quote is not closed", "line 2"]),
        (
            "a,b\n1,2\n3,4,5\n",
            ["line 3 has a different number of cells (3)", "header (2)"],
        ),
        ("a;b\n1,5;2\n", ["line 2", "delimiter: ';'"]),
        ("# made by a tool\na,b\n1,2\n", ["line 2", "comment: '#'"]),
        ("a\n\"1\nx\"\n\"open", ["quote is not closed", "line 4"]),
        ("a,a\n1,2\n", ["two columns", "`a`"]),
    ] {
        let source = bench.file("t.csv", text);
        let error = bench.read(&source).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{text:?}: {error}");
        }
    }
    // A quote inside an unquoted cell is literal.
    let source = bench.file("t.csv", "pipe,b\n5\" pipe,2\n");
    assert_eq!(bench.read(&source).unwrap().rows, 1);
}

#[test]
fn options_say_how_cells_are_written() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "# by a tool\na;b\n1,5;NA\n-999;2\n");
    let options = SourceOptions {
        csv: CsvOptions {
            delimiter: Some(';'),
            comment: Some('#'),
            null: vec!["NA".into(), "-999".into()],
            decimal: Some(','),
        },
        ..SourceOptions::default()
    };
    let dataset = bench.read_with(&source, &options).unwrap();
    let items = bench.store.items(&dataset, 10).unwrap();
    let row = |a, b| Value::Map(vec![("a".into(), a), ("b".into(), b)]);
    assert_eq!(
        items,
        [
            row(Value::Float(1.5), Value::Null),
            row(Value::Null, Value::Int(2))
        ]
    );
}

#[test]
fn declared_columns_have_their_types_or_an_error_names_the_cell() {
    let bench = Bench::new();
    let declared = |text: &str, kind: &str| {
        let source = bench.file("t.csv", format!("c\n{text}\n"));
        let options = SourceOptions {
            schema: Some(vec![ColumnSpec::new("c", kind)]),
            ..SourceOptions::default()
        };
        bench.read_with(&source, &options)
    };
    for (text, kind) in [
        ("1\n2.5", "int64"),
        ("1\n300", "int8"),
        ("1\n-1", "uint8"),
        ("1\n1.005", "decimal128(9,2)"),
        ("1\n1e-3", "decimal128(9,2)"),
        ("1\n12345678.9", "decimal128(4,1)"),
        ("1\n1e39", "float32"),
        ("1\n1e999", "float64"),
        ("1\n1e-400", "float64"),
        ("1\n-2.5e-60", "float32"),
        ("1\nx", "float64"),
        ("2020-01-01\n2020-13-01", "date32"),
    ] {
        let error = declared(text, kind).unwrap_err().to_string();
        let cell = text.split('\n').nth(1).unwrap();
        assert!(
            error.contains("line 3") && error.contains(&format!("`{cell}`")),
            "{kind}: {error}"
        );
    }
    for (text, kind) in [
        ("1\n1.00", "decimal128(9,2)"),
        ("001\n2", "int64"),
        ("001\n2", "utf8"),
        ("1\ninf", "float64"),
        ("0e-400\n5e-324", "float64"),
        ("1e-400\n-1e-400", "utf8"),
    ] {
        assert_eq!(declared(text, kind).unwrap().rows, 2, "{text:?} as {kind}");
    }
}

#[test]
fn packed_text_tables_are_read() {
    let bench = Bench::new();
    for (name, separator) in [("t.csv.gz", ','), ("t.tsv.gz", '\t')] {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        write!(packed, "a{separator}b\n1{separator}x\n").unwrap();
        let source = bench.file(name, packed.finish().unwrap());
        let dataset = bench.read(&source).unwrap();
        assert_eq!(bench.rows(&dataset).num_columns(), 2, "{name}");
    }
}

fn parquet(bench: &Bench, name: &str, batch: &RecordBatch, properties: WriterProperties) -> String {
    let path = bench.path(name);
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    path.display().to_string()
}

fn arrow_file(bench: &Bench, name: &str, batch: &RecordBatch, options: IpcWriteOptions) -> String {
    let path = bench.path(name);
    let file = File::create(&path).unwrap();
    let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    path.display().to_string()
}

/// Types that Parquet or CSV lack, each with its extreme values.
fn uncommon() -> Vec<(&'static str, ArrayRef)> {
    let keys = Int32Array::from(vec![Some(0), None, Some(1)]);
    let dictionary = DictionaryArray::new(keys, Arc::new(Int64Array::from(vec![7, 8])));
    let runs = RunArray::<Int32Type>::try_new(
        &Int32Array::from(vec![2, 3]),
        &Int64Array::from(vec![5, 6]),
    )
    .unwrap();
    let empty = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        [Some(b"".as_slice()), None, Some(b"")].into_iter(),
        0,
    )
    .unwrap();
    let seconds = TimestampSecondArray::from(vec![Some(1_577_836_800), None, Some(-1)]);
    vec![
        ("u", Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1]))),
        (
            "f",
            Arc::new(Float32Array::from(vec![0.1, f32::MAX, f32::MIN_POSITIVE])),
        ),
        ("s", Arc::new(seconds.clone())),
        ("z", Arc::new(seconds.with_timezone("Europe/Berlin"))),
        (
            "d",
            Arc::new(Date64Array::from(vec![
                Some(1_577_836_800_000),
                None,
                Some(0),
            ])),
        ),
        (
            "t",
            Arc::new(Time32SecondArray::from(vec![3600, 0, 86_399])),
        ),
        ("k", Arc::new(dictionary)),
        ("r", Arc::new(runs)),
        ("b", Arc::new(empty)),
    ]
}

#[test]
fn every_type_comes_back_from_parquet() {
    let bench = Bench::new();
    for (name, column) in uncommon() {
        let batch = RecordBatch::try_from_iter_with_nullable([(name, column, true)]).unwrap();
        let source = arrow_file(&bench, "t.arrow", &batch, IpcWriteOptions::default());
        let dataset = bench.read(&source).unwrap();
        let path = bench.path("t.parquet");
        bench
            .store
            .export(&dataset, &path, Form::Parquet, None)
            .unwrap();
        let back = bench.read(&path.display().to_string()).unwrap();
        assert_eq!(
            bench.rows(&back).schema().field(0).data_type(),
            bench.rows(&dataset).schema().field(0).data_type(),
            "{name}"
        );
        assert_eq!(back.content, dataset.content, "{name}");
    }
}

#[test]
fn other_programs_see_times_as_times() {
    let bench = Bench::new();
    let batch = RecordBatch::try_from_iter_with_nullable(
        uncommon()
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let dataset = bench.table(&batch);
    let path = bench.path("t.parquet");
    bench
        .store
        .export(&dataset, &path, Form::Parquet, None)
        .unwrap();
    let file = File::open(&path).unwrap();
    let options =
        parquet::arrow::arrow_reader::ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let plain =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new_with_options(
            file, options,
        )
        .unwrap();
    let types: Vec<String> = plain
        .schema()
        .fields()
        .iter()
        .map(|f| f.data_type().to_string())
        .collect();
    assert_eq!(
        types,
        [
            "UInt64",
            "Float32",
            "Timestamp(ms)",
            "Timestamp(ms, \"UTC\")",
            "Date32",
            "Time32(ms)",
            "Int64",
            "Int64",
            "Binary"
        ]
    );
    let path = bench.path("t.csv");
    bench
        .store
        .export(&dataset, &path, Form::Csv, None)
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let first = text.lines().nth(1).unwrap();
    assert!(
        first.starts_with("18446744073709551615,0.1,2020-01-01T00:00:00,2020-01-01T01:00:00+01:00,2020-01-01,01:00:00,7,5,"),
        "{first}"
    );
}

#[test]
fn items_hold_numbers_exactly() {
    let bench = Bench::new();
    let batch = RecordBatch::try_from_iter_with_nullable(
        uncommon()
            .into_iter()
            .take(4)
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let items = bench.store.items(&bench.table(&batch), 10).unwrap();
    let Value::Map(row) = &items[0] else {
        panic!("a row is a map");
    };
    let texts: Vec<String> = row.iter().map(|(_, value)| value.to_text()).collect();
    assert_eq!(
        texts,
        [
            "18446744073709551615",
            "0.1",
            "2020-01-01T00:00:00",
            "2020-01-01T01:00:00+01:00"
        ]
    );
}

#[test]
fn a_date_with_a_time_of_day_is_refused_by_parquet() {
    let bench = Bench::new();
    let dates: ArrayRef = Arc::new(Date64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter_with_nullable([("d", dates, true)]).unwrap();
    let error = bench
        .store
        .export(
            &bench.table(&batch),
            &bench.path("t.parquet"),
            Form::Parquet,
            None,
        )
        .unwrap_err()
        .to_string();
    assert!(error.contains("`d` is date64"), "{error}");
}

fn numbers() -> RecordBatch {
    let texts: StringArray = (0..100).map(|i| Some(i.to_string())).collect();
    RecordBatch::try_from_iter([
        (
            "x",
            Arc::new(Int64Array::from_iter_values(0..100)) as ArrayRef,
        ),
        ("y", Arc::new(texts)),
    ])
    .unwrap()
}

#[test]
fn every_codec_of_parquet_is_read() {
    let bench = Bench::new();
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
    ] {
        let properties = WriterProperties::builder().set_compression(codec).build();
        let source = parquet(&bench, "t.parquet", &numbers(), properties);
        assert_eq!(
            bench.rows(&bench.read(&source).unwrap()),
            numbers(),
            "{codec}"
        );
    }
}

/// A dictionary of one long value and many keys is small in the file and huge in memory.
#[test]
fn a_parquet_file_that_expands_without_bound_is_refused() {
    let bench = Bench::new();
    let long = "x".repeat(100_000);
    let keys = Int32Array::from(vec![0; 60_000]);
    let column: ArrayRef = Arc::new(DictionaryArray::new(
        keys,
        Arc::new(StringArray::from(vec![long])),
    ));
    let batch = RecordBatch::try_from_iter([("s", column)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
        .set_dictionary_page_size_limit(4_000_000)
        .build();
    let source = parquet(&bench, "bomb.parquet", &batch, properties);
    let error = bench.read(&source).unwrap_err().to_string();
    assert!(error.contains("GiB"), "{error}");
}

/// Flips bytes of a file. Reading it may give the same rows, other rows or an error, but no panic.
fn survives(bench: &Bench, name: &str, whole: &[u8], flips: &[(usize, u8)]) {
    let mut bytes = whole.to_vec();
    for (at, value) in flips {
        let at = at % bytes.len();
        bytes[at] ^= value;
    }
    let source = bench.file(name, bytes);
    let _ = sunward_data::probe(&source, &SourceOptions::default());
    if let Ok(dataset) = bench.read(&source) {
        let _ = bench
            .store
            .export(&dataset, &bench.path("out.parquet"), Form::Parquet, None);
        let _ = bench
            .store
            .export(&dataset, &bench.path("out.csv"), Form::Csv, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damaged_files_give_an_error_and_no_panic(
        flips in proptest::collection::vec((any::<usize>(), 1_u8..), 1..6),
        text in "[a-c0-9,;\"\n\r#\u{e9} .-]{0,80}",
    ) {
        let bench = Bench::new();
        let batch = numbers();
        let packed = IpcWriteOptions::default()
            .try_with_compression(Some(arrow::ipc::CompressionType::ZSTD))
            .unwrap();
        for (name, source) in [
            ("a.parquet", parquet(&bench, "w", &batch, WriterProperties::default())),
            ("a.arrow", arrow_file(&bench, "w", &batch, IpcWriteOptions::default())),
            ("b.arrow", arrow_file(&bench, "w", &batch, packed)),
        ] {
            let whole = fs::read(source).unwrap();
            survives(&bench, name, &whole, &flips);
        }
        survives(&bench, "a.csv", format!("h{text}").as_bytes(), &flips);
    }

    /// A table that is exported as CSV and read again with declared types is the same table.
    #[test]
    fn numbers_and_text_come_back_from_csv(
        rows in proptest::collection::vec((any::<i64>(), any::<f64>(), "[ -~\u{e9}\n]{1,12}"), 1..20),
    ) {
        let bench = Bench::new();
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("i", Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()) as ArrayRef, true),
            ("f", Arc::new(rows.iter().map(|row| Some(row.1)).collect::<arrow::array::Float64Array>()), true),
            ("s", Arc::new(rows.iter().map(|row| Some(row.2.clone())).collect::<StringArray>()), true),
        ]).unwrap();
        let dataset = bench.table(&batch);
        let path = bench.path("t.csv");
        bench.store.export(&dataset, &path, Form::Csv, None).unwrap();
        let options = SourceOptions {
            schema: Some(vec![
                ColumnSpec::new("i", "int64"),
                ColumnSpec::new("f", "float64"),
                ColumnSpec::new("s", "utf8"),
            ]),
            ..SourceOptions::default()
        };
        let back = bench.read_with(&path.display().to_string(), &options).unwrap();
        prop_assert_eq!(back.content, dataset.content);
    }
}

#[test]
fn a_page_that_fails_its_checksum_is_refused() {
    let Some(source) = hostile("checksum.parquet") else {
        return;
    };
    let bench = Bench::new();
    assert_eq!(bench.read(&source).unwrap().rows, 100);
    let mut bytes = fs::read(&source).unwrap();
    bytes[300] ^= 0x40;
    let error = bench
        .read(&bench.file("flipped.parquet", bytes))
        .unwrap_err()
        .to_string();
    assert!(error.contains("does not match its checksum"), "{error}");
}

/// Every file of the collection is read, or refused with a reason.
#[test]
fn the_hostile_files_are_read_or_refused() {
    let bench = Bench::new();
    for (name, verdict) in [
        ("binary0.arrow", None),
        ("bomb.parquet", Some("GiB")),
        ("lengths.arrow", Some("not a readable")),
        ("utc.parquet", None),
        ("brotli.parquet", None),
        ("checksum.parquet", None),
        ("checksum-flipped.parquet", Some("checksum")),
        ("types.arrow", None),
        ("ids.csv", None),
        ("dates.csv", None),
        ("semicolon.csv", Some("delimiter: ';'")),
        ("comment.csv", Some("comment: '#'")),
        ("unterminated.csv", Some("line 2")),
    ] {
        let Some(source) = hostile(name) else {
            return;
        };
        match (bench.read(&source), verdict) {
            (Ok(dataset), None) => {
                for (form, out) in [(Form::Parquet, "o.parquet"), (Form::Csv, "o.csv")] {
                    bench
                        .store
                        .export(&dataset, &bench.path(out), form, None)
                        .unwrap();
                }
                bench.store.items(&dataset, 1000).unwrap();
            }
            (Err(error), Some(word)) => {
                assert!(error.to_string().contains(word), "{name}: {error}");
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

fn hostile(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var("SUNWARD_SHARED").unwrap_or_else(|_| beside.into());
    let path = std::path::Path::new(&shared).join("hostile").join(name);
    if !path.exists() {
        eprintln!("NOT RUN: {} is not there", path.display());
        return None;
    }
    Some(path.display().to_string())
}

/// Times outside the range of 64-bit nanoseconds are read in microseconds.
#[test]
fn times_of_any_year_come_back() {
    let bench = Bench::new();
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![
        253_402_300_799_000_000,
    ]));
    let batch = RecordBatch::try_from_iter([("t", times)]).unwrap();
    let source = parquet(&bench, "t.parquet", &batch, WriterProperties::default());
    assert_eq!(bench.rows(&bench.read(&source).unwrap()), batch);
}
