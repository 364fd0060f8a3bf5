//! The readings of a command: what the shell may make of it, with the values of its variables in their
//! place.
//!
//! The readings of one command are limited. A command that has more of them may be any command, so
//! those that are left out are replaced by the ones that no text may be in.

use super::constants::Constants;
use super::interpreter;
use super::node::revealed;
use super::values::is_inert;

/// The most readings of one command that its variables give.
pub(super) const READINGS: usize = 64;

/// The most readings in which words with too many values are replaced.
const REPLACED: usize = 32;

/// What a word with too many values may be, in the place where it does the most: a command that
/// evaluates its words, one that runs its standard input, or an option after which a program stands.
const STAND_INS: &[&[&str]] = &[
    &["eval"],
    &["bash", "-s"],
    &["bash", "-c"],
    &["make"],
    &["python3"],
    &["-c"],
    &["-e"],
    &["-exec"],
    &["-I"],
];

/// One way to read a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// The words without their quotes.
    pub(super) words: Vec<String>,
    /// For each word, the number of the part of the command that it comes from; `None` if it stands
    /// in a function.
    pub(super) parts: Vec<Option<usize>>,
    /// Whether its standard input is not that of the command, but one within a function.
    pub(super) is_fed: bool,
}

impl Reading {
    pub(super) fn push(&mut self, word: &str, part: Option<usize>) {
        self.words.push(revealed(word));
        self.parts.push(part);
    }
}

/// A part of a command as it is written.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) word: String,
    /// Whether blanks in its value divide it.
    pub(super) divides: bool,
}

/// A word of a command, with the number of the part that it comes from.
pub(super) type Numbered = (Part, Option<usize>);

/// The readings with variables replaced.
pub(super) fn resolved(constants: &Constants, parts: &[Numbered]) -> Vec<Reading> {
    let (mut found, open) = combined(constants, parts, None);
    let Some(first) = found.first().filter(|_| !open.is_empty()) else {
        return found;
    };
    if found.len() * open.len() > REPLACED {
        let any = any(first);
        found.extend(any);
        return found;
    }
    for word in open {
        for stand_in in STAND_INS {
            let (fresh, _) = combined(constants, parts, Some((word, stand_in)));
            for one in fresh {
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
    }
    found
}

/// The readings of a command of which nothing is known but its words.
pub(super) fn any(command: &Reading) -> Vec<Reading> {
    let name = command.parts.first().copied().flatten();
    let with = |words: &[&str]| {
        let mut one = Reading {
            is_fed: command.is_fed,
            ..Reading::default()
        };
        words.iter().for_each(|word| one.push(word, name));
        one.words.extend(command.words.iter().skip(1).cloned());
        one.parts.extend(command.parts.iter().skip(1));
        one
    };
    STAND_INS
        .iter()
        .filter(|words| !words[0].starts_with('-'))
        .map(|words| with(words))
        .collect()
}

/// All combinations of the values of words, and the words that have too many values. These stay as
/// they are written. `replaced` is a word and what stands in its place.
fn combined<'p>(
    constants: &Constants,
    parts: &'p [Numbered],
    replaced: Option<(&str, &[&str])>,
) -> (Vec<Reading>, Vec<&'p str>) {
    let mut found = vec![Reading::default()];
    let mut open: Vec<&str> = Vec::new();
    for (part, at) in parts {
        if let Some((word, words)) = replaced
            && part.word == word
        {
            for one in &mut found {
                words.iter().for_each(|word| one.push(word, *at));
            }
            continue;
        }
        let ways = constants.values(&part.word, part.divides);
        let few = ways.words.len() * found.len() <= READINGS;
        // The name of a command decides the most, also one that is harmless elsewhere.
        let is_first = found.iter().any(|reading| reading.words.is_empty());
        let names = is_first && interpreter::is_unknown(&part.word);
        let inert = || ways.words.iter().flatten().all(|word| is_inert(word));
        let harmful = || ways.is_open || !ways.is_cut && !inert();
        let is_open = (!few || ways.is_cut) && (names || harmful());
        if is_open && !open.contains(&part.word.as_str()) {
            open.push(&part.word);
        }
        let before = std::mem::take(&mut found);
        for reading in before {
            if !few || ways.words.is_empty() {
                let mut with = reading;
                with.push(&part.word, *at);
                found.push(with);
                continue;
            }
            for words in &ways.words {
                let mut with = reading.clone();
                words.iter().for_each(|word| with.push(word, *at));
                found.push(with);
            }
        }
    }
    (found, open)
}
