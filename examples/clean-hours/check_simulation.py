#!/usr/bin/env python3
"""Recomputes the figures of a simulation from its schedule and the recorded grid, with plain arithmetic.

    sunward simulate --grid grid --fleet fleet.yaml --jobs jobs.json --policy all --schedule schedule.csv --json > told.json
    python3 check_simulation.py schedule.csv told.json grid

Every row is multiplied out from its power, its time and the grid's own figures. The rows of each policy are added and
compared with what the simulation told: energy, emissions, transfers, the saving, and the share of the bound's saving.
Exits with 1 if anything differs.
"""

import csv
import json
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

HOUR = timedelta(hours=1)
problems = []


def same(what, found, told, tolerance=1e-6):
    """Notes a figure that is not what it should be, beyond rounding."""
    if told is None or abs(found - told) > tolerance * max(1.0, abs(found)):
        problems.append(f"{what}: computed {found}, told {told}")


def moment(text):
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def read_zone(path):
    with open(path, newline="") as file:
        rows = csv.DictReader(file)
        return {moment(row["timestamp_utc"]): float(row["carbon_intensity_gco2e_per_kwh"]) for row in rows}


def hours(start, end):
    """The parts of a span by hour: the hour and how much of it."""
    at = start
    while at < end:
        hour = at.replace(minute=0, second=0, microsecond=0)
        until = min(hour + HOUR, end)
        yield hour, (until - at) / HOUR
        at = until


def check_row(row, zones):
    """Multiplies one row out. Returns its energy and emissions."""
    start, end = moment(row["start"]), moment(row["end"])
    place = f"{row['policy']}, job {row['job']}, {row['kind']} from {row['start']}"
    if row["kind"] == "transfer":
        kwh, hour = float(row["kwh"]), start.replace(minute=0, second=0, microsecond=0)
        grams = kwh * (zones[row["from_zone"]][hour] + zones[row["zone"]][hour]) / 2
    else:
        kilowatts = float(row["watts"]) / 1000
        kwh = kilowatts * ((end - start) / HOUR)
        zone, pue = zones[row["zone"]], float(row["pue"])
        grams = sum(kilowatts * part * pue * zone[hour] for hour, part in hours(start, end))
    same(f"kwh of {place}", kwh, float(row["kwh"]))
    same(f"gco2e of {place}", grams, float(row["gco2e"]))
    return kwh, grams


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    schedule, told, grid = (Path(arg) for arg in sys.argv[1:4])
    zones = {path.stem: read_zone(path) for path in sorted(grid.glob("*.csv"))}
    with open(schedule, newline="") as file:
        rows = list(csv.DictReader(file))
    sums = defaultdict(lambda: defaultdict(float))
    for row in rows:
        kwh, grams = check_row(row, zones)
        sums[row["policy"]]["gco2e"] += grams
        if row["kind"] == "transfer":
            sums[row["policy"]]["transfer_gco2e"] += grams
        else:
            sums[row["policy"]]["kwh"] += kwh

    report = json.loads(told.read_text())
    base = sums["now-home"]["gco2e"]
    bound = report["bound"] and report["bound"]["gco2e"]
    for policy in report["policies"]:
        name, own = policy["name"], sums[policy["name"]]
        for figure in ("gco2e", "kwh", "transfer_gco2e"):
            same(f"{figure} of {name}", own[figure], policy[figure])
        if policy["saved_percent"] is not None:
            same(f"saved_percent of {name}", 100 * (1 - own["gco2e"] / base), policy["saved_percent"], 1e-5)
        if policy["achievable_share"] is not None:
            share = (base - own["gco2e"]) / (base - bound)
            same(f"achievable_share of {name}", share, policy["achievable_share"], 1e-5)
        print(f"{name}: {own['gco2e']:.3f} g, saved {100 * (1 - own['gco2e'] / base):.3f} %")
    if set(sums) != {policy["name"] for policy in report["policies"]}:
        problems.append("the schedule and the answer have different policies")

    for problem in problems:
        print(problem)
    print(f"{len(rows)} rows:", f"{len(problems)} differences" if problems else "all as told")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
