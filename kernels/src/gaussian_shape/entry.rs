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
        summary: "Similarity of the shapes of molecules, in their best overlay.".to_owned(),
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
Overlays every molecule of `fits` on every one of `references` and computes their common volume. An
atom of radius s is a Gaussian. The overlap of two molecules is the sum over pairs of atoms (first
order: no correction for atoms of one molecule that overlap):

    rho_i(r) = p exp(-a_i |r - r_i|^2)        p = 2.7,  a_i = pi (3 p / (4 pi s_i^3))^(2/3)
    V(A, B)  = sum_ij p^2 (pi / (a_i + a_j))^(3/2) exp(-a_i a_j / (a_i + a_j) d_ij^2)
    ST       = V(A, B) / (V(A, A) + V(B, B) - V(A, B))

ST is 1 for equal shapes and 0 for molecules far apart. V(A, B) is maximized over rotations and shifts
of B by a quasi-Newton method (BFGS) from each of `starts` poses, in which the centers and the principal
axes of both molecules coincide. The first four poses are the half turns about the axes. All 24 are the
rotations of a cube, for molecules that are nearly round. The best result is used, the first among
equals. With `starts: 0` molecules are not moved.

The pose maps a fit's atoms onto the reference: x' = R x + t, with R given as a unit quaternion
(qw, qx, qy, qz), qw not negative, and t in angstrom.

SDF and MOL files can be read directly. In other tables, coordinates are `xyz`, a list of float32 or
float64 for each molecule: x, y, z of its first atom, then of the next. Radii are `radius` for all
atoms, unless there is a column `radii` (a list with one number per atom, in angstrom). If there is a
column `elements` (a list of symbols), hydrogens are left out, as is usual for shape. Other columns are
ignored, except `problem` (below).

A fit that cannot be used goes to `rejects` with the reason: coordinates that are missing, not finite,
not three per atom, or clearly in nanometers; radii that do not match; no atom left. The reason for a
row without coordinates is its `problem`, if it has one, as for a broken record of an SDF file. A
reference that cannot be used is an error, because the screen would lack its query.

Rows are in the order of `fits`, then of `references`, so that a scatter over `fits` gives the rows of
one task. Memory besides the inputs: one row per pair.

On a GPU, eight lanes optimize each pose, and fits stream through the device in tiles. The optimization
is in single precision and may find another of several nearly equal maxima. The volumes of the final
poses are in double precision, as on the CPU.";

fn inputs() -> Vec<PortSpec> {
    let columns = || {
        vec![
            column("id", "any", "names the molecule"),
            column(
                "xyz",
                "any",
                "list of float32 or float64: 3 coordinates per atom, angstrom",
            ),
        ]
    };
    vec![
        port("references", "Molecules that are not moved.", columns()),
        port("fits", "Molecules that are moved onto them.", columns()),
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
                "Number of poses from which to optimize; with 0, molecules are not moved.",
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
                    "Most steps of one optimization; it ends early if nothing is gained. Molecules have \
                     at most {MOST_ATOMS} atoms."
                ),
            )
        },
    ]
}
