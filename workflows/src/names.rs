//! Valid names, and suggestions for wrong ones.

/// True for a valid name of a stage, port or parameter: `[A-Za-z_][A-Za-z0-9_]{0,63}`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// True for a valid name of a workflow, pool, region or project: as [`is_name`], with `-` and `.`
/// too.
#[must_use]
pub fn is_loose_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !text.contains("..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// How many known words are considered for one wrong word; later ones are not suggested. A file of
/// 20,000 stages may have 20,000 mistakes, and considering all words for each would take minutes.
const LOOKED_AT: usize = 512;

/// How many of these are compared by edit distance: those with the most similar letters.
const COMPARED: usize = 24;

/// Words of other tools and languages, with our words for them. The first of these that is known at
/// the place is suggested.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("float", &["float64"]),
    ("double", &["float64", "float"]),
    ("real", &["float64", "float"]),
    ("number", &["float64", "float"]),
    ("numeric", &["float64", "float"]),
    ("int", &["int64"]),
    ("integer", &["int64", "int"]),
    ("long", &["int64", "int"]),
    ("bigint", &["int64", "int"]),
    ("uint", &["uint64"]),
    ("str", &["utf8", "string"]),
    ("string", &["utf8"]),
    ("text", &["utf8", "string"]),
    ("varchar", &["utf8", "string"]),
    ("char", &["utf8", "string"]),
    ("boolean", &["bool"]),
    ("logical", &["bool"]),
    ("bytes", &["binary"]),
    ("date", &["date32"]),
    ("datetime", &["timestamp"]),
    ("time", &["time64"]),
    ("array", &["list"]),
    ("file", &["path"]),
    ("enum", &["choice"]),
    ("script", &["run"]),
    ("command", &["run"]),
    ("cmd", &["run"]),
    ("input", &["inputs"]),
    ("output", &["outputs"]),
    ("parameters", &["params"]),
    ("threads", &["cpus", "resources"]),
    ("cores", &["cpus", "resources"]),
    ("cpu", &["cpus", "resources"]),
    ("cpus", &["resources"]),
    ("mem", &["memory", "resources"]),
    ("ram", &["memory", "resources"]),
    ("memory", &["resources"]),
    ("gpu", &["gpus", "resources"]),
    ("gpus", &["resources"]),
    ("disk", &["resources"]),
    ("when", &["if"]),
    ("condition", &["if"]),
    ("foreach", &["scatter"]),
    ("for_each", &["scatter"]),
    ("strategy", &["matrix"]),
    ("replicates", &["repeat"]),
    ("repeats", &["repeat"]),
    ("times", &["repeat"]),
    ("after", &["needs"]),
    ("requires", &["needs"]),
    ("environment", &["env"]),
    ("retries", &["retry"]),
    ("mamba", &["conda"]),
    ("micromamba", &["conda"]),
    ("pixi", &["conda"]),
    ("image", &["container"]),
    ("docker", &["container"]),
    ("singularity", &["container"]),
    ("apptainer", &["container"]),
    ("podman", &["container"]),
    ("envmodules", &["modules"]),
    ("module", &["modules"]),
    ("beforescript", &["setup"]),
    ("before_script", &["setup"]),
];

/// The letters that a word must have for each letter that may differ, as in rustc: `kernal` is near
/// `kernel`, and `conda` is not near `cuda`.
const LETTERS_PER_EDIT: usize = 3;

/// The shortest beginning or end of a word that stands for the whole of it.
const PIECE: usize = 3;

