//! Builds the tree from the parser's events, with limits, aliases, merges and duplicate keys.

use std::cell::OnceCell;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span as Place};

use super::node::{Data, Entry, Node};
use super::scalar;
use super::words::plain;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::source::{Lines, Span};
use crate::value::Value;

/// The most bytes of text. It exceeds any pipeline, and every offset fits a `u32`.
const TEXT_LIMIT: usize = 16 << 20;

/// The most values in a file. A pipeline of 20,000 stages has about 400,000.
const NODE_LIMIT: usize = 2_000_000;

/// The most values that aliases may add, so that a few lines cannot exhaust memory.
const ALIAS_LIMIT: usize = 250_000;

/// How deep lists and maps may nest, because the rest of the language walks them recursively.
const DEPTH_LIMIT: usize = 64;

/// Reads one document and adds mistakes to `found`. Returns `None` if the text cannot be understood
/// at all.
pub(crate) fn read(text: &str, found: &mut Vec<Diagnostic>) -> Option<Node> {
    if text.len() > TEXT_LIMIT {
        let message = format!("the file has {} bytes", text.len());
        found.push(
            Diagnostic::error(codes::TOO_LARGE, Span::default(), message)
                .expecting("at most 16 MiB of text")
                .suggesting("keep data in files and give their paths"),
        );
        return None;
    }
    let mut builder = Builder::new(text, found);
    match builder.build() {
        Ok(()) => {}
        Err(stop) => {
            builder.found.push(*stop);
            return None;
        }
    }
    let root = builder.root.take();
    match root {
        Some(node) if !node.is_null() => Some(node),
        _ => {
            found.push(
                Diagnostic::error(codes::EMPTY, Span::default(), "the file is empty")
                    .expecting("a workflow: `name:` and `stages:`")
                    .suggesting("`sunward init` writes one to start from"),
            );
            None
        }
    }
}

/// An error that ends the reading.
type Stop = Box<Diagnostic>;

/// A list or map whose end has not been read yet.
struct Open {
    span: Span,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(String, Span)>,
        merges: Vec<Node>,
        merging: bool,
    },
}

struct Anchored {
    node: Node,
    size: usize,
    depth: usize,
}

struct Builder<'t, 'd> {
    text: &'t str,
    found: &'d mut Vec<Diagnostic>,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    aliased: usize,
    /// The lines of the text, computed when first needed.
    lines: OnceCell<Lines<'t>>,
}

impl<'t, 'd> Builder<'t, 'd> {
    fn new(text: &'t str, found: &'d mut Vec<Diagnostic>) -> Self {
        Self {
            text,
            found,
            open: Vec::new(),
            root: None,
            documents: 0,
            anchors: HashMap::new(),
            nodes: 0,
            aliased: 0,
            lines: OnceCell::new(),
        }
    }

    fn build(&mut self) -> Result<(), Stop> {
        let text = self.text;
        for event in Parser::new_from_str(text) {
            let (event, place) = event.map_err(|error| {
                let span = self.span_at(error.marker());
                Box::new(
                    Diagnostic::error(
                        codes::SYNTAX,
                        span,
                        format!(
                            "this is not valid YAML: {}",
                            plain(&error.info().to_string())
                        ),
                    )
                    .suggesting("check the brackets, quotes and indentation before this place"),
                )
            })?;
            self.event(event, &place)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, place: &Place) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let span = self.span_at(&place.start);
                    return Err(Box::new(
                        Diagnostic::error(
                            codes::MANY_DOCUMENTS,
                            span,
                            "a second document begins here",
                        )
                        .expecting("one document per file"),
                    ));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let string_tag = tag.is_some_and(|tag| tag.suffix() == "str");
                let value = if style == ScalarStyle::Plain && !string_tag {
                    scalar::resolve(&text)
                } else {
                    Value::String(text.into_owned())
                };
                let merge = style == ScalarStyle::Plain;
                let node = self.node(place, Data::Scalar(value));
                self.finish(node, anchor, merge)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(place, anchor, Body::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let body = Body::Map {
                    entries: Vec::new(),
                    key: None,
                    merges: Vec::new(),
                    merging: false,
                };
                self.begin(place, anchor, body)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(anchor) => self.alias(anchor, place),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: &Place, anchor: usize, body: Body) -> Result<(), Stop> {
        let span = self.span_of(place);
        if self.open.len() >= DEPTH_LIMIT {
            return Err(too_deep(span));
        }
        self.open.push(Open { span, anchor, body });
        Ok(())
    }

    fn end(&mut self, place: &Place) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let data = match open.body {
            Body::List(items) => Data::List(items),
            Body::Map {
                mut entries,
                merges,
                ..
            } => {
                self.refuse_duplicates(&mut entries);
                merge(&mut entries, merges);
                Data::Map(entries)
            }
        };
        let end = offset(&place.end).max(open.span.start);
        let span = first_line(self.text, open.span.start, end);
        let node = Node { span, end, data };
        self.finish(node, open.anchor, false)
    }

