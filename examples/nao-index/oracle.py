#!/usr/bin/env python3
"""Makes expected/*.csv with tools that share no code with the pipeline: CDO remaps, eofs decomposes.

    apt install cdo   # 2.1.1
    python3 -m venv venv && venv/bin/pip install eofs==2.0.0 netCDF4==1.7.5.1.post1
    venv/bin/python oracle.py
"""
import csv
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from eofs.standard import Eof
from netCDF4 import Dataset, num2date

HERE = pathlib.Path(__file__).resolve().parent
MODES = 4
GRID = "gridtype=lonlat\nxsize=24\nysize=14\nxfirst=-77.5\nxinc=5\nyfirst=22.5\nyinc=5\n"


def remap(folder):
    """The winters on the 5 degree grid, in double precision."""
    (folder / "grid.txt").write_text(GRID)
    command = ["cdo", "-s", "-b", "F64", f"remapcon,{folder}/grid.txt"]
    subprocess.run([*command, HERE / "data" / "hgt_djf.nc", folder / "z.nc"], check=True)
    return Dataset(folder / "z.nc")


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = remap(pathlib.Path(folder))
        z = np.asarray(data["z"][:], "f8").squeeze()
        lat, lon = (np.asarray(data[n][:], "f8") for n in data["z"].dimensions[-2:])
        time = data["time"]
        years = [t.year for t in num2date(time[:], time.units, time.calendar)]
    assert years == list(range(1948, 2013)) and z.shape == (65, 14, 24)

    weights = np.sqrt(np.cos(np.deg2rad(lat)))[:, None]
    solver = Eof(z - z.mean(0), weights=weights)
    index = solver.pcs(npcs=1, pcscaling=1)[:, 0]
    patterns = solver.eofsAsCovariance(neofs=MODES)
    # The index is positive if pressure is low near Iceland, at the cell nearest to 65N 20W. Other
    # patterns have the sign in which their largest value is positive.
    iceland = np.abs(lat - 65).argmin(), np.abs(lon + 20).argmin()
    turn = -np.sign(patterns[0][iceland])
    signs = [turn] + [np.sign(p.flat[np.abs(p).argmax()]) for p in patterns[1:]]

    write("index.csv", ("year", "index"), [(y, f"{turn * v:.9f}") for y, v in zip(years, index)])
    variance = zip(solver.varianceFraction(neigs=MODES), solver.eigenvalues(neigs=MODES))
    rows = [(i + 1, f"{share:.9f}", f"{value:.4f}") for i, (share, value) in enumerate(variance)]
    write("variance.csv", ("mode", "fraction", "eigenvalue"), rows)
    rounded = [[round(float(sign * v), 6) for v in p.flat] for sign, p in zip(signs, patterns)]
    write("patterns.csv", ("mode", "value"), [(i + 1, json.dumps(p)) for i, p in enumerate(rounded)])


def write(name, header, rows):
    with open(HERE / "expected" / name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    main()
