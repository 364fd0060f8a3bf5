#!/usr/bin/env python3
"""Makes data/1iep_poses.parquet: 2 000 rigid-body poses of imatinib, pose 0 the crystal's.

    python3 -m venv venv && venv/bin/pip install numpy scipy pyarrow
    venv/bin/python make_poses.py

Pose k is rotated about its center by a random vector and shifted by another. Both grow with k up to
pose 1 000. Coordinates are float32, in angstrom. Another version of SciPy may differ in the last bits.
expected/ belongs to the file in data/.
"""
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.spatial.transform import Rotation

from oracle import read

HERE = pathlib.Path(__file__).resolve().parent
POSES = 2000
SEED = 20260101
TURN_RAD, SHIFT_A = 0.6, 1.5


def main():
    crystal = read(HERE / "data" / "1iep_ligand.pdbqt")[0].xyz
    rng = np.random.default_rng(SEED)
    centre = crystal.mean(0)
    poses = [crystal]
    for k in range(1, POSES):
        size = min(1.0, k / 1000)
        turn = Rotation.from_rotvec(rng.normal(size=3) * TURN_RAD * size)
        poses.append(turn.apply(crystal - centre) + centre + rng.normal(size=3) * SHIFT_A * size)
    poses = np.array(poses, "f4")
    xyz = pa.FixedSizeListArray.from_arrays(pa.array(poses.ravel()), poses.shape[1] * 3)
    table = pa.table({"pose_id": pa.array(range(POSES), pa.int32()), "xyz": xyz})
    table = table.replace_schema_metadata({"units": "angstrom"})
    encoding = {"xyz.list.element": "BYTE_STREAM_SPLIT", "pose_id": "PLAIN"}
    path = HERE / "data" / "1iep_poses.parquet"
    pq.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding=encoding)


if __name__ == "__main__":
    main()
