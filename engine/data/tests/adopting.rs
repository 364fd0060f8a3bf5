//! Outputs of commands are adopted if they match their declaration. Otherwise the error names them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
};
use arrow::datatypes::Int32Type;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::DataType;
use sunward_core::{Dataset, DatasetKind};
use sunward_data::{DataError, Store, Wanted, content_digest};
use sunward_workflows::{ColumnSpec, Form, OutputFormat};

struct Bench {
    home: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), None).unwrap();
        Self { home, store }
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("output")
    }

    fn arrow(&self, batch: &RecordBatch, options: IpcWriteOptions) -> PathBuf {
        let file = File::create(self.path()).unwrap();
        let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
        writer.write(batch).unwrap();
        writer.finish().unwrap();
        self.path()
    }

    fn adopt(&self, format: OutputFormat, declared: &[(&str, &str)]) -> Result<Dataset, DataError> {
        let declared: Vec<ColumnSpec> = declared
            .iter()
            .map(|(name, kind)| ColumnSpec::new(*name, *kind))
            .collect();
        let declared = (!declared.is_empty()).then_some(declared.as_slice());
        self.store.adopt(&self.path(), format, declared)
    }

    fn rows(&self, dataset: &Dataset) -> RecordBatch {
        self.store.table(dataset).unwrap().read(None).unwrap()
    }
}

fn hits() -> RecordBatch {
    RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
        ("sim", Arc::new(Float64Array::from(vec![0.5, 0.25, 1.0]))),
        ("name", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
    ])
    .unwrap()
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn an_uncompressed_arrow_file_is_renamed_not_copied() {
    let bench = Bench::new();
    let path = bench.arrow(&hits(), IpcWriteOptions::default());
    let before = inode(&path);
    let dataset = bench
        .adopt(OutputFormat::Arrow, &[("sim", "float64")])
        .unwrap();
    assert!(!path.exists());
    assert_eq!(
        inode(&bench.store.part_path(&dataset.parts[0].digest)),
        before
    );
    assert_eq!(bench.rows(&dataset), hits());
    let ours = bench.store.write_table(hits().schema(), &[hits()]).unwrap();
    assert_eq!(dataset.content, ours.content);
}

#[test]
fn a_compressed_file_and_a_stream_are_converted() {
    let bench = Bench::new();
    for kind in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(kind))
            .unwrap();
        let big = RecordBatch::try_from_iter([(
            "x",
            Arc::new(Int64Array::from(vec![7; 10_000])) as ArrayRef,
        )])
        .unwrap();
        bench.arrow(&big, options);
        let dataset = bench.adopt(OutputFormat::Arrow, &[]).unwrap();
        assert_eq!(bench.rows(&dataset), big);
        assert!(dataset.bytes() > 80_000, "parts are not compressed");
    }
    let mut writer =
        StreamWriter::try_new(File::create(bench.path()).unwrap(), &hits().schema()).unwrap();
    writer.write(&hits()).unwrap();
    writer.finish().unwrap();
    let dataset = bench.adopt(OutputFormat::Arrow, &[]).unwrap();
    assert_eq!(bench.rows(&dataset), hits());
}

#[test]
fn a_file_that_has_another_name_is_copied() {
    let bench = Bench::new();
    let path = bench.arrow(&hits(), IpcWriteOptions::default());
    let own = bench.home.path().join("the users own");
    fs::hard_link(&path, &own).unwrap();
    let linked = bench.adopt(OutputFormat::Arrow, &[]).unwrap();
    assert_ne!(
        inode(&bench.store.part_path(&linked.parts[0].digest)),
        inode(&own)
    );
    assert!(!fs::metadata(&own).unwrap().permissions().readonly());
    fs::remove_file(bench.path()).unwrap();
    std::os::unix::fs::symlink(&own, bench.path()).unwrap();
    let pointed = bench.adopt(OutputFormat::Arrow, &[]).unwrap();
    assert_eq!(pointed, linked);
    assert!(own.exists());
}

