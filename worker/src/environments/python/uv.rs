//! uv, which resolves and installs packages faster than pip. It is used where it is on the `PATH`.
//!
//! It looks for packages where pip would: pip's settings are given to it, unless it has its own. The
//! lock file records names and versions alike, so the key of a task does not depend on the tool.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use sunward_files::private;
use sunward_workflows::{Python, canonical_requirement, read_requirements};

use super::error::PythonError;
use super::lock::Package;
use super::pip::{Outcome, Tools};
use super::resolve::in_file;
use crate::host::find_program;

/// The variable that chooses between them.
const CHOICE: &str = "SUNWARD_INSTALLER";

/// uv's own variables of where packages come from. If one is set, pip's settings are left alone.
const OWN: &[&str] = &[
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
];

/// What resolves and installs packages of Python.
pub(super) enum Installer {
    /// uv, at this path.
    Uv(PathBuf),
    Pip,
}

impl Tools<'_> {
    /// uv if it is on the `PATH`, and else pip; or what `$SUNWARD_INSTALLER` names.
    pub(super) fn installer(&self) -> Result<Installer, PythonError> {
        let uv = find_program(OsStr::new("uv"), self.host().path());
        let choice = self.host().get(CHOICE).filter(|choice| !choice.is_empty());
        match (choice.map(OsStr::to_str), uv) {
            (Some(Some("pip")), _) | (None, None) => Ok(Installer::Pip),
            (Some(Some("uv")) | None, Some(uv)) => Ok(Installer::Uv(uv)),
            (Some(Some("uv")), None) => Err(PythonError::NoInstaller(format!(
                "`{CHOICE}=uv`, but uv is not on the PATH; install it, or unset the variable"
            ))),
            (Some(_), _) => Err(PythonError::NoInstaller(format!(
                "`{CHOICE}` is neither `uv` nor `pip`; correct or unset it"
            ))),
        }
    }
}

/// Resolves requirements. `constraints` is a file of versions to keep.
pub(super) fn resolve(
    tools: &Tools<'_>,
    uv: &Path,
    python: &Python,
    requires: &[String],
    constraints: Option<&Path>,
) -> Result<Vec<Package>, PythonError> {
    let stated: Vec<(String, Vec<String>)> = requires.iter().map(|one| apart(one)).collect();
    let lines: Vec<String> = stated.iter().map(|(one, _)| one.clone()).collect();
    let list = in_file(tools, &lines)?;
    let interpreter = tools.interpreter(python)?;
    let mut words: Vec<&OsStr> = [
        "pip",
        "compile",
        "--no-header",
        "--no-annotate",
        "--generate-hashes",
        "--python",
    ]
    .map(OsStr::new)
    .into();
    words.push(interpreter.as_os_str());
    if let Some(file) = constraints {
        words.extend([OsStr::new("--constraints"), file.as_os_str()]);
    }
    words.push(list.path().as_os_str());
    let all = requires.join(", ");
    let said = run(tools, uv, python, &words)?;
    if !said.succeeded() {
        return Err(if said.blames_network() {
            PythonError::Registry {
                what: format!("resolving {all}"),
                said: said.last_words(),
            }
        } else {
            unresolvable(all, said.last_words())
        });
    }
    let found = read_requirements("requirements.txt", said.stdout())
        .map_err(|why| unresolvable(all.clone(), format!("its answer is odd: {why}")))?;
    let is_hashed = stated.iter().any(|(_, hashes)| !hashes.is_empty());
    let packages = found.packages.iter().map(|line| {
        let package = package(line).map_err(|why| unresolvable(all.clone(), why))?;
        match is_hashed {
            true => among(package, &stated).map_err(|why| unresolvable(all.clone(), why)),
            false => Ok(package),
        }
    });
    packages.collect()
}

/// Installs the packages of a list with their hashes into the environment of `inner`.
pub(super) fn install(
    tools: &Tools<'_>,
    uv: &Path,
    python: &Python,
    inner: &Path,
    list: &Path,
) -> Result<(), PythonError> {
    let install = |more: &[&str]| {
        let mut words = ["pip", "install", "--require-hashes", "--no-deps"]
            .map(OsStr::new)
            .to_vec();
        words.extend(more.iter().map(OsStr::new));
        words.extend([OsStr::new("--python"), inner.as_os_str()]);
        words.extend([OsStr::new("--requirement"), list.as_os_str()]);
        run(tools, uv, python, &words)
    };
    // Without asking the index, as long as all packages are kept.
    if install(&["--offline"])?.succeeded() {
        return Ok(());
    }
    let said = install(&[])?;
    said.expect_success("installing packages by uv").map(|_| ())
}

