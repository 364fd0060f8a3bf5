//! SDF files become tables of molecules. Errors name broken records. The molecules equal those of
//! RDKit's reader.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    dead_code,
    reason = "tests say what they expect by panicking, and what did not run"
)]

mod bench;
#[path = "sdf/records.rs"]
mod records;

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use bench::Bench;
use proptest::prelude::*;
use records::{SALT, V3000, charges, columns, elements, ids, read, texts, xyz};
use sunward_data::{SourceOptions, probe};
use sunward_workflows::FileFact;

fn refused(text: impl AsRef<[u8]>) -> String {
    let bench = Bench::new();
    let path = bench.file("m.sdf", text);
    bench.read(&path).unwrap_err().to_string()
}

#[test]
fn a_record_is_a_row_of_lists_over_its_atoms() {
    let batch = read(SALT);
    assert_eq!(
        columns(&batch),
        ["id", "xyz", "elements", "formal_charges", "problem"]
    );
    assert_eq!(texts(&batch, "problem"), [None]);
    assert_eq!(ids(&batch), ["salt"]);
    assert_eq!(elements(&batch, 0), ["N", "H", "Cl"]);
    assert_eq!(charges(&batch, 0), [1, 0, -1]);
    assert_eq!(
        xyz(&batch, 0),
        [0.0, 0.5, -0.25, -1.0, 0.0, 0.0, 4.0, 0.0, 0.0]
    );
}

#[test]
fn charge_lines_make_those_of_the_atoms_void() {
    for (line, expected) in [
        ("M  CHG  1   2  -3", [0, -3, 0]),
        ("M  CHG  2   1   2   3  -2", [2, 0, -2]),
        ("M  CHG  1   1   2\nM  CHG  1   3  -2", [2, 0, -2]),
        ("M  RAD  1   1   2", [0, 0, 0]),
        ("M  RAD  1   1   2\nM  CHG  1   2   1", [0, 1, 0]),
        ("M  ISO  1   1  15", [1, 0, -1]),
        ("A    1\nM  CHG  1   2  -3", [1, 0, -1]),
        ("S  SKP  1\nM  CHG  1   2  -3", [1, 0, -1]),
    ] {
        let batch = read(&SALT.replace("M  END", &format!("{line}\nM  END")));
        assert_eq!(charges(&batch, 0), expected, "{line}");
    }
}

#[test]
fn all_codes_of_charges_are_known() {
    let expected = [0, 3, 2, 1, 0, -1, -2, -3];
    for (code, charge) in (0..).zip(expected) {
        let batch = read(&SALT.replace(" N   0  3", &format!(" N   0  {code}")));
        assert_eq!(charges(&batch, 0)[0], charge, "{code}");
    }
}

#[test]
fn data_items_are_columns_of_text() {
    let text = [
        SALT,
        "> <dose>\n1.5\n\n>  25  <note>  (MD-7)\ntwo\n lines \n\n$$$$\n",
        SALT,
        "> <dose>\n\n> <dose>\n2\n\n> DT12\nby its field\n$$$$\n",
        SALT,
    ]
    .concat();
    let batch = read(&text);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(columns(&batch)[5..], ["dose", "note", "DT12"]);
    assert_eq!(texts(&batch, "dose"), [some("1.5"), some("2"), None]);
    assert_eq!(texts(&batch, "note"), [some("two\n lines "), None, None]);
    assert_eq!(texts(&batch, "DT12"), [None, some("by its field"), None]);
}

#[test]
fn items_that_are_called_as_a_record_s_own_columns_get_another_name() {
    let items = "> <id>\nmine\n\n> <property_id>\nalso mine\n\n";
    let batch = read(&[SALT, items].concat());
    let expected = ["property_property_id", "property_id"];
    assert_eq!(columns(&batch)[5..], expected);
    assert_eq!(texts(&batch, "id"), [Some("salt".to_owned())]);
    assert_eq!(texts(&batch, expected[0]), [Some("mine".to_owned())]);
}

