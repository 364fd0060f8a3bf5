//! One package in an `environment.yml`: `numpy`, `numpy=1.26`, `bioconda::samtools>=1.20,<2`,
//! `python 3.11.* *_cpython`
//! (<https://docs.conda.io/projects/conda/en/stable/user-guide/concepts/pkg-specs.html#package-match-specifications>).

/// The longest specification.
const LONGEST: usize = 512;

/// Checks that a text asks for a package by its name, and returns it in the one way of writing it.
///
/// # Errors
/// Says what is wrong, and what to write.
pub(super) fn canonical(text: &str) -> Result<String, String> {
    let text = text.trim();
    let refused = |why: &str| {
        Err(format!(
            "`{}` is not a package: {why}; expected a name, with an optional version, such as numpy=1.26 or numpy>=1.26,<3",
            text.escape_debug()
        ))
    };
    if text.chars().count() > LONGEST {
        return Err(format!("a package has more than {LONGEST} characters"));
    }
    if text.chars().any(char::is_control) {
        return refused("it has an invisible character");
    }
    let (channel, rest) = match text.split_once("::") {
        Some((channel, rest)) => (Some(channel), rest),
        None => (None, text),
    };
    if let Some(channel) = channel {
        super::channel::check(channel)?;
    } else if rest.contains("://") || rest.contains('/') || rest.contains('@') {
        return refused("packages come from channels, by name, and not from addresses or folders");
    }
    let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
    let (name, version) = rest.split_at(end);
    if !is_name(name) {
        return refused("it does not begin with a name");
    }
    if version.contains('[') {
        return refused("square brackets are not read");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-+!*=<>~|,()".contains(c);
    if !version.chars().all(plain) {
        return refused("a version or a build has other characters");
    }
    let mut words = version.split(' ').filter(|word| !word.is_empty());
    if words.any(|word| word.starts_with('-')) {
        return refused("it has an option");
    }
    let mut whole = channel.map_or_else(String::new, |channel| format!("{channel}::"));
    whole.push_str(&name.to_ascii_lowercase());
    // A blank before a comparison means nothing; before a plain version it divides it from the name.
    let version = without_blanks_at_signs(version);
    if version.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '*' || c == '(') {
        whole.push(' ');
    }
    whole.push_str(&version);
    Ok(whole)
}

/// Checks name, version and build of an exact package.
#[must_use]
pub fn check_conda_package(name: &str, version: &str, build: &str) -> bool {
    let word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-+!~%".contains(c))
    };
    is_name(name) && word(version) && word(build)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().all(is_of_name)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// One blank between words, and none beside comparisons, commas and bars.
fn without_blanks_at_signs(text: &str) -> String {
    let sign = |c: char| "=<>!~|,".contains(c);
    let mut kept = String::new();
    for c in text.trim().chars() {
        let last = kept.chars().next_back();
        match c {
            ' ' if last.is_none_or(|last| last == ' ' || sign(last)) => {}
            c if sign(c) && last == Some(' ') => {
                kept.pop();
                kept.push(c);
            }
            c => kept.push(c),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn packages_that_mean_the_same_are_written_alike() {
        for (text, whole) in [
            ("numpy", "numpy"),
            (" NumPy ", "numpy"),
            ("numpy=1.26", "numpy=1.26"),
            ("numpy==1.26.4", "numpy==1.26.4"),
            ("numpy = 1.26", "numpy=1.26"),
            ("numpy >=1.26, <2", "numpy>=1.26,<2"),
            ("numpy=1.26=py311h64a7726_0", "numpy=1.26=py311h64a7726_0"),
            ("python  3.11.*  *_cpython", "python 3.11.* *_cpython"),
            ("python 3.11.*", "python 3.11.*"),
            ("bioconda::samtools>=1.20", "bioconda::samtools>=1.20"),
            ("_openmp_mutex", "_openmp_mutex"),
            ("r-base>=4|r-base", "r-base>=4|r-base"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(whole), "{text}");
        }
    }

    #[test]
    fn what_is_no_package_of_a_channel_is_refused() {
        for (text, says) in [
            ("", "begin with a name"),
            ("-c evil", "begin with a name"),
            ("--file=x", "begin with a name"),
            ("--file=/etc/passwd", "from addresses or folders"),
            ("numpy --file x", "an option"),
            ("numpy -c x", "an option"),
            ("numpy[version='>=1']", "square brackets"),
            ("./local.conda", "from addresses or folders"),
            ("https://host/x.conda", "from addresses or folders"),
            ("numpy @ https://x", "from addresses or folders"),
            ("-x::numpy", "not a channel"),
            ("numpy=$(id)", "other characters"),
            ("numpy;id", "other characters"),
            ("numpy\nx", "invisible"),
            ("café", "other characters"),
        ] {
            let why = canonical(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
        assert!(canonical(&"a".repeat(600)).is_err());
    }
}
