//! Text that must not begin with `-`, because a command would take it as an option that runs
//! something.

/// What is asked of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Guard {
    /// Nothing.
    #[default]
    None,
    /// No word of it, and no part of a path, begins with `-`: the script may divide it.
    Begins,
    /// No part of it may be such an option, because the script may cut off its beginning.
    Within,
}

impl Guard {
    /// The guard of a text whose beginning may be cut off, or not.
    pub(super) const fn of(cuts: bool) -> Self {
        if cuts { Self::Within } else { Self::Begins }
    }

    /// Checks a text.
    pub(super) fn allows(self, text: &str) -> Result<(), String> {
        let begins = text.starts_with('-')
            || text.contains("/-")
            || text
                .split(char::is_whitespace)
                .any(|word| word.starts_with('-'));
        // An option that runs a command with words needs a character that is not one of these.
        let harmless = |c: char| c.is_ascii_alphanumeric() || "_.,+-/=".contains(c);
        let within = || text.contains("--") || text.contains('-') && !text.chars().all(harmless);
        let refused = match self {
            Self::None => false,
            Self::Begins => begins,
            Self::Within => begins || within(),
        };
        match refused {
            false => Ok(()),
            true => Err(format!(
                "`{text}` reaches a command as a word that may begin with `-`, so it could be an option that runs something; put `--` before that word, or a folder in front of it, as in `\"./$x\"`"
            )),
        }
    }
}

/// True if a part of a script may cut off the beginning of a text: `${x#a}`, `${x:1}`, `${x/a/}`, or
/// a filter such as `cut`.
pub(super) fn cuts(source: &str) -> bool {
    const FILTERS: &[&str] = &["cut", "sed", "tr", "awk", "gawk", "rev", "perl"];
    let filters = ["echo", "printf", "<<<"]
        .iter()
        .any(|one| source.contains(one))
        && source
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| FILTERS.contains(&word));
    let expands = source.match_indices("${").any(|(at, _)| {
        let rest = &source[at + 2..];
        let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_@[]".contains(c));
        let sign = name.map_or("", |end| &rest[end..]);
        match sign.as_bytes() {
            // `${x##*/}` leaves the name of a file.
            [b'#', ..] => !sign.starts_with("##*/}"),
            [b'/', ..] => true,
            [b':', next, ..] => !b"-+=?".contains(next),
            _ => false,
        }
    });
    filters || expands
}

#[cfg(test)]
mod tests {
    use super::{Guard, cuts};

    #[test]
    fn a_text_that_could_be_an_option_is_refused() {
        for (guard, text, allowed) in [
            (Guard::None, "-e1e", true),
            (Guard::Begins, "-e1e", false),
            (Guard::Begins, "a/-e1e", false),
            (Guard::Begins, "a -e1e", false),
            (Guard::Begins, "sample-1.bam", true),
            (Guard::Within, "sample-1.bam", true),
            (Guard::Within, "data/sample-1.bam", true),
            (Guard::Within, "a b", true),
            (Guard::Within, "x-e1e touch p", false),
            (Guard::Within, "x--compress-program=p", false),
        ] {
            assert_eq!(guard.allows(text).is_ok(), allowed, "{guard:?} {text}");
        }
    }

    #[test]
    fn what_cuts_off_a_beginning_is_known() {
        for source in ["${x#a}", "\"${x:1}\"", "${x/a/b}", "$(echo $x | cut -c2-)"] {
            assert!(cuts(source), "{source}");
        }
        for source in ["$x", "${x##*/}", "${x%.bam}", "${x:-a}", "$(cut -f2 list)"] {
            assert!(!cuts(source), "{source}");
        }
    }
}