#[test]
fn ends_of_lines_and_of_the_file_may_be_any() {
    let nameless = SALT.replacen("salt", "", 1);
    let whole = [SALT, "> <a>\n1\n\n$$$$\n", &nameless, "> <a>\n2\n\n$$$$\n"].concat();
    let expected = read(&whole);
    assert_eq!(ids(&expected), ["salt", "2"]);
    let variants = [
        whole.replace('\n', "\r\n"),
        whole.trim_end().to_owned(),
        whole.strip_suffix("$$$$\n").unwrap().to_owned(),
        whole.strip_suffix("\n\n$$$$\n").unwrap().to_owned(),
        format!("{whole}\n \r\n"),
        format!("{whole}\n\n\n\n\n\n"),
        // A blank line between the last item and the record's end may be missing.
        whole.replace("\n\n$$$$", "\n$$$$"),
    ];
    for text in variants {
        assert_eq!(read(&text), expected, "{text:?}");
    }
}

#[test]
fn the_newer_tables_give_the_same_columns() {
    let batch = read(&[V3000, SALT].concat());
    assert_eq!(ids(&batch), ["glycine", "salt"]);
    assert_eq!(elements(&batch, 0), ["N", "C", "O"]);
    assert_eq!(charges(&batch, 0), [1, 0, -1]);
    assert_eq!(
        xyz(&batch, 0),
        [0.5, -1.25, 0.0, 1.5, 0.0, 0.125, 2.5, 0.0, 0.0]
    );
    assert_eq!(texts(&batch, "dose"), [Some("1".to_owned()), None]);
}

#[test]
fn a_file_without_records_is_a_table_without_rows() {
    for text in ["", "\n", "\n\n\n\n\n\n", " \r\n"] {
        let bench = Bench::new();
        let path = bench.file("m.sdf", text);
        assert_eq!(bench.read(&path).unwrap().rows, 0, "{text:?}");
    }
}

#[test]
fn a_record_without_atoms_is_a_row_of_empty_lists() {
    let batch = read("nothing\n\n\n  0  0  0  0  0  0            999 V2000\nM  END\n$$$$\n");
    assert_eq!(ids(&batch), ["nothing"]);
    assert!(elements(&batch, 0).is_empty() && xyz(&batch, 0).is_empty());
}

#[test]
fn many_records_are_many_rows_in_their_order() {
    // More than fit in a batch.
    let count = 70_000;
    let text: String = (0..count)
        .map(|i| [&SALT.replacen("salt", &format!("m{i}"), 1), "$$$$\n"].concat())
        .collect();
    let ids = ids(&read(&text));
    assert_eq!(ids.len(), count);
    assert!(ids.iter().enumerate().all(|(i, id)| *id == format!("m{i}")));
}

#[test]
fn check_knows_the_columns() {
    let bench = Bench::new();
    for name in ["m.sdf", "m.SD", "m.mol"] {
        let path = bench.file(name, [SALT, "> <dose>\n1\n\n"].concat());
        let FileFact::Table { columns, .. } = probe(&path, &SourceOptions::default()) else {
            panic!("{name} is a table");
        };
        let columns: Vec<(&str, &str)> = columns
            .iter()
            .map(|column| (column.name.as_str(), column.column_type.0.as_str()))
            .collect();
        let expected = [
            ("id", "utf8"),
            ("xyz", "list<float64>"),
            ("elements", "list<utf8>"),
            ("formal_charges", "list<int32>"),
            ("problem", "utf8"),
            ("dose", "utf8"),
        ];
        assert_eq!(columns, expected);
    }
}

