//! Finds text after a closing quote, such as `"2"x`. The CSV reader would take it for a part of the
//! cell.

use std::io::{self, Read};

/// The cause of an error of [`Strays`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("text follows the closing quote of a cell on line {line}")]
pub(super) struct Stray {
    line: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first byte of a record.
    Record,
    /// Before the first byte of another cell.
    Cell,
    Comment,
    /// In a cell without quotes.
    Plain,
    Quoted,
    /// After a quote inside quotes. It is the closing quote, unless another quote follows.
    Closing,
    /// In blanks after the closing quote.
    Closed,
}

/// A reader of CSV text that fails at text after a closing quote.
pub(super) struct Strays<S> {
    source: S,
    delimiter: u8,
    comment: Option<u8>,
    place: Place,
    line: u64,
}

impl<S> Strays<S> {
    pub(super) fn new(source: S, delimiter: u8, comment: Option<u8>) -> Self {
        Self {
            source,
            delimiter,
            comment,
            place: Place::Record,
            line: 1,
        }
    }

    fn look(&mut self, bytes: &[u8]) -> Result<(), Stray> {
        let is_outside = matches!(self.place, Place::Record | Place::Cell | Place::Plain);
        // Most text has no quotes. Then only its end counts.
        if is_outside && self.comment.is_none() && !bytes.contains(&b'"') {
            let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
            self.line += u64::try_from(ends).unwrap_or(0);
            if let Some(last) = bytes.last() {
                self.place = self.after(Place::Plain, *last);
            }
            return Ok(());
        }
        for byte in bytes {
            self.place = self.after(self.place, *byte);
            if self.place == Place::Closed && !matches!(byte, b' ' | b'\t') {
                return Err(Stray { line: self.line });
            }
            self.line += u64::from(*byte == b'\n');
        }
        Ok(())
    }

    fn after(&self, place: Place, byte: u8) -> Place {
        let ends = matches!(byte, b'\n' | b'\r');
        match place {
            Place::Quoted if byte == b'"' => Place::Closing,
            Place::Quoted => Place::Quoted,
            Place::Closing if byte == b'"' => Place::Quoted,
            _ if ends => Place::Record,
            Place::Comment => Place::Comment,
            Place::Record if Some(byte) == self.comment => Place::Comment,
            _ if byte == self.delimiter => Place::Cell,
            Place::Record | Place::Cell if byte == b'"' => Place::Quoted,
            Place::Closing | Place::Closed => Place::Closed,
            Place::Record | Place::Cell | Place::Plain => Place::Plain,
        }
    }
}

impl<S: Read> Read for Strays<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        self.look(read)
            .map_err(|stray| io::Error::new(io::ErrorKind::InvalidData, stray))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields one byte at a time.
    struct Slow<'t>(&'t [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    fn stray(text: &str, comment: Option<u8>) -> Option<String> {
        let read = |source: &mut dyn Read| {
            let read = io::copy(&mut Strays::new(source, b',', comment), &mut io::sink());
            read.err().map(|error| error.to_string())
        };
        let at_once = read(&mut text.as_bytes());
        assert_eq!(at_once, read(&mut Slow(text.as_bytes())), "{text}");
        at_once
    }

    #[test]
    fn text_after_a_closing_quote_is_found_with_its_line() {
        let table = [
            ("a,b\n\"2\"x,1\n", 2),
            ("a\n1\n\n\"2\"3\n", 4),
            ("a\n\"two\nlines\"x\n", 3),
            ("\"a\"b\n", 1),
            ("a\n\"2\" x\n", 2),
            ("a\n\"2\"\"\"x\n", 2),
            ("a\n\"2\" \"3\"\n", 2),
        ];
        for (text, line) in table {
            let found = stray(text, None).unwrap_or_else(|| panic!("{text}"));
            assert!(found.ends_with(&format!("line {line}")), "{text}: {found}");
        }
        let whole = [
            "a,b\n\"2\",\"3\"\r\n\"4\",5\n\"6\"",
            "a\n\"2\" \n\"3\"  ,x\n",
            "a\nit is 5\" long\n x\"y\"z\n",
            "a\n\"say \"\"no\"\"\"\n\"\"\n\"\"\"\"\n",
            "a\n\"open\n",
            "",
        ];
        for text in whole {
            assert_eq!(stray(text, None), None, "{text}");
        }
        assert_eq!(stray("# \"x\"y\na\n1\n", Some(b'#')), None);
        assert!(
            stray("# \"x\"y\na\n1\n", None).is_none(),
            "a cell with a quote in it"
        );
        assert!(
            stray("# x\n\"1\"2\n", Some(b'#'))
                .unwrap()
                .ends_with("line 2")
        );
    }
}
