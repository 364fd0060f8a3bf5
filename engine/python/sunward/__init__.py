"""Run Sunward workflows from Python, and read their results without copying.

>>> run = sunward.run("workflow.yaml", top_k=20)
>>> run["merge.hits"].to_pandas()
>>> run.report()

Everything here drives the program ``sunward``, which the variable ``SUNWARD`` names, or which is on the ``PATH``."""

from __future__ import annotations

from ._command import Interrupted, MachineError, ProgramError, RunFailed, WorkflowError
from ._run import Report, Run, run

__all__ = [
    "Interrupted",
    "MachineError",
    "ProgramError",
    "Report",
    "Run",
    "RunFailed",
    "WorkflowError",
    "run",
]
__version__ = "0.1.0"
