//! Names what is certainly no text, by its first bytes. Read as a text table, it would be one column
//! of garbage.

/// The begin of files of other kinds.
const KINDS: [(&[u8], &str); 12] = [
    (b"PK\x03\x04", "a zip archive (as .xlsx and .ods files are)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "compressed with gzip twice"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (
        b"\xd0\xcf\x11\xe0",
        "a file of an old Office program, such as .xls",
    ),
    (b"%PDF-", "a PDF file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x89HDF", "an HDF5 or NetCDF file"),
];

/// What the text begins with, if it is no text in UTF-8.
pub(super) fn kind(begin: &[u8]) -> Option<&'static str> {
    if let Some((_, name)) = KINDS.iter().find(|(magic, _)| begin.starts_with(magic)) {
        return Some(name);
    }
    if begin.starts_with(b"BZh") && begin.get(4..10) == Some(b"1AY&SY") {
        return Some("compressed with bzip2");
    }
    if begin.starts_with(b"\xff\xfe") || begin.starts_with(b"\xfe\xff") {
        return Some("text in UTF-16");
    }
    let header = begin.split(|byte| *byte == b'\n').next()?;
    header
        .contains(&0)
        .then_some("binary: its first line holds a zero byte")
}

/// What to do about it.
pub(super) fn remedy(kind: &str) -> &'static str {
    match kind {
        "text in UTF-16" => "save it as UTF-8",
        _ if kind.contains("archive") || kind.contains("compressed") => {
            "unpack it first; only gzip is read"
        }
        _ => "export it as CSV, or pass it to a command as it is, with `as: file`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kinds_are_named_and_text_is_text() {
        for (magic, name) in KINDS {
            assert_eq!(kind(&[magic, b"\x00more"].concat()), Some(name));
            assert!(!remedy(name).is_empty());
        }
        for begin in [
            &b"BZh91AY&SY\x00"[..],
            b"\xff\xfea\x00",
            b"\xfe\xff\x00a",
            b"a\x00b\n1",
        ] {
            assert!(kind(begin).is_some(), "{begin:?}");
        }
        for begin in [
            &b""[..],
            b"a,b\n",
            b"BZh,x\n",
            b"PK,x\n",
            b"\xef\xbb\xbfa",
            b"a\n\x00",
        ] {
            assert_eq!(kind(begin), None, "{begin:?}");
        }
    }
}
