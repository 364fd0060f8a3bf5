//! Requirements of Python packages in files: `requirements.txt` and `pyproject.toml`.
//!
//! Of pip's format (<https://pip.pypa.io/en/stable/reference/requirements-file-format/>), everything is
//! read that says which packages are needed. Options that say where they come from are refused, because
//! an index is the machine's affair and not the workflow's.

use serde::Deserialize;

use crate::model::path_from;
use crate::requirement::check_requirement;

/// What a file of requirements says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The requirements, in pip's syntax, some with `--hash=sha256:…`.
    pub packages: Vec<String>,
    /// Further files that it includes, as written: relative to its own folder.
    pub includes: Vec<String>,
}

/// Files of other tools, and what to do instead.
const OTHERS: [(&str, &str); 6] = [
    ("uv.lock", "`uv export > requirements.txt` writes one"),
    (
        "poetry.lock",
        "`poetry export > requirements.txt` writes one",
    ),
    (
        "Pipfile",
        "`pipenv requirements > requirements.txt` writes one",
    ),
    (
        "Pipfile.lock",
        "`pipenv requirements > requirements.txt` writes one",
    ),
    (
        "environment.yml",
        "`conda: ./environment.yml` gives a stage what it lists",
    ),
    (
        "environment.yaml",
        "`conda: ./environment.yaml` gives a stage what it lists",
    ),
];

/// Options whose value may follow without a blank: `-rmore.txt`.
const SHORT: [&str; 3] = ["-r", "-c", "-e"];

/// Reads a file of requirements: `pyproject.toml` by its name, and pip's format otherwise.
///
/// # Errors
/// Says which line cannot be used, and why.
pub fn read_requirements(path: &str, text: &str) -> Result<Requirements, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some((_, instead)) = OTHERS.iter().find(|(other, _)| *other == name) {
        return Err(format!("{name} is not a file of requirements; {instead}"));
    }
    match path.ends_with(".toml") {
        true => of_project(text),
        false => of_pip(text),
    }
}

/// The path of a file that another one includes, without `..` where that is possible, so that files that
/// include each other have the same paths each time.
#[must_use]
pub fn included_path(path: &str, included: &str) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = path_from(folder, included);
    let mut steps: Vec<&str> = Vec::new();
    for step in whole.split('/') {
        match (step, steps.last()) {
            ("..", Some(last)) if !matches!(*last, "" | "." | "..") => {
                steps.pop();
            }
            (".", Some(_)) => {}
            _ => steps.push(step),
        }
    }
    steps.join("/")
}

fn of_pip(text: &str) -> Result<Requirements, String> {
    let mut found = Requirements::default();
    for (line, words) in logical_lines(text) {
        let refused = |why: String| Err(format!("line {line}: {why}"));
        let short = SHORT.iter().find(|short| words.starts_with(**short));
        let (option, value) = match (short, words.split_once([' ', '=', '\t'])) {
            (Some(short), _) => (
                *short,
                words[short.len()..].trim_start_matches(['=', ' ', '\t']),
            ),
            (None, Some((option, value))) => (option, value.trim()),
            (None, None) => (words.as_str(), ""),
        };
        // Whatever is installed has the hashes of the lock file.
        if matches!(option, "--require-hashes") {
            continue;
        }
        if matches!(option, "-r" | "--requirement") {
            if value.is_empty() {
                return refused(format!("`{option}` names no file"));
            }
            found.includes.push(value.to_owned());
            continue;
        }
        if option.starts_with('-') {
            let remedy = match option {
                "-e" | "--editable" => {
                    "name a package of an index, or put its folder under `files:`"
                }
                "-c" | "--constraint" => "write the versions in the requirements",
                "--pre" => "write the version, such as x==2.0rc1",
                "--no-binary" | "--only-binary" | "--prefer-binary" | "--use-feature" => {
                    "leave it out: it is decided for each machine"
                }
                _ => "set it for your machine, in pip.conf or in variables such as PIP_INDEX_URL",
            };
            return refused(format!(
                "`{option}` does not say which package is needed; {remedy}"
            ));
        }
        let (package, hashes) = without_hashes(&words);
        if let Err(why) = check_requirement(&package) {
            return refused(why);
        }
        if let Some(bad) = hashes.iter().find(|hash| !is_sha256(hash)) {
            return refused(format!(
                "`--hash={bad}` is not a SHA-256: expected `sha256:` and 64 digits"
            ));
        }
        let hashes = hashes.iter().map(|hash| format!(" --hash={hash}"));
        found
            .packages
            .push(format!("{package}{}", hashes.collect::<String>()));
    }
    Ok(found)
}

/// The lines without comments, with those joined that end in a backslash, and the number of each from 1.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut begun: Option<(usize, String)> = None;
    for (at, line) in text.lines().enumerate() {
        let line = without_comment(line);
        let goes_on = line.trim_end().ends_with('\\');
        let part = line.trim().trim_end_matches('\\').trim();
        let (first, mut whole) = begun.take().unwrap_or((at + 1, String::new()));
        if !whole.is_empty() && !part.is_empty() {
            whole.push(' ');
        }
        whole.push_str(part);
        match goes_on {
            true => begun = Some((first, whole)),
            false => lines.push((first, whole)),
        }
    }
    lines.extend(begun);
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

