//! Finds the places of a script's expressions with a parser for bash's grammar.
//!
//! Each expression is replaced by a unique word. The script is parsed, and the path from that word
//! to the root determines its place. Every kind of node on the path needs a rule; without one, the
//! place is refused.

use std::collections::BTreeSet;
use std::ops::Range;

use tree_sitter::{Node, Parser};

use super::agreement::{is_plain, unread_line};
use super::document;
use super::evaluation;
use super::flow::Flows;
use super::guard::{self, Guard};
use super::interpreter::{self, MARK, Verdict};
use super::marked::{mark, with_marks, without_clobbering};
use super::node::{
    descendants, is_descriptor, is_document, is_fed_within, is_too_deep, is_word, leaves_of,
    literal,
};
use super::output;
use super::place::Place;
use super::preset::Preset;
use super::refusal::Refusal;
use super::shell::Dialect;
use super::source::Source;
use super::written;
use super::{Notes, is_input, is_port};
use crate::expr::CompiledTemplate;

/// The place of every expression, in order, and what else is known of refusals.
pub(super) fn places(
    template: &CompiledTemplate,
    dialect: Dialect,
    preset: &Preset,
) -> (Vec<Place>, Notes) {
    let marked = mark(template);
    if marked.ranges.is_empty() {
        return (Vec::new(), Notes::default());
    }
    let all = |refusal| {
        (
            vec![Place::Refused(refusal); marked.ranges.len()],
            Notes::default(),
        )
    };
    if dialect == Dialect::Unknown {
        return all(Refusal::UnknownShell);
    }
    let is_own = |text: &str| {
        let names = text.split("SUNWARD_V").skip(1);
        names
            .into_iter()
            .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    if is_own(&marked.text) {
        return all(Refusal::Reserved);
    }
    let mut parser = Parser::new();
    if parser
        .set_language(&tree_sitter_bash::LANGUAGE.into())
        .is_err()
    {
        return all(Refusal::Unparsed);
    }
    let text = without_clobbering(&marked.text);
    let text = text.as_str();
    let Some(tree) = parser.parse(text, None) else {
        return all(Refusal::Unparsed);
    };
    let root = tree.root_node();
    if is_too_deep(root) {
        return all(Refusal::TooDeep);
    }
    if document::shares_line(root, text) {
        return all(Refusal::TwoDocuments);
    }
    if root.has_error() || !is_plain(root, text, dialect) {
        let (places, notes) = all(Refusal::Unparsed);
        let unread = unread_line(root, text);
        return (places, Notes { unread, ..notes });
    }
    let source = Source::of(text, root, preset);
    let flows = Flows::of(root, &source);
    let finder = Finder {
        root,
        text: &source,
    };
    let expressions = template
        .expressions()
        .map(|one| (is_input(one), is_port(one)));
    let targets = flows.targets(&marked.ranges);
    let mut guards = Vec::with_capacity(targets.len());
    let mut places = Vec::with_capacity(targets.len());
    for ((range, (input, port)), targets) in marked.ranges.iter().zip(expressions).zip(&targets) {
        let (place, guard) = match finder.place(range) {
            Ok(_) if !input && finder.names_command(range) => {
                (Place::Refused(Refusal::CommandName), Guard::None)
            }
            Ok(_) if !port && finder.may_be_run(range) => {
                (Place::Refused(Refusal::RunArgument), Guard::None)
            }
            Ok((place, guard)) => (
                flows.refusal(targets, input).map_or(place, Place::Refused),
                guard.max(flows.guard(targets)),
            ),
            Err(refusal) => (Place::Refused(refusal), Guard::None),
        };
        places.push(place);
        // The path of an input or an output holds nothing that could begin an option.
        guards.push(if port { Guard::None } else { guard });
    }
    let run = |(at, targets): (usize, &BTreeSet<&str>)| {
        let is_run = places.get(at) == Some(&Place::Refused(Refusal::RunFile));
        let file = flows.run_file(targets).filter(|_| is_run)?;
        Some((at, file.clone()))
    };
    let notes = Notes {
        unread: None,
        world: flows.world().cloned(),
        guards,
        run_files: targets.iter().enumerate().filter_map(run).collect(),
    };
    (places, notes)
}

struct Finder<'t> {
    root: Node<'t>,
    text: &'t Source<'t>,
}

