//! Whether a word of a command names something outside the folder of a task.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use sunward_workflows::literal_folder;

/// The most entries of a folder that are compared with a pattern.
const ENTRIES: usize = 10_000;

/// True if there is something at a word, as a shell in the workflow's folder would find it. The word
/// may begin with `~` or `$HOME`, and may hold wildcards.
pub(crate) fn is_present(word: &str, folder: &Path, home: Option<&OsStr>) -> bool {
    let literal = literal_folder(word);
    let from_home = ["~", "$HOME", "${HOME}"]
        .iter()
        .find_map(|name| literal.strip_prefix(name));
    let place: PathBuf = match (from_home, home) {
        (Some(rest), Some(home)) => Path::new(home).join(rest.trim_start_matches('/')),
        (Some(_), None) => return false,
        (None, _) => folder.join(literal),
    };
    let pattern: Vec<&str> = word[literal.len()..]
        .split('/')
        .filter(|step| !step.is_empty())
        .collect();
    matches(&place, &pattern)
}

/// True if something at or below a path may match the steps of a pattern. A wildcard is compared by
/// what stands before the first one and after the last one of its step.
fn matches(place: &Path, pattern: &[&str]) -> bool {
    let Some((step, rest)) = pattern.split_first() else {
        return place.exists();
    };
    let wild = |c: char| matches!(c, '*' | '?' | '[' | ']' | '{' | '}');
    let (Some(first), Some(last)) = (step.find(wild), step.rfind(wild)) else {
        return matches(&place.join(step), rest);
    };
    let (before, after) = (&step[..first], &step[last + 1..]);
    let Ok(entries) = fs::read_dir(place) else {
        return false;
    };
    entries.take(ENTRIES).flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let hidden = name.starts_with('.') && !step.starts_with('.');
        let fits = name.len() >= before.len() + after.len();
        fits && !hidden
            && name.starts_with(before)
            && name.ends_with(after)
            && matches(&entry.path(), rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_as_the_shell_finds_it() {
        let scene = tempfile::tempdir().unwrap();
        let root = scene.path();
        let folder = root.join("w");
        for made in ["w/d", "home/h", "data/a1", "data/.hidden"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        for made in ["w/d/x.csv", "home/h/x", "data/a1/y.txt", "up"] {
            fs::write(root.join(made), "").unwrap();
        }
        let home = root.join("home");
        let present = |word: &str| is_present(word, &folder, Some(home.as_os_str()));
        let data = root.join("data").display().to_string();
        for word in [
            "./d/*.csv",
            "~/h/x",
            "$HOME/h",
            "${HOME}/h/*",
            "../up",
            "../u*",
            "~/*",
        ] {
            assert!(present(word), "{word}");
        }
        for rest in ["", "/a1/y.txt", "/a*/*.txt", "/{a,b}1/y.txt", "/a[0-9]"] {
            assert!(present(&format!("{data}{rest}")), "{rest}");
        }
        for word in ["./e/*.csv", "./d/*.txt", "~/x", "../down", "../d/*/*"] {
            assert!(!present(word), "{word}");
        }
        for rest in ["/b*", "/*hidden", "/a*/z"] {
            assert!(!present(&format!("{data}{rest}")), "{rest}");
        }
        assert!(!is_present("~/h", &folder, None));
    }
}
