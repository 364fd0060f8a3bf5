//! From text to a checked workflow, or all mistakes in it.
//!
//! The steps are: YAML to a tree; the tree against the table of keys; the tree lowered to a draft
//! (`lower`, from `stage` and the files of its keys); then the draft's references, expressions,
//! kernels, files and schemas. Read `draft` first. The steps report to one `context`.

mod alternatives;
mod binding;
mod calls;
mod class;
mod columns;
mod conda;
mod context;
mod cuda;
mod defaults;
mod draft;
mod environment;
mod expressions;
mod file;
mod file_columns;
mod file_outputs;
mod file_sets;
mod files;
mod graph;
mod kernel;
mod limits;
mod location;
mod lower;
mod notify;
mod outside;
mod params;
mod place;
mod program;
mod python;
mod reference;
mod resolve;
mod row_files;
mod scatter;
mod schemas;
mod settings;
mod shell_word;
mod stage;
mod used;
mod values;

pub use files::{TABLE_SUFFIXES, download};
pub(crate) use files::{local_words, local_words_of_value};
pub use outside::literal_folder;
pub(crate) use outside::{listed_paths, outside_words};
pub use reference::{is_path, is_pattern};
pub(crate) use reference::{parse_reference, word_from};
pub(crate) use stage::{input_options, input_sources};

use context::Context;
use file::Trees;
use indexmap::IndexMap;

use crate::catalog::Catalog;
use crate::codes;
use crate::diagnostic::{Diagnostic, Severity};
use crate::facts::Facts;
use crate::model::Workflow;
use crate::source::Span;
use crate::syntax::{conform, workflow_kind};
use crate::yaml;

/// The result of checking a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// The workflow; `None` if there is an error.
    pub workflow: Option<Workflow>,
    /// All mistakes, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks a workflow's text.
///
/// # Examples
/// ```
/// use sunward_workflows::{Catalog, Facts, check};
///
/// let text = "name: hello\nstages: { greet: { run: echo hello } }\n";
/// let checked = check(text, &Catalog::default(), &Facts::default());
/// assert!(checked.workflow.is_some());
///
/// let checked = check("nmae: hello", &Catalog::default(), &Facts::default());
/// assert_eq!(checked.diagnostics[0].suggestion.as_deref(), Some("did you mean `name`?"));
/// ```
#[must_use]
pub fn check(text: &str, catalog: &Catalog, facts: &Facts) -> Checked {
    let sources = facts.sources("", text);
    let mut context = Context {
        text: sources.text(),
        catalog,
        facts,
        given: facts.given.clone(),
        found: Vec::new(),
    };
    let workflow = yaml::read(text, &mut context.found).and_then(|root| {
        conform(&root, &workflow_kind(), "the workflow", &mut context.found);
        let trees = file::read_used(facts, &sources, &mut context);
        build(&root, &trees, &mut context)
    });
    let mut diagnostics = context.found;
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.span.start, d.span.end, d.code);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    diagnostics.dedup();
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    let workflow = workflow.filter(|_| !failed);
    Checked {
        workflow,
        diagnostics,
    }
}

/// Checks a file's bytes, which may not be text.
#[must_use]
pub fn check_bytes(bytes: &[u8], catalog: &Catalog, facts: &Facts) -> Checked {
    match std::str::from_utf8(bytes) {
        Ok(text) => check(text, catalog, facts),
        Err(error) => {
            let start = u32::try_from(error.valid_up_to()).unwrap_or_default();
            let span = Span {
                start,
                end: start.saturating_add(1),
            };
            let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
            let message = format!("byte {} ({byte:#04x}) is not UTF-8", error.valid_up_to());
            let diagnostic = Diagnostic::error(codes::NOT_UTF8, span, message)
                .expecting("a text file in UTF-8")
                .suggesting("convert it, for example with `iconv -f latin1 -t utf-8`");
            Checked {
                workflow: None,
                diagnostics: vec![diagnostic],
            }
        }
    }
}

fn build(root: &yaml::Node, trees: &Trees, context: &mut Context<'_>) -> Option<Workflow> {
    if !matches!(root.data, yaml::Data::Map(_)) {
        return None;
    }
    let mut draft = lower::lower(root, trees, context);
    resolve::resolve(&mut draft, context);
    let order = graph::check(&mut draft, context);
    files::settle_forms(&mut draft, context);
    file_sets::check(&draft, context);
    row_files::check(&draft, context);
    expressions::check(&mut draft, context);
    scatter::check(&draft, context);
    limits::check(&draft, context);
    kernel::check(&draft, context);
    for stage in draft.stages.values() {
        cuda::check(stage, context);
        file_sets::out_of_place(stage, &draft, context);
        file_outputs::check(stage, context);
        file_sets::item_fields(stage, &draft, context);
    }
    files::check(&mut draft, context);
    if let Some(order) = order {
        schemas::check(&draft, &order, context);
        alternatives::check(&draft, &order, context);
    }
    let stages: IndexMap<_, _> = draft
        .stages
        .into_iter()
        .map(|(name, draft)| (name, draft.stage))
        .collect();
    Some(Workflow {
        stages,
        ..draft.workflow
    })
}
