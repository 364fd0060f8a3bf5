//! `gaussian_shape` on devices: overlays as good as the twin's, equal fixed poses and rejects, and
//! equal bits for any division of the input.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, AsArray, Float64Builder, ListBuilder, RecordBatch, StringArray, StringBuilder,
};
use arrow::compute::concat_batches;
use arrow::datatypes::Float32Type;
use proptest::prelude::*;
use serde_json::Value as Json;
use sunward_kernels::device::Device;
use sunward_kernels::{Context, Inputs, KernelError, Outputs, Table, library};
use sunward_workflows::value::Value;

use crate::kernels::{Random, params, small};
use crate::on_each;

/// Coordinates and radii.
type Molecule = (Vec<f64>, Vec<f64>);

static LIGANDS: LazyLock<Vec<Molecule>> = LazyLock::new(|| {
    let oracle: Json = serde_json::from_str(include_str!("../shape/cdk2.json")).unwrap();
    let molecules = oracle["molecules"].as_array().unwrap().iter();
    let places = molecules.map(|molecule| {
        let xyz = molecule["xyz"].as_array().unwrap().iter();
        xyz.map(|x| x.as_f64().unwrap()).collect::<Vec<_>>()
    });
    places
        .map(|xyz| (xyz.clone(), vec![1.7; xyz.len() / 3]))
        .collect()
});

