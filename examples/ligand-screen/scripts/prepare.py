"""Processes one task's molecules: writes those that pass with fingerprints, and the others with the reason.

    prepare.py ACTIVES DECOYS PART PARTS LIBRARY REJECTS

Molecules are numbered in the order of the files, actives first, so that numbers do not depend on the tasks.
"""
import gzip
import sys

import pyarrow as pa
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors

BITS = 2048
MOLECULE = [("id", pa.int64()), ("name", pa.utf8()), ("smiles", pa.utf8()), ("active", pa.bool_())]
LIBRARY = pa.schema([*MOLECULE, ("bits", pa.binary(BITS // 8))])
REJECTS = pa.schema([*MOLECULE, ("reason", pa.utf8())])


def molecules(path):
    """Name and SMILES of each line: its first word and its last."""
    with open(path, "rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    opened = gzip.open if is_gzip else open
    with opened(path, "rt", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if words and not words[0].startswith("#"):
                yield words[0], words[-1]


def unreadable(smiles):
    """Why RDKit refuses it."""
    molecule = Chem.MolFromSmiles(smiles, sanitize=False)
    if molecule is None:
        return "not a SMILES"
    problems = [problem.Message().strip() for problem in Chem.DetectChemistryProblems(molecule)]
    return "; ".join(problems) or "RDKit does not take it"


def broken_rules(molecule):
    """The parts of the rule of five that it breaks (Lipinski et al., Adv. Drug Deliv. Rev. 23 (1997) 3)."""
    rules = [
        ("weight", Descriptors.MolWt(molecule), 500),
        ("logP", Crippen.MolLogP(molecule), 5),
        ("donors", rdMolDescriptors.CalcNumLipinskiHBD(molecule), 5),
        ("acceptors", rdMolDescriptors.CalcNumLipinskiHBA(molecule), 10),
    ]
    return [f"{name} {value:.6g} > {most}" for name, value, most in rules if value > most]


def judged(smiles, generator):
    """Its packed ECFP4, or the reason why it does not pass."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None, unreadable(smiles)
    broken = broken_rules(molecule)
    if len(broken) > 1:
        return None, "rule of five: " + ", ".join(broken)
    return DataStructs.BitVectToBinaryText(generator.GetFingerprint(molecule)), None


def write(path, schema, rows):
    columns = list(zip(*rows)) or [[] for _ in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema)]
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_table(pa.table(arrays, schema=schema))


def main(actives, decoys, part, parts, library_path, rejects_path):
    numbered = [(*molecule, True) for molecule in molecules(actives)]
    numbered += [(*molecule, False) for molecule in molecules(decoys)]
    first, end = (len(numbered) * (int(part) + i) // int(parts) for i in (0, 1))
    # Morgan fingerprints of radius 2 without chirality, which is ECFP4.
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)
    library, rejects = [], []
    with rdBase.BlockLogs():
        for number in range(first, end):
            name, smiles, active = numbered[number]
            try:
                bits, reason = judged(smiles, generator)
            except Exception as error:  # No error of one molecule may stop the others.
                bits, reason = None, f"{type(error).__name__}: {error}"
            row = (number, name, smiles, active)
            if reason is None:
                library.append((*row, bits))
            else:
                rejects.append((*row, reason))
    write(library_path, LIBRARY, library)
    write(rejects_path, REJECTS, rejects)


main(*sys.argv[1:])
