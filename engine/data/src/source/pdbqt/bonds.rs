//! What AutoDock Vina derives from distances: bonds, XS types and N.
//!
//! Two atoms are bonded if their distance is below 1.1 times the sum of their covalent radii and
//! fixed, or if a BRANCH joins them (`model::assign_bonds`). Atoms of bodies that rotate against
//! each other are not bonded, however close they are in a docked pose: a macrocycle's glue atom is
//! at the place of the carbon to which it is drawn.

use super::atom::Atom;
use super::bodies::Bodies;
use super::element::Element;

/// The tolerance for long bonds.
const ALLOWANCE: f64 = 1.1;
/// The longest bond in Å: twice the largest covalent radius with the tolerance.
const LONGEST: f64 = ALLOWANCE * 2.0 * 1.75;

/// The atoms bonded to each atom.
pub(super) struct Bonds {
    partners: Vec<Vec<usize>>,
}

impl Bonds {
    /// Bonds by distance. Atoms are swept in the order of x, so that a protein is fast.
    pub(super) fn new(atoms: &[Atom], bodies: &Bodies) -> Self {
        let mut order: Vec<usize> = (0..atoms.len()).collect();
        order.sort_by(|&a, &b| atoms[a].place[0].total_cmp(&atoms[b].place[0]));
        let mut partners = vec![Vec::new(); atoms.len()];
        for (i, &a) in order.iter().enumerate() {
            for &b in &order[i + 1..] {
                let (one, two) = (&atoms[a], &atoms[b]);
                if two.place[0] - one.place[0] > LONGEST {
                    break;
                }
                let radii = one.kind.covalent_radius + two.kind.covalent_radius;
                let is_near = distance(one.place, two.place) < ALLOWANCE * radii;
                if is_near && bodies.are_fixed(a, b) {
                    partners[a].push(b);
                    partners[b].push(a);
                }
            }
        }
        Self { partners }
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter()
        .zip(&b)
        .map(|(x, y)| (x - y) * (x - y))
        .sum::<f64>()
        .sqrt()
}

/// Vina's XS type: an element with its role in hydrophobic contacts and hydrogen bonds.
pub(super) fn xs_type(atoms: &[Atom], bonds: &Bonds, atom: usize) -> &'static str {
    let partners = || bonds.partners[atom].iter().map(|&i| atoms[i].kind);
    let kind = atoms[atom].kind;
    let donor = || partners().any(|partner| partner.polar);
    match kind.element {
        Element::Hydrogen => "H",
        Element::Carbon => {
            if partners().any(|partner| partner.hetero) {
                "C_P"
            } else {
                "C_H"
            }
        }
        Element::Nitrogen => match (donor(), kind.accepts) {
            (true, true) => "N_DA",
            (true, false) => "N_D",
            (false, true) => "N_A",
            (false, false) => "N_P",
        },
        Element::Oxygen => match (donor(), kind.accepts) {
            (true, true) => "O_DA",
            (true, false) => "O_D",
            (false, true) => "O_A",
            (false, false) => "O_P",
        },
        Element::Sulfur => "S_P",
        Element::Phosphorus => "P_P",
        Element::Fluorine => "F_H",
        Element::Chlorine => "Cl_H",
        Element::Bromine => "Br_H",
        Element::Iodine => "I_H",
        Element::Silicon => "Si",
        Element::Astatine => "At",
        Element::Metal => "Met_D",
        Element::Glue => "G",
        Element::Water => "W",
        Element::ZincSite => "TZ",
    }
}

/// N of Vina's score. Each BRANCH bond between heavy atoms counts 0.5 for each of the two that has
/// more than one heavy neighbor. This differs from TORSDOF: the bond to a hydroxyl counts 0.5.
pub(super) fn rotors(atoms: &[Atom], bonds: &Bonds, branches: &[(usize, usize)]) -> f32 {
    let heavy = |i: usize| atoms[i].kind.element != Element::Hydrogen;
    let inner = |i: usize| bonds.partners[i].iter().filter(|&&i| heavy(i)).count() > 1;
    let half = |i: usize| if inner(i) { 0.5 } else { 0.0 };
    let each: f32 = branches
        .iter()
        .filter(|&&(from, to)| heavy(from) && heavy(to))
        .map(|&(from, to)| half(from) + half(to))
        .sum();
    // The sum of nothing is -0.
    0.0 + each
}
