"""Evaluate checkpoints on embedding and generative tasks with one command.

From Python: :func:`evaluate`, :func:`load_records`, :func:`samples`, :func:`table`, :func:`plot`,
:func:`compare`, :func:`check` and :func:`write_report`; ``help(evalsuite.compare)`` says more.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalsuite.api import (
        check,
        compare,
        evaluate,
        load_records,
        plot,
        samples,
        table,
        write_report,
    )
    from evalsuite.errors import EvalsuiteError
    from evalsuite.judging.judge import Judge
    from evalsuite.schema import Record, Signature

    __version__: str

_HOMES = {
    "evaluate": "evalsuite.api",
    "load_records": "evalsuite.api",
    "table": "evalsuite.api",
    "plot": "evalsuite.api",
    "samples": "evalsuite.api",
    "compare": "evalsuite.api",
    "check": "evalsuite.api",
    "write_report": "evalsuite.api",
    "Judge": "evalsuite.judging.judge",
    "EvalsuiteError": "evalsuite.errors",
    "Record": "evalsuite.schema",
    "Signature": "evalsuite.schema",
}

__all__ = [
    "EvalsuiteError",
    "Judge",
    "Record",
    "Signature",
    "__version__",
    "check",
    "compare",
    "evaluate",
    "load_records",
    "plot",
    "samples",
    "table",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import on first use: importing evalsuite alone costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("evalsuite")
    if name not in _HOMES:
        raise AttributeError(f"module 'evalsuite' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """What a notebook completes after ``evalsuite.``."""
    return __all__
