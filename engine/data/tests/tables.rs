//! Tables are stored and read back unchanged, whole or in slices. Garbage is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, Int64Type};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use proptest::prelude::*;
use sunward_core::{Dataset, DatasetKind, Digest, PartRef};
use sunward_data::{DataError, Store, content_digest};

fn store() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    (home, store)
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("x", DataType::Float64, true),
        Field::new("name", DataType::Utf8, true),
    ]))
}

fn numbered(from: i64, count: i64) -> RecordBatch {
    let ids = from..from + count;
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(Int64Array::from_iter_values(ids.clone())),
            Arc::new(Float64Array::from_iter(
                ids.clone().map(|i| (i % 5 != 0).then_some(i as f64 / 2.0)),
            )),
            Arc::new(StringArray::from_iter_values(
                ids.map(|i| format!("row {i}")),
            )),
        ],
    )
    .unwrap()
}

fn ids(batch: &RecordBatch) -> Vec<i64> {
    batch
        .column(0)
        .as_primitive::<Int64Type>()
        .values()
        .to_vec()
}

#[test]
fn a_table_comes_back_as_it_was_written() {
    let (_home, store) = store();
    let batches = [numbered(0, 10), numbered(10, 0), numbered(10, 100_000)];
    let dataset = store.write_table(schema(), &batches).unwrap();
    assert_eq!(dataset.kind, DatasetKind::Table);
    assert_eq!(dataset.rows, 100_010);
    let reader = store.table(&dataset).unwrap();
    assert_eq!(reader.schema(), &schema());
    let back = reader.read(None).unwrap();
    assert_eq!(back, concat_batches(&schema(), &batches).unwrap());
    let digest = content_digest(&schema(), reader.batches(None)).unwrap();
    assert_eq!(digest, dataset.content);
    let part = fs::read(store.part_path(&dataset.parts[0].digest)).unwrap();
    assert_eq!(Digest::of(&part), dataset.parts[0].digest);
    assert_eq!(part.len() as u64, dataset.parts[0].bytes);
}

#[test]
fn columns_are_mapped_and_aligned_not_copied() {
    let (_home, store) = store();
    let dataset = store
        .write_table(schema(), &[numbered(0, 100_000)])
        .unwrap();
    let reader = store.table(&dataset).unwrap();
    let first = reader.batches(None).next().unwrap().unwrap();
    let again = reader.batches(None).next().unwrap().unwrap();
    let at = |b: &RecordBatch| b.column(1).as_primitive::<Float64Type>().values().as_ptr();
    assert_eq!(at(&first), at(&again), "two reads see the same memory");
    assert_eq!(at(&first) as usize % 64, 0);
}

#[test]
fn an_empty_table_keeps_its_schema() {
    let (_home, store) = store();
    let dataset = store.write_table(schema(), &[]).unwrap();
    assert_eq!((dataset.rows, dataset.parts.len()), (0, 1));
    let reader = store.table(&dataset).unwrap();
    assert_eq!(reader.schema(), &schema());
    assert_eq!(reader.batches(None).count(), 0);
    assert_eq!(reader.read(None).unwrap().num_rows(), 0);
}

#[test]
fn the_same_rows_are_stored_once() {
    let (_home, store) = store();
    let first = store.write_table(schema(), &[numbered(0, 50)]).unwrap();
    let second = store.write_table(schema(), &[numbered(0, 50)]).unwrap();
    assert_eq!(first, second);
    let mode = fs::metadata(store.part_path(&first.parts[0].digest))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o222, 0, "parts are read-only");
}

#[test]
fn many_small_batches_become_few() {
    let (_home, store) = store();
    let mut writer = store.writer(schema()).unwrap();
    for i in 0..5_000 {
        writer.push(&numbered(i, 1)).unwrap();
    }
    let dataset = writer.finish().unwrap();
    let reader = store.table(&dataset).unwrap();
    assert_eq!(reader.batches(None).count(), 1);
    assert_eq!(
        ids(&reader.read(None).unwrap()),
        (0..5_000).collect::<Vec<_>>()
    );
}

#[test]
fn a_batch_of_another_schema_is_refused_by_column() {
    let (_home, store) = store();
    let mut writer = store.writer(schema()).unwrap();
    let other = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1])) as _),
        ("x", Arc::new(StringArray::from(vec!["?"])) as _),
        ("name", Arc::new(StringArray::from(vec!["a"])) as _),
    ])
    .unwrap();
    let error = writer.push(&other).unwrap_err().to_string();
    assert!(error.contains("`x` is Utf8, expected Float64"), "{error}");
}

#[test]
fn nothing_is_left_of_a_table_that_was_not_finished() {
    let (_home, store) = store();
    let mut writer = store.writer(schema()).unwrap();
    writer.push(&numbered(0, 200_000)).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(store.incoming_folder()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(store.root().join("cas")).unwrap().count(), 0);
}

