"""Shows the progress of a run: in a notebook in place, elsewhere as lines on standard error."""

from __future__ import annotations

import html
import sys
from typing import Any

#: The newest lines that a notebook shows while a run lasts.
LINES_SHOWN = 12


class Progress:
    """The lines that a run has written so far."""

    def __init__(self, show: bool) -> None:
        self._lines: list[str] = []
        self._handle: Any = _display_handle() if show else None
        self._plain = show and self._handle is None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._draw(self._lines)

    def line(self, line: str) -> None:
        """Adds a line and shows it."""
        self._lines.append(line)
        if self._handle is not None:
            self._draw(self._lines[-LINES_SHOWN:])
        elif self._plain:
            print(line, end="", file=sys.stderr, flush=True)

    def text(self) -> str:
        """All lines."""
        return "".join(self._lines)

    def _draw(self, lines: list[str]) -> None:
        self._handle.update(_Lines(lines))


class _Lines:
    def __init__(self, lines: list[str]) -> None:
        self._text = "".join(lines)

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<pre style='margin: 0'>{html.escape(self._text)}</pre>"


def _display_handle() -> Any:
    """A place in the notebook, or ``None`` outside of one."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display(_Lines([]), display_id=True)
