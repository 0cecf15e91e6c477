"""What a check asks of a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.task import Name
from evalsuite.paths import shipped_tasks
from evalsuite.schema import Frozen
from evalsuite.yaml_file import YamlFile

Points = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A drop of a score as tables show it: ``1.0`` is one point of 100."""


class Tolerance(Frozen):
    """Tolerated drops: by task, by category, and for all other tasks."""

    default: Points = 1.0
    categories: dict[str, Points] = Field(default_factory=dict)
    tasks: dict[str, Points] = Field(default_factory=dict)

    def of(self, task: str, category: str | None) -> float:
        """The tolerated drop of a task, in points: its own, its category's, the default."""
        return self.tasks.get(task, self.categories.get(category or "", self.default))


class Policy(Frozen):
    """What a check asks of a candidate; one YAML file."""

    description: str = ""
    suite: Name = "smoke"
    """The tasks that are checked."""
    tolerance: Tolerance = Tolerance()
    significance: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Chance that a candidate as good as the baseline is called a regression, over all tasks;
    and the level at which a drop counts as ruled out."""
    required: Literal["baseline", "all"] | tuple[str, ...] = "baseline"
    """Tasks without whose verdict a check is never green: those that the baseline has a score
    of, all of the suite, or the ones named."""
    inconclusive: Literal["allow", "fail"] = "allow"
    """Whether a task without a clear result fails the check."""
    missing: Literal["allow", "fail"] = "allow"
    """What a missing task means that is not required."""

    def check_names(self, tasks: frozenset[str], categories: frozenset[str]) -> None:
        """Refuse a policy that names what the suite does not have.

        Args:
            tasks: Of the suite.
            categories: Of its tasks.

        Raises:
            UsageError: For the first such name; a typo would tolerate nothing, silently.
        """
        required = () if isinstance(self.required, str) else self.required
        for name in (*self.tolerance.tasks, *required):
            if name not in tasks:
                raise UsageError(
                    f"the policy names {name!r}, which is not a task of the suite {self.suite}",
                    did_you_mean(name, tasks),
                )
        for name in self.tolerance.categories:
            if name not in categories:
                raise UsageError(
                    f"the policy names {name!r}, which is not a category of the suite {self.suite}",
                    did_you_mean(name, categories),
                )

    def is_required(self, task: str, *, in_baseline: bool) -> bool:
        """Whether a check without a verdict on this task is never green."""
        if isinstance(self.required, str):
            return in_baseline or self.required == "all"
        return task in self.required


def load_policy(name: str | None) -> Policy:
    """Read a policy.

    Args:
        name: A shipped one, or a YAML file; ``None`` for the defaults.

    Raises:
        UsageError: If no policy has that name, or the file is not a policy.
    """
    if name is None:
        return Policy()
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        shipped = {file.stem: file for file in (shipped_tasks() / "policies").glob("*.yaml")}
        if name not in shipped:
            hint = f"{did_you_mean(name, shipped)} (or give a YAML file)"
            raise UsageError(f"no policy is called {name!r}", hint)
        path = shipped[name]
    file = YamlFile(path)
    return file.validate(Policy, file.mapping("a policy"))
