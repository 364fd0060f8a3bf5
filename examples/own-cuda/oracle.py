#!/usr/bin/env python3
"""Makes data/stations.parquet and, by NumPy, expected/*.csv.

    python3 -m venv venv && venv/bin/pip install numpy pyarrow==26.0.1 && venv/bin/python oracle.py
"""
import csv
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
ROWS, MONTHS, A = 1000, 12, np.float32(2.5)

rng = np.random.default_rng(20260101)
slope = rng.normal(0.0, 1.0, ROWS).astype("f4")
offset = rng.normal(10.0, 3.0, ROWS).astype("f4")
season = np.cos(2 * np.pi * np.arange(MONTHS) / MONTHS)
series = (offset[:, None] - 8.0 * season + rng.normal(0.0, 1.0, (ROWS, MONTHS))).astype("f4")
pq.write_table(
    pa.table(
        {
            "id": pa.array(range(ROWS), pa.int32()),
            "slope": slope,
            "offset": offset,
            "series": pa.FixedSizeListArray.from_arrays(pa.array(series.ravel()), MONTHS),
        }
    ),
    HERE / "data/stations.parquet",
    compression="zstd",
)


def write(name, header, rows):
    with open(HERE / "expected" / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


write("line.csv", ["value"], [[f"{v:.9g}"] for v in A * slope + offset])
mean = series.astype("f8").mean(axis=1)
spread = series.max(axis=1) - series.min(axis=1)
write("summary.csv", ["mean", "range"], [[f"{m:.15g}", f"{s:.9g}"] for m, s in zip(mean, spread)])
