//! The meaning of a stage: what counts in its tasks' keys. Its name, comments, resources, retries
//! and place do not count.

use std::collections::BTreeSet;

use sunward_workflows::{
    Action, Command, CsvOptions, Cuda, CudaArg, Form, GridRows, Input, ItemUse, Output,
    OutputFormat, Scatter, Scope, Slicing, Stage, Template, Uses, Value, render_value, value_uses,
};

use super::{PlanError, Surroundings};
use crate::digest::{Digest, Hasher};
use crate::ingredient::Ingredient;
use crate::key::KEY_VERSION;
use crate::plan::Reads;
use crate::staged::StagedFiles;

/// The digest of a stage's ingredients.
pub(super) fn digest(ingredients: &[Ingredient]) -> Digest {
    let mut hasher = Hasher::new("sunward stage meaning");
    for one in ingredients {
        hasher.field(&one.name, one.bytes());
    }
    hasher.finish()
}

/// The ingredients of a stage's meaning, and what its templates read.
pub(super) fn ingredients(
    stage: &Stage,
    scope: &Scope,
    around: &Surroundings,
    staged: &StagedFiles,
) -> Result<(Vec<Ingredient>, Reads), PlanError> {
    let mut list = vec![Ingredient::text("key version", KEY_VERSION.to_string())];
    let mut uses = Uses::default();
    action(stage, &mut list, &mut uses);
    with(stage, scope, &mut list, &mut uses)?;
    for (name, template) in &stage.env {
        if template.is_inherited() {
            let value = around
                .environment
                .get(name)
                .ok_or_else(|| PlanError::NotInherited {
                    stage: stage.name.clone(),
                    name: name.clone(),
                })?;
            list.push(Ingredient::digest(
                format!("inherited env {name}"),
                Digest::of(value.as_bytes()),
            ));
            continue;
        }
        uses.merge(template.uses());
        list.push(Ingredient::text(
            format!("env {name}"),
            template.source.clone(),
        ));
    }
    let secrets: BTreeSet<&String> = stage.secrets.iter().collect();
    list.extend(
        secrets
            .into_iter()
            .map(|name| Ingredient::text(format!("secret {name}"), "by name")),
    );
    environment(stage, around, &mut list)?;
    for (port, one) in &stage.inputs {
        list.push(Ingredient::text(format!("form of {port}"), form(one)));
    }
    for (port, output) in &stage.outputs {
        if let Some(name) = &output.name {
            uses.merge(name.uses());
        }
        list.push(Ingredient::text(format!("output {port}"), format(output)));
    }
    if let Some(version) = &stage.cache.version {
        list.push(Ingredient::text("cache version", version.clone()));
    }
    for name in &uses.params {
        let value = scope.params.get(name).unwrap_or(&Value::Null);
        list.push(Ingredient::text(
            format!("param {name}"),
            staged.keyed(value).to_key(),
        ));
    }
    let by_row = match &stage.scatter {
        Scatter::Input {
            port,
            slicing: Slicing::Row,
        } => {
            let form = stage.inputs.get(port).map(|input| input.form);
            // A file counts by itself.
            !matches!(form, Some(Form::File | Form::Files))
        }
        _ => false,
    };
    let reads = Reads {
        // Without a template that reads it, and without files that it names, the row is all that could
        // make a task differ.
        item: match uses.item {
            ItemUse::Nothing if by_row && stage.row_files().next().is_none() => ItemUse::Whole,
            item if matches!(stage.action, Action::Kernel { .. } | Action::Cuda(_)) => {
                item.as_values()
            }
            item => item,
        },
        matrix: uses.matrix,
        run: uses.run || uses.attempt || !uses.statuses.is_empty(),
    };
    Ok((list, reads))
}

