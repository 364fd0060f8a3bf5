#!/usr/bin/env python3
"""Makes clusters with RDKit, to which those of `butina` must be equal.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python rdkit_butina.py SMILES FIRST DISTANCE BITS > CLUSTERS

SMILES has a molecule a line, structure first; the first FIRST that RDKit accepts are taken. A line of
the answer is a cluster in the order in which RDKit made it: its rows, the centroid first. BITS is
written: ECFP4 fingerprints of 2048 bits one after the other, packed as `BitVectToBinaryText` does
(`-` for none). The files beside this script were made of NCI's set:

    S=../../../examples/similarity-screen/data/nci-first-5k.smi
    for d in 0.35 0.6; do venv/bin/python rdkit_butina.py $S 4990 $d - > nci-$d.txt; done
"""
import sys

from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator
from rdkit.ML.Cluster import Butina


def main():
    smiles, first, distance, bits = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = []
    with rdBase.BlockLogs(), open(smiles) as file:
        for line in file:
            molecule = Chem.MolFromSmiles(line.split()[0], sanitize=False)
            # As in the example, a molecule with any problem is left out and not repaired.
            if molecule and not Chem.DetectChemistryProblems(molecule) and len(prints) < first:
                Chem.SanitizeMol(molecule)
                prints.append(generator.GetFingerprint(molecule))
    distances = []
    for i in range(1, len(prints)):
        distances.extend(1 - s for s in DataStructs.BulkTanimotoSimilarity(prints[i], prints[:i]))
    found = Butina.ClusterData(distances, len(prints), distance, isDistData=True, reordering=False)
    if bits != "-":
        with open(bits, "wb") as file:
            file.writelines(DataStructs.BitVectToBinaryText(p) for p in prints)
    for cluster in found:
        print(*cluster)


if __name__ == "__main__":
    main()
