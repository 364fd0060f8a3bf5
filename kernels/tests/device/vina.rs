//! `vina_score` on devices: the twin's terms to 1e-4, equal rejects, and equal bits for any
//! division of the input.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Float32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::Float32Type;
use arrow_schema::{Field, Schema};
use proptest::prelude::*;
use sunward_data::{NoMemory, SourceOptions, Store};
use sunward_kernels::device::Device;
use sunward_kernels::{Context, Inputs, KernelError, Outputs, Table, library};
use sunward_workflows::value::Value;

use crate::kernels::{Random, params, small};
use crate::on_each;

const TYPES: [&str; 12] = [
    "C_H", "C_P", "N_P", "N_D", "N_DA", "O_A", "O_DA", "S_P", "F_H", "Br_H", "Met_D", "H",
];
const NUMBERS: [&str; 8] = [
    "gauss1",
    "gauss2",
    "repulsion",
    "hydrophobic",
    "hydrogen",
    "inter",
    "score",
    "rmsd",
];

impl Random {
    /// A number from -`half` to `half`.
    fn within(&mut self, half: f64) -> f64 {
        (self.next() as f64 / f64::from(1_u32 << 30) - 1.0) * half
    }
}

fn list(values: ArrayRef, lengths: &[usize]) -> ArrayRef {
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    Arc::new(ListArray::new(item, offsets, values, None))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
    let field =
        |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array)| array);
    Table::from_columns(schema, arrays.collect()).unwrap()
}

/// Atoms in a cube with this half edge. The first two are heavy and 12 Å apart.
fn molecule(random: &mut Random, atoms: usize, half: f64) -> (Vec<f64>, Table) {
    let mut places = vec![0.0, 0.0, 0.0, 12.0, 0.0, 0.0];
    let mut words = vec!["C_H", "O_DA"];
    for _ in 2..atoms {
        places.extend((0..3).map(|_| random.within(half)));
        words.push(TYPES[random.next() as usize % TYPES.len()]);
    }
    let table = table_of(&places, &words);
    (places, table)
}

fn table_of(places: &[f64], words: &[&str]) -> Table {
    table(vec![
        (
            "xyz",
            list(
                Arc::new(Float64Array::from(places.to_vec())),
                &[places.len()],
            ),
        ),
        (
            "xs_type",
            list(Arc::new(StringArray::from(words.to_vec())), &[words.len()]),
        ),
        ("rotors", Arc::new(Float64Array::from(vec![3.5]))),
    ])
}

/// Poses of any lengths, in `parts` batches. `None` is null.
fn poses(all: &[Vec<Option<f64>>], single: bool, parts: usize) -> Table {
    let batch = |first: usize, all: &[Vec<Option<f64>>]| {
        let values: ArrayRef = if single {
            let narrow = |x: &Option<f64>| x.map(|x| x as f32);
            Arc::new(all.concat().iter().map(narrow).collect::<Float32Array>())
        } else {
            Arc::new(Float64Array::from(all.concat()))
        };
        let lengths: Vec<usize> = all.iter().map(Vec::len).collect();
        let ids = Int64Array::from_iter_values((first as i64..).take(all.len()));
        table(vec![
            ("pose_id", Arc::new(ids)),
            ("xyz", list(values, &lengths)),
        ])
    };
    let size = all.len().div_ceil(parts).max(1);
    let tables: Vec<Table> = if all.is_empty() {
        vec![batch(0, all)]
    } else {
        let chunks = all.chunks(size).enumerate();
        chunks.map(|(i, chunk)| batch(i * size, chunk)).collect()
    };
    let batches = tables.iter().flat_map(|table| table.batches.clone());
    Table::new(Arc::clone(&tables[0].schema), batches.collect())
}

/// Poses of the ligand, moved at random.
fn moved(random: &mut Random, ligand: &[f64], count: usize, half: f64) -> Vec<Vec<Option<f64>>> {
    let mut pose = || {
        let shift = [0, 1, 2].map(|_| random.within(half));
        let moved = ligand
            .iter()
            .enumerate()
            .map(|(i, x)| Some(x + shift[i % 3]));
        moved.collect()
    };
    (0..count).map(|_| pose()).collect()
}

fn run(inputs: &Inputs, cutoff: f64, device: Option<&Device>) -> Result<Outputs, KernelError> {
    let context = Context::new(2);
    let context = match device {
        Some(device) => context.with_device(device.clone()),
        None => context,
    };
    let with = params("vina_score", &[("cutoff", Value::Float(cutoff))]);
    let kernel = library().get("vina_score").unwrap();
    kernel.run(inputs, &with, &context)
}

fn whole(outputs: &Outputs, port: &str) -> RecordBatch {
    let table = outputs.get(port).unwrap();
    concat_batches(&table.schema, &table.batches).unwrap()
}

