//! Files that match a pattern, such as `./data/**/*.nc`.
//!
//! `*` and `?` match within one name, `[ab]` one of these characters, `[^ab]` any other,
//! `{nc,nc4}` one of these texts, and `**` any number of folders. `[*]` matches the character itself.
//! Names that begin with a dot match only a part of the pattern that does. A pattern that ends with a
//! slash matches folders, any other one regular files; links count as what they lead to. Paths of
//! folders end with a slash, too. A match that is neither is an error: leaving it out would lose data.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::{shown, spelling};

/// The most files that one pattern may match.
const MOST_FILES: usize = 1_000_000;

/// The most patterns that the braces of one may stand for.
const MOST_ALTERNATIVES: usize = 10_000;

/// Why a pattern cannot be expanded. A pattern without a match is no error.
#[derive(Debug)]
pub enum PatternError {
    /// It is not a pattern, for this reason.
    Malformed(String),
    /// A folder on its way cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A matching name is not UTF-8, so that no workflow can hold it.
    NotText(PathBuf),
    /// What matches is neither a file nor a folder, but this.
    NoFile(PathBuf, &'static str),
    /// It matches too many files.
    TooMany,
    /// It matches nothing, and this file if it is spelled in another way.
    Spelled(String),
}

impl std::fmt::Display for PatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(why) => f.write_str(why),
            Self::Unreadable(path, error) => write!(f, "{} cannot be read: {error}", shown(path)),
            Self::NotText(path) => {
                write!(f, "the name {} is not UTF-8; rename it", shown(path))
            }
            Self::NoFile(path, what) => write!(
                f,
                "{} matches and is {what}; remove it, or correct the pattern",
                shown(path)
            ),
            Self::TooMany => write!(f, "it matches more than {MOST_FILES} files"),
            Self::Spelled(path) => write!(
                f,
                "no file matches it as it is written, but {} does in another spelling: {}",
                shown(Path::new(path)),
                spelling::REMEDY
            ),
        }
    }
}

impl std::error::Error for PatternError {}

/// The paths that match a pattern, sorted, each written as the pattern is: relative ones begin at
/// `folder`.
///
/// # Errors
/// Fails if it is not a pattern, a folder cannot be read, a matching name is not UTF-8, there are too
/// many matches, or only another spelling of the pattern has any.
pub fn expand(folder: &Path, pattern: &str) -> Result<Vec<String>, PatternError> {
    let found = matches(folder, pattern)?;
    if !found.is_empty() || pattern.is_ascii() {
        return Ok(found);
    }
    for other in spelling::others(pattern) {
        if let Some(path) = matches(folder, &other)?.into_iter().next() {
            return Err(PatternError::Spelled(path));
        }
    }
    Ok(found)
}

