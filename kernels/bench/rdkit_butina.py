#!/usr/bin/env python3
"""Times RDKit's Butina clustering on fingerprints of Sunward's benchmark; prints JSON.

usage: rdkit_butina.py BITS_FILE WIDTH_BYTES DISTANCE      (list of distances and clusters, one core)
"""

import json
import sys
import time

from rdkit import DataStructs
from rdkit.ML.Cluster import Butina

width, distance = int(sys.argv[2]), float(sys.argv[3])
data = open(sys.argv[1], "rb").read()
prints = []
for at in range(0, len(data), width):
    prints.append(DataStructs.CreateFromFPSText(data[at : at + width].hex()))
start, distances = time.perf_counter(), []
for i in range(1, len(prints)):
    distances.extend(1 - s for s in DataStructs.BulkTanimotoSimilarity(prints[i], prints[:i]))
found = Butina.ClusterData(distances, len(prints), distance, isDistData=True, reordering=False)
print(json.dumps({"seconds": time.perf_counter() - start, "clusters": len(found)}))
