//! Finds the places of a script's expressions with a parser for bash's grammar.
//!
//! Each expression is replaced by a unique word. The script is parsed, and the path from that word
//! to the root determines its place. Every kind of node on the path needs a rule; without one, the
//! place is refused.

use std::ops::Range;

use tree_sitter::{Node, Parser};

use super::document;
use super::flow::{Flows, is_document, is_word, unquoted};
use super::interpreter::{self, Verdict};
use super::place::Place;
use super::refusal::Refusal;
use super::shell::Dialect;
use crate::expr::{CompiledTemplate, Fragment};

/// The mark for a value in the words of a command.
pub(super) const MARK: char = '\u{1}';

/// Constructs that only bash has. A POSIX shell would parse them differently.
const ONLY_BASH: &[&str] = &[
    "herestring_redirect",
    "process_substitution",
    "array",
    "ansi_c_string",
    "translated_string",
    "subscript",
    "c_style_for_statement",
    "brace_expression",
];

/// Words that a shell does not take as a command's name.
const RESERVED: &[&str] = &[
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for",
    "select", "function", "{", "}", "!", "[[", "]]", "in",
];

/// Nodes that are always on one line.
const ONE_LINE: &[&str] = &[
    "command",
    "declaration_command",
    "unset_command",
    "redirected_statement",
    "file_redirect",
    "herestring_redirect",
    "variable_assignment",
    "variable_assignments",
    "concatenation",
];

/// A script in which a unique word replaces each expression, and the byte ranges of these words.
struct Marked {
    text: String,
    ranges: Vec<Range<usize>>,
}

/// The place of every expression, in order.
pub(super) fn places(template: &CompiledTemplate, dialect: Dialect) -> Vec<Place> {
    let marked = mark(template);
    if marked.ranges.is_empty() {
        return Vec::new();
    }
    let all = |refusal| vec![Place::Refused(refusal); marked.ranges.len()];
    if dialect == Dialect::Unknown {
        return all(Refusal::UnknownShell);
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
    if document::shares_line(root, text) {
        return all(Refusal::TwoDocuments);
    }
    if root.has_error() || !is_plain(root, text, dialect) {
        return all(Refusal::Unparsed);
    }
    let flows = Flows::of(root, text);
    let finder = Finder {
        root,
        text,
        marked: &marked,
    };
    marked
        .ranges
        .iter()
        .map(|range| match finder.place(range) {
            Ok(_) if flows.reaches_evaluation(range) => Place::Refused(Refusal::EvaluatedLater),
            Ok(place) => place,
            Err(refusal) => Place::Refused(refusal),
        })
        .collect()
}

/// Replaces the operator `>|` with `> `, because the grammar does not know it. Both divide words in
/// the same way. The two characters are the operator unless they are quoted, or follow one of the
/// characters checked here.
fn without_clobbering(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(">|") {
        plain.push_str(&rest[..at]);
        let before = plain.chars().next_back();
        let operator =
            !matches!(before, Some('\\' | '&' | '>' | '<')) && !rest[at + 2..].starts_with('|');
        plain.push_str(if operator { "> " } else { ">|" });
        rest = &rest[at + 2..];
    }
    plain.push_str(rest);
    plain
}

fn mark(template: &CompiledTemplate) -> Marked {
    let mut word = "sunwardvalue".to_owned();
    while template.source().contains(&word) {
        word.push('q');
    }
    let mut text = String::new();
    let mut ranges = Vec::new();
    for fragment in template.fragments() {
        match fragment {
            Fragment::Text(literal) => text.push_str(literal),
            Fragment::Expression(_) => {
                let start = text.len();
                text.push_str(&word);
                ranges.push(start..text.len());
            }
        }
    }
    Marked { text, ranges }
}

/// True if the parser and the shell parse this script alike, as far as is known. There must be no
/// characters that only one of them treats as blanks, no here-document that ends elsewhere for the
/// shell, and no bash syntax in `sh`.
fn is_plain(root: Node<'_>, text: &str, dialect: Dialect) -> bool {
    let odd_blank = |c: char| c.is_whitespace() && !matches!(c, ' ' | '\t' | '\n') || c == '\0';
    let blanks = text
        .char_indices()
        .filter(|(_, c)| odd_blank(*c))
        .all(|(at, c)| {
            let node = root.descendant_for_byte_range(at, at + c.len_utf8());
            node.is_some_and(|node| matches!(node.kind(), "string_content" | "raw_string"))
        });
    blanks && !text.contains("<\\\n") && nodes_are_plain(root, text, dialect)
}

fn nodes_are_plain(root: Node<'_>, text: &str, dialect: Dialect) -> bool {
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        if node.kind() == "heredoc_redirect" && !document::is_whole(node, text) {
            return false;
        }
        if dialect == Dialect::Posix && ONLY_BASH.contains(&node.kind()) {
            return false;
        }
        if !is_one_command(node, text) {
            return false;
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return true;
            }
        }
    }
}

