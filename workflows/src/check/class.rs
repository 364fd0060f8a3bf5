//! Decides which expressions certainly give a number, as far as types show before a run.

use super::draft::{Draft, DraftStage};
use super::file_sets;
use crate::expr::Compiled;
use crate::facts::{Facts, FileFact};
use crate::model::{ParamType, Reference, Scatter, Slicing};
use crate::script::{ParamValues, Preset, is_harmless, is_number};
use crate::value::Value;

/// Filters that give a number or a boolean, or fail.
const NUMERIC: &[&str] = &["int", "float", "length", "count", "bool"];

/// Column types whose values are numbers.
const COLUMNS: &[&str] = &[
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64", "bool",
];

/// What is known about the names that a stage reads.
pub(super) struct Classes<'d, 'n> {
    draft: &'d Draft<'n>,
    stage: &'d DraftStage<'n>,
    facts: &'d Facts,
}

impl<'d, 'n> Classes<'d, 'n> {
    pub(super) fn new(draft: &'d Draft<'n>, stage: &'d DraftStage<'n>, facts: &'d Facts) -> Self {
        Self {
            draft,
            stage,
            facts,
        }
    }

    /// The variables that the stage's command finds.
    pub(super) fn preset(&self) -> Preset {
        let params = self.draft.workflow.params_of(&self.stage.stage.name);
        let values = |name: &str| match params.get(name) {
            Some(param) if param.kind == ParamType::Choice => ParamValues {
                values: param.choices.clone(),
                is_complete: true,
            },
            Some(param) => ParamValues {
                values: param.default.iter().cloned().collect(),
                is_complete: false,
            },
            None => ParamValues::default(),
        };
        Preset::of(&self.stage.stage, values, |_| None)
    }

    /// True if the value may be written literally anywhere.
    pub(super) fn is_number(&self, one: &Compiled) -> bool {
        if let Some(name) = one.as_name() {
            return self.is_numeric_name(name, true);
        }
        let source = one.source.as_str();
        if let Some((_, filter)) = source.rsplit_once('|') {
            return NUMERIC.contains(&filter.trim());
        }
        let arithmetic = !source.contains(['\'', '"', '~', '[', '{']);
        arithmetic
            && one
                .names()
                .iter()
                .all(|name| self.is_numeric_name(name, false))
    }

    fn is_numeric_name(&self, name: &[String], alone: bool) -> bool {
        let words: Vec<&str> = name.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["attempt" | "repeat"] => true,
            ["stages", _, "status"] => alone,
            ["run", "id"] => alone,
            ["params", param] => self.is_numeric_param(param, alone),
            ["item"] => match &self.stage.stage.scatter {
                Scatter::Range(_) => true,
                Scatter::Items(Value::List(list)) => list.iter().all(is_number),
                _ => false,
            },
            ["item", column] => self.is_numeric_column(column),
            ["matrix", axis] => match &self.stage.stage.scatter {
                Scatter::Matrix(axes) => matches!(
                    axes.get(*axis),
                    Some(Value::List(list)) if list.iter().all(is_number)
                ),
                _ => false,
            },
            _ => false,
        }
    }

    fn is_numeric_param(&self, name: &str, alone: bool) -> bool {
        let Some(param) = self
            .draft
            .workflow
            .params_of(&self.stage.stage.name)
            .get(name)
        else {
            return false;
        };
        match param.kind {
            ParamType::Int | ParamType::Float | ParamType::Bool => true,
            ParamType::Choice => param
                .choices
                .iter()
                .all(|choice| is_number(choice) || alone && is_harmless(&choice.to_text())),
            ParamType::String
            | ParamType::Path
            | ParamType::Table
            | ParamType::Files
            | ParamType::List => false,
        }
    }

    fn is_numeric_column(&self, column: &str) -> bool {
        let Scatter::Input {
            port,
            slicing: Slicing::Row,
        } = &self.stage.stage.scatter
        else {
            return false;
        };
        if file_sets::is_files(self.stage, port, self.draft) {
            return column == "bytes" && !file_sets::are_folders(self.stage, port);
        }
        let mut sources = self
            .stage
            .sources
            .iter()
            .filter(|s| s.port == *port)
            .peekable();
        let declared = self.stage.stage.inputs.get(port);
        let declared = declared.and_then(|input| input.schema.as_ref());
        if let Some(spec) = declared.and_then(|schema| schema.iter().find(|c| c.name == column)) {
            return COLUMNS.contains(&spec.column_type.0.as_str());
        }
        sources.peek().is_some()
            && sources.all(|source| {
                self.column_type(&source.reference, port, column)
                    .is_some_and(|name| COLUMNS.contains(&name))
            })
    }

    fn column_type(&self, reference: &Reference, port: &str, column: &str) -> Option<&str> {
        let input = self.stage.stage.inputs.get(port)?;
        let columns = match reference {
            Reference::Path(path) => match self.facts.of_input(path, input)? {
                FileFact::Table { columns, .. } => columns,
                _ => return None,
            },
            Reference::Port { stage, port } => {
                let output = self.draft.stages.get(stage)?.stage.outputs.get(port)?;
                output.schema.as_ref()?
            }
            // Another file may be given at run time.
            Reference::Param(_)
            | Reference::Url(_)
            | Reference::Pattern(_)
            | Reference::Item(_) => return None,
        };
        let found = columns.iter().find(|spec| spec.name == column)?;
        Some(found.column_type.0.as_str())
    }
}
