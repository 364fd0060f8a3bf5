//! A page of text being written: lines, headings and pairs, in one style.

use super::style::Style;
use super::table::Table;

/// Text that grows.
pub(crate) struct Page {
    text: String,
    /// How it is coloured.
    pub(crate) style: Style,
}

impl Page {
    /// An empty one.
    pub(crate) const fn new(style: Style) -> Self {
        Self {
            text: String::new(),
            style,
        }
    }

    /// One line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> &mut Self {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
        self
    }

    /// An empty line, unless the page is empty or just had one.
    pub(crate) fn gap(&mut self) -> &mut Self {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
        self
    }

    /// A heading, with space before it.
    pub(crate) fn heading(&mut self, heading: &str) -> &mut Self {
        self.gap();
        let heading = self.style.strong(heading);
        self.line(heading)
    }

    /// Several lines, each moved in.
    pub(crate) fn indented(&mut self, by: usize, text: &str) -> &mut Self {
        for line in text.lines() {
            if line.is_empty() {
                self.text.push('\n');
            } else {
                self.line(format!("{:by$}{line}", ""));
            }
        }
        self
    }

    /// A table.
    pub(crate) fn table(&mut self, table: &Table) -> &mut Self {
        self.text.push_str(&table.render(self.style));
        self
    }

    /// Its text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}
