//! The content digest is equal for equal rows, whatever their parts, padding and encoding.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::allow_attributes,
    reason = "tests say what they expect by panicking"
)]

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Float32Array, Float64Array,
    Int32Array, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray, StringViewArray,
    StructArray,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Float64Type, Int32Type};
use arrow_schema::{DataType, Field, Schema};
use proptest::prelude::*;
use sunward_core::Digest;
use sunward_data::{ContentHasher, content_digest};

fn digest(batches: &[RecordBatch]) -> Digest {
    let schema = batches[0].schema();
    content_digest(&schema, batches.iter().cloned().map(Ok)).unwrap()
}

fn one(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([(name, array)]).unwrap()
}

/// A row with every kind of column.
#[derive(Clone, Debug)]
struct Row {
    number: Option<i64>,
    real: f64,
    flag: Option<bool>,
    text: Option<String>,
    list: Option<Vec<Option<i32>>>,
    tensor: [f32; 3],
    inner: Option<(i32, Option<String>)>,
}

fn rows(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Row>> {
    let row = (
        any::<Option<i64>>(),
        any::<f64>(),
        any::<Option<bool>>(),
        proptest::option::of("[a-zé]{0,6}"),
        proptest::option::of(proptest::collection::vec(any::<Option<i32>>(), 0..4)),
        any::<[f32; 3]>(),
        proptest::option::of((any::<i32>(), proptest::option::of("[a-z]{0,3}"))),
    )
        .prop_map(|(number, real, flag, text, list, tensor, inner)| Row {
            number,
            real,
            flag,
            text,
            list,
            tensor,
            inner,
        });
    proptest::collection::vec(row, count)
}

fn batch(rows: &[Row]) -> RecordBatch {
    let tensor: Vec<f32> = rows.iter().flat_map(|r| r.tensor).collect();
    let tensor = FixedSizeListArray::new(
        Arc::new(Field::new("item", DataType::Float32, true)),
        3,
        Arc::new(Float32Array::from(tensor)),
        None,
    );
    let list =
        ListArray::from_iter_primitive::<Int32Type, _, _>(rows.iter().map(|r| r.list.clone()));
    let a: Int32Array = rows
        .iter()
        .map(|r| Some(r.inner.as_ref().map_or(7, |i| i.0)))
        .collect();
    let b: StringArray = rows
        .iter()
        .map(|r| r.inner.as_ref().and_then(|i| i.1.clone()))
        .collect();
    let inner = StructArray::new(
        vec![
            Field::new("a", DataType::Int32, true),
            Field::new("b", DataType::Utf8, true),
        ]
        .into(),
        vec![Arc::new(a), Arc::new(b)],
        Some(NullBuffer::from_iter(
            rows.iter().map(|r| r.inner.is_some()),
        )),
    );
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        (
            "number",
            Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.number))),
            true,
        ),
        (
            "real",
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.real))),
            true,
        ),
        (
            "flag",
            Arc::new(BooleanArray::from_iter(rows.iter().map(|r| r.flag))),
            true,
        ),
        (
            "text",
            Arc::new(StringArray::from_iter(rows.iter().map(|r| r.text.clone()))),
            true,
        ),
        ("list", Arc::new(list), true),
        ("tensor", Arc::new(tensor), true),
        ("inner", Arc::new(inner), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cutting_rows_into_batches_changes_nothing(all in rows(1..60), cuts in proptest::collection::vec(0..60_usize, 0..6)) {
        let whole = batch(&all);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % (all.len() + 1)).collect();
        cuts.extend([0, all.len()]);
        cuts.sort_unstable();
        let slices: Vec<RecordBatch> = cuts.windows(2).map(|w| whole.slice(w[0], w[1] - w[0])).collect();
        let rebuilt: Vec<RecordBatch> = cuts.windows(2).map(|w| batch(&all[w[0]..w[1]])).collect();
        prop_assert_eq!(digest(std::slice::from_ref(&whole)), digest(&slices));
        prop_assert_eq!(digest(std::slice::from_ref(&whole)), digest(&rebuilt));
    }

    #[test]
    fn two_tables_share_a_digest_only_when_their_rows_agree(a in rows(1..12), b in rows(1..12)) {
        let same = format!("{a:?}") == format!("{b:?}");
        prop_assert_eq!(digest(&[batch(&a)]) == digest(&[batch(&b)]), same);
    }

    #[test]
    fn swapping_two_different_rows_changes_it(all in rows(2..20), i in 0..20_usize, j in 0..20_usize) {
        let (i, j) = (i % all.len(), j % all.len());
        let mut swapped = all.clone();
        swapped.swap(i, j);
        let same = format!("{all:?}") == format!("{swapped:?}");
        prop_assert_eq!(digest(&[batch(&all)]) == digest(&[batch(&swapped)]), same);
    }
}

#[test]
fn chunks_do_not_show_where_batches_end() {
    let values = Int32Array::from_iter((0..200_000).map(|i| (i % 7 != 0).then_some(i)));
    let whole = one("v", Arc::new(values));
    let cut: Vec<RecordBatch> = [(0, 65_535), (65_535, 2), (65_537, 134_463)]
        .map(|(at, n)| whole.slice(at, n))
        .to_vec();
    assert_eq!(digest(std::slice::from_ref(&whole)), digest(&cut));
    let moved = take_record_batch(
        &whole,
        &Int32Array::from_iter_values((0..200_000).map(|i| if i < 2 { 1 - i } else { i })),
    )
    .unwrap();
    assert_ne!(digest(&[whole]), digest(&[moved]));
}