fn numbers(scores: &RecordBatch, name: &str) -> Vec<f32> {
    let column = scores.column_by_name(name).unwrap();
    column.as_primitive::<Float32Type>().values().to_vec()
}

/// Checks that the result equals the twin's within the tolerance. Returns the device's.
fn agree(inputs: &Inputs, cutoff: f64, device: &Device) -> [RecordBatch; 2] {
    let twin = run(inputs, cutoff, None).unwrap();
    let found = run(inputs, cutoff, Some(device)).unwrap();
    let rejects = whole(&found, "rejects");
    assert_eq!(rejects, whole(&twin, "rejects"));
    let (twin, found) = (whole(&twin, "scores"), whole(&found, "scores"));
    assert_eq!(twin.schema(), found.schema());
    assert_eq!(twin.column(0), found.column(0));
    for name in NUMBERS {
        // `inter` and `score` are differences of terms. Small terms depend on the rounding of
        // distances.
        let terms = if matches!(name, "inter" | "score") {
            1e-4
        } else {
            2e-6
        };
        for (row, (a, b)) in numbers(&twin, name)
            .iter()
            .zip(numbers(&found, name))
            .enumerate()
        {
            let far = 1e-4 * a.abs() + terms;
            assert!(
                (a - b).abs() <= far,
                "{name} of row {row}: {b}, the twin's {a}"
            );
        }
    }
    [found, rejects]
}

fn inputs(receptor: Table, ligand: Table, poses: Table) -> Inputs {
    let inputs = Inputs::new().with("receptor", receptor);
    inputs.with("ligand", ligand).with("poses", poses)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn terms_of_random_poses_are_the_twins(
        seed in any::<u64>(),
        atoms in 2_usize..200,
        own in 2_usize..70,
        count in 0_usize..20,
        parts in 1_usize..4,
        single in any::<bool>(),
        cutoff in prop_oneof![Just(8.0), 1.0..24.0],
    ) {
        let mut random = Random(seed);
        let (_, receptor) = molecule(&mut random, atoms, 14.0);
        let (places, ligand) = molecule(&mut random, own, 6.0);
        let moved = moved(&mut random, &places, count, 25.0);
        let inputs = inputs(receptor, ligand, poses(&moved, single, parts));
        on_each(|device| {
            agree(&inputs, cutoff, device);
        });
    }
}

#[test]
fn any_cut_and_any_memory_give_the_same_bits() {
    let mut random = Random(3);
    let (_, receptor) = molecule(&mut random, 40, 12.0);
    let (places, ligand) = molecule(&mut random, 9, 6.0);
    let moved = moved(&mut random, &places, 90, 15.0);
    let of = |poses: Table| inputs(receptor.clone(), ligand.clone(), poses);
    on_each(|device| {
        let [expected, _] = agree(&of(poses(&moved, false, 1)), 8.0, device);
        for parts in [2, 7, 90] {
            let [found, _] = agree(&of(poses(&moved, false, parts)), 8.0, device);
            assert_eq!(found, expected, "{parts} parts");
        }
        let mut rows = Vec::new();
        for part in moved.chunks(13) {
            let found = run(&of(poses(part, false, 1)), 8.0, Some(device)).unwrap();
            rows.push(whole(&found, "scores"));
        }
        let found = concat_batches(&expected.schema(), &rows).unwrap();
        for name in NUMBERS {
            assert_eq!(numbers(&found, name), numbers(&expected, name), "{name}");
        }
    });
    // 25 kB of poses. With little memory, cells are larger and round in another way.
    for bytes in [12_000, 40_000, 400_000] {
        let Some(device) = small(bytes) else { return };
        let [first, _] = agree(&of(poses(&moved, false, 1)), 8.0, &device);
        let [again, _] = agree(&of(poses(&moved, false, 4)), 8.0, &device);
        assert_eq!(first, again);
        assert_eq!(device.free_memory().unwrap(), bytes);
    }
    let Some(device) = small(2000) else { return };
    let error = run(&of(poses(&moved, false, 1)), 8.0, Some(&device)).unwrap_err();
    assert!(matches!(error, KernelError::Device(_)));
    assert!(
        error
            .to_string()
            .contains("has 2000 of 2000 bytes of memory free"),
        "{error}"
    );
}

