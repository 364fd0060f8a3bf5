//! The end of a log as text that is safe to show: without escapes and control characters.

/// How many lines a failure quotes.
const LINES: usize = 20;

/// How many bytes a failure quotes.
const BYTES: usize = 2048;

/// The last lines of some bytes. Terminal escapes are removed. A line that was redrawn with
/// carriage returns, as progress bars are, is shown in its last state.
pub(crate) fn last_lines(bytes: &[u8]) -> String {
    let text = plain(&String::from_utf8_lossy(bytes));
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let mut kept = Vec::new();
    let mut size = 0;
    for line in lines.iter().rev().take(LINES) {
        size += line.len() + 1;
        if size > BYTES && !kept.is_empty() {
            break;
        }
        kept.push(shortened(line));
    }
    kept.reverse();
    kept.join("\n")
}

fn shortened(line: &str) -> &str {
    let mut from = line.len().saturating_sub(BYTES);
    while !line.is_char_boundary(from) {
        from += 1;
    }
    &line[from..]
}

/// The text without escapes and control characters, except line ends and tabs.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut line_start = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                out.push('\n');
                line_start = out.len();
            }
            '\r' if chars.peek() != Some(&'\n') && chars.peek().is_some() => {
                out.truncate(line_start)
            }
            '\t' => out.push('\t'),
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_until_final(&mut chars),
            c if c.is_control() => {}
            // These reorder or hide the text around them.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => out.push(c),
        }
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips the rest of an escape (ECMA-48): CSI sequences, strings such as window titles, and two- or
/// three-character escapes.
fn skip_escape(chars: &mut Chars<'_>) {
    match chars.next() {
        Some('[') => skip_until_final(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                match c {
                    '\u{7}' | '\u{9c}' => break,
                    '\u{1b}' => {
                        chars.next();
                        break;
                    }
                    // An unterminated string must not hide the rest of the log.
                    '\n' => break,
                    _ => {}
                }
            }
        }
        Some('(' | ')' | '*' | '+' | '#' | '%' | ' ') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_until_final(chars: &mut Chars<'_>) {
    while let Some(c) = chars.peek() {
        let done = ('\u{40}'..='\u{7e}').contains(c);
        if *c == '\n' {
            break;
        }
        chars.next();
        if done {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_titles_and_bells_are_removed() {
        let text = "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}ok\u{7}\u{8}\u{0} \u{1b}(Bx\ty";
        assert_eq!(plain(text), "red ok x\ty");
    }

    #[test]
    fn a_progress_bar_is_shown_as_it_last_stood() {
        assert_eq!(last_lines(b"10%\r50%\r100%\r\ndone\n"), "100%\ndone");
    }

    #[test]
    fn only_the_last_lines_are_quoted() {
        let text: String = (0..100).map(|i| format!("{i}\n")).collect();
        let quoted = last_lines(text.as_bytes());
        assert_eq!(quoted.lines().count(), LINES);
        assert!(quoted.ends_with("98\n99"));
        let long = format!("start {}end", "x".repeat(10_000));
        let quoted = last_lines(long.as_bytes());
        assert!(quoted.len() <= BYTES && quoted.ends_with("end"));
    }

    #[test]
    fn bytes_that_are_no_text_do_not_hurt() {
        assert_eq!(last_lines(&[0xff, b'a', 0xc3]), "\u{fffd}a\u{fffd}");
    }
}
