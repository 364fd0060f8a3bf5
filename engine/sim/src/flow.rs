//! Minimum-cost flow with integral capacities, by successive shortest paths with potentials
//! (Edmonds and Karp 1972; Ahuja, Magnanti, Orlin, *Network Flows*, 1993, §9.7).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A flow network. Each edge is stored beside its reverse edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    edges: Vec<Edge>,
    /// By node: the indices of its edges.
    out: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    to: usize,
    room: u64,
    cost: i128,
}

impl Network {
    /// A network of `nodes` nodes without edges.
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            edges: Vec::new(),
            out: vec![Vec::new(); nodes],
        }
    }

    /// Adds a node without edges. Returns its number.
    pub(crate) fn add_node(&mut self) -> usize {
        self.out.push(Vec::new());
        self.out.len() - 1
    }

    /// Adds an edge with a capacity and a cost for each unit.
    pub(crate) fn connect(&mut self, from: usize, to: usize, room: u64, cost: u64) {
        for (from, to, room, cost) in [
            (from, to, room, i128::from(cost)),
            (to, from, 0, -i128::from(cost)),
        ] {
            self.out[from].push(self.edges.len());
            self.edges.push(Edge { to, room, cost });
        }
    }

    /// The least cost of sending `units` from one node to another; `None` if the capacity does not
    /// suffice.
    pub(crate) fn cheapest(mut self, from: usize, to: usize, units: u64) -> Option<u128> {
        let mut potentials = vec![0_i128; self.out.len()];
        let (mut left, mut sum) = (units, 0_u128);
        while left > 0 {
            let paths = self.shortest(from, &potentials);
            let (farthest, _) = paths[to]?;
            for (potential, path) in potentials.iter_mut().zip(&paths) {
                // A node that is not reached now is at least as far as the farthest node that was
                // reached.
                *potential += path.map_or(farthest, |(length, _)| length);
            }
            let mut way = Vec::new();
            let mut node = to;
            while node != from {
                let (_, edge) = paths[node]?;
                way.push(edge);
                node = self.edges[edge ^ 1].to;
            }
            let room = way.iter().map(|edge| self.edges[*edge].room).min();
            let sent = room.unwrap_or(0).min(left);
            for edge in way {
                self.edges[edge].room -= sent;
                self.edges[edge ^ 1].room += sent;
            }
            let each = u128::try_from(potentials[to] - potentials[from]).ok()?;
            sum += each * u128::from(sent);
            left -= sent;
        }
        Some(sum)
    }

    /// Dijkstra's algorithm with reduced costs: for each node, its distance and the edge that
    /// reaches it.
    fn shortest(&self, from: usize, potentials: &[i128]) -> Vec<Option<(i128, usize)>> {
        let mut paths: Vec<Option<(i128, usize)>> = vec![None; self.out.len()];
        paths[from] = Some((0, usize::MAX));
        let mut heap = BinaryHeap::from([Reverse((0_i128, from))]);
        while let Some(Reverse((length, node))) = heap.pop() {
            if paths[node].is_some_and(|(known, _)| known < length) {
                continue;
            }
            for index in &self.out[node] {
                let edge = self.edges[*index];
                if edge.room == 0 {
                    continue;
                }
                let reduced = edge.cost + potentials[node] - potentials[edge.to];
                let next = length + reduced;
                if paths[edge.to].is_none_or(|(known, _)| next < known) {
                    paths[edge.to] = Some((next, *index));
                    heap.push(Reverse((next, edge.to)));
                }
            }
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn what_came_first_makes_way_when_that_is_cheaper() {
        // 0 to 1 and 2, both to 3: the cheap first way is taken back in part.
        let mut network = Network::new(4);
        network.connect(0, 1, 1, 1);
        network.connect(0, 2, 1, 5);
        network.connect(1, 2, 1, 1);
        network.connect(1, 3, 1, 6);
        network.connect(2, 3, 1, 1);
        assert_eq!(network.clone().cheapest(0, 3, 1), Some(3));
        assert_eq!(network.clone().cheapest(0, 3, 2), Some(13));
        assert_eq!(network.cheapest(0, 3, 3), None);
    }
}
