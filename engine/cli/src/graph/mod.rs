//! A workflow's graph as something to look at: as SVG of our own layout, for Graphviz, for Mermaid.

pub(crate) mod dot;
pub(crate) mod layout;
pub(crate) mod mermaid;
pub(crate) mod of_workflow;
pub(crate) mod svg;

use serde::Serialize;

/// Stages and what flows between them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct GraphView {
    /// The workflow's name.
    pub(crate) name: String,
    /// Its stages, upstream first.
    pub(crate) nodes: Vec<Node>,
    /// What binds them.
    pub(crate) edges: Vec<Edge>,
}

/// One stage.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// What it does, in a word or two: `kernel regrid_apply`, `run`.
    pub(crate) action: String,
    /// How it is cut into tasks: `1 task`, `1000 tasks`, `a task for each 100000 rows of library`.
    pub(crate) tasks: String,
    /// How it stands in a run, where one is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
}

/// One binding of a stage to one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Edge {
    /// The stage before.
    pub(crate) from: String,
    /// The stage after.
    pub(crate) to: String,
    /// The ports that flow; empty when it is order alone.
    pub(crate) ports: Vec<String>,
}

impl GraphView {
    /// The edges as places in `nodes`.
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
