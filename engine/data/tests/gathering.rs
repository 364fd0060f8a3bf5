//! Tables, files and folders are gathered and materialized for tasks, byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

mod bench;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use bench::{Bench, mixed};
use sunward_core::{Dataset, DatasetKind};
use sunward_data::{NoMemory, Wanted, path_digest};
use sunward_workflows::{Action, Command, Form, Output, OutputFormat, Scatter, Span, Stage, Value};

#[test]
fn a_one_part_table_is_its_own_arrow_file() {
    let bench = Bench::new();
    let dataset = bench.table(&mixed());
    let path = bench
        .store
        .materialise(&dataset, &Wanted::default())
        .unwrap();
    assert_eq!(path.extension().unwrap(), "arrow");
    assert_eq!(
        inode(&path),
        inode(&bench.store.part_path(&dataset.parts[0].digest))
    );
    assert_eq!(
        bench
            .store
            .materialise(&dataset, &Wanted::default())
            .unwrap(),
        path
    );
    assert_eq!(bench.store.part_files(&dataset, None).unwrap(), [path]);
}

fn inode(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).unwrap().ino()
}

fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    let x = range.clone().map(|i| i as f64);
    RecordBatch::try_from_iter([
        (
            "i",
            Arc::new(Int64Array::from_iter_values(range)) as ArrayRef,
        ),
        ("x", Arc::new(Float64Array::from_iter_values(x))),
    ])
    .unwrap()
}

#[test]
fn gathered_tables_read_as_one_whatever_the_cut() {
    let bench = Bench::new();
    let whole = bench.table(&numbers(0..100));
    let empty = bench.store.empty(numbers(0..0).schema()).unwrap();
    let pieces: Vec<Dataset> = [0..10, 10..11, 11..100]
        .map(|r| bench.table(&numbers(r)))
        .to_vec();
    let mut with_empty = pieces.clone();
    with_empty.insert(1, empty.clone());
    let joined = bench.store.concat(&with_empty).unwrap();
    assert_eq!(joined.content, whole.content);
    assert_eq!((joined.rows, joined.parts.len()), (100, 3));
    assert_eq!(bench.store.concat(&pieces).unwrap(), joined);
    assert_eq!(
        bench
            .store
            .concat(&[empty.clone(), pieces[0].clone()])
            .unwrap(),
        pieces[0]
    );
    assert_eq!(
        bench.store.concat(&[empty.clone(), empty.clone()]).unwrap(),
        empty
    );
    let csv = Wanted {
        form: Form::Csv,
        rows: Some(9..12),
        ..Wanted::default()
    };
    let path = bench.store.materialise(&joined, &csv).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "i,x\n9,9.0\n10,10.0\n11,11.0\n"
    );
    let arrow = bench
        .store
        .materialise(&joined, &Wanted::default())
        .unwrap();
    assert_eq!(
        bench.read(&arrow.display().to_string()).unwrap().content,
        whole.content
    );
    assert_eq!(bench.store.part_files(&joined, None).unwrap().len(), 3);
    assert!(bench.store.concat(&[]).is_err());
}

