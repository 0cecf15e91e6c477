"""A client for the prompts of one job, and the decoding settings of its task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from evalsuite.engines.protocols import Generator
from evalsuite.kinds.base import Context
from evalsuite.kinds.task import Generation
from evalsuite.prompting.client import Client
from evalsuite.prompting.decoding import Decoding
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import FILE_NAME, ResponseLog


@contextmanager
def client_for(generator: Generator, context: Context, unit: str) -> Iterator[Client]:
    """A client that keeps the job's answers in its folder and reports its progress.

    Args:
        generator: The engine.
        context: The job's.
        unit: What the progress counts: ``requests``, ``answers`` …

    Raises:
        CheckpointError: If the tokenizer cannot be loaded.
        StoreError: If the log of answers cannot be read or written.
    """

    def report(done: int, total: int) -> None:
        context.progress(done, total, unit)

    with ResponseLog(context.workdir / FILE_NAME) as log:
        prompter = Prompter(context.checkpoint)
        yield Client(
            generator,
            prompter,
            log,
            seed=context.seed,
            progress=report,
            device=context.options.device,
            shared=context.options.shares_beginnings(context.checkpoint),
        )


def decoding_of(stated: Generation) -> Decoding:
    """How a task's answers are generated, as its file states it."""
    return Decoding(
        max_tokens=stated.max_tokens,
        stop=stated.stop,
        temperature=stated.temperature,
        top_p=stated.top_p,
    )