/// The known word that a wrong one was probably meant to be.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let letters = letters_of(&lower);
    let synonyms = SYNONYMS.iter().find(|(other, _)| *other == lower);
    let synonyms = synonyms.map_or(&[] as &[&str], |(_, ours)| ours);
    let mut meant: Option<(usize, &str)> = None;
    let mut likely: Vec<(u32, &str)> = known
        .into_iter()
        .take(LOOKED_AT)
        .inspect(|candidate| {
            let place = synonyms.iter().position(|ours| ours == candidate);
            if let Some(place) = place.filter(|place| meant.is_none_or(|(best, _)| *place < best)) {
                meant = Some((place, candidate));
            }
        })
        .map(|candidate| (difference(&letters, &letters_of(candidate)), candidate))
        .collect();
    if let Some((_, meant)) = meant {
        return Some(meant);
    }
    // The sort is stable, so that of equally similar words the first in the file is compared.
    likely.sort_by_key(|(differing, _)| *differing);
    let mut best: Option<(usize, &str)> = None;
    for (_, candidate) in likely.into_iter().take(COMPARED) {
        let folded = candidate.to_lowercase();
        let piece = |long: &str, short: &str| {
            short.len() >= PIECE && (long.starts_with(short) || long.ends_with(short))
        };
        let length = lower.chars().count();
        let limit = length.max(LETTERS_PER_EDIT) / LETTERS_PER_EDIT;
        let edits = strsim::damerau_levenshtein(&lower, &folded);
        let near =
            edits <= limit && edits < length || piece(&folded, &lower) || piece(&lower, &folded);
        if near && best.is_none_or(|(fewest, _)| edits < fewest) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// How often each letter occurs in a word. Letters are reduced to five bits, which suffices to
/// discard dissimilar words.
fn letters_of(word: &str) -> [u8; 32] {
    let mut counts = [0_u8; 32];
    for byte in word.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte.to_ascii_lowercase() % 32)) {
            *count = count.saturating_add(1);
        }
    }
    counts
}

fn difference(one: &[u8; 32], other: &[u8; 32]) -> u32 {
    one.iter()
        .zip(other)
        .map(|(a, b)| u32::from(a.abs_diff(*b)))
        .sum()
}

/// `a, b or c`, for messages. Long lists are cut.
#[must_use]
pub fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    // Counting all words for each of many mistakes would take too long.
    const COUNTED: usize = 1000;
    let mut all = words.into_iter();
    let words: Vec<&str> = all.by_ref().take(SHOWN).collect();
    let more = all.take(COUNTED).count();
    if more == COUNTED {
        return format!("{} or one of many others", words.join(", "));
    }
    if more > 0 {
        return format!("{} or one of {more} others", words.join(", "));
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
    fn any_number_of_words_is_looked_at_in_the_same_time() {
        let many = || std::iter::repeat("word");
        assert_eq!(nearest("wodr", many()), Some("word"));
        assert!(one_of(many()).ends_with("word or one of many others"));
        assert!(one_of(many().take(20)).ends_with("word or one of 8 others"));
    }

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
        assert_eq!(nearest("depnds", ["needs", "depends_on"]), None);
        assert_eq!(nearest("resource", ["run", "resources"]), Some("resources"));
    }

    #[test]
    fn a_word_of_another_tool_is_what_it_is_called_here() {
        const TYPES: &[&str] = &[
            "bool",
            "int8",
            "int64",
            "uint64",
            "float16",
            "float32",
            "float64",
            "utf8",
            "binary",
            "date32",
            "timestamp",
            "time64",
            "list",
        ];
        const PARAMS: &[&str] = &["string", "int", "float", "bool", "path", "list", "choice"];
        const STAGE: &[&str] = &[
            "run", "cuda", "kernel", "inputs", "outputs", "python", "conda", "retry",
        ];
        for (word, known, expected) in [
            ("float", TYPES, "float64"),
            ("Double", TYPES, "float64"),
            ("int", TYPES, "int64"),
            ("integer", TYPES, "int64"),
            ("str", TYPES, "utf8"),
            ("string", TYPES, "utf8"),
            ("boolean", TYPES, "bool"),
            ("datetime", TYPES, "timestamp"),
            ("flaot64", TYPES, "float64"),
            ("integer", PARAMS, "int"),
            ("str", PARAMS, "string"),
            ("number", PARAMS, "float"),
            ("boolean", PARAMS, "bool"),
            ("file", PARAMS, "path"),
            ("pixi", STAGE, "conda"),
            ("command", STAGE, "run"),
            ("input", STAGE, "inputs"),
        ] {
            assert_eq!(
                nearest(word, known.iter().copied()),
                Some(expected),
                "{word}"
            );
        }
        assert_eq!(nearest("conda", ["cuda", "kernel"]), None);
    }

    #[test]
    fn few_of_many_words_are_looked_at_and_the_nearest_of_them_is_found() {
        let words: Vec<String> = (0..20_000).map(|n| format!("stage_{n}")).collect();
        let mut looked_at = 0;
        let known = words.iter().map(|word| {
            looked_at += 1;
            word.as_str()
        });
        assert_eq!(nearest("stge_317", known), Some("stage_317"));
        assert_eq!(looked_at, LOOKED_AT);
    }
}
