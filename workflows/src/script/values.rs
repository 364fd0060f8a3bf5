//! What a word of a script may stand for.

use super::constants::{Constants, VALUES, Words};
use super::expansion::{bare_name, defaulted, expansion_length, is_positional};
use super::interpreter;

/// The most variables within each other that are followed.
const DEPTH: usize = 6;

/// What a word may stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    /// The words of each value.
    pub(super) words: Vec<Words>,
    /// Whether there are other values, which are too many to follow.
    pub(super) is_cut: bool,
    /// Whether one of those may be an option or the name of an interpreter.
    pub(super) is_open: bool,
}

impl Ways {
    /// Adds other ways, each as one word.
    fn add(&mut self, others: Self) {
        self.is_cut |= others.is_cut;
        self.is_open |= others.is_open;
        self.words.extend(others.texts().map(|text| vec![text]));
    }

    /// One word as it is written.
    fn as_written(word: &str) -> Self {
        Self {
            words: vec![vec![word.to_owned()]],
            ..Self::default()
        }
    }

    /// One word as it is written, which has too many values.
    fn cut(word: &str, is_open: bool) -> Self {
        Self {
            is_cut: true,
            is_open,
            ..Self::as_written(word)
        }
    }

    /// The values as texts.
    fn texts(self) -> impl Iterator<Item = String> {
        self.words.into_iter().map(|words| words.join(" "))
    }
}

/// True for a word that is no option, and that no command takes for an interpreter.
pub(super) fn is_inert(word: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "_.,:@%/+-".contains(c);
    !word.is_empty()
        && !word.starts_with(['-', '+'])
        && word.chars().all(is_plain)
        && !interpreter::is_program(word)
}

impl Constants {
    /// What a word may stand for. A variable of which nothing is known stays as it is written. If
    /// `divides`, blanks divide what the variable holds.
    pub(super) fn values(&self, word: &str, divides: bool) -> Ways {
        if !word.contains(['$', '`']) {
            return Ways::as_written(word);
        }
        self.resolved(word, divides, 0)
    }

    fn resolved(&self, word: &str, divides: bool, depth: usize) -> Ways {
        if depth > DEPTH {
            return Ways::cut(word, true);
        }
        if let Some(list) = whole_list(word) {
            let Some(values) = self.known(list) else {
                return Ways::as_written(word);
            };
            if values.len() > VALUES {
                return Ways::cut(word, !values.iter().flatten().all(|word| is_inert(word)));
            }
            let mut found = self.each_resolved(&values, divides, depth);
            if list == "@" && self.is_given {
                found.words.push(vec![word.to_owned()]);
            }
            return found;
        }
        let (texts, cut) = self.joined(word, depth);
        let Some(texts) = texts else {
            return Ways::cut(word, cut.is_open);
        };
        let words = texts.into_iter().map(|text| match divides {
            true if !text.contains("$(") && !text.contains("${") && !text.contains('`') => {
                text.split_whitespace().map(str::to_owned).collect()
            }
            _ => vec![text],
        });
        Ways {
            words: words.collect(),
            ..cut
        }
    }

    /// The texts that the parts of a word make, `None` if they are too many, and whether there are
    /// others.
    fn joined(&self, word: &str, depth: usize) -> (Option<Vec<String>>, Ways) {
        let mut texts = Some(vec![String::new()]);
        let mut all = Ways::default();
        let mut is_inert_so_far = true;
        let mut rest = word;
        while !rest.is_empty() {
            let end = rest.find(['$', '`']).unwrap_or(rest.len());
            for text in texts.iter_mut().flatten() {
                text.push_str(&rest[..end]);
            }
            rest = &rest[end..];
            if rest.is_empty() {
                break;
            }
            let length = expansion_length(rest);
            let values = self.of_expansion(&rest[..length], depth);
            rest = &rest[length..];
            all.is_cut |= values.is_cut;
            all.is_open |= values.is_open;
            is_inert_so_far &= values.words.iter().flatten().all(|word| is_inert(word));
            let values: Vec<String> = values.texts().collect();
            texts = texts.filter(|texts| texts.len() * values.len() <= VALUES);
            let each = texts.iter().flatten();
            let joined = each.flat_map(|text| values.iter().map(move |one| format!("{text}{one}")));
            let joined: Vec<String> = joined.collect();
            texts = texts.is_some().then_some(joined);
        }
        // The letters of an option may be among the values.
        let begins = word.split('$').next().unwrap_or_default();
        let is_option = begins.starts_with(['-', '+']) && !begins.contains('=');
        all.is_open |= texts.is_none() && (!is_inert_so_far || is_option);
        all.is_cut |= texts.is_none();
        (texts, all)
    }

    /// Each of some values with the variables in it replaced.
    fn each_resolved(&self, values: &[Words], divides: bool, depth: usize) -> Ways {
        let mut found = Ways::default();
        for words in values {
            let mut open = vec![Vec::new()];
            for word in words {
                let ways = self.resolved(word, divides, depth + 1);
                found.is_cut |= ways.is_cut;
                found.is_open |= ways.is_open;
                let each = open.iter().flat_map(|before: &Words| {
                    let ways = ways.words.iter();
                    ways.map(move |way| before.iter().chain(way).cloned().collect())
                });
                open = each.collect();
                if open.len() > VALUES {
                    open.truncate(VALUES);
                    found.is_cut = true;
                    found.is_open = true;
                }
            }
            found.words.extend(open);
        }
        found
    }

