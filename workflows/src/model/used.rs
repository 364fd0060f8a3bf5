//! A workflow file that a stage of another workflow runs as a whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Param, Reference, Template};
use crate::value::Value;

/// A file under `uses:`. Its stages are stages of the workflow: those of the file that the stage `qc`
/// uses are `qc.trim`, `qc.merge`, and so on. Their parameters have names of the same kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// The file's path, relative to the workflow's folder if it is not absolute.
    pub file: String,
    /// Its parameters, under their own names. One that an input binds to data has no value, and is not
    /// among them.
    pub params: IndexMap<String, Param>,
    /// The values that `with:` gives them; strings may be templates over the parameters of the file
    /// around.
    pub with: IndexMap<String, Value>,
    /// Parameters whose value is that of a parameter around them, by the full name of that one.
    pub same_as: BTreeMap<String, String>,
    /// Parameters that the stage gives a value in place of their default. Paths in it are relative to the
    /// workflow's folder.
    pub given: BTreeSet<String>,
    /// Its outputs, by name, as ports of stages of the workflow.
    pub outputs: BTreeMap<String, Reference>,
    /// Parameters that `inputs:` binds to data, which have no value.
    pub data: BTreeSet<String>,
}

impl Used {
    /// The file's folder, relative to the workflow's if it is not absolute.
    #[must_use]
    pub fn folder(&self) -> &str {
        match self.file.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((folder, _)) => folder,
            None => "",
        }
    }
}

/// The `if:` of a stage with `uses:`, which decides about all stages of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OuterCondition {
    /// The full name of the stage with `uses:`.
    pub stage: String,
    /// Its condition.
    pub condition: Template,
}

/// The full name of the stage with `uses:` whose file has this stage or parameter; `None` if it is the
/// workflow's own.
#[must_use]
pub fn enclosing(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(around, _)| around)
}

/// The full name of what a file calls `name`, if the file is used by the stage `around`.
#[must_use]
pub fn full_name(around: Option<&str>, name: &str) -> String {
    match around {
        Some(around) => format!("{around}.{name}"),
        None => name.to_owned(),
    }
}

/// The name within its own file.
#[must_use]
pub fn own_name(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, own)| own)
}

/// Whether a stage is in the file that the stage `used` uses, or in a file in that one.
#[must_use]
pub fn is_inside(stage: &str, used: &str) -> bool {
    let rest = stage.strip_prefix(used);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// The values that the templates of a stage read as `params`: those of its own file. `all` has the
/// values of all files by their full names.
#[must_use]
pub fn params_of<'v>(
    stage: &str,
    all: &'v BTreeMap<String, Value>,
) -> Cow<'v, BTreeMap<String, Value>> {
    let around = enclosing(stage);
    if around.is_none() && all.keys().all(|name| enclosing(name).is_none()) {
        return Cow::Borrowed(all);
    }
    let own = all.iter().filter(|(name, _)| enclosing(name) == around);
    let own = own.map(|(name, value)| (own_name(name).to_owned(), value.clone()));
    Cow::Owned(own.collect())
}

/// A path that a file in `folder` names, as it is from the workflow's folder. A folder that is empty is
/// the workflow's.
#[must_use]
pub fn path_from(folder: &str, path: &str) -> String {
    if folder.is_empty() || path.starts_with('/') || path.contains("://") {
        return path.to_owned();
    }
    format!("{folder}/{}", path.trim_start_matches("./"))
}

/// The reverse of [`path_from`]: a path as the file in `folder` states it. A path outside of the folder
/// stays as it is.
#[must_use]
pub fn path_in<'p>(folder: &str, path: &'p str) -> Cow<'p, str> {
    let inside = path.strip_prefix(folder).filter(|_| !folder.is_empty());
    match inside.and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if rest == ".." || rest.starts_with("../") => Cow::Borrowed(rest),
        Some(rest) => Cow::Owned(format!("./{rest}")),
        None => Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_reads_the_params_of_its_own_file_alone() {
        let all: BTreeMap<String, Value> = [("k", 1), ("qc.k", 2), ("qc.in.k", 3), ("qc.j", 4)]
            .map(|(name, value)| (name.to_owned(), Value::Int(value)))
            .into();
        let read = |stage: &str| {
            let own = params_of(stage, &all).into_owned();
            own.into_iter()
                .map(|(name, value)| format!("{name}={}", value.to_text()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(read("a"), "k=1");
        assert_eq!(read("qc.a"), "j=4 k=2");
        assert_eq!(read("qc.in.a"), "k=3");
        assert_eq!(read("other.a"), "");
    }

    #[test]
    fn a_stage_is_inside_the_files_around_it_alone() {
        assert!(
            is_inside("qc.a", "qc") && is_inside("qc.in.a", "qc") && is_inside("qc.in.a", "qc.in")
        );
        assert!(!is_inside("qc", "qc") && !is_inside("qca.a", "qc") && !is_inside("a", "qc"));
    }

    #[test]
    fn paths_of_a_used_file_begin_in_its_folder() {
        for (folder, path, whole) in [
            ("", "./x.csv", "./x.csv"),
            ("./sub", "./x.csv", "./sub/x.csv"),
            ("./sub", "../x.csv", "./sub/../x.csv"),
            ("./sub", "x.csv", "./sub/x.csv"),
            ("../lib", "/x.csv", "/x.csv"),
            ("../lib", "s3://b/x", "s3://b/x"),
        ] {
            assert_eq!(path_from(folder, path), whole);
            let stated = match path {
                "x.csv" => "./x.csv",
                _ => path,
            };
            assert_eq!(path_in(folder, whole), stated);
        }
    }
}
