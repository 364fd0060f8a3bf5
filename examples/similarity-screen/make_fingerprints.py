#!/usr/bin/env python3
"""Makes data/nci.parquet and data/queries.parquet: ECFP4 fingerprints of the NCI set and of ten drugs.

It was run once to make the data. The pipeline itself needs no Python.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1 pyarrow==26.0.1
    venv/bin/python make_fingerprints.py

A fingerprint is RDKit's Morgan fingerprint of radius 2 (ECFP4) with 2048 bits and without chirality,
packed as `BitVectToBinaryText` does: bit i is bit i % 8 of byte i / 8.
"""
import csv
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator

HERE = pathlib.Path(__file__).resolve().parent
BITS = 2048

# Structures as found in any pharmacopoeia, written by hand.
DRUGS = {
    "aspirin": "CC(=O)OC1=CC=CC=C1C(=O)O",
    "caffeine": "CN1C=NC2=C1C(=O)N(C)C(=O)N2C",
    "chlorpromazine": "CN(C)CCCN1C2=CC=CC=C2SC2=C1C=C(Cl)C=C2",
    "dopamine": "NCCC1=CC(O)=C(O)C=C1",
    "ibuprofen": "CC(C)CC1=CC=C(C=C1)C(C)C(=O)O",
    "nicotine": "CN1CCCC1C1=CN=CC=C1",
    "paracetamol": "CC(=O)NC1=CC=C(O)C=C1",
    "quinine": "COC1=CC2=C(C=CN=C2C=C1)C(O)C1CC2CCN1CC2C=C",
    "sulfanilamide": "NC1=CC=C(C=C1)S(N)(=O)=O",
    "testosterone": "CC12CCC3C(CCC4=CC(=O)CCC34C)C1CCC2O",
}


def fingerprint(smiles):
    """The packed fingerprint, or the reason why there is none."""
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles, sanitize=False)
        if molecule is None:
            return None, "not a SMILES"
        problems = Chem.DetectChemistryProblems(molecule)
        if problems:
            return None, "; ".join(p.Message().strip() for p in problems)
        Chem.SanitizeMol(molecule)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)
    return DataStructs.BitVectToBinaryText(generator.GetFingerprint(molecule)), None


def write(path, ids, id_type, smiles, packed):
    table = pa.table(
        {
            "id": pa.array(ids, id_type),
            "smiles": pa.array(smiles, pa.utf8()),
            "bits": pa.array(packed, pa.binary(BITS // 8)),
        }
    )
    pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=False)
    print(path.name, table.num_rows, "rows", path.stat().st_size, "bytes")


def main():
    rows, rejected = [], []
    for line in (HERE / "data" / "nci-first-5k.smi").read_text().splitlines():
        smiles, number = line.split()
        packed, reason = fingerprint(smiles)
        if reason:
            rejected.append((number, smiles, reason))
        else:
            rows.append((int(number), smiles, packed))
    ids, smiles, packed = zip(*rows)
    write(HERE / "data" / "nci.parquet", ids, pa.int32(), smiles, packed)
    with open(HERE / "data" / "nci-rejected.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("id", "smiles", "reason"), *rejected])
    print("rejected", len(rejected))
    drugs = [(name, smiles, fingerprint(smiles)[0]) for name, smiles in DRUGS.items()]
    names, smiles, packed = zip(*drugs)
    write(HERE / "data" / "queries.parquet", names, pa.utf8(), smiles, packed)


if __name__ == "__main__":
    main()