fn matches(folder: &Path, pattern: &str) -> Result<Vec<String>, PatternError> {
    let mut found = Vec::new();
    for one in alternatives(pattern)? {
        let (start, rest) = match one.strip_prefix('/') {
            Some(rest) => ("/", rest),
            None => ("", one.as_str()),
        };
        let steps = rest.split('/').filter(|step| !step.is_empty());
        let steps: Vec<Step> = steps.map(Step::parse).collect::<Result<_, _>>()?;
        let mut walk = Walk {
            folder,
            wants_folders: rest.ends_with('/'),
            found,
        };
        walk.follow(start, &steps)?;
        found = walk.found;
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Checks that a text is a pattern. No folder is read.
///
/// # Errors
/// Fails if it is not one.
pub fn understood(pattern: &str) -> Result<(), PatternError> {
    for one in alternatives(pattern)? {
        for step in one.split('/') {
            Step::parse(step)?;
        }
    }
    Ok(())
}

/// A pattern of names that are not files of this machine, such as the keys of a bucket's objects. It
/// matches them as [`expand`] matches paths.
pub struct Matcher(Vec<Vec<Step>>);

impl Matcher {
    /// A matcher for a pattern.
    ///
    /// # Errors
    /// Fails if it is not a pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let parsed = alternatives(pattern)?;
        let parsed = parsed.iter().map(|one| {
            let steps = one.split('/').map(Step::parse);
            steps.collect::<Result<Vec<Step>, _>>()
        });
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    /// Whether it matches a name with slashes, as a whole.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let names: Vec<&str> = name.split('/').collect();
        self.0.iter().any(|steps| fit(steps, &names))
    }
}

/// Whether the steps of a pattern match these names, one after another.
fn fit(steps: &[Step], names: &[&str]) -> bool {
    match (steps, names) {
        ([], names) => names.is_empty(),
        ([Step::Folders], names) => {
            !names.is_empty() && names.iter().all(|name| !name.starts_with('.'))
        }
        ([Step::Folders, rest @ ..], [first, inner @ ..]) => {
            fit(rest, names) || !first.starts_with('.') && fit(steps, inner)
        }
        (_, []) => false,
        ([Step::Name(wanted), rest @ ..], [first, inner @ ..]) => {
            wanted == first && fit(rest, inner)
        }
        ([Step::Names(wanted), rest @ ..], [first, inner @ ..]) => {
            wanted.matches_with(first, OPTIONS) && fit(rest, inner)
        }
    }
}

/// A path as a pattern that matches only this path.
#[must_use]
pub fn escaped(path: &str) -> String {
    path.chars()
        .map(|letter| match letter {
            '*' | '?' | '[' | ']' | '{' | '}' => format!("[{letter}]"),
            other => other.to_string(),
        })
        .collect()
}

/// The patterns that the braces of a pattern stand for.
fn alternatives(pattern: &str) -> Result<Vec<String>, PatternError> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(one) = open.pop() {
        if open.len() + done.len() > MOST_ALTERNATIVES {
            return Err(PatternError::TooMany);
        }
        let Some(start) = brace(&one) else {
            done.push(one);
            continue;
        };
        let (head, rest) = (&one[..start], &one[start + 1..]);
        let Some((texts, tail)) = texts(rest) else {
            return Err(PatternError::Malformed(format!(
                "a brace of `{pattern}` does not close; `[{{]` is the character itself"
            )));
        };
        open.extend(texts.into_iter().map(|text| format!("{head}{text}{tail}")));
    }
    Ok(done)
}

/// Where the first brace opens that is not a character in brackets.
fn brace(pattern: &str) -> Option<usize> {
    let mut in_brackets = false;
    for (at, letter) in pattern.char_indices() {
        match letter {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            '{' if !in_brackets => return Some(at),
            _ => {}
        }
    }
    None
}

/// The texts between an opened brace and the one that closes it, and the rest.
fn texts(inner: &str) -> Option<(Vec<&str>, &str)> {
    let (mut depth, mut first) = (0_u32, 0);
    let mut texts = Vec::new();
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' if depth == 0 => {
                texts.push(&inner[first..at]);
                first = at + 1;
            }
            '}' if depth == 0 => {
                texts.push(&inner[first..at]);
                return Some((texts, &inner[at + 1..]));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// One part of a pattern between slashes.
enum Step {
    /// A name, `.` or `..`.
    Name(String),
    /// A pattern of names.
    Names(Pattern),
    /// `**`: any number of folders.
    Folders,
}

impl Step {
    fn parse(text: &str) -> Result<Self, PatternError> {
        if text == "**" {
            return Ok(Self::Folders);
        }
        if text.contains("**") {
            return Err(PatternError::Malformed(format!(
                "`**` stands alone between slashes, which `{text}` does not"
            )));
        }
        if !text.contains(['*', '?', '[']) {
            return Ok(Self::Name(text.to_owned()));
        }
        let pattern = Pattern::new(&negated_as_in_glob(text)).map_err(|error| {
            PatternError::Malformed(format!("`{text}` is not a pattern: {}", error.msg))
        })?;
        Ok(Self::Names(pattern))
    }
}

/// A pattern of names with `[^…]`, which shells understand, as `[!…]`.
fn negated_as_in_glob(text: &str) -> String {
    let mut in_brackets = false;
    let mut letters = text.chars().peekable();
    let mut written = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        written.push(letter);
        match letter {
            '[' if !in_brackets => {
                in_brackets = true;
                if letters.next_if_eq(&'^').is_some() {
                    written.push('!');
                }
                // The first character is no closing bracket.
                if !written.ends_with('!') && letters.peek() == Some(&'!') {
                    written.extend(letters.next());
                }
                written.extend(letters.next());
            }
            ']' => in_brackets = false,
            _ => {}
        }
    }
    written
}

