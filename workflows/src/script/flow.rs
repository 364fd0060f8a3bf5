//! Follows text through the variables of a script to where it is evaluated.
//!
//! `x=${{ item }}; (( x > 3 ))` runs code from the text, because bash evaluates the content of `x`.
//! So text must not be assigned to a variable that the script evaluates anywhere. What a command
//! prints may hold the text of its words (`x=$(tool ${{ item }})`), unless it is a number by nature
//! (`output`). Files that the script writes are followed like variables (`written`).
//!
//! What comes from outside the script, such as the content of a file or the output of a program, may
//! hold any value (`sources`). If the script evaluates that, it may have no text at all. Commands'
//! names and the files of programs are excepted, because `tool=$(./find_tool)` is how scripts work.

use std::collections::BTreeSet;
use std::ops::Range;

use tree_sitter::Node;

use super::evaluation;
use super::graph::{Flow, Graph};
use super::guard::{self, Guard};
use super::interpreter;
use super::node::{
    CUT, DASHED, DIVIDED, ENVIRONMENT, FIRST, INPUT, LOOSE, POSITIONAL, PRINTED, READERS,
    descendants, is_document, is_length, literal, own_text, read_name,
};
use super::output;
use super::output::outside_numbers;
use super::refusal::Refusal;
use super::run_file::RunFile;
use super::source::Source;
use super::sources::{self, CALL, CLOSED, WORLD};
use super::targets::read_targets;
use super::world::World;
use super::written::{self, Names};

/// All assignments of a script, and the variables that it evaluates.
pub(super) struct Flows {
    flows: Vec<Flow>,
    evaluated: BTreeSet<String>,
    /// Also the variables that are evaluated only if their text divides into several words.
    divided: BTreeSet<String>,
    /// The variables that `make` gets and expands, if the script runs it.
    environment: BTreeSet<String>,
    /// Whether `make` runs, which also expands variables that come from outside.
    makes: bool,
    /// What evaluates text of unknown origin, if something does.
    world: Option<World>,
    /// What is evaluated in another way than in files that the script runs.
    elsewhere: BTreeSet<String>,
    /// The files that the script writes and may run.
    run_files: Vec<RunFile>,
    /// What must not begin with `-`.
    dashed: BTreeSet<String>,
    /// The same, where its beginning may be cut off.
    cut: BTreeSet<String>,
}

