//! Colour, which never says anything alone: the words beside it do.

/// Whether escapes are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    escapes: bool,
}

impl Style {
    /// With escapes or without.
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

    /// What matters less.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What needs attention.
    pub(crate) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }
}

/// Text from data or logs made harmless for a terminal: control characters become visible.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            // A carriage return before a line feed is how some tools end lines; alone it
            // overwrites.
            '\r' => {}
            c if c.is_control() || is_direction(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Marks that change the direction of text can make a line read as something it is not.
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
