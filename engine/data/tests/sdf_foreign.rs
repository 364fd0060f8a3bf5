//! SDF files as other programs write them: marks, ends without records, blank lines, wide
//! coordinates and symbols in any case.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    dead_code,
    reason = "tests say what they expect by panicking"
)]

mod bench;
#[path = "sdf/records.rs"]
mod records;

use records::{SALT, V3000, charges, elements, ids, read, texts, xyz};

#[test]
fn ends_without_a_record_and_marks_are_no_records() {
    let one = [SALT, "$$$$\n"].concat();
    let expected = read(&[one.as_str(), one.as_str()].concat());
    assert_eq!(expected.num_rows(), 2);
    for text in [
        format!("{one}$$$$\n{one}"),
        format!("{one}{one}$$$$\n"),
        format!("{one}{one}$$$$\n$$$$\n\n"),
        format!("{one}\n\n$$$$\n{one}"),
        format!("$$$$\n{one}{one}"),
        format!("{one}{one}\n\n\n\n\n$$$$\n"),
        format!("\u{feff}{one}{one}"),
        format!("\u{feff}{one}$$$$\n{one}").replace('\n', "\r\n"),
    ] {
        assert_eq!(read(&text), expected, "{text:?}");
    }
}

#[test]
fn blank_lines_belong_to_a_value_that_goes_on() {
    for (item, expected) in [
        ("> <a>\nfoo\n \nbar\n\n", "foo\n \nbar"),
        ("> <a>\nfoo\n\n\nbar", "foo\n\n\nbar"),
        ("> <a>\n\nfoo\n", "foo"),
        ("> <a>\nfoo\n\nbar\n\n> <b>\n1\n", "foo\n\nbar"),
        ("> <a>\nfoo\n\n\n\n> <b>\n1\n", "foo"),
        (
            "> <a>\nfoo\n\nM  V30 is not a table\n",
            "foo\n\nM  V30 is not a table",
        ),
    ] {
        for end in ["\n", "\r\n"] {
            let text = [SALT, item, "\n$$$$\n", SALT].concat().replace('\n', end);
            let batch = read(&text);
            assert_eq!(ids(&batch), ["salt", "salt"], "{item:?}");
            assert_eq!(texts(&batch, "problem"), [None, None], "{item:?}");
            assert_eq!(texts(&batch, "a")[0].as_deref(), Some(expected), "{item:?}");
        }
    }
    // A record without an end does not become part of the value before it.
    let batch = read(&[SALT, "> <a>\n1\n\n", SALT, "$$$$\n", SALT].concat());
    let problem = texts(&batch, "problem")[0].clone().unwrap();
    assert!(
        problem.contains("line 21, record 1: a data item contains another molecule"),
        "{problem}"
    );
    assert_eq!(elements(&batch, 1), ["N", "H", "Cl"]);
}

#[test]
fn no_value_of_a_repeated_item_is_lost() {
    for (items, expected) in [
        ("> <a>\nx\n\n> <a>\ny\n\n", "x\ny"),
        (
            "> <a>\nx\n\n> <b>\n1\n\n> <a>\ny\n\n> <a>\nz\n\n",
            "x\ny\nz",
        ),
        ("> <a>\nx\n\n> <a>\nx\n\n", "x"),
        ("> <a>\n\n> <a>\nx\n\n", "x"),
        ("> <a>\nx\n\n> <a>\n\n", "x"),
    ] {
        let batch = read(&[SALT, items, "$$$$\n"].concat());
        assert_eq!(texts(&batch, "problem"), [None], "{items:?}");
        assert_eq!(
            texts(&batch, "a")[0].as_deref(),
            Some(expected),
            "{items:?}"
        );
    }
}

#[test]
fn wide_coordinates_lose_no_digit() {
    let line = "    0.0000    0.5000   -0.2500 N   0  3  0  0  0  0";
    assert!(SALT.contains(line));
    for (wide, expected) in [
        (
            "    0.0000    0.5000 -1234.5678 N   0  3",
            [0.0, 0.5, -1234.5678],
        ),
        (
            "    0.0000    0.5000-12345.6789 N   0  3",
            [0.0, 0.5, -12345.6789],
        ),
        (
            "-12345.6789    0.5000    0.2500 N   0  3",
            [-12345.6789, 0.5, 0.25],
        ),
        (
            "     0.0000     0.5000    -0.2500 N   0  3",
            [0.0, 0.5, -0.25],
        ),
        (
            "    0.000000    0.500000   -0.250000 N   0  3",
            [0.0, 0.5, -0.25],
        ),
        (
            "-12345.6789-12345.6789-12345.6789 N   0  3",
            [-12345.6789; 3],
        ),
        // These follow the format, although they touch.
        ("-1234.5678-1234.5678-1234.5678 N   0  3", [-1234.5678; 3]),
        (
            "    0.000012345.6789-1234.5678 N   0  3",
            [0.0, 12345.6789, -1234.5678],
        ),
        ("    0.0000    0.5000  -0.25000 N   0  3", [0.0, 0.5, -0.25]),
        ("       0.0       0.5     -0.25 N   0  3", [0.0, 0.5, -0.25]),
        ("         0         1        -2 N   0  3", [0.0, 1.0, -2.0]),
    ] {
        let batch = read(&SALT.replace(line, wide));
        assert_eq!(texts(&batch, "problem"), [None], "{wide}");
        assert_eq!(xyz(&batch, 0)[..3], expected, "{wide}");
        assert_eq!(elements(&batch, 0), ["N", "H", "Cl"], "{wide}");
        assert_eq!(charges(&batch, 0)[0], 1, "{wide}");
    }
    for wide in [
        "    0.0000    0.5000 -1234.56789999",
        "    0.000012345.6789-12345.6789 N   0  3",
        "    0.0000    0.5000  12345.67891234.5 N   0  3",
    ] {
        let text = [SALT, "$$$$\n", &SALT.replace(line, wide), "$$$$\n"].concat();
        let problem = texts(&read(&text), "problem")[1].clone().unwrap();
        assert!(problem.contains("line 15, record 2: "), "{wide}: {problem}");
    }
}

#[test]
fn symbols_have_the_usual_case() {
    for (symbol, expected) in [
        ("CL", "Cl"),
        ("cl", "Cl"),
        ("BR", "Br"),
        ("n", "N"),
        ("NA", "Na"),
        ("d", "D"),
        ("R#", "R#"),
        ("*", "*"),
        ("LP", "LP"),
        ("A", "A"),
    ] {
        let batch = read(&SALT.replace(" N   0  3", &format!(" {symbol:<3} 0  3")));
        assert_eq!(elements(&batch, 0)[0], expected, "{symbol}");
        let batch = read(&V3000.replace(" N 0.5", &format!(" {symbol} 0.5")));
        assert_eq!(elements(&batch, 0)[0], expected, "{symbol}");
    }
}
