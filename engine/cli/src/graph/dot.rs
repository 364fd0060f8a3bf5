//! Renders the graph for Graphviz.

use std::fmt::Write;

use super::GraphView;

/// Renders a `digraph`.
pub(crate) fn render(graph: &GraphView) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&graph.name));
    text.push_str("  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    for node in &graph.nodes {
        let label = format!("{}\n{}\n{}", node.name, node.action, node.tasks);
        // Writing to a string does not fail.
        _ = writeln!(text, "  {} [label={}];", quoted(&node.name), quoted(&label));
    }
    for edge in &graph.edges {
        let look = if edge.ports.is_empty() {
            "style=dashed".to_owned()
        } else {
            format!("label={}", quoted(&edge.ports.join(", ")))
        };
        _ = writeln!(
            text,
            "  {} -> {} [{look}];",
            quoted(&edge.from),
            quoted(&edge.to)
        );
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn quotes_and_backslashes_stay_inside_the_label() {
        assert_eq!(super::quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\nd\"");
    }
}
