//! Lowers a stage with `uses:`: the stages of its file become stages of the workflow.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::binding;
use super::context::Context;
use super::draft::{Draft, DraftStage, DraftUsed, UsedOutputs};
use super::file::{Chain, File, Trees};
use super::lower::lower_stages;
use super::reference::{is_path, is_pattern, parse_reference};
use super::{limits, params, stage};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Action, Command, OuterCondition, Reference, Stage, Used};
use crate::names::one_of;
use crate::yaml::{Data, Entry, Node};

/// Keys of a stage with `uses:`. All others are stated in the file.
const KEYS: &[&str] = &["uses", "with", "inputs", "needs", "depends_on", "if"];

/// The most files around a file. A file that uses itself is found before.
const DEEPEST: usize = 16;

/// The most stages that use files. Files that use others twice would soon fill the memory.
const MOST: usize = 2000;

/// Lowers one stage.
pub(super) fn lower<'n>(
    entry: &'n Entry,
    file: &File<'_>,
    trees: &'n Trees,
    draft: &mut Draft<'n>,
    context: &mut Context<'_>,
) {
    let node = &entry.value;
    let name = file.name(&entry.key);
    out_of_place(node, context);
    let condition = stage::condition(node);
    let mut waits = stage::waits(node, file);
    waits.extend(file.waits.iter().cloned());
    let stage = Stage {
        condition: condition.clone(),
        folder: file.folder.to_owned(),
        span: entry.key_span,
        ..Stage::new(name.clone(), Action::Run(Command::Argv(Vec::new())))
    };
    let mut used = DraftUsed {
        stage: DraftStage {
            stage,
            node: Cow::Borrowed(node),
            known: false,
            sources: Vec::new(),
            waits: waits.clone(),
        },
        outputs: None,
        data: BTreeMap::new(),
    };
    let Some((path, chain, root)) = tree(node, file, trees, draft, context) else {
        draft.used.insert(name, used);
        return;
    };
    let mut conditions = file.conditions.clone();
    conditions.extend(condition.map(|condition| OuterCondition {
        stage: name.clone(),
        condition,
    }));
    let mut model = Used {
        params: params::lower(root.get("params"), context),
        file: path,
        ..Used::default()
    };
    draft.limit_names.extend(limits::names(root));
    for (name, units) in limits::counts(root.get("limits")) {
        let limit = draft.workflow.limits.entry(name).or_insert(units);
        *limit = units.min(*limit);
    }
    let folder = model.folder().to_owned();
    let inner = File {
        around: Some(&name),
        folder: &folder,
        conditions,
        waits: waits.clone(),
        chain,
    };
    binding::bind(
        entry,
        root,
        (file, &inner),
        &mut model,
        draft,
        &mut used,
        context,
    );
    used.outputs = Some(outputs(root, &inner, draft, context));
    draft.workflow.uses.insert(name.clone(), model);
    draft.used.insert(name.clone(), used);
    lower_stages(root, &inner, trees, draft, context);
}

