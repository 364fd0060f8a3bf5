//! Replaces what stands for something in a file that a stage uses: the outputs of that stage by the
//! ports of the file's stages, its name by their names, and parameters that are bound to data by the
//! sources of that data.

use std::collections::BTreeMap;

use super::context::Context;
use super::draft::{DataSources, Draft, Source, UsedOutputs};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Action, Form, Reference, full_name, own_name};
use crate::names::one_of;
use crate::source::Span;

/// Replaces them all.
pub(super) fn resolve(draft: &mut Draft<'_>, context: &mut Context<'_>) {
    if draft.used.is_empty() {
        return;
    }
    let names = Names::of(draft);
    for stage in draft.stages.values_mut() {
        let mut sources = Vec::with_capacity(stage.sources.len());
        for source in std::mem::take(&mut stage.sources) {
            let Some(input) = stage.stage.inputs.get_mut(&source.port) else {
                continue;
            };
            let alone = input.from.len() == 1;
            let data = names.data(&source.reference);
            let is_first = data.is_some_and(|data| data.first);
            let is_command = matches!(stage.stage.action, Action::Run(_));
            if is_command && !input.form_is_stated && data.is_some_and(|data| data.are_files) {
                input.form = Form::Files;
                input.form_is_stated = true;
            }
            for (reference, span) in names.sources(source.reference.clone(), source.span, context) {
                let port = source.port.clone();
                sources.push(Source {
                    port,
                    reference,
                    span,
                });
            }
            if is_first && !alone {
                context.report(mixed(source.span));
            }
            input.first |= is_first;
        }
        for (port, input) in &mut stage.stage.inputs {
            let own = sources.iter().filter(|source| source.port == *port);
            input.from = own.map(|source| source.reference.clone()).collect();
        }
        stage.sources = sources;
        stage.waits = names.waits(&stage.waits);
        stage.stage.needs = stage.waits.iter().map(|(name, _)| name.clone()).collect();
    }
    for (stage, port, span) in std::mem::take(&mut draft.outputs) {
        let found = names.sources(Reference::Port { stage, port }, span, context);
        let ports = found.into_iter().filter_map(|(reference, span)| {
            let (stage, port) = reference.port()?;
            Some((stage.to_owned(), port.to_owned(), span))
        });
        draft.outputs.extend(ports);
    }
    for (name, used) in &mut draft.workflow.uses {
        let outputs = names.outputs.get(name).cloned().flatten();
        let port =
            |(output, (stage, port))| Some((output, names.port(&Reference::Port { stage, port })?));
        used.outputs = outputs.into_iter().flatten().filter_map(port).collect();
    }
    for reference in draft.workflow.outputs.values_mut() {
        if let Some(found) = names.port(reference) {
            *reference = found;
        }
    }
}

/// What names stand for.
struct Names {
    /// The outputs of the stages that use files, by full name. `None` if the file could not be read.
    outputs: BTreeMap<String, Option<UsedOutputs>>,
    /// The sources of parameters, by full name.
    data: BTreeMap<String, DataSources>,
    /// The stages of each file and of the files in it, by the full name of the stage that uses it.
    members: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn of(draft: &mut Draft<'_>) -> Self {
        let mut names = Self {
            outputs: BTreeMap::new(),
            data: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        for (name, used) in &mut draft.used {
            names.outputs.insert(name.clone(), used.outputs.clone());
            for (param, sources) in std::mem::take(&mut used.data) {
                names.data.insert(full_name(Some(name), &param), sources);
            }
        }
        for stage in draft.stages.keys() {
            let mut around = crate::model::enclosing(stage);
            while let Some(name) = around {
                let members = names.members.entry(name.to_owned()).or_default();
                members.push(stage.clone());
                around = crate::model::enclosing(name);
            }
        }
        names
    }

    /// The sources of the parameter that a reference names, if it is bound to data.
    fn data(&self, reference: &Reference) -> Option<&DataSources> {
        match reference {
            Reference::Param(name) => self.data.get(name),
            _ => None,
        }
    }

    /// The port of a stage that a port of a stage with `uses:` stands for.
    fn port(&self, reference: &Reference) -> Option<Reference> {
        let (mut stage, mut port) = reference.port()?;
        while let Some(outputs) = self.outputs.get(stage) {
            (stage, port) = outputs
                .as_ref()?
                .get(port)
                .map(|(stage, port)| (stage.as_str(), port.as_str()))?;
        }
        Some(Reference::Port {
            stage: stage.to_owned(),
            port: port.to_owned(),
        })
    }

    /// The sources that a reference stands for, with their places.
    fn sources(
        &self,
        reference: Reference,
        span: Span,
        context: &mut Context<'_>,
    ) -> Vec<(Reference, Span)> {
        if let Some(data) = self.data(&reference) {
            let from = data.from.iter();
            return from
                .flat_map(|(inner, span)| self.sources(inner.clone(), *span, context))
                .collect();
        }
        let Some((stage, port)) = reference.port() else {
            return vec![(reference, span)];
        };
        match (self.outputs.get(stage), self.port(&reference)) {
            (None, _) => vec![(reference, span)],
            (_, Some(found)) => vec![(found, span)],
            // The mistakes of a file that could not be read are reported there.
            (Some(None), None) => Vec::new(),
            (Some(Some(outputs)), None) => {
                if !outputs.contains_key(port) {
                    context.report(unknown_output(stage, port, span, outputs));
                }
                Vec::new()
            }
        }
    }

    /// The stages that must end first, with all those of a file in place of the stage that uses it.
    fn waits(&self, waits: &[(String, Span)]) -> Vec<(String, Span)> {
        let mut all = Vec::with_capacity(waits.len());
        for (name, span) in waits {
            match (self.members.get(name), self.outputs.get(name)) {
                (Some(members), _) => {
                    all.extend(members.iter().map(|member| (member.clone(), *span)));
                }
                // The mistakes of a file without stages are reported there.
                (None, Some(_)) => {}
                (None, None) => all.push((name.clone(), *span)),
            }
        }
        all
    }
}

fn unknown_output(stage: &str, port: &str, span: Span, outputs: &UsedOutputs) -> Diagnostic {
    let known = || outputs.keys().map(String::as_str);
    let message = format!(
        "the file of stage `{}` has no output `{port}`",
        own_name(stage)
    );
    let diagnostic = Diagnostic::error(codes::UNKNOWN_PORT, span, message);
    match known().next() {
        Some(_) => diagnostic.expecting(one_of(known())).nearest(port, known()),
        None => diagnostic.suggesting(format!(
            "name it in that file: `outputs: {{ {port}: STAGE.PORT }}`"
        )),
    }
}

fn mixed(span: Span) -> Diagnostic {
    let message =
        "this parameter gets the first of several sources, and the input has other sources too";
    Diagnostic::error(codes::BAD_BINDING, span, message)
        .expecting("an input that reads this parameter alone")
}
