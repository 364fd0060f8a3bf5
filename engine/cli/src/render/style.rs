//! Color. It never carries information alone: the text beside it says the same.

/// A style of text: with escapes for color, or plain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    escapes: bool,
}

impl Style {
    /// A style with or without escapes.
    pub(crate) const fn new(escapes: bool) -> Self {
        Self { escapes }
    }

    /// Whether escapes are written.
    pub(crate) const fn is_coloured(self) -> bool {
        self.escapes
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.escapes {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// A name or heading.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Less important text.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// A success.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// A warning.
    pub(crate) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// An error.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }
}

/// Makes text from data or logs safe for a terminal. Control characters become visible.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            // Some tools end lines with a carriage return and a line feed. Alone, a carriage
            // return overwrites the line.
            '\r' => {}
            c if c.is_control() || is_direction(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// True for marks that change the direction of text. They can make a line look like another text.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn escapes_of_a_terminal_become_visible() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\nc\td"), "a\\u{1b}[2Jb\nc\td");
    }

    #[test]
    fn marks_that_turn_text_around_become_visible() {
        assert_eq!(harmless("safe\u{202e}txt"), "safe\\u{202e}txt");
    }
}
