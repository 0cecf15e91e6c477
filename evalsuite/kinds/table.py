"""The kinds of task: the only list of them.

A package of somebody else adds a kind by an entry point in the group ``evalsuite.kinds``; its name
is the value of ``kind`` in task files, and it loads a class that implements
:class:`evalsuite.kinds.base.Kind`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, SerializeAsAny, ValidationError

from evalsuite.errors import UsageError, did_you_mean, first_invalid
from evalsuite.kinds.alpaca_eval.kind import AlpacaEvalKind
from evalsuite.kinds.base import Kind
from evalsuite.kinds.lm_eval.kind import LmEvalKind
from evalsuite.kinds.mteb.kind import MtebKind
from evalsuite.kinds.rag.kind import RagKind
from evalsuite.kinds.rerank.kind import RerankKind
from evalsuite.kinds.task import Task
from evalsuite.kinds.task_name import parse_name, refuse_unknown

KINDS: Final[dict[str, Kind[Any]]] = {
    kind.name: kind
    for kind in (MtebKind(), LmEvalKind(), AlpacaEvalKind(), RerankKind(), RagKind())
}
"""Name → kind, of those that are part of evalsuite."""

ENTRY_POINTS: Final = "evalsuite.kinds"
"""Group of entry points by which installed packages add kinds."""


def kind_named(name: str) -> Kind[Any]:
    """The kind of a name.

    Raises:
        UsageError: If no kind has that name.
    """
    if name in KINDS:
        return KINDS[name]
    added = _added()
    if name in added:
        return added[name]
    hint = did_you_mean(name, (*KINDS, *added))
    raise UsageError(f"no kind of task is called {name!r}", hint)


def kind_of(task: Task) -> Kind[Any]:
    """The kind of a task."""
    return kind_named(task.kind)


def users_of(option: str) -> list[str]:
    """Names of the kinds that use a field of the run's options; empty if all do."""
    return [kind.name for kind in (*KINDS.values(), *_added().values()) if option in kind.options]


def make_task(**keys: Any) -> Task:
    """A task from the keys of a task file.

    Raises:
        ValidationError: If they are not those of a task.
        UsageError: If no kind has the name that ``kind`` gives.
    """
    model = kind_named(str(keys["kind"])).task_model if "kind" in keys else Task
    return model.model_validate(keys)


def _as_task(value: Any) -> Any:
    return make_task(**value) if isinstance(value, dict) else value


TaskOfAnyKind = Annotated[SerializeAsAny[Task], BeforeValidator(_as_task)]
"""A field of a pydantic model that holds a task: ``kind`` says which model it is read with."""


def harness_task(name: str) -> Task | None:
    """The task of a harness that ``KIND:TASK`` names; ``None`` for a name without a colon.

    ``KIND:TASK?key=value`` names it with settings; the task has them, and their one form in its
    name.

    Raises:
        UsageError: If no kind has such tasks, or the name or a setting is not valid.
    """
    parts = parse_name(name)
    if parts is None:
        return None
    kind, source = parts.kind, parts.source
    examples = {one.name: one.example for one in KINDS.values() if one.example}
    if kind not in examples:
        raise UsageError(
            f"no harness is called {kind!r} (in {name!r})",
            f"use {' or '.join(prefix + ':NAME' for prefix in examples)}",
        )
    if not source:
        raise UsageError(f"{name!r} names no task", f"for example {kind}:{examples[kind]}")
    refuse_unknown(parts.settings, KINDS[kind].settings, kind)
    keys = KINDS[kind].set_in_name(source, parts.settings) if parts.settings else {}
    try:
        return make_task(name=parts.text, kind=kind, source=source, **keys)
    except ValidationError as error:
        where, why = first_invalid(error)
        setting = where.rpartition(".")[2]
        if setting in parts.settings:
            raise UsageError(f"{name!r}: {setting}: {why}", "correct the setting") from None
        raise UsageError(
            f"{name!r} is not a valid task name: {why}", "check its spelling"
        ) from None


@cache
def _added() -> dict[str, Kind[Any]]:
    """Kinds of installed packages; looked up only where a name is not built in."""
    found: dict[str, Kind[Any]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name in KINDS:
            raise UsageError(
                f"the installed package behind {entry.value!r} calls its kind {entry.name!r}, "
                "which evalsuite has",
                "remove the package, or ask its authors for another name",
            )
        found[entry.name] = entry.load()()
    return found
