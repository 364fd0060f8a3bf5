//! Reading users' formats into tables and writing tables in users' formats. Errors give the reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

mod bench;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Builder, MapBuilder, RecordBatch, StringArray, StringBuilder};
use bench::{Bench, mixed};
use sunward_core::Dataset;
use sunward_data::{FileMemory, FileStamp, SourceOptions, probe};
use sunward_workflows::{FileFact, Form, Value};

fn types(batch: &RecordBatch) -> Vec<String> {
    let fields = batch.schema();
    fields
        .fields()
        .iter()
        .map(|f| f.data_type().to_string())
        .collect()
}

#[test]
fn csv_types_come_from_all_rows() {
    let bench = Bench::new();
    let mut text = String::from("\u{feff}n,x,flag,day,at,word,none\r\n");
    for i in 0..20_000 {
        text.push_str(&format!(
            "{i},{i},true,2020-01-02,2020-01-02T03:04:05,w{i},\r\n"
        ));
    }
    text.push_str("7,2.5,false,2021-01-01,2020-01-02T03:04:05,\"a,\nb\",\r\n");
    let source = bench.file("table.csv", text);
    let dataset = bench.read(&source).unwrap();
    assert_eq!(dataset.rows, 20_001);
    let rows = bench.rows(&dataset);
    assert_eq!(
        types(&rows),
        [
            "Int64",
            "Float64",
            "Boolean",
            "Date32",
            "Timestamp(s)",
            "Utf8",
            "Utf8"
        ]
    );
    assert_eq!(
        rows.schema().field(0).name(),
        "n",
        "the byte-order mark is no part of the name"
    );
    assert_eq!(rows.column(6).null_count(), 20_001);
}

#[test]
fn tsv_and_smiles_are_read_too() {
    let bench = Bench::new();
    let tsv = bench.read(&bench.file("a.tsv", "a\tb\n1\tx y\n")).unwrap();
    assert_eq!(types(&bench.rows(&tsv)), ["Int64", "Utf8"]);
    let smi = bench.file(
        "m.smi",
        "# a note\nCCO\tethanol absolute\n\nC1=CC=CC=C1 2\nN\n",
    );
    let smi = bench.read(&smi).unwrap();
    let expected = RecordBatch::try_from_iter_with_nullable([
        (
            "smiles",
            Arc::new(StringArray::from(vec!["CCO", "C1=CC=CC=C1", "N"])) as ArrayRef,
            true,
        ),
        (
            "id",
            Arc::new(StringArray::from(vec![
                Some("ethanol absolute"),
                Some("2"),
                None,
            ])),
            true,
        ),
        (
            "extension",
            Arc::new(StringArray::from(vec![None::<&str>; 3])),
            true,
        ),
    ])
    .unwrap();
    assert_eq!(bench.rows(&smi), expected);
}

#[test]
fn every_form_comes_back_with_the_same_content() {
    let bench = Bench::new();
    let dataset = bench.table(&mixed());
    for (form, name) in [(Form::Arrow, "out.arrow"), (Form::Parquet, "out.parquet")] {
        let path = bench.path(name);
        bench.store.export(&dataset, &path, form, None).unwrap();
        let back = bench.read(&path.display().to_string()).unwrap();
        assert_eq!(back.content, dataset.content, "{name}");
    }
}

#[test]
fn csv_holds_lists_and_tensors_as_json_text() {
    let bench = Bench::new();
    let path = bench.path("out/deep/out.csv");
    bench
        .store
        .export(&bench.table(&mixed()), &path, Form::Csv, None)
        .unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(
        text,
        "id,name,list,t\n1,\"a \"\"b\"\", c\",\"[1,null]\",\"[1.5,null]\"\n2,,,\"[3.0,4.0]\"\n"
    );
}

#[test]
fn csv_holds_maps_as_objects_and_maps_without_names_as_pairs() {
    let bench = Bench::new();
    let mut named = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    let mut numbered = MapBuilder::new(None, Int32Builder::new(), Int32Builder::new());
    for (name, number) in [("a", 1), ("b", 2)] {
        named.keys().append_value(name);
        named.values().append_value(number);
        numbered.keys().append_value(number);
        numbered.values().append_value(number * 10);
    }
    for is_valid in [true, true, false] {
        named.append(is_valid).unwrap();
        numbered.append(is_valid).unwrap();
    }
    let columns: [(&str, ArrayRef); 2] = [
        ("named", Arc::new(named.finish())),
        ("numbered", Arc::new(numbered.finish())),
    ];
    let table = bench.table(&RecordBatch::try_from_iter(columns).unwrap());
    let path = bench.path("out.csv");
    bench.store.export(&table, &path, Form::Csv, None).unwrap();
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        "named,numbered\n\"{\"\"a\"\":1,\"\"b\"\":2}\",\"[[1,10],[2,20]]\"\n{},[]\n,\n"
    );
}

