//! Names of outputs that follow from the rows of a workflow's own table: two rows that give the same
//! one are told before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_workflows::{
    CompiledTemplate, Diagnostic, ItemUse, Scatter, Scope, Slicing, Stage, Value, codes, quoted,
};

/// Whether outputs of a stage are named by the rows of the table that it scatters over.
pub(crate) fn follow_from_rows(stage: &Stage) -> bool {
    let by_row = matches!(
        &stage.scatter,
        Scatter::Input {
            slicing: Slicing::Row,
            ..
        }
    );
    by_row && stage.repeat.is_none() && stage.outputs.values().any(|output| output.name.is_some())
}

/// The first two rows that give an output the same name, for each output. Names that read what is not
/// known yet are left out.
pub(crate) fn twice(
    stage: &Stage,
    sheet: &str,
    (rows, params): (&[Value], &Arc<BTreeMap<String, Value>>),
) -> Vec<Diagnostic> {
    if !follow_from_rows(stage) {
        return Vec::new();
    }
    let outputs = stage.outputs.iter().filter_map(|(port, output)| {
        let name = CompiledTemplate::new(&output.name.as_ref()?.source).ok()?;
        let uses = name.uses();
        let are_known = uses.params.iter().all(|name| params.contains_key(name));
        if !are_known || !rows.iter().all(|row| is_as_written(row, &uses.item)) {
            return None;
        }
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            let scope = Scope {
                params: Arc::clone(params),
                item: Some(row.clone()),
                ..Scope::default()
            };
            let text = name.render_text(&scope).ok()?;
            if let Some(before) = known.insert(text.clone(), at) {
                let message = format!(
                    "{sheet}: rows {} and {} both name their output `{port}` {}",
                    before + 1,
                    at + 1,
                    quoted(&text)
                );
                return Some(
                    Diagnostic::error(codes::UNPAIRED, output.span, message).expecting(
                        "a name that differs from row to row, or `scatter: { over: …, by: COLUMN }` \
                         for one task a value",
                    ),
                );
            }
        }
        None
    });
    outputs.collect()
}

/// Whether the cells that a name reads print here as they do in a run: a number with a point keeps
/// the text of its cell only there.
fn is_as_written(row: &Value, item: &ItemUse) -> bool {
    let Value::Map(cells) = row else {
        return false;
    };
    let prints = |value: &Value| matches!(value, Value::String(_) | Value::Int(_) | Value::Bool(_));
    match item {
        ItemUse::Nothing => true,
        ItemUse::Whole => false,
        ItemUse::Fields(fields) => {
            let mut read = cells
                .iter()
                .filter(|(name, _)| fields.keys().flatten().any(|field| field == name));
            read.all(|(_, value)| prints(value))
        }
    }
}