struct Walk<'w> {
    folder: &'w Path,
    wants_folders: bool,
    found: Vec<String>,
}

impl Walk<'_> {
    /// Follows the rest of a pattern from a place.
    fn follow(&mut self, place: &str, steps: &[Step]) -> Result<(), PatternError> {
        match steps {
            [] => Ok(()),
            [Step::Name(name), rest @ ..] => {
                let path = joined(place, name);
                if rest.is_empty() {
                    return self.keep(path);
                }
                self.follow(&path, rest)
            }
            [Step::Names(names), rest @ ..] => {
                for (name, entry) in self.entries(place)? {
                    if !names.matches_with(&name, OPTIONS) {
                        continue;
                    }
                    let path = joined(place, &name);
                    match rest {
                        [] => self.keep_entry(path, &entry)?,
                        _ if self.is_folder(&path, &entry) => self.follow(&path, rest)?,
                        _ => {}
                    }
                }
                Ok(())
            }
            [Step::Folders, rest @ ..] => {
                // `a/**` matches all files below, as `a/**/*` does.
                let all = [Step::parse("*")?];
                self.follow(place, if rest.is_empty() { &all } else { rest })?;
                for (name, entry) in self.entries(place)? {
                    // A link to a folder is not followed, since it may lead back here.
                    let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                    if is_folder && !name.starts_with('.') {
                        self.follow(&joined(place, &name), steps)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// The entries of a folder with their names. A folder that does not exist has none.
    fn entries(&self, place: &str) -> Result<Vec<(String, DirEntry)>, PatternError> {
        let path = self.folder.join(if place.is_empty() { "." } else { place });
        let unreadable = |error| PatternError::Unreadable(path.clone(), error);
        let entries = match fs::read_dir(&path) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Vec::new());
            }
            other => other.map_err(unreadable)?,
        };
        let mut named = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            match entry.file_name().into_string() {
                Ok(name) => named.push((name, entry)),
                Err(_) => return Err(PatternError::NotText(entry.path())),
            }
        }
        Ok(named)
    }

    fn is_folder(&self, path: &str, entry: &DirEntry) -> bool {
        match entry.file_type() {
            Ok(kind) if !kind.is_symlink() => kind.is_dir(),
            _ => self.folder.join(path).is_dir(),
        }
    }

    fn keep_entry(&mut self, path: String, entry: &DirEntry) -> Result<(), PatternError> {
        match entry.file_type() {
            Ok(kind) if kind.is_file() || kind.is_dir() => self.add(path, kind.is_dir()),
            _ => self.keep(path),
        }
    }

    /// Keeps a path that leads to what the pattern wants, if there is anything.
    fn keep(&mut self, path: String) -> Result<(), PatternError> {
        let full = self.folder.join(&path);
        let what = match fs::metadata(&full) {
            Ok(found) if found.is_file() || found.is_dir() => {
                return self.add(path, found.is_dir());
            }
            Ok(_) => "neither a file nor a folder",
            Err(_) if fs::symlink_metadata(&full).is_ok() => "a link that leads to nothing",
            Err(_) => return Ok(()),
        };
        match self.wants_folders {
            true => Ok(()),
            false => Err(PatternError::NoFile(full, what)),
        }
    }

    fn add(&mut self, mut path: String, is_folder: bool) -> Result<(), PatternError> {
        if is_folder == self.wants_folders {
            if self.found.len() >= MOST_FILES {
                return Err(PatternError::TooMany);
            }
            if is_folder {
                path.push('/');
            }
            self.found.push(path);
        }
        Ok(())
    }
}