#[test]
fn a_table_without_rows_exports_its_header() {
    let bench = Bench::new();
    let dataset = bench.store.empty(mixed().schema()).unwrap();
    let path = bench.path("out.csv");
    bench
        .store
        .export(&dataset, &path, Form::Csv, None)
        .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "id,name,list,t\n");
    for (form, name) in [(Form::Arrow, "e.arrow"), (Form::Parquet, "e.parquet")] {
        let path = bench.path(name);
        bench.store.export(&dataset, &path, form, None).unwrap();
        assert_eq!(
            bench.read(&path.display().to_string()).unwrap().content,
            dataset.content
        );
    }
}

#[test]
fn export_replaces_and_leaves_nothing_beside() {
    let bench = Bench::new();
    let folder = bench.path("out");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("hits.csv"), "old").unwrap();
    bench
        .store
        .export(
            &bench.table(&mixed()),
            &folder.join("hits.csv"),
            Form::Csv,
            None,
        )
        .unwrap();
    let names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["hits.csv"]);
}

#[test]
fn columns_are_selected_and_the_digest_follows() {
    let bench = Bench::new();
    let whole = bench.table(&mixed());
    let columns = vec!["name".to_owned(), "id".to_owned()];
    let selected = bench.store.select(&whole, &columns).unwrap();
    assert_ne!(selected.content, whole.content);
    assert_eq!(bench.rows(&selected), mixed().project(&[1, 0]).unwrap());
    assert_eq!(bench.store.select(&whole, &columns).unwrap(), selected);
    let all: Vec<String> = ["id", "name", "list", "t"].map(String::from).to_vec();
    assert_eq!(bench.store.select(&whole, &all).unwrap(), whole);
    let path = bench.path("a.parquet");
    bench
        .store
        .export(&whole, &path, Form::Parquet, None)
        .unwrap();
    let options = SourceOptions {
        columns,
        ..SourceOptions::default()
    };
    let read = bench
        .read_with(&path.display().to_string(), &options)
        .unwrap();
    assert_eq!(read.content, selected.content);
    let error = bench
        .store
        .select(&whole, &["nmae".to_owned()])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`nmae`") && error.contains("id, name, list, t"),
        "{error}"
    );
}

#[test]
fn what_is_no_table_says_so() {
    let bench = Bench::new();
    let cases = [
        ("a.bin", "whatever", "suffix"),
        ("a.csv", "", "empty"),
        ("b.csv", "a,b\n1\n", "CSV"),
        ("c.csv", "a,a\n1,2\n", "two columns are named `a`"),
        ("d.csv", "a\n\u{0}\n", ""),
        ("a.parquet", "PAR1 but not really PAR1", "Parquet"),
        ("a.arrow", "ARROW1 but not really", "Arrow"),
        ("b.feather", "nothing of the kind", "Arrow"),
        ("a.nc", "nothing of the kind", "a.nc"),
    ];
    for (name, text, says) in cases {
        let source = bench.file(name, text);
        match bench.read(&source) {
            Err(error) => {
                let error = error.to_string();
                assert!(
                    error.contains(says) && error.contains(name),
                    "{name}: {error}"
                );
            }
            Ok(_) => assert!(says.is_empty(), "{name} was read"),
        }
        let fact = probe(&source, &SourceOptions::default());
        match name {
            "a.bin" => assert_eq!(fact, FileFact::File),
            _ if says.is_empty() => {}
            _ => assert!(
                matches!(fact, FileFact::Unreadable(_) | FileFact::Table { .. }),
                "{fact:?}"
            ),
        }
    }
    let error = bench
        .read("https://example.org/a.csv")
        .unwrap_err()
        .to_string();
    assert!(error.contains("download it first"), "{error}");
    assert!(
        bench
            .read("/no/such/file.csv")
            .unwrap_err()
            .to_string()
            .contains("check the path")
    );
}

