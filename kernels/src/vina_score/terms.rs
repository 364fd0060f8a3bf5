//! The five terms of one ligand atom with the receptor atoms around it.
//!
//! Loops run over arrays of [`LANES`] numbers without branches, which
//! [`Vectors`](crate::vectors::Vectors) makes as wide as the machine allows. Each lane has a sum of
//! its own, so every width gives the same bits.

use super::atom::Atom;
use crate::exponential::exp;
use crate::vectors::Work;

/// Receptor atoms that are processed together.
pub(super) const LANES: usize = 16;
/// Terms of the score.
pub(super) const TERMS: usize = 5;

/// Sums of each term, lane by lane.
pub(super) type Sums = [[f32; LANES]; TERMS];

/// Receptor atoms in lanes. Empty lanes are far away.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Positions in Å, by axis.
    pub(super) place: [[f64; LANES]; 3],
    /// Radii in Å.
    pub(super) radius: [f32; LANES],
    pub(super) hydrophobic: [f32; LANES],
    pub(super) donor: [f32; LANES],
    pub(super) acceptor: [f32; LANES],
}

impl Block {
    /// A block without atoms.
    pub(super) const EMPTY: Self = Self {
        place: [[1e12; LANES]; 3],
        radius: [0.0; LANES],
        hydrophobic: [0.0; LANES],
        donor: [0.0; LANES],
        acceptor: [0.0; LANES],
    };
}

/// One ligand atom among receptor atoms.
pub(super) struct Add<'a> {
    pub(super) blocks: &'a [Block],
    pub(super) atom: &'a Atom,
    /// The atom's position in Å.
    pub(super) place: [f64; 3],
    /// The square of the cutoff in Å²; only nearer pairs count.
    pub(super) cutoff: f64,
    /// The sums to which it adds.
    pub(super) sums: &'a mut Sums,
}

impl Work for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn work(self) {
        let mut total = *self.sums;
        for block in self.blocks {
            let (inside, distance) = distances(block, self.place, self.cutoff);
            add(block, self.atom, &inside, &distance, &mut total);
        }
        *self.sums = total;
    }
}

/// 1 for each pair nearer than the cutoff (given as its square), else 0; and distances in Å.
/// Squares are computed and compared in double precision, so that a pair on the edge is counted
/// consistently: one more or less is 3e-4 of a whole pose's `gauss2`.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to float32 keeps signs, and distances need no more"
)]
fn distances(block: &Block, place: [f64; 3], cutoff: f64) -> ([f32; LANES], [f32; LANES]) {
    let mut inside = [0.0; LANES];
    let mut distance = [0.0; LANES];
    for lane in 0..LANES {
        let x = block.place[0][lane] - place[0];
        let y = block.place[1][lane] - place[1];
        let z = block.place[2][lane] - place[2];
        let square = x * x + y * y + z * z;
        let beyond = (square - cutoff) as f32;
        inside[lane] = if beyond < 0.0 { 1.0 } else { 0.0 };
        distance[lane] = (square as f32).sqrt();
    }
    (inside, distance)
}

/// Adds the terms of each pair inside the cutoff. A product with 0 is 0, because all factors are
/// finite.
#[inline(always)]
fn add(
    block: &Block,
    atom: &Atom,
    inside: &[f32; LANES],
    distance: &[f32; LANES],
    total: &mut Sums,
) {
    for lane in 0..LANES {
        let surface = distance[lane] - (atom.radius + block.radius[lane]);
        let narrow = surface * 2.0;
        let wide = (surface - 3.0) * 0.5;
        let overlap = if surface < 0.0 { surface } else { 0.0 };
        let hydrophobic = atom.hydrophobic * block.hydrophobic[lane];
        let given = atom.donor * block.acceptor[lane];
        let taken = atom.acceptor * block.donor[lane];
        let bond = if given > taken { given } else { taken };
        total[0][lane] += inside[lane] * exp(-(narrow * narrow));
        total[1][lane] += inside[lane] * exp(-(wide * wide));
        total[2][lane] += inside[lane] * (overlap * overlap);
        total[3][lane] += inside[lane] * (hydrophobic * unit(1.5 - surface));
        total[4][lane] += inside[lane] * (bond * unit(surface * (-1.0 / 0.7)));
    }
}

/// `x` clamped to 0..1.
#[inline(always)]
fn unit(x: f32) -> f32 {
    let low = if x > 0.0 { x } else { 0.0 };
    if low < 1.0 { low } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::Vectors;
    use crate::vina_score::atom::typed;

    proptest! {
        #[test]
        fn every_width_gives_the_same_bits(
            places in proptest::collection::vec((-9.0..9.0, -9.0..9.0, -9.0..9.0), 48),
        ) {
            let kinds = ["C_H", "N_D", "O_A", "O_DA", "Met_D", "S_P", "Cl_H"];
            let mut blocks = vec![Block::EMPTY; 3];
            for (i, &(x, y, z)) in places.iter().enumerate() {
                let atom = typed(kinds[i % kinds.len()]).unwrap().unwrap();
                let block = &mut blocks[i / LANES];
                for (axis, value) in [x, y, z].into_iter().enumerate() {
                    block.place[axis][i % LANES] = value;
                }
                block.radius[i % LANES] = atom.radius;
                block.hydrophobic[i % LANES] = atom.hydrophobic;
                block.donor[i % LANES] = atom.donor;
                block.acceptor[i % LANES] = atom.acceptor;
            }
            let atom = typed("N_DA").unwrap().unwrap();
            let sums = |vectors: Vectors| {
                let mut sums = [[0.0; LANES]; TERMS];
                vectors.run(Add {
                    blocks: &blocks,
                    atom: &atom,
                    place: [0.1, 0.2, 0.3],
                    cutoff: 64.0,
                    sums: &mut sums,
                });
                sums.map(|lanes| lanes.map(f32::to_bits))
            };
            let plain = sums(Vectors::Baseline);
            prop_assert!(plain.iter().flatten().any(|&bits| bits != 0));
            for vectors in Vectors::available() {
                prop_assert_eq!(sums(vectors), plain, "{:?}", vectors);
            }
        }
    }
}
