"""Kind ``rag``: answers from retrieved documents, plain and from the caches of retrieval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalsuite.errors import UsageError
from evalsuite.kinds.base import Context, Evaluation, Kind, Planned, Planning, Preview, Stage
from evalsuite.kinds.rag.task import RagTask
from evalsuite.schema import CODE_VERSION, digest

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint
    from evalsuite.engines.transformers.unified_model import UnifiedModel
    from evalsuite.run.options import Resolved


class RagKind(Kind[RagTask]):
    """One model embeds, and generates from the caches of its embedding passes."""

    name = "rag"
    imports = ("evalsuite.kinds.rag.harness",)
    task_model = RagTask
    world = "generative"
    stages = (Stage(name="evaluate", needs="unified"),)
    options = frozenset({"embed_length", "retriever", "limit_first"})

    def cannot(self, task: RagTask, checkpoint: Checkpoint, options: Resolved) -> str | None:  # noqa: ARG002
        from evalsuite.engines.choice import why_not_unified

        return checkpoint.cannot.get(self.world) or why_not_unified(checkpoint)

    def plan(self, task: RagTask, planning: Planning) -> Planned:
        from evalsuite.kinds.shared.item_order import with_choice
        from evalsuite.kinds.shared.signatures import generative_signature

        if planning.runs:
            _check_embed_length(planning.checkpoint, planning.options.embed_length)
        signature = generative_signature(task, planning, f"evalsuite {CODE_VERSION}")
        signature = signature.model_copy(update=_parts(planning))
        if task.rag is not None and task.rag.latency is not None:
            return Planned(signature=signature)  # it asks made-up questions, whatever the limit
        return Planned(signature=with_choice(signature, planning.options))

    def check_rows(self, task: RagTask, tables: dict[str, list[dict[str, Any]]]) -> None:
        from evalsuite.kinds.rag.data import check_tables

        check_tables(task, tables)

    def run(self, stage: str, task: RagTask, engine: UnifiedModel, context: Context) -> Evaluation:  # noqa: ARG002
        from evalsuite.kinds.rag.harness import RagHarness

        return RagHarness().evaluate(task, engine, context)

    def preview(self, task: RagTask, context: Context) -> list[Preview]:
        from evalsuite.kinds.rag.harness import RagHarness

        return RagHarness().preview(task, context)


def _parts(planning: Planning) -> dict[str, Any]:
    """How one model embeds and generates, for the signature; and who else searches."""
    from evalsuite.engines.device import engine_version
    from evalsuite.kinds.shared.signatures import protocol_of

    checkpoint, options, protocol = planning.checkpoint, planning.options, protocol_of(planning)
    found: dict[str, Any] = {
        "engine": engine_version("transformers-cached"),
        "max_length": options.embed_length or checkpoint.max_positions,
        "template": protocol.prefix("") + "{text}",
        "attention": protocol.attention,
        "pooling": protocol.pooling,
        "pool_instruction": protocol.pool_instruction or None,
        "normalize": True,
        "prefix_caching": False,
        "batch_invariant": None,
    }
    if other := options.retriever:
        assert other.embedding is not None
        how = digest(other.embedding.facts | other.changes)[:6]
        found["retriever"] = f"{other.name}#{other.fingerprint[:8]}/{how}"
    return found


def _check_embed_length(checkpoint: Checkpoint, length: int | None) -> None:
    positions = checkpoint.max_positions
    if length and positions and length > positions:
        raise UsageError(
            f"--embed-length {length} is beyond the {positions} positions of {checkpoint.name}",
            f"pass {positions} or less",
        )
