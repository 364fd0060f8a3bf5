//! The catalog entry of `vina_score`.

use sunward_workflows::catalog::{KernelEntry, ParamSpec, PortSpec};
use sunward_workflows::column::ColumnSpec;
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use super::scorer::Score;
use crate::entry::{column, param, port, rejects};

/// Reads a column's value.
type Value32 = fn(&Score) -> f64;

/// The numbers of the output `scores`, in the order of its columns.
pub(super) const VALUES: [(&str, Value32); 8] = [
    ("gauss1", |s| s.terms[0]),
    ("gauss2", |s| s.terms[1]),
    ("repulsion", |s| s.terms[2]),
    ("hydrophobic", |s| s.terms[3]),
    ("hydrogen", |s| s.terms[4]),
    ("inter", |s| s.inter),
    ("score", |s| s.score),
    ("rmsd", |s| s.rmsd),
];

pub(super) fn entry() -> KernelEntry {
    KernelEntry {
        name: "vina_score".to_owned(),
        version: 1,
        summary: "AutoDock Vina's score of many poses of a ligand in a receptor.".to_owned(),
        description: DESCRIPTION.to_owned(),
        inputs: inputs(),
        outputs: vec![
            port("scores", "One row for each pose, in the order of `poses`.", scores()),
            rejects(
                "Poses that cannot be scored, in the order of `poses`.",
                &["poses"],
vec![column("pose_id", "any", "`pose_id` of the pose")],
),
        ],
        params: params(),
        exact: false,
        tolerance: "terms: 1e-4 relative to double precision, equal bits for any number of \
        threads and any processor, and for any slices on a device; AutoDock Vina 1.2.7, \
                    which interpolates in tables: 0.01 kcal/mol for scores below 0, 2 % on clashes"
            .to_owned(),
        reference: "O. Trott & A. J. Olson, J. Comput. Chem. 31 (2010) 455; constants, atom types \
                    and N as in AutoDock Vina 1.2"
            .to_owned(),
        example: "\
rescore:
  kernel: vina_score
  scatter: { over: poses, rows: 10000 }
  inputs: { receptor: ./data/receptor.pdbqt, ligand: ./data/ligand.pdbqt, poses: ./data/poses.parquet }
"
        .to_owned(),
    }
}

const DESCRIPTION: &str = "\
Scores each pose with the intermolecular part of AutoDock Vina's function, summed over all pairs of a
ligand atom i and a receptor atom j that are nearer than `cutoff`. Hydrogens do not count. With the
distance r and d = r - (R_i + R_j), both in Å:

    gauss1      = exp(-(d / 0.5)^2)
    gauss2      = exp(-((d - 3) / 2)^2)
    repulsion   = d^2 if d < 0, else 0
    hydrophobic = 1 for d <= 0.5, 0 for d >= 1.5, linear between; both atoms hydrophobic
    hydrogen    = 1 for d <= -0.7, 0 for d >= 0, linear between; one a donor, one an acceptor

    inter = -0.035579 gauss1 - 0.005156 gauss2 + 0.840245 repulsion - 0.035069 hydrophobic
            - 0.587439 hydrogen                                       (kcal/mol, terms summed)
    score = inter / (1 + 0.05846 N)                                   (kcal/mol)

The energy within the ligand is left out. Vina subtracts the energy of the unbound ligand, which is
equal to it for a single pose. Its influence on the ranking of several docked poses is not in `score`.

N counts rotatable bonds and differs from TORSDOF: each BRANCH bond adds 0.5 for each of its two atoms
that has more than one heavy neighbor, so a hydroxyl counts 0.5. In the table of a PDBQT file it is the
column `rotors`.

