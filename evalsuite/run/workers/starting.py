"""How the worker of a group is started: as a program, or as a copy of a warm process.

A run with several groups imports its libraries once, in a warm process, and each worker is a copy
of it. A worker stays a process of its own either way. Workers with vLLM, and all on a GPU, are
started as programs: both keep threads and state that a copied process cannot use.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.kinds.base import Need
from evalsuite.kinds.table import kind_of
from evalsuite.run.job import Group
from evalsuite.run.options import Resolved
from evalsuite.run.workers.process import library_environment
from evalsuite.run.workers.spec import WorkerSpec, uses_vllm
from evalsuite.run.workers.warm import Child, Copy, WarmProcess, WarmProcessGoneError

_MODELS: Final = ("torch", "transformers", "transformers.models.auto.modeling_auto", "peft")

ENGINES: Final[dict[Need, tuple[str, ...]]] = {
    "encoder": (
        *_MODELS,
        "sentence_transformers",
        "evalsuite.engines.transformers.encoder",
        "evalsuite.engines.transformers.sentence_transformers",
    ),
    "generator": (*_MODELS, "evalsuite.engines.transformers.generator"),
    "judge": (*_MODELS, "evalsuite.engines.transformers.generator"),
    "unified": (*_MODELS, "evalsuite.engines.transformers.unified_model"),
}
"""What a worker imports to load an engine that is not vLLM."""


@dataclass(slots=True)
class Starter:
    """Starts the workers of a run."""

    patience: float
    """Seconds after which a process that imports is given up."""
    _warm: WarmProcess | None = field(default=None, init=False)

    def prepare(self, groups: Iterable[Group], options: Resolved) -> None:
        """Start a warm process if several of the groups can use it."""
        sharing = [group for group in groups if _can_copy(group.needs, group.checkpoint, options)]
        if len(sharing) < 2:
            return
        modules = {name for group in sharing for name in ENGINES[group.needs]}
        kinds = {kind_of(job.task) for group in sharing for job in group.jobs}
        modules |= {name for kind in kinds for name in kind.imports}
        environment = library_environment(
            offline=options.data_root is not None, batch_invariant=options.deterministic
        )
        # No worker of these uses a GPU; a library that looks for one must not begin to use it.
        environment |= {"CUDA_VISIBLE_DEVICES": ""}
        self._warm = WarmProcess.start(sorted(modules), environment, own_session=True)

    def start(self, spec: WorkerSpec) -> Child:
        """Start a worker; it reads its spec from ``stdin``."""
        if self._warm is not None and _can_copy(spec.needs, spec.checkpoint, spec.options):
            try:
                return _copy(self._warm, self.patience)
            except WarmProcessGoneError:
                self.end()
        # A session of its own: Ctrl-C reaches this process alone, which then ends the worker.
        return subprocess.Popen(
            [sys.executable, "-m", "evalsuite.run.workers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def end(self) -> None:
        """End the warm process."""
        if self._warm is not None:
            self._warm.end()
            self._warm = None


def _can_copy(needs: Need, checkpoint: Checkpoint, options: Resolved) -> bool:
    """Whether a group's worker may be a copy: neither vLLM nor a GPU is used in it."""
    return options.device == "cpu" and not uses_vllm(needs, checkpoint, options)


def _copy(warm: WarmProcess, patience: float) -> Copy:
    """A copy of the warm process with pipes in the place of its standard streams."""
    (told, tell), (heard, say), (errors, complain) = os.pipe(), os.pipe(), os.pipe()
    theirs: Sequence[int] = (told, say, complain)
    try:
        copy = warm.copy("worker", theirs, patience)
    except BaseException:
        for handle in (tell, heard, errors):
            os.close(handle)
        raise
    finally:
        for handle in theirs:
            os.close(handle)
    copy.stdin, copy.stdout, copy.stderr = (
        os.fdopen(tell, "wb"),
        os.fdopen(heard, "rb"),
        os.fdopen(errors, "rb"),
    )
    return copy
