//! The receptor atoms near each position: cells of space, each with the atoms that its points can
//! reach. A list is made when a pose first needs it.

use std::sync::OnceLock;

use super::atom::Atom;
use super::terms::{Block, LANES};

/// The edge of a cell in Å, unless the receptor is so large that there would be too many.
pub(super) const EDGE: f64 = 3.0;
/// The most cells.
pub(super) const CELLS: usize = 1 << 20;
/// Lists are this much too wide, in Å, so that rounding at a cell's wall never loses an atom.
pub(super) const SLACK: f64 = 1e-3;

/// A heavy atom and its position in Å.
pub(super) type Placed = (Atom, [f64; 3]);

/// A receptor, ready for queries.
pub(super) struct Neighborhood {
    atoms: Vec<Placed>,
    cutoff: f64,
    edge: f64,
    /// The lowest corner.
    origin: [f64; 3],
    /// Cells by axis.
    counts: [usize; 3],
    lists: Vec<OnceLock<Vec<Block>>>,
}

impl Neighborhood {
    /// The neighborhood of these atoms, whose positions must be finite; `cutoff` in Å.
    pub(super) fn new(atoms: Vec<Placed>, cutoff: f64) -> Self {
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for (_, place) in &atoms {
            for axis in 0..3 {
                low[axis] = low[axis].min(place[axis] - cutoff);
                high[axis] = high[axis].max(place[axis] + cutoff);
            }
        }
        let mut edge = EDGE;
        let mut counts = cells(low, high, edge);
        while counts
            .iter()
            .fold(1, |all: usize, &n| all.saturating_mul(n))
            > CELLS
        {
            edge *= 2.0;
            counts = cells(low, high, edge);
        }
        Self {
            atoms,
            cutoff,
            edge,
            origin: low,
            counts,
            lists: (0..counts.iter().product())
                .map(|_| OnceLock::new())
                .collect(),
        }
    }

    /// The receptor's heavy atoms.
    pub(super) fn atoms(&self) -> &[Placed] {
        &self.atoms
    }

    /// All atoms nearer than the cutoff, and some others.
    pub(super) fn near(&self, place: [f64; 3]) -> &[Block] {
        let mut cell = [0; 3];
        for axis in 0..3 {
            let steps = (place[axis] - self.origin[axis]) / self.edge;
            match whole(steps) {
                Some(step) if step < self.counts[axis] => cell[axis] = step,
                _ => return &[],
            }
        }
        let number = (cell[0] * self.counts[1] + cell[1]) * self.counts[2] + cell[2];
        self.lists[number].get_or_init(|| self.list(cell))
    }

    /// The atoms that a point of this cell can reach, in the receptor's order.
    fn list(&self, cell: [usize; 3]) -> Vec<Block> {
        let reach = self.cutoff + SLACK;
        let near = self.atoms.iter().filter(|(_, place)| {
            let mut square = 0.0;
            for axis in 0..3 {
                let wall = self.origin[axis] + number(cell[axis]) * self.edge;
                let gap = (wall - place[axis])
                    .max(place[axis] - wall - self.edge)
                    .max(0.0);
                square += gap * gap;
            }
            square < reach * reach
        });
        let mut blocks = Vec::new();
        for (i, (atom, place)) in near.enumerate() {
            let lane = i % LANES;
            if lane == 0 {
                blocks.push(Block::EMPTY);
            }
            if let Some(block) = blocks.last_mut() {
                for (lanes, x) in block.place.iter_mut().zip(place) {
                    lanes[lane] = *x;
                }
                block.radius[lane] = atom.radius;
                block.hydrophobic[lane] = atom.hydrophobic;
                block.donor[lane] = atom.donor;
                block.acceptor[lane] = atom.acceptor;
            }
        }
        blocks
    }
}

/// How many cells of this edge there are between two corners.
pub(super) fn cells(low: [f64; 3], high: [f64; 3], edge: f64) -> [usize; 3] {
    [0, 1, 2].map(|axis| whole((high[axis] - low[axis]) / edge).map_or(1, |n| n.saturating_add(1)))
}

/// The integral part of a non-negative number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is 0 or more; what is too large becomes the largest"
)]
pub(super) fn whole(x: f64) -> Option<usize> {
    (x >= 0.0).then_some(x as usize)
}

#[expect(clippy::cast_precision_loss, reason = "there are at most 2^20 cells")]
pub(super) fn number(n: usize) -> f64 {
    n as f64
}
