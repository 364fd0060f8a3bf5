//! Where in a shell's script an expression stands, and how a value is quoted there.
//!
//! A value must never become code, whatever it holds. Quoting a word is not enough for that: within
//! the author's own `"…"` a single-quoted `$(…)` would still run. So the script is followed
//! character by character, and each expression is quoted as its place demands; where no quoting
//! is safe, the expression is refused when the workflow is checked.

use crate::value::Value;

/// How a value has to be quoted at one place of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// Outside quotes: a word, or several for a list.
    Word,
    /// Within `"…"`.
    Double,
    /// Within `'…'`.
    Single,
    /// Within a comment: it must stay on its line.
    Comment,
    /// Within `$(( … ))`: numbers only.
    Number,
    /// No quoting is safe here: why.
    Refused(&'static str),
}

/// What encloses the present place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mode {
    Plain { parens: u32 },
    Double,
    Single,
    Ansi,
    Comment,
    Backtick,
    Braces,
    Arithmetic { parens: u32 },
    HereDocument { line: String },
}

/// What the last character may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Nothing,
    Escape,
    Dollar,
    DollarParen,
    Paren,
    CloseParen,
    Less,
}

/// Follows a script.
#[derive(Debug)]
pub(crate) struct Follower {
    modes: Vec<Mode>,
    pending: Pending,
    word: String,
    /// Words that end the here-documents which begin at the next line.
    awaited: Vec<String>,
    /// The delimiter of a here-document that is being read.
    delimiter: Option<String>,
    lost: Option<&'static str>,
}

const BACKSLASH: &str = "right after a backslash, which would unquote it";
const DOLLAR: &str = "right after a `$`, which gives quotes another meaning";
const HERE: &str = "in a here-document";
const CASE: &str = "after `case` within `$( … )`";

impl Follower {
    pub(crate) fn new() -> Self {
        Self {
            modes: vec![Mode::Plain { parens: 0 }],
            pending: Pending::Nothing,
            word: String::new(),
            awaited: Vec::new(),
            delimiter: None,
            lost: None,
        }
    }

    /// Goes over literal text.
    pub(crate) fn text(&mut self, text: &str) {
        for c in text.chars() {
            self.step(c);
        }
    }

    /// Goes over an expression and says how its value must be quoted.
    pub(crate) fn expression(&mut self) -> Quoting {
        let quoting = self.quoting();
        self.settle(' ');
        self.word.push('x');
        if self.delimiter.take().is_some() {
            self.lost = Some(HERE);
        }
        if let Some(Mode::HereDocument { line }) = self.modes.last_mut() {
            line.push('\0');
        }
        quoting
    }

    fn quoting(&self) -> Quoting {
        if let Some(why) = self.lost {
            return Quoting::Refused(why);
        }
        match self.pending {
            Pending::Escape => return Quoting::Refused(BACKSLASH),
            Pending::Dollar => return Quoting::Refused(DOLLAR),
            Pending::Nothing
            | Pending::DollarParen
            | Pending::Paren
            | Pending::CloseParen
            | Pending::Less => {}
        }
        if self.delimiter.is_some() {
            return Quoting::Refused(HERE);
        }
        match self.modes.last() {
            Some(Mode::Plain { .. }) | None => Quoting::Word,
            Some(Mode::Double) => Quoting::Double,
            Some(Mode::Single) => Quoting::Single,
            Some(Mode::Comment) => Quoting::Comment,
            Some(Mode::Arithmetic { .. }) => Quoting::Number,
            Some(Mode::Ansi) => Quoting::Refused("within $'…'"),
            Some(Mode::Backtick) => Quoting::Refused("within backticks; write $( … )"),
            Some(Mode::Braces) => Quoting::Refused("within ${…}"),
            Some(Mode::HereDocument { .. }) => Quoting::Refused(HERE),
        }
    }

    fn step(&mut self, c: char) {
        if self.delimiter.is_some() && self.delimiter_step(c) {
            return;
        }
        if self.settle(c) {
            return;
        }
        match self.modes.last_mut() {
            None | Some(Mode::Plain { .. }) => self.plain(c),
            Some(Mode::Double) => match c {
                '"' => self.pop(),
                '\\' => self.pending = Pending::Escape,
                '$' => self.pending = Pending::Dollar,
                '`' => self.modes.push(Mode::Backtick),
                _ => {}
            },
            Some(Mode::Single) => {
                if c == '\'' {
                    self.pop();
                }
            }
            Some(Mode::Ansi) => match c {
                '\'' => self.pop(),
                '\\' => self.pending = Pending::Escape,
                _ => {}
            },
            Some(Mode::Comment) => {
                if c == '\n' {
                    self.pop();
                    self.step(c);
                }
            }
            Some(Mode::Backtick) => match c {
                '`' => self.pop(),
                '\\' => self.pending = Pending::Escape,
                _ => {}
            },
            Some(Mode::Braces) => self.braces(c),
            Some(Mode::Arithmetic { parens }) => match c {
                '(' => *parens += 1,
                ')' if *parens > 0 => *parens -= 1,
                ')' => self.pending = Pending::CloseParen,
                '$' => self.pending = Pending::Dollar,
                _ => {}
            },
            Some(Mode::HereDocument { line }) => {
                if c == '\n' {
                    let ended = self.awaited.first().is_some_and(|end| {
                        line == end || line.trim_start_matches('\t') == end.as_str()
                    });
                    line.clear();
                    if ended {
                        self.awaited.remove(0);
                        if self.awaited.is_empty() {
                            self.pop();
                        }
                    }
                } else {
                    line.push(c);
                }
            }
        }
    }