    fn alias(&mut self, anchor: usize, place: &Place) -> Result<(), Stop> {
        let span = self.span_of(place);
        let bomb = |message: &str| {
            Box::new(
                Diagnostic::error(codes::ALIAS_BOMB, span, message).expecting(format!(
                    "aliases that expand to at most {ALIAS_LIMIT} values"
                )),
            )
        };
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(bomb("this alias is inside its own anchor"));
        };
        self.aliased = self.aliased.saturating_add(target.size);
        if self.aliased > ALIAS_LIMIT {
            return Err(bomb("the aliases up to here expand to too many values"));
        }
        if self.open.len() + target.depth > DEPTH_LIMIT {
            return Err(too_deep(span));
        }
        let node = target.node.clone();
        self.finish(node, 0, false)
    }

    /// Adds a finished node to the innermost open list or map, or makes it the root.
    fn finish(&mut self, node: Node, anchor: usize, may_merge: bool) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > NODE_LIMIT {
            return Err(Box::new(
                Diagnostic::error(codes::TOO_LARGE, node.span, "the file has too many values")
                    .expecting(format!("{NODE_LIMIT} values at most")),
            ));
        }
        if anchor > 0 {
            let (size, depth) = measure(&node);
            let node = node.clone();
            self.anchors.insert(anchor, Anchored { node, size, depth });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.body {
            Body::List(items) => items.push(node),
            Body::Map {
                entries,
                key,
                merges,
                merging,
            } => match key.take() {
                Some(_) if std::mem::take(merging) => match mergeable(node) {
                    Ok(nodes) => merges.extend(nodes),
                    Err(span) => self.found.push(
                        Diagnostic::error(codes::BAD_MERGE, span, "`<<` cannot merge this")
                            .expecting("a map, or a list of maps"),
                    ),
                },
                Some((key, key_span)) => entries.push(Entry {
                    key,
                    key_span,
                    value: node,
                }),
                None => {
                    let span = node.span;
                    let word = node.key(self.text).filter(|word| !word.is_empty());
                    if word.is_none() {
                        self.found.push(
                            Diagnostic::error(codes::BAD_KEY, span, "this cannot be a key")
                                .expecting("a word"),
                        );
                    }
                    *merging = may_merge && word.as_deref() == Some("<<");
                    *key = Some((word.unwrap_or_default(), span));
                }
            },
        }
        Ok(())
    }

    /// Keeps the first of equal keys and reports the others.
    fn refuse_duplicates(&mut self, entries: &mut Vec<Entry>) {
        let mut seen: HashMap<String, Span> = HashMap::with_capacity(entries.len());
        let (text, lines) = (self.text, &self.lines);
        let found = &mut *self.found;
        entries.retain(|entry| {
            if entry.key.is_empty() {
                return false;
            }
            let Some(first) = seen.get(&entry.key) else {
                seen.insert(entry.key.clone(), entry.key_span);
                return true;
            };
            let line = lines
                .get_or_init(|| Lines::new(text))
                .line_column(first.start)
                .0;
            let message = format!("`{}` is already set", entry.key);
            found.push(
                Diagnostic::error(codes::DUPLICATE_KEY, entry.key_span, message).expecting(
                    format!("each key only once; it was first set on line {line}"),
                ),
            );
            false
        });
    }

    fn node(&self, place: &Place, data: Data) -> Node {
        let span = self.span_of(place);
        Node {
            span,
            end: offset(&place.end).max(span.start),
            data,
        }
    }

    fn span_of(&self, place: &Place) -> Span {
        first_line(self.text, offset(&place.start), offset(&place.end))
    }

    fn span_at(&self, marker: &Marker) -> Span {
        let start = offset(marker);
        first_line(self.text, start, start.saturating_add(1))
    }
}

fn offset(marker: &Marker) -> u32 {
    marker
        .byte_offset()
        .and_then(|offset| u32::try_from(offset).ok())
        .unwrap_or_default()
}

/// The part of a range on its first line, without trailing space.
fn first_line(text: &str, start: u32, end: u32) -> Span {
    let bounds = |at: u32| usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let (mut from, mut to) = (bounds(start), bounds(end));
    while from > 0 && !text.is_char_boundary(from) {
        from -= 1;
    }
    while to < text.len() && !text.is_char_boundary(to) {
        to += 1;
    }
    let slice = text.get(from..to.max(from)).unwrap_or_default();
    let line = slice.lines().next().unwrap_or_default().trim_end();
    let length = u32::try_from(line.len()).unwrap_or_default();
    let start = u32::try_from(from).unwrap_or_default();
    Span {
        start,
        end: start.saturating_add(length),
    }
}

fn too_deep(span: Span) -> Stop {
    Box::new(
        Diagnostic::error(
            codes::TOO_DEEP,
            span,
            "lists and maps are nested too deeply here",
        )
        .expecting(format!("at most {DEPTH_LIMIT} levels")),
    )
}

/// The number of values in a node, and the depth to which they nest.
fn measure(node: &Node) -> (usize, usize) {
    let inner = match &node.data {
        Data::Scalar(_) => return (1, 0),
        Data::List(items) => items.iter().map(measure).fold((0, 0), add),
        Data::Map(entries) => entries.iter().map(|e| measure(&e.value)).fold((0, 0), add),
    };
    (inner.0 + 1, inner.1 + 1)
}

fn add(sum: (usize, usize), one: (usize, usize)) -> (usize, usize) {
    (sum.0 + one.0, sum.1.max(one.1))
}

/// The maps that a `<<` merges.
fn mergeable(node: Node) -> Result<Vec<Node>, Span> {
    match node.data {
        Data::Map(_) => Ok(vec![node]),
        Data::List(items) => match items.iter().find(|item| !matches!(item.data, Data::Map(_))) {
            Some(wrong) => Err(wrong.span),
            None => Ok(items),
        },
        Data::Scalar(_) => Err(node.span),
    }
}

/// Adds keys that are not there yet. The map's own keys win, then the first merged map's.
fn merge(entries: &mut Vec<Entry>, merges: Vec<Node>) {
    for node in merges {
        if let Data::Map(merged) = node.data {
            for entry in merged {
                if !entries.iter().any(|known| known.key == entry.key) {
                    entries.push(entry);
                }
            }
        }
    }
}