fn action(stage: &Stage, list: &mut Vec<Ingredient>, uses: &mut Uses) {
    match &stage.action {
        Action::Kernel { name, version } => {
            list.push(Ingredient::text(
                "kernel",
                format!("{name} version {version}"),
            ));
        }
        Action::Cuda(cuda) => {
            for value in cuda.values() {
                uses.merge(value.uses());
            }
            list.push(Ingredient::text("cuda kernel", cuda.entry.clone()));
            list.push(Ingredient::text("cuda block", cuda.block.to_string()));
            list.push(Ingredient::text("cuda arguments", arguments(cuda)));
        }
        Action::Run(Command::Shell { shell, script }) => {
            uses.merge(script.uses());
            list.push(Ingredient::text("shell", words(shell.iter())));
            list.push(Ingredient::text("command", script.source.clone()));
        }
        Action::Run(Command::Argv(argv)) => {
            for word in argv {
                uses.merge(word.uses());
            }
            let sources = argv.iter().map(|word: &Template| &word.source);
            list.push(Ingredient::text("command words", words(sources)));
        }
    }
}

/// The arguments of a CUDA kernel, in order.
fn arguments(cuda: &Cuda) -> String {
    words(cuda.args.iter().map(|arg| match arg {
        CudaArg::In { port, column } => format!("in {port}.{column}"),
        CudaArg::Out {
            port,
            column,
            column_type,
        } => format!("out {port}.{column}: {}", column_type.0),
        CudaArg::Value { value, column_type } => {
            format!("value {}: {}", value.source, column_type.0)
        }
        CudaArg::Rows { column_type } => format!("rows: {}", column_type.0),
    }))
}

/// Adds the values of `with:`. A value that reads only params counts as its rendered text, any
/// other as it is written.
fn with(
    stage: &Stage,
    scope: &Scope,
    list: &mut Vec<Ingredient>,
    uses: &mut Uses,
) -> Result<(), PlanError> {
    for (name, value) in &stage.with {
        let reads = value_uses(value);
        let only_params = Uses {
            params: reads.params.clone(),
            ..Uses::default()
        };
        let counts = if reads == only_params {
            render_value(value, scope).map_err(|error| PlanError::With {
                stage: stage.name.clone(),
                name: name.clone(),
                message: error.to_string(),
            })?
        } else {
            uses.merge(reads);
            value.clone()
        };
        list.push(Ingredient::text(
            format!("with {name}"),
            counts.to_json().to_string(),
        ));
    }
    Ok(())
}

/// Adds the staged files and the environment.
fn environment(
    stage: &Stage,
    around: &Surroundings,
    list: &mut Vec<Ingredient>,
) -> Result<(), PlanError> {
    let files: BTreeSet<&String> = stage.files.iter().collect();
    for file in files {
        let digest =
            around
                .file_digests
                .get(&stage.path(file))
                .ok_or_else(|| PlanError::Unstaged {
                    stage: stage.name.clone(),
                    file: file.clone(),
                })?;
        list.push(Ingredient::digest(format!("file {file}"), *digest));
    }
    // What something resolves to stands for its text, so that a tag and its digest are the same.
    let locks = around.locks.get(&stage.name);
    let is_resolved = |name: &str| locks.is_some_and(|locks| locks.contains_key(name));
    list.extend(
        locks
            .into_iter()
            .flatten()
            .map(|(name, digest)| Ingredient::digest(name.clone(), *digest)),
    );
    if let Some(python) = &stage.python
        && !is_resolved("python lock")
    {
        let version = python.version.as_deref().unwrap_or("any");
        list.push(Ingredient::text("python version", version));
        let packages = words(python.packages.iter());
        list.push(Ingredient::text("python packages", packages));
    }
    if let Some(conda) = &stage.conda
        && !is_resolved("conda packages")
    {
        let text = words([&conda.file, &conda.environment].into_iter());
        list.push(Ingredient::text("conda", text));
    }
    if let Some(container) = &stage.container {
        if !is_resolved("container image") {
            list.push(Ingredient::text("container", container.image.to_string()));
        }
        if !container.mounts.is_empty() {
            let mounts = words(container.mounts.iter());
            list.push(Ingredient::text("container mounts", mounts));
        }
    }
    if !stage.modules.is_empty() && !is_resolved("loaded modules") {
        list.push(Ingredient::text("modules", words(stage.modules.iter())));
    }
    if let Some(setup) = &stage.setup {
        list.push(Ingredient::text("setup", setup.clone()));
    }
    Ok(())
}

