//! Compiles the `.cu` files of a workflow if NVIDIA's run-time compiler is available, so that
//! mistakes in them are reported before anything runs. This needs no GPU.

use std::collections::BTreeSet;
use std::path::Path;

use sunward_kernels::device::{Cache, CompileError, DeviceError, Nvrtc, Source, defines};
use sunward_workflows::{Action, Cuda, Diagnostic, Span, Workflow, codes};

/// The target of the compilation: the oldest GPUs that kernels support.
const ARCHITECTURE: &str = "sm_80";

/// A source with mistakes: the file as the user names it, its text, and the mistakes.
pub(crate) struct BadSource {
    pub(crate) shown: String,
    pub(crate) text: String,
    pub(crate) diagnostic: Diagnostic,
}

/// Compiles the sources of all `cuda` stages. Without the compiler, nothing is checked.
pub(crate) fn compile_all(workflow: &Workflow, path: &Path, shown: &str) -> Vec<BadSource> {
    let kernels: BTreeSet<(String, &str)> = workflow
        .stages
        .values()
        .filter_map(|stage| match &stage.action {
            Action::Cuda(Cuda { source, entry, .. }) => Some((stage.path(source), entry.as_str())),
            Action::Run(_) | Action::Kernel { .. } => None,
        })
        .collect();
    if kernels.is_empty() {
        return Vec::new();
    }
    let Ok(compiler) = Nvrtc::find() else {
        return Vec::new();
    };
    kernels
        .into_iter()
        .filter_map(|(source, entry)| compile(compiler, path, shown, &source, entry))
        .collect()
}

/// Compiles one source. Returns it if it has mistakes.
fn compile(
    compiler: Nvrtc,
    workflow: &Path,
    shown: &str,
    source: &str,
    entry: &str,
) -> Option<BadSource> {
    // The check of the workflow has already reported a source that cannot be read.
    let text = sunward_files::read_text(&workflow.with_file_name("").join(source)).ok()?;
    let bare = source.strip_prefix("./").unwrap_or(source);
    let shown = Path::new(shown).with_file_name("").join(bare);
    let code = Source::new(source, &text, &[entry]);
    let diagnostic = match compiler.cubin(&code, ARCHITECTURE, &Cache::of_user()) {
        Ok(cubin) if defines(&cubin, entry) => return None,
        Ok(_) => absent(&text, entry),
        Err(DeviceError::Compile(error)) => complaint(&text, error),
        // The compiler or its cache failed, which says nothing about the source.
        Err(_) => return None,
    };
    Some(BadSource {
        shown: sunward_files::shown(&shown),
        text,
        diagnostic,
    })
}

fn complaint(text: &str, error: CompileError) -> Diagnostic {
    let line = error.line.unwrap_or(1);
    Diagnostic::error(codes::BAD_CUDA_SOURCE, line_span(text, line), error.message)
}

fn absent(text: &str, entry: &str) -> Diagnostic {
    let message =
        format!("the file does not define the kernel `{entry}`, which the stage's `entry` names");
    Diagnostic::error(codes::BAD_CUDA_SOURCE, line_span(text, 1), message).expecting(format!(
        "`extern \"C\" __global__ void {entry}(…)` in this file"
    ))
}

/// The span of a line without the whitespace around it.
fn line_span(text: &str, line: u32) -> Span {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut start = 0;
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        if number == index {
            let code = whole.trim();
            let from = start + whole.len() - whole.trim_start().len();
            return span(from, from + code.len());
        }
        start += whole.len();
    }
    span(text.len(), text.len())
}

fn span(start: usize, end: usize) -> Span {
    let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
    Span {
        start: at(start),
        end: at(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_without_its_blanks_and_one_beyond_the_end_is_the_end() {
        let text = "a\n  b c \n\nd";
        let shown = |line| {
            let Span { start, end } = line_span(text, line);
            &text[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()]
        };
        assert_eq!([1, 2, 3, 4, 5].map(shown), ["a", "b c", "", "d", ""]);
    }
}