fn joined(place: &str, name: &str) -> String {
    match place {
        "" => name.to_owned(),
        "/" => format!("/{name}"),
        place => format!("{place}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{Matcher, PatternError, escaped, expand};

    #[test]
    fn a_pattern_that_is_only_spelled_in_another_way_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cafe\u{301}_1.nc"), "").unwrap();
        let error = expand(folder.path(), "./caf\u{e9}_*.nc").unwrap_err();
        assert!(matches!(error, PatternError::Spelled(_)), "{error}");
        assert!(error.to_string().contains("NFC and NFD"), "{error}");
        assert!(expand(folder.path(), "./th\u{e9}_*.nc").unwrap().is_empty());
    }

    #[test]
    fn a_matcher_matches_what_the_pattern_expands_to() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            "a.nc",
            "b.nc4",
            ".hidden.nc",
            "x[1].nc",
            "sub/a.nc",
            "sub/deep/e.nc",
            "sub/.git/f.nc",
            "é.nc",
        ];
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        for pattern in [
            "*.nc",
            "**",
            "**/*.nc",
            "sub/**",
            "sub/**/e.nc",
            "*/a.nc",
            "{a.nc,sub/*}",
            "x[[]1].nc",
            ".*",
            "?.nc",
            "[!ab].nc",
            "sub/deep/**/e.nc",
        ] {
            let matcher = Matcher::new(pattern).unwrap();
            let mut matched: Vec<&str> = files.into_iter().collect();
            matched.retain(|file| matcher.matches(file));
            matched.sort_unstable();
            assert_eq!(
                matched,
                expand(folder.path(), pattern).unwrap(),
                "{pattern}"
            );
        }
        assert!(Matcher::new("a**/b").is_err());
    }

    #[test]
    fn patterns_match_files_by_name_and_never_hidden_ones() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in [
            "a.nc",
            "b.nc",
            "b.nc4",
            "c d.nc",
            "é.nc",
            "x[1].nc",
            ".hidden.nc",
            "sub/a.nc",
            "sub/deep/e.nc",
            ".git/f.nc",
            "odd\nname.nc",
        ] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        symlink(root.join("a.nc"), root.join("link.nc")).unwrap();
        symlink("nowhere", root.join("dangling.cdf")).unwrap();
        symlink(root, root.join("sub/back")).unwrap();
        let of = |pattern: &str| expand(root, pattern).unwrap();
        let names = [
            "./a.nc",
            "./b.nc",
            "./c d.nc",
            "./link.nc",
            "./odd\nname.nc",
            "./x[1].nc",
            "./é.nc",
        ];
        assert_eq!(of("./*.nc"), names);
        assert_eq!(of("./b.{nc,nc4}"), ["./b.nc", "./b.nc4"]);
        assert_eq!(
            of("./{b.{nc,nc4},sub/a.nc}"),
            ["./b.nc", "./b.nc4", "./sub/a.nc"]
        );
        assert_eq!(of("./[ab].nc"), ["./a.nc", "./b.nc"]);
        assert_eq!(of("./[!ab].nc"), of("./[^ab].nc"));
        assert_eq!(of("./[^ab].nc"), ["./é.nc"]);
        assert_eq!(of("./x[^]]1].nc"), ["./x[1].nc"]);
        assert_eq!(of("./?.nc"), ["./a.nc", "./b.nc", "./é.nc"]);
        assert_eq!(of("./x[[]1].nc"), ["./x[1].nc"]);
        assert_eq!(of(&escaped("./x[1].nc")), ["./x[1].nc"]);
        assert_eq!(of("./.*.nc"), ["./.hidden.nc"]);
        assert_eq!(of("./*/a.nc"), ["./sub/a.nc"]);
        assert_eq!(of("./sub/**/*.nc"), ["./sub/a.nc", "./sub/deep/e.nc"]);
        assert_eq!(of("./sub/**"), of("./sub/**/*"));
        assert_eq!(of("./s*/"), ["./sub/"]);
        assert_eq!(of("./none/*.nc"), Vec::<String>::new());
        assert_eq!(of("./a.nc/*.nc"), Vec::<String>::new());
        let absolute = format!("{}/*.nc4", root.display());
        assert_eq!(of(&absolute), [format!("{}/b.nc4", root.display())]);
        let told = expand(root, "./*.cdf").unwrap_err().to_string();
        assert!(
            told.contains("dangling.cdf matches and is a link"),
            "{told}"
        );
        assert_eq!(of("./*.cdf/"), Vec::<String>::new());
        let below = root.join("sub");
        assert_eq!(
            expand(&below, "../[ab].nc").unwrap(),
            ["../a.nc", "../b.nc"]
        );
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for (pattern, why) in [
            ("./a**.nc", "`**` stands alone"),
            ("./{a,b.nc", "does not close"),
            ("./[a.nc", "is not a pattern"),
        ] {
            match expand(folder.path(), pattern) {
                Err(PatternError::Malformed(text)) => assert!(text.contains(why), "{text}"),
                other => panic!("{pattern}: {other:?}"),
            }
        }
    }
}
