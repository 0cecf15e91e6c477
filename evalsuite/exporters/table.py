"""The formats that scores are exported to."""

from __future__ import annotations

from importlib import import_module
from typing import Final, NamedTuple

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.exporters.base import Writer


class Format(NamedTuple):
    """One format."""

    what: str
    """What is written, in a few words."""
    module: str
    """Module of this package with a function ``write``."""


FORMATS: Final = {
    "eee": Format("Every Eval Ever 0.3.0: scores and instances", "eee"),
    "mteb": Format("mteb's results repository: results/ORG__MODEL/REVISION/TASK.json", "mteb"),
    "lm-eval": Format("lm-eval: results_….json and samples_….jsonl", "lm_eval"),
    "inspect": Format("logs for inspect view, one .eval a task", "inspect"),
    "hub": Format(".eval_results/*.yaml and model-index of a model on the hub", "hub"),
    "csv": Format("tables of records and samples", "csv_files"),
    "parquet": Format("the same as Parquet", "parquet_files"),
    "json": Format("the stored records as they are, samples as JSON lines", "json_files"),
}


def writer(name: str) -> Writer:
    """The function that writes a format.

    Raises:
        UsageError: If there is no such format; names the nearest ones.
    """
    if name not in FORMATS:
        raise UsageError(f"no format is called {name!r}", did_you_mean(name, FORMATS, many=8))
    module = import_module(f"evalsuite.exporters.{FORMATS[name].module}")
    found: Writer = module.write
    return found
