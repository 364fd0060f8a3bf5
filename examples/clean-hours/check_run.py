#!/usr/bin/env python3
"""Recomputes the emissions and the saving of a run from its report, with plain arithmetic.

    sunward report r1 --out report.json
    python3 check_run.py report.json [GRID]

Every row of the report's `entries` is multiplied out, the rows are added, and the sums are compared with the totals and
with the headline. With a folder of a recorded grid, the intensities of measured hours are looked up there as well.
Exits with 1 if anything differs.
"""

import csv
import json
import sys
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path

JOULES_A_KWH = Decimal(3_600_000)
MICROGRAM = Decimal("0.000001")
problems = []


def same(what, found, told, tolerance=Decimal(0)):
    """Notes a figure that is not what it should be. None stands for unknown."""
    if found is None or told is None:
        if found is not told:
            problems.append(f"{what}: computed {found}, told {told}")
    elif abs(Decimal(found) - Decimal(told)) > tolerance:
        problems.append(f"{what}: computed {found}, told {told}")


def basis(intensity):
    return intensity["factors"], intensity["flow"]


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Grid:
    """A folder with a ZONE.csv for each zone, in hours."""

    def __init__(self, folder):
        self.folder, self.zones = folder, {}

    def at(self, zone, at):
        if zone not in self.zones:
            with open(self.folder / f"{zone}.csv", newline="") as file:
                rows = list(csv.DictReader(file))
            self.zones[zone] = {moment(row["timestamp_utc"]): row for row in rows}
        row = self.zones[zone].get(at.replace(minute=0, second=0))
        return row and Decimal(row["carbon_intensity_gco2e_per_kwh"])


def look_up(grid, zone, quarter, intensity):
    """Compares a measured intensity with the recorded grid."""
    if grid and intensity and intensity["certainty"] == "actual":
        same(f"intensity of {zone} at {quarter}", grid.at(zone, moment(quarter)), intensity["gco2e_per_kwh"])


def product(row, kind, grams):
    """Multiplies one row out: energy x PUE x intensity."""
    joules, intensity = row["energy_joules"], row[kind]
    if joules is None or intensity is None:
        same(f"{row['stage']} at {row['quarter']}, {grams}", None, row[grams])
        return
    exact = joules / JOULES_A_KWH * row["pue"] * intensity["gco2e_per_kwh"]
    same(f"{row['stage']} at {row['quarter']}, {grams}", exact, row[grams], MICROGRAM)


def add(sums, intensity, grams):
    if grams is not None:
        sums[basis(intensity)] += grams


def check_rows(rows, grid, sums, marginal):
    """Checks rows of energy in a place, and adds them by what their intensities count."""
    for row in rows:
        product(row, "average", "gco2e")
        product(row, "marginal", "gco2e_marginal")
        look_up(grid, row["zone"], row["quarter"], row["average"])
        add(sums, row["average"], row["gco2e"])
        add(marginal, row["marginal"], row["gco2e_marginal"])


def check_transfers(rows, grid, sums):
    for row in rows:
        exact = Decimal(row["bytes"]) / 10**9 * row["kwh_per_gb"] * JOULES_A_KWH
        same(f"moving {row['bytes']} bytes", exact, row["energy_joules"], Decimal("0.001"))
        for end in ("from", "to"):
            intensity, told = row[f"{end}_average"], row[f"gco2e_{end}"]
            look_up(grid, row[f"{end}_zone"], row["quarter"], intensity)
            if intensity is None:
                same("a transfer without an intensity", None, told)
                continue
            exact = row["energy_joules"] / 2 / JOULES_A_KWH * intensity["gco2e_per_kwh"]
            same(f"moving from {row['from_zone']} to {row['to_zone']}, {end}", exact, told, MICROGRAM)
            add(sums, intensity, told)


def check_embodied(rows, totals):
    known = [row for row in rows if row["gco2e_embodied"] is not None]
    for row in known:
        exact = row["gpu_seconds"] / 3600 * row["embodied_gco2e_per_gpu_hour"]
        same(f"embodied share of {row['stage']} at {row['quarter']}", exact, row["gco2e_embodied"], MICROGRAM)
    if totals["gco2e_embodied"] is not None:
        same("embodied share", sum(row["gco2e_embodied"] for row in known), totals["gco2e_embodied"])


def check_sci(totals):
    sci = totals["sci"]
    if sci is None:
        return
    exact = (sci["operational_gco2e"] + sci["embodied_gco2e"]) / sci["tasks"]
    same("software carbon intensity", exact, sci["gco2e_per_task"], MICROGRAM)


def total(sums):
    """The sum if all intensities count the same."""
    return sum(sums.values()) if len(sums) == 1 else None


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    report = json.loads(Path(sys.argv[1]).read_text(), parse_float=Decimal)
    grid = Grid(Path(sys.argv[2])) if len(sys.argv) > 2 else None
    entries, ledger = report["entries"], report["ledger"]
    totals = entries["totals"]
    sums, marginal, home, home_marginal = (defaultdict(Decimal) for _ in range(4))
    check_transfers(entries["transfers"], grid, sums)
    moved = dict(sums)
    check_rows(entries["used"], grid, sums, marginal)
    check_rows(entries["at_home_now"], grid, home, home_marginal)
    check_embodied(entries["used"], totals)
    check_sci(totals)

    energy = sum(row["energy_joules"] or 0 for row in entries["used"])
    same("energy", energy, totals["energy_joules"])
    same("energy of the ledger", energy, ledger["energy_joules"], Decimal("0.0001"))
    told = {basis(one): one["gco2e"] for one in totals["gco2e_by_basis"]}
    for one in sorted(set(told) | set(sums)):
        same(f"emissions by {one}", sums.get(one), told.get(one))
    if totals["gco2e"] is not None:
        same("emissions", total(sums), totals["gco2e"])
        same("emissions of transfers", sum(moved.values()), totals["gco2e_transfer"])
    if totals["gco2e_at_home_now"] is not None:
        same("emissions at home", total(home), totals["gco2e_at_home_now"])
    if totals["gco2e_saved"] is not None:
        same("saving", total(home) - total(sums), totals["gco2e_saved"])
    if totals["gco2e_marginal"] is not None:
        same("marginal emissions", total(marginal), totals["gco2e_marginal"])
    if totals["gco2e_marginal_at_home_now"] is not None:
        same("marginal emissions at home", total(home_marginal), totals["gco2e_marginal_at_home_now"])
    for name in ("gco2e", "gco2e_at_home_now", "gco2e_saved", "gco2e_transfer", "gco2e_marginal", "gco2e_embodied"):
        same(f"{name} of the headline", totals[name], ledger[name])

    for problem in problems:
        print(problem)
    rows = sum(len(entries[part]) for part in ("used", "transfers", "at_home_now"))
    print(f"{report['run']}: {rows} rows, {totals['gco2e']} g, saved {totals['gco2e_saved']} g: ", end="")
    print(f"{len(problems)} differences" if problems else "all as told")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
