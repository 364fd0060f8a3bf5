//! Renders the graph as one SVG that needs no other font, script or style sheet.

use std::fmt::Write;

use super::layout::{Layout, Spot, layered};
use super::{GraphView, Node};
use crate::render::text_width::{shortened, text_width};
use crate::render::units::float;

/// Space between boxes of one layer.
const GAP_ACROSS: f64 = 28.0;
/// Space between layers.
const GAP_DOWN: f64 = 54.0;
/// The height of a box with three lines.
const BOX_HEIGHT: f64 = 58.0;
/// The greatest width of a box's text. Longer text is cut, and its tooltip has all of it.
const TEXT_AT_MOST: f64 = 320.0;
/// The space between a box's edges and its text, both sides together.
const PADDING: f64 = 24.0;
/// The sizes of a box's name and of its other lines, in pixels.
const NAME_SIZE: f64 = 13.0;
const LINE_SIZE: f64 = 12.0;
/// The font size and greatest width of the ports along an arrow.
const PORTS_SIZE: f64 = 11.0;
const PORTS_AT_MOST: f64 = 150.0;
/// The width of a bend in a layer.
const BEND_WIDTH: f64 = 18.0;
/// The space around the drawing.
const MARGIN: f64 = 16.0;

/// Every rule names the class of this drawing, because a style sheet of a drawing inside a page
/// applies to the whole page.
const STYLE: &str = ".graph text{font:12px system-ui,sans-serif;fill:#1f2933}\
.graph .name{font-weight:600;font-size:13px}.graph .line{fill:#52606d}.graph .ports{font-size:11px;fill:#52606d;paint-order:stroke;stroke:#fff;stroke-width:3px}\
.graph rect{fill:#f5f7fa;stroke:#7b8794;stroke-width:1.2}.graph path{fill:none;stroke:#7b8794;stroke-width:1.3}\
.graph .order{stroke-dasharray:4 3}.graph .succeeded rect,.graph .cached rect{fill:#e3f9e5;stroke:#2f8132}\
.graph .failed rect{fill:#ffe3e3;stroke:#ba2525}.graph .skipped rect,.graph .cancelled rect{fill:#f0f0f0;stroke:#9aa5b1}\
.graph .running rect{fill:#e6f6ff;stroke:#0967d2}";

/// The head of an arrow.
const TIP: &str = "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" style=\"fill:#7b8794;stroke:none\"/></marker></defs>\n";

/// The center and width of a spot.
#[derive(Clone, Copy, Default)]
struct Place {
    x: f64,
    width: f64,
}

/// Renders the SVG document.
pub(crate) fn render(graph: &GraphView) -> String {
    let edges = graph.indexed_edges();
    let layout = layered(graph.nodes.len(), &edges);
    let (places, width) = measure(graph, &layout);
    let layers = float_of(layout.layers.len());
    let height = 2.0 * MARGIN + layers * BOX_HEIGHT + (layers - 1.0).max(0.0) * GAP_DOWN;
    let mut body = String::new();
    let mut width = width;
    for ((edge, (from, to)), bends) in graph.edges.iter().zip(&edges).zip(&layout.bends) {
        let right = draw_edge(
            &mut body,
            &layout,
            &places,
            (*from, *to),
            bends,
            &edge.ports,
        );
        width = width.max(right + MARGIN);
    }
    for (node, spot) in graph.nodes.iter().zip(&layout.nodes) {
        draw_node(&mut body, node, at(&places, *spot), top(spot.layer));
    }
    let name = escaped(&graph.name);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{name}</title>\n<style>{STYLE}</style>\n{TIP}{body}</svg>\n"
    )
}

/// The center of every spot, with each layer centered, and the drawing's width.
fn measure(graph: &GraphView, layout: &Layout) -> (Vec<Vec<Place>>, f64) {
    let mut places: Vec<Vec<Place>> = layout
        .layers
        .iter()
        .map(|count| {
            vec![
                Place {
                    x: 0.0,
                    width: BEND_WIDTH
                };
                *count
            ]
        })
        .collect();
    for (node, spot) in graph.nodes.iter().zip(&layout.nodes) {
        let widest = lines(node).iter().map(Line::width).fold(0.0, f64::max);
        if let Some(place) = places
            .get_mut(spot.layer)
            .and_then(|row| row.get_mut(spot.place))
        {
            place.width = (widest.min(TEXT_AT_MOST) + PADDING).max(90.0);
        }
    }
    let row_width = |row: &Vec<Place>| -> f64 {
        row.iter().map(|place| place.width).sum::<f64>()
            + GAP_ACROSS * float_of(row.len().saturating_sub(1))
    };
    let widest = places.iter().map(row_width).fold(0.0, f64::max);
    for row in &mut places {
        let mut x = MARGIN + (widest - row_width(row)) / 2.0;
        for place in row {
            place.x = x + place.width / 2.0;
            x += place.width + GAP_ACROSS;
        }
    }
    (places, widest + 2.0 * MARGIN)
}

/// One line of a box.
struct Line {
    text: String,
    class: &'static str,
    size: f64,
    /// The distance of its baseline from the top of the box.
    down: f64,
}

impl Line {
    fn is_bold(&self) -> bool {
        self.class == "name"
    }

