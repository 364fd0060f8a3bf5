#!/usr/bin/env python3
"""Makes expected/*.csv by RDKit alone: its similarities, its metrics, its clusters.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python oracle.py data/actives.txt data/decoys.txt --queries 2 --out expected
    venv/bin/python oracle.py DUD_egfr_actives.dat.gz DUD_egfr_decoys.dat.gz

Equal similarities are ordered by the molecule's number, lowest first, as in the pipeline. It prints
the figures in README.md and writes the files to the folder of `--out`. `rejects.csv` was written by
hand.
"""
import argparse
import csv
import gzip
import pathlib
from collections import Counter

from rdkit import Chem, DataStructs, RDLogger
from rdkit.Chem import Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors
from rdkit.ML.Cluster import Butina
from rdkit.ML.Scoring import Scoring


def lines(path):
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rt") as file:
        return [line.split() for line in file if not line.startswith("#")]


def passes(molecule):
    broken = Descriptors.MolWt(molecule) > 500
    broken += Crippen.MolLogP(molecule) > 5
    broken += rdMolDescriptors.CalcNumLipinskiHBD(molecule) > 5
    broken += rdMolDescriptors.CalcNumLipinskiHBA(molecule) > 10
    return broken <= 1


def library(actives, decoys):
    """Number, name, whether active, SMILES and fingerprint of each molecule that passes."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    known = [(words, True) for words in lines(actives)] + [(words, False) for words in lines(decoys)]
    kept = []
    for number, (words, active) in enumerate(known):
        molecule = Chem.MolFromSmiles(words[-1])
        if molecule is not None and passes(molecule):
            kept.append((number, words[0], active, words[-1], generator.GetFingerprint(molecule)))
    return kept


def ranked(kept, count):
    """The rows of all but the queries, by their highest similarity to any query."""
    queries = [row for row in kept if row[2]][:count]
    rest = [row for row in kept if row not in queries]
    found = []
    for row in rest:
        sims = DataStructs.BulkTanimotoSimilarity(row[4], [query[4] for query in queries])
        found.append((max(sims), queries[sims.index(max(sims))][0], row))
    return sorted(found, key=lambda one: (-one[0], one[2][0]))


def clusters(prints, distance):
    distances = []
    for i in range(1, len(prints)):
        distances += [1 - sim for sim in DataStructs.BulkTanimotoSimilarity(prints[i], prints[:i])]
    return Butina.ClusterData(distances, len(prints), distance, isDistData=True, reordering=False)


def write(folder, name, header, rows):
    with open(folder / name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("actives")
    arguments.add_argument("decoys")
    arguments.add_argument("--queries", type=int, default=5)
    arguments.add_argument("--out", type=pathlib.Path)
    options = arguments.parse_args()
    RDLogger.DisableLog("rdApp.*")
    ranking = ranked(library(options.actives, options.decoys), options.queries)
    labels = [[row[2]] for _, _, row in ranking]
    ef1, ef5 = Scoring.CalcEnrichment(labels, 0, [0.01, 0.05])
    metrics = [ef1, ef5, Scoring.CalcAUC(labels, 0), Scoring.CalcBEDROC(labels, 0, 20.0), len(ranking)]
    header = ["ef1_percent", "ef5_percent", "auc", "bedroc20", "ranked"]
    print(dict(zip(header, metrics)))
    for first in (100, 500):
        print("actives among the first", first, sum(label[0] for label in labels[:first]))
    print("best", [(row[1], sim) for sim, _, row in ranking[:5]])
    best = [row for _, _, row in ranking[:500]]
    found = clusters([row[4] for row in best], 0.6)
    sizes = Counter(len(cluster) for cluster in found)
    print(len(found), "clusters,", sizes[1], "of one, the largest of", max(sizes))
    if options.out:
        write(options.out, "metrics.csv", header, [metrics])
        rows = [
            (rank, row[0], row[1], str(row[2]).lower(), sim, query, row[3])
            for rank, (sim, query, row) in enumerate(ranking, 1)
        ]
        write(options.out, "ranking.csv", ["rank", "id", "name", "active", "sim", "query", "smiles"], rows)
        place = {row: number for number, cluster in enumerate(found) for row in cluster}
        centroids = {cluster[0] for cluster in found}
        rows = [(row[0], place[i], str(i in centroids).lower()) for i, row in enumerate(best)]
        write(options.out, "clusters.csv", ["id", "cluster", "is_centroid"], rows)


main()
