"""Kind ``mteb``: embedding tasks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.engines.vectors.forms import WHOLE
from evalsuite.kinds.base import Context, Evaluation, Kind, Planned, Planning, Preview, Stage
from evalsuite.kinds.mteb.task import MtebTask
from evalsuite.kinds.task import Task
from evalsuite.kinds.task_name import Settings, one_value

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint
    from evalsuite.engines.protocols import Encoder
    from evalsuite.run.options import Resolved
    from evalsuite.schema import Signature


class MtebKind(Kind[MtebTask]):
    """Tasks of mteb by name, and tasks of its types on one's own files."""

    name = "mteb"
    imports = (
        "evalsuite.kinds.mteb.tasks",
        "evalsuite.kinds.mteb.encoder",
        "evalsuite.kinds.mteb.retrieval",
        "evalsuite.kinds.mteb.samples",
    )
    task_model = MtebTask
    world = "embedding"
    stages = (Stage(name="evaluate", needs="encoder", apart=True),)
    options = frozenset({"shots", "dims", "vectors"})
    example = "STSBenchmark"
    settings = ("splits", "subsets", "metric")

    def cannot(self, task: MtebTask, checkpoint: Checkpoint, options: Resolved) -> str | None:
        from evalsuite.kinds.mteb.facts import facts_of

        if reason := super().cannot(task, checkpoint, options):
            return reason
        if checkpoint.embedding is None or not checkpoint.embedding.late_interaction:
            return None
        what = "late-interaction models, which have a vector for each token"
        if options.forms != (WHOLE,):
            return f"--dims and --vectors are not for {what}"
        type_ = task.type or facts_of(str(task.source)).type
        if type_.lower().endswith(("retrieval", "reranking")):
            return None
        return f"only retrieval and reranking are defined for {what}"

    def plan(self, task: MtebTask, planning: Planning) -> Planned:
        from evalsuite.checkpoint.vector_size import vector_size
        from evalsuite.engines.vectors.forms import check_dims
        from evalsuite.kinds.mteb.libraries import scoring_libraries
        from evalsuite.kinds.mteb.scope import signed_splits
        from evalsuite.kinds.shared.instructions import no_example, with_example
        from evalsuite.kinds.shared.signatures import embedding_signature, instructed, protocol_of

        protocol, instruction, outside = instructed(task, planning)
        size = vector_size(planning.checkpoint)
        if planning.form.dims and size:
            check_dims(planning.form.dims, size)
        skip = None
        if planning.options.shots:
            stated = protocol_of(planning)
            instruction = with_example(task, stated, planning.sets)
            skip = None if instruction else no_example(stated)
        harness = f"mteb {version('mteb')}"
        libraries = scoring_libraries(task)
        signature = embedding_signature(task, planning, protocol, instruction, harness, libraries)
        further = {"splits": signed_splits(task), "outside_set": outside or None}
        signature = signature.model_copy(update=further)
        return Planned(
            signature=signature,
            instruction=instruction,
            outside=protocol.instructions if outside else None,
            skip=skip,
        )

    def stale(self, task: MtebTask, signature: Signature) -> str | None:
        from evalsuite.kinds.mteb.scope import signed_splits

        return None if signature.splits == signed_splits(task) else "the splits that are scored"

    def suite(self, name: str, shipped: Sequence[Task]) -> dict[str, Any]:
        from evalsuite.kinds.mteb.benchmarks import benchmark_named
        from evalsuite.kinds.mteb.suites import benchmark_suite

        return benchmark_suite(benchmark_named(name), shipped)

    def has_suite(self, name: str) -> bool:
        from evalsuite.kinds.mteb.benchmarks import own_name

        return own_name(name) is not None

    def suite_names(self) -> Sequence[str]:
        from evalsuite.kinds.mteb.benchmarks import text_benchmarks

        return text_benchmarks()

    def set_in_name(self, source: str, settings: Settings) -> dict[str, Any]:
        from evalsuite.kinds.mteb.benchmarks import chosen_subsets

        keys = {
            "splits": settings.get("splits"),
            "subsets": chosen_subsets(source, settings.get("subsets", ())),
            "main_metric": one_value(settings, "metric"),
        }
        return {key: value for key, value in keys.items() if value}

    def check_source(self, task: MtebTask) -> None:
        from evalsuite.kinds.mteb.benchmarks import refuse_as_task
        from evalsuite.kinds.mteb.scope import scope_of

        if task.source is not None:
            refuse_as_task(task.source)
            scope_of(task)

    def with_files(self, task: MtebTask, root: Path | None) -> MtebTask:
        from evalsuite.kinds.mteb.hub_data import with_files

        return with_files(task, root) if task.hub else task

    def check_data(self, task: MtebTask) -> int:
        from evalsuite.kinds.mteb.own_tables import check_data

        return check_data(task) if task.data else 0

    def lacking_packages(self, task: MtebTask) -> tuple[str, ...]:
        from evalsuite.kinds.mteb.packages import lacking_packages

        return lacking_packages(task.source) if task.source else ()

    def facts(self, task: MtebTask, root: Path | None = None) -> dict[str, Any]:  # noqa: ARG002
        from evalsuite.kinds.mteb.facts import facts_of

        return facts_of(task.source).shown() if task.source else {}

    def datasets(self, task: MtebTask) -> dict[str, str]:
        from evalsuite.kinds.mteb.facts import datasets_of

        return datasets_of(task.source) if task.source else {}

    def run(self, stage: str, task: MtebTask, engine: Encoder, context: Context) -> Evaluation:  # noqa: ARG002
        from evalsuite.kinds.mteb.harness import MtebHarness

        return MtebHarness().evaluate(task, engine, context)

    def preview(self, task: MtebTask, context: Context) -> list[Preview]:
        from evalsuite.engines.load import load_encoder
        from evalsuite.kinds.mteb.harness import MtebHarness

        encoder = load_encoder(context.checkpoint, weights=False)
        return MtebHarness().preview(task, encoder, context)