fn batch(first: usize, molecules: &[Molecule]) -> RecordBatch {
    let [mut xyz, mut radii] = [(); 2].map(|()| ListBuilder::new(Float64Builder::new()));
    let mut elements = ListBuilder::new(StringBuilder::new());
    for (places, sizes) in molecules {
        xyz.values().append_slice(places);
        xyz.append(true);
        radii.values().append_slice(sizes);
        radii.append(true);
        for size in sizes {
            // Atoms as small as hydrogen are hydrogen.
            elements
                .values()
                .append_value(if *size < 1.15 { "H" } else { "C" });
        }
        elements.append(true);
    }
    let ids: Vec<String> = (first..)
        .take(molecules.len())
        .map(|i| format!("m{i}"))
        .collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(StringArray::from(ids))),
        ("xyz", Arc::new(xyz.finish())),
        ("radii", Arc::new(radii.finish())),
        ("elements", Arc::new(elements.finish())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn table(molecules: &[Molecule], parts: usize) -> Table {
    let size = molecules.len().div_ceil(parts).max(1);
    let chunks = molecules.chunks(size).enumerate();
    let batches: Vec<RecordBatch> = chunks.map(|(i, part)| batch(i * size, part)).collect();
    Table::new(batch(0, &[]).schema(), batches)
}

fn run(
    [references, fits]: [Table; 2],
    with: &[(&str, Value)],
    device: Option<&Device>,
) -> Result<Outputs, KernelError> {
    let context = Context::new(2);
    let context = match device {
        Some(device) => context.with_device(device.clone()),
        None => context,
    };
    let inputs = Inputs::new()
        .with("references", references)
        .with("fits", fits);
    let kernel = library().get("gaussian_shape").unwrap();
    kernel.run(&inputs, &params("gaussian_shape", with), &context)
}

fn whole(outputs: &Outputs, port: &str) -> RecordBatch {
    let table = outputs.get(port).unwrap();
    concat_batches(&table.schema, &table.batches).unwrap()
}

fn numbers(rows: &RecordBatch, name: &str) -> Vec<f32> {
    rows.column_by_name(name)
        .unwrap()
        .as_primitive::<Float32Type>()
        .values()
        .to_vec()
}

/// Checks that no overlay is worse than the twin's, and that rejects and ids are equal. Returns the
/// device's overlays.
fn agree(tables: &[Table; 2], starts: i64, device: &Device) -> RecordBatch {
    let with = [("starts", Value::Int(starts))];
    let twin = run(tables.clone(), &with, None).unwrap();
    let found = run(tables.clone(), &with, Some(device)).unwrap();
    assert_eq!(whole(&found, "rejects"), whole(&twin, "rejects"));
    let (twin, found) = (whole(&twin, "overlays"), whole(&found, "overlays"));
    assert_eq!(twin.schema(), found.schema());
    for column in ["reference", "id"] {
        assert_eq!(twin.column_by_name(column), found.column_by_name(column));
    }
    let [theirs, ours] = [&twin, &found].map(|rows| numbers(rows, "st"));
    for (row, (twin, found)) in theirs.iter().zip(&ours).enumerate() {
        assert!(
            *found >= twin - 0.005,
            "row {row}: {found}, the twin's {twin}"
        );
        assert!(*found <= 1.0, "row {row}: {found}");
    }
    let sum = |all: &[f32]| all.iter().map(|&x| f64::from(x)).sum::<f64>();
    let (theirs, ours) = (sum(&theirs), sum(&ours));
    assert!(
        ours >= theirs - 1e-4 * theirs,
        "{ours}, the twin's {theirs}"
    );
    if starts == 0 {
        for name in ["st", "volume", "qw", "qx", "qy", "qz", "tx", "ty", "tz"] {
            for (a, b) in numbers(&twin, name).iter().zip(numbers(&found, name)) {
                assert!(
                    (a - b).abs() <= 1e-6 * (1.0 + a.abs()),
                    "{name}: {b}, the twin's {a}"
                );
            }
        }
    }
    found
}

#[test]
fn ligands_of_a_kinase_are_laid_as_well_as_by_the_twin() {
    let tables = [table(&LIGANDS[..2], 1), table(&LIGANDS, 3)];
    on_each(|device| {
        agree(&tables, 4, device);
        agree(&tables, 0, device);
    });
}

#[test]
fn rotation_and_shift_lay_the_fit_where_it_overlaps_that_much() {
    let tables = [table(&LIGANDS[..1], 1), table(&LIGANDS[3..9], 1)];
    on_each(|device| {
        let found = agree(&tables, 4, device);
        let [st, w, x, y, z, tx, ty, tz] =
            ["st", "qw", "qx", "qy", "qz", "tx", "ty", "tz"].map(|name| numbers(&found, name));
        let laid: Vec<Molecule> = (0..6)
            .map(|i| {
                let (u, s) = ([x[i], y[i], z[i]].map(f64::from), f64::from(w[i]));
                assert!(s >= 0.0);
                let cross = |a: [f64; 3], b: [f64; 3]| {
                    [0, 1, 2].map(|i| {
                        let (j, k) = ((i + 1) % 3, (i + 2) % 3);
                        a[j] * b[k] - a[k] * b[j]
                    })
                };
                let shift = [tx[i], ty[i], tz[i]].map(f64::from);
                let (places, radii) = &LIGANDS[3 + i];
                let moved = places.as_chunks::<3>().0.iter().flat_map(|&atom| {
                    let once = cross(u, atom).map(|x| 2.0 * x);
                    let twice = cross(u, once);
                    [0, 1, 2].map(|k| atom[k] + s * once[k] + twice[k] + shift[k])
                });
                (moved.collect(), radii.clone())
            })
            .collect();
        let again = [table(&LIGANDS[..1], 1), table(&laid, 1)];
        let again = run(again, &[("starts", Value::Int(0))], None).unwrap();
        for (st, again) in st.iter().zip(numbers(&whole(&again, "overlays"), "st")) {
            assert!((st - again).abs() < 1e-5, "{st} {again}");
        }
    });
}

#[test]
fn any_cut_and_any_memory_give_the_same_bits() {
    let references = &LIGANDS[..3];
    let with = [("starts", Value::Int(2))];
    on_each(|device| {
        let whole_of = |fits: Table, device: &Device| {
            let outputs = run([table(references, 1), fits], &with, Some(device)).unwrap();
            whole(&outputs, "overlays")
        };
        let expected = whole_of(table(&LIGANDS[..14], 1), device);
        for parts in [3, 14] {
            assert_eq!(whole_of(table(&LIGANDS[..14], parts), device), expected);
        }
        let parts = LIGANDS[..14].chunks(4).enumerate().map(|(i, part)| {
            let fits = batch(4 * i, part);
            whole_of(Table::new(fits.schema(), vec![fits]), device)
        });
        let parts: Vec<RecordBatch> = parts.collect();
        assert_eq!(
            concat_batches(&expected.schema(), &parts).unwrap(),
            expected
        );
        // 23 kB of molecules, one or two at a time.
        if let Some(little) = small(14_000) {
            assert_eq!(whole_of(table(&LIGANDS[..14], 2), &little), expected);
            assert_eq!(little.free_memory().unwrap(), 14_000);
        }
    });
    let Some(device) = small(6000) else { return };
    let tables = [table(references, 1), table(references, 1)];
    let error = run(tables, &with, Some(&device)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has 6000 of 6000 bytes of memory free"),
        "{error}"
    );
}

/// Atoms of many sizes, some of them hydrogens, none too close to another.
fn blob(random: &mut Random, atoms: usize) -> Molecule {
    let mut number = |half: f64| (random.next() as f64 / f64::from(1_u32 << 30) - 1.0) * half;
    let half = 2.0 * (atoms as f64).cbrt();
    let mut xyz = vec![0.0; 3];
    while xyz.len() < 3 * atoms {
        let place = [number(half), number(half), number(half)];
        let apart = |other: &[f64]| {
            let squares = other
                .iter()
                .zip(place)
                .map(|(one, two)| (one - two).powi(2));
            squares.sum::<f64>() > 0.25
        };
        if xyz.chunks_exact(3).all(apart) {
            xyz.extend(place);
        }
    }
    let mut radii = vec![1.7];
    radii.extend((1..atoms).map(|_| 1.6 + number(0.5)));
    (xyz, radii)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn molecules_as_they_stand_overlap_as_the_twins(
        seed in any::<u64>(),
        references in 0_usize..4,
        fits in 0_usize..12,
        most in 1_usize..60,
        parts in 1_usize..4,
    ) {
        let mut random = Random(seed);
        let mut some = |count: usize| -> Vec<Molecule> {
            (0..count)
                .map(|_| {
                    let atoms = 1 + random.next() as usize % most;
                    blob(&mut random, atoms)
                })
                .collect()
        };
        let tables = [table(&some(references), 1), table(&some(fits), parts)];
        on_each(|device| {
            agree(&tables, 0, device);
        });
    }
}

#[test]
fn molecules_of_any_size_and_shape_are_laid_and_broken_ones_rejected() {
    let line = (
        vec![0.0, 0.0, 0.0, 1.2, 0.0, 0.0, 2.4, 0.0, 0.0],
        vec![1.7; 3],
    );
    let upright = (
        vec![5.0, 5.0, 1.0, 5.0, 5.0, 2.2, 5.0, 5.0, 3.4],
        vec![1.7; 3],
    );
    let atom = (vec![9.0; 3], vec![1.9]);
    let mut random = Random(21);
    let large = blob(&mut random, 300);
    let mut holed = LIGANDS[5].clone();
    holed.0[4] = f64::NAN;
    let nanometers: Vec<f64> = LIGANDS[5].0.iter().map(|x| x / 10.0).collect();
    let far: Vec<f64> = LIGANDS[4].0.iter().map(|x| x + 5e4).collect();
    let fits = [
        (Vec::new(), Vec::new()),
        line.clone(),
        holed,
        upright,
        (nanometers, LIGANDS[5].1.clone()),
        atom.clone(),
        (far, LIGANDS[4].1.clone()),
        (vec![1.0; 3], vec![1.1]),
        large.clone(),
        (vec![0.0; 4], vec![1.7]),
    ];
    let tables = [table(&[line, atom, large], 1), table(&fits, 2)];
    on_each(|device| {
        for starts in [1, 4] {
            let found = agree(&tables, starts, device);
            assert_eq!(found.num_rows(), 5 * 3);
            let st = numbers(&found, "st");
            // A line on a line, a line on an upright one, an atom on an atom, and the large one on
            // itself.
            for row in [0, 3, 7, 14] {
                assert!(st[row] > 0.9999, "row {row}: {st:?}");
            }
        }
    });
    let all = [table(&LIGANDS[..1], 1), table(&LIGANDS[7..10], 1)];
    let few = [table(&LIGANDS[..1], 1), table(&[], 1)];
    let none = [table(&[], 1), table(&LIGANDS[7..10], 1)];
    on_each(|device| {
        agree(&all, 24, device);
        agree(&few, 4, device);
        agree(&none, 4, device);
    });
}
