//! One requirement of a Python package: `numpy[extra]>=2,<3 ; python_version < '3.13'`
//! (<https://packaging.python.org/en/latest/specifications/dependency-specifiers/>).

/// The comparisons of versions, longest first.
const COMPARISONS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/// A requirement, taken apart. Requirements that mean the same are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    /// In small letters, with `-` for runs of `-`, `_` and `.`.
    name: String,
    extras: Vec<String>,
    versions: Vec<String>,
    marker: Option<String>,
}

/// Checks that a text is a requirement of a package of an index. `--hash` is no part of it.
///
/// # Errors
/// Says what is wrong, and what to write.
pub fn check_requirement(text: &str) -> Result<(), String> {
    parse(text).map(|_| ())
}

/// A requirement in the one way of writing it, with the hashes behind it. A text that is none stays as it
/// is.
#[must_use]
pub fn canonical_requirement(text: &str) -> String {
    let (words, mut hashes): (Vec<&str>, Vec<&str>) = text
        .split_whitespace()
        .partition(|word| !word.starts_with("--hash="));
    let Ok(one) = parse(&words.join(" ")) else {
        return text.trim().to_owned();
    };
    let mut whole = one.name;
    if !one.extras.is_empty() {
        whole.push_str(&format!("[{}]", one.extras.join(",")));
    }
    whole.push_str(&one.versions.join(","));
    if let Some(marker) = one.marker {
        whole.push_str(&format!(" ; {marker}"));
    }
    hashes.sort_unstable();
    hashes.dedup();
    for hash in hashes {
        whole.push_str(&format!(" {hash}"));
    }
    whole
}

fn parse(text: &str) -> Result<Requirement, String> {
    let text = text.trim();
    let refused = |why: &str| {
        Err(format!(
            "`{text}` is not a requirement: {why}; expected a package's name, with an optional version, such as numpy==2.1.0"
        ))
    };
    if text.contains(char::is_control) {
        return refused("it has an invisible character");
    }
    let end = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let at_ends = |c: char| c.is_ascii_alphanumeric();
    if !name.starts_with(at_ends) || !name.ends_with(at_ends) {
        return refused("it does not begin with a name");
    }
    if rest.trim_start().starts_with('@') || rest.starts_with("://") || rest.starts_with('+') {
        return Err(format!(
            "`{}` names an address, and packages come from an index alone; name the package with its version, or put its folder under `files:`",
            without_password(text)
        ));
    }
    let (rest, marker) = match rest.split_once(';') {
        Some((_, marker)) if marker.trim().is_empty() => {
            return refused("nothing is behind its `;`");
        }
        Some((rest, marker)) => (rest, Some(one_blank(marker))),
        None => (rest, None),
    };
    let rest = rest.trim();
    let (extras, rest) = match rest.strip_prefix('[') {
        None => (Vec::new(), rest),
        Some(rest) => {
            let Some((extras, rest)) = rest.split_once(']') else {
                return refused("its `[` is not closed");
            };
            let extras = extras.split(',').map(str::trim);
            let extras: Vec<&str> = extras.filter(|one| !one.is_empty()).collect();
            if !extras.iter().all(|one| one.chars().all(is_of_name)) {
                return refused("an extra is not a name");
            }
            (extras.into_iter().map(plain_name).collect(), rest.trim())
        }
    };
    let inner = rest.strip_prefix('(').and_then(|one| one.strip_suffix(')'));
    let Some(versions) = versions(inner.unwrap_or(rest)) else {
        return refused(match rest.starts_with(['=', '<', '>', '!', '~', '(']) {
            true => "its version is not one",
            false => "only a version, `[extras]` or a `;` may be behind the name",
        });
    };
    Ok(Requirement {
        name: plain_name(name),
        extras: sorted(extras),
        versions: sorted(versions),
        marker,
    })
}

/// The versions behind a name; `None` if one is not a comparison with a version.
fn versions(text: &str) -> Option<Vec<String>> {
    let text = text.trim().trim_end_matches(',');
    if text.is_empty() {
        return Some(Vec::new());
    }
    let version =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '*' | '+' | '!' | '-' | '_');
    let mut all = Vec::new();
    for one in text.split(',') {
        let one = one.trim();
        let comparison = COMPARISONS.iter().find(|sign| one.starts_with(**sign))?;
        let number = one.get(comparison.len()..)?.trim();
        if number.is_empty() || !number.chars().all(version) || number.starts_with('-') {
            return None;
        }
        all.push(format!("{comparison}{number}"));
    }
    Some(all)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// A name as indexes compare it (<https://packaging.python.org/en/latest/specifications/name-normalization/>).
fn plain_name(name: &str) -> String {
    let steps = name.split(['-', '_', '.']).filter(|step| !step.is_empty());
    steps.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all.dedup();
    all
}

fn one_blank(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An address without the user and password before its host.
fn without_password(text: &str) -> String {
    match text.split_once("://") {
        Some((before, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{before}://{host}{path}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_that_mean_the_same_are_written_alike() {
        let hash = "a".repeat(64);
        for (text, canonical) in [
            ("numpy", "numpy"),
            (" Six == 1.16.0 ", "six==1.16.0"),
            ("ruamel.yaml>=0.17", "ruamel-yaml>=0.17"),
            ("zope__x (>=1, <2)", "zope-x<2,>=1"),
            ("a[z, B]~=1.0", "a[b,z]~=1.0"),
            (
                "pandas>=2;  python_version  < '3.12'",
                "pandas>=2 ; python_version < '3.12'",
            ),
            ("torch==2.1.*", "torch==2.1.*"),
            ("x===2!1.0+local", "x===2!1.0+local"),
            ("../x", "../x"),
        ] {
            assert_eq!(canonical_requirement(text), canonical, "{text}");
        }
        let hashed = format!("Six==1.16.0  --hash=sha256:{hash}");
        assert_eq!(
            canonical_requirement(&hashed),
            format!("six==1.16.0 --hash=sha256:{hash}")
        );
    }

    #[test]
    fn what_is_no_package_of_an_index_is_refused() {
        for (text, says) in [
            ("from setuptools import setup", "behind the name"),
            ("version = 1", "version is not one"),
            ("six=1.16", "version is not one"),
            ("six==", "version is not one"),
            ("six==${VERSION}", "version is not one"),
            ("café", "behind the name"),
            ("six --target=/usr", "behind the name"),
            ("six ;", "behind its `;`"),
            ("six[a", "not closed"),
            ("-e .", "does not begin with a name"),
            ("./six", "does not begin with a name"),
            ("six @ file:///s.tar.gz", "names an address"),
            ("git+https://u:secret@host/six", "names an address"),
            ("https://host/six.whl", "names an address"),
            ("six\u{1b}[0m", "invisible"),
        ] {
            let why = check_requirement(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
