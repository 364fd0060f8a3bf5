//! `tanimoto_topk` and `topk_merge` compared with a naive search, with exact ranks, for any
//! division of the library and any number of threads.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, FixedSizeBinaryBuilder, Int64Array, RecordBatch, StringArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float32Type, Int32Type};
use arrow_schema::{DataType, Field, Schema};
use proptest::prelude::*;
use sunward_kernels::{
    Context, FingerprintIndex, Inputs, KernelError, Outputs, Params, Table, library,
};
use sunward_workflows::value::Value;

#[derive(Clone, Debug)]
struct Set {
    ids: Vec<String>,
    bits: Vec<Vec<u8>>,
    width: usize,
}

impl Set {
    fn batch(&self, rows: std::ops::Range<usize>) -> RecordBatch {
        let mut bits = FixedSizeBinaryBuilder::new(i32::try_from(self.width).unwrap());
        for row in rows.clone() {
            bits.append_value(&self.bits[row]).unwrap();
        }
        let ids = StringArray::from(self.ids[rows].to_vec());
        let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(bits.finish())];
        RecordBatch::try_new(self.schema(), columns).unwrap()
    }

    fn schema(&self) -> Arc<Schema> {
        let bits = DataType::FixedSizeBinary(i32::try_from(self.width).unwrap());
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, true),
            Field::new("bits", bits, true),
        ]))
    }

    /// Divides it into parts of these sizes. The rest is the last part.
    fn parts(&self, sizes: &[usize]) -> Vec<Table> {
        let mut tables = Vec::new();
        let mut at = 0;
        for &size in sizes.iter().chain([&usize::MAX]) {
            let end = at + size.min(self.ids.len() - at);
            tables.push(Table::new(self.schema(), vec![self.batch(at..end)]));
            at = end;
        }
        tables
    }

    fn whole(&self) -> Table {
        Table::new(self.schema(), vec![self.batch(0..self.ids.len())])
    }
}

fn with(kernel: &str, pairs: &[(&str, Value)]) -> Params {
    let kernel = library().get(kernel).unwrap();
    let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    Params::resolve(kernel.entry(), pairs).unwrap()
}

fn run(
    kernel: &str,
    inputs: &Inputs,
    with: &Params,
    threads: usize,
) -> Result<Outputs, KernelError> {
    let kernel = library().get(kernel).unwrap();
    kernel.run(inputs, with, &Context::new(threads))
}

fn text(s: &str) -> Value {
    Value::String(s.to_owned())
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    query: String,
    id: String,
    sim: f32,
    rank: i32,
}

fn rows(table: &Table) -> Vec<Row> {
    let batch = concat_batches(&table.schema, &table.batches).unwrap();
    let names: Vec<&str> = table
        .schema
        .fields()
        .iter()
        .map(|f| f.name().as_str())
        .collect();
    assert_eq!(&names[..4], ["query", "id", "sim", "rank"]);
    let (query, id) = (
        batch.column(0).as_string::<i32>(),
        batch.column(1).as_string::<i32>(),
    );
    let sim = batch.column(2).as_primitive::<Float32Type>();
    let rank = batch.column(3).as_primitive::<Int32Type>();
    (0..batch.num_rows())
        .map(|i| Row {
            query: query.value(i).to_owned(),
            id: id.value(i).to_owned(),
            sim: sim.value(i),
            rank: rank.value(i),
        })
        .collect()
}

/// The parameters of a search.
#[derive(Clone, Debug)]
struct Wanted {
    k: usize,
    threshold: f64,
    fuse: bool,
    exclude: &'static str,
}

impl Wanted {
    fn params(&self) -> Params {
        with(
            "tanimoto_topk",
            &[
                ("k", Value::Int(i64::try_from(self.k).unwrap())),
                ("threshold", Value::Float(self.threshold)),
                ("fuse", text(if self.fuse { "max" } else { "none" })),
                ("exclude", text(self.exclude)),
            ],
        )
    }
}

fn counts(a: &[u8], b: &[u8]) -> (u64, u64) {
    let c: u32 = a.iter().zip(b).map(|(x, y)| (x & y).count_ones()).sum();
    let u: u32 = a.iter().zip(b).map(|(x, y)| (x | y).count_ones()).sum();
    (u64::from(c), u64::from(u).max(1))
}

/// A ratio, a library row, and a query.
type Pair = ((u64, u64), usize, usize);

fn descending(a: (u64, u64), b: (u64, u64)) -> Ordering {
    (b.0 * a.1).cmp(&(a.0 * b.1))
}

