"""Writes values of Python as parameters of a workflow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def arguments(params: Mapping[str, Any], scratch: Path) -> list[str]:
    """The arguments that set these parameters. ``None`` leaves the default.

    Relative paths are relative to the current folder, as on the command line. A list whose items cannot be
    written with commas goes through a file in ``scratch``.
    """
    pairs: list[str] = []
    listed: dict[str, Any] = {}
    for name, value in params.items():
        value = _plain(value)
        if value is None:
            continue
        if not isinstance(value, list):
            pairs += ["-p", f"{name}={_text(value)}"]
        elif value and all(_fits(item) for item in value):
            pairs += ["-p", f"{name}={','.join(_text(item) for item in value)}"]
        else:
            listed[name] = [_absolute(item) for item in value]
    if listed:
        file = scratch / "params.json"
        file.write_text(json.dumps(listed), encoding="utf-8")
        pairs += ["--params", str(file)]
    return pairs


def _plain(value: Any) -> Any:
    """A value of plain Python: NumPy's scalars and arrays, tuples and paths become numbers, lists and texts."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple, range, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [_plain(item) for item in items]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a parameter is a number, text, bool, path or list of these, not {type(value).__name__}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _fits(item: Any) -> bool:
    """Whether an item of a list can be written between commas."""
    text = _text(item)
    return not isinstance(item, list) and "," not in text and text.strip() == text != ""


def _absolute(item: Any) -> Any:
    """A path of the current folder as an absolute one, because paths in a file are relative to the file."""
    if isinstance(item, str) and item.startswith(("./", "../")):
        return os.path.abspath(item)
    return item
