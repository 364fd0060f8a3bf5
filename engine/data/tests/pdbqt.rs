//! PDBQT files become tables of molecules. Derived columns equal AutoDock Vina's. Errors name
//! broken lines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    dead_code,
    reason = "tests say what they expect by panicking"
)]

mod bench;

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type};
use bench::Bench;
use sunward_data::{SourceOptions, probe};
use sunward_workflows::FileFact;

/// A record as programs write it.
fn atom(serial: u32, name: &str, place: [f64; 3], kind: &str) -> String {
    format!(
        "ATOM  {serial:>5} {name:<4} LIG A   1    {:8.3}{:8.3}{:8.3}  1.00  0.00    {:6.3} {kind:<2}\n",
        place[0], place[1], place[2], -0.25
    )
}

fn read(bench: &Bench, text: &str) -> RecordBatch {
    let path = bench.file("m.pdbqt", text);
    bench.rows(&bench.read(&path).unwrap())
}

fn refused(text: &str) -> String {
    let bench = Bench::new();
    let path = bench.file("m.pdbqt", text);
    bench.read(&path).unwrap_err().to_string()
}

fn words(batch: &RecordBatch, column: &str, row: usize) -> Vec<String> {
    let list = batch
        .column_by_name(column)
        .unwrap()
        .as_list::<i32>()
        .value(row);
    let words = list.as_string::<i32>();
    words.iter().map(|word| word.unwrap().to_owned()).collect()
}

fn rotors(batch: &RecordBatch) -> Vec<f32> {
    let column = batch.column_by_name("rotors").unwrap();
    column.as_primitive::<Float32Type>().values().to_vec()
}

/// Ethanol with its carbons 1.5 Å apart. The bond to oxygen can rotate.
fn ethanol() -> String {
    [
        "REMARK ethanol\nROOT\n".to_owned(),
        atom(1, "C1", [0.0, 0.0, 0.0], "C"),
        atom(2, "C2", [1.5, 0.0, 0.0], "C"),
        "ENDROOT\nBRANCH   2   3\n".to_owned(),
        atom(3, "O1", [2.0, 1.3, 0.0], "OA"),
        atom(4, "H1", [2.9, 1.3, 0.0], "HD"),
        "ENDBRANCH   2   3\nTORSDOF 1\n".to_owned(),
    ]
    .concat()
}

#[test]
fn a_file_without_models_is_one_row() {
    let bench = Bench::new();
    let batch = read(&bench, &ethanol());
    assert_eq!(batch.num_rows(), 1);
    assert_eq!(words(&batch, "xs_type", 0), ["C_H", "C_P", "O_DA", "H"]);
    assert_eq!(words(&batch, "ad_type", 0), ["C", "C", "OA", "HD"]);
    assert_eq!(words(&batch, "name", 0), ["C1", "C2", "O1", "H1"]);
    assert_eq!(words(&batch, "residue", 0), ["LIG"; 4]);
    assert_eq!(words(&batch, "chain", 0), ["A"; 4]);
    let xyz = batch
        .column_by_name("xyz")
        .unwrap()
        .as_list::<i32>()
        .value(0);
    let xyz = xyz.as_primitive::<Float64Type>().values().to_vec();
    assert_eq!(
        xyz,
        [0.0, 0.0, 0.0, 1.5, 0.0, 0.0, 2.0, 1.3, 0.0, 2.9, 1.3, 0.0]
    );
    // One rotatable bond, whose oxygen has no further heavy neighbor. TORSDOF is 1.
    assert_eq!(rotors(&batch), [0.5]);
}

#[test]
fn a_rigid_molecule_has_no_rotors_and_not_minus_none() {
    let bench = Bench::new();
    let batch = read(&bench, &atom(1, "C1", [0.0; 3], "C"));
    assert_eq!(rotors(&batch)[0].to_bits(), 0);
}

#[test]
fn each_model_is_a_row_under_its_number() {
    let bench = Bench::new();
    let model = |number: u32| format!("MODEL {number}\n{}ENDMDL\n", ethanol());
    let batch = read(
        &bench,
        &[model(1), "\n".into(), model(7), model(3)].concat(),
    );
    let ids = batch.column_by_name("pose_id").unwrap();
    assert_eq!(ids.as_primitive::<Int32Type>().values().to_vec(), [1, 7, 3]);
    assert_eq!(rotors(&batch), [0.5; 3]);
    let empty = read(&bench, "MODEL 1\nENDMDL\n");
    assert_eq!(words(&empty, "xs_type", 0), Vec::<String>::new());
}

