#!/usr/bin/env python3
"""Times rdGaussianShape on overlays of each of the benchmark's molecules on each; prints JSON.

usage: rdkit_shape.py cdk2.json      (shape alone, every atom a carbon, one core)
"""

import json
import sys
import time

from rdkit import Chem, RDLogger
from rdkit.Chem import rdGaussianShape
from rdkit.Geometry import Point3D

RDLogger.DisableLog("rdApp.*")


def carbons(xyz):
    molecule = Chem.RWMol()
    conformer = Chem.Conformer(len(xyz) // 3)
    for i in range(len(xyz) // 3):
        molecule.AddAtom(Chem.Atom(6))
        conformer.SetAtomPosition(i, Point3D(*xyz[3 * i : 3 * i + 3]))
    molecule = molecule.GetMol()
    molecule.AddConformer(conformer)
    Chem.FastFindRings(molecule)
    molecule.UpdatePropertyCache(strict=False)
    return molecule


options = rdGaussianShape.ShapeOverlayOptions()
options.optimMode = rdGaussianShape.OptimMode.SHAPE_ONLY
molecules = [carbons(m["xyz"]) for m in json.load(open(sys.argv[1]))["molecules"]]
scores, start = [], time.perf_counter()
for fit in molecules:
    for reference in molecules:
        scores.append(rdGaussianShape.AlignMol(reference, Chem.Mol(fit), overlayOpts=options)[0])
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "mean_st": sum(scores) / len(scores)}))
