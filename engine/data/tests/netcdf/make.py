"""Makes the files of this folder with the netCDF4 library for Python, and `expected.json`, which says
what that library reads of each variable (masked and scaled; null is missing).

    pip install netCDF4==1.7.5 && python make.py
"""

import json
import pathlib

import netCDF4
import numpy as np

HERE = pathlib.Path(__file__).parent
INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
FORMATS = {
    "classic": ("NETCDF3_CLASSIC", ["i1", "i2", "i4", "f4", "f8"]),
    "offset64": ("NETCDF3_64BIT_OFFSET", ["i1", "i2", "i4", "f4", "f8"]),
    "cdf5": ("NETCDF3_64BIT_DATA", [*INTEGERS, "f4", "f8"]),
    "nc4classic": ("NETCDF4_CLASSIC", ["i1", "i2", "i4", "f4", "f8"]),
    "nc4": ("NETCDF4", [*INTEGERS, "f4", "f8"]),
}
expected = {}


def grid(ds, unlimited=True):
    """Three days of a grid of 2 x 4."""
    ds.createDimension("time", None if unlimited else 3)
    ds.createDimension("lat", 2)
    ds.createDimension("lon", 4)
    time = ds.createVariable("time", "f8", ("time",))
    time.units, time.calendar, time.axis = "days since 2000-02-28 12:00:00", "noleap", "T"
    time[:] = [0, 1, 2]
    for name, units, values in [
        ("lat", "degrees_north", [-10, 20.5]),
        ("lon", "degrees_east", [0, 90, 180, 270]),
    ]:
        axis = ds.createVariable(name, "f4", (name,))
        axis.units = units
        axis[:] = values


def note(file, *names):
    with netCDF4.Dataset(HERE / file) as ds:
        for name in names:
            values = np.ma.asarray(ds[name][:]).astype("f8")
            values = [None if v is np.ma.masked or np.isnan(v) else float(v) for v in values.ravel()]
            expected[f"{file}:{name}"] = values


def all_types():
    for label, (form, types) in FORMATS.items():
        file = f"{label}.nc"
        with netCDF4.Dataset(HERE / file, "w", format=form) as ds:
            grid(ds)
            for kind in types:
                v = ds.createVariable(f"v_{kind}", kind, ("time", "lat", "lon"))
                v[:] = np.arange(24).reshape(3, 2, 4) - (0 if kind.startswith("u") else 7)
                if kind[0] in "iu" and kind[1] != "1":
                    # Far from the missing value, of which doubles hold only 53 bits.
                    v[0, 0, 1] = np.iinfo(kind).max // 2
            v = ds.createVariable("packed", "i2", ("time", "lat", "lon"), fill_value=-9999)
            v.scale_factor, v.add_offset = 0.01, 273.15
            v[:] = np.ma.masked_equal(np.arange(24).reshape(3, 2, 4), 5) + 250.0
            v = ds.createVariable("filled", "f4", ("time", "lat", "lon"), fill_value=1e20)
            v[:] = np.ma.masked_equal(np.arange(24.0).reshape(3, 2, 4), 6)
        note(file, *[f"v_{kind}" for kind in types], "packed", "filled")


def chunks():
    """How NetCDF-4 lays out and filters values."""
    with netCDF4.Dataset(HERE / "chunks.nc", "w") as ds:
        grid(ds)
        values = np.random.default_rng(1).normal(size=(3, 2, 4)).astype("f4")
        for name, options in {
            "contiguous": {"contiguous": False},
            "deflate": {"zlib": True, "complevel": 9, "shuffle": False},
            "shuffle": {"zlib": True, "shuffle": True},
            "fletcher": {"fletcher32": True},
            "every": {"zlib": True, "shuffle": True, "fletcher32": True, "chunksizes": (1, 1, 3)},
            "big_endian": {"endian": "big", "chunksizes": (2, 2, 2)},
        }.items():
            ds.createVariable(name, "f4", ("time", "lat", "lon"), **options)[:] = values
        # An unwritten chunk of a variable that is shorter than its unlimited dimension.
        part = ds.createVariable("part", "f4", ("time", "lat", "lon"), fill_value=-1.0, chunksizes=(1, 2, 2))
        part[0, :, :2] = 3.0
    note("chunks.nc", "contiguous", "deflate", "shuffle", "fletcher", "every", "big_endian", "part")