/// True if no line break and no reserved word divides a node for the shell. After `x=1 2>f` the
/// parser takes the next line as words of the same command, whatever it contains.
fn is_one_command(node: Node<'_>, text: &str) -> bool {
    if node.kind() == "command_name" && RESERVED.contains(&&text[node.byte_range()]) {
        return false;
    }
    if !ONE_LINE.contains(&node.kind()) {
        return true;
    }
    let mut cursor = node.walk();
    let mut from = node.start_byte();
    for child in node.children(&mut cursor) {
        let gap = text[from..child.start_byte().max(from)].replace("\\\n", "");
        if gap.contains('\n') {
            return false;
        }
        from = child.end_byte();
    }
    true
}

struct Finder<'t> {
    root: Node<'t>,
    text: &'t str,
    marked: &'t Marked,
}

/// What the nodes on the way to the root say about a place.
struct Way {
    /// True if the way has left a `$( … )`. What surrounds it can evaluate only the output, not the
    /// value.
    crossed: bool,
    /// Whether a list may become several words.
    words: bool,
    operand: bool,
}

impl<'t> Finder<'t> {
    fn place(&self, range: &Range<usize>) -> Result<Place, Refusal> {
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
            "comment" => return Ok(Place::Comment),
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
        let way = self.climb(outer)?;
        Ok(match place {
            Some(false) => Place::Within,
            quoted => Place::Word {
                words: way.words,
                quoted: quoted == Some(true),
                operand: way.operand,
            },
        })
    }