#[test]
fn parquet_and_csv_outputs_become_parts() {
    let bench = Bench::new();
    let dataset = bench.store.write_table(hits().schema(), &[hits()]).unwrap();
    bench
        .store
        .export(&dataset, &bench.path(), Form::Parquet, None)
        .unwrap();
    let parquet = bench
        .adopt(OutputFormat::Parquet, &[("id", "int64")])
        .unwrap();
    // The digest covers its bytes too, because commands may read them.
    assert_ne!(parquet.content, dataset.content);
    assert_eq!(parquet.parts, dataset.parts);
    assert!(parquet.written.is_some());
    fs::write(bench.path(), "id,sim,name\n1,0.5,07\n2,0.25,b\n").unwrap();
    let csv = bench
        .adopt(OutputFormat::Csv, &[("id", "int32"), ("name", "utf8")])
        .unwrap();
    let rows = bench.rows(&csv);
    assert_eq!(rows.column(0).data_type(), &DataType::Int32);
    assert_eq!(rows.column(1).data_type(), &DataType::Float64);
    fs::write(bench.path(), "id,name\n1,0\n2,1\n").unwrap();
    let declared = bench.adopt(OutputFormat::Csv, &[("name", "utf8")]).unwrap();
    assert_eq!(bench.rows(&declared).column(1).data_type(), &DataType::Utf8);
    fs::write(bench.path(), "id,name\nx,0\n").unwrap();
    let error = bench
        .adopt(OutputFormat::Csv, &[("id", "int64")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("id") || error.contains("Int64"), "{error}");
    fs::write(bench.path(), "id,name\nx,0\n").unwrap();
    let error = bench
        .adopt(OutputFormat::Csv, &[("id", "list<int64>")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("format: arrow"), "{error}");
}

/// Declared columns, and words of the error.
type Case = (
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

#[test]
fn another_schema_is_refused_naming_column_found_and_expected() {
    let bench = Bench::new();
    let cases: [Case; 3] = [
        (
            &[("sim", "float32")],
            &["`sim`", "float64", "float32", "`schema:`"],
        ),
        (
            &[("score", "float64")],
            &["`score` is missing", "id, sim, name"],
        ),
        (
            &[("id", "int64"), ("name", "int64")],
            &["`name`", "utf8", "int64"],
        ),
    ];
    for (declared, says) in cases {
        bench.arrow(&hits(), IpcWriteOptions::default());
        let error = bench.adopt(OutputFormat::Arrow, declared).unwrap_err();
        assert!(!error.is_infrastructure());
        let error = error.to_string();
        for word in says {
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}

#[test]
fn another_encoding_is_brought_to_the_declared_one() {
    let bench = Bench::new();
    let words = vec!["x", "y", "x"];
    let encodings: [ArrayRef; 2] = [
        Arc::new(LargeStringArray::from(words.clone())),
        Arc::new(
            words
                .iter()
                .copied()
                .collect::<DictionaryArray<Int32Type>>(),
        ),
    ];
    for array in encodings {
        let batch = RecordBatch::try_from_iter([("name", array)]).unwrap();
        bench.arrow(&batch, IpcWriteOptions::default());
        let dataset = bench
            .adopt(OutputFormat::Arrow, &[("name", "utf8")])
            .unwrap();
        assert_eq!(bench.rows(&dataset).column(0).data_type(), &DataType::Utf8);
        let expected = content_digest(&batch.schema(), [Ok(batch.clone())]).unwrap();
        assert_eq!(dataset.content, expected);
    }
}

#[test]
fn nothing_garbage_and_half_of_it_are_refused() {
    let bench = Bench::new();
    let error = bench
        .adopt(OutputFormat::Arrow, &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nothing is there") && error.contains("SUNWARD_OUTPUT"),
        "{error}"
    );
    for format in [
        OutputFormat::Arrow,
        OutputFormat::Parquet,
        OutputFormat::Csv,
    ] {
        for garbage in [
            &b""[..],
            b"ARROW1",
            b"PAR1PAR1PAR1PAR1",
            &[0xff; 3000],
            b"\0\0\0\0\0\0\0\0\0\0",
        ] {
            fs::write(bench.path(), garbage).unwrap();
            match bench.adopt(format, &[("id", "int64")]) {
                Err(error) => assert!(!error.is_infrastructure(), "{format:?}: {error}"),
                Ok(_) => panic!("{format:?} took {garbage:?}"),
            }
        }
    }
    let whole = fs::read(bench.arrow(&hits(), IpcWriteOptions::default())).unwrap();
    for length in (1..whole.len()).step_by(61) {
        fs::write(bench.path(), &whole[..length]).unwrap();
        let error = bench
            .adopt(OutputFormat::Arrow, &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("Arrow IPC file"), "{length}: {error}");
    }
    fs::remove_file(bench.path()).unwrap();
    fs::create_dir(bench.path()).unwrap();
    let error = bench.adopt(OutputFormat::Csv, &[]).unwrap_err().to_string();
    assert!(error.contains("it is a folder"), "{error}");
}

#[test]
fn flipped_bytes_in_an_output_never_panic() {
    let bench = Bench::new();
    let whole = fs::read(bench.arrow(&hits(), IpcWriteOptions::default())).unwrap();
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xa5;
        fs::write(bench.path(), bytes).unwrap();
        if let Ok(dataset) = bench.adopt(OutputFormat::Arrow, &[]) {
            bench.rows(&dataset);
        }
    }
}

#[test]
fn files_and_folders_move_into_the_store() {
    let bench = Bench::new();
    fs::write(bench.path(), "a figure").unwrap();
    let before = inode(&bench.path());
    let file = bench.adopt(OutputFormat::File, &[]).unwrap();
    assert_eq!(file.kind, DatasetKind::File);
    assert_eq!(inode(&bench.store.part_path(&file.content)), before);
    fs::create_dir_all(bench.path().join("deep")).unwrap();
    fs::write(bench.path().join("deep/one"), "1").unwrap();
    fs::write(bench.path().join("two"), "2").unwrap();
    let dir = bench.adopt(OutputFormat::Dir, &[]).unwrap();
    let back = bench.store.materialise(&dir, &Wanted::default()).unwrap();
    assert_eq!(fs::read_to_string(back.join("deep/one")).unwrap(), "1");
    assert_eq!(fs::read_to_string(back.join("two")).unwrap(), "2");
    fs::remove_dir_all(bench.path()).unwrap();
    fs::write(bench.path(), "no folder").unwrap();
    let error = bench.adopt(OutputFormat::Dir, &[]).unwrap_err().to_string();
    assert!(error.contains("mkdir"), "{error}");
}
