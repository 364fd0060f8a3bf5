//! Edge cases on devices: ties at the last rank, infinities, targets with many sources.

use proptest::prelude::*;
use sunward_kernels::device::Device;
use sunward_kernels::{Inputs, Table};
use sunward_workflows::value::Value;

use crate::kernels::{Random, agree, field, field_on, params, small, table_of, text};
use crate::on_each;

fn regridded(device: &Device, table: Table, with: &[(&str, Value)]) {
    let inputs = Inputs::new().with("field", table);
    agree(
        "regrid_apply",
        &inputs,
        &params("regrid_apply", with),
        device,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Few targets, so that each has 20 to 120 sources.
    #[test]
    fn targets_of_many_sources_get_the_twins_bits(
        seed in any::<u64>(),
        rows in prop_oneof![0_usize..40, 120..140_usize, Just(300)],
        parts in 1_usize..3,
        gaps in 0_u64..9,
        min_valid in 0.0..1.0_f64,
        shape in prop_oneof![Just([8, 10]), Just([16, 20]), Just([9, 31])],
        grid in prop_oneof![Just("r2x2"), Just("r3x2")],
        single in any::<bool>(),
    ) {
        on_each(|device| {
            let table = field_on(&mut Random(seed), shape, rows, parts, gaps, single);
            let with = [("grid", text(grid)), ("min_valid", Value::Float(min_valid))];
            regridded(device, table, &with);
        });
    }
}

#[test]
fn targets_of_many_sources_stream_through_a_small_device() {
    if let Some(device) = small(12_000) {
        let table = field(&mut Random(3), 60, 2, 1, true);
        regridded(&device, table, &[("grid", text("r2x2"))]);
        assert_eq!(device.free_memory().unwrap(), 12_000);
    }
}

#[test]
fn infinities_are_values_on_a_device_too() {
    on_each(|device| {
        for grid in ["r7x6", "r2x2"] {
            let table = with_infinity(field(&mut Random(4), 5, 1, 1, false));
            regridded(device, table, &[("grid", text(grid))]);
        }
    });
}

/// The table with infinity in place of values above a bound.
fn with_infinity(table: Table) -> Table {
    use arrow::array::{Array, AsArray, FixedSizeListArray, Float64Array, RecordBatch};
    use arrow::datatypes::Float64Type;
    let batch = &table.batches[0];
    let lists = batch.column(0).as_fixed_size_list();
    let values = lists.values().as_primitive::<Float64Type>().values().iter();
    let bound = f64::from(1 << 20);
    let values: Float64Array = values
        .map(|&x| Some(if x > bound { f64::INFINITY } else { x }))
        .collect();
    assert!(values.values().iter().any(|x| x.is_infinite()));
    let arrow::datatypes::DataType::FixedSizeList(item, size) = lists.data_type() else {
        panic!("a tensor");
    };
    let lists = FixedSizeListArray::new(item.clone(), *size, std::sync::Arc::new(values), None);
    let schema = batch.schema();
    let batch = RecordBatch::try_new(schema, vec![std::sync::Arc::new(lists)]).unwrap();
    Table::new(batch.schema(), vec![batch])
}

/// All rows are equally good. The first k are the result, wherever tiles end.
#[test]
fn ties_at_the_last_place_go_to_the_lowest_rows() {
    let search = |device: &Device, rows: usize| {
        let inputs = Inputs::new()
            .with("library", table_of(&vec![vec![7; 32]; rows]))
            .with(
                "queries",
                table_of(&[vec![7; 32], vec![3; 32], vec![0; 32]]),
            );
        for k in [1, 5, 200] {
            for fuse in ["none", "max"] {
                let with = params(
                    "tanimoto_topk",
                    &[("k", Value::Int(k)), ("fuse", text(fuse))],
                );
                agree("tanimoto_topk", &inputs, &with, device);
            }
        }
    };
    on_each(|device| search(device, 150));
    if let Some(device) = small(6_000) {
        search(&device, 700);
    }
}
