#!/usr/bin/env python3
"""Makes expected/scores.csv and expected/best.csv with NumPy in double precision, all pairs, no cells.

    python3 -m venv venv && venv/bin/pip install numpy pyarrow
    venv/bin/python oracle.py

With `RECEPTOR LIGAND POSES` (all PDBQT) it prints the scores of those poses instead. The definition
is Trott & Olson's (2010) with the constants, atom types and N of AutoDock Vina 1.2; scores were
compared with Vina 1.2.7 on 14 poses, and differ by at most 0.0062 kcal/mol.
"""
import csv
import pathlib
import sys
from dataclasses import dataclass, field

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
WEIGHTS = (-0.035579, -0.005156, 0.840245, -0.035069, -0.587439)
ROTOR_WEIGHT = 0.05846
CUTOFF_A = 8.0
BEST = 10
NAMES = ("gauss1", "gauss2", "repulsion", "hydrophobic", "hydrogen", "inter", "score", "rmsd")
ELEMENT = {
    "A": "C", "NA": "N", "NS": "N", "OA": "O", "OS": "O", "SA": "S", "HD": "H", "HS": "H",
    "CL": "Cl", "BR": "Br",
}
HALOGENS = ("F", "Cl", "Br", "I")
COVALENT = {
    "C": .77, "N": .75, "O": .73, "S": 1.02, "P": 1.06, "H": .37, "F": .71, "Cl": .99, "Br": 1.14,
    "I": 1.33, "Mg": 1.3, "Mn": 1.39, "Zn": 1.31, "Ca": 1.74, "Fe": 1.25, "Si": 1.11,
}
RADIUS = {
    "H": 0.0, "C": 1.9, "N": 1.8, "O": 1.7, "S": 2.0, "P": 2.1, "F": 1.5, "Cl": 1.8, "Br": 2.0, "I": 2.2,
    "Si": 2.2,
}
METAL_RADIUS = 1.2


@dataclass
class Molecule:
    """Atoms of one MODEL."""

    xyz: list = field(default_factory=list)
    types: list = field(default_factory=list)
    serials: list = field(default_factory=list)
    branches: list = field(default_factory=list)

    def derive(self):
        """Elements, bonds by distance, and what each atom does."""
        self.xyz = np.array(self.xyz)
        self.element = np.array([ELEMENT.get(t, t) for t in self.types])
        self.heavy = self.element != "H"
        reach = np.array([COVALENT.get(e, 1.75) for e in self.element])
        self.bonded = []
        for i, place in enumerate(self.xyz):
            near = np.linalg.norm(self.xyz - place, axis=1) < 1.1 * (reach + reach[i])
            near[i] = False
            self.bonded.append(np.flatnonzero(near))
        self.radius = np.array([RADIUS.get(e, METAL_RADIUS) for e in self.element])
        metal = np.array([e not in RADIUS for e in self.element])
        plain = lambda i: all(self.element[j] in ("C", "H") for j in self.bonded[i])
        gives = lambda i: any(self.types[j] == "HD" for j in self.bonded[i])
        atoms = list(enumerate(self.element))
        self.hydrophobic = np.array([e in HALOGENS or (e == "C" and plain(i)) for i, e in atoms])
        self.donor = np.array([metal[i] or (e in ("N", "O") and gives(i)) for i, e in atoms])
        self.acceptor = np.array([t in ("NA", "OA") for t in self.types])
        return self

    def rotors(self):
        """N: half for each end of a BRANCH bond that has more than one heavy neighbour."""
        number = {serial: i for i, serial in enumerate(self.serials)}
        inner = lambda i: self.heavy[self.bonded[i]].sum() > 1
        ends = [number[serial] for branch in self.branches for serial in branch]
        pairs = zip(ends[::2], ends[1::2])
        return sum(0.5 * inner(a) + 0.5 * inner(b) for a, b in pairs if self.heavy[a] and self.heavy[b])


def read(path):
    """The molecules of a PDBQT file."""
    molecules = [Molecule()]
    for line in open(path):
        if line.startswith("MODEL"):
            molecules.append(Molecule())
        elif line.startswith(("ATOM", "HETATM")):
            molecules[-1].serials.append(int(line[6:11]))
            molecules[-1].xyz.append([float(line[30 + 8 * axis : 38 + 8 * axis]) for axis in range(3)])
            molecules[-1].types.append(line[77:].split()[0])
        elif line.startswith("BRANCH"):
            molecules[-1].branches.append(tuple(map(int, line.split()[1:3])))
    return [molecule.derive() for molecule in molecules if molecule.types]


def ramp(bad, good, x):
    return np.clip((x - bad) / (good - bad), 0, 1)


def score(receptor, ligand, xyz):
    """The columns of `scores` of one pose."""
    r, l = receptor.heavy, ligand.heavy
    apart = np.linalg.norm(xyz[l][:, None] - receptor.xyz[r][None], axis=2)
    d = apart - (ligand.radius[l][:, None] + receptor.radius[r][None])
    both = ligand.hydrophobic[l][:, None] & receptor.hydrophobic[r][None]
    bond = ligand.donor[l][:, None] & receptor.acceptor[r][None]
    bond |= ligand.acceptor[l][:, None] & receptor.donor[r][None]
    terms = [
        np.exp(-((d / 0.5) ** 2)),
        np.exp(-(((d - 3) / 2) ** 2)),
        np.where(d < 0, d * d, 0),
        ramp(1.5, 0.5, d) * both,
        ramp(0, -0.7, d) * bond,
    ]
    terms = [float((term * (apart < CUTOFF_A)).sum()) for term in terms]
    inter = sum(weight * term for weight, term in zip(WEIGHTS, terms))
    away = ((xyz[l] - ligand.xyz[l]) ** 2).sum(1)
    total = inter / (1 + ROTOR_WEIGHT * ligand.rotors())
    return (*terms, inter, total, float(np.sqrt(away.mean())))


def write(name, rows, columns):
    with open(HERE / "expected" / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def main():
    if len(sys.argv) == 4:
        receptor, ligand, poses = map(read, sys.argv[1:])
        for pose in poses:
            values = score(receptor[0], ligand[0], pose.xyz)
            print(", ".join(f"{name} {value:.5f}" for name, value in zip(NAMES, values)))
        return
    import pyarrow.parquet as pq

    receptor = read(HERE / "data" / "1iep_receptor.pdbqt")[0]
    ligand = read(HERE / "data" / "1iep_ligand.pdbqt")[0]
    table = pq.read_table(HERE / "data" / "1iep_poses.parquet")
    poses = np.array(table["xyz"].to_pylist(), "f8").reshape(len(table), -1, 3)
    rows = [(k, *score(receptor, ligand, xyz)) for k, xyz in zip(table["pose_id"].to_pylist(), poses)]
    digits = [(row[0], *(f"{value:.7g}" for value in row[1:])) for row in rows]
    write("scores.csv", digits, ("pose_id", *NAMES))
    order = sorted(range(len(rows)), key=lambda i: rows[i][7])[:BEST]
    write("best.csv", [(*digits[i], rank + 1) for rank, i in enumerate(order)], ("pose_id", *NAMES, "rank"))
    inter = np.array([row[6] for row in rows])
    totals = np.array([row[7] for row in rows])
    print("crystal", totals[0], "best", totals.min(), "pose", totals.argmin())
    print("below 0:", (totals < 0).mean(), "sum of negative inter", inter[inter < 0].sum())


if __name__ == "__main__":
    main()