/// What the nodes on the way to the root say about a place.
struct Way {
    /// True if the way has left a `$( … )`. Its output may hold the value.
    crossed: bool,
    /// True if that `$( … )` has no quotes around it, so that its output may become several words.
    bare: bool,
    /// True if the way has left a `$( … )` that prints a number.
    number: bool,
    /// Whether a list may become several words.
    words: bool,
    operand: bool,
    /// True if the way has left the name of a file that a here-document's command writes.
    output: bool,
    /// What is asked of the text, because of what reads it.
    guard: Guard,
    /// Where the text begins.
    from: usize,
}

impl<'t> Finder<'t> {
    fn place(&self, range: &Range<usize>) -> Result<(Place, Guard), Refusal> {
        match self.text[..range.start].chars().next_back() {
            Some('\\') => return Err(Refusal::Backslash),
            Some('$') => return Err(Refusal::Dollar),
            _ => {}
        }
        let node = self
            .root
            .descendant_for_byte_range(range.start, range.end)
            .ok_or(Refusal::NotUnderstood)?;
        let alone = |node: Node<'_>| {
            node.start_byte() + 1 == range.start && node.end_byte() == range.end + 1
        };
        let (place, outer) = match node.kind() {
            "comment" => return Ok((Place::Comment, Guard::None)),
            "word" | "number" | "variable_name" => (None, node),
            "extglob_pattern" if node.byte_range() == *range => (None, node),
            "raw_string" if alone(node) => (Some(true), node),
            "raw_string" => return Err(Refusal::SingleQuotes),
            "ansi_c_string" | "translated_string" => return Err(Refusal::DollarQuotes),
            "string_content" | "string" => {
                let string = if node.kind() == "string" {
                    Some(node)
                } else {
                    node.parent()
                };
                let string = string.ok_or(Refusal::NotUnderstood)?;
                (Some(alone(string)), string)
            }
            "heredoc_body" | "heredoc_content" => {
                document::allows(node, self.text)?;
                (Some(false), node)
            }
            "heredoc_start" => return Err(Refusal::Delimiter),
            _ => return Err(Refusal::NotUnderstood),
        };
        let way = self.climb(outer, range.start)?;
        let place = match place {
            Some(false) => Place::Within,
            quoted => Place::Word {
                words: way.words,
                quoted: quoted == Some(true),
                operand: way.operand,
            },
        };
        Ok((place, way.guard))
    }

    /// True if a value decides which command runs: it is in the first word of one, and no folder
    /// stands in that word.
    fn names_command(&self, range: &Range<usize>) -> bool {
        let mut node = self.root.descendant_for_byte_range(range.start, range.end);
        let mut child = None;
        while let Some(one) = node {
            let name = match child {
                _ if one.kind() == "command_name" => Some(one),
                // In `nice V` the value is the name of another command.
                Some(word) if one.kind() == "command" => {
                    let names = |(words, own): &(Vec<String>, Vec<usize>)| {
                        let started = interpreter::started(words);
                        own.iter().any(|at| *at == 0 || started.contains(at))
                    };
                    self.readings(one, word).iter().any(names).then_some(word)
                }
                _ => None,
            };
            if let Some(name) = name.filter(|name| !self.text[name.byte_range()].contains('/')) {
                // In `remapbil,V` the value chooses no command.
                let before = self.text[name.start_byte()..range.start].trim_end_matches('"');
                return !before.ends_with([',', '-', '_', ':', '=', '.']);
            }
            if output::is_number(one, self.text) {
                return false;
            }
            child = Some(one);
            node = one.parent();
        }
        false
    }

    /// True if a value is an argument of an awk or perl program that may run it.
    fn may_be_run(&self, range: &Range<usize>) -> bool {
        let mut child = self.root.descendant_for_byte_range(range.start, range.end);
        while let Some((one, around)) = child.and_then(|one| Some((one, one.parent()?))) {
            if around.kind() == "command" {
                let runs = |(words, own): &(Vec<String>, Vec<usize>)| {
                    own.iter().any(|at| interpreter::runs_argument(words, *at))
                };
                if self.readings(around, one).iter().any(runs) {
                    return true;
                }
            }
            if output::is_number(around, self.text) {
                return false;
            }
            child = Some(around);
        }
        false
    }

    /// Walks from a node to the root and applies each node's rule.
    fn climb(&self, start: Node<'t>, from: usize) -> Result<Way, Refusal> {
        let mut way = Way {
            crossed: false,
            bare: false,
            number: false,
            words: false,
            operand: false,
            output: false,
            guard: Guard::None,
            from,
        };
        let mut first = true;
        let mut child = start;
        while let Some(node) = child.parent() {
            self.ask(node, child, &mut way, first)?;
            first = first && node.kind() == "concatenation";
            child = node;
        }
        Ok(way)
    }

    fn ask(
        &self,
        node: Node<'t>,
        child: Node<'t>,
        way: &mut Way,
        first: bool,
    ) -> Result<(), Refusal> {
        let source = &self.text[node.byte_range()];
        let evaluated = |refusal| if way.number { Ok(()) } else { Err(refusal) };
        match node.kind() {
            "command_substitution" if source.starts_with('`') => return Err(Refusal::Backticks),
            // In some places the parser reads `$((` as a subshell.
            "command_substitution" if source.starts_with("$((") => return Err(Refusal::Arithmetic),
            "command_substitution" | "process_substitution" => {
                way.crossed = true;
                way.bare = node.parent().is_none_or(|around| around.kind() != "string");
                way.number |= output::is_number(node, self.text);
            }
            "expansion" => return Err(Refusal::Braces),
            "simple_expansion" => return Err(Refusal::Dollar),
            "translated_string" => return Err(Refusal::DollarQuotes),
            "arithmetic_expansion" => evaluated(Refusal::Arithmetic)?,
            "compound_statement" if source.starts_with("((") => evaluated(Refusal::Arithmetic)?,
            "subshell" if source.starts_with("((") => return Err(Refusal::Arithmetic),
            "c_style_for_statement"
                if child.kind() != "do_group" && child.kind() != "compound_statement" =>
            {
                evaluated(Refusal::Arithmetic)?;
            }
            "subscript" => evaluated(Refusal::Subscript)?,
            "test_command" if source.starts_with("[[") => {
                if !way.crossed || evaluation::evaluates_test(source) {
                    evaluated(Refusal::Test)?;
                }
            }
            "test_command" if source.starts_with("((") => evaluated(Refusal::Arithmetic)?,
            "test_command" => self.test(node, child, way)?,
            "variable_assignment" => {
                let name = node
                    .child_by_field_name("name")
                    .ok_or(Refusal::NotUnderstood)?;
                if name.id() == child.id() {
                    return evaluated(Refusal::Name);
                }
                let name = &self.text[name.byte_range()];
                if interpreter::is_evaluated(name.split('[').next().unwrap_or_default()) {
                    return Err(Refusal::EvaluatedVariable);
                }
            }
            "declaration_command" => {
                let exported =
                    source.starts_with("export") && child.kind() == "variable_assignment";
                let assigned = way.crossed
                    && child.kind() == "variable_assignment"
                    && !evaluation::declares_evaluated(source);
                if !exported && !assigned {
                    evaluated(Refusal::Evaluated)?;
                }
            }
            "unset_command" => return Err(Refusal::Evaluated),
            "function_definition" if child.kind() == "word" => return Err(Refusal::Name),
            "command" => self.command(node, child, way, first)?,
            "pipeline" | "redirected_statement" => self.fed(node, child, way)?,
            "herestring_redirect" => self.here_string(node, way)?,
            // In `cat <<EOF > f` the parser puts the second redirection inside the first.
            "heredoc_redirect" => way.output = written::is_output(child, self.text),
            // The subscript in an element `[subscript]=value` is evaluated.
            "array" if self.is_in_subscript(child, way.from) => evaluated(Refusal::Subscript)?,
            "for_statement" | "array" => way.words |= first,
            "case_statement"
            | "case_item"
            | "file_redirect"
            | "program"
            | "list"
            | "do_group"
            | "if_statement"
            | "elif_clause"
            | "else_clause"
            | "while_statement"
            | "subshell"
            | "compound_statement"
            | "function_definition"
            | "negated_command"
            | "concatenation"
            | "string"
            | "string_content"
            | "word"
            | "command_name"
            | "c_style_for_statement"
            | "heredoc_body"
            | "heredoc_content"
            | "binary_expression"
            | "unary_expression"
            | "parenthesized_expression" => {}
            _ => return Err(Refusal::NotUnderstood),
        }
        Ok(())
    }

    /// True if the subscript of an element `[subscript]=value` holds what begins here, or may.
    fn is_in_subscript(&self, element: Node<'t>, from: usize) -> bool {
        let before = &self.text[element.start_byte()..from.max(element.start_byte())];
        let after = &self.text[from.max(element.start_byte())..element.end_byte()];
        let subscripted = |text: &str| text.contains("]=") || text.contains("]+=");
        before.starts_with('[') && !subscripted(before) || subscripted(after)
    }

    fn command(
        &self,
        node: Node<'t>,
        child: Node<'t>,
        way: &mut Way,
        first: bool,
    ) -> Result<(), Refusal> {
        if matches!(
            child.kind(),
            "variable_assignment" | "herestring_redirect" | "file_redirect"
        ) {
            return Ok(());
        }
        let mut lists = true;
        for (words, own) in self.readings(node, child) {
            // A function of the script may evaluate its words.
            if interpreter::is_parallel(&words) && self.text.mentions("export -f") {
                return Err(Refusal::Evaluated);
            }
            for at in own {
                match interpreter::verdict(&words, at, MARK) {
                    Verdict::Refused(refusal) => return Err(refusal),
                    Verdict::Operand => way.operand |= first && words[at].starts_with(MARK),
                    Verdict::Any => {}
                }
                if way.crossed && !way.number && Self::begins_word(&words, at, way.bare) {
                    let cuts = guard::cuts(&self.text[child.byte_range()]);
                    way.guard = way.guard.max(Guard::of(cuts));
                }
                lists &= interpreter::takes_lists(&words, at);
            }
        }
        way.words |= first && lists && !output::takes_one_file(node, self.text);
        Ok(())
    }

    /// True if a word that begins with the output of a command must not begin with `-`.
    fn begins_word(words: &[String], at: usize, divides: bool) -> bool {
        let mut probe = words.to_vec();
        let begins = words[at].starts_with(['$', '`', MARK]);
        probe[at] = MARK.to_string();
        (begins || divides) && interpreter::verdict(&probe, at, MARK) == Verdict::Operand
    }

    /// Applies the rules of `test` to the words of `[ … ]`.
    fn test(&self, node: Node<'t>, child: Node<'t>, way: &Way) -> Result<(), Refusal> {
        if way.crossed {
            return match way.bare && !way.number {
                true => Err(Refusal::TestVariable),
                false => Ok(()),
            };
        }
        let mut leaves = Vec::new();
        leaves_of(node, &mut leaves);
        let words: Vec<String> = leaves.iter().map(|leaf| self.literal(*leaf)).collect();
        for (at, leaf) in leaves.iter().enumerate().skip(1) {
            let within =
                child.start_byte() <= leaf.start_byte() && leaf.end_byte() <= child.end_byte();
            if within
                && words[at].contains(MARK)
                && let Verdict::Refused(refusal) = interpreter::of_test(&words, at)
            {
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// Refuses a value in the standard input of an interpreter, and guards one in that of `xargs`.
    fn fed(&self, node: Node<'t>, child: Node<'t>, way: &mut Way) -> Result<(), Refusal> {
        let mut cursor = node.walk();
        let readers: Vec<_> = match node.kind() {
            "pipeline" => node
                .named_children(&mut cursor)
                .filter(|part| part.start_byte() >= child.end_byte())
                .collect(),
            _ => vec![node],
        };
        let dashed = |part: &Node<'t>| self.any_command(*part, interpreter::dashes_input);
        if readers.iter().any(dashed) {
            let cuts = guard::cuts(&self.text[node.byte_range()]);
            way.guard = way.guard.max(Guard::of(cuts));
        }
        let mut cursor = node.walk();
        if node.kind() == "redirected_statement" {
            let writes = |part: &Node<'t>| {
                part.id() != child.id() && self.text[part.byte_range()].contains(">(")
            };
            let parts: Vec<_> = node.children(&mut cursor).filter(writes).collect();
            let mut redirects = parts.iter().filter(|part| part.kind() == "file_redirect");
            if redirects.any(|part| self.any_command(*part, interpreter::interprets_pipe)) {
                return Err(Refusal::InterpretedPipe);
            }
            let mut cursor = node.walk();
            let substitutes =
                child.kind() == "file_redirect" && self.text[child.byte_range()].contains("<(");
            let interpreted = (is_document(child) && !way.output || substitutes)
                && node
                    .children(&mut cursor)
                    .any(|part| self.any_command(reader_of(part), interpreter::interprets));
            return if interpreted {
                Err(Refusal::InterpretedDocument)
            } else {
                Ok(())
            };
        }
        let interprets = |part: &Node<'t>| self.any_command(*part, interpreter::interprets_pipe);
        match readers.iter().any(interprets) {
            true => Err(Refusal::InterpretedPipe),
            false => Ok(()),
        }
    }

    fn here_string(&self, node: Node<'t>, way: &mut Way) -> Result<(), Refusal> {
        let read = |by: fn(&[String]) -> bool| {
            let parent = node.parent();
            parent.is_some_and(|parent| self.any_command(parent, by))
        };
        if read(interpreter::dashes_input) {
            way.guard = way.guard.max(Guard::Begins);
        }
        let interpreted = read(interpreter::interprets);
        if interpreted {
            Err(Refusal::InterpretedDocument)
        } else {
            Ok(())
        }
    }

    /// True if this holds for a command in a part of the script, or for one that it calls, whose
    /// standard input is that of the part.
    fn any_command(&self, part: Node<'t>, holds: fn(&[String]) -> bool) -> bool {
        let marked = |words: &[String]| {
            let words: Vec<String> = words.iter().map(|word| with_marks(word, MARK)).collect();
            holds(&words)
        };
        let nodes = descendants(part, |_| true).into_iter();
        nodes
            .filter(|node| node.kind() == "command" && !is_fed_within(*node, part))
            .any(|command| self.text.runs(command, &marked))
    }

    /// The readings of a command, with a mark for each value, and in each the indexes of the words
    /// that come from `child`.
    fn readings(&self, command: Node<'t>, child: Node<'t>) -> Vec<(Vec<String>, Vec<usize>)> {
        let mut cursor = command.walk();
        let parts = command.children(&mut cursor);
        let part = parts
            .filter(|part| is_word(*part) && !is_descriptor(*part, self.text))
            .position(|part| part.id() == child.id());
        let readings = self.text.readings(command).iter();
        let marked = readings.map(|reading| {
            let words = reading.words.iter().map(|word| with_marks(word, MARK));
            let own = reading.parts.iter().enumerate();
            let own = own.filter(|(_, from)| part.is_some() && **from == part);
            (words.collect(), own.map(|(at, _)| at).collect())
        });
        marked.collect()
    }

    /// A word without its quotes, with a mark for each value.
    fn literal(&self, node: Node<'t>) -> String {
        with_marks(&literal(node, self.text), MARK)
    }
}

/// The command that a document belongs to: the last one of `a && b`.
fn reader_of(statement: Node<'_>) -> Node<'_> {
    let mut reader = statement;
    while reader.kind() == "list" {
        let last = reader.named_child_count().saturating_sub(1);
        match reader.named_child(last) {
            Some(last) => reader = last,
            None => break,
        }
    }
    reader
}

#[cfg(test)]
mod tests {
    use super::places;
    use crate::expr::CompiledTemplate;
    use crate::script::node::LOOKS;
    use crate::script::preset::Preset;
    use crate::script::shell::Dialect;

    /// How many nodes are looked at for a script of so many of these lines.
    fn looks(line: &str, lines: usize) -> u64 {
        let script = format!("f() {{ wc -l; }}\n{}", format!("{line}\n").repeat(lines));
        let template = CompiledTemplate::new(&script).unwrap();
        LOOKS.set(0);
        let (found, _) = places(&template, Dialect::Bash, &Preset::default());
        assert!(!found.is_empty());
        LOOKS.get()
    }

    #[test]
    fn a_script_twice_as_long_takes_twice_as_many_looks() {
        for line in [
            "cut -f1 in.txt | sort -k2 | head -n 3 > o.txt; tool ${{ item }}",
            "x=${{ item }}; n=$(grep -c x f); (( n > 3 )) && echo \"$x\" > o_$n.txt",
            "f a b | while read l; do echo \"$l\" ${{ item }}; done < in.txt",
            "for i in 1 2; do bash run.sh ${{ item }} > out_$i.txt; done",
            "cat <<E | tool > x\n${{ item }}\nE",
            "a+=(${{ item }}); $@; ${b[@]}; exec 3< x",
        ] {
            let (once, twice) = (looks(line, 100), looks(line, 200));
            assert!(
                twice <= 2 * once + once / 10,
                "{line}: {once}, then {twice}"
            );
        }
    }
}