/// The path of the file that a stage uses, the files around it and itself, and its tree.
fn tree<'n>(
    node: &Node,
    file: &File<'_>,
    trees: &'n Trees,
    draft: &Draft<'_>,
    context: &mut Context<'_>,
) -> Option<(String, Chain, &'n Node)> {
    let uses = node.get("uses")?;
    let text = uses.text()?;
    if !is_path(text) || is_pattern(text) {
        let message = format!("`{text}` is not the path of a file");
        let diagnostic = Diagnostic::error(codes::BAD_USE, uses.span, message)
            .expecting("a workflow's file, such as ./qc.yaml");
        context.report(match path_instead(text) {
            Some(help) => diagnostic.suggesting(help),
            None => diagnostic,
        });
        return None;
    }
    let path = file.path(text);
    let unusable = |why: String| {
        let message = format!("{text} cannot be used: {why}");
        Diagnostic::error(codes::BAD_USE, uses.span, message)
            .expecting("a workflow's file; paths are relative to this one")
    };
    if file.chain.len() > DEEPEST || draft.used.len() >= MOST {
        let why = format!(
            "at most {DEEPEST} files are inside each other, and at most {MOST} stages use files"
        );
        context.report(unusable(why));
        return None;
    }
    let Some(known) = context.facts.used.get(&path) else {
        context.report(unusable("it was not read".to_owned()));
        return None;
    };
    if let Err(why) = &known.text {
        context.report(unusable(why.clone()));
        return None;
    }
    let mut chain = file.chain.clone();
    let at = chain.iter().position(|(file, _)| *file == known.identity);
    chain.push((known.identity.clone(), known.shown.clone()));
    if let Some(at) = at {
        let names: Vec<&str> = chain[at..].iter().map(|(_, name)| name.as_str()).collect();
        let diagnostic = unusable(format!("it uses itself: {}", names.join(" -> ")));
        context.report(diagnostic.suggesting("move the stages that both need to a third file"));
        return None;
    }
    // The mistakes of a file that has no tree are already reported.
    let root = trees.get(&path)?;
    matches!(root.data, Data::Map(_)).then_some((path, chain, root))
}

/// What to do about a text under `uses:` that is not the path of one file.
fn path_instead(text: &str) -> Option<String> {
    if is_path(text) {
        let help = "rename the file or its folder: `*`, `?`, `[` and `{` make a path a pattern";
        return Some(help.to_owned());
    }
    if text.contains("://") {
        let address = text.split(['?', '#', '@']).next().unwrap_or_default();
        let name = address.rsplit('/').next().unwrap_or_default();
        let name = match is_yaml(name) {
            true => name,
            false => "NAME.yaml",
        };
        return Some(format!(
            "nothing is fetched from an address: save the file beside this one, and write `./{name}`"
        ));
    }
    is_yaml(text).then(|| format!("write `./{text}`"))
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// The outputs of a file, by name: the full name of the stage, and its port.
fn outputs(
    root: &Node,
    inner: &File<'_>,
    draft: &mut Draft<'_>,
    context: &mut Context<'_>,
) -> UsedOutputs {
    let mut outputs = UsedOutputs::new();
    for entry in root.get("outputs").map(Node::entries).unwrap_or_default() {
        let Some(text) = entry.value.text() else {
            continue;
        };
        match parse_reference(text).map(|reference| inner.reference(reference)) {
            Ok(Reference::Port { stage, port }) => {
                let place = (stage.clone(), port.clone(), entry.value.span);
                draft.outputs.push(place);
                outputs.insert(entry.key.clone(), (stage, port));
            }
            _ => context.report(not_an_output(text, entry)),
        }
    }
    outputs
}

/// The mistake of an output that names something else than a port.
pub(super) fn not_an_output(text: &str, entry: &Entry) -> Diagnostic {
    let message = format!("`{text}` is not an output of a stage");
    Diagnostic::error(codes::BAD_SOURCE, entry.value.span, message).expecting("stage.port")
}

fn out_of_place(node: &Node, context: &mut Context<'_>) {
    for entry in node.entries() {
        let key = entry.key.as_str();
        // An unknown key is already reported.
        if KEYS.contains(&key) || crate::syntax::STAGE.key(key).is_none() {
            continue;
        }
        let message = format!("`{key}` does not apply to a stage with `uses`");
        context.report(
            Diagnostic::error(codes::OUT_OF_PLACE, entry.key_span, message)
                .expecting(one_of(
                    KEYS.iter().copied().filter(|key| *key != "depends_on"),
                ))
                .suggesting(match key {
                    "scatter" | "matrix" => format!(
                        "write `{key}` in the stages of the file; `inputs:` and `with:` here give \
                         the data and lists over which they run"
                    ),
                    _ => format!("write `{key}` in the stages of the file"),
                }),
        );
    }
}