#[test]
fn broken_records_are_named_with_what_was_expected() {
    let bad = |from: &str, to: &str| {
        assert!(SALT.contains(from), "{from}");
        [SALT, "$$$$\n", &SALT.replacen(from, to, 1), "$$$$\n"].concat()
    };
    let new = |from: &str, to: &str| {
        assert!(V3000.contains(from), "{from}");
        V3000.replacen(from, to, 1)
    };
    let cases = [
        (
            bad("   -0.2500 N", "   -0.25x0 N"),
            "line 15, record 2: z is `-0.25x0`; expected a number in columns 21 to 30",
        ),
        (
            bad("    0.5000", "       NaN"),
            "line 15, record 2: y is NaN; expected a finite number",
        ),
        (
            bad(" N   0  3", "     0  3"),
            "line 15, record 2: an atom without a symbol",
        ),
        (
            bad(" N   0  3", " N   0  8"),
            "line 15, record 2: the charge is 8; expected 0 to 7",
        ),
        (
            bad("  3  1  0", "  x  1  0"),
            "line 14, record 2: the number of atoms is `x`; expected a number in columns 1 to 3",
        ),
        (
            bad("V2000", "V4000"),
            "line 14, record 2: a connection table of version `V4000`; expected V2000 or V3000",
        ),
        (
            bad("  3  1  0", "  2  1  0"),
            "line 17, record 2: a bond, and its first atom is ``",
        ),
        (
            bad("  3  1  0", "  5  1  0"),
            "line 18, record 2: x is `1  2  1`; expected a number in columns 1 to 10",
        ),
        (
            bad("  3  1  0", "  3  2  0"),
            "line 19, record 2: found `M  END` instead of bond 2 of 2",
        ),
        (
            bad("  1  2  1", "  1  4  1"),
            "line 18, record 2: a bond names atom 4, and the record has 3",
        ),
        (
            bad("M  END\n", ""),
            "line 19, record 2: the record ends within what follows the bonds",
        ),
        (
            bad("M  END", "M  CHG  2   1   1\nM  END"),
            "line 19, record 2: `M  CHG  2   1   1`; expected `M  CHG`, a number, and that many pairs",
        ),
        (
            bad("M  END", "M  CHG  1   4   1\nM  END"),
            "line 19, record 2: a charge of atom 4, and the record has 3",
        ),
        (
            bad("M  END", "M  END\nstray text"),
            "line 20, record 2: `stray text` belongs to no data item; expected `> <NAME>`",
        ),
        (
            bad("M  END", "M  END\n> <>\n1\n"),
            "line 20, record 2: a data item without a name",
        ),
        (
            [SALT, "$$$$\n", &SALT[..60]].concat(),
            "record 2: the file ends within",
        ),
        (
            [SALT, "$$$$\nsalt\n\n$$$$\n"].concat(),
            "line 13, record 2: the record ends within its first four lines",
        ),
        (
            ["\n\n\n\n\n", SALT].concat(),
            "line 6, record 1: a record begins with four blank lines",
        ),
        (
            new("COUNTS 3", "COUNTS 4"),
            "line 18, record 1: its COUNTS says 4 atoms; 3 are in the first of 1 blocks",
        ),
        (
            new("C 1.5 0", "C 1.5 O"),
            "line 9, record 1: no y in `8 C 1.5 O 0.125 0`",
        ),
        (
            new("CHG=1\n", "CHG=+x\n"),
            "line 8, record 1: charge `+x` in `7 N 0.5",
        ),
        (
            new("M  V30 END BOND", "END BOND"),
            "line 16, record 1: `END BOND`; expected `M  V30 `",
        ),
    ];
    for (text, expected) in cases {
        // A broken record whose end is found, after a valid one, becomes a row with the problem.
        let found = match expected.contains("record 2") && text.ends_with("$$$$\n") {
            true => {
                let batch = read(&text);
                assert_eq!(ids(&batch), ["salt", "salt"]);
                assert!(batch.column_by_name("xyz").unwrap().is_null(1));
                assert_eq!(elements(&batch, 0), ["N", "H", "Cl"]);
                texts(&batch, "problem")[1].clone().unwrap()
            }
            false => {
                let found = refused(text);
                assert!(
                    found.contains("m.sdf is not a readable SDF file"),
                    "{found}"
                );
                found
            }
        };
        assert!(found.contains(expected), "{found}, expected {expected}");
    }
    let latin = [SALT.as_bytes(), b"> <unit>\n\xb5M\n\n"].concat();
    assert!(refused(latin).contains("line 11, record 1: it is not UTF-8; expected text in UTF-8"));
    let names: String = (0..1001).map(|i| format!("> <n{i}>\n\n")).collect();
    let found = refused([SALT, &names].concat());
    assert!(
        found.contains("`n1000` is a further name of a data item, and at most 1000 are allowed"),
        "{found}"
    );
}

