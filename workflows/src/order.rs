//! The topological order of a graph, with ties in the order in which the nodes were added.
//!
//! The check of a workflow, the planner and the simulator's readers share this sort. `petgraph`'s
//! own `toposort` orders ties by its depth-first search, and names one node of a cycle, not the
//! cycle.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex, WalkNeighbors};

/// Why a graph has no topological order. Nodes are given by their indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycles {
    /// All cycles that must be cut, each from a node back along its incoming edges: the second node
    /// comes before the first, and the first before the last.
    pub cycles: Vec<Vec<usize>>,
    /// Every node that is in a cycle or comes after one, ascending.
    pub blocked: Vec<usize>,
}

/// The indices of all nodes, each after those with an edge to it. Among nodes that could be next,
/// the one that was added first comes first. It takes time linear in nodes and edges, apart from a
/// heap of the nodes that could be next.
///
/// # Errors
///
/// Fails if the graph has a cycle. A cycle is searched from the first blocked node, along the
/// incoming edge that was added last.
pub fn topological_order<N, E>(graph: &DiGraph<N, E>) -> Result<Vec<usize>, Cycles> {
    let mut sort = Sort::new(graph);
    sort.advance();
    let blocked: Vec<usize> = (0..graph.node_count())
        .filter(|at| !sort.done[*at])
        .collect();
    if blocked.is_empty() {
        return Ok(sort.order);
    }
    let cycles = sort.cut(&blocked);
    Err(Cycles { cycles, blocked })
}

struct Sort<'g, N, E> {
    graph: &'g DiGraph<N, E>,
    /// For each node, its incoming edges from nodes that are not done.
    waits: Vec<usize>,
    /// Nodes that wait for nothing more.
    free: BinaryHeap<Reverse<usize>>,
    done: Vec<bool>,
    order: Vec<usize>,
}

impl<'g, N, E> Sort<'g, N, E> {
    fn new(graph: &'g DiGraph<N, E>) -> Self {
        let count = |node| graph.neighbors_directed(node, Incoming).count();
        let waits: Vec<usize> = graph.node_indices().map(count).collect();
        let free = (0..waits.len()).filter(|at| waits[*at] == 0).map(Reverse);
        Self {
            graph,
            free: free.collect(),
            done: vec![false; waits.len()],
            order: Vec::with_capacity(waits.len()),
            waits,
        }
    }

    /// Sorts all nodes that are not blocked (Kahn's algorithm).
    fn advance(&mut self) {
        while let Some(Reverse(at)) = self.free.pop() {
            self.order.push(at);
            self.finish(&[at]);
        }
    }

    /// Marks nodes as done and frees those that waited only for them.
    fn finish(&mut self, nodes: &[usize]) {
        for at in nodes {
            self.done[*at] = true;
        }
        for at in nodes {
            for next in self.graph.neighbors_directed(NodeIndex::new(*at), Outgoing) {
                let next = next.index();
                self.waits[next] -= 1;
                if self.waits[next] == 0 && !self.done[next] {
                    self.free.push(Reverse(next));
                }
            }
        }
    }

    /// Finds a cycle and cuts it by marking its nodes as done, until no node is blocked.
    ///
    /// The path of the search is kept from cycle to cycle, and so is how far each node's edges were
    /// followed. So no edge is followed twice.
    fn cut(&mut self, blocked: &[usize]) -> Vec<Vec<usize>> {
        let incoming = |node| self.graph.neighbors_directed(node, Incoming).detach();
        let mut edges: Vec<_> = self.graph.node_indices().map(incoming).collect();
        let mut places: Vec<Option<usize>> = vec![None; edges.len()];
        let mut path: Vec<usize> = Vec::new();
        let mut cycles = Vec::new();
        for start in blocked {
            loop {
                while path.pop_if(|at| self.done[*at]).is_some() {}
                if self.done[*start] {
                    break;
                }
                let at = *path.last().unwrap_or(start);
                if path.is_empty() {
                    places[at] = Some(0);
                    path.push(at);
                }
                // A node that is not done always waits for another.
                let Some(before) = self.undone(&mut edges[at]) else {
                    self.finish(&[at]);
                    continue;
                };
                match places[before] {
                    Some(first) => {
                        let cycle = path.split_off(first);
                        self.finish(&cycle);
                        self.advance();
                        cycles.push(cycle);
                    }
                    None => {
                        places[before] = Some(path.len());
                        path.push(before);
                    }
                }
            }
        }
        cycles
    }

