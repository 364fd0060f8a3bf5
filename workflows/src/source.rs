//! Places in a file.

use serde::{Deserialize, Serialize};

/// A half-open range of bytes in [`Sources`]. Lines and columns are computed for display.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The place that is a number of bytes later.
    #[must_use]
    pub fn moved_by(self, bytes: u32) -> Self {
        Self {
            start: self.start.saturating_add(bytes),
            end: self.end.saturating_add(bytes),
        }
    }
}

/// The starts of a text's lines, as byte offsets. They are found once, so that each lookup has the
/// same cost.
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Finds the lines of a text.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(ends.map(|(at, _)| at + 1))
            .collect();
        Self { text, starts }
    }

    /// Line and column of a byte, both from 1. Columns count characters.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let text = self.text;
        let mut offset = usize::try_from(offset).map_or(text.len(), |at| at.min(text.len()));
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        (line, text[start..offset].chars().count() + 1)
    }
}

/// The text of a workflow and of the files that it uses, one after the other, so that one range of
/// bytes names a place in any of them. The workflow is first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    text: String,
    files: Vec<SourceFile>,
}

#[derive(Clone, Debug)]
struct SourceFile {
    /// Its path in messages.
    name: String,
    /// Where its text begins and ends.
    range: std::ops::Range<usize>,
}

/// A file of [`Sources`], and where its text begins in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFile<'s> {
    /// Its path in messages.
    pub name: &'s str,
    /// Its text.
    pub text: &'s str,
    /// The first byte of its text.
    pub start: u32,
}

impl Sources {
    /// The text of a workflow, without the files that it uses.
    #[must_use]
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        let mut sources = Self::default();
        sources.add(name, text);
        sources
    }

    /// Adds a file, and returns where its text begins.
    pub fn add(&mut self, name: impl Into<String>, text: &str) -> u32 {
        // The end of one file is not the beginning of the next.
        if !self.files.is_empty() {
            self.text.push('\n');
        }
        let start = self.text.len();
        self.text.push_str(text);
        let range = start..self.text.len();
        let name = name.into();
        self.files.push(SourceFile { name, range });
        u32::try_from(start).unwrap_or(u32::MAX)
    }

    /// The text of all files.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file in which a place is.
    #[must_use]
    pub fn file(&self, span: Span) -> InFile<'_> {
        let at = usize::try_from(span.start).unwrap_or(usize::MAX);
        let after = self.files.partition_point(|file| file.range.start <= at);
        let file = after.checked_sub(1).and_then(|at| self.files.get(at));
        file.map(|file| self.in_file(file)).unwrap_or_default()
    }

    /// The files in their order: the workflow first.
    pub fn files(&self) -> impl Iterator<Item = InFile<'_>> {
        self.files.iter().map(|file| self.in_file(file))
    }

    fn in_file<'s>(&'s self, file: &'s SourceFile) -> InFile<'s> {
        InFile {
            name: &file.name,
            text: self.text.get(file.range.clone()).unwrap_or_default(),
            start: u32::try_from(file.range.start).unwrap_or(u32::MAX),
        }
    }

    /// The file of a place, and its line there, from 1.
    #[must_use]
    pub fn line(&self, span: Span) -> (&str, usize) {
        let file = self.file(span);
        let (line, _) = Lines::new(file.text).line_column(file.within(span).start);
        (file.name, line)
    }
}

impl InFile<'_> {
    /// A place of all sources as a place in this file.
    #[must_use]
    pub fn within(&self, span: Span) -> Span {
        Span {
            start: span.start.saturating_sub(self.start),
            end: span.end.saturating_sub(self.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_the_file_whose_text_holds_it() {
        let mut sources = Sources::new("a.yaml", "a\nb\n");
        let second = sources.add("b.yaml", "c\nd");
        let third = sources.add("c.yaml", "");
        let at = |start| Span {
            start,
            end: start + 1,
        };
        assert_eq!(sources.line(at(0)), ("a.yaml", 1));
        assert_eq!(sources.line(at(2)), ("a.yaml", 2));
        assert_eq!(sources.line(at(second)), ("b.yaml", 1));
        assert_eq!(sources.line(at(second + 2)), ("b.yaml", 2));
        assert_eq!(sources.line(at(third)), ("c.yaml", 1));
        let file = sources.file(at(second + 2));
        assert_eq!(file.text, "c\nd");
        assert_eq!(file.within(at(second + 2)), at(2));
    }
}
