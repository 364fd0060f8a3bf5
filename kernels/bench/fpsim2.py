#!/usr/bin/env python3
"""Times FPSim2's own search on fingerprints of Sunward's benchmark; prints JSON.

usage: fpsim2.py BITS_FILE WIDTH_BYTES QUERY_ROW... (rows of the file are queries; one worker)
"""

import json
import statistics
import sys
import time

import numpy as np
from FPSim2 import FPSim2lib

width = int(sys.argv[2])
queries = [int(row) for row in sys.argv[3:]]
bits = np.fromfile(sys.argv[1], dtype="<u8").reshape(-1, width // 8)
own = np.bitwise_count(bits).sum(1, dtype="u8")
order = np.argsort(own, kind="stable")
# FPSim2's table: id, words, bit count; rows sorted by bit count.
table = np.empty((len(bits), width // 8 + 2), dtype="u8")
table[:, 0] = order
table[:, 1:-1] = bits[order]
table[:, -1] = own[order]

seconds, tops = [], []
for row in [queries[0]] + queries:
    query = np.concatenate([[np.uint64(0)], bits[row], [own[row]]]).astype("u8")
    start = time.perf_counter()
    found = FPSim2lib.GenericSearch(query, table, 0.0, 10, 0, 0, len(table))
    seconds.append(time.perf_counter() - start)
    tops.append([round(float(c), 6) for c in found["coeff"][:10]])
# The first search only warms caches.
print(json.dumps({"seconds": statistics.median(seconds[1:]), "tops": tops[1:]}))
