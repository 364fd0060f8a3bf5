//! Searches a million fingerprints for one query.

use std::ffi::OsStr;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array};
use arrow::buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use serde_json::Value as Json;
use sunward_kernels::{Context, FingerprintIndex, Inputs, Table};
use sunward_workflows::value::Value;

use crate::figure::Figure;
use crate::gpu::Gpu;
use crate::{Any, limits, median, rival, run, run_in};

const ROWS: usize = 1_000_000;
/// Bytes of a fingerprint.
pub(crate) const WIDTH: usize = 256;
const RDKIT: &str = "RDKit BulkTanimotoSimilarity, 1 core";
const K: usize = 10;
/// Rows that serve as queries.
const QUERIES: [usize; 9] = [
    17, 111_111, 222_222, 333_333, 444_444, 555_555, 666_666, 777_777, 999_999,
];

pub(crate) fn figures(gpu: Option<&Gpu>) -> Result<Vec<Figure>, Any> {
    let bits = fingerprints(ROWS);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bits");
    std::fs::write(&file, &bits)?;
    let row_of = |row: usize| bits[row * WIDTH..(row + 1) * WIDTH].to_vec();
    let inputs = Inputs::new().with("library", table(bits.clone())?);
    let context = Context::new(1);

    let build = median(1, |_| Ok(FingerprintIndex::build(&inputs, &context)?))?;
    let index = FingerprintIndex::build(&inputs, &context)?;
    let mut tops: Vec<Vec<f32>> = Vec::new();
    for query in QUERIES {
        let found = index.search(&row_of(query), K, 0.0)?;
        tops.push(found.iter().map(|n| n.similarity).collect());
    }
    let prepared = median(QUERIES.len() * 5, |i| {
        Ok(index.search(&row_of(QUERIES[i % QUERIES.len()]), K, 0.0)?)
    })?;
    let task = |queries: Vec<u8>| {
        let inputs = inputs.clone().with("queries", table(queries)?);
        run("tanimoto_topk", &inputs, &[("k", Value::Int(10))], 1)
    };
    let whole = median(QUERIES.len(), |i| task(row_of(QUERIES[i % QUERIES.len()])))?;
    let hundred: Vec<u8> = (0..100).flat_map(|i| row_of(i * 9973)).collect();
    let many = median(1, |_| task(hundred.clone()))? / 100.0;

    let names = QUERIES.map(|query| query.to_string());
    let width = WIDTH.to_string();
    let theirs = |script: &str| -> Result<Option<f64>, Any> {
        let mut arguments: Vec<&dyn AsRef<OsStr>> = vec![&file, &width];
        arguments.extend(names.iter().map(|name| name as &dyn AsRef<OsStr>));
        let Some(theirs) = rival::script(script, &arguments) else {
            return Ok(None);
        };
        same(&tops, &theirs["tops"])?;
        Ok(theirs["seconds"].as_f64().map(|seconds| seconds * 1e3))
    };
    let fpsim2 = theirs("fpsim2.py")?;
    let rdkit = theirs("rdkit_tanimoto.py")?;
    let copy = limits::memory_gb_a_second()?;
    let rate = limits::gigabytes(ROWS * WIDTH) / whole;
    let what = "tanimoto_topk 1 M x 2048";
    let row = |how: &str, seconds: f64, unit| {
        Figure::cost(&format!("{what}, {how}"), seconds * 1e3, unit)
    };
    let prepared = row("prepared, 1 core", prepared, "ms a query");
    let mut figures = vec![
        match fpsim2 {
            Some(_) => prepared.beside("FPSim2, prepared, 1 core", fpsim2),
            None => prepared.beside(RDKIT, rdkit),
        },
        row("whole task, 1 core", whole, "ms a query")
            .beside(RDKIT, rdkit)
            .note(format!(
                "{rate:.1} GB/s read, {:.0} % of a copy's {copy:.1} GB/s (read and written)",
                100.0 * rate / copy
            )),
        row("100 queries, 1 core", many, "ms a query").beside(RDKIT, rdkit),
        row("FingerprintIndex made, 1 core", build, "ms"),
    ];
    if let Some(gpu) = gpu {
        let task = |queries: Vec<u8>| {
            let inputs = inputs.clone().with("queries", table(queries)?);
            run_in(
                &gpu.context,
                "tanimoto_topk",
                &inputs,
                &[("k", Value::Int(10))],
            )
        };
        let bytes = ROWS * WIDTH;
        let one = median(QUERIES.len(), |i| task(row_of(QUERIES[i % QUERIES.len()])))?;
        let all = median(3, |_| task(hundred.clone()))?;
        let each = row("100 queries, GPU", all / 100.0, "ms a query");
        figures.push(gpu.told(row("whole task, GPU", one, "ms a query"), one, bytes));
        figures.push(gpu.told(each, all, bytes));
    }
    Ok(figures)
}

/// Checks that both found the same similarities.
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

/// Families of fingerprints. Members keep most bits of a founder and add others. Some bits are
/// frequent everywhere, as in real fingerprints.
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
