"""A checkpoint of a few numbers, and what is planned for it."""

from __future__ import annotations

from pathlib import Path

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint, EmbeddingProtocol, Wrapper
from evalsuite.registry.load import Registry
from evalsuite.run.job import Job
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.store import Store

GRIT = EmbeddingProtocol(
    engine="transformers",
    wrapper=Wrapper(template="<|user|>\n{instruction}\n<|embed|>\n", bare="<|embed|>\n"),
    instructions="task",
    attention="bidirectional",
    max_length=64,
)
CHECKPOINT = Checkpoint(
    name="tiny",
    source="tiny",
    path=Path("tiny"),
    fingerprint="1" * 64,
    kind="grit",
    evidence=(),
    embedding=GRIT,
    chat=ChatProtocol(template=None, template_hash="none"),
    max_positions=256,
)
OPTIONS = RunOptions(device="cpu", engine="transformers")


def plan_one(
    registry: Registry,
    store: Store,
    task: str = "mine",
    checkpoint: Checkpoint = CHECKPOINT,
    options: RunOptions = OPTIONS,
) -> Job:
    [job] = make_plan([checkpoint], [registry.task(task)], options, registry, store).jobs
    return job
