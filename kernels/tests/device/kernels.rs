//! Kernels on devices equal their CPU twins bit for bit, for any division of the input.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryBuilder, FixedSizeListArray, Float32Array, Float64Array,
    RecordBatch, StringArray,
};
use arrow::datatypes::DataType;
use arrow_schema::{Field, Schema};
use proptest::prelude::*;
use sunward_kernels::device::Device;
use sunward_kernels::{Context, Inputs, KernelError, Params, Table, library};
use sunward_workflows::value::Value;

use crate::{cache, on_each};

#[test]
fn a_second_task_on_a_device_loads_nothing_again() {
    let device = match Device::host(1 << 28, cache()) {
        Ok(device) => device,
        Err(error) => {
            eprintln!("NOT RUN on the host: {error}");
            return;
        }
    };
    let table = fingerprints(&mut Random(5), 40, 16, 10, 2);
    let library = Inputs::new().with("library", table.clone());
    let inputs = library.clone().with("queries", table);
    let with = params("tanimoto_topk", &[("k", Value::Int(3))]);
    agree("tanimoto_topk", &inputs, &with, &device);
    assert_eq!(device.loads(), 1);
    // As in a child process, which clones its device for each task's context.
    agree("tanimoto_topk", &inputs, &with, &device.clone());
    assert_eq!(device.loads(), 1);
    let with = params("butina", &[("distance", Value::Float(0.6))]);
    agree("butina", &library, &with, &device);
    assert_eq!(device.loads(), 2);
}

/// A pseudorandom sequence of numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

pub(crate) fn params(kernel: &str, pairs: &[(&str, Value)]) -> Params {
    let kernel = library().get(kernel).unwrap();
    let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    Params::resolve(kernel.entry(), pairs).unwrap()
}

pub(crate) fn text(s: &str) -> Value {
    Value::String(s.to_owned())
}

/// Checks that results are equal with and without a device.
pub(crate) fn agree(kernel: &str, inputs: &Inputs, with: &Params, device: &Device) {
    let kernel = library().get(kernel).unwrap();
    assert!(!kernel.sources().is_empty());
    let twin = kernel.run(inputs, with, &Context::new(1)).unwrap();
    let context = Context::new(1).with_device(device.clone());
    let found = kernel.run(inputs, with, &context).unwrap();
    for ((port, twin), (_, found)) in twin.iter().zip(found.iter()) {
        assert_eq!(twin.schema, found.schema, "{port}");
        let whole =
            |table: &Table| arrow::compute::concat_batches(&table.schema, &table.batches).unwrap();
        let (twin, found) = (whole(twin), whole(found));
        for (twin, found) in twin.columns().iter().zip(found.columns()) {
            // Bits are compared, so that NaN equals NaN.
            assert!(
                twin.to_data() == found.to_data() || same_bits(twin, found),
                "{port}: {twin:?} {found:?}"
            );
        }
    }
}

fn same_bits(a: &ArrayRef, b: &ArrayRef) -> bool {
    fn bytes(array: &ArrayRef) -> Vec<Vec<u8>> {
        fn all(data: &arrow::array::ArrayData, into: &mut Vec<Vec<u8>>) {
            into.extend(
                data.buffers()
                    .iter()
                    .map(|buffer| buffer.as_slice().to_vec()),
            );
            data.child_data().iter().for_each(|child| all(child, into));
        }
        let mut into = Vec::new();
        all(&array.to_data(), &mut into);
        into
    }
    a.len() == b.len() && a.data_type() == b.data_type() && bytes(a) == bytes(b)
}

