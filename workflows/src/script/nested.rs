//! Programs that a script holds as a literal word: `bash -c '…'`, `eval '…'`, `trap '…' EXIT`.

use std::collections::BTreeSet;

use tree_sitter::Parser;

use super::agreement::is_plain;
use super::flow::Flows;
use super::node::{CUT, DASHED, FIRST, INPUT, POSITIONAL, is_too_deep};
use super::preset::Preset;
use super::reads::words;
use super::shell::Dialect;
use super::source::Source;
use super::sources::WORLD;

/// Everything whose text this program evaluates: variables, positional parameters and standard
/// input. A program that does not parse evaluates everything that it mentions.
pub(super) fn evaluated(program: &str) -> BTreeSet<String> {
    evaluated_with(program, &Preset::default())
}

/// The same for a program whose variables are as in `preset` when it starts.
pub(super) fn evaluated_with(program: &str, preset: &Preset) -> BTreeSet<String> {
    parsed(program, preset).unwrap_or_else(|| {
        let mut all = BTreeSet::from([POSITIONAL, FIRST, INPUT, WORLD].map(str::to_owned));
        words(program, &mut all);
        all
    })
}

/// True if the program evaluates its positional parameters.
pub(super) fn evaluates_arguments(program: &str) -> bool {
    let names = evaluated(program);
    [POSITIONAL, FIRST, WORLD]
        .iter()
        .any(|name| names.contains(*name))
}

/// True if an argument of the program must not begin with `-`.
pub(super) fn dashes_arguments(program: &str) -> bool {
    let names = evaluated(program);
    [DASHED, CUT].iter().any(|mark| {
        [POSITIONAL, FIRST]
            .iter()
            .any(|name| names.contains(&format!("{mark}{name}")))
    })
}

/// True if the program evaluates what it reads from its standard input.
pub(super) fn evaluates_input(program: &str) -> bool {
    evaluated(program).contains(INPUT)
}

fn parsed(program: &str, preset: &Preset) -> Option<BTreeSet<String>> {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_bash::LANGUAGE.into())
        .ok()?;
    let tree = parser.parse(program, None)?;
    let root = tree.root_node();
    if root.has_error() || is_too_deep(root) || !is_plain(root, program, Dialect::Bash) {
        return None;
    }
    Some(Flows::of(root, &Source::of(program, root, preset)).into_evaluated())
}
