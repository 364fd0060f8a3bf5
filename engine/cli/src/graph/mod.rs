//! Draws a workflow's graph: as SVG with our own layout, for Graphviz, or for Mermaid.

pub(crate) mod dot;
pub(crate) mod layout;
pub(crate) mod mermaid;
pub(crate) mod of_workflow;
pub(crate) mod svg;

use serde::Serialize;
use sunward_workflows::enclosing;

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

/// What is drawn together: the stages of one file, and the files that they use.
pub(crate) struct Group {
    /// Places in [`GraphView::nodes`].
    pub(crate) nodes: Vec<usize>,
    /// The full names of the stages that use files.
    pub(crate) files: Vec<String>,
}

impl GraphView {
    /// The stages of the file that a stage uses, or of the workflow's own.
    pub(crate) fn group(&self, around: Option<&str>) -> Group {
        let mut group = Group {
            nodes: Vec::new(),
            files: Vec::new(),
        };
        for (at, node) in self.nodes.iter().enumerate() {
            let mut name = node.name.as_str();
            while let Some(outer) = enclosing(name).filter(|outer| Some(*outer) != around) {
                name = outer;
            }
            if enclosing(name) != around {
                continue;
            }
            if name == node.name {
                group.nodes.push(at);
            } else if group.files.last().is_none_or(|last| last != name) {
                group.files.push(name.to_owned());
            }
        }
        group
    }

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