    /// Resolves what the previous character began; true when `c` is used up by that.
    fn settle(&mut self, c: char) -> bool {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        let in_double = self.modes.last() == Some(&Mode::Double);
        match (pending, c) {
            (Pending::Escape, _) => true,
            (Pending::Dollar, '(') => {
                self.pending = Pending::DollarParen;
                true
            }
            (Pending::Dollar, '{') => {
                self.modes.push(Mode::Braces);
                true
            }
            (Pending::Dollar, '$') => true,
            (Pending::Dollar, '\'') if !in_double => {
                self.modes.push(Mode::Ansi);
                true
            }
            (Pending::DollarParen | Pending::Paren, '(') => {
                self.modes.push(Mode::Arithmetic { parens: 0 });
                true
            }
            (Pending::DollarParen, _) => {
                self.modes.push(Mode::Plain { parens: 0 });
                self.word.clear();
                false
            }
            (Pending::Paren, _) => {
                if let Some(Mode::Plain { parens }) = self.modes.last_mut() {
                    *parens += 1;
                }
                self.word.clear();
                false
            }
            (Pending::CloseParen, ')') => {
                self.pop();
                true
            }
            (Pending::Less, '<') => {
                self.delimiter = Some(String::new());
                true
            }
            (Pending::Nothing | Pending::Dollar | Pending::CloseParen | Pending::Less, _) => false,
        }
    }

    fn plain(&mut self, c: char) {
        match c {
            '\\' => self.pending = Pending::Escape,
            '\'' => self.modes.push(Mode::Single),
            '"' => self.modes.push(Mode::Double),
            '`' => self.modes.push(Mode::Backtick),
            '$' => self.pending = Pending::Dollar,
            '<' => self.pending = Pending::Less,
            '(' => self.pending = Pending::Paren,
            '#' if self.word.is_empty() => {
                self.modes.push(Mode::Comment);
                return;
            }
            ')' => self.close(),
            _ => {}
        }
        if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '<' | '>') {
            if self.word == "case" && self.modes.len() > 1 {
                self.lost = Some(CASE);
            }
            self.word.clear();
        } else if self.word.len() < 16 {
            self.word.push(c);
        }
        if c == '\n' && !self.awaited.is_empty() {
            let line = String::new();
            self.modes.push(Mode::HereDocument { line });
        }
    }

    fn close(&mut self) {
        match self.modes.last_mut() {
            Some(Mode::Plain { parens }) if *parens > 0 => *parens -= 1,
            _ => self.pop(),
        }
    }

    fn braces(&mut self, c: char) {
        let within_double = self.modes.iter().rev().nth(1) == Some(&Mode::Double);
        match c {
            '}' => self.pop(),
            '\\' => self.pending = Pending::Escape,
            '"' => self.modes.push(Mode::Double),
            '\'' if !within_double => self.modes.push(Mode::Single),
            '`' => self.modes.push(Mode::Backtick),
            '$' => self.pending = Pending::Dollar,
            _ => {}
        }
    }

    /// Reads the word after `<<`; true when `c` belongs to it.
    fn delimiter_step(&mut self, c: char) -> bool {
        let Some(word) = &mut self.delimiter else {
            return false;
        };
        match c {
            // `<<<` is a here-string: what follows is a word like any other.
            '<' if word.is_empty() => {
                self.delimiter = None;
                true
            }
            '-' if word.is_empty() => true,
            ' ' | '\t' if word.is_empty() => true,
            '\'' | '"' | '\\' => true,
            c if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '>') => {
                let word = self.delimiter.take().unwrap_or_default();
                self.awaited.push(word);
                false
            }
            c => {
                word.push(c);
                true
            }
        }
    }

    fn pop(&mut self) {
        if self.modes.len() > 1 {
            self.modes.pop();
        }
    }
}

/// A value as it may stand at such a place.
pub(crate) fn quote(value: &Value, quoting: Quoting) -> Result<String, String> {
    let text = match (quoting, value) {
        (Quoting::Word, Value::List(list)) => {
            let words: Vec<String> = list.iter().map(|v| word(&v.to_text())).collect();
            words.join(" ")
        }
        (Quoting::Word, _) => word(&value.to_text()),
        (Quoting::Double, _) => {
            let mut quoted = String::new();
            for c in value.to_text().chars() {
                if matches!(c, '\\' | '"' | '$' | '`') {
                    quoted.push('\\');
                }
                quoted.push(c);
            }
            quoted
        }
        (Quoting::Single, _) => value.to_text().replace('\'', r"'\''"),
        (Quoting::Comment, _) => value.to_text().replace(['\n', '\r'], " "),
        (Quoting::Number, _) => {
            let text = value.to_text();
            let digits = text.strip_prefix('-').unwrap_or(&text);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(format!(
                    "only a whole number can stand in $(( … )), not `{text}`"
                ));
            }
            text
        }
        (Quoting::Refused(why), _) => return Err(format!("a value cannot be quoted {why}")),
    };
    if text.contains('\0') {
        return Err("a value holds a zero byte, which no command can be given".to_owned());
    }
    Ok(text)
}

/// One word for a POSIX shell, quoted only when it needs it.
#[must_use]
pub fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_@%+:,./-".contains(&b));
    if plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
