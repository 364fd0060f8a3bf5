#!/usr/bin/env python3
"""Times RDKit's BulkTanimotoSimilarity on fingerprints of Sunward's benchmark; prints JSON.

usage: rdkit_tanimoto.py BITS_FILE WIDTH_BYTES QUERY_ROW... (rows of the file are queries; one core)
"""

import json
import statistics
import sys
import time

import numpy as np
from rdkit import DataStructs

width = int(sys.argv[2])
queries = [int(row) for row in sys.argv[3:]]
data = open(sys.argv[1], "rb").read()
prints = []
for at in range(0, len(data), width):
    prints.append(DataStructs.CreateFromFPSText(data[at : at + width].hex()))
seconds, tops = [], []
for row in [queries[0]] + queries:
    start = time.perf_counter()
    found = np.array(DataStructs.BulkTanimotoSimilarity(prints[row], prints))
    best = np.sort(np.partition(found, len(found) - 10)[-10:])[::-1]
    seconds.append(time.perf_counter() - start)
    tops.append([round(float(s), 6) for s in best])
# The first search only warms caches.
print(json.dumps({"seconds": statistics.median(seconds[1:]), "tops": tops[1:]}))
