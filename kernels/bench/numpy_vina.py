#!/usr/bin/env python3
"""Times Vina's score in NumPy, with pairs within the cutoff, on poses of Sunward's example; prints JSON.

usage: numpy_vina.py EXAMPLE_FOLDER      (every 10th of 2 000 poses, the best among them; one core)
"""

import json
import pathlib
import sys
import time

import numpy as np
import pyarrow.parquet as pq

folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(folder))
sys.dont_write_bytecode = True
import oracle  # noqa: E402

receptor = oracle.read(folder / "data" / "1iep_receptor.pdbqt")[0]
ligand = oracle.read(folder / "data" / "1iep_ligand.pdbqt")[0]
xyz = pq.read_table(folder / "data" / "1iep_poses.parquet")["xyz"]
poses = np.array(xyz.to_pylist(), "f8").reshape(len(xyz), -1, 3)[::10]
r, l = receptor.heavy, ligand.heavy
places = receptor.xyz[r]
radii = ligand.radius[l][:, None] + receptor.radius[r][None]
both = ligand.hydrophobic[l][:, None] & receptor.hydrophobic[r][None]
bond = ligand.donor[l][:, None] & receptor.acceptor[r][None]
bond |= ligand.acceptor[l][:, None] & receptor.donor[r][None]
scale = 1 + oracle.ROTOR_WEIGHT * ligand.rotors()
scores, start = [], time.perf_counter()
for pose in poses:
    square = ((pose[l][:, None] - places[None]) ** 2).sum(-1)
    near = square < oracle.CUTOFF_A**2
    d = np.sqrt(square[near]) - radii[near]
    terms = (
        np.exp(-((d / 0.5) ** 2)).sum(),
        np.exp(-(((d - 3) / 2) ** 2)).sum(),
        np.where(d < 0, d * d, 0).sum(),
        (oracle.ramp(1.5, 0.5, d) * both[near]).sum(),
        (oracle.ramp(0, -0.7, d) * bond[near]).sum(),
    )
    scores.append(np.dot(oracle.WEIGHTS, terms) / scale)
seconds = (time.perf_counter() - start) / len(poses)
print(json.dumps({"seconds": seconds, "best": min(scores)}))
