"""What a kind is given, made of a run's options by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.kinds.base import Context
from evalsuite.run.options import Resolved

OF_CONTEXT = ("instruction", "limit", "form", "vectors", "progress")


def make_context(checkpoint: Checkpoint, workdir: Path, **given: Any) -> Context:
    """A context; what is not a field of its own is an option of the run (``data_root``, …)."""
    fields: Mapping[str, Any] = {key: given.pop(key) for key in OF_CONTEXT if key in given}
    return Context(checkpoint=checkpoint, workdir=workdir, options=Resolved(**given), **fields)


def with_options(context: Context, **options: Any) -> Context:
    """The context with some of the run's options changed."""
    return replace(context, options=context.options.model_copy(update=options))
