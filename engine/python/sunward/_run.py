"""Runs, and what they made."""

from __future__ import annotations

import html
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from . import _command, _params


def run(
    workflow: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    format: str | None = None,
    home: str | os.PathLike[str] | None = None,
    options: Sequence[str] = (),
    show: bool = True,
    **params: Any,
) -> Run:
    """Runs a workflow, or continues an interrupted run of it. Results that are known come from the cache.

    ``params`` are the workflow's parameters: numbers, texts, bools, paths (relative to the current folder), and lists
    of these. ``out`` is a folder for the workflow's outputs, and ``format`` the format of the tables in it. ``home`` is
    where runs and results are kept. ``options`` are further arguments of ``sunward run``, such as ``["-j", "4"]``, or
    ``["-p", "out=…"]`` for a parameter whose name is one of these words.

    Raises ``WorkflowError`` if the workflow or a parameter is wrong, ``RunFailed`` if a stage fails, ``MachineError``
    if there is a problem with the machine, and ``Interrupted`` if somebody cancels the run.
    """
    path = Path(workflow).absolute()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        args = ["run", str(path), "--json", *options]
        for name, value in (("--out", out), ("--format", format), ("--home", home)):
            args += [name, os.fspath(value)] if value is not None else []
        args += _params.arguments(params, Path(scratch))
        code, told, errors = _command.follow(args, here, show)
    answer = json.loads(told or "null")
    # What is wrong with a workflow is a list of diagnostics, and another error has no run.
    begun = answer.get("run") if isinstance(answer, dict) else None
    done = Run(begun, home=home, folder=path.parent) if begun else None
    if code == 0 and done:
        return done
    error = _command.error_of(code, answer, errors)
    error.run = done
    raise error


class Run:
    """One run. ``run["stage.port"]`` is a result of it; the name of an output of the workflow does as well."""

    def __init__(
        self,
        id: str,
        *,
        home: str | os.PathLike[str] | None = None,
        folder: str | os.PathLike[str] = ".",
    ) -> None:
        """The run ``id``, such as ``r7``, of the home that ``sunward`` finds in ``folder``, or of ``home``."""
        self.id = id
        self._folder = Path(folder).absolute()
        self._home = Path(home).absolute() if home is not None else None

    @classmethod
    def newest(
        cls, *, home: str | os.PathLike[str] | None = None, folder: str | os.PathLike[str] = "."
    ) -> Run:
        """The newest run."""
        found = cls("", home=home, folder=folder)
        found.id = found._ask("status")["run"]["run"]
        return found

    @classmethod
    def all(
        cls, *, home: str | os.PathLike[str] | None = None, folder: str | os.PathLike[str] = "."
    ) -> list[Run]:
        """All runs, the newest first."""
        told = cls("", home=home, folder=folder)._ask("status")
        return [cls(one["run"], home=home, folder=folder) for one in told["runs"]]

    def _args(self, *args: str) -> list[str]:
        return [*args, *(["--home", str(self._home)] if self._home is not None else [])]

    def _ask(self, *args: str) -> Any:
        return _command.ask_json(self._args(*args), self._folder)

    @property
    def state(self) -> dict[str, Any]:
        """What ``sunward status RUN --json`` says of it now."""
        return self._ask("status", self.id)["run"]

    @property
    def status(self) -> str:
        """``succeeded``, ``failed``, ``running``, ``interrupted``, ``cancelled`` or ``held``."""
        return self.state["status"]

    @property
    def stages(self) -> dict[str, Any]:
        """The stages: status, tasks, seconds."""
        return self.state["stages"]

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that it ran with."""
        return self.state["params"]

    @property
    def ledger(self) -> dict[str, Any]:
        """Energy in joules and emissions in grams."""
        return self.state["ledger"]

    @property
    def outputs(self) -> list[str]:
        """The names of the workflow's outputs that exist."""
        return list(self.state["outputs"])

    def __getitem__(self, name: str) -> pa.Table | Path | list[Path]:
        """A result, by ``stage.port`` or by the name of an output of the workflow.

        A table is read by memory-mapping its Arrow files, without a copy. Any other result is its path, or a list
        of paths if it has several files.
        """
        shown = self._shown(name)
        paths = [Path(file["path"]) for file in shown["files"]] if "files" in shown else []
        if shown["kind"] != "table":
            return paths[0] if len(paths) == 1 else paths
        if not paths:
            return _empty(shown["schema"])
        return pa.concat_tables([_mapped(path) for path in paths])

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    def paths(self, name: str) -> list[Path]:
        """The files of a result: Arrow IPC files of a table in the order of its rows, or the files themselves."""
        return [Path(file["path"]) for file in self._shown(name).get("files", [])]

    def _shown(self, name: str) -> Any:
        try:
            return self._ask("show", self.id, name, "--head", "0")
        except _command.WorkflowError as error:
            raise KeyError(str(error)) from error

    def log(self, stage: str, index: int = 0) -> str:
        """What a task wrote to its log."""
        return _command.ask(self._args("logs", self.id, f"{stage}/{index}"), self._folder)

    def explain(self, stage: str) -> str:
        """Why a stage ran, failed or was skipped."""
        return _command.ask(self._args("explain", self.id, stage), self._folder)

    def report(self, path: str | os.PathLike[str] | None = None) -> Report:
        """The report of the run. A notebook shows it; ``path`` also keeps it as a file."""
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(path).absolute() if path is not None else Path(scratch) / "report.html"
            _command.ask(self._args("report", self.id, "--out", str(file)), self._folder)
            return Report(file.read_text(encoding="utf-8"))

    def __repr__(self) -> str:
        return f"<sunward.Run {self.id} of {self._folder}>"

    def _repr_html_(self) -> str:
        state = self.state
        rows = [
            (name, stage["status"], stage["tasks"], stage["cached"], stage["seconds"])
            for name, stage in state["stages"].items()
        ]
        heads = ("stage", "status", "tasks", "from cache", "seconds")
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
        title = html.escape(f"{state['run']}: {state['workflow']}, {state['status']}")
        return (
            f"<b>{title}</b><table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{cells}</table>"
            f"energy: {state['ledger']['energy_joules']} J"
        )


class Report:
    """The report of a run, as one page of HTML."""

    def __init__(self, text: str) -> None:
        self.html = text

    def __repr__(self) -> str:
        return f"<sunward.Report, {len(self.html)} characters>"

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{page}" style="width: 100%; height: 40em; border: 0"></iframe>'


def _mapped(path: Path) -> pa.Table:
    with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
        return reader.read_all()


#: Names of Arrow types that pyarrow writes differently.
_TYPES = {"utf8": "string", "large_utf8": "large_string", "float16": "halffloat"}


def _empty(columns: list[dict[str, str]]) -> pa.Table:
    """A table without rows. A type that has no short name in pyarrow becomes null."""

    def arrow_type(name: str) -> pa.DataType:
        try:
            return pa.type_for_alias(_TYPES.get(name, name))
        except ValueError:
            return pa.null()

    fields = [pa.field(column["name"], arrow_type(column["type"])) for column in columns]
    return pa.schema(fields).empty_table()
