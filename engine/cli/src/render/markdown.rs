//! Markdown on a page of text: headings, paragraphs, lists, code and tables.
//!
//! It knows what the book uses, and no more.

use super::Page;
use super::table::Table;

/// The longest line of a paragraph, in characters. Code and tables may be wider.
const WIDTH: usize = 100;

/// Adds a text in Markdown to a page.
pub(crate) fn markdown(page: &mut Page, text: &str) {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            for code in lines.by_ref().take_while(|line| !line.starts_with("```")) {
                page.indented(4, if code.is_empty() { "\n" } else { code });
            }
        } else if let Some(title) = line.strip_prefix('#') {
            page.heading(title.trim_start_matches('#').trim());
        } else if line.starts_with('|') {
            let mut rows = vec![line];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(row);
            }
            table(page, &rows);
        } else if line.is_empty() {
            page.gap();
        } else {
            let mut words = vec![line];
            while let Some(more) = lines.next_if(|line| continues(line)) {
                words.push(more);
            }
            let hanging = if line.starts_with("- ") { 2 } else { 0 };
            paragraph(page, &words.join(" "), hanging);
        }
    }
}

/// Whether a line goes on with the paragraph or the item before it.
fn continues(line: &str) -> bool {
    let begins = ["- ", "#", "|", "```"];
    !line.trim().is_empty() && !begins.iter().any(|begin| line.starts_with(begin))
}

/// Adds a paragraph in lines of [`WIDTH`]. The lines after the first are indented.
fn paragraph(page: &mut Page, text: &str, hanging: usize) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.trim().is_empty() && length > WIDTH {
            page.line(&line);
            line = " ".repeat(hanging);
        } else if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    page.line(&line);
}

fn table(page: &mut Page, rows: &[&str]) {
    let mut cells = rows.iter().map(|row| cells(row));
    let head = cells.next().unwrap_or_default();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut table = Table::new(&head);
    for row in cells.skip(1) {
        table.row(row);
    }
    page.table(&table);
}

/// The cells of `| a | b |`. `\|` is a bar within a cell.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().replace("\\|", "\u{0}");
    let inner = row.trim_start_matches('|').trim_end_matches('|');
    let cells = inner.split('|');
    cells
        .map(|cell| cell.trim().replace('\u{0}', "|"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Page, Style};
    use super::markdown;

    fn shown(text: &str) -> String {
        let mut page = Page::new(Style::new(false));
        markdown(&mut page, text);
        page.finish()
    }

    #[test]
    fn lines_are_joined_and_broken_anew_and_code_stays() {
        let long = "word ".repeat(30);
        let text = format!(
            "# Title\n\none\ntwo\n\n- item\n  goes on\n- {long}\n\n```yaml run\na:\n\n  b: 1\n```\nafter\n"
        );
        let shown = shown(&text);
        assert!(
            shown.starts_with("Title\n\none two\n\n- item goes on\n- word"),
            "{shown}"
        );
        assert!(shown.contains("\n  word"), "{shown}");
        assert!(
            shown.ends_with("\n    a:\n\n      b: 1\nafter\n"),
            "{shown}"
        );
        assert!(shown.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn tables_are_aligned_and_a_bar_may_be_in_a_cell() {
        let shown = shown("| a | b |\n| --- | --- |\n| `x \\| y` | 2 |\n");
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.contains("`x | y`"), "{shown}");
    }
}
