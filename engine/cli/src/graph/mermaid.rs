//! Renders the graph for Mermaid, which many forges draw inside Markdown.

use std::fmt::Write;

use sunward_workflows::own_name;

use super::GraphView;

/// Renders a `flowchart`.
pub(crate) fn render(graph: &GraphView) -> String {
    let mut text = String::from("flowchart TD\n");
    let mut boxes = 0;
    group(graph, None, 1, &mut boxes, &mut text);
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

/// Writes the stages of one file. Those of a file that a stage uses are in a box. The ids are numbers,
/// because a stage may be called `end`, which is a keyword in Mermaid.
fn group(
    graph: &GraphView,
    around: Option<&str>,
    depth: usize,
    boxes: &mut usize,
    text: &mut String,
) {
    let indent = "  ".repeat(depth);
    let here = graph.group(around);
    for at in here.nodes {
        let Some(node) = graph.nodes.get(at) else {
            continue;
        };
        // Writing to a string does not fail.
        _ = writeln!(
            text,
            "{indent}s{at}[\"{}<br/>{}<br/>{}\"]",
            escaped(own_name(&node.name)),
            escaped(&node.action),
            escaped(&node.tasks)
        );
    }
    for file in here.files {
        *boxes += 1;
        let label = escaped(own_name(&file));
        _ = writeln!(text, "{indent}subgraph f{boxes}[\"{label}\"]");
        group(graph, Some(&file), depth + 1, boxes, text);
        _ = writeln!(text, "{indent}end");
    }
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
