//! A page of text: lines, headings and tables in one style.

use super::style::Style;
use super::table::Table;

/// The text of a page.
pub(crate) struct Page {
    text: String,
    pub(crate) style: Style,
}

impl Page {
    /// An empty page.
    pub(crate) const fn new(style: Style) -> Self {
        Self {
            text: String::new(),
            style,
        }
    }

    /// Adds one line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> &mut Self {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
        self
    }

    /// Adds an empty line, unless the page is empty or ends with one.
    pub(crate) fn gap(&mut self) -> &mut Self {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
        self
    }

    /// Adds a heading with an empty line before it.
    pub(crate) fn heading(&mut self, heading: &str) -> &mut Self {
        self.gap();
        let heading = self.style.strong(heading);
        self.line(heading)
    }

    /// Adds several lines, indented.
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

    /// Adds a table.
    pub(crate) fn table(&mut self, table: &Table) -> &mut Self {
        self.text.push_str(&table.render(self.style));
        self
    }

    /// Returns the text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}