#[test]
fn types_follow_bonds_and_elements() {
    let bench = Bench::new();
    let far = |i: u32| [f64::from(i) * 20.0, 0.0, 0.0];
    let kinds = [
        "A", "N", "NA", "O", "SA", "P", "F", "Cl", "Br", "I", "Zn", "Si", "CL",
    ];
    let text: String = kinds
        .iter()
        .zip(1..)
        .map(|(kind, i)| atom(i, "X", far(i), kind))
        .collect();
    let expected = [
        "C_H", "N_P", "N_A", "O_P", "S_P", "P_P", "F_H", "Cl_H", "Br_H", "I_H", "Met_D", "Si",
        "Cl_H",
    ];
    assert_eq!(words(&read(&bench, &text), "xs_type", 0), expected);
    let near = |kind: &str| {
        let text = atom(1, "N", far(1), kind) + &atom(2, "H", [21.0, 0.0, 0.0], "HD");
        words(&read(&bench, &text), "xs_type", 0)[0].clone()
    };
    assert_eq!(
        [near("N"), near("NA"), near("O"), near("OA")],
        ["N_D", "N_DA", "O_D", "O_DA"]
    );
}

#[test]
fn a_file_without_atoms_is_a_table_without_rows() {
    let bench = Bench::new();
    for text in ["", "REMARK nothing\nTER\n"] {
        let path = bench.file("m.pdbqt", text);
        let dataset = bench.read(&path).unwrap();
        assert_eq!(dataset.rows, 0);
    }
}

#[test]
fn check_knows_the_columns() {
    let bench = Bench::new();
    let path = bench.file("m.pdbqt", ethanol());
    let FileFact::Table { columns, .. } = probe(&path, &SourceOptions::default()) else {
        panic!("a PDBQT file is a table");
    };
    let xyz = columns.iter().find(|column| column.name == "xyz").unwrap();
    assert_eq!(xyz.column_type.0, "list<float64>");
}