fn naive(lib: &Set, queries: &Set, wanted: &Wanted) -> Vec<Row> {
    let allowed = |q: usize, r: usize| match wanted.exclude {
        "self" => queries.ids[q] != lib.ids[r],
        "queries" => !queries.ids.contains(&lib.ids[r]),
        _ => true,
    };
    let pairs = |q: usize| {
        (0..lib.ids.len())
            .filter(move |&r| allowed(q, r))
            .map(move |r| (counts(&queries.bits[q], &lib.bits[r]), r, q))
            .filter(|((c, u), ..)| *c as f64 / *u as f64 >= wanted.threshold)
    };
    let lists: Vec<Vec<_>> = if wanted.fuse {
        let mut best: Vec<Option<Pair>> = vec![None; lib.ids.len()];
        for pair in (0..queries.ids.len()).flat_map(pairs) {
            let slot = &mut best[pair.1];
            if slot.is_none_or(|old| descending(pair.0, old.0).is_lt()) {
                *slot = Some(pair);
            }
        }
        vec![best.into_iter().flatten().collect()]
    } else {
        (0..queries.ids.len()).map(|q| pairs(q).collect()).collect()
    };
    let mut rows = Vec::new();
    for mut list in lists {
        list.sort_by(|a, b| descending(a.0, b.0).then(a.1.cmp(&b.1)));
        for (i, ((c, u), r, q)) in list.into_iter().take(wanted.k).enumerate() {
            rows.push(Row {
                query: queries.ids[q].clone(),
                id: lib.ids[r].clone(),
                sim: (c as f64 / u as f64) as f32,
                rank: i32::try_from(i).unwrap() + 1,
            });
        }
    }
    rows
}

fn direct(lib: &Set, queries: &Set, wanted: &Wanted, threads: usize) -> Table {
    let inputs = Inputs::new()
        .with("library", lib.whole())
        .with("queries", queries.whole());
    run("tanimoto_topk", &inputs, &wanted.params(), threads)
        .unwrap()
        .take("hits")
        .unwrap()
}

/// Searches each part separately and merges the hits.
fn scattered(lib: &Set, queries: &Set, wanted: &Wanted, sizes: &[usize]) -> Table {
    let mut gathered: Option<Table> = None;
    for part in lib.parts(sizes) {
        let inputs = Inputs::new()
            .with("library", part)
            .with("queries", queries.whole());
        let hits = run("tanimoto_topk", &inputs, &wanted.params(), 1)
            .unwrap()
            .take("hits")
            .unwrap();
        match &mut gathered {
            None => gathered = Some(hits),
            Some(all) => {
                assert_eq!(all.schema, hits.schema);
                all.batches.extend(hits.batches);
            }
        }
    }
    let k = Value::Int(i64::try_from(wanted.k).unwrap());
    let inputs = Inputs::new().with("hits", gathered.unwrap());
    run("topk_merge", &inputs, &with("topk_merge", &[("k", k)]), 1)
        .unwrap()
        .take("hits")
        .unwrap()
}

/// Sparse, similar fingerprints with repetitions, so that there are many ties.
fn set(prefix: &'static str, max_rows: usize, width: usize) -> impl Strategy<Value = Set> {
    let row = (
        0_u64..12,
        0_u32..3,
        prop::collection::vec((0..width * 8, any::<bool>()), 0..12),
    );
    prop::collection::vec(row, 0..max_rows).prop_map(move |seeds| {
        let bits = seeds.iter().map(|(family, dense, flips)| {
            let mut state = *family + 1;
            let mut bits = vec![0_u8; width];
            for _ in 0..(*family * 3 * u64::from(*dense)) {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(7);
                let bit = usize::try_from(state >> 33).unwrap() % (width * 8);
                bits[bit / 8] |= 1 << (bit % 8);
            }
            for (bit, on) in flips {
                if *on {
                    bits[bit / 8] |= 1 << (bit % 8);
                }
            }
            bits
        });
        Set {
            ids: (0..seeds.len())
                .map(|i| format!("{prefix}{}", (i * 7) % 40))
                .collect(),
            bits: bits.collect(),
            width,
        }
    })
}

fn wanted() -> impl Strategy<Value = Wanted> {
    (
        1_usize..20,
        prop_oneof![Just(0.0), Just(0.5), Just(0.25), 0.0..1.0],
        any::<bool>(),
        prop_oneof![Just("none"), Just("self"), Just("queries")],
    )
        .prop_map(|(k, threshold, fuse, exclude)| Wanted {
            k,
            threshold,
            fuse,
            exclude,
        })
}