impl Flows {
    /// Finds them in a parsed script.
    pub(super) fn of(root: Node<'_>, text: &Source<'_>) -> Self {
        let names = evaluation::names(root, text);
        let all = descendants(root, |_| true);
        let functions: BTreeSet<&str> = all
            .iter()
            .filter(|node| node.kind() == "function_definition")
            .filter_map(|node| node.child_by_field_name("name"))
            .map(|name| &text[name.byte_range()])
            .collect();
        let script = Script { text, functions };
        let flows = all.iter().flat_map(|node| script.flow(*node));
        let readers = read_targets(root, text)
            .into_iter()
            .collect::<BTreeSet<_>>();
        let readers = readers.into_iter().map(|reader| of_source(reader, READERS));
        let flows: Vec<Flow> = flows.chain(readers).collect();
        let assigned =
            |node: &&Node<'_>| matches!(node.kind(), "variable_assignment" | "for_statement");
        let others = all.iter().filter(|node| !assigned(node));
        let others = others.flat_map(|node| script.flow(*node));
        let files = Names::of(
            root,
            text,
            &script.functions,
            others.map(|flow| flow.target).collect(),
        );
        let marked = |mark: &str| {
            let names = names.iter().filter_map(|name| name.strip_prefix(mark));
            names.map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let (loose, divided) = (marked(LOOSE), marked(DIVIDED));
        let makes = names.contains(ENVIRONMENT);
        let strict: BTreeSet<String> = names
            .iter()
            .filter(|name| is_strict(name))
            .cloned()
            .collect();
        let graph = Graph::of(&flows, &files, text);
        let strict = graph.closed(strict);
        let is_unknown = |name: &str| {
            let unknown = |name: &str| !script.functions.contains(name);
            name == WORLD || name.strip_prefix(CALL).is_some_and(unknown)
        };
        let world = strict.iter().any(|name| is_unknown(name));
        let world = world.then(|| World::of(root, text, &graph, is_unknown));
        let run_files = RunFile::all(&names, &graph);
        let other = loose
            .iter()
            .filter(|name| written::program_word(name).is_none());
        let elsewhere = graph.closed(strict.iter().chain(other).cloned().collect());
        let evaluated = graph.closed(strict.union(&loose).cloned().collect());
        let divided = graph.closed(evaluated.union(&divided).cloned().collect());
        let environment = match makes {
            true => graph.closed(BTreeSet::from([ENVIRONMENT.to_owned()])),
            false => BTreeSet::new(),
        };
        let dashed = graph.closed(marked(DASHED).union(&marked(CUT)).cloned().collect());
        let cutting = flows.iter().filter(|flow| flow.cuts);
        let cutting = cutting.filter(|flow| dashed.contains(&flow.target));
        let cutting = cutting.flat_map(|flow| flow.sources.iter().cloned());
        let cut = graph.closed(cutting.chain(marked(CUT)).collect());
        drop(graph);
        Self {
            flows,
            evaluated,
            divided,
            environment,
            makes,
            world,
            elsewhere,
            run_files,
            dashed,
            cut,
        }
    }

    /// Everything whose text the script evaluates, possibly through other variables, apart from
    /// the variables that every shell evaluates.
    pub(super) fn into_evaluated(self) -> BTreeSet<String> {
        let mut evaluated = self.evaluated;
        evaluated.retain(|name| name != WORLD && !interpreter::is_evaluated(name));
        let dashed = self
            .dashed
            .into_iter()
            .map(|name| format!("{DASHED}{name}"));
        let cut = self.cut.into_iter().map(|name| format!("{CUT}{name}"));
        evaluated.extend(dashed.chain(cut));
        if self.world.is_some() {
            evaluated.insert(WORLD.to_owned());
        }
        if self.makes {
            evaluated.insert(ENVIRONMENT.to_owned());
        }
        evaluated
    }

    /// For each of these ranges, in their order, the names that the text there is assigned to. Ranges do
    /// not overlap.
    pub(super) fn targets(&self, values: &[Range<usize>]) -> Vec<BTreeSet<&str>> {
        let mut targets = vec![BTreeSet::new(); values.len()];
        for flow in &self.flows {
            for range in &flow.ranges {
                let first = values.partition_point(|value| value.end <= range.start);
                let held = values.iter().zip(&mut targets).skip(first);
                for (_, targets) in held.take_while(|(value, _)| value.start < range.end) {
                    targets.insert(flow.target.as_str());
                }
            }
        }
        targets
    }

    /// Why text is not allowed in the script, if it is assigned to these names and one of them is
    /// evaluated, possibly through other variables, or through the world outside. The `path` of an
    /// input does not divide into words.
    pub(super) fn refusal(&self, targets: &BTreeSet<&str>, path: bool) -> Option<Refusal> {
        let reaches =
            |names: &BTreeSet<String>| targets.iter().any(|target| names.contains(*target));
        if reaches(&self.evaluated) && !reaches(&self.elsewhere) {
            return Some(Refusal::RunFile);
        }
        if reaches(&self.evaluated) || !path && reaches(&self.divided) {
            return Some(Refusal::EvaluatedLater);
        }
        if reaches(&self.environment) {
            return Some(Refusal::MakeVariable);
        }
        self.world.is_some().then_some(Refusal::EvaluatesWorld)
    }

    /// What is asked of text that is assigned to these names.
    pub(super) fn guard(&self, targets: &BTreeSet<&str>) -> Guard {
        let reaches =
            |names: &BTreeSet<String>| targets.iter().any(|target| names.contains(*target));
        let cuts = |target: &&str| {
            let flows = self.flows.iter();
            let mut cutting = flows.filter(|flow| flow.cuts && flow.target == **target);
            self.dashed.contains(*target) && cutting.any(|flow| !flow.ranges.is_empty())
        };
        match () {
            () if reaches(&self.cut) || targets.iter().any(cuts) => Guard::Within,
            () if reaches(&self.dashed) => Guard::Begins,
            () => Guard::None,
        }
    }

    /// The file with text that is assigned to these names, if the script runs it.
    pub(super) fn run_file(&self, targets: &BTreeSet<&str>) -> Option<&RunFile> {
        self.run_files.iter().find(|file| file.holds(targets))
    }

    /// What evaluates text of unknown origin, if something does.
    pub(super) fn world(&self) -> Option<&World> {
        self.world.as_ref()
    }
}

/// True for a name that is evaluated wherever its text comes from.
fn is_strict(name: &str) -> bool {
    name != ENVIRONMENT
        && ![LOOSE, DIVIDED, DASHED, CUT]
            .iter()
            .any(|mark| name.starts_with(mark))
}

/// What is known of a script before its assignments are found.
struct Script<'s> {
    text: &'s Source<'s>,
    functions: BTreeSet<&'s str>,
}

