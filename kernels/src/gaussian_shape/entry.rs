//! The catalog entry of `gaussian_shape`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec, PortSpec};
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use super::molecules::MOST_ATOMS;
use crate::entry::{column, param, port, rejects};

pub(super) fn entry() -> KernelEntry {
    KernelEntry {
        name: "gaussian_shape".to_owned(),
        version: 1,
        summary: "How alike molecules are in shape, laid over each other as well as they can be."
            .to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: inputs(),
        outputs: outputs(),
        params: params(),
        exact: false,
        tolerance: "`st` of a fixed pose 1e-5 absolute against double precision; after an overlay \
                    at most 0.02 below rdGaussianShape's, on a device at most 0.005 below the \
                    CPU's"
            .to_owned(),
        reference: "Grant, Gallardo & Pickup, J. Comput. Chem. 17 (1996) 1653 (Gaussian shape, \
                    starts from principal axes); Rush et al., J. Med. Chem. 48 (2005) 1489 (shape \
                    Tanimoto in screening)"
            .to_owned(),
        example: "\
shapes:
  kernel: gaussian_shape
  scatter: { over: fits, rows: 2000 }
  inputs: { references: ./data/crystal.sdf, fits: ./data/conformers.sdf }
  with: { starts: 4 }
"
        .to_owned(),
    }
}

const DESCRIPTION: &str = "\
Lays every molecule of `fits` over every one of `references` and says how much of their volume they
share. An atom of radius s is a Gaussian, and two molecules overlap by the sum over pairs of atoms
(first order: no correction for atoms of one molecule that overlap):

    rho_i(r) = p exp(-a_i |r - r_i|^2)        p = 2.7,  a_i = pi (3 p / (4 pi s_i^3))^(2/3)
    V(A, B)  = sum_ij p^2 (pi / (a_i + a_j))^(3/2) exp(-a_i a_j / (a_i + a_j) d_ij^2)
    ST       = V(A, B) / (V(A, A) + V(B, B) - V(A, B))

ST is 1 for equal shapes and 0 for molecules far apart. V(A, B) is maximized over rotations and shifts
of B by a quasi-Newton climb (BFGS) from each of `starts` poses, in which the centers and the principal
axes of both molecules coincide: the first four are the half turns about the axes, the 24 are all
rotations of a cube, for molecules that are nearly round. The best climb counts, the first among equals.
With `starts: 0` molecules stay where they are.

The pose maps a fit's atoms onto the reference: x' = R x + t, with R given as a unit quaternion
(qw, qx, qy, qz), qw not negative, and t in angstrom.

An SDF or MOL file is such a table as it is. In any other, coordinates are `xyz`, a list of float32 or
float64 per molecule: x, y, z of its first atom, then of the next. Radii are `radius` for all atoms,
unless a column `radii` (a list, one an atom, in angstrom) is there. Where a column `elements` (a list
of symbols) is there, hydrogens are left out, as is usual for shape. Other columns are ignored, but for
`problem` (below).

A fit that cannot be used goes to `rejects` with the reason: coordinates that are missing, not finite,
not three an atom, or plainly in nanometers; radii that do not fit; no atom left. The reason of a
row without coordinates is its `problem`, if it has that text, as of a broken record of an SDF file. A
reference that cannot be used is an error, because a screen without its query is another screen.

Rows come in the order of `fits`, then of `references`, so that a scatter over `fits` gives the rows of
one task. Memory beyond the inputs: a row a pair.

It has a CUDA side: eight lanes a climb, fits stream through the device in tiles. Climbs there are in
single precision throughout and may end on another of nearly equal tops; volumes of the poses they end
on are in double precision, as on the CPU.";

fn inputs() -> Vec<PortSpec> {
    let columns = || {
        vec![
            column("id", "any", "names the molecule"),
            column(
                "xyz",
                "any",
                "list of float32 or float64: 3 coordinates an atom, angstrom",
            ),
        ]
    };
    vec![
        port(
            "references",
            "Molecules that stay where they are.",
            columns(),
        ),
        port("fits", "Molecules that are laid over them.", columns()),
    ]
}

fn outputs() -> Vec<PortSpec> {
    let number = |name, doc| column(name, "float32", doc);
    vec![
        port(
            "overlays",
            "One row for each fit and reference.",
            vec![
                column("reference", "any", "`id` of the reference"),
                column("id", "any", "`id` of the fit"),
                number("st", "shape Tanimoto, 0 to 1"),
                number("volume", "V(A, B) in cubic angstrom"),
                number("qw", "rotation of the fit: the quaternion's real part"),
                number("qx", "its first imaginary part"),
                number("qy", "its second"),
                number("qz", "its third"),
                number("tx", "shift of the fit after the rotation, angstrom"),
                number("ty", "the same along y"),
                number("tz", "the same along z"),
            ],
        ),
        rejects(
            "Fits that could not be used.",
            &["fits"],
            vec![column("id", "any", "`id` of the fit")],
        ),
    ]
}

fn params() -> Vec<ParamSpec> {
    vec![
        ParamSpec {
            min: Some(0.0),
            max: Some(24.0),
            ..param(
                "starts",
                ParamType::Int,
                Value::Int(4),
                "From how many poses to climb; 0 leaves molecules where they are.",
            )
        },
        ParamSpec {
            min: Some(0.5),
            max: Some(5.0),
            unit: "angstrom".to_owned(),
            ..param(
                "radius",
                ParamType::Float,
                Value::Float(1.7),
                "Radius of every atom of a table without `radii`; 1.7 is carbon's.",
            )
        },
        ParamSpec {
            min: Some(1.0),
            max: Some(1000.0),
            ..param(
                "steps",
                ParamType::Int,
                Value::Int(100),
                &format!(
                    "Most steps of one climb; it ends as soon as nothing is gained. Molecules have \
                     at most {MOST_ATOMS} atoms."
                ),
            )
        },
    ]
}