/// Fingerprints with few bits, so that there are many ties. `empty` of eight rows have no bits.
pub(crate) fn fingerprints(
    random: &mut Random,
    rows: usize,
    width: usize,
    empty: u64,
    parts: usize,
) -> Table {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("bits", DataType::FixedSizeBinary(width as i32), true),
    ]));
    let mut batches = Vec::new();
    for part in 0..parts {
        let here = rows * part / parts..rows * (part + 1) / parts;
        let ids: StringArray = here
            .clone()
            .map(|row| Some(format!("m{}", row % 97)))
            .collect();
        let mut bits = FixedSizeBinaryBuilder::new(width as i32);
        for _ in here {
            let mut row = vec![0_u8; width];
            if random.next() % 8 >= empty {
                for _ in 0..1 + random.next() % 12 {
                    row[random.next() as usize % width] |= 1 << (random.next() % 8);
                }
            }
            bits.append_value(&row).unwrap();
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(bits.finish())];
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns).unwrap());
    }
    Table::new(schema, batches)
}

/// The table without the fingerprint of every n-th row.
pub(crate) fn holed(table: &Table, every: usize) -> Table {
    let batches = table.batches.iter().map(|batch| {
        let rows = 0..batch.num_rows();
        let holes: BooleanArray = rows.map(|row| Some(row % every == 1)).collect();
        let bits = arrow::compute::nullif(batch.column(1), &holes).unwrap();
        let columns = vec![Arc::clone(batch.column(0)), bits];
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    });
    Table::new(Arc::clone(&table.schema), batches.collect())
}

#[test]
fn rows_without_a_fingerprint_are_rejected_as_by_the_twin() {
    on_each(|device| {
        let mut random = Random(7);
        let library = holed(&fingerprints(&mut random, 900, 64, 1, 4), 3);
        let queries = holed(&fingerprints(&mut random, 11, 64, 1, 1), 5);
        let inputs = Inputs::new()
            .with("library", library.clone())
            .with("queries", queries);
        let with = params("tanimoto_topk", &[("k", Value::Int(20))]);
        agree("tanimoto_topk", &inputs, &with, device);
        let inputs = Inputs::new().with("library", library);
        agree("butina", &inputs, &params("butina", &[]), device);
    });
}

fn search(
    device: &Device,
    seed: u64,
    sizes: [usize; 3],
    width: usize,
    parts: usize,
    with: &[(&str, Value)],
) {
    let mut random = Random(seed);
    let [rows, queries, empty] = sizes;
    let inputs = Inputs::new()
        .with(
            "library",
            fingerprints(&mut random, rows, width, empty as u64, parts),
        )
        .with("queries", fingerprints(&mut random, queries, width, 1, 1));
    agree(
        "tanimoto_topk",
        &inputs,
        &params("tanimoto_topk", with),
        device,
    );
}

