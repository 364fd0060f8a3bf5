#!/usr/bin/env python3
"""Makes expected/*.csv: the same figures in plain Python (nothing to install)."""
import csv
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
WET_DAY_MM = 1.0
RESAMPLES = 20


def read(name):
    with open(HERE / "data" / name, newline="") as file:
        return list(csv.DictReader(file))


def write(name, header, rows):
    with open(HERE / "expected" / name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def draws(seed, count):
    """Numbers below `count` from the generator of Park and Miller."""
    state = 20117 + 7919 * seed
    for turn in range(10 + count):
        state = state * 16807 % 2147483647
        if turn >= 10:
            yield int(state / 2147483647 * count)


def main():
    rain = read("rain.csv")
    totals = []
    for station in read("stations.csv"):
        days = [float(r["mm"]) for r in rain if r["station"] == station["name"]]
        totals.append((-round(sum(days), 1), station["name"], sum(mm >= WET_DAY_MM for mm in days)))
    ranked = [(rank, name, -total, wet) for rank, (total, name, wet) in enumerate(sorted(totals), 1)]
    write("ranking.csv", ("rank", "station", "total_mm", "wet_days"), ranked)

    mm = [float(r["mm"]) for r in rain]
    means = [sum(mm[i] for i in draws(seed, len(mm))) / len(mm) for seed in range(RESAMPLES)]
    write("range.csv", ("resamples", "lowest_mm", "highest_mm"), [(RESAMPLES, f"{min(means):.6f}", f"{max(means):.6f}")])
    wettest = ranked[0]
    (HERE / "expected" / "note.txt").write_text(f"{wettest[1]} is the wettest, with {wettest[3]} wet days.\n")


if __name__ == "__main__":
    main()
