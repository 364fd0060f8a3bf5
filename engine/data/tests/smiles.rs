//! SMILES files become tables of molecules. Byte-order marks, headers and extensions become neither
//! molecules nor names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    dead_code,
    reason = "tests say what they expect by panicking"
)]

mod bench;

use arrow::array::AsArray;
use bench::Bench;
use proptest::prelude::*;

/// `smiles`, `id` and `extension` of each row; empty for null.
fn read(text: impl AsRef<[u8]>) -> Result<Vec<[String; 3]>, String> {
    let bench = Bench::new();
    let path = bench.file("m.smi", text);
    let table = bench.read(&path).map_err(|error| error.to_string())?;
    let batch = bench.rows(&table);
    let cell = |column: usize, row: usize| {
        let column = batch.column(column).as_string::<i32>().iter().nth(row);
        column.flatten().unwrap_or_default().to_owned()
    };
    Ok((0..batch.num_rows())
        .map(|row| [0, 1, 2].map(|column| cell(column, row)))
        .collect())
}

#[track_caller]
fn assert_rows(text: &str, expected: &[[&str; 3]]) {
    assert_eq!(read(text).unwrap(), expected, "{text:?}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_molecule() {
    for text in [
        "\u{feff}CCO ethanol\nN ammonia\n",
        "CCO ethanol\r\n\u{feff}N ammonia\r\n",
        "\u{feff}\n\u{feff}# a note\nCCO ethanol\nN ammonia",
        "\u{feff}smiles name\nCCO ethanol\n\u{feff}smiles name\nN ammonia\n",
    ] {
        assert_rows(text, &[["CCO", "ethanol", ""], ["N", "ammonia", ""]]);
    }
}

#[test]
fn a_header_is_no_molecule() {
    for header in [
        "smiles",
        "SMILES\tname",
        "smiles id",
        "Smiles Compound ID",
        "canonical_smiles chembl_id",
        "CanonicalSMILES\tCID",
        "isomeric-smiles name",
        "\"smiles\" \"name\"",
        "CXSMILES\tTitle",
        "structure name",
        "Molecule\tName",
        "mol id",
        "COMPOUND ID",
        "#SMILES name",
    ] {
        assert_rows(
            &format!("{header}\nCCO ethanol\n"),
            &[["CCO", "ethanol", ""]],
        );
        assert_rows(
            &format!("# a note\n\n{header}\r\nCCO ethanol\r\n"),
            &[["CCO", "ethanol", ""]],
        );
    }
}

#[test]
fn a_molecule_is_no_header() {
    for (line, smiles) in [
        ("CCO name", "CCO"),
        ("C id", "C"),
        ("c1ccccc1 benzene name", "c1ccccc1"),
        ("[Na+].[Cl-] salt structure", "[Na+].[Cl-]"),
        ("O=C=O carbon dioxide", "O=C=O"),
        ("CCO my-smiles", "CCO"),
        ("B\tcompound", "B"),
        ("CN=C=O label", "CN=C=O"),
        ("C%12CC%12 ring", "C%12CC%12"),
        ("[12CH4:1]>>[CH3] reaction", "[12CH4:1]>>[CH3]"),
        // A chemistry toolkit reports invalid ones.
        ("C1CCX(O) broken", "C1CCX(O)"),
        ("[CH3 open", "[CH3"),
        ("xyz nothing", "xyz"),
    ] {
        let rows = read(format!("{line}\nN ammonia\n")).unwrap();
        assert_eq!(rows.len(), 2, "{line}");
        assert_eq!(rows[0][0], smiles, "{line}");
    }
    // Only the first line can be a header.
    assert_eq!(read("C methane\nsmiles name\n").unwrap().len(), 2);
}

#[test]
fn headers_of_other_columns_are_refused() {
    for (header, expected) in [
        (
            "id smiles",
            "line 1: its header says that SMILES are column 2, after `id`",
        ),
        ("Name\tCanonical_SMILES", "column 2"),
        ("No smiles", "column 2"),
        ("zinc_id mwt smiles", "column 3"),
        (
            "smiles,name",
            "line 1: `smiles,name` names columns with `,` or `;` between them",
        ),
        ("id;smiles", "names columns with"),
    ] {
        let found = read(format!("{header}\nCCO ethanol\n")).unwrap_err();
        assert!(
            found.contains(expected) && found.contains(".tsv"),
            "{found}"
        );
    }
    let found = read("CCO ethanol\rN ammonia\r").unwrap_err();
    assert!(found.contains("carriage return"), "{found}");
    let found = read(b"\xff\xfeC\0C\0".as_slice()).unwrap_err();
    assert!(found.contains("line 1: it is not UTF-8"), "{found}");
}

#[test]
fn an_extension_has_its_own_column() {
    let cases = [
        ("CCO |w:1.0| ethanol", ["CCO", "ethanol", "|w:1.0|"]),
        ("CCO\t|w:1.0|\tethanol", ["CCO", "ethanol", "|w:1.0|"]),
        (
            "CCO  |$R1; a;$,c:1| two words",
            ["CCO", "two words", "|$R1; a;$,c:1|"],
        ),
        (
            "CCO |(0,0,;1.5,0,;2,1,)|",
            ["CCO", "", "|(0,0,;1.5,0,;2,1,)|"],
        ),
        ("CCO ||", ["CCO", "", "||"]),
        ("CCO |o1:1|ethanol", ["CCO", "ethanol", "|o1:1|"]),
        ("CCO ethanol |&1:1,r|", ["CCO", "ethanol", "|&1:1,r|"]),
        ("CCO two words |a:1|", ["CCO", "two words", "|a:1|"]),
        ("C>>N |f:0.1| step", ["C>>N", "step", "|f:0.1|"]),
        // Names may contain bars.
        ("CCO A|B", ["CCO", "A|B", ""]),
        ("CCO |A", ["CCO", "|A", ""]),
        ("CCO gi|123|ref", ["CCO", "gi|123|ref", ""]),
        ("CCO pdb |chain A|", ["CCO", "pdb |chain A|", ""]),
    ];
    for (line, expected) in cases {
        assert_rows(&format!("{line}\n"), &[expected]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(bytes);
    }

    /// No line is lost, except the first one if it can be a header.
    #[test]
    fn molecules_are_neither_lost_nor_made(
        molecules in proptest::collection::vec("[CNOcnos()=#\\[\\]1-9]{1,12}", 1..20),
        name in "[A-Za-z0-9|:.-]{1,8}",
    ) {
        let lines: Vec<String> = molecules
            .iter()
            .filter(|smiles| !smiles.starts_with('#'))
            .map(|smiles| format!("{smiles} {name}"))
            .collect();
        let rows = read(lines.join("\n")).unwrap();
        let read: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        let written: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
        prop_assert_eq!(read, written);
    }
}
