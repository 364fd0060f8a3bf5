//! The cost-to-go of each stage: what it and its successors emit when it begins at a moment.
//! Computed by dynamic programming from the last stages to the first.
//!
//! It is exact for chains, and for graphs in which no stage has two successors (CARBON.md §2
//! without capacity). A stage with several predecessors has its cost divided among them, or each of
//! them would count all of it.

use super::board::Board;
use super::goals::Cost;
use super::node::{Node, cost};

/// By possible start, ascending: `(start, cost when it begins then, lowest cost when it begins then
/// or later)`.
type CostToGo<C> = Vec<(u64, C, C)>;

/// A start for each stage: the one with the lowest cost-to-go after its predecessors have ended.
/// Costs `stages x slots x pools`.
pub(crate) fn starts<C: Cost>(board: &Board, nodes: &[Node<'_>]) -> Vec<u64> {
    let mut costs: Vec<CostToGo<C>> = vec![Vec::new(); nodes.len()];
    for place in (0..nodes.len()).rev() {
        costs[place] = cost_to_go(board, nodes, &costs, place);
    }
    let mut starts: Vec<u64> = Vec::with_capacity(nodes.len());
    for (node, cost_to_go) in nodes.iter().zip(&costs) {
        let ends = node.before.iter().filter_map(|before| {
            let start = starts.get(*before)?;
            Some(start.saturating_add(nodes.get(*before)?.length_ms))
        });
        let early = ends.max().unwrap_or(0).max(node.ready_ms);
        let from = cost_to_go.partition_point(|(start, _, _)| *start < early);
        let latest = node.latest_after(early);
        let best = cost_to_go[from..]
            .iter()
            .take_while(|(start, _, _)| *start <= latest)
            .min_by_key(|(start, value, _)| (*value, *start))
            .map_or(early, |(start, _, _)| *start);
        starts.push(best.max(early));
    }
    starts
}

/// The cost-to-go of one stage; that of its successors is known already.
fn cost_to_go<C: Cost>(
    board: &Board,
    nodes: &[Node<'_>],
    costs: &[CostToGo<C>],
    place: usize,
) -> CostToGo<C> {
    let node = &nodes[place];
    let mut cost_to_go: CostToGo<C> = node
        .starts(board)
        .into_iter()
        .map(|start| {
            let end = start.saturating_add(node.length_ms);
            let behind = node.behind.iter().map(|next| {
                let list = &costs[*next];
                let from = list.partition_point(|(start, _, _)| *start < end);
                let next = &nodes[*next];
                let least = match next.ask.max_delay_ms {
                    None => list.get(from).map(|(_, _, least)| *least),
                    Some(_) => {
                        let latest = next.latest_after(end);
                        let near = list[from..].iter();
                        let near = near.take_while(|(start, _, _)| *start <= latest);
                        near.map(|(_, value, _)| *value).min()
                    }
                };
                let last = || list.last().map(|(_, _, least)| *least);
                let least = least.or_else(last).unwrap_or(C::NOTHING);
                let shared = u64::try_from(next.before.len().max(1)).unwrap_or(1);
                least.shared(shared)
            });
            let own = cost(board, node, start);
            (start, behind.fold(own, C::and), C::NOTHING)
        })
        .collect();
    let mut least = None;
    for (_, value, then) in cost_to_go.iter_mut().rev() {
        let lowest = least.map_or(*value, |least: C| least.min(*value));
        (*then, least) = (lowest, Some(lowest));
    }
    cost_to_go
}
