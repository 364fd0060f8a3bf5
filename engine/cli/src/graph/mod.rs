//! Draws a workflow's graph: as SVG with our own layout, for Graphviz, or for Mermaid.

pub(crate) mod dot;
pub(crate) mod layout;
pub(crate) mod mermaid;
pub(crate) mod of_workflow;
pub(crate) mod svg;

use serde::Serialize;

/// The stages of a workflow and the edges between them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct GraphView {
    /// The workflow's name.
    pub(crate) name: String,
    /// The stages, upstream first.
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

/// One stage.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// What it does in a word or two: `kernel regrid_apply`, `run`.
    pub(crate) action: String,
    /// Its tasks: `1 task`, `1000 tasks`, `a task for each 100000 rows of library`.
    pub(crate) tasks: String,
    /// Its status, if the graph is that of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
}

/// One edge between two stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Edge {
    /// The upstream stage.
    pub(crate) from: String,
    /// The downstream stage.
    pub(crate) to: String,
    /// The ports whose datasets flow. Empty if the edge only sets the order.
    pub(crate) ports: Vec<String>,
}

impl GraphView {
    /// The edges as pairs of indices into `nodes`.
    pub(crate) fn indexed_edges(&self) -> Vec<(usize, usize)> {
        let place: std::collections::BTreeMap<&str, usize> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.name.as_str(), at))
            .collect();
        self.edges
            .iter()
            .filter_map(|edge| {
                Some((
                    *place.get(edge.from.as_str())?,
                    *place.get(edge.to.as_str())?,
                ))
            })
            .collect()
    }
}