/// A `#` begins a comment at the start of a line and after a blank. In a URL it does not.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = c;
    }
    line
}

/// A requirement without its `--hash=…`, and these.
fn without_hashes(line: &str) -> (String, Vec<String>) {
    let mut words = Vec::new();
    let mut hashes = Vec::new();
    for word in line.split_whitespace() {
        match word.strip_prefix("--hash=") {
            Some(hash) => hashes.push(hash.to_owned()),
            None => words.push(word),
        }
    }
    (words.join(" "), hashes)
}

fn is_sha256(hash: &str) -> bool {
    let digits = hash.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The parts of `pyproject.toml` that say what a project needs
/// (<https://packaging.python.org/en/latest/specifications/pyproject-toml/>).
#[derive(Deserialize)]
struct File {
    project: Option<Project>,
    tool: Option<toml::Table>,
}

#[derive(Deserialize)]
struct Project {
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    dynamic: Vec<String>,
}

fn of_project(text: &str) -> Result<Requirements, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            let before = text.get(..span.start).unwrap_or_default();
            before.matches('\n').count() + 1
        });
        format!("line {line}: {}", error.message())
    })?;
    let Some(project) = file.project else {
        let is_poetry = file.tool.is_some_and(|tool| tool.contains_key("poetry"));
        return Err(match is_poetry {
            true => "it has no `[project]`, and Poetry's own table is not read; `poetry export` writes a requirements.txt".to_owned(),
            false => "it has no `[project]` with `dependencies`".to_owned(),
        });
    };
    if project.dynamic.iter().any(|name| name == "dependencies") {
        return Err("its dependencies are dynamic, so only building the project tells them; list them in a requirements.txt".to_owned());
    }
    project
        .dependencies
        .iter()
        .try_for_each(|one| check_requirement(one))?;
    Ok(Requirements {
        packages: project.dependencies,
        includes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_as_pip_reads_them() {
        let hash = "a".repeat(64);
        let text = format!(
            "# what it needs\nnumpy>=2,<3   # arrays\n\n-r more.txt\n--requirement=other.txt\npandas ; python_version < '3.12'\n\
             six==1.17.0 \\\n    --hash=sha256:{hash} \\\n    --hash=sha256:{hash}\nscipy[all]\n-rthird.txt\n--require-hashes\n"
        );
        let found = read_requirements("./requirements.txt", &text).unwrap();
        assert_eq!(
            found.packages,
            [
                "numpy>=2,<3".to_owned(),
                "pandas ; python_version < '3.12'".to_owned(),
                format!("six==1.17.0 --hash=sha256:{hash} --hash=sha256:{hash}"),
                "scipy[all]".to_owned(),
            ]
        );
        assert_eq!(found.includes, ["more.txt", "other.txt", "third.txt"]);
    }

    #[test]
    fn files_that_include_each_other_keep_their_paths() {
        for (path, included, whole) in [
            ("./all.txt", "more/some.txt", "./more/some.txt"),
            ("./more/some.txt", "../all.txt", "./all.txt"),
            ("./some.txt", "../all.txt", "./../all.txt"),
            ("../x/some.txt", "../../all.txt", "../../all.txt"),
            ("/r/some.txt", "./all.txt", "/r/all.txt"),
            ("./some.txt", "/r/all.txt", "/r/all.txt"),
        ] {
            assert_eq!(included_path(path, included), whole, "{path} {included}");
        }
    }

    #[test]
    fn what_does_not_say_which_package_is_refused_with_its_line() {
        for (text, says) in [
            ("numpy\n--index-url https://x\n", "line 2: `--index-url`"),
            ("-e .", "line 1: `-e`"),
            ("-c versions.txt", "`-c`"),
            ("-r", "names no file"),
            ("--target=/usr six", "`--target`"),
            (
                "six --target=/usr",
                "`six --target=/usr` is not a requirement",
            ),
            ("six --hash=md5:1", "not a SHA-256"),
            ("../local", "`../local` is not a requirement"),
            (
                "six\nx @ https://u:p@h/x.whl",
                "line 2: `x @ https://h/x.whl` names an address",
            ),
        ] {
            let error = read_requirements("r.txt", text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_project_says_its_dependencies_or_why_they_are_not_known() {
        let read = |text: &str| read_requirements("./pyproject.toml", text);
        let good = "[project]\nname = 'x'\ndependencies = ['numpy', 'pandas>=2']\n[tool.ruff]\n";
        assert_eq!(read(good).unwrap().packages, ["numpy", "pandas>=2"]);
        assert!(read("[project]\nname='x'\n").unwrap().packages.is_empty());
        for (text, says) in [
            ("[tool.poetry]\nname='x'\n", "poetry export"),
            ("[build-system]\n", "no `[project]`"),
            ("[project]\ndynamic = ['dependencies']\n", "dynamic"),
            ("[project]\ndependencies = ['-e .']\n", "`-e .`"),
            ("[project]\n\ndependencies = [1\n", "line 3"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