def groups():
    """Groups, strings, enumerations, compounds and lists beside numbers."""
    with netCDF4.Dataset(HERE / "groups.nc", "w") as ds:
        grid(ds, unlimited=False)
        outer = ds.createGroup("model")
        inner = outer.createGroup("run1")
        outer.createDimension("level", 2)
        level = outer.createVariable("level", "f8", ("level",))
        level.units = "hPa"
        level[:] = [850, 500]
        v = inner.createVariable("ta", "f4", ("time", "level", "lat", "lon"))
        v.units = "K"
        v[:] = np.arange(48).reshape(3, 2, 2, 4)
        ds.createVariable("name", str, ("lat",))[:] = np.array(["a", "bc"], dtype=object)
        colour = ds.createEnumType("u1", "colour", {"red": 0, "blue": 1})
        ds.createVariable("shade", colour, ("lat",))[:] = [0, 1]
        pair = ds.createCompoundType(np.dtype([("a", "f4"), ("b", "i4")]), "pair")
        ds.createVariable("pairs", pair, ("lat",))
        ragged = ds.createVLType("i4", "ragged")
        ds.createVariable("lists", ragged, ("lat",))
        ds.setncattr_string("title", "strings")
    note("groups.nc", "model/run1/ta")


def described():
    """Bounds of times, coordinates of text, coordinates with all their digits, and an enumeration."""
    with netCDF4.Dataset(HERE / "described.nc", "w") as ds:
        for name, length in [("time", None), ("lat", 2), ("lon", 4), ("bnds", 2)]:
            ds.createDimension(name, length)
        time = ds.createVariable("time", "f8", ("time",))
        time.units, time.calendar, time.bounds = "days since 2001-01-01", "noleap", "time_bnds"
        time[:] = [15.5, 45, 74.5]
        ds.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = [[0, 31], [31, 59], [59, 90]]
        for name, units, values in [
            ("lat", "degrees_north", np.array([-10, 20]) / 3 + 0.1),
            ("lon", "degrees_east", np.cumsum(np.full(4, 7.1)) * 1.1),
        ]:
            axis = ds.createVariable(name, "f8", (name,))
            axis.units = units
            axis[:] = values
        sector = ds.createVariable("sector", str, ("lon",))
        sector.standard_name = "region"
        sector[:] = np.array(["Rockall", "Färöer", "", "Fair Isle"], dtype=object)
        ds.createVariable("scenario", str, ())[...] = "historical"
        v = ds.createVariable("t", "f8", ("time", "lat", "lon"))
        v.units, v.coordinates = "K", "sector scenario"
        v[:] = np.arange(24).reshape(3, 2, 4) / 7
        cover = ds.createEnumType("i2", "cover_kind", {"open_sea": -1, "ice": 0, "land": 300})
        shade = ds.createVariable("cover", cover, ("time", "lat", "lon"), fill_value=0)
        shade[:] = np.array([-1, 300] * 12).reshape(3, 2, 4)
    note("described.nc", "t", "cover")


def stations():
    """Stations with names of characters, heights and monthly means."""
    with netCDF4.Dataset(HERE / "stations.nc", "w", format="NETCDF3_64BIT_OFFSET") as ds:
        for name, length in [("time", 2), ("station", 3), ("name_length", 12), ("nv", 2)]:
            ds.createDimension(name, length)
        time = ds.createVariable("time", "f8", ("time",))
        time.units, time.calendar, time.bounds = "hours since 2001-01-01", "standard", "time_edges"
        time[:] = [372, 1080]
        ds.createVariable("time_edges", "f8", ("time", "nv"))[:] = [[0, 744], [744, 1416]]
        names = ds.createVariable("station_name", "S1", ("station", "name_length"))
        names.cf_role = "timeseries_id"
        texts = [text.encode().ljust(12, b"\0") for text in ["Jan Mayen", "Bjørnøya", "Hopen"]]
        names[:] = np.frombuffer(b"".join(texts), "S1").reshape(3, 12)
        for name, units, values in [
            ("lat", "degrees_north", [70.9, 74.5, 76.5]),
            ("lon", "degrees_east", [-8.7, 19.0, 25.1]),
            ("height", "m", [10.3, 16.1, 6.7]),
        ]:
            v = ds.createVariable(name, "f8", ("station",))
            v.units = units
            v[:] = values
        v = ds.createVariable("tas", "f4", ("time", "station"))
        v.units, v.coordinates = "degC", "lat lon height station_name"
        v[:] = [[-5.1, -8.2, -13.3], [-6.1, -9.2, -14.3]]
    note("stations.nc", "tas")


if __name__ == "__main__":
    all_types()
    chunks()
    groups()
    described()
    stations()
    (HERE / "expected.json").write_text(json.dumps(expected, indent=0) + "\n")
