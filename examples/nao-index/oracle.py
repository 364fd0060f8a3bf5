#!/usr/bin/env python3
"""Makes expected/*.csv with tools that share no code with the pipeline: CDO remaps, eofs decomposes.

    apt install cdo   # 2.1.1
    python3 -m venv venv && venv/bin/pip install eofs==2.0.0 netCDF4==1.7.5.1.post1
    venv/bin/python oracle.py
"""
import csv
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
    pattern = solver.eofsAsCovariance(neofs=1)[0]
    # The index is positive when pressure is low near Iceland: at the cell nearest 65N 20W.
    iceland = np.abs(lat - 65).argmin(), np.abs(lon + 20).argmin()
    index = -np.sign(pattern[iceland]) * index

    write("index.csv", ("year", "index"), [(y, f"{v:.9f}") for y, v in zip(years, index)])
    shares = solver.varianceFraction(neigs=MODES)
    write("variance.csv", ("mode", "fraction"), [(i + 1, f"{v:.9f}") for i, v in enumerate(shares)])


def write(name, header, rows):
    with open(HERE / "expected" / name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    main()
