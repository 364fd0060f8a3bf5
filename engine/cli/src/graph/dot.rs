//! Renders the graph for Graphviz.

use std::fmt::Write;

use sunward_workflows::own_name;

use super::GraphView;

/// Renders a `digraph`.
pub(crate) fn render(graph: &GraphView) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&graph.name));
    text.push_str("  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    group(graph, None, 1, &mut text);
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

/// Writes the stages of one file. Those of a file that a stage uses are in a box.
fn group(graph: &GraphView, around: Option<&str>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let here = graph.group(around);
    for node in here.nodes.into_iter().filter_map(|at| graph.nodes.get(at)) {
        let label = format!("{}\n{}\n{}", own_name(&node.name), node.action, node.tasks);
        let name = quoted(&node.name);
        // Writing to a string does not fail.
        _ = writeln!(text, "{indent}{name} [label={}];", quoted(&label));
    }
    for file in here.files {
        let id = quoted(&format!("cluster_{file}"));
        let label = quoted(own_name(&file));
        _ = writeln!(text, "{indent}subgraph {id} {{\n{indent}  label={label};");
        group(graph, Some(&file), depth + 1, text);
        _ = writeln!(text, "{indent}}}");
    }
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
