//! `sunward check FILE…`: reports every mistake in every file. Nothing runs and nothing is created.

use std::path::{Path, PathBuf};

use clap::Args;
use sunward_workflows::{
    Diagnostic, JsonDiagnostic, Sources, render_human, render_in, to_json, to_json_in,
};

use crate::context::Context;
use crate::cuda_sources;
use crate::exit::{Exit, of_error};
use crate::render;
use crate::testing::{TestFile, is_test_file, tests_of};
use crate::workflow_file::Read;

/// Report every mistake in workflow files and the tests beside them, without running anything
#[derive(Args)]
#[command(
    after_help = "Example:\n  sunward check workflow.yaml\n  sunward check workflow.yaml --json"
)]
pub(crate) struct Check {
    /// The workflows, or files of tests
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Check {
    /// Checks all files. With `--json`, the answer comes after the last one.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let mut sound = true;
        let mut unread = None;
        let mut found: Vec<JsonDiagnostic> = Vec::new();
        for file in &self.files {
            let is_sound = self.told_file(context, file, &mut found);
            match is_sound {
                Ok(is_sound) => sound &= is_sound,
                // The other files are still checked, so that a CI run reports all mistakes at once.
                Err(error) => {
                    sound = false;
                    let (_, to_say) = of_error(&error);
                    if !to_say {
                        return Err(error);
                    }
                    render::complain(context.err_style, &error);
                    unread = unread.or(Some(error));
                }
            }
        }
        // An empty list would say that there are no mistakes.
        if context.json && (sound || !found.is_empty()) {
            render::machine(&found)?;
        }
        if let Some(error) = unread.filter(|_| context.json) {
            render::answer_with(&error, Exit::WrongInput);
        }
        Ok(if sound { Exit::Done } else { Exit::WrongInput })
    }

    /// Reports the mistakes of a file of tests, or of a workflow and its tests.
    fn told_file(
        &self,
        context: &Context,
        file: &Path,
        found: &mut Vec<JsonDiagnostic>,
    ) -> anyhow::Result<bool> {
        if is_test_file(file) {
            let tests = TestFile::read(context, file)?;
            return told_tests(context, &tests, found);
        }
        let mut is_sound = told(context, &Read::file(context, file)?, found)?;
        let tests = tests_of(file);
        if context.folder.join(&tests).is_file() && !self.files.contains(&tests) {
            let tests = TestFile::read(context, file)?;
            if tests.checked.is_err() {
                is_sound &= told_tests(context, &tests, found)?;
            }
        }
        Ok(is_sound)
    }
}

/// Reports the mistakes of a file of tests, or adds them to the answer for `--json`. Returns true if the
/// file has none.
fn told_tests(
    context: &Context,
    tests: &TestFile,
    found: &mut Vec<JsonDiagnostic>,
) -> anyhow::Result<bool> {
    let TestFile { shown, text, .. } = tests;
    match &tests.checked {
        Ok(_) if context.json => {}
        Ok(_) => render::raw(format!("{shown}: no mistakes\n").as_bytes())?,
        Err(mistakes) if context.json => found.extend(to_json(shown, text, mistakes)),
        Err(mistakes) => {
            let colour = context.out_style.is_coloured();
            render::raw(render_human(shown, text, mistakes, colour).as_bytes())?;
        }
    }
    Ok(tests.checked.is_ok())
}

/// Reports the mistakes of one file, or adds them to the answer for `--json`. Returns true if the
/// file has none.
fn told(context: &Context, read: &Read, found: &mut Vec<JsonDiagnostic>) -> anyhow::Result<bool> {
    let sources = match &read.checked.workflow {
        Some(workflow) => cuda_sources::compile_all(workflow, &read.path, &read.shown),
        None => Vec::new(),
    };
    let diagnostics = &read.checked.diagnostics;
    let mut tell = |sources: &Sources, diagnostics: &[Diagnostic]| {
        if context.json {
            found.extend(to_json_in(sources, diagnostics));
            return Ok(());
        }
        let colour = context.out_style.is_coloured();
        render::raw(render_in(sources, diagnostics, colour).as_bytes())
    };
    tell(&read.sources, diagnostics)?;
    for bad in &sources {
        let text = Sources::new(&*bad.shown, &bad.text);
        tell(&text, std::slice::from_ref(&bad.diagnostic))?;
    }
    if !context.json && diagnostics.is_empty() && sources.is_empty() {
        render::raw(format!("{}: no mistakes\n", read.shown).as_bytes())?;
    }
    Ok(read.is_sound() && sources.is_empty())
}