    fn width(&self) -> f64 {
        text_width(&self.text, self.size, self.is_bold())
    }
}

/// The lines of a box: the name, the action, and the tasks or status.
fn lines(node: &Node) -> [Line; 3] {
    let third = node.status.as_ref().map_or_else(
        || node.tasks.clone(),
        |status| format!("{}, {status}", node.tasks),
    );
    let line = |text: &str, class, size, down| Line {
        text: text.to_owned(),
        class,
        size,
        down,
    };
    [
        line(&node.name, "name", NAME_SIZE, 19.0),
        line(&node.action, "line", LINE_SIZE, 35.0),
        line(&third, "line", LINE_SIZE, 50.0),
    ]
}

fn draw_node(text: &mut String, node: &Node, place: Place, top: f64) {
    let class = node.status.as_deref().unwrap_or("plain");
    let lines = lines(node);
    // Writing to a string does not fail.
    _ = write!(
        text,
        "<g class=\"{}\"><title>{}</title><rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BOX_HEIGHT}\" rx=\"7\"/>",
        escaped(class),
        escaped(&lines.each_ref().map(|line| line.text.as_str()).join("\n")),
        place.x - place.width / 2.0,
        place.width,
    );
    for line in lines {
        let fits = shortened(&line.text, line.size, line.is_bold(), TEXT_AT_MOST);
        _ = write!(
            text,
            "<text class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            line.class,
            place.x,
            top + line.down,
            escaped(&fits),
        );
    }
    text.push_str("</g>\n");
}

/// Draws an arrow and the ports along it. Returns the right edge of the text.
fn draw_edge(
    text: &mut String,
    layout: &Layout,
    places: &[Vec<Place>],
    (from, to): (usize, usize),
    bends: &[Spot],
    ports: &[String],
) -> f64 {
    let (Some(start), Some(end)) = (layout.nodes.get(from), layout.nodes.get(to)) else {
        return 0.0;
    };
    let mut stops = vec![(at(places, *start).x, top(start.layer) + BOX_HEIGHT)];
    for bend in bends {
        let x = at(places, *bend).x;
        stops.push((x, top(bend.layer)));
        stops.push((x, top(bend.layer) + BOX_HEIGHT));
    }
    stops.push((at(places, *end).x, top(end.layer)));
    let mut path = String::new();
    for (n, (x, y)) in stops.iter().enumerate() {
        match n.checked_sub(1).and_then(|before| stops.get(before)) {
            None => _ = write!(path, "M{x:.1} {y:.1}"),
            // The arrow curves between layers and goes straight down past a layer.
            Some((px, py)) if n % 2 == 1 => {
                let middle = (py + y) / 2.0;
                _ = write!(
                    path,
                    "C{px:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {y:.1}"
                );
            }
            Some(_) => _ = write!(path, "L{x:.1} {y:.1}"),
        }
    }
    let class = if ports.is_empty() { "order" } else { "data" };
    let names = ports.join(", ");
    _ = writeln!(
        text,
        "<path class=\"{class}\" d=\"{path}\" marker-end=\"url(#tip)\"><title>{}</title></path>",
        escaped(&names)
    );
    let (Some((x0, y0)), Some((x1, y1))) = (stops.first(), stops.get(1)) else {
        return 0.0;
    };
    let x = f64::midpoint(*x0, *x1) + 5.0;
    let fits = shortened(&names, PORTS_SIZE, false, PORTS_AT_MOST);
    if !fits.is_empty() {
        let y = f64::midpoint(*y0, *y1) + 4.0;
        _ = writeln!(
            text,
            "<text class=\"ports\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escaped(&fits)
        );
    }
    x + text_width(&fits, PORTS_SIZE, false)
}

fn at(places: &[Vec<Place>], spot: Spot) -> Place {
    places
        .get(spot.layer)
        .and_then(|row| row.get(spot.place))
        .copied()
        .unwrap_or_default()
}

fn top(layer: usize) -> f64 {
    MARGIN + float_of(layer) * (BOX_HEIGHT + GAP_DOWN)
}

fn float_of(count: usize) -> f64 {
    float(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Text with the characters escaped that XML does not take as text.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0 has no way to write most control characters.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Edge, GraphView, Node};
    use super::{escaped, render};

    #[test]
    fn a_name_with_markup_does_not_become_markup() {
        assert_eq!(escaped("<a&\"\u{1b}"), "&lt;a&amp;&quot;\u{fffd}");
    }

    #[test]
    fn every_stage_and_every_port_is_in_the_drawing() {
        let node = |name: &str| Node {
            name: name.to_owned(),
            action: "run".to_owned(),
            tasks: "1 task".to_owned(),
            status: None,
        };
        let graph = GraphView {
            name: "g".to_owned(),
            nodes: vec![node("first"), node("second"), node("third")],
            edges: vec![
                Edge {
                    from: "first".to_owned(),
                    to: "second".to_owned(),
                    ports: vec!["rows".to_owned()],
                },
                Edge {
                    from: "first".to_owned(),
                    to: "third".to_owned(),
                    ports: Vec::new(),
                },
            ],
        };
        insta::assert_snapshot!(render(&graph));
    }
}