#[test]
fn broken_lines_are_named_with_what_was_expected() {
    let good = atom(1, "C1", [0.0; 3], "C");
    let cases = [
        (
            good.replace("   0.000   0.000", "   0.000   0.0x0"),
            "line 2: y is `0.0x0`; expected a number in columns 39 to 46",
        ),
        (
            good.replace("    1 C1", "  a b C1"),
            "line 2: the serial is `a b`; expected a whole number in columns 7 to 11",
        ),
        (
            good.replace(" C \n", " Xx\n"),
            "line 2: unknown atom type `Xx`; expected one of C A N",
        ),
        (
            good[..54].to_owned() + "\n",
            "line 2: an atom of 54 characters without a type; expected AutoDock's atom type in columns 78",
        ),
        (
            good.replace("C1", "Cα"),
            "line 2: it contains bytes that are not ASCII",
        ),
        (
            good.clone() + "BRANCH 1\n",
            "line 3: a BRANCH without two whole numbers",
        ),
        (
            good.clone() + "BRANCH 1 9\n",
            "line 3: a BRANCH names atom 9, which is not there",
        ),
        (good.clone() + "ENDMDL\n", "line 3: ENDMDL without a MODEL"),
        (
            good.clone() + "MODEL 1\n",
            "line 3: a MODEL begins after atoms that belong to none",
        ),
        (
            format!("MODEL 1\n{good}MODEL 2\n"),
            "line 4: a MODEL begins within that of line 2",
        ),
        (
            format!("MODEL 1\n{good}"),
            "the file ends within the MODEL of line 2; expected ENDMDL",
        ),
        (
            format!("MODEL 1\n{good}ENDMDL\n{good}"),
            "line 5: an atom after ENDMDL that belongs to no MODEL",
        ),
        (
            "MODEL one\n".to_owned(),
            "line 2: a MODEL without a whole number",
        ),
    ];
    for (text, expected) in cases {
        let found = refused(&format!("REMARK\n{text}"));
        assert!(
            found.contains("m.pdbqt is not a readable PDBQT file"),
            "{found}"
        );
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn imatinib_in_its_kinase_has_its_known_bonds_to_turn() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/pose-rescoring/data");
    let bench = Bench::new();
    let read = |name: &str| {
        let path = data.join(name).display().to_string();
        bench.rows(&bench.read(&path).unwrap())
    };
    assert_eq!(rotors(&read("1iep_ligand.pdbqt")), [7.0]);
    assert_eq!(rotors(&read("1iep_redocked.pdbqt")), [7.0; 3]);
    assert_eq!(
        words(&read("1iep_receptor.pdbqt"), "xs_type", 0).len(),
        2702
    );
}

/// A closed macrocycle of two rigid bodies. Each glue atom is at the other body's carbon.
fn closed_ring() -> String {
    [
        "ROOT\n".to_owned(),
        atom(1, "C1", [0.0, 0.0, 0.0], "C"),
        "ENDROOT\nBRANCH   1   2\n".to_owned(),
        atom(2, "C2", [1.5, 0.0, 0.0], "CG0"),
        atom(3, "*1", [3.0, 0.0, 0.0], "G0"),
        "ENDBRANCH   1   2\nBRANCH   1   4\n".to_owned(),
        atom(4, "C4", [0.0, 1.5, 0.0], "C"),
        "BRANCH   4   5\n".to_owned(),
        atom(5, "C5", [3.0, 0.1, 0.0], "CG0"),
        atom(6, "*2", [1.5, 0.1, 0.0], "G0"),
        "ENDBRANCH   4   5\nENDBRANCH   1   4\nTORSDOF 3\n".to_owned(),
    ]
    .concat()
}

#[test]
fn macrocycles_waters_and_zinc_sites_are_known() {
    let bench = Bench::new();
    let batch = read(&bench, &closed_ring());
    // In Vina, bonds to CG0 and G0 make a carbon polar. Atom 4 is bonded only to 1.
    let expected = ["C_P", "C_P", "G", "C_H", "C_P", "G"];
    assert_eq!(words(&batch, "xs_type", 0), expected);
    for (kind, expected) in [
        ("CG0", "C_H"),
        ("CG1", "C_H"),
        ("CG2", "C_H"),
        ("CG3", "C_H"),
        ("G0", "G"),
        ("G1", "G"),
        ("G2", "G"),
        ("G3", "G"),
        ("W", "W"),
        ("TZ", "TZ"),
        ("At", "At"),
        ("ZN", "Met_D"),
    ] {
        let batch = read(&bench, &atom(1, "X", [0.0; 3], kind));
        assert_eq!(words(&batch, "xs_type", 0), [expected], "{kind}");
        assert_eq!(words(&batch, "ad_type", 0), [kind]);
    }
    // A water or a zinc site has no bonds.
    for kind in ["W", "TZ"] {
        let near = [
            atom(1, "C", [0.0; 3], "C"),
            atom(2, "X", [0.9, 0.0, 0.0], kind),
        ];
        let batch = read(&bench, &near.concat());
        assert_eq!(words(&batch, "xs_type", 0)[0], "C_H", "{kind}");
    }
    for kind in ["CG4", "G4", "CG", "B", "X", "w"] {
        let found = refused(&atom(1, "X", [0.0; 3], kind));
        assert!(
            found.contains(&format!("unknown atom type `{kind}`")),
            "{found}"
        );
        assert!(found.contains("CG0 to CG3"), "{found}");
    }
}

/// The first pose of AutoDock Vina's own example of a macrocycle
/// (github.com/ccsb-scripps/AutoDock-Vina, `example/docking_with_macrocycles`, Apache-2.0). Vina
/// 1.2.7 gives -18.077 between the molecules and
/// -8.010 in all, so that N is 21.5.
#[test]
fn vina_s_own_macrocycle_turns_as_in_vina() {
    let bench = Bench::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pdbqt/bace_1_macrocycle.pdbqt");
    let batch = read(&bench, &std::fs::read_to_string(path).unwrap());
    assert_eq!(rotors(&batch), [21.5]);
    let types = words(&batch, "xs_type", 0);
    assert_eq!(types.iter().filter(|kind| *kind == "G").count(), 2);
}
