#!/usr/bin/env python3
"""Makes expected/hits.csv by RDKit and checks it by FPSim2, both on the molecules of data/*.parquet.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1 FPSim2==0.7.4 pyarrow==26.0.1
    venv/bin/python oracle.py

Equal similarities are ordered by the row in the library, lowest first, as in the pipeline. FPSim2
has no order of equals, so it must give the same similarities at every rank, and the same rows wherever
a similarity is not equal to that of the row after the last.
"""
import csv
import pathlib
import tempfile
from fractions import Fraction

import numpy as np
import pyarrow.parquet as pq
from FPSim2 import FPSim2Engine
from FPSim2.io import create_db_file
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

HERE = pathlib.Path(__file__).resolve().parent
TOP_K = 10
PARAMS = {"radius": 2, "fpSize": 2048}


def by_rdkit(library, queries):
    """The best rows of each query, from fingerprints that RDKit computes again from the SMILES."""
    generator = rdFingerprintGenerator.GetMorganGenerator(**PARAMS)
    make = lambda smiles: generator.GetFingerprint(Chem.MolFromSmiles(smiles))
    prints = [make(smiles) for smiles in library["smiles"]]
    for given, bits in zip(library["bits"], prints):
        assert given == DataStructs.BitVectToBinaryText(bits), "the library's bits are not RDKit's"
    hits = []
    for name, smiles in zip(queries["id"], queries["smiles"]):
        query = make(smiles)
        sims = DataStructs.BulkTanimotoSimilarity(query, prints)
        order = sorted(range(len(sims)), key=lambda row: (-exact(query, prints[row]), row))[:TOP_K]
        hits += [(name, library["id"][row], sims[row], rank + 1) for rank, row in enumerate(order)]
    return hits


def exact(a, b):
    """The similarity as a fraction, so that no rounding decides an order."""
    common = len(set(a.GetOnBits()) & set(b.GetOnBits()))
    union = a.GetNumOnBits() + b.GetNumOnBits() - common
    return Fraction(common, union) if union else Fraction(0)


def check_by_fpsim2(library, queries, hits):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/nci.h5"
        molecules = [[smiles, number] for smiles, number in zip(library["smiles"], library["id"])]
        create_db_file(molecules, path, mol_format="smiles", fp_type="Morgan", fp_params=PARAMS)
        engine = FPSim2Engine(path)
        for name, smiles in zip(queries["id"], queries["smiles"]):
            found = engine.top_k(smiles, k=TOP_K, threshold=0.0, metric="tanimoto")
            ours = [hit for hit in hits if hit[0] == name]
            assert np.allclose(found["coeff"], [hit[2] for hit in ours], atol=1e-6), name
            last = ours[-1][2]
            sure = lambda pairs: sorted(int(i) for i, sim in pairs if sim > last + 1e-6)
            assert sure(zip(found["mol_id"], found["coeff"])) == sure((h[1], h[2]) for h in ours), name
    print("FPSim2 agrees on", len(queries["id"]), "queries")


def main():
    library = pq.read_table(HERE / "data" / "nci.parquet").to_pydict()
    queries = pq.read_table(HERE / "data" / "queries.parquet").to_pydict()
    hits = by_rdkit(library, queries)
    check_by_fpsim2(library, queries, hits)
    with open(HERE / "expected" / "hits.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("query", "id", "sim", "rank"))
        writer.writerows((q, i, f"{sim:.9f}", rank) for q, i, sim, rank in hits)
    print("wrote", len(hits), "hits")


if __name__ == "__main__":
    main()
