"""A callback for transformers' Trainer that has each checkpoint evaluated as it is saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerState, TrainingArguments

from evalsuite.commands.requests import WatchRequest
from evalsuite.commands.watch import reports_of
from evalsuite.errors import ExitCode
from evalsuite.options import from_options


class EvaluateCheckpoints(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Starts ``evalsuite watch`` on the output folder, in a process of its own.

    A checkpoint that is evaluated slowly or fails does not hold up or end the training. When the
    training ends, the watch evaluates what is left and ends, too.

    Args:
        devices: GPUs of the watch, as in ``CUDA_VISIBLE_DEVICES``; an empty text for the CPU;
            ``None`` for those of the training.
        after_training: Whether to evaluate only when the training has ended, if it has no devices
            to spare. Checkpoints that ``save_total_limit`` has deleted by then are not evaluated.
        wait: Whether the training waits for the last evaluation when it ends.
        options: Those of ``evalsuite watch``, by the same names: ``suite="smoke"``,
            ``baseline="main"``, ``results="results"``, ``hook=["…"]`` …

    Attributes:
        exit_code: Of the watch, once it has been waited for; see ``docs/exit-codes.md``.

    Raises:
        UsageError: For an option that does not exist or is not valid.
    """

    def __init__(
        self,
        *,
        devices: str | None = None,
        after_training: bool = False,
        wait: bool = False,
        **options: Any,
    ) -> None:
        self._request = from_options(WatchRequest, options)
        self._options = options
        self._devices, self._after_training, self._wait = devices, after_training, wait
        self._watch: subprocess.Popen[bytes] | None = None
        self.exit_code: ExitCode | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        *_: Any,
        **__: Any,
    ) -> None:
        """Start the watch, on the first process of the training alone."""
        if state.is_world_process_zero and not self._after_training:
            self._start(args)

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        *_: Any,
        **__: Any,
    ) -> None:
        """Let the watch end once nothing is left to evaluate."""
        if state.is_world_process_zero and self._after_training:
            self._start(args)
        if self._watch is not None and self._watch.stdin is not None:
            self._watch.stdin.close()
            if self._wait:
                self.exit_code = ExitCode(self._watch.wait())

    def _start(self, args: TrainingArguments) -> None:
        folder = Path(str(args.output_dir)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        log = reports_of(folder, self._request) / "watch.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        devices = {} if self._devices is None else {"CUDA_VISIBLE_DEVICES": self._devices}
        with log.open("ab") as output:
            self._watch = subprocess.Popen(
                [sys.executable, "-m", "evalsuite.commands.watch_beside"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the training is not one in the watch
                env={**os.environ, **devices},
            )
        asked = json.dumps({"folder": str(folder), "options": self._options}, default=str)
        assert self._watch.stdin is not None
        self._watch.stdin.write(asked.encode() + b"\n")
        self._watch.stdin.flush()
