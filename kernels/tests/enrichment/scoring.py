#!/usr/bin/env python3
"""Computes metrics of made-up rankings with RDKit, to which those of `enrichment` must be equal.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python scoring.py > scoring.json

A ranking of N rows is active at row i (from 0) where (i * i * 7 + i * seed) % modulus < part.
No ranking is so short that 1 % and 5 % are one row: there RDKit counts two rows for the second.
"""
import json

from rdkit.ML.Scoring import Scoring

RANKINGS = [(137, 5, 31, 3), (1000, 17, 97, 4), (2111, 1, 53, 1), (15920, 29, 211, 5)]


def main():
    answers = []
    for rows, seed, modulus, part in RANKINGS:
        flags = [[(i * i * 7 + i * seed) % modulus < part] for i in range(rows)]
        factors = Scoring.CalcEnrichment(flags, 0, [0.01, 0.05])
        auc, bedroc = Scoring.CalcAUC(flags, 0), Scoring.CalcBEDROC(flags, 0, 20.0)
        answers.append([rows, seed, modulus, part, *factors, auc, bedroc])
    print(json.dumps(answers, indent=1))


if __name__ == "__main__":
    main()
