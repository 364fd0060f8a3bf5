#!/usr/bin/env python3
"""Molecules and expected overlaps for the tests of `gaussian_shape`; prints JSON.

usage: oracle.py cdk2.sdf > cdk2.json      needs rdkit==2026.9.1 and numpy

cdk2.sdf (47 CDK2 ligands in 3D) is RDKit's Contrib/Fastcluster/testdata, BSD-3-Clause.
`fixed`: shape Tanimoto of every molecule with the first as they stand, by the definition, in NumPy.
`overlaid`: the same after RDKit's rdGaussianShape laid it over the first, shape alone, its pose
measured by the same definition, every atom with carbon's radius; with `seconds_per_pair`.
"""

import json
import sys
import time

import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import rdGaussianShape

RDLogger.DisableLog("rdApp.*")
RADIUS, HEIGHT = 1.7, 2.7
EXPONENT = np.pi * (3 * HEIGHT / (4 * np.pi * RADIUS**3)) ** (2 / 3)


def overlap(a, b):
    square = ((a[:, None] - b[None]) ** 2).sum(-1)
    return float((HEIGHT**2 * np.exp(-EXPONENT / 2 * square) * (np.pi / (2 * EXPONENT)) ** 1.5).sum())


def tanimoto(a, b):
    shared = overlap(a, b)
    return shared / (overlap(a, a) + overlap(b, b) - shared)


molecules = [m for m in Chem.SDMolSupplier(sys.argv[1], removeHs=True) if m]
places = [m.GetConformer().GetPositions() for m in molecules]
options = rdGaussianShape.ShapeOverlayOptions()
options.optimMode = rdGaussianShape.OptimMode.SHAPE_ONLY
overlaid, start = [], time.perf_counter()
for molecule in molecules:
    fit = Chem.Mol(molecule)
    rdGaussianShape.AlignMol(molecules[0], fit, overlayOpts=options)
    overlaid.append(fit.GetConformer().GetPositions())
seconds = (time.perf_counter() - start) / len(molecules)
print(
    json.dumps(
        {
            "molecules": [
                {"id": m.GetProp("_Name"), "xyz": [round(float(x), 4) for x in p.ravel()]}
                for m, p in zip(molecules, places)
            ],
            "fixed": [round(tanimoto(places[0], p), 7) for p in places],
            "overlaid": [round(tanimoto(places[0], p), 5) for p in overlaid],
            "seconds_per_pair": round(seconds, 6),
        }
    ).replace('{"id"', '\n{"id"')
)
