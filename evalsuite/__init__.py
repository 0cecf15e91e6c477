"""Evaluate checkpoints on embedding and generative tasks with one command.

From Python: :func:`evaluate`, :func:`load_records`, :func:`table`, :func:`plot`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalsuite.api import evaluate, load_records, plot, table
    from evalsuite.errors import EvalsuiteError
    from evalsuite.judging.judge import Judge
    from evalsuite.schema import Record, Signature

_HOMES = {
    "evaluate": "evalsuite.api",
    "load_records": "evalsuite.api",
    "table": "evalsuite.api",
    "plot": "evalsuite.api",
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
    "evaluate",
    "load_records",
    "plot",
    "table",
]


def __getattr__(name: str) -> Any:
    """Import on first use: importing evalsuite alone costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'evalsuite' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
