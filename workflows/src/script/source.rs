//! A script's text, and what is asked of the whole of it for each command. Each such question is
//! answered once, so that a script twice as long takes twice as long.

use std::collections::BTreeSet;
use std::ops::Deref;

use tree_sitter::Node;

use super::commands::Commands;
use super::preset::Preset;
use super::reading::Reading;

/// The text of a script. It can be used as `str`.
#[derive(Debug)]
pub(super) struct Source<'t> {
    text: &'t str,
    /// The names that the script may give to a function or an alias.
    defined: BTreeSet<&'t str>,
    /// The names of lists that are not empty where they are written: `NAME=(a b)`.
    filled: BTreeSet<&'t str>,
    words: [bool; WORDS.len()],
    commands: Commands,
    preset: &'t Preset,
}

/// Words that a script may contain anywhere.
const WORDS: [&str; 5] = ["shift", "unset", "exec", "PATH=", "export -f"];

impl<'t> Source<'t> {
    /// Reads a text and its tree once. When the script starts, its variables are as in `preset`.
    pub(super) fn of(text: &'t str, root: Node<'_>, preset: &'t Preset) -> Self {
        count(text);
        Self {
            text,
            defined: defined(text),
            filled: filled(text),
            words: WORDS.map(|word| text.contains(word)),
            commands: Commands::of(root, text, preset),
            preset,
        }
    }

    /// True if the script may give a command's name to a function or an alias.
    pub(super) fn redefines(&self, name: &str) -> bool {
        self.defined.contains(name)
    }

    /// True if the script has a list of this name that is not empty where it is written.
    pub(super) fn fills(&self, list: &str) -> bool {
        self.filled.contains(list)
    }

    /// How the shell may read a command.
    pub(super) fn readings(&self, command: Node<'_>) -> &[Reading] {
        self.commands.readings(command)
    }

    /// True if it is known which word of a call each parameter in this command is.
    pub(super) fn follows(&self, command: Node<'_>) -> bool {
        self.commands.follows(command)
    }

    /// True if this holds for the words of a command, or of one in a function that it calls.
    pub(super) fn runs(&self, command: Node<'_>, holds: &dyn Fn(&[String]) -> bool) -> bool {
        self.commands.holds(command, holds)
    }

    /// The variables that the script finds when it starts.
    pub(super) const fn preset(&self) -> &'t Preset {
        self.preset
    }

    /// True if the text contains one of the words that are asked for.
    pub(super) fn mentions(&self, word: &str) -> bool {
        let known = WORDS.iter().position(|known| *known == word);
        known.is_none_or(|at| self.words[at])
    }
}

/// Counts the bytes of a text that is read as a whole, in tests.
fn count(text: &str) {
    super::node::count(text.len());
}

impl Deref for Source<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.text
    }
}

/// Every word before a `(`, and every word after `function` or `alias`.
fn defined(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let (mut before, mut from) = ("", None);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (is_part(c), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                let word = &text[start..at];
                let defines = before.ends_with("function") || before.ends_with("alias");
                if defines || text[at..].trim_start().starts_with('(') {
                    names.insert(word);
                }
                before = word;
                from = None;
            }
            _ => {}
        }
        // Only blanks stand between `function` and a name.
        if from.is_none() && !c.is_whitespace() && !is_part(c) {
            before = "";
        }
    }
    names
}

/// The names before a `=(` that something other than `)` follows.
fn filled(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let lists = text.match_indices("=(").filter(|(at, _)| {
        let rest = text[at + 2..].trim_start();
        !rest.starts_with(')')
    });
    let named = lists.map(|(at, _)| {
        let before = &text[..at];
        let start = before.rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
        before.get(start..).unwrap_or_default()
    });
    named.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::defined;

    #[test]
    fn functions_and_aliases_are_found() {
        for text in [
            "wc() { :; }",
            "wc ( ) { :; }",
            "function wc { :; }",
            "alias wc=x",
            "a; function  wc\n{ :; }",
        ] {
            assert!(defined(text).contains("wc"), "{text}");
        }
        for text in [
            "wc -l < f",
            "my_wc() { :; }",
            "function f { wc; }",
            "function; wc",
        ] {
            assert!(!defined(text).contains("wc"), "{text}");
        }
    }
}
