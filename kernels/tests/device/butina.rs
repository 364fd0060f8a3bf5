//! `butina` on devices: the CPU twin's clusters, and RDKit's.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use sunward_kernels::device::Device;
use sunward_kernels::{Context, Inputs, KernelError, Table, library};
use sunward_workflows::value::Value;

use crate::kernels::{Random, agree, params, small, table_of};
use crate::on_each;

/// Fingerprints of a few families. Some rows are copies, and some have no bits.
fn families(
    random: &mut Random,
    rows: usize,
    width: usize,
    kinds: u64,
    noise: u64,
) -> Vec<Vec<u8>> {
    let founders: Vec<Vec<u8>> = (0..kinds)
        .map(|_| {
            (0..width)
                .map(|_| (random.next() & random.next()) as u8)
                .collect()
        })
        .collect();
    let row = |_| {
        let mut row = founders[(random.next() % kinds) as usize].clone();
        if random.next().is_multiple_of(17) {
            row.fill(0);
        }
        for _ in 0..random.next() % (noise + 1) {
            row[random.next() as usize % width] ^= 1 << (random.next() % 8);
        }
        row
    };
    (0..rows).map(row).collect()
}

fn clustered(device: &Device, table: Table, distance: f64) {
    let inputs = Inputs::new().with("library", table);
    let with = params("butina", &[("distance", Value::Float(distance))]);
    agree("butina", &inputs, &with, device);
}

#[test]
fn awkward_libraries_are_clustered_as_by_the_twin() {
    let one_bit = |bit: usize| {
        let mut row = vec![0; 16];
        row[bit / 8] = 1 << (bit % 8);
        row
    };
    let libraries = [
        vec![vec![3; 8]],
        vec![vec![0; 8]],
        vec![vec![0; 256]; 70],
        vec![vec![255; 72]; 66],
        (0..128).map(one_bit).collect(),
        // Chains, whose clusters depend on ties and on neighbors that were removed.
        (0..70_u8)
            .map(|i| (i..i + 24).map(|b| 1 << (b % 8)).collect())
            .collect(),
    ];
    on_each(|device| {
        for rows in &libraries {
            for distance in [0.0, 1.0 / 3.0, 0.6, 1.0] {
                clustered(device, table_of(rows), distance);
            }
        }
        let empty = table_of(&[vec![1; 8]]);
        clustered(device, Table::new(empty.schema, Vec::new()), 0.4);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn random_libraries_are_clustered_as_by_the_twin(
        seed in any::<u64>(),
        rows in 0_usize..150,
        words in prop_oneof![1_usize..12, Just(32), Just(37)],
        kinds in 1_u64..30,
        noise in 0_u64..60,
        distance in prop_oneof![Just(0.0), Just(0.5), Just(1.0), 0.0..1.0],
    ) {
        let mut random = Random(seed);
        let mut bits = families(&mut random, rows, words * 8, kinds, noise);
        bits.push(vec![1; words * 8]);
        on_each(|device| clustered(device, table_of(&bits), distance));
    }
}

/// Rows, lists of neighbors and candidates in many pieces each.
#[test]
fn libraries_larger_than_the_device_stream_through_it() {
    for (memory, width, rows) in [(5_000, 32, 110), (12_000, 72, 130), (4_000, 8, 100)] {
        let Some(device) = small(memory) else { return };
        for (kinds, noise, distance) in [(9, 30, 0.4), (2, 3, 0.7), (3, 9, 1.0)] {
            let bits = families(&mut Random(memory), rows, width, kinds, noise);
            clustered(&device, table_of(&bits), distance);
            assert_eq!(device.free_memory().unwrap(), memory);
        }
    }
}

#[test]
fn a_device_too_small_for_one_row_says_how_much_it_would_take() {
    let Some(device) = small(1500) else { return };
    let kernel = library().get("butina").unwrap();
    let inputs = Inputs::new().with("library", table_of(&vec![vec![1; 512]; 9]));
    let context = Context::new(1).with_device(device);
    let error = kernel.run(&inputs, &params("butina", &[]), &context);
    let error = error.unwrap_err();
    assert!(matches!(error, KernelError::Device(_)));
    let text = error.to_string();
    assert!(
        text.contains("has 1500 of 1500 bytes of memory free, and"),
        "{text}"
    );
}

#[test]
fn a_stopped_task_ends_on_a_device_too() {
    on_each(|device| {
        let stop = Arc::new(AtomicBool::new(true));
        let context = Context::new(1).with_device(device.clone()).with_stop(stop);
        let kernel = library().get("butina").unwrap();
        let inputs = Inputs::new().with("library", table_of(&[vec![1; 8], vec![2; 8]]));
        let error = kernel.run(&inputs, &params("butina", &[]), &context);
        assert!(matches!(error.unwrap_err(), KernelError::Stopped));
    });
}

/// 600 molecules of the NCI set, clustered by `tests/clusters/rdkit_butina.py`:
/// `rdkit_butina.py ../../../examples/similarity-screen/data/nci-first-5k.smi 600 0.6 -`.
#[test]
fn molecules_are_clustered_as_by_rdkit() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = File::open(here.join("../examples/similarity-screen/data/nci.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batch = reader
        .with_batch_size(600)
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let inputs = Inputs::new().with("library", Table::new(batch.schema(), vec![batch]));
    let text = std::fs::read_to_string(here.join("tests/device/nci-600-0.6.txt")).unwrap();
    let mut expected = vec![(-1, false); 600];
    for (number, line) in (0..).zip(text.lines()) {
        for (place, row) in line.split(' ').enumerate() {
            expected[row.parse::<usize>().unwrap()] = (number, place == 0);
        }
    }
    on_each(|device| {
        let kernel = library().get("butina").unwrap();
        let with = params("butina", &[("distance", Value::Float(0.6))]);
        let context = Context::new(1).with_device(device.clone());
        let outputs = kernel.run(&inputs, &with, &context).unwrap();
        let batch = &outputs.get("clusters").unwrap().batches[0];
        let numbers = batch.column(1).as_primitive::<Int32Type>().values();
        let centroids = batch.column(2).as_boolean().values();
        let found: Vec<(i32, bool)> = numbers.iter().copied().zip(centroids).collect();
        assert!(found == expected);
    });
}
