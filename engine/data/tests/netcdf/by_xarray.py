"""Opens files that Sunward wrote with xarray and compares them with the files from which they were read.

    python by_xarray.py SOURCE VARIABLE COPY [SOURCE VARIABLE COPY ...]

Values, coordinates, units, calendar, bounds and the mark of missing values must be equal. Prints a line
a fault; exits 1 if there is one, 77 without xarray.
"""

import sys

try:
    import netCDF4  # noqa: F401
    import numpy as np
    import xarray
except ImportError:
    sys.exit(77)

TIMES = xarray.coders.CFDatetimeCoder(use_cftime=True)


def faults(source, variable, copy):
    group, _, name = variable.rpartition("/")
    tree = xarray.open_datatree(source, decode_times=TIMES) if group else None
    old = tree[group].to_dataset() if group else xarray.open_dataset(source, decode_times=TIMES)
    new = xarray.open_dataset(copy, decode_times=TIMES)
    a, b = old[name].squeeze(), new[name].squeeze()
    # Latitude and longitude have their usual names in the copy, and time comes first.
    usual = {"latitude": "lat", "longitude": "lon", "Y": "lat", "X": "lon"}
    renamed = [dim if dim in b.dims else usual.get(dim, dim) for dim in a.dims]
    if set(renamed) != set(b.dims):
        return [f"dimensions {b.dims}, expected {a.dims}"]
    b = b.transpose(*renamed)
    if a.shape != b.shape:
        return [f"shape {b.shape}, expected {a.shape}"]
    found = []
    # xarray keeps unwritten values, and netCDF's own libraries mask them.
    filled = netCDF4.default_fillvals.get(old[name].encoding["dtype"].str[1:])
    x = a.values.astype("f8")
    if filled is not None and "_FillValue" not in old[name].encoding:
        x = np.where(x == filled, np.nan, x)
    y = b.values.astype("f8")
    if not np.allclose(x, y, rtol=1e-7, atol=0, equal_nan=True):
        found.append(f"values differ by up to {np.nanmax(np.abs(x - y))}")
    for key in ("units", "long_name", "standard_name"):
        if a.attrs.get(key) != b.attrs.get(key):
            found.append(f"{key} is {b.attrs.get(key)}, expected {a.attrs.get(key)}")
    for one, other in zip(a.dims, b.dims):
        # Texts are not compared, because a table's grid has only numbers.
        if one not in a.coords or a.coords[one].dtype.kind in "OSU":
            continue
        if other not in new.coords:
            found.append(f"no coordinate {other}")
            continue
        was, now = a.coords[one], new.coords[other]
        is_number = was.dtype.kind in "fiu"
        same = np.isclose(was, now, rtol=1e-15, atol=0) if is_number else was.values == now.values
        if not same.all():
            found.append(f"coordinate {other} is {now.values[:3]}, expected {was.values[:3]}")
        calendars = [c.encoding.get("calendar") for c in (was, now)]
        if len({"standard" if c == "gregorian" else c for c in calendars}) > 1:
            found.append(f"calendar of {other} is {calendars[1]}, expected {calendars[0]}")
    for one in old[name].encoding.get("coordinates", "").split():
        # Coordinates along time are not read.
        if one not in a.coords or one in a.dims or any("time" in dim for dim in a.coords[one].dims):
            continue
        if one not in new:
            found.append(f"no coordinate {one}")
            continue
        was, now = a.coords[one].values, new[one].values
        if was.dtype.kind in "OSU":
            texts = [[v.decode() if isinstance(v, bytes) else str(v) for v in x.ravel()] for x in (was, now)]
            same = texts[0] == texts[1]
        else:
            same = np.allclose(was, now, rtol=1e-7, equal_nan=True)
        if not same:
            found.append(f"coordinate {one} is {now}, expected {was}")
    for kind in ("bounds", "climatology"):
        for axis in (dim for dim in a.dims if dim in old.coords and "since" in str(old[dim].encoding.get("units"))):
            bounds = old[axis].attrs.get(kind, old[axis].encoding.get(kind))
            if bounds is None or bounds not in old:
                continue
            written = new["time"].attrs.get(kind, new["time"].encoding.get(kind))
            if written not in new or not (old[bounds].values == new[written].values).all():
                found.append(f"{kind} of time are {written}, expected those of {bounds}")
    fill = old[name].encoding.get("_FillValue")
    if fill is not None and old[name].encoding["dtype"].kind == "f" and "scale_factor" not in old[name].encoding:
        now = new[name].encoding.get("_FillValue")
        if not np.isclose(fill, now, equal_nan=True):
            found.append(f"_FillValue is {now}, expected {fill}")
    return found


if __name__ == "__main__":
    status = 0
    arguments = sys.argv[1:]
    for at in range(0, len(arguments), 3):
        for fault in faults(*arguments[at : at + 3]):
            print(f"{arguments[at]} {arguments[at + 1]}: {fault}")
            status = 1
    sys.exit(status)
