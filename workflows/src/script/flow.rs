//! Follows text through the variables of a script to where it is evaluated.
//!
//! `x=${{ item }}; (( x > 3 ))` runs code from the text, because bash evaluates the content of `x`.
//! So text must not be assigned to a variable that the script evaluates anywhere. Text that a
//! command prints and the script reads again (`x=$(tool ${{ item }})`) is not followed.

use std::collections::BTreeSet;
use std::ops::Range;

use tree_sitter::Node;

use super::evaluation;
use super::node::{
    POSITIONAL, descendants, is_document, is_expansion, outside_substitutions, own_text, read_name,
};

/// One assignment of values to a variable, in whatever form.
struct Flow {
    target: String,
    /// Variables in the assigned values.
    sources: BTreeSet<String>,
    /// Byte ranges of the assigned text, to find expressions in it.
    ranges: Vec<Range<usize>>,
}

/// All assignments of a script, and the variables that it evaluates.
pub(super) struct Flows {
    flows: Vec<Flow>,
    evaluated: BTreeSet<String>,
}

impl Flows {
    /// Finds them in a parsed script.
    pub(super) fn of(root: Node<'_>, text: &str) -> Self {
        let evaluated = evaluation::names(root, text);
        let mut flows = Vec::new();
        if !evaluated.is_empty() {
            let all = descendants(root, |_| true);
            let functions: BTreeSet<&str> = all
                .iter()
                .filter(|node| node.kind() == "function_definition")
                .filter_map(|node| node.child_by_field_name("name"))
                .map(|name| &text[name.byte_range()])
                .collect();
            for node in all {
                flows.extend(flow(node, text, &functions));
            }
        }
        Self { flows, evaluated }
    }

    /// True if the value at these bytes reaches a variable that is evaluated, possibly through
    /// other variables.
    pub(super) fn reaches_evaluation(&self, value: &Range<usize>) -> bool {
        let holds = |flow: &&Flow| {
            let mut ranges = flow.ranges.iter();
            ranges.any(|range| range.start < value.end && value.start < range.end)
        };
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut new: Vec<&str> = self
            .flows
            .iter()
            .filter(holds)
            .map(|f| &*f.target)
            .collect();
        while let Some(name) = new.pop() {
            if self.evaluated.contains(name) {
                return true;
            }
            if reached.insert(name) {
                let next = self.flows.iter().filter(|flow| flow.sources.contains(name));
                new.extend(next.map(|flow| &*flow.target));
            }
        }
        false
    }
}

fn flow(node: Node<'_>, text: &str, functions: &BTreeSet<&str>) -> Vec<Flow> {
    let mut cursor = node.walk();
    match node.kind() {
        "variable_assignment" => {
            let name = node.child_by_field_name("name");
            let value = node.child_by_field_name("value");
            let target = name.map(|name| variable(&text[name.byte_range()]));
            target
                .map(|target| from(target, value, text))
                .into_iter()
                .collect()
        }
        "for_statement" => {
            let variable = node.child_by_field_name("variable");
            let Some(target) = variable.map(|name| text[name.byte_range()].to_owned()) else {
                return Vec::new();
            };
            let values: Vec<_> = node.children_by_field_name("value", &mut cursor).collect();
            if values.is_empty() {
                let sources = BTreeSet::from([POSITIONAL.to_owned()]);
                let ranges = Vec::new();
                return vec![Flow {
                    target,
                    sources,
                    ranges,
                }];
            }
            vec![from(target, values, text)]
        }
        "command" => {
            let mut flows = of_command(node, text, functions);
            flows.extend(of_input(node, text));
            flows
        }
        "redirected_statement" => of_input(node, text),
        "pipeline" => of_pipeline(node, text),
        _ => Vec::new(),
    }
}

/// Assignments by a command: `set -- V`, `printf -v NAME V`, and a call of a function that the
/// script defines.
fn of_command(node: Node<'_>, text: &str, functions: &BTreeSet<&str>) -> Vec<Flow> {
    let mut cursor = node.walk();
    let name = node.child_by_field_name("name");
    let name = name.map_or("", |name| &text[name.byte_range()]);
    let args: Vec<_> = node
        .children_by_field_name("argument", &mut cursor)
        .collect();
    if name == "set" || functions.contains(name) {
        return vec![from(POSITIONAL.to_owned(), args, text)];
    }
    let word = |at: usize| args.get(at).map_or("", |arg| &text[arg.byte_range()]);
    if name == "printf" && word(0) == "-v" {
        let target = variable(word(1).trim_matches(['\'', '"']));
        return vec![from(target, args.into_iter().skip(2), text)];
    }
    Vec::new()
}

/// Assignments from a redirected input: `read NAME <<< V`, alone or in a loop.
fn of_input(node: Node<'_>, text: &str) -> Vec<Flow> {
    let mut cursor = node.walk();
    let redirects: Vec<_> = node
        .children(&mut cursor)
        .filter(|one| is_document(*one))
        .collect();
    if redirects.is_empty() {
        return Vec::new();
    }
    let targets = read_targets(node, text);
    let flow = |target| from(target, redirects.iter().copied(), text);
    targets.into_iter().map(flow).collect()
}

/// Assignments through a pipe: text that `echo`, `printf` or a here-document writes and a later
/// part of the pipeline reads.
fn of_pipeline(node: Node<'_>, text: &str) -> Vec<Flow> {
    let mut cursor = node.walk();
    let parts: Vec<_> = node.named_children(&mut cursor).collect();
    let mut flows = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let prints = |command: &Node<'_>| {
            let name = command.child_by_field_name("name");
            let name = name.map(|name| &text[name.byte_range()]);
            is_document(*command) || matches!(name, Some("echo" | "printf"))
        };
        let printed: Vec<_> = descendants(*part, |_| true)
            .into_iter()
            .filter(prints)
            .collect();
        if printed.is_empty() {
            continue;
        }
        // The parser may place the rest of a pipeline inside the node of a here-document.
        let readers = parts
            .iter()
            .skip(at)
            .flat_map(|part| read_targets(*part, text));
        flows.extend(readers.map(|target| from(target, printed.iter().copied(), text)));
    }
    flows
}

/// Variables that `read` and `mapfile` set in a node's subtree.
fn read_targets(node: Node<'_>, text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for command in descendants(node, |_| true) {
        if command.kind() != "command" {
            continue;
        }
        let words = text[command.byte_range()].split_whitespace();
        let words: Vec<&str> = words.take_while(|word| !word.starts_with('<')).collect();
        let reads = |word: &&str| matches!(*word, "read" | "mapfile" | "readarray");
        if let Some(at) = words.iter().position(reads) {
            let names = words[at + 1..].iter().filter(|word| !word.starts_with('-'));
            targets.extend(names.map(|name| (*name).to_owned()));
            targets.extend(["REPLY", "MAPFILE"].map(str::to_owned));
        }
    }
    targets
}

fn from<'t>(target: String, values: impl IntoIterator<Item = Node<'t>>, text: &str) -> Flow {
    let mut sources = BTreeSet::new();
    let mut ranges = Vec::new();
    for value in values {
        for node in outside_substitutions(value) {
            if is_expansion(node) {
                sources.extend(read_name(node, text));
            }
            ranges.extend(own_text(node));
        }
    }
    Flow {
        target,
        sources,
        ranges,
    }
}

/// The name of an assigned variable without its subscript.
fn variable(name: &str) -> String {
    name.split('[').next().unwrap_or_default().to_owned()
}