#[test]
fn a_missing_part_says_what_to_do() {
    let (_home, store) = store();
    let dataset = store.write_table(schema(), &[numbered(0, 5)]).unwrap();
    assert!(store.is_local(&dataset));
    fs::remove_file(store.part_path(&dataset.parts[0].digest)).unwrap();
    assert!(!store.is_available(&dataset).unwrap());
    let error = store.table(&dataset).unwrap_err();
    assert!(matches!(error, DataError::MissingPart { .. }));
    assert!(error.to_string().contains("sunward run"), "{error}");
}

/// A dataset whose only part has these bytes, stored under their digest.
fn forged(store: &Store, bytes: &[u8], rows: u64) -> Dataset {
    let digest = Digest::of(bytes);
    let path = store.part_path(&digest);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    Dataset {
        written: None,
        files: None,
        kind: DatasetKind::Table,
        content: digest,
        rows,
        parts: vec![PartRef {
            digest,
            bytes: bytes.len() as u64,
            rows,
        }],
    }
}

#[test]
fn a_part_that_was_cut_off_is_never_read() {
    let (_home, store) = store();
    let dataset = store.write_table(schema(), &[numbered(0, 1_000)]).unwrap();
    let whole = fs::read(store.part_path(&dataset.parts[0].digest)).unwrap();
    for length in (0..whole.len()).step_by(997) {
        let cut = forged(&store, &whole[..length], 1_000);
        let error = store.table(&cut).unwrap_err();
        assert!(
            matches!(error, DataError::Damaged { .. }),
            "{length}: {error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn flipped_bytes_give_an_error_or_a_table_never_a_panic(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 1..=255_u8), 1..8),
        small in any::<bool>(),
    ) {
        let (_home, store) = store();
        let dataset = store.write_table(schema(), &[numbered(0, if small { 3 } else { 400 })]).unwrap();
        let mut bytes = fs::read(store.part_path(&dataset.parts[0].digest)).unwrap();
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        let forged = forged(&store, &bytes, dataset.rows);
        if let Ok(reader) = store.table(&forged) {
            for batch in reader.batches(None).flatten() {
                let _ = batch.columns().iter().map(|c| c.null_count()).sum::<usize>();
            }
        }
    }

    #[test]
    fn any_range_of_rows_is_those_rows(
        sizes in proptest::collection::vec(0..40_i64, 1..6),
        start in 0..200_u64,
        length in 0..200_u64,
    ) {
        let (_home, store) = store();
        // Several parts, some of them empty, as after a gather.
        let mut whole = Dataset { kind: DatasetKind::Table, ..Dataset::default() };
        let mut row = 0;
        for size in sizes {
            let part = store.write_table(schema(), &[numbered(row, size)]).unwrap();
            whole.rows += part.rows;
            whole.parts.extend(part.parts);
            row += size;
        }
        let reader = store.table(&whole).unwrap();
        let range = start..start + length;
        let expected: Vec<i64> = (0..row).filter(|i| range.contains(&(*i as u64))).collect();
        let found: Vec<i64> = reader
            .batches(Some(range))
            .flat_map(|batch| ids(&batch.unwrap()))
            .collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn the_size_of_parts_changes_nothing_but_their_number() {
    let (_home, store) = store();
    let batches = [
        numbered(0, 20_000),
        numbered(20_000, 7),
        numbered(20_007, 3_000),
    ];
    let whole = store.write_table(schema(), &batches).unwrap();
    assert_eq!(whole.parts.len(), 1);
    let rows = store.table(&whole).unwrap().read(None).unwrap();
    for part_bytes in [1, 10_000, 100_000, 400_000] {
        let small = store.with_part_bytes(part_bytes);
        let batches = if part_bytes == 1 {
            &batches[1..2]
        } else {
            &batches[..]
        };
        let dataset = small.write_table(schema(), batches).unwrap();
        assert!(dataset.parts.len() > 1, "{part_bytes}");
        assert_eq!(
            dataset.parts.iter().map(|part| part.rows).sum::<u64>(),
            dataset.rows
        );
        if part_bytes == 1 {
            assert_eq!(dataset.parts.len(), 7, "one row a part");
            continue;
        }
        assert_eq!(dataset.content, whole.content, "{part_bytes}");
        assert_eq!(store.table(&dataset).unwrap().read(None).unwrap(), rows);
        let largest = dataset.parts.iter().map(|part| part.bytes).max().unwrap();
        // The footer and headers are added to that.
        assert!(
            largest < part_bytes as u64 + 4_000,
            "{part_bytes}: {largest}"
        );
    }
}

#[test]
fn leftovers_of_the_dead_are_swept_and_the_living_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    let tmp = store.incoming_folder();
    let names = [
        "999999999-0-0".to_string(),
        format!("{}-0-0", std::process::id()),
        "999999999-1-0".to_string(),
    ];
    for name in &names {
        fs::write(tmp.join(name), "half").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    for name in &names[..2] {
        let file = fs::File::options()
            .write(true)
            .open(tmp.join(name))
            .unwrap();
        file.set_modified(long_ago).unwrap();
    }
    Store::open(home.path(), None).unwrap();
    let left: Vec<bool> = names.iter().map(|name| tmp.join(name).exists()).collect();
    assert_eq!(left, [false, true, true]);
}
