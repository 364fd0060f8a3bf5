#!/usr/bin/env python3
"""Reads an SDF file with RDKit and writes a table for tests/sdf.rs, with one row for each record.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python by_rdkit.py cdk2.sdf > cdk2.csv

Coordinates are weighted with the atom's number, so that their order counts. `cdk2.sdf` is that of
RDKit's Contrib/Fastcluster/testdata (BSD-3-Clause).
"""
import csv
import sys

from rdkit import Chem

rows = csv.writer(sys.stdout, lineterminator="\n")
rows.writerow(["id", "atoms", "x", "y", "z", "elements", "formal_charge", "items"])
for molecule in Chem.SDMolSupplier(sys.argv[1], removeHs=False, sanitize=False):
    places = molecule.GetConformer().GetPositions()
    sums = [sum((i + 1) * place[axis] for i, place in enumerate(places)) for axis in range(3)]
    rows.writerow(
        [
            molecule.GetProp("_Name"),
            molecule.GetNumAtoms(),
            *(f"{value:.4f}" for value in sums),
            "".join(atom.GetSymbol() for atom in molecule.GetAtoms()),
            sum((atom.GetIdx() + 1) * atom.GetFormalCharge() for atom in molecule.GetAtoms()),
            ";".join(f"{name}={molecule.GetProp(name)}" for name in molecule.GetPropNames()),
        ]
    )