impl Script<'_> {
    fn flow(&self, node: Node<'_>) -> Vec<Flow> {
        let text = self.text;
        let mut cursor = node.walk();
        match node.kind() {
            "variable_assignment" => of_assignment(node, text),
            "declaration_command" => of_export(node, text),
            "for_statement" => {
                let variable = node.child_by_field_name("variable");
                let Some(target) = variable.map(|name| text[name.byte_range()].to_owned()) else {
                    return Vec::new();
                };
                let values: Vec<_> = node.children_by_field_name("value", &mut cursor).collect();
                if values.is_empty() {
                    return vec![of_source(target, POSITIONAL)];
                }
                vec![with_patterns(from(target, values, text), text)]
            }
            "function_definition" => {
                let (name, body) = (
                    node.child_by_field_name("name"),
                    node.child_by_field_name("body"),
                );
                let Some((name, body)) = name.zip(body) else {
                    return Vec::new();
                };
                let name = &text[name.byte_range()];
                [CALL, CLOSED]
                    .map(|kind| from(format!("{kind}{name}"), [body], text))
                    .into()
            }
            "expansion" => of_default(node, text),
            "test_command" => vec![from("BASH_REMATCH".to_owned(), [node], text)],
            "command" => {
                let mut flows = of_command(node, text, &self.functions);
                flows.extend(self.of_input(node));
                flows
            }
            "redirected_statement" => {
                let mut flows = self.of_input(node);
                let files = written::files(node, text);
                match is_exec(node, text) {
                    // From then on, all commands write there.
                    true => flows.extend(files.into_iter().map(|target| Flow {
                        target,
                        sources: BTreeSet::new(),
                        ranges: std::iter::once(0..text.len()).collect(),
                        cuts: false,
                    })),
                    false => {
                        let content = content(node, text);
                        let content = |file| from(file, content.iter().copied(), text);
                        flows.extend(files.into_iter().map(content));
                    }
                }
                flows
            }
            "pipeline" => self.of_pipeline(node),
            _ => Vec::new(),
        }
    }

    /// Assignments from a redirected input: `read NAME <<< V`, alone, in a loop or in a function.
    fn of_input(&self, node: Node<'_>) -> Vec<Flow> {
        let mut cursor = node.walk();
        let redirects: Vec<_> = node
            .children(&mut cursor)
            .filter(|one| is_document(*one) || one.kind() == "file_redirect")
            .collect();
        if redirects.is_empty() {
            return Vec::new();
        }
        let mut targets = self.readers_in(node);
        if is_exec(node, self.text) {
            targets.push(INPUT.to_owned());
        }
        let flow = |target| from(target, redirects.iter().copied(), self.text);
        targets.into_iter().map(flow).collect()
    }

    /// Assignments through a pipe: what one part writes and a later part of the pipeline reads.
    fn of_pipeline(&self, node: Node<'_>) -> Vec<Flow> {
        let mut cursor = node.walk();
        let parts: Vec<_> = node.named_children(&mut cursor).collect();
        let mut flows = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            // The parser may place the rest of a pipeline inside the node of a here-document.
            let documents = descendants(*part, is_not_substitution)
                .into_iter()
                .any(is_document);
            let readers = parts.iter().skip(if documents { at } else { at + 1 });
            let readers = readers.flat_map(|part| {
                let mut targets = self.readers_in(*part);
                targets.extend(written::files_within(*part, self.text));
                targets
            });
            // A command that prints the content of its files does not print their names.
            let content = output::is_content(*part, self.text);
            let cuts = guard::cuts(&self.text[node.byte_range()]);
            flows.extend(readers.map(|target| match content {
                true => of_files(target, *part, self.text),
                false => Flow {
                    cuts,
                    ..from(target, [*part], self.text)
                },
            }));
        }
        flows
    }

    /// Variables that a node's commands set from their standard input. A function may read
    /// anything, and `exec` gives its input to all later commands.
    fn readers_in(&self, node: Node<'_>) -> Vec<String> {
        let calls = descendants(node, |_| true)
            .into_iter()
            .filter(|node| node.kind() == "command")
            .filter_map(|command| command.child_by_field_name("name"))
            .any(|name| {
                let name = &self.text[name.byte_range()];
                name == "exec" || self.functions.contains(name)
            });
        if calls {
            return vec![READERS.to_owned()];
        }
        read_targets(node, self.text)
    }
}

