"""Calls the program ``sunward``: its arguments, its exit codes, and its progress."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._progress import Progress

if TYPE_CHECKING:
    from ._run import Run


class ProgramError(Exception):
    """``sunward`` ended with an error.

    ``code`` is its exit code, and ``run`` the run, with the results that it has, if one began.
    """

    code = -1
    run: Run | None = None


class RunFailed(ProgramError):
    """A stage of the run failed (exit code 1)."""

    code = 1


class WorkflowError(ProgramError):
    """The workflow, a parameter or an argument is wrong (exit code 2). ``diagnostics`` says what and where."""

    code = 2
    diagnostics: list[dict[str, Any]] = []


class MachineError(ProgramError):
    """There is a problem with the machine or the network (exit code 3). The same call continues the run."""

    code = 3


class Interrupted(ProgramError):
    """The run was interrupted or cancelled (exit code 130). The same call continues an interrupted run."""

    code = 130


_ERRORS = {error.code: error for error in (RunFailed, WorkflowError, MachineError, Interrupted)}


def program() -> str:
    """The path of the program ``sunward``."""
    named = os.environ.get("SUNWARD") or shutil.which("sunward")
    if named is None:
        raise ProgramError(
            "the program `sunward` is not on the PATH; install it (`cargo install --path engine/cli`), "
            "or set the variable SUNWARD to its path"
        )
    return named


def ask(args: Sequence[str], folder: Path) -> str:
    """Calls ``sunward`` in a folder and returns its standard output."""
    done = subprocess.run(
        [program(), *args], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        raise error_of(done.returncode, None, done.stderr)
    return done.stdout


def ask_json(args: Sequence[str], folder: Path) -> Any:
    """Calls ``sunward`` with ``--json`` and returns its answer."""
    return json.loads(ask([*args, "--json"], folder))


def follow(args: Sequence[str], folder: Path, show: bool) -> tuple[int, str, str]:
    """Calls ``sunward``, shows its progress, and returns its exit code, standard output and errors.

    An interrupt (Ctrl-C, or the stop button of a notebook) is passed on. ``sunward`` then stops its tasks and
    can continue the run later.
    """
    # A long answer would fill a pipe while the progress is read, so it goes to a file.
    with Progress(show) as progress, tempfile.TemporaryFile() as answer:
        child = subprocess.Popen(
            [program(), *args],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        assert child.stderr is not None
        try:
            for line in child.stderr:
                progress.line(line)
        except KeyboardInterrupt:
            # A terminal has sent it to the child too; a notebook has not.
            if not sys.stdin.isatty():
                child.send_signal(signal.SIGINT)
            child.stderr.read()
            child.wait()
            raise
        code = child.wait()
        answer.seek(0)
        return code, answer.read().decode("utf-8"), progress.text()


def error_of(code: int, answer: Any, told: str) -> ProgramError:
    """The exception for an exit code, with the program's own words."""
    error = _ERRORS.get(code, ProgramError)(told.strip() or f"sunward ended with exit code {code}")
    error.code = code
    if isinstance(error, WorkflowError) and isinstance(answer, list):
        error.diagnostics = answer
    return error
