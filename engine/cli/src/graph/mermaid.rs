//! Renders the graph for Mermaid, which many forges draw inside Markdown.

use std::fmt::Write;

use super::GraphView;

/// Renders a `flowchart`.
pub(crate) fn render(graph: &GraphView) -> String {
    let mut text = String::from("flowchart TD\n");
    // The ids are numbers, because a stage may be called `end`, which is a keyword in Mermaid.
    for (at, node) in graph.nodes.iter().enumerate() {
        // Writing to a string does not fail.
        _ = writeln!(
            text,
            "  s{at}[\"{}<br/>{}<br/>{}\"]",
            escaped(&node.name),
            escaped(&node.action),
            escaped(&node.tasks)
        );
    }
    for (edge, (from, to)) in graph.edges.iter().zip(graph.indexed_edges()) {
        if edge.ports.is_empty() {
            _ = writeln!(text, "  s{from} -.-> s{to}");
        } else {
            let ports = escaped(&edge.ports.join(", "));
            _ = writeln!(text, "  s{from} -->|\"{ports}\"| s{to}");
        }
    }
    text
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn markup_in_a_label_is_shown_and_not_obeyed() {
        assert_eq!(super::escaped("<b>\"#"), "#lt;b#gt;#quot;#35;");
    }
}