/// The parts of a redirected statement whose text may be in the file that it writes: all but the names
/// of the files.
fn content<'t>(statement: Node<'t>, text: &Source<'_>) -> Vec<Node<'t>> {
    let mut cursor = statement.walk();
    let mut parts = Vec::new();
    for part in statement.children(&mut cursor) {
        match part.kind() {
            // In `cat <<EOF > f` the parser puts the second redirection inside the first.
            "heredoc_redirect" => {
                let mut inner = part.walk();
                let inner = part.children(&mut inner);
                parts.extend(inner.filter(|part| !written::is_output(*part, text)));
            }
            _ if written::is_output(part, text) => {}
            _ => parts.push(part),
        }
    }
    parts
}

/// True for `exec` without a command, which redirects the input and output of all later commands.
fn is_exec(node: Node<'_>, text: &Source<'_>) -> bool {
    let mut command = node.child_by_field_name("body").unwrap_or(node);
    // In `f || exec > log` the parser gives the redirection to the list.
    while matches!(command.kind(), "list" | "negated_command") {
        let last = command.named_child_count().saturating_sub(1);
        match command.named_child(last) {
            Some(last) => command = last,
            None => return false,
        }
    }
    let name = command.child_by_field_name("name");
    name.is_some_and(|name| &text[name.byte_range()] == "exec")
}

fn is_not_substitution(node: Node<'_>) -> bool {
    !matches!(node.kind(), "command_substitution" | "process_substitution")
}

/// Assignments by `${NAME:=VALUE}` and `${NAME=VALUE}`.
fn of_default(node: Node<'_>, text: &Source<'_>) -> Vec<Flow> {
    let source = &text[node.byte_range()];
    match read_name(node, text) {
        Some(target) if source.contains('=') => vec![from(target, [node], text)],
        _ => Vec::new(),
    }
}

/// Assignments by `NAME=VALUE`.
fn of_assignment(node: Node<'_>, text: &Source<'_>) -> Vec<Flow> {
    let Some(name) = node.child_by_field_name("name") else {
        return Vec::new();
    };
    let target = variable(&text[name.byte_range()]);
    let Some(value) = node.child_by_field_name("value") else {
        return Vec::new();
    };
    let first = format!("{target}[0]");
    let appends = text[name.end_byte()..].starts_with('+');
    let mut flows = Vec::new();
    match value.kind() {
        "array" if appends && text.fills(&target) => {
            flows.push(with_patterns(from(target, [value], text), text));
            return flows;
        }
        "array" => {
            let mut cursor = value.walk();
            let words = leading(value.named_children(&mut cursor));
            flows.push(with_patterns(from(first, words, text), text));
            flows.push(with_patterns(from(target, [value], text), text));
            return flows;
        }
        _ => flows.push(from(first, [value], text)),
    }
    flows.push(from(target, [value], text));
    flows
}

/// What a declaration puts into the environment of later commands: `export X`, `declare -x X=V`.
fn of_export(node: Node<'_>, text: &Source<'_>) -> Vec<Flow> {
    let source = &text[node.byte_range()];
    let exports = source.starts_with("export") || source.contains(" -x");
    if !exports {
        return Vec::new();
    }
    let mut flow = from(ENVIRONMENT.to_owned(), [node], text);
    let mut cursor = node.walk();
    for part in node.named_children(&mut cursor) {
        let name = match part.kind() {
            "variable_name" => part,
            _ => match part.child_by_field_name("name") {
                Some(name) => name,
                None => continue,
            },
        };
        flow.sources.insert(variable(&text[name.byte_range()]));
    }
    vec![with_target(&flow, PRINTED), flow]
}

/// The same sources, for another name.
fn with_target(flow: &Flow, target: &str) -> Flow {
    Flow {
        target: target.to_owned(),
        sources: flow.sources.clone(),
        ranges: flow.ranges.clone(),
        cuts: flow.cuts,
    }
}

/// The words of a list up to the first one that is never empty. One of them becomes the first word.
fn leading<'t>(words: impl Iterator<Item = Node<'t>>) -> Vec<Node<'t>> {
    let mut leading = Vec::new();
    for word in words {
        leading.push(word);
        if matches!(
            word.kind(),
            "word" | "number" | "raw_string" | "concatenation"
        ) {
            break;
        }
    }
    leading
}

