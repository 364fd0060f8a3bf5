//! Clusters are equal to RDKit's, from `rdkit_butina.py`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::array::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{from_lists, rows, run, table};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Clusters as the script prints them.
fn lists(text: &str) -> Vec<Vec<usize>> {
    let numbers = |line: &str| line.split(' ').map(|n| n.parse().unwrap()).collect();
    text.lines().map(numbers).collect()
}

/// 4 990 molecules of the NCI set.
#[test]
fn the_nci_set_is_clustered_as_by_rdkit() {
    let file = File::open(here("../examples/similarity-screen/data/nci.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let mut bits: Vec<Vec<u8>> = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let column = batch.column_by_name("bits").unwrap().as_fixed_size_binary();
        bits.extend(column.iter().map(|value| value.unwrap().to_vec()));
    }
    for (distance, clusters) in [(0.35, 3876), (0.6, 1548)] {
        let path = here(&format!("tests/clusters/nci-{distance}.txt"));
        let lists = lists(&std::fs::read_to_string(path).unwrap());
        assert_eq!(lists.len(), clusters);
        let expected = from_lists(&lists);
        for (threads, batch_rows) in [(1, 10_000), (3, 1000)] {
            let found = run(table(&bits, 256, batch_rows), distance, threads).unwrap();
            assert!(rows(&found) == expected, "distance {distance}");
        }
    }
}

/// 3 000 molecules of ChEMBL. They may not be stored here, so RDKit runs during the test.
#[test]
fn chembl_is_clustered_as_by_rdkit() {
    let root =
        std::env::var_os("SUNWARD_SHARED").map_or_else(|| here("../../shared"), PathBuf::from);
    let smiles = root.join("data/science/chem/chembl_10k.smi");
    if !smiles.exists() {
        eprintln!(
            "NOT RUN: {} is not there (set SUNWARD_SHARED)",
            smiles.display()
        );
        return;
    }
    let python = std::env::var_os("SUNWARD_BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let has_rdkit = Command::new(&python).args(["-c", "import rdkit"]).output();
    if !has_rdkit.is_ok_and(|output| output.status.success()) {
        eprintln!("NOT RUN: no Python with RDKit (set SUNWARD_BENCH_PYTHON to one)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bits");
    let output = Command::new(&python)
        .arg(here("tests/clusters/rdkit_butina.py"))
        .arg(&smiles)
        .args(["3000", "0.6"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lists = lists(&String::from_utf8(output.stdout).unwrap());
    // As in the oracle's record: clusters, singletons, the first centroids.
    assert_eq!(lists.len(), 1589);
    assert_eq!(lists.iter().filter(|list| list.len() == 1).count(), 1203);
    let first: Vec<usize> = lists.iter().take(4).map(|list| list[0]).collect();
    assert_eq!(first, [1425, 343, 2941, 2838]);
    let bits: Vec<Vec<u8>> = std::fs::read(&file)
        .unwrap()
        .chunks(256)
        .map(<[u8]>::to_vec)
        .collect();
    let found = run(table(&bits, 256, 1000), 0.6, 2).unwrap();
    assert!(rows(&found) == from_lists(&lists));
}
