//! Measures the hand-off of 512 MB on this machine: a write by the engine, a plain write and fsync
//! of the same bytes, opening it, and digesting its content. Prints one JSON object. Each figure is
//! the median of several rounds, in which the two writes alternate.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::allow_attributes,
    reason = "an example that reports figures"
)]

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch};
use sunward_data::{Store, content_digest};

const ROUNDS: usize = 7;
const BATCH_ROWS: i32 = 1 << 20;
const BATCHES: i32 = 21;

fn main() -> Result<(), Box<dyn Error>> {
    // In the current folder rather than in /tmp, which may be in memory.
    let folder = tempfile::tempdir_in(".")?;
    let batches: Vec<RecordBatch> = (0..BATCHES).map(batch).collect::<Result<_, _>>()?;
    let schema = batches[0].schema();
    let (mut write, mut plain, mut open, mut read) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut digest, mut digest_in_memory) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for round in 0..ROUNDS {
        let home = folder.path().join(round.to_string());
        let store = Store::open(&home, None)?;
        let start = Instant::now();
        let dataset = store.write_table(schema.clone(), &batches)?;
        write.push(start.elapsed().as_secs_f64());
        bytes = dataset.bytes();

        let start = Instant::now();
        let table = store.table(&dataset)?;
        let first = table.batches(None).next().transpose()?;
        open.push(start.elapsed().as_secs_f64());
        assert!(first.is_some());
        let start = Instant::now();
        let rows: usize = table
            .batches(None)
            .map(|batch| batch.map(|batch| batch.num_rows()))
            .sum::<Result<_, _>>()?;
        read.push(start.elapsed().as_secs_f64());
        assert_eq!(u64::try_from(rows)?, dataset.rows);
        let start = Instant::now();
        assert_eq!(
            content_digest(&schema, table.batches(None))?,
            dataset.content
        );
        digest.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let again = content_digest(&schema, batches.iter().cloned().map(Ok))?;
        digest_in_memory.push(start.elapsed().as_secs_f64());
        assert_eq!(again, dataset.content);

        let parts: Vec<Vec<u8>> = dataset
            .parts
            .iter()
            .map(|part| fs::read(store.part_path(&part.digest)))
            .collect::<Result<_, _>>()?;
        fs::remove_dir_all(&home)?;
        let path = folder.path().join("plain");
        let start = Instant::now();
        let mut file = File::create(&path)?;
        for part in &parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        plain.push(start.elapsed().as_secs_f64());
        drop(file);
        fs::remove_file(path)?;
    }
    let (write, plain) = (median(write), median(plain));
    let digest = median(digest);
    println!(
        "{{\"bytes\":{bytes},\"write_seconds\":{write:.6},\"plain_seconds\":{plain:.6},\"ratio\":{:.3},\"open_seconds\":{:.6},\"all_batches_seconds\":{:.6},\"digest_seconds\":{digest:.6},\"digest_gb_per_second\":{:.2},\"digest_in_memory_gb_per_second\":{:.2}}}",
        plain / write,
        median(open),
        median(read),
        bytes as f64 / digest / 1e9,
        bytes as f64 / median(digest_in_memory) / 1e9,
    );
    Ok(())
}

fn batch(number: i32) -> Result<RecordBatch, arrow::error::ArrowError> {
    let rows = number * BATCH_ROWS..(number + 1) * BATCH_ROWS;
    let real = |i: i32| f64::from(i).sqrt();
    RecordBatch::try_from_iter([
        (
            "id",
            Arc::new(Int64Array::from_iter_values(rows.clone().map(i64::from))) as _,
        ),
        (
            "group",
            Arc::new(Int32Array::from_iter_values(rows.clone().map(|i| i % 97))) as _,
        ),
        (
            "x",
            Arc::new(Float64Array::from_iter_values(rows.clone().map(real))) as _,
        ),
        (
            "y",
            Arc::new(rows.map(|i| i as f32 * 0.5).collect::<Float32Array>()) as _,
        ),
    ])
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