#[test]
fn a_broken_record_in_the_midst_of_others_is_a_row_that_says_so() {
    let titled =
        |title: &str, from: &str, to: &str| SALT.replacen("salt", title, 1).replacen(from, to, 1);
    let text = [
        &titled("a", "M  END", "M  END\n> <dose>\n1\n"),
        // Everything that was read of a broken record is dropped.
        &titled("", "M  END", "M  END\nstray\n> <dose>\n2"),
        &titled("c", "0.5000", "  ?   "),
        &titled("d", "M  END", "M  END\n> <dose>\n4\n"),
        "",
    ]
    .join("\n$$$$\n")
    .replace("\n\n$$$$", "\n$$$$");
    let batch = read(&text);
    assert_eq!(ids(&batch), ["a", "2", "c", "d"]);
    let problems = texts(&batch, "problem");
    let expected = [
        None,
        Some("line 23, record 2: `stray` belongs to no data item"),
        Some("line 31, record 3: y is `?`; expected a number"),
        None,
    ];
    for (found, expected) in problems.iter().zip(expected) {
        match (found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(found.starts_with(expected), "{found}"),
            _ => panic!("{problems:?}"),
        }
    }
    let doses = texts(&batch, "dose");
    assert_eq!(doses, [Some("1".into()), None, None, Some("4".into())]);
    // A byte that is not UTF-8 breaks only its own record.
    let text = [SALT, "$$$$\n", SALT, "> <unit>\n_M\n\n$$$$\n", SALT].concat();
    let mut bytes = text.clone().into_bytes();
    bytes[text.find('_').unwrap()] = 0xb5;
    let batch = rows_of(&bytes).unwrap();
    let problems = texts(&batch, "problem");
    assert_eq!(problems.len(), 3);
    assert!(problems[1].as_ref().unwrap().contains("it is not UTF-8"));
    assert!(problems[0].is_none() && problems[2].is_none());
    // A file with only broken records is not an SDF file, and a truncated one may not be either.
    let broken = titled("c", "0.5000", "  ?   ");
    assert!(refused([&broken, "$$$$\n"].concat()).contains("record 1: y is"));
    assert!(refused([SALT, "$$$$\n", &broken].concat()).contains("record 2: y is"));
}

/// Text that resembles an SDF file: pieces of one, and bytes.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        3 => (0..SALT.lines().count()).prop_map(|i| SALT.lines().nth(i).unwrap().to_owned()),
        3 => (0..V3000.lines().count()).prop_map(|i| V3000.lines().nth(i).unwrap().to_owned()),
        1 => Just("$$$$".to_owned()),
        1 => Just("> <a>".to_owned()),
        1 => "M  (CHG|RAD|END|V30 ).{0,12}",
        1 => "[ -9.]{0,40}",
    ];
    let lines = proptest::collection::vec(line, 0..30);
    let bytes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (lines, bytes, "\r?\n").prop_map(|(lines, bytes, end)| {
        let mut text = lines.join(&end).into_bytes();
        for (place, byte) in bytes {
            if !text.is_empty() {
                let place = place.index(text.len());
                text[place] = byte;
            }
        }
        text
    })
}

/// Reads bytes as a file. Returns its rows if it can be read.
fn rows_of(bytes: &[u8]) -> Option<RecordBatch> {
    let bench = Bench::new();
    let path = bench.file("m.sdf", bytes);
    drop(probe(&path, &SourceOptions::default()));
    Some(bench.rows(&bench.read(&path).ok()?))
}

