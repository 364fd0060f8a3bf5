//! Finds a table that is separated by another character than commas. It would be read as one column,
//! silently.

/// What separates tables, other than commas.
const SEPARATORS: [u8; 3] = [b';', b'\t', b'|'];

/// Counts separators in the records of a table with one column.
#[derive(Debug)]
pub(super) struct Separated {
    /// Each character that is equally often in all records so far, and how often.
    left: Vec<(u8, usize)>,
}

impl Separated {
    /// `header` is the only cell of the header.
    pub(super) fn new(header: &[u8], delimiter: u8) -> Self {
        let others = SEPARATORS.iter().filter(|other| **other != delimiter);
        let counts = others.map(|other| (*other, count(header, *other)));
        Self {
            left: counts.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// Adds the only cell of a row.
    pub(super) fn add(&mut self, row: &[u8]) {
        self.left
            .retain(|(other, times)| count(row, *other) == *times);
    }

    /// The character that separates all records.
    pub(super) fn by(&self) -> Option<char> {
        self.left.first().map(|(other, _)| char::from(*other))
    }
}

fn count(cell: &[u8], other: u8) -> usize {
    cell.iter().filter(|byte| **byte == other).count()
}

/// Whether a cell is what spreadsheet programs write on the first line to tell the separator.
pub(super) fn is_sep_line(cell: &[u8]) -> bool {
    cell.len() <= 5
        && cell
            .get(..4)
            .is_some_and(|begin| begin.eq_ignore_ascii_case(b"sep="))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sunward_workflows::model::CsvOptions;

    use super::super::{Layout, infer};

    fn columns(text: &str, delimiter: Option<char>) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let options = CsvOptions {
            delimiter,
            ..CsvOptions::default()
        };
        columns_of(&path, &Layout::new(b',', &options))
    }

    fn columns_of(path: &Path, layout: &Layout) -> Result<usize, String> {
        let found = infer(path, layout, None).map_err(|error| error.to_string())?;
        Ok(found.0.fields().len())
    }

    #[test]
    fn a_table_that_is_separated_by_something_else_is_refused_with_the_remedy() {
        let refused = [
            ("a;b\n1;2\n", "delimiter: \";\""),
            ("a;b\n", "delimiter: \";\""),
            ("a\tb\tc\n1\t2\t3\n4\t5\t6\n", "delimiter: \"\\t\""),
            ("a|b\n1|2\n", "delimiter: \"|\""),
            ("sep=;\na;b\n1;2\n", "delete that line"),
            ("sep=,\na,b\n1,2\n", "delete that line"),
            ("PK\u{3}\u{4}\u{0}", "zip"),
            ("a,b\n\"2\"x,1\n", "line 2"),
        ];
        for (text, remedy) in refused {
            let error = columns(text, None).unwrap_err();
            assert!(error.contains(remedy), "{text:?}: {error}");
        }
        let one_column = [
            "a;b\n1\n",
            "a\n1;2\n",
            "a;b\n1;2\n3;4;5\n",
            "text\nx; y\nz\n",
        ];
        for text in one_column {
            assert_eq!(columns(text, None), Ok(1), "{text:?}");
        }
        assert_eq!(
            columns("a;b\n1;2\n", Some(',')),
            Ok(1),
            "who says so gets it"
        );
        assert_eq!(columns("a;b\n1;2\n", Some(';')), Ok(2));
        assert_eq!(columns("a,b;c\n1,2;3\n", None), Ok(2));
    }
}