fn width() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(8_usize),
        Just(16),
        Just(64),
        Just(72),
        Just(256),
        Just(1024)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn search_and_merge_equal_a_naive_search_for_any_partition(
        (lib, queries) in width().prop_flat_map(|w| (set("m", 90, w), set("m", 7, w))),
        wanted in wanted(),
        sizes in prop::collection::vec(0_usize..9, 16),
    ) {
        let expected = naive(&lib, &queries, &wanted);
        let one = direct(&lib, &queries, &wanted, 1);
        prop_assert_eq!(&rows(&one), &expected);
        prop_assert_eq!(&rows(&direct(&lib, &queries, &wanted, 3)), &expected);
        for parts in [1, 3, 17] {
            let merged = scattered(&lib, &queries, &wanted, &sizes[..parts - 1]);
            prop_assert_eq!(&rows(&merged), &expected, "{} parts", parts);
            prop_assert_eq!(merged.schema.fields().len(), 4);
        }
    }

    #[test]
    fn a_prepared_index_finds_what_the_kernel_finds(
        (lib, queries) in width().prop_flat_map(|w| (set("m", 90, w), set("q", 4, w))),
        k in 1_usize..20,
        threshold in prop_oneof![Just(0.0), 0.0..1.0],
    ) {
        let wanted = Wanted { k, threshold, fuse: false, exclude: "none" };
        let inputs = Inputs::new().with("library", lib.whole());
        let index = FingerprintIndex::build(&inputs, &Context::new(2)).unwrap();
        let found: Vec<(String, f32)> = queries
            .bits
            .iter()
            .flat_map(|query| index.search(query, k, threshold).unwrap())
            .map(|n| (lib.ids[usize::try_from(n.row).unwrap()].clone(), n.similarity))
            .collect();
        let expected: Vec<(String, f32)> =
            naive(&lib, &queries, &wanted).into_iter().map(|row| (row.id, row.sim)).collect();
        prop_assert_eq!(found, expected);
    }
}

fn small() -> Set {
    Set {
        ids: vec!["a".into(), "b".into(), "c".into()],
        bits: vec![vec![0b111; 8], vec![0; 8], vec![0b101; 8]],
        width: 8,
    }
}

#[test]
fn more_hits_wanted_than_rows_gives_all_rows() {
    let wanted = Wanted {
        k: 50,
        threshold: 0.0,
        fuse: false,
        exclude: "none",
    };
    let found = rows(&direct(&small(), &small(), &wanted, 1));
    assert_eq!(found.len(), 9);
    assert_eq!(
        (found[0].id.as_str(), found[0].sim, found[0].rank),
        ("a", 1.0, 1)
    );
}

#[test]
fn ties_at_the_last_place_go_to_the_lowest_rows_for_any_partition() {
    let row = |i: usize| vec![if i == 17 { 0b111 } else { 0b101 }; 8];
    let lib = Set {
        ids: (0..20).map(|i| format!("m{i}")).collect(),
        bits: (0..20).map(row).collect(),
        width: 8,
    };
    let queries = Set {
        ids: vec!["q".into()],
        bits: vec![vec![0b111; 8]],
        width: 8,
    };
    let wanted = Wanted {
        k: 3,
        threshold: 0.0,
        fuse: false,
        exclude: "none",
    };
    let ids = |table: &Table| -> Vec<String> { rows(table).into_iter().map(|r| r.id).collect() };
    let expected = ["m17", "m0", "m1"];
    assert_eq!(ids(&direct(&lib, &queries, &wanted, 2)), expected);
    for sizes in [&[][..], &[7, 7], &[1; 16]] {
        assert_eq!(ids(&scattered(&lib, &queries, &wanted, sizes)), expected);
    }
    let lone = Set {
        ids: vec!["only".into()],
        bits: vec![vec![1; 8]],
        width: 8,
    };
    assert_eq!(ids(&direct(&lone, &queries, &wanted, 1)), ["only"]);
}

#[test]
fn an_empty_fingerprint_has_similarity_zero_even_to_itself() {
    let wanted = Wanted {
        k: 3,
        threshold: 0.0,
        fuse: false,
        exclude: "none",
    };
    let found = rows(&direct(&small(), &small(), &wanted, 1));
    let of_b: Vec<(&str, f32)> = found
        .iter()
        .filter(|r| r.query == "b")
        .map(|r| (r.id.as_str(), r.sim))
        .collect();
    assert_eq!(of_b, [("a", 0.0), ("b", 0.0), ("c", 0.0)]);
}

