//! The file of tests beside a workflow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sunward_workflows::{Case, Diagnostic, Tested, Value, Workflow, check_cases, codes};

use super::bench::wrong_options;
use crate::context::Context;
use crate::exit::wrong_input;
use crate::out_folder;
use crate::workflow_file::Read;

/// How the name of a test file ends.
const SUFFIX: &str = ".test.yaml";

/// Whether a path names a file of tests.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(SUFFIX)
        .is_some_and(|stem| !stem.is_empty())
}

/// A file of tests.
pub(crate) struct TestFile {
    /// Its path as the user sees it.
    pub(crate) shown: String,
    /// The absolute path of the workflow.
    pub(crate) workflow: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// Its tests, or all mistakes in it.
    pub(crate) checked: Result<Vec<Case>, Vec<Diagnostic>>,
}

impl TestFile {
    /// Reads the tests of a workflow. `file` is the workflow, or the test file itself.
    ///
    /// # Errors
    /// Fails if one of them does not exist or cannot be read.
    pub(crate) fn read(context: &Context, file: &Path) -> anyhow::Result<Self> {
        let (workflow, path) = match is_test_file(file) {
            true => (workflow_of(context, file)?, file.to_owned()),
            false => (file.to_owned(), tests_of(file)),
        };
        let whole = context.folder.join(&workflow);
        if !whole.is_file() {
            return Err(wrong_input(format!(
                "{} is not a file; expected a workflow's YAML file",
                sunward_files::shown(&workflow)
            )));
        }
        let shown = sunward_files::shown(&path);
        let text = sunward_files::read_text(&context.folder.join(&path)).map_err(|error| {
            match error.kind() {
                std::io::ErrorKind::NotFound => wrong_input(format!(
                    "{shown} does not exist; write the tests there (`sunward docs testing` shows how)"
                )),
                _ => wrong_input(format!("{shown} cannot be read: {error}")),
            }
        })?;
        let checked = check(context, (&workflow, &path), &text)?;
        Ok(Self {
            shown,
            workflow: whole,
            text,
            checked,
        })
    }
}

/// The test file of a workflow: `workflow.test.yaml` for `workflow.yaml`.
pub(crate) fn tests_of(workflow: &Path) -> PathBuf {
    let mut name = workflow.file_stem().unwrap_or_default().to_owned();
    name.push(SUFFIX);
    workflow.with_file_name(name)
}

/// The workflow of a test file.
fn workflow_of(context: &Context, tests: &Path) -> anyhow::Result<PathBuf> {
    let name = tests.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(SUFFIX).unwrap_or_default();
    let named = |suffix: &str| tests.with_file_name(format!("{stem}.{suffix}"));
    let mut all = ["yaml", "yml"].into_iter().map(named);
    all.find(|path| context.folder.join(path).is_file())
        .ok_or_else(|| {
            wrong_input(format!(
                "{} holds tests of {}, which does not exist",
                sunward_files::shown(tests),
                sunward_files::shown(&named("yaml"))
            ))
        })
}

/// Checks tests by themselves, then against the workflow and the files that it reads. If the workflow has
/// mistakes, its runs tell them.
fn check(
    context: &Context,
    (workflow, path): (&Path, &Path),
    text: &str,
) -> anyhow::Result<Result<Vec<Case>, Vec<Diagnostic>>> {
    let names = [workflow, path].map(|path| path.file_name().unwrap_or_default());
    let [workflow_name, name] = names.map(|name| name.to_string_lossy().into_owned());
    let of = Tested {
        workflow: None,
        workflow_name: &workflow_name,
        name: &name,
    };
    let cases = match check_cases(text, &of) {
        Ok(cases) => cases,
        Err(found) => return Ok(Err(found)),
    };
    let given = cases.iter().flat_map(|case| &case.params);
    let given: BTreeSet<String> = given.map(|(name, _)| name.clone()).collect();
    let alone = Context {
        settings: None,
        ..context.clone()
    };
    let read = Read::file_given(&alone, workflow, given)?;
    let checked = match &read.checked.workflow {
        Some(workflow) => {
            let workflow = Some(workflow);
            check_cases(text, &Tested { workflow, ..of })
        }
        None => Ok(cases),
    };
    let Ok(cases) = checked else {
        return Ok(checked);
    };
    let mut found: Vec<Diagnostic> = Vec::new();
    for case in &cases {
        if let Some(why) = wrong_options(&read.path, case) {
            let message = format!("`sunward run` cannot have these options: {why}");
            found.push(Diagnostic::error(
                codes::BAD_EXPECTATION,
                case.options_span,
                message,
            ));
        }
        if let Some(workflow) = &read.checked.workflow {
            found.extend(replacing(case, workflow, &read.path));
        }
    }
    Ok(match found.is_empty() {
        true => Ok(cases),
        false => Err(found),
    })
}

/// The snapshots of a test that would replace a file which its run reads.
fn replacing(case: &Case, workflow: &Workflow, path: &Path) -> Vec<Diagnostic> {
    let defaults = workflow.all_params();
    let defaults = defaults.filter_map(|(name, param)| Some((name, param.default.clone()?)));
    let mut params: BTreeMap<String, Value> = defaults.collect();
    params.extend(case.params.iter().cloned());
    let outputs = case.outputs.values();
    let snapshots = outputs.filter_map(|one| Some((one.snapshot.as_deref()?, one.snapshot_span)));
    let refused = snapshots.filter_map(|(snapshot, span)| {
        let lost = out_folder::read_at(snapshot, path, workflow, &params)?;
        let message = format!("the snapshot {snapshot} would change {lost}, which the run reads");
        let told = Diagnostic::error(codes::BAD_SNAPSHOT, span, message);
        Some(told.expecting("a file of its own, such as ./snapshots/hits.csv"))
    });
    refused.collect()
}
