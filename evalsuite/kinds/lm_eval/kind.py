"""Kind ``lm_eval``: generative tasks."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from evalsuite.kinds.base import Context, Evaluation, Kind, Planned, Planning, Preview, Stage
from evalsuite.kinds.lm_eval.task import LmEvalTask

if TYPE_CHECKING:
    from evalsuite.engines.protocols import Generator


class LmEvalKind(Kind[LmEvalTask]):
    """Tasks of lm-eval by name, and generation on one's own files."""

    name = "lm_eval"
    task_model = LmEvalTask
    world = "generative"
    stages = (Stage(name="evaluate", needs="generator", apart=True),)
    example = "gsm8k_cot"

    def plan(self, task: LmEvalTask, planning: Planning) -> Planned:
        from evalsuite.kinds.shared.signatures import generative_signature

        harness = harness_version(task)
        return Planned(signature=generative_signature(task, planning, harness, shots=task.shots))

    def blocker(self, task: LmEvalTask) -> str | None:
        if task.type != "code" and not task.runs_code:
            return None
        from evalsuite.sandbox.sandbox import why_unavailable

        return why_unavailable()

    def check_source(self, task: LmEvalTask) -> None:
        from evalsuite.kinds.lm_eval.names import find

        for name in filter(None, (task.source, task.base_source)):
            find(name)

    def check_rows(self, task: LmEvalTask, tables: dict[str, list[dict[str, Any]]]) -> None:
        from evalsuite.kinds.lm_eval.expressions import check_expressions, read_as

        shots = tables.get("shots", [])
        check_expressions(task, read_as(task, tables["test"]), read_as(task, shots))

    def datasets(self, task: LmEvalTask) -> dict[str, str]:
        from evalsuite.kinds.lm_eval.needs import datasets_of_name

        return datasets_of_name(task.source) if task.source else {}

    def run(self, stage: str, task: LmEvalTask, engine: Generator, context: Context) -> Evaluation:  # noqa: ARG002
        from evalsuite.kinds.lm_eval.harness import LmEvalHarness

        return LmEvalHarness().evaluate(task, engine, context)

    def preview(self, task: LmEvalTask, context: Context) -> list[Preview]:
        from evalsuite.kinds.lm_eval.harness import LmEvalHarness

        return LmEvalHarness().preview(task, context)


def harness_version(task: LmEvalTask) -> str:
    """lm-eval and its version; a task file that evalsuite ships adds a version of its content.

    For example ``lm-eval 0.4.13+gsm8k-1a2b3c4d``.
    """
    from evalsuite.kinds.lm_eval.names import shipped_version

    library = f"lm-eval {version('lm-eval')}"
    shipped = shipped_version(task.source) if task.source else None
    return f"{library}+{shipped}" if shipped else library