    /// The next of a node's incoming edges whose source is not done.
    fn undone(&self, edges: &mut WalkNeighbors<u32>) -> Option<usize> {
        loop {
            let mut ahead = edges.clone();
            let (_, before) = ahead.next(self.graph)?;
            if !self.done[before.index()] {
                return Some(before.index());
            }
            *edges = ahead;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn graph(nodes: usize, edges: &[(usize, usize)]) -> DiGraph<(), ()> {
        let mut graph = DiGraph::new();
        (0..nodes).for_each(|_| {
            graph.add_node(());
        });
        for (from, to) in edges {
            graph.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
        }
        graph
    }

    /// The order by its definition: always the first node that waits for nothing.
    fn by_definition(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
        let mut order: Vec<usize> = Vec::new();
        let free = |order: &[usize]| {
            (0..nodes).find(|at| {
                let mut into = edges.iter().filter(|(_, to)| to == at);
                !order.contains(at) && into.all(|(from, _)| order.contains(from))
            })
        };
        while let Some(next) = free(&order) {
            order.push(next);
        }
        order
    }

    fn graphs() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
        (1_usize..12).prop_flat_map(|nodes| {
            let edges = proptest::collection::vec((0..nodes, 0..nodes), 0..20);
            (Just(nodes), edges)
        })
    }

    proptest! {
        #[test]
        fn the_order_and_the_blocked_nodes_are_those_of_the_definition((nodes, edges) in graphs()) {
            let order = by_definition(nodes, &edges);
            match topological_order(&graph(nodes, &edges)) {
                Ok(found) => prop_assert_eq!(found, order),
                Err(Cycles { blocked, .. }) => {
                    let rest: Vec<_> = (0..nodes).filter(|at| !order.contains(at)).collect();
                    prop_assert_eq!(blocked, rest);
                }
            }
        }

        #[test]
        fn every_cycle_is_one_and_without_them_all_is_ordered((nodes, edges) in graphs()) {
            let Err(Cycles { cycles, .. }) = topological_order(&graph(nodes, &edges)) else {
                return Ok(());
            };
            prop_assert!(!cycles.is_empty());
            let cut: Vec<usize> = cycles.concat();
            prop_assert_eq!(cut.iter().collect::<BTreeSet<_>>().len(), cut.len());
            for cycle in &cycles {
                let befores = cycle.iter().cycle().skip(1);
                for (at, before) in cycle.iter().zip(befores) {
                    prop_assert!(edges.contains(&(*before, *at)), "{:?}", cycle);
                }
            }
            let is_cut = |edge: &(usize, usize)| cut.contains(&edge.0) || cut.contains(&edge.1);
            let rest: Vec<_> = edges.iter().filter(|edge| !is_cut(edge)).copied().collect();
            prop_assert_eq!(by_definition(nodes, &rest).len(), nodes);
        }
    }

    #[test]
    fn many_cycles_behind_one_chain_take_linear_time() {
        // Each node of the chain waits for the next one, and for a cycle of its own. A search that
        // began anew for every cycle would take 10^10 steps.
        let chain = 100_000;
        let own = |at: usize| [(chain + at, at), (chain + at, chain + at)];
        let mut edges: Vec<_> = (0..chain).flat_map(own).collect();
        edges.extend((1..chain).map(|at| (at, at - 1)));
        let found = topological_order(&graph(2 * chain, &edges)).unwrap_err();
        assert_eq!(found.cycles.len(), chain);
        assert_eq!(found.cycles[0], [2 * chain - 1]);
        assert_eq!(found.blocked.len(), 2 * chain);
    }
}
