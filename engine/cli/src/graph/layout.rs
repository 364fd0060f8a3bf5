//! Places the nodes of an acyclic graph in layers, so that few edges cross.
//!
//! The layered method in three steps. A node's layer is the length of its longest path from a
//! source. An edge that spans several layers gets a bend in each. Sweeps down and up then order
//! nodes and bends by the mean place of their neighbors.

use std::collections::BTreeSet;

/// The number of sweeps in each direction. More sweeps change little.
const SWEEPS: usize = 6;
/// The most bends. With more, long edges are drawn straight, so that huge graphs can be drawn.
const MAX_BENDS: usize = 20_000;

/// The positions of nodes and edges as layers and places, without sizes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The spot of each node.
    pub(crate) nodes: Vec<Spot>,
    /// For each edge, the spots where it bends, between its ends.
    pub(crate) bends: Vec<Vec<Spot>>,
    /// The number of spots in each layer.
    pub(crate) layers: Vec<usize>,
}

/// A layer, and a place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    /// From 0, which holds the sources.
    pub(crate) layer: usize,
    /// From 0.
    pub(crate) place: usize,
}

/// Nodes and bends, while they are ordered.
struct Points {
    layer: Vec<usize>,
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
}

/// Lays out `count` nodes of a graph without cycles. The nodes may be in any order.
pub(crate) fn layered(count: usize, edges: &[(usize, usize)]) -> Layout {
    let mut points = Points {
        layer: longest_ways(count, edges),
        above: vec![Vec::new(); count],
        below: vec![Vec::new(); count],
    };
    let chains = bend(&mut points, edges);
    let mut rows = rows_of(&points.layer);
    let mut places = places_of(&rows, points.layer.len());
    for _ in 0..SWEEPS {
        for row in &mut rows {
            order_by(row, &points.above, &mut places);
        }
        for row in rows.iter_mut().rev() {
            order_by(row, &points.below, &mut places);
        }
    }
    let spot = |point: usize| Spot {
        layer: points.layer[point],
        place: places[point],
    };
    Layout {
        nodes: (0..count).map(spot).collect(),
        bends: chains
            .iter()
            .map(|chain| chain.iter().copied().map(spot).collect())
            .collect(),
        layers: rows.iter().map(Vec::len).collect(),
    }
}

/// The layer of each node: the length of its longest path from a source. Found by repeatedly
/// removing the sources.
fn longest_ways(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layer = vec![0; count];
    let mut waiting = vec![0_usize; count];
    let mut after = vec![Vec::new(); count];
    for &(from, to) in edges {
        after[from].push(to);
        waiting[to] += 1;
    }
    let mut sources: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    while let Some(node) = sources.pop() {
        for &next in &after[node] {
            layer[next] = layer[next].max(layer[node] + 1);
            waiting[next] -= 1;
            if waiting[next] == 0 {
                sources.push(next);
            }
        }
    }
    layer
}

/// Gives each edge a bend in every layer it passes, and connects all points to their neighbors.
fn bend(points: &mut Points, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let spans =
        |&(from, to): &(usize, usize)| points.layer[to].saturating_sub(points.layer[from] + 1);
    let straight = edges.iter().map(spans).sum::<usize>() > MAX_BENDS;
    let mut chains = Vec::with_capacity(edges.len());
    let mut seen = BTreeSet::new();
    for &(from, to) in edges {
        let mut chain = Vec::new();
        if seen.insert((from, to)) {
            let mut last = from;
            if !straight {
                for layer in points.layer[from] + 1..points.layer[to] {
                    let point = points.layer.len();
                    points.layer.push(layer);
                    points.above.push(Vec::new());
                    points.below.push(Vec::new());
                    tie(points, last, point);
                    chain.push(point);
                    last = point;
                }
            }
            tie(points, last, to);
        }
        chains.push(chain);
    }
    chains
}

fn tie(points: &mut Points, upper: usize, lower: usize) {
    points.below[upper].push(lower);
    points.above[lower].push(upper);
}

fn rows_of(layers: &[usize]) -> Vec<Vec<usize>> {
    let depth = layers.iter().max().map_or(0, |deepest| deepest + 1);
    let mut rows = vec![Vec::new(); depth];
    for (point, layer) in layers.iter().enumerate() {
        rows[*layer].push(point);
    }
    rows
}

fn places_of(rows: &[Vec<usize>], count: usize) -> Vec<usize> {
    let mut places = vec![0; count];
    for row in rows {
        for (place, point) in row.iter().enumerate() {
            places[*point] = place;
        }
    }
    places
}

/// Sorts a row by the mean place of each point's neighbors. A point without neighbors keeps its
/// place.
fn order_by(row: &mut [usize], neighbours: &[Vec<usize>], places: &mut [usize]) {
    // Means are compared as integers scaled by one factor, so that no floats are needed.
    const SCALE: usize = 1 << 20;
    row.sort_by_cached_key(|point| {
        let near = &neighbours[*point];
        let mean = if near.is_empty() {
            places[*point] * SCALE
        } else {
            near.iter().map(|other| places[*other]).sum::<usize>() * SCALE / near.len()
        };
        (mean, places[*point])
    });
    for (place, point) in row.iter().enumerate() {
        places[*point] = place;
    }
}

#[cfg(test)]
mod tests {
    use super::{Spot, layered};

    #[test]
    fn a_chain_is_one_node_a_layer() {
        let layout = layered(3, &[(0, 1), (1, 2)]);
        assert_eq!(layout.layers, [1, 1, 1]);
        assert_eq!(layout.nodes[2], Spot { layer: 2, place: 0 });
    }

    #[test]
    fn an_edge_that_passes_a_layer_bends_in_it() {
        let layout = layered(3, &[(0, 1), (1, 2), (0, 2)]);
        assert_eq!(layout.bends[2].len(), 1);
        assert_eq!(layout.layers, [1, 2, 1]);
    }

    #[test]
    fn crossed_edges_are_uncrossed() {
        let layout = layered(4, &[(0, 3), (1, 2)]);
        assert_eq!(layout.nodes[3].place, 0);
        assert_eq!(layout.nodes[2].place, 1);
    }

    #[test]
    fn a_graph_without_nodes_has_no_layers() {
        assert_eq!(layered(0, &[]).layers.len(), 0);
    }
}
