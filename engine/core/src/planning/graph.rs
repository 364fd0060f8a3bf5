//! The graph of stages and its order: upstream stages first, ties in the order of the file.

use std::collections::BTreeSet;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use sunward_workflows::{Cycles, Workflow, topological_order};

use super::PlanError;
use crate::ids::index_of;

/// Which stages wait for which. A node is a stage's index in the file.
pub(super) struct Graph {
    graph: DiGraph<(), ()>,
    /// The stages' indices in the file, in topological order.
    pub(super) order: Vec<usize>,
    /// For each index in the file, the index in `order`.
    rank: Vec<u32>,
}

impl Graph {
    /// Builds the graph of a workflow.
    pub(super) fn of(workflow: &Workflow) -> Result<Self, PlanError> {
        let mut graph = DiGraph::with_capacity(workflow.stages.len(), workflow.stages.len());
        for _ in &workflow.stages {
            graph.add_node(());
        }
        for (at, stage) in workflow.stages.values().enumerate() {
            let reads = stage.inputs.values().flat_map(|input| &input.from);
            let names: BTreeSet<&str> = reads
                .filter_map(|reference| Some(reference.port()?.0))
                .chain(stage.needs.iter().map(String::as_str))
                .collect();
            for name in names {
                let from =
                    workflow
                        .stages
                        .get_index_of(name)
                        .ok_or_else(|| PlanError::NoUpstream {
                            stage: stage.name.clone(),
                            upstream: name.to_owned(),
                        })?;
                graph.add_edge(NodeIndex::new(from), NodeIndex::new(at), ());
            }
        }
        let order = topological_order(&graph).map_err(|found| cycle(workflow, &found))?;
        let mut rank = vec![0; order.len()];
        for (place, &written) in order.iter().enumerate() {
            rank[written] = index_of(place);
        }
        Ok(Self { graph, order, rank })
    }

    /// The ranks of the stages that a stage waits for, ascending.
    pub(super) fn upstream(&self, written: usize) -> impl Iterator<Item = u32> + use<> {
        let ranks: BTreeSet<u32> = self
            .graph
            .neighbors_directed(NodeIndex::new(written), Direction::Incoming)
            .map(|node| self.rank[node.index()])
            .collect();
        ranks.into_iter()
    }

    /// These stages and all stages that they wait for, by their indices in the file.
    pub(super) fn with_ancestors(&self, from: impl Iterator<Item = usize>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open: Vec<usize> = from.collect();
        while let Some(written) = open.pop() {
            if found.insert(written) {
                open.extend(
                    self.graph
                        .neighbors_directed(NodeIndex::new(written), Direction::Incoming)
                        .map(NodeIndex::index),
                );
            }
        }
        found
    }
}

/// The error for cycles. It names the stages of the first one in the order in which they wait.
fn cycle(workflow: &Workflow, found: &Cycles) -> PlanError {
    let cycle = found.cycles.first().map_or(&[][..], Vec::as_slice);
    let name = |at: &usize| {
        let stage = workflow.stages.get_index(*at);
        stage.map_or_else(String::new, |(name, _)| name.clone())
    };
    let around = cycle.iter().chain(cycle.first());
    PlanError::Cycle {
        stages: around.map(name).collect(),
    }
}