#[test]
fn poses_that_cannot_be_scored_get_the_twins_reasons() {
    let mut random = Random(5);
    let (_, receptor) = molecule(&mut random, 60, 8.0);
    let (places, ligand) = molecule(&mut random, 40, 6.0);
    let mut all = moved(&mut random, &places, 14, 4.0);
    all[1][7] = Some(f64::NAN);
    all[2][119] = Some(f64::INFINITY);
    all[3][0] = Some(f64::NEG_INFINITY);
    all[4][100] = None;
    all[5].truncate(3);
    all[6].clear();
    let scaled = |pose: &mut Vec<Option<f64>>, by: f64| {
        pose.iter_mut().for_each(|x| *x = x.map(|x| x * by));
    };
    scaled(&mut all[7], 0.1);
    // Shrunk exactly to the limit, and slightly beyond it.
    all[8] = places.iter().map(|x| Some(x * 0.2)).collect();
    all[9] = places.iter().map(|x| Some(x * 0.199_999_9)).collect();
    // Outside of all cells, and so far away that atoms coincide.
    all[10].iter_mut().for_each(|x| *x = x.map(|x| x + 500.0));
    all[11].iter_mut().for_each(|x| *x = x.map(|x| x + 1e30));
    for single in [false, true] {
        for parts in [1, 5] {
            let inputs = inputs(receptor.clone(), ligand.clone(), poses(&all, single, parts));
            on_each(|device| {
                let [scores, rejects] = agree(&inputs, 8.0, device);
                assert_eq!(scores.num_rows() + rejects.num_rows(), all.len());
                assert!(rejects.num_rows() >= 9, "{rejects:?}");
            });
        }
    }
}

#[test]
fn no_poses_one_atom_atoms_on_atoms_and_a_receptor_too_wide_for_cells() {
    let one = table_of(&[1.0, 2.0, 3.0], &["C_H"]);
    let same = [Some(1.0), Some(2.0), Some(3.0)].to_vec();
    let near = [Some(1.0), Some(2.0), Some(3.5)].to_vec();
    let edge = [Some(9.0), Some(2.0), Some(3.0)].to_vec();
    let wide = table_of(&[1.0, 2.0, 3.0, 1e7, -1e7, 1e7], &["C_H", "O_A"]);
    on_each(|device| {
        let none = inputs(one.clone(), one.clone(), poses(&[], true, 1));
        agree(&none, 8.0, device);
        let all = [same.clone(), near.clone(), edge.clone()];
        for receptor in [one.clone(), wide.clone()] {
            let inputs = inputs(receptor, one.clone(), poses(&all, true, 1));
            let [scores, _] = agree(&inputs, 8.0, device);
            let gauss2 = numbers(&scores, "gauss2");
            // A pair at exactly 8 Å does not count.
            assert!(gauss2[1] > 0.0 && gauss2[2] == 0.0, "{gauss2:?}");
            assert!(numbers(&scores, "repulsion")[0] > 14.4);
        }
    });
}

#[test]
fn pairs_on_the_edge_of_the_cutoff_count_as_they_do_for_the_twin() {
    // Places at 8 Å from the atom, up to the last bits on either side.
    let mut random = Random(12);
    let at = [31.234, -27.017, 44.871];
    let receptor = table_of(&at, &["C_H"]);
    let ligand = table_of(&[0.0; 3], &["C_H"]);
    let mut all = Vec::new();
    for _ in 0..200 {
        let way = [0, 1, 2].map(|_| random.within(1.0));
        let length = way.iter().map(|x| x * x).sum::<f64>().sqrt();
        let by = (8.0 + random.within(3e-7)) / length;
        all.push((0..3).map(|i| Some(at[i] + way[i] * by)).collect());
    }
    let inputs = inputs(receptor, ligand, poses(&all, false, 1));
    on_each(|device| {
        let [scores, _] = agree(&inputs, 8.0, device);
        let gauss2 = numbers(&scores, "gauss2");
        let inside = gauss2.iter().filter(|&&x| x > 0.0).count();
        assert!((20..180).contains(&inside), "{inside}");
    });
}

#[test]
fn imatinib_in_its_kinase() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pose-rescoring/data");
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    let read = |name: &str| {
        let source = example.join(name).display().to_string();
        let dataset = store
            .read_source(&source, &SourceOptions::default(), &NoMemory)
            .unwrap();
        let batch: RecordBatch = store.table(&dataset).unwrap().read(None).unwrap();
        Table::new(batch.schema(), vec![batch])
    };
    let inputs = inputs(
        read("1iep_receptor.pdbqt"),
        read("1iep_ligand.pdbqt"),
        read("1iep_poses.parquet"),
    );
    on_each(|device| {
        let [scores, rejects] = agree(&inputs, 8.0, device);
        assert_eq!((scores.num_rows(), rejects.num_rows()), (2000, 0));
        let scores = numbers(&scores, "score");
        let best = scores
            .iter()
            .copied()
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let (row, best) = best.unwrap();
        // The reference in double precision.
        assert!(
            row == 60 && (best + 12.857_01).abs() < 1e-3,
            "{row}: {best}"
        );
    });
}