#[test]
fn probing_gives_what_reading_will() {
    let bench = Bench::new();
    let dataset = bench.table(&mixed());
    for (form, name) in [
        (Form::Arrow, "p.arrow"),
        (Form::Parquet, "p.parquet"),
        (Form::Csv, "p.csv"),
    ] {
        let path = bench.path(name);
        bench.store.export(&dataset, &path, form, None).unwrap();
        let FileFact::Table { columns, rows } = probe(
            &format!("file://{}", path.display()),
            &SourceOptions::default(),
        ) else {
            panic!("{name} is a table");
        };
        assert_eq!(rows, Some(2), "{name}");
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["id", "name", "list", "t"]);
        assert_eq!(columns[0].column_type.0, "int64");
    }
    let missing = probe("/no/such/file.csv", &SourceOptions::default());
    assert_eq!(missing, FileFact::Missing);
    let folder = probe(
        &bench.home.path().display().to_string(),
        &SourceOptions::default(),
    );
    assert_eq!(folder, FileFact::Folder);
}

#[derive(Default)]
struct Noted(RefCell<BTreeMap<FileStamp, Dataset>>, RefCell<u32>);

impl FileMemory for Noted {
    fn get(&self, stamp: &FileStamp) -> Option<Dataset> {
        let found = self.0.borrow().get(stamp).cloned();
        *self.1.borrow_mut() += u32::from(found.is_some());
        found
    }

    fn put(&self, stamp: &FileStamp, dataset: &Dataset) {
        self.0.borrow_mut().insert(*stamp, dataset.clone());
    }
}

fn age(path: &str, seconds: u64) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(then)
        .unwrap();
}

#[test]
fn a_file_that_just_changed_is_not_trusted_to_be_settled() {
    let bench = Bench::new();
    let memory = Noted::default();
    let source = bench.file("a.csv", "x\n1\n");
    let options = SourceOptions::default();
    bench.store.read_source(&source, &options, &memory).unwrap();
    assert!(memory.0.borrow().is_empty());
}

#[test]
fn a_remembered_file_is_not_read_again_until_it_changes() {
    let bench = Bench::new();
    let memory = Noted::default();
    let source = bench.file("a.csv", "x\n1\n");
    age(&source, 3600);
    let options = SourceOptions::default();
    let first = bench.read_with(&source, &options).unwrap();
    // As if it had been read long after its last change, because not all of its times can be set.
    let stamps = Noted::default();
    let probe = ProbeStamp(&stamps);
    bench.store.read_source(&source, &options, &probe).unwrap();
    let stamp = *stamps.0.borrow().keys().next().unwrap();
    memory.put(&stamp, &first);
    assert_eq!(
        bench.store.read_source(&source, &options, &memory).unwrap(),
        first
    );
    assert_eq!(*memory.1.borrow(), 1);
    fs::write(&source, "x\n2\n").unwrap();
    let changed = bench.store.read_source(&source, &options, &memory).unwrap();
    assert_ne!(changed.content, first.content);
    assert_eq!(*memory.1.borrow(), 1);
    // A remembered dataset whose parts were pruned is read again.
    fs::remove_file(bench.store.part_path(&changed.parts[0].digest)).unwrap();
    let again = bench.store.read_source(&source, &options, &memory).unwrap();
    assert_eq!(again, changed);
}

/// Records the requested stamp.
struct ProbeStamp<'a>(&'a Noted);

impl FileMemory for ProbeStamp<'_> {
    fn get(&self, stamp: &FileStamp) -> Option<Dataset> {
        self.0.put(stamp, &Dataset::default());
        None
    }

    fn put(&self, _: &FileStamp, _: &Dataset) {}
}

#[test]
fn rows_become_items_with_their_columns() {
    let bench = Bench::new();
    let dataset = bench.table(&mixed());
    let items = bench.store.items(&dataset, 10).unwrap();
    let Value::Map(first) = &items[0] else {
        panic!("an item is a map");
    };
    assert_eq!(first[0], ("id".into(), Value::Int(1)));
    assert_eq!(
        first[1],
        ("name".into(), Value::String("a \"b\", c".into()))
    );
    assert_eq!(
        first[2],
        ("list".into(), Value::List(vec![Value::Int(1), Value::Null]))
    );
    let error = bench.store.items(&dataset, 1).unwrap_err().to_string();
    assert!(
        error.contains("2 rows") && error.contains("rows: 1000"),
        "{error}"
    );
}
