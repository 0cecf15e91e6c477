"""Kind ``lm_eval``: generative tasks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evalsuite.installing import GENERATIVE, installed
from evalsuite.kinds.base import Context, Evaluation, Kind, Planned, Planning, Preview, Stage
from evalsuite.kinds.lm_eval.task import SETTINGS, LmEvalTask
from evalsuite.kinds.task_name import Settings

if TYPE_CHECKING:
    from evalsuite.engines.protocols import Generator


class LmEvalKind(Kind[LmEvalTask]):
    """Tasks of lm-eval by name, and generation on one's own files."""

    name = "lm_eval"
    imports = (
        "evalsuite.kinds.lm_eval.tasks",
        "evalsuite.kinds.lm_eval.model",
        "evalsuite.kinds.lm_eval.own_data",
        "evalsuite.kinds.lm_eval.results",
    )
    task_model = LmEvalTask
    world = "generative"
    stages = (Stage(name="evaluate", needs="generator", apart=True),)
    options = frozenset({"limit_first"})
    stops_early = True
    example = "gsm8k_cot"
    settings = SETTINGS

    def plan(self, task: LmEvalTask, planning: Planning) -> Planned:
        from evalsuite.kinds.shared.item_order import with_choice
        from evalsuite.kinds.shared.signatures import generative_signature

        signature = generative_signature(
            task, planning, harness_version(task), split=task.split, shots=task.shots
        )
        if task.source and installed("lm_eval"):
            from evalsuite.kinds.lm_eval.drawing import signed_seed

            drawn = signed_seed(task, planning.options.seed)
            signature = signature.model_copy(update={"fewshot_seed": drawn})
        return Planned(signature=with_choice(signature, planning.options))

    def set_in_name(self, source: str, settings: Settings) -> dict[str, Any]:  # noqa: ARG002
        from evalsuite.kinds.lm_eval.changes import keys_of

        return keys_of(settings)

    def blocker(self, task: LmEvalTask) -> str | None:
        if not installed("lm_eval"):
            return f"lm-eval is not installed; {GENERATIVE}"
        if task.source and not task.runs_code:
            from evalsuite.kinds.lm_eval.code_eval import why_not

            names = filter(None, (task.source, task.base_source))
            return next(filter(None, (why_not(name, task.folder) for name in names)), None)
        if task.type != "code" and not task.runs_code:
            return None
        from evalsuite.sandbox.sandbox import why_unavailable

        return why_unavailable()

    def check_source(self, task: LmEvalTask) -> None:
        from evalsuite.kinds.lm_eval.names import find

        for name in filter(None, (task.source, task.base_source)):
            find(name, task.folder)
        if task.source:
            from evalsuite.kinds.lm_eval.changes import check_changes

            check_changes(task)
        if task.folder:
            from evalsuite.kinds.lm_eval.own_files import check_names

            check_names(task.folder)

    def facts(self, task: LmEvalTask, root: Path | None = None) -> dict[str, Any]:
        from evalsuite.kinds.lm_eval.facts import facts_of

        return facts_of(task.source, task.folder, root) if task.source else {}

    def lacking_packages(self, task: LmEvalTask) -> tuple[str, ...]:
        from evalsuite.kinds.lm_eval.packages import lacking_packages

        names = dict.fromkeys(filter(None, (task.source, task.base_source)))
        found = {one for name in names for one in lacking_packages(name, task.folder)}
        return tuple(sorted(found))

    def placed(self, task: LmEvalTask, folders: Sequence[Path]) -> LmEvalTask:
        if task.source is None:
            return task
        from evalsuite.kinds.lm_eval.own_files import with_folder

        return with_folder(task, folders)

    def check_folder(self, folder: Path) -> tuple[str, ...]:
        from evalsuite.kinds.lm_eval.names import folder_index
        from evalsuite.kinds.lm_eval.own_files import FOLDER, check_names

        home = folder / FOLDER
        if not home.is_dir():
            return ()
        check_names(home)
        found = folder_index(home).values()
        return tuple(f"{self.name}:{entry.name}" for entry in found if entry.kind != "TAG")

    def check_rows(self, task: LmEvalTask, tables: dict[str, list[dict[str, Any]]]) -> None:
        from evalsuite.kinds.lm_eval.own_function import check_function
        from evalsuite.kinds.lm_eval.own_items import read_items

        if task.scorer:
            check_function(task.scorer)
        read_items(task, tables)

    def datasets(self, task: LmEvalTask) -> dict[str, str]:
        from evalsuite.kinds.lm_eval.needs import datasets_of_name

        return datasets_of_name(task.source, task.folder) if task.source else {}

    def run(self, stage: str, task: LmEvalTask, engine: Generator, context: Context) -> Evaluation:  # noqa: ARG002
        from evalsuite.kinds.lm_eval.harness import LmEvalHarness

        return LmEvalHarness().evaluate(task, engine, context)

    def preview(self, task: LmEvalTask, context: Context) -> list[Preview]:
        from evalsuite.kinds.lm_eval.harness import LmEvalHarness

        return LmEvalHarness().preview(task, context)


OWN_SCORING: Final = "own-data-3"
"""How answers to own data are found and compared. Raised where that moves a score: those stored
under an earlier version are not found again."""


def _runner(task: LmEvalTask) -> str | None:
    """What runs the programs of a code task of lm-eval; ``None`` for other tasks."""
    from evalsuite.kinds.lm_eval import code_eval

    names = filter(None, (task.source, task.base_source))
    marked = any(code_eval.runs_code(name) for name in names)
    return code_eval.VERSION if marked else None


def harness_version(task: LmEvalTask) -> str:
    """lm-eval and its version, and the version of what evalsuite adds to it.

    ``lm-eval 0.4.13`` for its own tasks; ``lm-eval 0.4.13+gsm8k-1a2b3c4d`` for a task file in
    lm-eval's format that evalsuite ships; ``lm-eval 0.4.13+own-data-3`` for tasks on own data;
    ``lm-eval 0.4.13+own-1a2b3c4d`` for one's own files in lm-eval's format; ``lm-eval
    0.4.13+sandbox-1`` for code tasks of lm-eval.
    """
    from evalsuite.kinds.lm_eval.names import shipped_version
    from evalsuite.kinds.lm_eval.own_files import folder_version

    if not installed("lm_eval"):
        return "lm-eval"  # of a task that is skipped for it
    library = f"lm-eval {version('lm-eval')}"
    if task.folder:
        added: str | None = folder_version(task.folder)
    elif task.source:
        added = shipped_version(task.source) or _runner(task)
    else:
        added = OWN_SCORING
    return f"{library}+{added}" if added else library
