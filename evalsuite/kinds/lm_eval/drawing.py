"""With which seed a task of lm-eval draws its examples: lm-eval's own, unless one is chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from evalsuite.kinds.lm_eval.configs import full_config, function_files
from evalsuite.kinds.lm_eval.names import IndexEntry, find, shipped_index, version
from evalsuite.kinds.lm_eval.needs import members
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.shared.name_cache import remembered
from evalsuite.schema import digest

FEWSHOT_SEED: Final = 1234
"""lm-eval's default for examples and for NumPy."""
PYTHON_SEED: Final = 0
"""lm-eval's default for Python's generator."""
RUN_SEED: Final = 42
"""evalsuite's default for a run: what it was before lm-eval's seed was taken for examples."""
_RANDOM: Final = re.compile(rb"\brandom\b")


def of_lm_eval(task: LmEvalTask) -> bool:
    """Whether a task is lm-eval's own, or in a person's folder of files in its format."""
    return task.source is not None and (bool(task.folder) or task.source not in shipped_index())


def fewshot_seed(task: LmEvalTask, seed: int) -> int:
    """The seed by which a task draws its few-shot examples.

    That of the task; else the run's, if it is not the default; else lm-eval's own, for tasks of
    lm-eval, so that their prompts are those of lm-eval.

    Args:
        task: The task.
        seed: The run's.
    """
    if task.fewshot_seed is not None:
        return task.fewshot_seed
    return FEWSHOT_SEED if seed == RUN_SEED and of_lm_eval(task) else seed


def signed_seed(task: LmEvalTask, seed: int) -> int | None:
    """The seed of what a task draws, for its signature.

    ``None`` where nothing is drawn, or by the run's seed, which the signature has: scores of such
    tasks keep their keys.
    """
    drawn = fewshot_seed(task, seed)
    if drawn == seed or not of_lm_eval(task):
        return None
    sources = filter(None, (task.source, task.base_source))
    return drawn if any(draws(one, task.shots, task.folder) for one in sources) else None


def draws(name: str, shots: int | None, folder: Path | None = None) -> bool:
    """Whether a task draws something at random: examples, or what its own code draws.

    Args:
        name: lm-eval's name of a task, group or tag.
        shots: Few-shot examples; ``None`` for what the task says.
        folder: A person's own folder of files in lm-eval's format.

    Raises:
        UsageError: If there is nothing by that name.
    """
    entry = find(name, folder)
    if entry.kind not in ("GROUP", "TAG") or folder:
        return _any_draws(name, shots, folder)
    file = f"lm-eval-{version()}-draws-{digest([name, shots])[:12]}.json"
    return bool(remembered(file, lambda: {"draws": _any_draws(name, shots, None)})["draws"])


def _any_draws(name: str, shots: int | None, folder: Path | None) -> bool:
    entries = members(name, folder)
    files = [(one, full_config(one.path)) for one in entries if one.path is not None]
    of_groups = [n for one, config in files if one.kind == "GROUP" for n in _stated(config)]
    return any(
        _random_code(one, config) or _takes(config, shots, max(of_groups, default=0))
        for one, config in files
        if one.kind != "GROUP"
    )


def _stated(config: dict[str, Any]) -> Iterator[int]:
    """The numbers of examples that a group's file states for its tasks."""
    if isinstance(count := config.get("num_fewshot"), int):
        yield count
    listed = config.get("task")
    for member in listed if isinstance(listed, list) else ():
        if isinstance(member, dict):
            yield from _stated(member)


def _takes(config: dict[str, Any], shots: int | None, of_groups: int) -> bool:
    """Whether a task takes examples, and not the first ones."""
    own = config.get("num_fewshot")
    count = shots if shots is not None else max(own if isinstance(own, int) else 0, of_groups)
    drawing = config.get("fewshot_config")
    sampler = drawing.get("sampler", "default") if isinstance(drawing, dict) else "default"
    return count > 0 and sampler != "first_n"


def _random_code(entry: IndexEntry, config: dict[str, Any]) -> bool:
    """Whether the Python files that a task calls name a generator of random numbers."""
    if entry.path is None:
        return False
    files = set(function_files(config, entry.path.parent))
    return any(_RANDOM.search(path.read_bytes()) for path in files)