#[track_caller]
fn assert_sound(batch: &RecordBatch) {
    let problems = texts(batch, "problem");
    for (row, problem) in problems.iter().enumerate() {
        if problem.is_some() {
            assert!(batch.column_by_name("xyz").unwrap().is_null(row));
            continue;
        }
        let atoms = elements(batch, row).len();
        assert_eq!(xyz(batch, row).len(), 3 * atoms);
        assert_eq!(charges(batch, row).len(), atoms);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Some(batch) = rows_of(&bytes) {
            assert_sound(&batch);
        }
    }

    #[test]
    fn what_is_nearly_a_file_is_read_or_refused(bytes in nearly()) {
        if let Some(batch) = rows_of(&bytes) {
            assert_sound(&batch);
        }
    }

    /// A truncated file never loses a record silently.
    #[test]
    fn a_file_that_is_cut_off_is_refused_or_has_the_records_before(at in 0..1000_usize) {
        let whole = [SALT, "> <a>\n1\n\n$$$$\n", V3000, SALT, "$$$$\n"].concat();
        let kept = &whole[..at.min(whole.len())];
        if let Some(batch) = rows_of(kept.as_bytes()) {
            let ends = kept.matches("M  END").count();
            prop_assert_eq!(batch.num_rows(), ends);
        }
    }
}

/// The output of `by_rdkit.py` for a record.
#[derive(Debug, PartialEq)]
struct Known {
    id: String,
    elements: String,
    formal_charge: i64,
    items: Vec<String>,
    /// The sums of x, y and z, weighted by the atom's number.
    place: [f64; 3],
}

#[test]
fn the_ligands_of_cdk2_are_read_as_rdkit_reads_them() {
    let shared = std::env::var_os("SUNWARD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = shared.join("data/science/chem/cdk2.sdf");
    if !path.exists() {
        eprintln!(
            "NOT RUN: {} is not there; set SUNWARD_SHARED",
            path.display()
        );
        return;
    }
    let bench = Bench::new();
    let batch = bench.rows(&bench.read(&path.display().to_string()).unwrap());
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdf/cdk2.csv");
    let table = std::fs::read_to_string(table).unwrap();
    let known: Vec<Known> = table.lines().skip(1).map(known).collect();
    assert_eq!(batch.num_rows(), 47);
    assert_eq!(known.len(), 47);
    for (row, known) in known.iter().enumerate() {
        let found = found(&batch, row);
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-3;
        assert!(
            found.place.iter().zip(&known.place).all(near),
            "{found:?}, {known:?}"
        );
        let place = known.place;
        assert_eq!(Known { place, ..found }, *known);
    }
}

fn known(line: &str) -> Known {
    let cells: Vec<&str> = line.splitn(8, ',').collect();
    let mut items: Vec<String> = cells[7].split(';').map(str::to_owned).collect();
    items.sort();
    Known {
        id: cells[0].to_owned(),
        elements: cells[5].to_owned(),
        formal_charge: cells[6].parse().unwrap(),
        items,
        place: [2, 3, 4].map(|cell| cells[cell].parse().unwrap()),
    }
}

fn found(batch: &RecordBatch, row: usize) -> Known {
    let mut items: Vec<String> = columns(batch)[5..]
        .iter()
        .filter_map(|column| {
            let value = texts(batch, column)[row].clone()?;
            let name = column.strip_prefix("property_").unwrap_or(column);
            Some(format!("{name}={value}"))
        })
        .collect();
    items.sort();
    let xyz = xyz(batch, row);
    let sum = |axis: usize| {
        let places = xyz.chunks(3).zip(1..);
        places.map(|(place, i)| place[axis] * f64::from(i)).sum()
    };
    Known {
        id: ids(batch)[row].clone(),
        elements: elements(batch, row).concat(),
        formal_charge: charges(batch, row)
            .iter()
            .zip(1..)
            .map(|(charge, i)| i64::from(*charge) * i)
            .sum(),
        items,
        place: [sum(0), sum(1), sum(2)],
    }
}
