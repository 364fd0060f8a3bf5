#!/usr/bin/env python3
"""Makes the three grids of this example, with invented zones that cannot be mistaken for real ones.

HYDRO-NORTH  much water: low and almost flat.      SOLAR-SOUTH  sun: clean at noon, coal at night.
WIND-COAST   wind: clean and dirty for days.

Columns are those of any recorded grid that `sunward` reads; only the first two are required.
Standard library only; the same numbers on every machine (a small generator of its own, integers).
"""
import datetime
import os

HOURS = 24 * 45
BEGIN = datetime.datetime(2025, 2, 1, tzinfo=datetime.timezone.utc)


class Noise:
    """Numbers between -1 and 1 from a linear congruential generator (Knuth, MMIX)."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) / 2**30 - 1


def triangle(hour, middle, half_width):
    """1 at `middle`, 0 from `half_width` hours away on, straight between."""
    return max(0.0, 1 - abs(hour - middle) / half_width)


def north(noise):
    level = 0.0
    for hour in range(HOURS):
        level = 0.97 * level + 0.03 * noise.next()
        yield 45 + 30 * level + 4 * triangle(hour % 24, 18, 6), 0.93


def south(noise):
    cloud = 0.0
    for hour in range(HOURS):
        cloud = 0.9 * cloud + 0.1 * noise.next()
        sun = triangle(hour % 24, 12, 6.5) * min(1.0, max(0.15, 0.8 + 1.2 * cloud))
        evening = triangle(hour % 24, 20, 4)
        yield 470 - 400 * sun + 90 * evening + 10 * noise.next(), 0.12 + 0.75 * sun


def coast(noise):
    wind = 0.0
    for hour in range(HOURS):
        wind = 0.985 * wind + 0.22 * noise.next()
        share = min(0.95, max(0.05, 0.5 + 0.45 * wind))
        demand = triangle(hour % 24, 18, 8)
        yield 420 * (1 - share) + 60 * demand + 5 * noise.next() + 30, share


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grid")
    os.makedirs(folder, exist_ok=True)
    zones = {"HYDRO-NORTH": north(Noise(1)), "SOLAR-SOUTH": south(Noise(2)), "WIND-COAST": coast(Noise(3))}
    for zone, hours in zones.items():
        with open(os.path.join(folder, zone + ".csv"), "w", newline="") as out:
            out.write("timestamp_utc,carbon_intensity_gco2e_per_kwh,renewable_share\n")
            for hour, (grams, share) in enumerate(hours):
                at = BEGIN + datetime.timedelta(hours=hour)
                out.write(f"{at:%Y-%m-%dT%H:%M:%SZ},{grams:.1f},{share:.3f}\n")


main()
