//! The receptor atoms near each position, in the form for a device: all lists at once, contiguous.

use super::neighborhood::{CELLS, EDGE, Placed, SLACK, cells, number, whole};

/// A cell's edge relative to the cutoff, if that exceeds [`EDGE`], so that the number of lists does
/// not depend on the cutoff.
const SHARE: f64 = EDGE / 8.0;
/// How often edges are doubled so that lists fit. Larger cells are worse on a device: positions in
/// them are less precise, and most atoms in their lists are too far away.
const DOUBLINGS: usize = 3;
/// Flags of an atom in the low bits of its radius, as in the CUDA source.
const HYDROPHOBIC: u32 = 1;
const DONOR: u32 = 2;
const ACCEPTOR: u32 = 4;
const FLAGS: u32 = 7;
/// Half a unit in the last place of float32, relative to the value.
const HALF_ULP: f64 = 1.0 / (1 << 24) as f64;

/// Cells of space around a receptor, and the atoms that each cell's points can reach.
pub(super) struct Cells {
    grid: Grid,
    cutoff: f64,
    /// The begin of each cell's list, and the end of the last.
    pub(super) starts: Vec<u32>,
    /// x, y, z from the cell's center (Å), and radius (Å) with flags; list by list.
    pub(super) near: Vec<f32>,
    /// The index of each of these atoms in the receptor.
    pub(super) which: Vec<u32>,
}

/// The grid of cells.
#[derive(Clone, Copy)]
struct Grid {
    origin: [f64; 3],
    counts: [usize; 3],
    edge: f64,
    reach: f64,
}

/// A cell along one axis.
struct Along {
    cell: usize,
    /// A position relative to its center in Å, and the square of its distance outside the cell in
    /// Å².
    rest: f64,
    gap: f64,
}

impl Cells {
    /// The smallest cells whose lists take at most `bytes`, or else the largest; `None` if the
    /// receptor is too wide for them.
    pub(super) fn new(atoms: &[Placed], cutoff: f64, bytes: u64) -> Option<Self> {
        let mut last = None;
        for doublings in 0..=DOUBLINGS {
            let edge = EDGE.max(cutoff * SHARE) * f64::from(1 << doublings);
            let Some(grid) = Grid::new(atoms, cutoff, edge) else {
                continue;
            };
            let Some(starts) = grid.starts(atoms) else {
                continue;
            };
            let fits = size(&starts) <= bytes;
            last = Some((grid, starts));
            if fits {
                break;
            }
        }
        let (grid, starts) = last?;
        let (near, which) = grid.lists(atoms, &starts);
        Some(Self {
            grid,
            cutoff,
            starts,
            near,
            which,
        })
    }

    /// Bytes of everything that is copied to the device.
    pub(super) fn bytes(&self) -> u64 {
        size(&self.starts)
    }

    /// The space for the device: origin, cells by axis, edge.
    pub(super) fn space(&self) -> [f64; 7] {
        let [x, y, z] = self.grid.origin;
        let [a, b, c] = self.grid.counts.map(number);
        [x, y, z, a, b, c, self.grid.edge]
    }

    /// Twice the largest error in Å² of a squared distance near the cutoff in single precision:
    /// both positions and their difference are rounded by axis, then the squares and their sums.
    pub(super) fn unsure(&self) -> f64 {
        let axis = HALF_ULP * (2.0 * self.cutoff + 2.0 * self.grid.edge);
        let rounded = 2.0 * 3.0_f64.sqrt() * self.cutoff * axis;
        2.0 * (rounded + 4.0 * HALF_ULP * self.cutoff * self.cutoff)
    }
}

/// Bytes of the lists with these begins.
fn size(starts: &[u32]) -> u64 {
    let entries = u64::from(starts.last().copied().unwrap_or(0));
    starts.len() as u64 * 4 + entries * 20
}

impl Grid {
    fn new(atoms: &[Placed], cutoff: f64, edge: f64) -> Option<Self> {
        let reach = cutoff + SLACK;
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for (_, place) in atoms {
            for axis in 0..3 {
                low[axis] = low[axis].min(place[axis] - reach);
                high[axis] = high[axis].max(place[axis] + reach);
            }
        }
        let counts = cells(low, high, edge);
        let all = counts
            .iter()
            .try_fold(1_usize, |all, &n| all.checked_mul(n));
        (all? <= CELLS).then_some(Self {
            origin: low,
            counts,
            edge,
            reach,
        })
    }

    /// Calls `visit` with each cell that an atom can reach: its index, and the atom relative to its
    /// center.
    fn reached(&self, place: &[f64; 3], mut visit: impl FnMut(usize, [f64; 3])) {
        let [xs, ys, zs] = [0, 1, 2].map(|axis| self.along(axis, place[axis]));
        let reach = self.reach * self.reach;
        for x in &xs {
            for y in &ys {
                let line = (x.cell * self.counts[1] + y.cell) * self.counts[2];
                let left = reach - x.gap - y.gap;
                for z in zs.iter().filter(|z| z.gap < left) {
                    visit(line + z.cell, [x.rest, y.rest, z.rest]);
                }
            }
        }
    }

    /// The cells along an axis that a position can reach.
    fn along(&self, axis: usize, place: f64) -> Vec<Along> {
        let way = place - self.origin[axis];
        let cell = |at: f64| {
            let cell = whole(at / self.edge).unwrap_or(0);
            cell.min(self.counts[axis] - 1)
        };
        let one = |cell: usize| {
            let rest = way - (number(cell) + 0.5) * self.edge;
            Along {
                cell,
                rest,
                gap: (rest.abs() - 0.5 * self.edge).max(0.0).powi(2),
            }
        };
        let cells = cell(way - self.reach)..=cell(way + self.reach);
        cells.map(one).collect()
    }

