//! One query against a million fingerprints.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array};
use arrow::buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use serde_json::Value as Json;
use sunward_kernels::{Context, FingerprintIndex, Inputs, Table};
use sunward_workflows::value::Value;

use crate::{Any, figure, gpu, median, rival, run, run_in};

const ROWS: usize = 1_000_000;
const WIDTH: usize = 256;
const K: usize = 10;
/// Rows that serve as queries.
const QUERIES: [usize; 9] = [
    17, 111_111, 222_222, 333_333, 444_444, 555_555, 666_666, 777_777, 999_999,
];

pub(crate) fn figures() -> Result<Vec<Json>, Any> {
    let bits = fingerprints(ROWS);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bits");
    std::fs::write(&file, &bits)?;
    let row = |row: usize| bits[row * WIDTH..(row + 1) * WIDTH].to_vec();
    let inputs = Inputs::new().with("library", table(bits.clone())?);
    let context = Context::new(1);

    let build = median(1, |_| Ok(FingerprintIndex::build(&inputs, &context)?))?;
    let index = FingerprintIndex::build(&inputs, &context)?;
    let mut tops: Vec<Vec<f32>> = Vec::new();
    for query in QUERIES {
        let found = index.search(&row(query), K, 0.0)?;
        tops.push(found.iter().map(|n| n.similarity).collect());
    }
    let prepared = median(QUERIES.len() * 5, |i| {
        Ok(index.search(&row(QUERIES[i % QUERIES.len()]), K, 0.0)?)
    })?;
    let task = |queries: Vec<u8>| {
        let inputs = inputs.clone().with("queries", table(queries)?);
        run("tanimoto_topk", &inputs, &[("k", Value::Int(10))], 1)
    };
    let whole = median(QUERIES.len(), |i| task(row(QUERIES[i % QUERIES.len()])))?;
    let hundred: Vec<u8> = (0..100).flat_map(|i| row(i * 9973)).collect();
    let many = median(1, |_| task(hundred.clone()))? / 100.0;

    let mut on_gpu = Vec::new();
    if let Some(gpu) = gpu()? {
        let task = |queries: Vec<u8>| {
            let inputs = inputs.clone().with("queries", table(queries)?);
            run_in(&gpu, "tanimoto_topk", &inputs, &[("k", Value::Int(10))])
        };
        let one = median(QUERIES.len(), |i| task(row(QUERIES[i % QUERIES.len()])))?;
        let many = median(3, |_| task(hundred.clone()))? / 100.0;
        let what = "tanimoto_topk 1 M x 2048";
        on_gpu.push(figure(&format!("{what}, whole task, GPU"), one, None));
        on_gpu.push(figure(&format!("{what}, of 100 queries, GPU"), many, None));
    }

    let theirs = rival::fpsim2(&file, WIDTH, &QUERIES);
    if let Some(theirs) = &theirs {
        same(&tops, &theirs["tops"])?;
    }
    let seconds = theirs.as_ref().and_then(|t| t["seconds"].as_f64());
    let beside = seconds.map(|s| ("FPSim2, prepared, 1 core", s));
    let mut figures = vec![
        figure(
            "tanimoto_topk 1 M x 2048, prepared, 1 core",
            prepared,
            beside,
        ),
        figure(
            "tanimoto_topk 1 M x 2048, whole task, 1 core",
            whole,
            beside,
        ),
        figure(
            "tanimoto_topk 1 M x 2048, of 100 queries, 1 core",
            many,
            beside,
        ),
        figure("FingerprintIndex of 1 M x 2048, 1 core", build, None),
    ];
    figures.extend(on_gpu);
    Ok(figures)
}

/// Both must have found the same similarities.
fn same(ours: &[Vec<f32>], theirs: &Json) -> Result<(), Any> {
    for (ours, theirs) in ours.iter().zip(theirs.as_array().ok_or("no tops")?) {
        for (our, their) in ours.iter().zip(theirs.as_array().ok_or("no top")?) {
            if (f64::from(*our) - their.as_f64().unwrap_or(f64::NAN)).abs() > 1e-5 {
                return Err(format!("ours {ours:?}, theirs {theirs}").into());
            }
        }
    }
    Ok(())
}

/// Families of fingerprints: members keep most bits of a founder and add some of their own; some
/// bits are common everywhere, as in real ones.
pub(crate) fn fingerprints(rows: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    };
    // Squaring a uniform number makes low places frequent; the step spreads them over all words.
    let place = |r: u64| usize::try_from(((r * r) >> 53) * 769 % 2048).unwrap_or(0);
    let founders: Vec<Vec<usize>> = (0..4000)
        .map(|_| {
            let bits = 25 + random() % 70;
            (0..bits).map(|_| place(random())).collect()
        })
        .collect();
    let mut bits = vec![0_u8; rows * WIDTH];
    for row in bits.chunks_exact_mut(WIDTH) {
        let founder = &founders[usize::try_from(random() % 4000).unwrap_or(0)];
        let kept: Vec<usize> = founder
            .iter()
            .copied()
            .filter(|_| random() % 100 < 65)
            .collect();
        let own = 5 + random() % 25;
        for bit in kept.into_iter().chain((0..own).map(|_| place(random()))) {
            row[bit / 8] |= 1 << (bit % 8);
        }
    }
    bits
}

pub(crate) fn table(bits: Vec<u8>) -> Result<Table, Any> {
    let rows = bits.len() / WIDTH;
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..).take(rows)));
    let bits = FixedSizeBinaryArray::try_new(i32::try_from(WIDTH)?, Buffer::from_vec(bits), None)?;
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new(
            "bits",
            DataType::FixedSizeBinary(i32::try_from(WIDTH)?),
            true,
        ),
    ]);
    Ok(Table::from_columns(schema, vec![ids, Arc::new(bits)])?)
}