/// What uv writes below each other, on one line.
pub(super) fn on_one_line(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.map(|line| {
        let line = line.strip_prefix("error: ").unwrap_or(line);
        line.strip_prefix("cause: ").unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join(": ")
}

/// Runs uv with a cache beside the environments, and without settings of the folder in which Sunward
/// was started. It installs no interpreters.
fn run(
    tools: &Tools<'_>,
    uv: &Path,
    python: &Python,
    words: &[&OsStr],
) -> Result<Outcome, PythonError> {
    let downloads = tools.cache().downloads("uv", tools.stop())?;
    let cache = downloads.folder.join("cache");
    // uv takes no folder inside its cache, and nothing may be in this one.
    let nowhere = downloads.folder.join("nowhere");
    private::create_folders(&nowhere).map_err(PythonError::io("create", &nowhere))?;
    let settings = settings(tools, python)?;
    let mut all = words.to_vec();
    all.extend(["--quiet", "--no-progress", "--no-python-downloads"].map(OsStr::new));
    all.extend(["--color", "never", "--directory"].map(OsStr::new));
    all.push(nowhere.as_os_str());
    all.extend([OsStr::new("--cache-dir"), cache.as_os_str()]);
    if settings.no_index {
        all.push(OsStr::new("--no-index"));
    }
    let more: Vec<(&OsStr, &OsStr)> = settings
        .variables
        .iter()
        .map(|(name, value)| (OsStr::new(*name), value.as_os_str()))
        .collect();
    tools.run_with(uv, &all, &more)
}

/// Where packages come from, as pip's settings say it.
#[derive(Default)]
struct Settings {
    variables: Vec<(&'static str, OsString)>,
    no_index: bool,
}

fn settings(tools: &Tools<'_>, python: &Python) -> Result<Settings, PythonError> {
    if OWN.iter().any(|name| tools.host().get(name).is_some()) {
        return Ok(Settings::default());
    }
    let interpreter = tools.interpreter(python)?;
    let words = ["-m", "pip", "config", "list"].map(OsStr::new);
    let said = tools.run(&interpreter, &words)?;
    let listed = match said.succeeded() {
        true => said.stdout().to_owned(),
        // Without pip, only its variables are known.
        false => of_variables(tools),
    };
    let mut settings = of_pip(&listed);
    if tools.host().get("SSL_CERT_FILE").is_some() {
        settings
            .variables
            .retain(|(name, _)| *name != "SSL_CERT_FILE");
    }
    Ok(settings)
}

/// pip's variables, as `pip config list` writes them.
fn of_variables(tools: &Tools<'_>) -> String {
    let variables = tools.host().variables();
    let lines = variables.filter_map(|(name, value)| {
        let name = name.to_str()?.strip_prefix("PIP_")?.to_lowercase();
        let name = name.replace('_', "-");
        let value = value.to_str()?;
        Some(format!(":env:.{name}={value}\n"))
    });
    lines.collect()
}

/// Reads lines such as `global.index-url='https://…'`. A variable is before a file, and the setting
/// of a command before that of all.
fn of_pip(listed: &str) -> Settings {
    let find = |name: &str| {
        let of = |section: &str| {
            let start = format!("{section}.{name}=");
            let value = listed.lines().find_map(|line| line.strip_prefix(&start))?;
            let value = value.trim().trim_matches(['\'', '"']);
            // Several values are on lines of their own.
            Some(value.replace("\\n", " ").trim().to_owned())
        };
        let sections = [":env:", "install", "global"].into_iter();
        sections.filter_map(of).find(|value| !value.is_empty())
    };
    let words = |text: String, with: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        OsString::from(words.join(with))
    };
    let mut variables: Vec<(&'static str, OsString)> = Vec::new();
    let mut set = |name, value: Option<OsString>| variables.extend(value.map(|one| (name, one)));
    set("UV_DEFAULT_INDEX", find("index-url").map(OsString::from));
    let extra = find("extra-index-url").map(|text| words(text, " "));
    // pip takes the best version of all indexes, and uv by itself that of the first.
    set(
        "UV_INDEX_STRATEGY",
        extra.as_ref().map(|_| "unsafe-best-match".into()),
    );
    set("UV_INDEX", extra);
    set(
        "UV_FIND_LINKS",
        find("find-links").map(|text| words(text, ",")),
    );
    set(
        "UV_INSECURE_HOST",
        find("trusted-host").map(|text| words(text, " ")),
    );
    set("SSL_CERT_FILE", find("cert").map(OsString::from));
    let no_index = find("no-index")
        .is_some_and(|text| matches!(text.to_lowercase().as_str(), "1" | "true" | "yes" | "on"));
    Settings {
        variables,
        no_index,
    }
}

/// A requirement, and its hashes without `sha256:`.
fn apart(text: &str) -> (String, Vec<String>) {
    let (hashes, words): (Vec<&str>, Vec<&str>) = text
        .split_whitespace()
        .partition(|word| word.starts_with("--hash=sha256:"));
    let hashes = hashes
        .into_iter()
        .map(|one| one["--hash=sha256:".len()..].to_owned());
    (words.join(" "), hashes.collect())
}

/// A line of the answer.
fn package(line: &str) -> Result<Package, String> {
    let (requirement, hashes) = apart(line);
    let exact = requirement.split(';').next().unwrap_or_default();
    let (name, version) = exact
        .split_once("==")
        .ok_or_else(|| format!("{requirement} is no exact version"))?;
    let mut hashes = hashes.into_iter();
    Ok(Package {
        name: canonical_requirement(name),
        version: version.trim().to_owned(),
        sha256: hashes.next().ok_or_else(|| {
            format!("{name} has no SHA-256; only packages of an index or archives can be locked")
        })?,
        also: hashes.collect(),
    })
}

/// The package with only those hashes that the requirements state. As with pip, one stated hash asks
/// for all.
fn among(package: Package, stated: &[(String, Vec<String>)]) -> Result<Package, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let hashes = stated.iter().filter(|(one, _)| {
        let end = one.find(|c| !is_name(c)).unwrap_or(one.len());
        canonical_requirement(&one[..end]) == package.name
    });
    let hashes: Vec<&String> = hashes.flat_map(|(_, hashes)| hashes).collect();
    let name = &package.name;
    if hashes.is_empty() {
        return Err(format!(
            "some requirements have hashes and {name} has none; give all of them, or none"
        ));
    }
    let both = package
        .digests()
        .filter(|one| hashes.iter().any(|stated| stated == one));
    let mut both: Vec<String> = both.map(str::to_owned).collect();
    if both.is_empty() {
        return Err(format!(
            "THESE PACKAGES DO NOT MATCH THE HASHES from the requirements: {name}"
        ));
    }
    let sha256 = both.remove(0);
    Ok(Package {
        sha256,
        also: both,
        ..package
    })
}

fn unresolvable(requirements: String, said: String) -> PythonError {
    PythonError::Unresolvable {
        tool: "uv",
        requirements,
        said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pip_s_settings_become_those_of_uv() {
        let settings = of_pip(
            "global.index-url='https://a/simple'\nglobal.find-links='/w'\n:env:.find-links='/x /y'\n\
             install.extra-index-url='https://b\\nhttps://c'\nglobal.timeout='60'\n:env:.no-index='1'\n",
        );
        let get = |name: &str| {
            let mut all = settings.variables.iter();
            let value = all
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value);
            value.and_then(|value| value.to_str())
        };
        assert_eq!(get("UV_DEFAULT_INDEX"), Some("https://a/simple"));
        assert_eq!(get("UV_INDEX"), Some("https://b https://c"));
        assert_eq!(get("UV_INDEX_STRATEGY"), Some("unsafe-best-match"));
        assert_eq!(get("UV_FIND_LINKS"), Some("/x,/y"));
        assert!(settings.no_index);
        let none = of_pip("global.timeout='60'\n:env:.no-index='0'\n");
        assert!(none.variables.is_empty() && !none.no_index);
    }

    #[test]
    fn an_answer_is_read_and_stated_hashes_narrow_it() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let line = format!("six==1.17.0 --hash=sha256:{a} --hash=sha256:{b}");
        let one = package(&line).unwrap();
        assert_eq!((&*one.name, &*one.version), ("six", "1.17.0"));
        assert_eq!((&one.sha256, &one.also), (&a, &vec![b.clone()]));
        assert!(package("six==1.17.0").unwrap_err().contains("no SHA-256"));
        let stated = |text: &str| among(package(&line).unwrap(), &[apart(text)]);
        let narrowed = stated(&format!("Six>=1 --hash=sha256:{b}")).unwrap();
        assert_eq!((&narrowed.sha256, narrowed.also.len()), (&b, 0));
        let other = stated(&format!("six --hash=sha256:{}", "c".repeat(64)));
        assert!(other.unwrap_err().contains("DO NOT MATCH"));
        let lacks = stated(&format!("attrs --hash=sha256:{b}"));
        assert!(lacks.unwrap_err().contains("six has none"));
    }

    #[test]
    fn what_uv_says_fits_a_line() {
        assert_eq!(
            on_one_line("error: No solution found\n  cause: Because six\n"),
            "No solution found: Because six"
        );
    }
}