#[test]
fn similarity_is_the_twins_to_the_last_bit() {
    on_each(|device| {
        let k = |k: i64| ("k", Value::Int(k));
        search(device, 1, [3000, 1, 1], 256, 3, &[k(10)]);
        search(
            device,
            2,
            [700, 9, 2],
            64,
            17,
            &[k(25), ("fuse", text("max"))],
        );
        search(device, 3, [100, 70, 8], 24, 1, &[k(200)]);
        search(device, 4, [0, 3, 0], 8, 1, &[k(3)]);
        search(device, 5, [50, 0, 0], 8, 1, &[k(3)]);
        search(device, 6, [1, 1, 8], 8, 1, &[k(1)]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn similarity_of_random_libraries_is_the_twins(
        seed in any::<u64>(),
        rows in 0_usize..400,
        queries in 0_usize..80,
        words in 1_usize..40,
        parts in 1_usize..5,
        k in 1_i64..30,
        threshold in prop_oneof![Just(0.0), 0.0..1.0_f64],
        fuse in any::<bool>(),
        exclude in prop_oneof![Just("none"), Just("self"), Just("queries")],
    ) {
        on_each(|device| {
            let with = [
                ("k", Value::Int(k)),
                ("threshold", Value::Float(threshold)),
                ("fuse", text(if fuse { "max" } else { "none" })),
                ("exclude", text(exclude)),
            ];
            search(device, seed, [rows, queries, 1], words * 8, parts, &with);
        });
    }

    #[test]
    fn regridding_gives_the_twins_bits(
        seed in any::<u64>(),
        rows in 0_usize..40,
        parts in 1_usize..4,
        gaps in 0_u64..4,
        min_valid in 0.0..1.0_f64,
        bilinear in any::<bool>(),
        single in any::<bool>(),
    ) {
        on_each(|device| {
            let table = field(&mut Random(seed), rows, parts, gaps, single);
            let method = if bilinear { "bilinear" } else { "conservative" };
            let with = [
                ("method", text(method)),
                ("grid", text("r7x6")),
                ("min_valid", Value::Float(min_valid)),
            ];
            let inputs = Inputs::new().with("field", table);
            agree("regrid_apply", &inputs, &params("regrid_apply", &with), device);
        });
    }
}

/// Fields of 8 latitudes and 10 longitudes. `gaps` of eight values are missing.
pub(crate) fn field(
    random: &mut Random,
    rows: usize,
    parts: usize,
    gaps: u64,
    single: bool,
) -> Table {
    field_on(random, [8, 10], rows, parts, gaps, single)
}

/// As [`field`], with other numbers of latitudes and longitudes.
pub(crate) fn field_on(
    random: &mut Random,
    [lats, lons]: [u32; 2],
    rows: usize,
    parts: usize,
    gaps: u64,
    single: bool,
) -> Table {
    let cells = (lats * lons) as usize;
    let kind = if single {
        DataType::Float32
    } else {
        DataType::Float64
    };
    let item = Arc::new(Field::new("item", kind, true));
    let tensor = HashMap::from([
        (
            "ARROW:extension:name".to_owned(),
            "arrow.fixed_shape_tensor".to_owned(),
        ),
        (
            "ARROW:extension:metadata".to_owned(),
            format!(r#"{{"shape":[{lats},{lons}],"dim_names":["lat","lon"]}}"#),
        ),
    ]);
    let value = Field::new(
        "value",
        DataType::FixedSizeList(Arc::clone(&item), cells as i32),
        true,
    );
    let high = 180.0 / f64::from(lats);
    let lat: Vec<f64> = (0..lats)
        .map(|i| 90.0 - high * (f64::from(i) + 0.5))
        .collect();
    let wide = 360.0 / f64::from(lons);
    let lon: Vec<f64> = (0..lons).map(|i| -170.0 + wide * f64::from(i)).collect();
    let grid = format!(r#"{{"variable":"z","dims":["lat","lon"],"lat":{lat:?},"lon":{lon:?}}}"#);
    let schema = Arc::new(Schema::new_with_metadata(
        vec![value.with_metadata(tensor)],
        HashMap::from([("sunward.grid".to_owned(), grid)]),
    ));
    let mut batches = Vec::new();
    for part in 0..parts {
        let here = (rows * part / parts..rows * (part + 1) / parts).len();
        let missing = |random: &mut Random| random.next() % 8 < gaps;
        let values: Vec<f64> = (0..here * cells)
            .map(|_| {
                let value = random.next() as f64 / 1024.0;
                if missing(random) { f64::NAN } else { value }
            })
            .collect();
        let values: ArrayRef = if single {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            Arc::new(Float32Array::from(values))
        } else {
            Arc::new(Float64Array::from(values))
        };
        let list =
            FixedSizeListArray::try_new(Arc::clone(&item), cells as i32, values, None).unwrap();
        batches.push(RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(list)]).unwrap());
    }
    Table::new(schema, batches)
}

/// A device with this much memory. Prints a message and returns `None` without a C++ compiler.
pub(crate) fn small(bytes: u64) -> Option<Device> {
    Device::host(bytes, cache())
        .inspect_err(|error| eprintln!("NOT RUN on the host: {error}"))
        .ok()
}

#[test]
fn inputs_larger_than_the_device_stream_through_it() {
    // 64 kB of fingerprints through 24 kB, 51 kB of fields through 12 kB.
    if let Some(device) = small(24_000) {
        search(&device, 7, [2000, 5, 1], 32, 2, &[("k", Value::Int(40))]);
        assert_eq!(device.free_memory().unwrap(), 24_000);
    }
    if let Some(device) = small(12_000) {
        let inputs = Inputs::new().with("field", field(&mut Random(8), 80, 3, 1, false));
        let with = params("regrid_apply", &[("grid", text("r7x6"))]);
        agree("regrid_apply", &inputs, &with, &device);
        assert_eq!(device.free_memory().unwrap(), 12_000);
    }
}

#[test]
fn more_good_rows_than_a_tile_can_send_back_are_all_seen() {
    // Each row is better than the one before. They follow enough empty rows that tiles have grown.
    let Some(device) = small(24_000) else { return };
    let full = |bits: usize| -> Vec<u8> {
        let byte = |i: usize| match bits.saturating_sub(8 * i) {
            0 => 0,
            some => 0xFF >> (8 - some.min(8)),
        };
        (0..32).map(byte).collect()
    };
    let rows: Vec<Vec<u8>> = (0..356_usize)
        .map(|i| full(i.saturating_sub(100)))
        .collect();
    let inputs = Inputs::new()
        .with("library", table_of(&rows))
        .with("queries", table_of(&vec![full(256); 5]));
    for (k, fuse) in [(1, "none"), (3, "none"), (300, "none"), (2, "max")] {
        let with = [("k", Value::Int(k)), ("fuse", text(fuse))];
        agree(
            "tanimoto_topk",
            &inputs,
            &params("tanimoto_topk", &with),
            &device,
        );
    }
}

pub(crate) fn table_of(rows: &[Vec<u8>]) -> Table {
    let ids: StringArray = (0..rows.len()).map(|row| Some(format!("r{row}"))).collect();
    let mut bits = FixedSizeBinaryBuilder::new(rows[0].len() as i32);
    for row in rows {
        bits.append_value(row).unwrap();
    }
    let schema = Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new(
            "bits",
            DataType::FixedSizeBinary(rows[0].len() as i32),
            true,
        ),
    ]);
    Table::from_columns(schema, vec![Arc::new(ids), Arc::new(bits.finish())]).unwrap()
}

#[test]
fn a_cell_that_is_whole_but_for_rounding_counts_as_whole_on_a_device_too() {
    on_each(|device| {
        for (gaps, min_valid) in [(0, 1.0), (2, 1.0), (2, 0.0), (8, 0.0)] {
            let inputs = Inputs::new().with("field", field(&mut Random(11), 9, 1, gaps, false));
            let with = [
                ("grid", text("r7x6")),
                ("min_valid", Value::Float(min_valid)),
            ];
            agree(
                "regrid_apply",
                &inputs,
                &params("regrid_apply", &with),
                device,
            );
        }
    });
}

#[test]
fn a_device_too_small_for_one_row_says_how_much_it_would_take() {
    let Some(device) = small(1000) else { return };
    let mut random = Random(9);
    let inputs = Inputs::new()
        .with("library", fingerprints(&mut random, 10, 512, 0, 1))
        .with("queries", fingerprints(&mut random, 3, 512, 0, 1));
    let with = params("tanimoto_topk", &[("k", Value::Int(1))]);
    let kernel = library().get("tanimoto_topk").unwrap();
    let context = Context::new(1).with_device(device);
    let error = kernel.run(&inputs, &with, &context).unwrap_err();
    assert!(matches!(error, KernelError::Device(_)));
    assert!(
        error
            .to_string()
            .contains("has 1000 of 1000 bytes of memory free, and"),
        "{error}"
    );
}

#[test]
fn a_stopped_task_ends_on_a_device_too() {
    on_each(|device| {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let context = Context::new(1).with_device(device.clone()).with_stop(stop);
        let mut random = Random(10);
        let inputs = Inputs::new()
            .with("library", fingerprints(&mut random, 10, 8, 0, 1))
            .with("queries", fingerprints(&mut random, 3, 8, 0, 1));
        let with = params("tanimoto_topk", &[]);
        let kernel = library().get("tanimoto_topk").unwrap();
        let error = kernel.run(&inputs, &with, &context).unwrap_err();
        assert!(matches!(error, KernelError::Stopped));
    });
}
