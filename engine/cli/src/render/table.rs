//! Aligned columns for a terminal.

use super::style::{Style, harmless};

/// The tone of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    /// A success.
    Good,
    /// A warning.
    Warn,
    /// An error.
    Bad,
    /// Less important.
    Faint,
}

/// Rows under headings. Columns whose heading begins with `>` are aligned to the right.
pub(crate) struct Table {
    headings: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<(String, Tone)>>,
    indent: usize,
}

impl Table {
    /// An empty table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            headings: headings
                .iter()
                .map(|heading| on_one_line(heading.trim_start_matches('>')))
                .collect(),
            right: headings
                .iter()
                .map(|heading| heading.starts_with('>'))
                .collect(),
            rows: Vec::new(),
            indent: 0,
        }
    }

    /// Indents the table by a number of spaces.
    pub(crate) const fn indented(mut self, by: usize) -> Self {
        self.indent = by;
        self
    }

    /// Adds a row of plain cells.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.toned(cells.into_iter().map(|cell| (cell, Tone::Plain)));
    }

    /// Adds a row whose cells have tones.
    pub(crate) fn toned<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = (S, Tone)>) {
        let row = cells
            .into_iter()
            .map(|(cell, tone)| (on_one_line(cell.as_ref()), tone))
            .collect();
        self.rows.push(row);
    }

    /// Returns the text of the table.
    pub(crate) fn render(&self, style: Style) -> String {
        let mut widths: Vec<usize> = self.headings.iter().map(|cell| width(cell)).collect();
        for row in &self.rows {
            for (seen, (cell, _)) in widths.iter_mut().zip(row) {
                *seen = (*seen).max(width(cell));
            }
        }
        let mut text = String::new();
        let headings: Vec<_> = self
            .headings
            .iter()
            .map(|heading| (heading.clone(), Tone::Faint))
            .collect();
        if self.headings.iter().any(|heading| !heading.is_empty()) {
            self.line(&mut text, &headings, &widths, style);
        }
        for row in &self.rows {
            self.line(&mut text, row, &widths, style);
        }
        text
    }

    fn line(&self, text: &mut String, row: &[(String, Tone)], widths: &[usize], style: Style) {
        text.push_str(&" ".repeat(self.indent));
        let last = row.iter().rposition(|(cell, _)| !cell.is_empty());
        for (at, (cell, tone)) in row.iter().enumerate() {
            if Some(at) > last {
                break;
            }
            let room = widths.get(at).copied().unwrap_or(0);
            let padding = " ".repeat(room.saturating_sub(width(cell)));
            let painted = match tone {
                Tone::Plain => cell.clone(),
                Tone::Good => style.good(cell),
                Tone::Warn => style.warn(cell),
                Tone::Bad => style.bad(cell),
                Tone::Faint => style.faint(cell),
            };
            if at > 0 {
                text.push_str("  ");
            }
            if self.right.get(at).copied().unwrap_or(false) {
                text.push_str(&padding);
                text.push_str(&painted);
            } else {
                text.push_str(&painted);
                if Some(at) != last {
                    text.push_str(&padding);
                }
            }
        }
        text.push('\n');
    }
}

/// Text from a file on one line, safe for a terminal.
fn on_one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::{Style, Table};

    #[test]
    fn nothing_that_a_terminal_obeys_comes_from_a_heading_or_a_cell() {
        let mut table = Table::new(&["a\u{1b}[2J", ">b\r\n\u{7}"]);
        table.row(["c\u{1b}]0;x\u{7}", "d\u{202e}"]);
        let text = table.render(Style::new(false));
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        assert_eq!(lines.len(), 2, "{text:?}");
        assert!(
            !lines
                .concat()
                .contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{text:?}"
        );
    }

    #[test]
    fn numbers_stand_right_and_lines_have_no_trailing_space() {
        let mut table = Table::new(&["stage", ">tasks", "note"]);
        table.row(["search", "1000", ""]);
        table.row(["merge", "1", "waits"]);
        assert_eq!(
            table.render(Style::new(false)),
            "stage   tasks  note\nsearch   1000\nmerge       1  waits\n"
        );
    }
}