fn of_source(target: String, source: &str) -> Flow {
    Flow {
        target,
        sources: BTreeSet::from([source.to_owned()]),
        ranges: Vec::new(),
        cuts: false,
    }
}

/// The content of the files that a command names.
fn of_files(target: String, command: Node<'_>, text: &Source<'_>) -> Flow {
    let mut flow = from(target, [command], text);
    flow.sources.retain(|name| written::is_file(name));
    flow.ranges.clear();
    flow
}

/// Assignments by a command: `set -- V`, `printf -v NAME V`, and a call of a function that the
/// script defines.
fn of_command(node: Node<'_>, text: &Source<'_>, functions: &BTreeSet<&str>) -> Vec<Flow> {
    let mut cursor = node.walk();
    let name = node.child_by_field_name("name");
    let name = name.map_or("", |name| &text[name.byte_range()]);
    let args: Vec<_> = node
        .children_by_field_name("argument", &mut cursor)
        .collect();
    let mut beside = node.walk();
    let own = node
        .children(&mut beside)
        .filter(|part| part.kind() == "variable_assignment");
    let own: Vec<Node<'_>> = own.collect();
    // `$_` is the last word of the command before.
    let mut flows = vec![from("_".to_owned(), args.iter().copied(), text)];
    // In `X=V make` the variable is in the command's environment.
    if !own.is_empty() {
        let flow = from(ENVIRONMENT.to_owned(), own, text);
        flows.extend([with_target(&flow, PRINTED), flow]);
    }
    if name == "set" || functions.contains(name) {
        let words = args.iter().copied();
        let words =
            words.skip_while(|arg| name == "set" && text[arg.byte_range()].starts_with('-'));
        flows.push(from(FIRST.to_owned(), leading(words), text));
        flows.push(with_patterns(from(POSITIONAL.to_owned(), args, text), text));
        return flows;
    }
    if matches!(name, "read" | "mapfile" | "readarray") {
        let targets = read_targets(node, text);
        flows.extend(targets.into_iter().map(|target| of_source(target, INPUT)));
        return flows;
    }
    match name {
        "getopts" => {
            let mut optarg = from("OPTARG".to_owned(), args.iter().copied().skip(2), text);
            optarg.sources.insert(POSITIONAL.to_owned());
            flows.push(optarg);
        }
        "cd" | "pushd" => {
            let folder = |name: &str| from(name.to_owned(), args.iter().copied(), text);
            flows.extend(["PWD", "OLDPWD", "DIRSTACK"].map(folder));
        }
        _ => {}
    }
    if matches!(name, "cp" | "mv" | "ln" | "install")
        && let Some((to, from)) = args.split_last()
    {
        let mut copied = self::from(written::file(&literal(*to, text)), from.to_vec(), text);
        let files = from.iter().map(|file| written::file(&literal(*file, text)));
        copied.sources.extend(files);
        flows.push(copied);
    }
    let word = |at: usize| args.get(at).map_or("", |arg| &text[arg.byte_range()]);
    if name == "printf" && word(0) == "-v" {
        let target = variable(word(1).trim_matches(['\'', '"']));
        flows.push(from(target, args.into_iter().skip(2), text));
    }
    flows
}

fn from<'t>(target: String, values: impl IntoIterator<Item = Node<'t>>, text: &Source<'_>) -> Flow {
    let mut sources = BTreeSet::new();
    let mut ranges = Vec::new();
    let mut cuts = false;
    for value in values {
        cuts |= guard::cuts(&text[value.byte_range()]);
        for node in outside_numbers(value, text) {
            sources::of_node(node, text, &mut sources);
            if !is_length(node, text) {
                ranges.extend(own_text(node));
            }
        }
    }
    Flow {
        target,
        sources,
        ranges,
        cuts,
    }
}

/// Adds the world to the sources of a list of words if a pattern in it stands for names of files.
fn with_patterns(mut flow: Flow, text: &Source<'_>) -> Flow {
    let mut parts = flow.ranges.iter().map(|range| &text[range.clone()]);
    if parts.any(|part| part.contains(['*', '?'])) {
        flow.sources.insert(WORLD.to_owned());
    }
    flow
}

/// The name of an assigned variable without its subscript.
fn variable(name: &str) -> String {
    name.split('[').next().unwrap_or_default().to_owned()
}