#[test]
fn gathering_tables_of_different_columns_names_the_culprit() {
    let bench = Bench::new();
    let other = RecordBatch::try_from_iter([
        ("i", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
        ("x", Arc::new(StringArray::from(vec!["1"]))),
    ])
    .unwrap();
    let tables = [
        bench.table(&numbers(0..1)),
        bench.table(&numbers(1..2)),
        bench.table(&other),
    ];
    let error = bench.store.concat(&tables).unwrap_err().to_string();
    assert!(
        error.contains("dataset 2") && error.contains("column `x` is Utf8"),
        "{error}"
    );
    let schema = Schema::new(vec![Field::new("i", DataType::Int64, true)]);
    let narrow = numbers(0..1).project(&[0]).unwrap();
    assert_eq!(narrow.schema().fields().len(), schema.fields().len());
    let tables = [bench.table(&numbers(0..1)), bench.table(&narrow)];
    let error = bench.store.concat(&tables).unwrap_err().to_string();
    assert!(error.contains("column `x` is missing"), "{error}");
}

#[test]
fn encodings_may_differ_between_gathered_tables() {
    let bench = Bench::new();
    let words: Vec<&str> = vec!["one", "two"];
    let plain: ArrayRef = Arc::new(StringArray::from(words.clone()));
    let large: ArrayRef = Arc::new(arrow::array::LargeStringArray::from(words.clone()));
    let table =
        |a: &ArrayRef| bench.table(&RecordBatch::try_from_iter([("w", a.clone())]).unwrap());
    let joined = bench.store.concat(&[table(&plain), table(&large)]).unwrap();
    let twice: ArrayRef = Arc::new(StringArray::from([words.clone(), words].concat()));
    assert_eq!(joined.content, table(&twice).content);
    let rows = bench.rows(&joined);
    assert_eq!(rows.num_rows(), 4);
    assert_eq!(rows.column(0).data_type(), &DataType::Utf8);
}

#[test]
fn files_and_folders_travel_as_they_are() {
    let bench = Bench::new();
    let folder = bench.path("model");
    fs::create_dir_all(folder.join("sub/empty")).unwrap();
    fs::write(folder.join("b.txt"), "b").unwrap();
    fs::write(folder.join("sub/a b.txt"), "a").unwrap();
    let dir = bench
        .store
        .read_blob(&folder.display().to_string(), &NoMemory)
        .unwrap();
    assert_eq!(dir.kind, DatasetKind::Dir);
    let path = bench.store.materialise(&dir, &Wanted::default()).unwrap();
    assert_eq!(fs::read_to_string(path.join("sub/a b.txt")).unwrap(), "a");
    assert!(path.join("sub/empty").is_dir());
    let out = bench.path("exported");
    bench.store.export(&dir, &out, Form::File, None).unwrap();
    fs::write(out.join("b.txt"), "exported files may be changed").unwrap();
    assert_eq!(fs::read_to_string(folder.join("b.txt")).unwrap(), "b");
    let again = bench
        .store
        .read_blob(&folder.display().to_string(), &NoMemory)
        .unwrap();
    assert_eq!(again, dir);

    let a = bench
        .store
        .read_blob(&bench.file("a.png", "AAA"), &NoMemory)
        .unwrap();
    let b = bench
        .store
        .read_blob(&bench.file("b.png", "BBB"), &NoMemory)
        .unwrap();
    let png = Wanted {
        ext: Some("png".into()),
        ..Wanted::default()
    };
    let one = bench.store.materialise(&a, &png).unwrap();
    assert_eq!(
        (one.extension().unwrap().to_str(), fs::read(&one).unwrap()),
        (Some("png"), b"AAA".to_vec())
    );
    let gathered = bench.store.concat(&[b, a]).unwrap();
    let path = bench.store.materialise(&gathered, &png).unwrap();
    assert_eq!(fs::read_to_string(path.join("000000.png")).unwrap(), "BBB");
    assert_eq!(fs::read_to_string(path.join("000001.png")).unwrap(), "AAA");
}

/// A stage with this output, of several tasks or of one.
fn stage(format: OutputFormat, is_scattered: bool) -> Stage {
    let mut stage = Stage::new("s", Action::Run(Command::Argv(Vec::new())));
    if is_scattered {
        stage.scatter = Scatter::Range(Value::Int(0));
    }
    let output = Output {
        format,
        schema: None,
        ext: None,
        span: Span::default(),
        ..Output::default()
    };
    stage.outputs.insert("o".to_owned(), output);
    stage
}

#[test]
fn a_scattered_stage_gives_a_folder_for_any_number_of_tasks() {
    let bench = Bench::new();
    let blobs: Vec<Dataset> = ["AAA", "BBB"]
        .iter()
        .map(|text| {
            let path = bench.file(text, text);
            bench.store.read_blob(&path, &NoMemory).unwrap()
        })
        .collect();
    let folders: Vec<Dataset> = ["AAA", "BBB"]
        .iter()
        .map(|text| {
            let folder = bench.path(&format!("folder {text}"));
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("x"), text).unwrap();
            bench.store.folder_blob(&folder).unwrap()
        })
        .collect();
    let kinds = [
        (OutputFormat::File, &blobs, DatasetKind::Files, ""),
        (OutputFormat::Dir, &folders, DatasetKind::Dirs, "/x"),
    ];
    for (format, all, kind, inner) in kinds {
        let mut contents = Vec::new();
        for count in 0..=2 {
            let scattered = stage(format, true);
            let gathered = bench.store.gather(&scattered, "o", &all[..count]).unwrap();
            assert_eq!((gathered.kind, gathered.parts.len()), (kind, count));
            contents.push(gathered.content);
            let path = bench.store.materialise(&gathered, &Wanted::default());
            let out = bench.path(&format!("{format:?} {count}"));
            bench
                .store
                .export(&gathered, &out, Form::Arrow, None)
                .unwrap();
            for folder in [path.unwrap(), out] {
                assert_eq!(folder.read_dir().unwrap().count(), count, "{folder:?}");
                for (index, text) in ["AAA", "BBB"][..count].iter().enumerate() {
                    let file = format!("{}/{index:06}{inner}", folder.display());
                    assert_eq!(fs::read_to_string(file).unwrap(), *text);
                }
            }
        }
        // A task that reads the folder is another one than a task that reads the file.
        contents.push(all[0].content);
        contents.sort_unstable();
        contents.dedup();
        assert_eq!(contents.len(), 4, "{format:?}");
        let alone = stage(format, false);
        let given = bench.store.gather(&alone, "o", &all[..1]).unwrap();
        assert_eq!(given, all[0]);
        // Several sources of one input are a folder of all their files.
        let scattered = stage(format, true);
        let pieces = bench.store.pieces(&scattered, "o", &all[..1], &[]).unwrap();
        let joined = [pieces, vec![all[1].clone()]].concat();
        let joined = bench.store.concat(&joined).unwrap();
        assert_eq!((joined.kind, joined.parts.len()), (kind, 2));
    }
    let error = bench.store.concat(&[blobs[0].clone(), folders[0].clone()]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("is a folder"), "{error}");
}

#[test]
fn a_folder_with_a_link_is_refused() {
    let bench = Bench::new();
    let folder = bench.path("f");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("innocent")).unwrap();
    let error = bench
        .store
        .read_blob(&folder.display().to_string(), &NoMemory)
        .unwrap_err();
    assert!(
        error.to_string().contains("not inside the folder"),
        "{error}"
    );
}

#[test]
fn a_paths_digest_follows_bytes_names_and_the_right_to_execute() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let script = PathBuf::from(bench.file("plot.py", "print()"));
    let digest = |path: &Path| path_digest(path).unwrap();
    let before = digest(&script);
    assert_eq!(
        digest(Path::new(&bench.file("other.py", "print()"))),
        before
    );
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    assert_ne!(digest(&script), before);
    let folder = bench.path("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a"), "1").unwrap();
    let whole = digest(&folder);
    fs::rename(folder.join("a"), folder.join("b")).unwrap();
    assert_ne!(digest(&folder), whole);
    assert!(path_digest(Path::new("/no/such")).is_err());
}