    /// The begin of each cell's list; `None` if there are too many entries to count.
    fn starts(&self, atoms: &[Placed]) -> Option<Vec<u32>> {
        let mut lengths = vec![0_u32; self.counts.iter().product()];
        for (_, place) in atoms {
            self.reached(place, |cell, _| lengths[cell] += 1);
        }
        let mut starts = Vec::with_capacity(lengths.len() + 1);
        let mut next = 0_u32;
        starts.push(next);
        for length in lengths {
            next = next.checked_add(length)?;
            starts.push(next);
        }
        Some(starts)
    }

    /// All lists, each in the receptor's order.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "single precision is what the device needs; the lists' count fits, so do its parts"
    )]
    fn lists(&self, atoms: &[Placed], starts: &[u32]) -> (Vec<f32>, Vec<u32>) {
        let entries = starts.last().map_or(0, |&n| n as usize);
        let mut near = vec![0.0; 4 * entries];
        let mut which = vec![0; entries];
        let mut next = starts.to_vec();
        for (i, (atom, place)) in atoms.iter().enumerate() {
            let flag = |value: f32, flag: u32| if value > 0.0 { flag } else { 0 };
            let flags = flag(atom.hydrophobic, HYDROPHOBIC)
                | flag(atom.donor, DONOR)
                | flag(atom.acceptor, ACCEPTOR);
            // The radius is rounded to a multiple of 8 units in the last place: 5e-7 Å.
            let radius = (atom.radius.to_bits() + FLAGS.div_ceil(2)) & !FLAGS;
            let kind = f32::from_bits(radius | flags);
            self.reached(place, |cell, [x, y, z]| {
                let at = next[cell] as usize;
                next[cell] += 1;
                near[4 * at..4 * at + 4].copy_from_slice(&[x as f32, y as f32, z as f32, kind]);
                which[at] = i as u32;
            });
        }
        (near, which)
    }
}

/// Which of a receptor atom's flags concern a ligand atom: a donor pairs with acceptors.
pub(super) fn wanted(hydrophobic: f32, donor: f32, acceptor: f32) -> u32 {
    let flag = |value: f32, flag: u32| if value > 0.0 { flag } else { 0 };
    flag(hydrophobic, HYDROPHOBIC) | flag(donor, ACCEPTOR) | flag(acceptor, DONOR)
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vina_score::atom::typed;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// As the device looks a place up.
        #[test]
        fn a_cells_list_has_all_that_its_points_reach_and_its_squares_are_as_right_as_told(
            places in prop::collection::vec(prop::array::uniform3(-30.0..30.0_f64), 1..80),
            shift in prop::array::uniform3(-900.0..900.0_f64),
            points in prop::collection::vec(prop::array::uniform3(-45.0..45.0_f64), 20),
            cutoff in prop_oneof![Just(8.0), 1.0..24.0_f64],
            bytes in prop_oneof![Just(u64::MAX), 0_u64..200_000],
        ) {
            let add = |place: &[f64; 3]| [0, 1, 2].map(|i| place[i] + shift[i]);
            let kinds = ["C_H", "O_DA", "N_D", "I_H"].map(|kind| typed(kind).unwrap().unwrap());
            let atoms: Vec<Placed> =
                places.iter().enumerate().map(|(i, place)| (kinds[i % 4], add(place))).collect();
            let cells = Cells::new(&atoms, cutoff, bytes).unwrap();
            let space = cells.space();
            for point in points.iter().chain(&places).map(add) {
                let mut number = Some(0);
                let mut rest = [0.0; 3];
                for axis in 0..3 {
                    let way = point[axis] - space[axis];
                    let step = (way / space[6]).floor();
                    let inside = step >= 0.0 && step < space[3 + axis];
                    number = number.filter(|_| inside).map(|n| n * space[3 + axis] as usize + step as usize);
                    rest[axis] = way - (step + 0.5) * space[6];
                }
                let list = number.map_or(0..0, |n| cells.starts[n] as usize..cells.starts[n + 1] as usize);
                let which = &cells.which[list.clone()];
                for (i, (_, place)) in atoms.iter().enumerate() {
                    let square: f64 = (0..3).map(|k| (place[k] - point[k]).powi(2)).sum();
                    prop_assert!(square >= cutoff * cutoff || which.contains(&(i as u32)));
                }
                for at in list {
                    let (atom, place) = &atoms[cells.which[at] as usize];
                    let near = &cells.near[4 * at..4 * at + 4];
                    let square: f64 = (0..3).map(|k| (place[k] - point[k]).powi(2)).sum();
                    let found: f32 = (0..3).map(|k| (near[k] - rest[k] as f32).powi(2)).sum();
                    let far = (f64::from(found) - square).abs();
                    // Where it matters; beyond, squares are larger and so are their errors.
                    prop_assert!(square > 1.1 * cutoff * cutoff || far < cells.unsure(), "{far}");
                    let radius = f32::from_bits(near[3].to_bits() & !FLAGS);
                    prop_assert!((radius - atom.radius).abs() < 1e-6);
                    prop_assert_eq!(near[3].to_bits() & DONOR != 0, atom.donor > 0.0);
                }
            }
        }
    }

    #[test]
    fn a_receptor_too_wide_for_cells_has_none_and_an_outlier_only_larger_ones() {
        let atom = typed("C_H").unwrap().unwrap();
        let two = |far: f64| Cells::new(&[(atom, [0.0; 3]), (atom, [far; 3])], 8.0, u64::MAX);
        assert_eq!(two(200.0).unwrap().space()[6], 3.0);
        assert_eq!(two(2000.0).unwrap().space()[6], 24.0);
        assert!(two(3000.0).is_none());
        assert!(two(1e300).is_none());
    }
}
