"""Tasks and suites as text for people."""

from __future__ import annotations

from typing import Any

import yaml

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.registry.load import Registry


def overview(registry: Registry) -> str:
    """All suites and tasks, one line each."""
    lines = ["Suites"]
    width = max(map(len, (*registry.suites, *registry.tasks)), default=0)
    lines += [
        f"  {suite.name:<{width}}  {len(suite.tasks):>3} tasks  {suite.description}".rstrip()
        for suite in registry.suites.values()
    ]
    lines += ["", "Tasks"]
    lines += [
        f"  {task.name:<{width}}  {f'{task.kind} {task.about}':<28}  {task.description}".rstrip()
        for task in registry.tasks.values()
    ]
    lines += [
        "",
        "Instruction sets",
        f"  {', '.join(registry.instruction_sets)}",
        "",
        "Any other task of the two harnesses goes by mteb:NAME or lm_eval:NAME, for example",
        "mteb:NFCorpus or lm_eval:arc_easy.",
    ]
    return "\n".join(lines)


def show(registry: Registry, name: str) -> str:
    """A task, suite or instruction set as YAML, with the file it stands in.

    Raises:
        UsageError: If there is none of that name.
    """
    for word, known in (
        ("task", registry.tasks),
        ("suite", registry.suites),
        ("instructions", registry.instruction_sets),
    ):
        if name in known:
            plain = known[name].model_dump(mode="json", exclude_defaults=True)
            return f"# {word} in {registry.files[f'{word} {name}']}\n{_yaml(plain)}"
    if ":" in name:
        task = registry.task(name)
        return f"# {task.kind} task without a file\n{_yaml(task.model_dump(exclude_defaults=True))}"
    known_names = [*registry.tasks, *registry.suites, *registry.instruction_sets]
    raise UsageError(f"nothing is called {name!r}", did_you_mean(name, known_names))


def _yaml(plain: dict[str, Any]) -> str:
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100).rstrip()