    /// The texts that `$x`, `${x:-y}` or `$(which y)` may stand for, one word each.
    fn of_expansion(&self, source: &str, depth: usize) -> Ways {
        if let Some(programs) = looked_up(source) {
            let words = programs.into_iter().map(|program| vec![program]);
            return Ways {
                words: words.collect(),
                ..Ways::default()
            };
        }
        if is_positional(source) {
            return self.of_parameter(source, depth);
        }
        let (name, default) = match defaulted(source) {
            Some((name, _, default)) => (name, Some(default)),
            None => (bare_name(source), None),
        };
        if name.is_empty() {
            // What is made of a known text, as in `${x%.*}`.
            let made = source.strip_prefix("${").is_some_and(|inner| {
                let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = &inner[..end.unwrap_or(inner.len())];
                self.values.contains_key(name) || self.unknown.contains(name)
            });
            return match made {
                true => Ways::cut(source, false),
                false => Ways::as_written(source),
            };
        }
        let (name, index) = name.split_once('[').unwrap_or((name, ""));
        let known = self.known(name);
        let values = known.as_deref().unwrap_or_default();
        let mut found = Ways::default();
        if values.len() > VALUES {
            let is_open = !values.iter().flatten().all(|word| is_inert(word));
            found = Ways::cut(source, is_open);
        }
        let followed = if found.is_cut { &[] } else { values };
        for words in followed {
            let chosen = match index.trim_end_matches(']') {
                "" => words.get(..1),
                index => match index.parse::<usize>() {
                    Ok(at) => words.get(at..=at),
                    // A name, or an expression.
                    Err(_) => Some(words.as_slice()),
                },
            };
            for word in chosen.unwrap_or_default() {
                found.add(self.resolved(word, false, depth + 1));
            }
        }
        if let Some(default) = default {
            found.add(self.resolved(default.trim_matches(['"', '\'']), false, depth + 1));
        }
        if known.is_none() && default.is_some() || found.words.is_empty() {
            found.words.push(vec![source.to_owned()]);
        }
        // A command such as `read` may set it to any text.
        found.is_cut |= self.unknown.contains(name);
        found.words.dedup();
        found
    }

    /// The texts that `$1` may stand for outside functions.
    fn of_parameter(&self, source: &str, depth: usize) -> Ways {
        let known = self.known("@").filter(|_| depth <= DEPTH);
        let place = source.trim_matches(['$', '{', '}']).parse::<usize>().ok();
        let place = place.and_then(|place| place.checked_sub(1));
        let (Some(values), Some(place)) = (known, place) else {
            return Ways::as_written(source);
        };
        let words: Vec<&String> = values.iter().filter_map(|words| words.get(place)).collect();
        if words.len() > VALUES {
            return Ways::cut(source, !words.iter().all(|word| is_inert(word)));
        }
        let words = words.into_iter().cloned().chain([source.to_owned()]);
        Ways {
            words: words.map(|word| vec![word]).collect(),
            ..Ways::default()
        }
    }

    /// The values of a variable; `None` if the script does not set it. One that is also set in
    /// another way may be anything.
    fn known(&self, name: &str) -> Option<Vec<Words>> {
        let shells = ["BASH", "SHELL"].contains(&name);
        let mut values = match self.values.get(name) {
            Some(values) => values.clone(),
            None if shells => vec![vec!["bash".to_owned()]],
            None => return None,
        };
        if self.unknown.contains(name) || self.outside.contains(name) {
            values.push(vec![format!("${{{name}?}}")]);
        }
        Some(values)
    }
}

/// The list in `${LIST[@]}` or `${LIST[*]}`, if that is the whole word. `$@` is a list outside
/// functions.
fn whole_list(word: &str) -> Option<&str> {
    if matches!(word, "$@" | "$*" | "${@}" | "${*}") {
        return Some("@");
    }
    let inner = word.strip_prefix("${")?.strip_suffix('}')?;
    let list = inner
        .strip_suffix("[@]")
        .or_else(|| inner.strip_suffix("[*]"))?;
    list.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        .then_some(list)
}

/// The programs that `$(which PROGRAM)`, `$(command -v PROGRAM || command -v OTHER)` and
/// `$(echo PROGRAM)` print.
fn looked_up(source: &str) -> Option<Vec<String>> {
    let command = source
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')'))
        .or_else(|| source.strip_prefix('`')?.strip_suffix('`'))?;
    command.split("||").map(printed).collect()
}

fn printed(command: &str) -> Option<String> {
    let command = command
        .replace("2>/dev/null", "")
        .replace("2> /dev/null", "");
    let mut words = command.split_whitespace();
    let program = match (words.next()?, words.next()?) {
        ("which" | "echo", program) => program,
        ("command" | "type", option) if option.starts_with('-') => words.next()?,
        _ => return None,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-/".contains(c);
    let program = program.trim_matches(['"', '\'']);
    (words.next().is_none() && program.chars().all(plain)).then(|| program.to_owned())
}
