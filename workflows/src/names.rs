//! Names: what they may look like, and the nearest right one to a wrong one.

/// True for the name of a stage, port or parameter: `[A-Za-z_][A-Za-z0-9_]{0,63}`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// True for the name of a workflow, pool, region or project: as [`is_name`], with `-` and `.` too.
#[must_use]
pub fn is_loose_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !text.contains("..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// The known word that a wrong one was probably meant to be.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in known {
        let folded = candidate.to_lowercase();
        let mut score = strsim::normalized_damerau_levenshtein(&lower, &folded);
        if folded.starts_with(&lower) || lower.starts_with(&folded) {
            score = score.max(0.6);
        }
        if score >= 0.5 && best.is_none_or(|(top, _)| score > top) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `a, b or c`, for messages; long lists are cut.
#[must_use]
pub fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let mut words: Vec<&str> = words.into_iter().collect();
    if words.len() > SHOWN {
        let more = words.len() - SHOWN;
        words.truncate(SHOWN);
        return format!("{} or {more} more", words.join(", "));
    }
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_words() {
        assert!(is_name("top_k"));
        assert!(is_name("_"));
        for bad in ["", "1a", "a-b", "a.b", "../a", "ä", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_loose_name("ligand-screen.v2"));
        assert!(!is_loose_name("../x"));
        assert!(!is_loose_name("a..b"));
    }

    #[test]
    fn the_nearest_word_is_found_only_when_it_is_near() {
        assert_eq!(nearest("kernal", ["kernel", "run"]), Some("kernel"));
        assert_eq!(nearest("xyzzy", ["kernel", "run"]), None);
    }
}