#[test]
fn no_queries_and_no_library_give_no_hits_with_the_same_schema() {
    let none = Set {
        ids: vec![],
        bits: vec![],
        width: 8,
    };
    let wanted = Wanted {
        k: 3,
        threshold: 0.0,
        fuse: true,
        exclude: "none",
    };
    let full = direct(&small(), &small(), &wanted, 1);
    for (lib, queries) in [(&small(), &none), (&none, &small()), (&none, &none)] {
        let table = direct(lib, queries, &wanted, 2);
        assert_eq!((table.rows(), &table.schema), (0, &full.schema));
    }
    let table = Table::new(small().schema(), vec![]);
    let inputs = Inputs::new()
        .with("library", table.clone())
        .with("queries", table);
    let hits = run("tanimoto_topk", &inputs, &wanted.params(), 1)
        .unwrap()
        .take("hits")
        .unwrap();
    assert_eq!((hits.rows(), &hits.schema), (0, &full.schema));
    let merged = run(
        "topk_merge",
        &Inputs::new().with("hits", Table::new(hits.schema, vec![])),
        &with("topk_merge", &[]),
        1,
    );
    assert_eq!(merged.unwrap().get("hits").unwrap().rows(), 0);
}

#[test]
fn fingerprints_of_two_widths_are_refused() {
    let wide = Set {
        ids: vec!["x".into()],
        bits: vec![vec![1; 16]],
        width: 16,
    };
    let inputs = Inputs::new()
        .with("library", small().whole())
        .with("queries", wide.whole());
    let error = run("tanimoto_topk", &inputs, &with("tanimoto_topk", &[]), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "inputs `library` and `queries` do not fit: `bits` are 8 bytes wide in one and 16 in the \
         other; expected fingerprints of one kind and one width in both"
    );
}

#[test]
fn missing_inputs_columns_and_wrong_types_are_named() {
    let kernel = |inputs: &Inputs| {
        run("tanimoto_topk", inputs, &with("tanimoto_topk", &[]), 1)
            .unwrap_err()
            .to_string()
    };
    let only = Inputs::new().with("library", small().whole());
    assert!(kernel(&only).contains("no input `queries`"));
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, true)]);
    let bare = Table::from_columns(schema, vec![Arc::clone(&ids)]).unwrap();
    let inputs = Inputs::new()
        .with("library", bare)
        .with("queries", small().whole());
    assert!(
        kernel(&inputs).contains("has no column `bits`"),
        "{}",
        kernel(&inputs)
    );
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("bits", DataType::Int64, true),
    ]);
    let wrong = Table::from_columns(schema, vec![Arc::clone(&ids), ids]).unwrap();
    let inputs = Inputs::new()
        .with("library", wrong)
        .with("queries", small().whole());
    assert!(kernel(&inputs).contains("is Int64, but must be fixed_size_binary[N]"));
}

#[test]
fn repeated_query_ids_stay_apart_through_a_merge() {
    let mut queries = small();
    queries.ids = vec!["same".into(), "same".into(), "same".into()];
    let wanted = Wanted {
        k: 1,
        threshold: 0.0,
        fuse: false,
        exclude: "none",
    };
    let merged = scattered(&small(), &queries, &wanted, &[1, 1]);
    assert_eq!(rows(&merged), naive(&small(), &queries, &wanted));
    assert_eq!(merged.rows(), 3);
}

#[test]
fn a_stopped_search_ends_with_an_error() {
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let kernel = library().get("tanimoto_topk").unwrap();
    let inputs = Inputs::new()
        .with("library", small().whole())
        .with("queries", small().whole());
    let context = Context::new(2).with_stop(stop);
    let error = kernel
        .run(&inputs, &with("tanimoto_topk", &[]), &context)
        .unwrap_err();
    assert!(matches!(error, KernelError::Stopped));
}

#[test]
fn parts_of_different_types_are_refused_and_never_read() {
    let wide = Set {
        ids: vec!["x".into()],
        bits: vec![vec![1; 16]],
        width: 16,
    };
    let mixed = Table::new(
        small().schema(),
        vec![small().batch(0..3), wide.batch(0..1)],
    );
    let inputs = Inputs::new()
        .with("library", mixed)
        .with("queries", small().whole());
    let error = run("tanimoto_topk", &inputs, &with("tanimoto_topk", &[]), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "input `library`: record batch 1 has columns of other types than the table; expected parts \
         of one schema"
    );
}