/// The form in which the command or kernel gets an input: `arrow`, `csv with columns a, b`.
fn form(input: &Input) -> String {
    let mut text = match input.form {
        Form::Arrow => "arrow",
        Form::Parquet => "parquet",
        Form::Csv => "csv",
        Form::File => "file",
        Form::Files => "files",
        Form::Netcdf => "netcdf",
    }
    .to_owned();
    if let Some(variable) = &input.variable {
        text.push_str(&format!(", variable {}", plain(variable)));
        text.push_str(match input.rows {
            GridRows::Time => ", a row a time",
            GridRows::Cell => ", a row a cell",
        });
    } else if input.rows == GridRows::Cell {
        text.push_str(", a row a cell");
    }
    if !input.columns.is_empty() {
        let columns: Vec<String> = input.columns.iter().map(|name| plain(name)).collect();
        text.push_str(&format!(" with columns {}", columns.join(", ")));
    }
    if input.csv != CsvOptions::default() {
        text.push_str(&format!(", cells {}", cells(&input.csv)));
    }
    if let Some(schema) = &input.schema {
        let columns: Vec<String> = schema
            .iter()
            .map(|column| format!("{}: {}", plain(&column.name), column.column_type.0))
            .collect();
        text.push_str(&format!(", schema {}", columns.join(", ")));
    }
    text
}

/// How a text table is written: `delimiter ;, null NA`.
fn cells(csv: &CsvOptions) -> String {
    let mut words = Vec::new();
    for (name, value) in [
        ("delimiter", csv.delimiter),
        ("comment", csv.comment),
        ("decimal", csv.decimal),
    ] {
        words.extend(value.map(|c| format!("{name} {}", plain(&c.to_string()))));
    }
    words.extend(csv.null.iter().map(|null| format!("null {}", plain(null))));
    words.join(", ")
}

/// The form in which it must write an output: `csv with n: int64, square: int64`.
fn format(output: &Output) -> String {
    let mut text = match output.format {
        OutputFormat::Arrow => "arrow",
        OutputFormat::Parquet => "parquet",
        OutputFormat::Csv => "csv",
        OutputFormat::File => "file",
        OutputFormat::Dir => "dir",
        OutputFormat::Files => "files",
        OutputFormat::Netcdf => "netcdf",
    }
    .to_owned();
    if let Some(ext) = &output.ext {
        text.push_str(&format!(" .{}", plain(ext)));
    }
    if output.format == OutputFormat::Files {
        text.push_str(&format!(" that match {}", plain(output.pattern())));
        if let Some(split) = &output.split {
            text.push_str(&format!(", split by {}", plain(split)));
        }
        if output.optional {
            text.push_str(", if any");
        }
    }
    if let Some(name) = &output.name {
        text.push_str(&format!(" named {}", plain(&name.source)));
    }
    match output.schema.as_deref() {
        None => {}
        Some([]) => text.push_str(" without columns"),
        Some(columns) => {
            let columns: Vec<String> = columns
                .iter()
                .map(|column| format!("{}: {}", plain(&column.name), column.column_type.0))
                .collect();
            text.push_str(&format!(" with {}", columns.join(", ")));
        }
    }
    text
}

/// A word, quoted if a character in it could be mistaken for punctuation. Different words give
/// different texts.
fn plain(word: &str) -> String {
    let harmless = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    serde_json::Value::String(word.to_owned()).to_string()
}

/// A list of words as text. Different lists give different texts.
fn words<S: Into<String>>(list: impl Iterator<Item = S>) -> String {
    serde_json::Value::Array(
        list.map(|word| serde_json::Value::String(word.into()))
            .collect(),
    )
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn words_are_quoted_only_where_they_could_be_mistaken() {
        assert_eq!(plain("square_2"), "square_2");
        assert_eq!(plain("a, b"), "\"a, b\"");
        assert_eq!(plain("\"a\""), "\"\\\"a\\\"\"");
        assert_eq!(plain(""), "\"\"");
    }
}
