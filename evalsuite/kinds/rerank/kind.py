"""Kind ``rerank``: a checkpoint reorders what it has retrieved."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.kinds.base import Context, Evaluation, Kind, Planned, Planning, Preview, Stage
from evalsuite.kinds.rerank.task import RerankTask
from evalsuite.schema import CODE_VERSION, digest

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
    from evalsuite.engines.protocols import Encoder, Generator
    from evalsuite.run.options import Resolved

RETRIEVE, RANK = "retrieve", "rank"


class RerankKind(Kind[RerankTask]):
    """The encoder searches, then the generator reorders."""

    name = "rerank"
    imports = (
        "evalsuite.kinds.rerank.retrieve",
        "evalsuite.kinds.rerank.harness",
    )
    task_model = RerankTask
    world = "generative"
    stages = (
        Stage(name=RETRIEVE, needs="encoder", leaves="searched, to be reranked"),
        Stage(name=RANK, needs="generator"),
    )

    def cannot(self, task: RerankTask, checkpoint: Checkpoint, options: Resolved) -> str | None:  # noqa: ARG002
        return checkpoint.cannot.get(self.world) or checkpoint.cannot.get("embedding")

    def plan(self, task: RerankTask, planning: Planning) -> Planned:
        from evalsuite.kinds.shared.signatures import (
            ENGINE_LIBRARIES,
            generative_signature,
            instructed,
            with_versions,
        )
        from evalsuite.kinds.shared.thinking import thinks

        protocol, instruction, outside = instructed(task, planning)
        # mteb loads the data.
        harness = f"evalsuite {CODE_VERSION}+mteb-{version('mteb')}"
        if task.rerank.method == "listwise" and thinks(planning.checkpoint):
            # Earlier versions read the numbers in a model's thinking too.
            harness += "+outside-thinking"
        signature = generative_signature(task, planning, harness, split=task.split)
        further = {
            "retriever": _retriever(protocol, planning.options),
            "instruction": instruction.text if instruction else None,
            "outside_set": outside or None,
            "libraries": with_versions(ENGINE_LIBRARIES[protocol.engine]),
        }
        return Planned(
            signature=signature.model_copy(update=further),
            instruction=instruction,
            outside=protocol.instructions if outside else None,
        )

    def check_source(self, task: RerankTask) -> None:
        from evalsuite.kinds.mteb.scope import scope_of

        if task.source is not None:
            scope_of(task)

    def with_files(self, task: RerankTask, root: Path | None) -> RerankTask:
        from evalsuite.kinds.mteb.hub_data import with_files

        return with_files(task, root) if task.hub else task

    def check_data(self, task: RerankTask) -> int:
        from evalsuite.kinds.mteb.own_tables import check_data

        return check_data(task) if task.data else 0

    def lacking_packages(self, task: RerankTask) -> tuple[str, ...]:
        from evalsuite.kinds.mteb.packages import lacking_packages

        return lacking_packages(task.source) if task.source else ()

    def facts(self, task: RerankTask, root: Path | None = None) -> dict[str, Any]:  # noqa: ARG002
        from evalsuite.kinds.mteb.facts import facts_of

        return facts_of(task.source).shown() if task.source else {}

    def datasets(self, task: RerankTask) -> dict[str, str]:
        from evalsuite.kinds.mteb.facts import datasets_of

        return datasets_of(task.source) if task.source else {}

    def done(self, stage: str, task: RerankTask, context: Context) -> bool:
        from evalsuite.kinds.rerank.harness import RerankHarness

        return stage == RETRIEVE and RerankHarness().retrieved(task, context)

    def run(
        self, stage: str, task: RerankTask, engine: Encoder | Generator, context: Context
    ) -> Evaluation | None:
        from evalsuite.engines.protocols import Encoder, Generator
        from evalsuite.kinds.rerank.harness import RerankHarness

        if stage == RETRIEVE:
            assert isinstance(engine, Encoder)
            RerankHarness().retrieve(task, engine, context)
            return None
        assert isinstance(engine, Generator)
        return RerankHarness().evaluate(task, engine, context)

    def preview(self, task: RerankTask, context: Context) -> list[Preview]:
        from evalsuite.engines.load import load_encoder
        from evalsuite.kinds.rerank.harness import RerankHarness

        encoder = load_encoder(context.checkpoint, weights=False)
        return RerankHarness().preview(task, encoder, context)


def _retriever(protocol: EmbeddingProtocol, options: Resolved) -> str:
    """How a checkpoint searches, for the signature of what it reranks."""
    from evalsuite.engines.device import engine_version

    parts = (
        engine_version(protocol.engine),
        options.embedding_dtype,
        protocol.attention or "model",
        protocol.pooling,
        f"len{protocol.max_length}" if protocol.max_length else "len-model",
        # The protocol as a whole: wrapper, normalisation and a model's own prompts too.
        f"{protocol.instructions}#{digest(protocol.facts)[:6]}",
    )
    return re.sub(r"[|\s]+", "-", "/".join(parts))
