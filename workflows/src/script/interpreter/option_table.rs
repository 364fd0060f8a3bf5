//! Where a command that starts a program finds its name among its options.

use std::collections::BTreeSet;

/// The options of a command that starts a program.
///
/// The next word after an option that is not in the table may be its word, or the program. Both are
/// then counted, so a table that misses an option refuses too much and never too little.
#[derive(Clone, Copy)]
pub(super) struct OptionTable {
    /// The letters of short options that take a word, which may be attached: `-n4`.
    pub(super) valued: &'static str,
    /// The letters of short options that take none, or only an attached one.
    pub(super) flags: &'static str,
    /// Long options that take a word, without their dashes.
    pub(super) words: &'static [&'static str],
    /// Long options that take two words.
    pub(super) pairs: &'static [&'static str],
    /// Long options that take none, or only one after `=`.
    pub(super) alone: &'static [&'static str],
    /// Long options may begin with one dash.
    pub(super) one_dash: bool,
    /// Words such as `NAME=value` may stand before the program.
    pub(super) assigns: bool,
    /// The number of operands before the program.
    pub(super) operands: usize,
}

/// The words that one takes, with itself.
const ALONE: &[usize] = &[1];
const WITH_WORD: &[usize] = &[2];
const WITH_PAIR: &[usize] = &[3];
const EITHER: &[usize] = &[1, 2];

impl OptionTable {
    /// A command without options.
    pub(super) const NONE: Self = Self {
        valued: "",
        flags: "",
        words: &[],
        pairs: &[],
        alone: &[],
        one_dash: false,
        assigns: false,
        operands: 0,
    };

    /// The indexes of all words from `from` on that may be the program.
    pub(super) fn programs(&self, words: &[String], from: usize) -> BTreeSet<usize> {
        let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut open = vec![(from, self.operands)];
        while let Some((at, left)) = open.pop() {
            let Some(word) = words.get(at) else {
                continue;
            };
            if !seen.insert((at, left)) {
                continue;
            }
            if word == "--" {
                found.extend(Some(at + 1 + left).filter(|at| *at < words.len()));
                continue;
            }
            match self.taken(word) {
                Some(taken) => open.extend(taken.iter().map(|taken| (at + taken, left))),
                None if left > 0 => open.push((at + 1, left - 1)),
                None => {
                    found.insert(at);
                }
            }
        }
        found
    }

    /// How many words an option may take, with itself; `None` for a word that is no option.
    fn taken(&self, word: &str) -> Option<&'static [usize]> {
        let Some(short) = word.strip_prefix('-') else {
            return (self.assigns && word.contains('=')).then_some(ALONE);
        };
        if short.is_empty() {
            return self.assigns.then_some(ALONE);
        }
        let long = short.strip_prefix('-');
        if let Some(name) = long.or(self.one_dash.then_some(short)) {
            match () {
                () if name.contains('=') => return Some(ALONE),
                () if self.words.contains(&name) => return Some(WITH_WORD),
                () if self.pairs.contains(&name) => return Some(WITH_PAIR),
                () if self.alone.contains(&name) => return Some(ALONE),
                () if long.is_some() => return Some(EITHER),
                () => {}
            }
        }
        let mut letters = short.chars();
        while let Some(letter) = letters.next() {
            if self.valued.contains(letter) {
                let attached = !letters.as_str().is_empty();
                return Some(if attached { ALONE } else { WITH_WORD });
            }
            if !self.flags.contains(letter) {
                return Some(EITHER);
            }
        }
        Some(ALONE)
    }
}

#[cfg(test)]
mod tests {
    use super::OptionTable;

    const TABLE: OptionTable = OptionTable {
        valued: "n",
        flags: "v",
        words: &["name"],
        alone: &["quiet"],
        operands: 1,
        ..OptionTable::NONE
    };

    #[test]
    fn the_word_after_an_unknown_option_may_be_its_own_or_the_next() {
        for (command, programs) in [
            ("x 5 a b", &[2][..]),
            ("x -n 1 5 a", &[4]),
            ("x -n1 5 a", &[3]),
            ("x -vn 1 5 a", &[4]),
            ("x --name 1 5 a", &[4]),
            ("x --name=1 5 a", &[3]),
            ("x --quiet 5 a", &[3]),
            ("x --other 5 a b", &[3, 4]),
            ("x -o 5 a b", &[3, 4]),
            ("x -vo 5 a b", &[3, 4]),
            ("x 5 -o a b", &[3, 4]),
            ("x -- 5 a", &[3]),
            ("x 5 -- a", &[3]),
            ("x -o -- 5 a", &[4]),
            ("x 5", &[]),
        ] {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let found: Vec<usize> = TABLE.programs(&words, 1).into_iter().collect();
            assert_eq!(found, programs, "{command}");
        }
    }
}