A molecule is one row with lists over its atoms: `xyz` and, for receptor and ligand, `xs_type`. PDBQT
files have one row for each MODEL. Types are Vina's XS types: C_H and C_P (carbon without and with a
bond to another element than C and H), N and O with _P, _D, _A or _DA (neither, donor, acceptor,
both), S_P, P_P, F_H, Cl_H, Br_H, I_H, Si, At and Met_D (metals). Radii R: C 1.9, N 1.8, O 1.7,
S 2.0, P 2.1, F 1.5, Cl 1.8, Br 2.0, I 2.2, Si 2.2, At 2.3, metals 1.2 Å. C_H, F, Cl, Br and I are
hydrophobic, and metals are donors. If a receptor or ligand has several rows, the first is used.

Atoms of four types are skipped: H, G (AutoDock's G0 to G3, which close macrocycles), W (waters of
hydrated docking) and TZ (AutoDock4Zn's sites beside zinc, which Vina itself refuses). A macrocycle's
CG0 to CG3 are carbons, and a carbon bonded to one is C_P, as in Vina 1.2.

A pose has the ligand's atoms in the ligand's order, including hydrogens: 3n numbers in `xyz`, as
list, fixed_size_list or a tensor of shape [n, 3]. A pose goes to `rejects` with the reason if `xyz`
is null or of another length, if a coordinate is null, NaN or infinite, if the pose spans less than a
fifth of the ligand (then it is probably in nm), or if it has a column `ad_type` that differs from the
ligand's. `rmsd` compares heavy atoms with `ligand` atom by atom, without superposition and without
regard to symmetry.

Poses are independent, so any scatter over `poses` gives the same numbers. `topk_merge` with
`{ by: none, score: score, order: ascending }` ranks them. Distances are squared in double precision.
Terms are computed and added in single precision, lane by lane in a fixed order.

On a GPU, a warp scores each pose, and poses stream through the device in tiles. Terms have the same
tolerance but may differ from the CPU's in the last bits. The pairs inside `cutoff` and the `rejects`
are equal. If a device's free memory is too small for the receptor's lists (3 kB per atom at 8 Å),
larger cells are used, which round in another way. A receptor that does not fit into a box of 2^20
cells of 24 Å is scored on the CPU.";

fn inputs() -> Vec<PortSpec> {
    let xyz = || {
        column(
            "xyz",
            "any",
            "x, y, z of each atom in turn, Å: a list of float32 or float64",
        )
    };
    let types = || column("xs_type", "any", "XS type of each atom: a list of utf8");
    vec![
        port(
            "receptor",
            "The receptor: one row, as from a PDBQT file.",
            vec![xyz(), types()],
        ),
        port(
            "ligand",
            "The ligand: one row, as from a PDBQT file. `rotors` (a number, N) may be left out if the \
            parameter is given.",
            vec![xyz(), types()],
        ),
        port(
            "poses",
            "The poses: Parquet or Arrow, or a PDBQT file with several models.",
            vec![column("pose_id", "any", "names the pose"), xyz()],
        ),
    ]
}

fn scores() -> Vec<ColumnSpec> {
    let mut columns = vec![column("pose_id", "any", "`pose_id` of the pose")];
    let docs = [
        "first Gaussian, summed over pairs, without weight",
        "second Gaussian, likewise",
        "repulsion, Å^2, likewise",
        "hydrophobic contacts, likewise",
        "hydrogen bonds, likewise",
        "weighted sum of the five, kcal/mol",
        "inter / (1 + 0.05846 N), kcal/mol; lower is better",
        "heavy-atom root-mean-square distance from `ligand`, Å",
    ];
    let values = VALUES.iter().zip(docs);
    columns.extend(values.map(|((name, _), doc)| column(name, "float32", doc)));
    columns
}

fn params() -> Vec<ParamSpec> {
    vec![
        ParamSpec {
            min: Some(1.0),
            max: Some(24.0),
            unit: "Å".to_owned(),
            ..param(
                "cutoff",
                ParamType::Float,
                Value::Float(8.0),
                "Pairs at this distance or further do not count; Vina's is 8.",
            )
        },
        ParamSpec {
            min: Some(0.0),
            max: Some(1000.0),
            unit: "1".to_owned(),
            ..param(
                "rotors",
                ParamType::Float,
                Value::Null,
                "N; if left out, the column `rotors` of `ligand`.",
            )
        },
    ]
}