#[test]
fn what_lies_under_a_null_does_not_count() {
    let nulls = NullBuffer::from(vec![true, false, true]);
    let clean = Float64Array::new(ScalarBuffer::from(vec![1.0, 0.0, 3.0]), Some(nulls.clone()));
    let dirty = Float64Array::new(ScalarBuffer::from(vec![1.0, 9e9, 3.0]), Some(nulls));
    assert_eq!(
        digest(&[one("v", Arc::new(clean))]),
        digest(&[one("v", Arc::new(dirty))])
    );
}

#[test]
fn a_null_buffer_without_a_null_does_not_count() {
    let bare = Int32Array::from(vec![1, 2, 3]);
    let marked = Int32Array::new(vec![1, 2, 3].into(), Some(NullBuffer::new_valid(3)));
    assert_eq!(
        digest(&[one("v", Arc::new(bare))]),
        digest(&[one("v", Arc::new(marked))])
    );
}

#[test]
fn a_null_is_neither_zero_nor_empty() {
    let null: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let zero: ArrayRef = Arc::new(Int32Array::from(vec![1, 0]));
    assert_ne!(digest(&[one("v", null)]), digest(&[one("v", zero)]));
    let null: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let empty: ArrayRef = Arc::new(StringArray::from(vec!["a", ""]));
    assert_ne!(digest(&[one("v", null)]), digest(&[one("v", empty)]));
}

#[test]
fn texts_that_join_to_the_same_bytes_differ() {
    let a: ArrayRef = Arc::new(StringArray::from(vec!["ab", "c"]));
    let b: ArrayRef = Arc::new(StringArray::from(vec!["a", "bc"]));
    assert_ne!(digest(&[one("v", a)]), digest(&[one("v", b)]));
}

#[test]
fn encodings_of_the_same_text_agree() {
    let words = [
        Some("one"),
        None,
        Some("two"),
        Some("one"),
        Some("a text longer than twelve"),
    ];
    let plain: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
    let others: [ArrayRef; 3] = [
        Arc::new(LargeStringArray::from(words.to_vec())),
        Arc::new(StringViewArray::from_iter(words)),
        Arc::new(words.into_iter().collect::<DictionaryArray<Int32Type>>()),
    ];
    for other in others {
        let name = other.data_type().to_string();
        assert_eq!(
            digest(&[one("v", plain.clone())]),
            digest(&[one("v", other)]),
            "{name}"
        );
    }
}

#[test]
fn every_nan_is_one_nan_but_zero_keeps_its_sign() {
    let of = |v: f64| digest(&[one("v", Arc::new(Float64Array::from(vec![v, 1.0])))]);
    assert_eq!(of(f64::NAN), of(f64::from_bits(0xfff8_0000_0000_0001)));
    assert_ne!(of(f64::NAN), of(f64::INFINITY));
    assert_ne!(of(0.0), of(-0.0));
    let single = |bits: u32| {
        digest(&[one(
            "v",
            Arc::new(Float32Array::from(vec![f32::from_bits(bits)])),
        )])
    };
    assert_eq!(single(0x7fff_ffff), single(0xffc0_0000));
}

#[test]
fn names_types_and_metadata_count_nullability_does_not() {
    let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let with = |field: Field, metadata: &[(&str, &str)]| {
        let metadata: std::collections::HashMap<String, String> = metadata
            .iter()
            .map(|(k, v)| ((*k).to_string(), (*v).to_string()))
            .collect();
        let schema = Schema::new(vec![field]).with_metadata(metadata);
        digest(&[RecordBatch::try_new(Arc::new(schema), vec![values.clone()]).unwrap()])
    };
    let field = |name: &str, nullable| Field::new(name, DataType::Int32, nullable);
    let plain = with(field("v", true), &[]);
    assert_eq!(plain, with(field("v", false), &[]));
    assert_eq!(plain, with(field("v", true), &[("pandas", "{}")]));
    assert_ne!(plain, with(field("w", true), &[]));
    assert_ne!(plain, with(field("v", true), &[("units", "gpm")]));
    let extended =
        field("v", true).with_metadata([("ARROW:extension:name".to_string(), "x".to_string())]);
    assert_ne!(plain, with(extended, &[]));
    let wide = digest(&[one("v", Arc::new(Int64Array::from(vec![1, 2])))]);
    assert_ne!(plain, wide);
}

#[test]
fn an_empty_table_has_the_digest_of_its_schema() {
    let empty = |name: &str| {
        let schema = Schema::new(vec![Field::new(name, DataType::Int32, true)]);
        ContentHasher::new(&schema).unwrap().finish()
    };
    assert_eq!(empty("a"), empty("a"));
    assert_ne!(empty("a"), empty("b"));
    assert_eq!(
        empty("a"),
        digest(&[one("a", Arc::new(Int32Array::from(Vec::<i32>::new())))])
    );
}

#[test]
fn lists_of_floats_inside_null_rows_do_not_count() {
    let values = Arc::new(Float64Array::from(vec![1.0, 2.0, 5.0, 6.0]));
    let other = Arc::new(Float64Array::from(vec![1.0, 2.0, 7.0, 8.0]));
    let field = Arc::new(Field::new("item", DataType::Float64, true));
    let make = |v: ArrayRef| {
        let nulls = Some(NullBuffer::from(vec![true, false]));
        one(
            "v",
            Arc::new(FixedSizeListArray::new(field.clone(), 2, v, nulls)),
        )
    };
    assert_eq!(digest(&[make(values)]), digest(&[make(other)]));
    let list = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(1.0)]), None]);
    let joined = one("v", Arc::new(list));
    let twice = concat_batches(&joined.schema(), [&joined, &joined]).unwrap();
    assert_eq!(digest(&[joined.clone(), joined]), digest(&[twice]));
}