    /// Walks from a node to the root and applies each node's rule.
    fn climb(&self, start: Node<'t>) -> Result<Way, Refusal> {
        let mut way = Way {
            crossed: false,
            words: false,
            operand: false,
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
        let evaluated = |refusal| if way.crossed { Ok(()) } else { Err(refusal) };
        match node.kind() {
            "command_substitution" if source.starts_with('`') => return Err(Refusal::Backticks),
            // In some places the parser reads `$((` as a subshell.
            "command_substitution" if source.starts_with("$((") => return Err(Refusal::Arithmetic),
            "command_substitution" | "process_substitution" => way.crossed = true,
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
            "test_command" if source.starts_with("[[") => evaluated(Refusal::Test)?,
            "test_command" if source.starts_with("((") => evaluated(Refusal::Arithmetic)?,
            "test_command" => self.test(node, child, way)?,
            "variable_assignment" => {
                let name = node
                    .child_by_field_name("name")
                    .ok_or(Refusal::NotUnderstood)?;
                if name.id() == child.id() {
                    return evaluated(Refusal::Name);
                }
                if interpreter::is_evaluated(&self.text[name.byte_range()]) {
                    return Err(Refusal::EvaluatedVariable);
                }
            }
            "declaration_command" => {
                let exported =
                    source.starts_with("export") && child.kind() == "variable_assignment";
                if !exported {
                    evaluated(Refusal::Evaluated)?;
                }
            }
            "unset_command" => return Err(Refusal::Evaluated),
            "function_definition" if child.kind() == "word" => return Err(Refusal::Name),
            "command" => self.command(node, child, way, first)?,
            "pipeline" | "redirected_statement" => self.fed(node, child)?,
            "herestring_redirect" => self.here_string(node)?,
            "heredoc_redirect" => {}
            // The subscript in an element `[subscript]=value` is evaluated.
            "array" if source.contains("]=") || source.contains("]+=") => {
                evaluated(Refusal::Subscript)?;
            }
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
        let (words, at) = self.words(node, child);
        let Some(at) = at else { return Ok(()) };
        match interpreter::verdict(&words, at, MARK) {
            Verdict::Refused(refusal) => return Err(refusal),
            Verdict::Operand => way.operand |= first && words[at].starts_with(MARK),
            Verdict::Any => {}
        }
        way.words |= first && interpreter::takes_lists(&words, at);
        Ok(())
    }

    /// Applies the rules of `test` to the words of `[ … ]`.
    fn test(&self, node: Node<'t>, child: Node<'t>, way: &Way) -> Result<(), Refusal> {
        if way.crossed {
            return Ok(());
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

    /// Refuses a value in the standard input of an interpreter.
    fn fed(&self, node: Node<'t>, child: Node<'t>) -> Result<(), Refusal> {
        let mut cursor = node.walk();
        if node.kind() == "redirected_statement" {
            let interpreted = is_document(child)
                && node
                    .children(&mut cursor)
                    .any(|part| self.any_command(reader_of(part), interpreter::interprets));
            return if interpreted {
                Err(Refusal::InterpretedDocument)
            } else {
                Ok(())
            };
        }
        let later = node
            .children(&mut cursor)
            .filter(|n| n.start_byte() >= child.end_byte());
        for command in later {
            if self.any_command(command, interpreter::interprets_pipe) {
                return Err(Refusal::InterpretedPipe);
            }
        }
        Ok(())
    }

    fn here_string(&self, node: Node<'t>) -> Result<(), Refusal> {
        let interpreted = node
            .parent()
            .is_some_and(|parent| self.any_command(parent, interpreter::interprets));
        if interpreted {
            Err(Refusal::InterpretedDocument)
        } else {
            Ok(())
        }
    }

    fn any_command(&self, node: Node<'t>, holds: fn(&[String]) -> bool) -> bool {
        if node.kind() == "command" && holds(&self.words(node, node).0) {
            return true;
        }
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        children
            .into_iter()
            .any(|child| self.any_command(child, holds))
    }

    /// The words of a command, and the index of the one that is `child`.
    fn words(&self, command: Node<'t>, child: Node<'t>) -> (Vec<String>, Option<usize>) {
        let mut cursor = command.walk();
        let mut words = Vec::new();
        let mut at = None;
        for node in command.children(&mut cursor) {
            if !is_word(node) {
                continue;
            }
            if node.id() == child.id() {
                at = Some(words.len());
            }
            words.push(self.literal(node));
        }
        (words, at)
    }

    /// A word without its quotes, with a mark for each value.
    fn literal(&self, node: Node<'t>) -> String {
        let mut text = String::new();
        let mut from = node.start_byte();
        for range in &self.marked.ranges {
            if range.start >= from && range.end <= node.end_byte() {
                text.push_str(&self.text[from..range.start]);
                text.push(MARK);
                from = range.end;
            }
        }
        text.push_str(&self.text[from..node.end_byte()]);
        unquoted(text)
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

/// The words of `[ … ]`.
fn leaves_of<'t>(node: Node<'t>, leaves: &mut Vec<Node<'t>>) {
    let mut cursor = node.walk();
    for child in node.children(&mut cursor) {
        if child.kind().ends_with("_expression") && child.kind() != "brace_expression" {
            leaves_of(child, leaves);
        } else {
            leaves.push(child);
        }
    }
}
