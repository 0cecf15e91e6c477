"""What ``evalsuite run``, ``evalsuite check`` and :func:`evalsuite.evaluate` are asked for.

Apart from the commands themselves, so that help and wrong options need none of what they import.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from evalsuite.errors import UsageError
from evalsuite.options import BASELINES, Option, names
from evalsuite.results.check.policy import Policy, load_policy
from evalsuite.run.options import Request


class RunRequest(Request):
    """Everything that ``evalsuite run`` was asked for."""

    checkpoints: Annotated[
        tuple[str, ...],
        Option(
            "Model folder, adapter, GGUF file, hub id, demo:minilm or demo:smollm2; a folder of "
            "checkpoints or a quoted pattern ('runs/step-*') for all in it. Repeatable.",
            name="ckpt",
        ),
    ]
    suite: Annotated[
        str | None,
        Option(
            "Suite, or a benchmark: 'mteb:MTEB(eng, v2)'; the default is what --tasks-dir holds, "
            "else smoke."
        ),
    ] = None
    tasks: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(names),
        Option(
            "Tasks instead of a suite: a,'smoke-*',mteb:STSBenchmark,lm_eval:NAME; with settings: "
            "'lm_eval:NAME?shots=5'.",
            typed=str,
        ),
    ] = None
    """``None`` with no suite either: what own folders hold, else the suite ``smoke``."""

    @model_validator(mode="before")
    @classmethod
    def _suite_or_tasks(cls, given: dict[str, Any]) -> dict[str, Any]:
        suite, tasks = given.get("suite"), given.get("tasks")
        if suite is not None and tasks is not None:
            raise UsageError("--suite and --tasks exclude each other", "give one of them")
        return given


class StoppableRequest(Request):
    """A request whose tasks may end as soon as their verdict is decided."""

    stop_early: Annotated[
        bool, Option("End generative tasks as soon as their answers decide the verdict.")
    ] = False
    stop_on_red: Annotated[
        bool, Option("With --stop-early: a regression of a required task ends the check.")
    ] = False

    @model_validator(mode="after")
    def _may_stop(self) -> Self:
        if self.stop_on_red and not self.stop_early:
            raise UsageError("--stop-on-red needs --stop-early", "give both, or none")
        if self.stop_early and self.options.fresh:
            raise UsageError(
                "--fresh and --stop-early exclude each other: what is stopped is continued later",
                "leave one out",
            )
        return self


class CheckRequest(StoppableRequest):
    """Everything that ``evalsuite check`` was asked for."""

    candidate: Annotated[
        str, Option("Checkpoint, as after run --ckpt; a store; or a name in --out.")
    ]
    baseline: Annotated[str, Option("Name of a baseline; or as --candidate.")]
    policy: Annotated[
        Policy,
        Option(
            "YAML file, or a shipped policy: smoke, smoke-embedding, smoke-generative.", typed=str
        ),
    ] = Policy()
    suite: Annotated[str | None, Option("Suite, instead of the policy's.")] = None
    baseline_window: Annotated[
        int | None,
        Field(ge=3),
        Option(
            "Compare with the mean of the last N checkpoints of a training run, up to --baseline; "
            "the spread between them counts as chance.",
        ),
    ] = None
    window: tuple[str, ...] = ()
    """Fingerprints of the checkpoints whose mean is the baseline, by step; empty where the
    baseline is named."""
    baselines: Annotated[Path, BASELINES] = Path("baselines")
    reports: Annotated[Path, Option("Folder for check/check.json, check.md and check.xml.")] = Path(
        "reports"
    )

    @model_validator(mode="before")
    @classmethod
    def _with_suite(cls, given: dict[str, Any]) -> dict[str, Any]:
        policy, suite = given.get("policy"), given.get("suite")
        if not isinstance(policy, Policy):
            policy = load_policy(policy)
        if suite is not None:
            policy = policy.model_copy(update={"suite": suite})
        return {**given, "policy": policy}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.options.forms) > 1:
            raise UsageError(
                "a check compares one form of embeddings: --dims and --vectors take one value here",
                "check each form by a command of its own",
            )
        _no_stop_within_a_window(self.stop_early, self.baseline_window)
        return self


def _no_stop_within_a_window(stop_early: bool, baseline_window: int | None) -> None:
    if stop_early and baseline_window is not None:
        raise UsageError(
            "--stop-early pairs samples with one baseline, --baseline-window has several",
            "leave one out",
        )


class WatchRequest(StoppableRequest):
    """Everything that ``evalsuite watch`` was asked for, besides the folder."""

    suite: Annotated[str | None, Option("Suite; the default is the policy's, else smoke.")] = None
    baseline: Annotated[
        str | None, Option("Check each checkpoint against this baseline, as evalsuite check does.")
    ] = None
    baseline_window: Annotated[
        int | None,
        Field(ge=3),
        Option(
            "Check against the mean of N checkpoints: the last ones that were not red, or with "
            "--baseline those of its training run up to it."
        ),
    ] = None
    policy: Annotated[str | None, Option("Policy of the check, as after evalsuite check.")] = None
    baselines: Annotated[Path, BASELINES] = Path("baselines")
    reports: Annotated[
        Path, Option("Folder for tables, curves and verdicts: watch/NAME/ in it.")
    ] = Path("reports")
    every: Annotated[int, Field(ge=1), Option("Only steps that this number divides.")] = 1
    latest: Annotated[bool, Option("If several wait, evaluate the newest and skip the others.")] = (
        False
    )
    once: Annotated[
        bool, Option("Evaluate what is there and end, for cron; without it, wait for more.")
    ] = False
    until: Annotated[
        int | None, Field(ge=0), Option("End after this step; later ones are not evaluated.")
    ] = None
    timeout: Annotated[
        float | None, Field(gt=0), Option("End after so many seconds without a new checkpoint.")
    ] = None
    budget: Annotated[
        float | None,
        Field(gt=0),
        Option("Seconds for each checkpoint; what is scored then counts."),
    ] = None
    hooks: Annotated[
        tuple[str, ...],
        Option(
            "Shell command that gets each result as JSON on its input. Repeatable.", name="hook"
        ),
    ] = ()
    webhooks: Annotated[
        tuple[str, ...],
        Option("Address that gets each result as JSON by POST. Repeatable.", name="webhook"),
    ] = ()

    @model_validator(mode="after")
    def _policy_of_a_check(self) -> Self:
        if self.policy is not None and not self.checks:
            raise UsageError(
                "--policy changes nothing without --baseline or --baseline-window",
                "give one of them, or no policy",
            )
        _no_stop_within_a_window(self.stop_early, self.baseline_window)
        if self.stop_early and self.baseline is None:
            raise UsageError("--stop-early needs --baseline", "give both, or none")
        return self

    @property
    def checks(self) -> bool:
        """Whether checkpoints get verdicts."""
        return self.baseline is not None or self.baseline_window is not None

    @property
    def rolling(self) -> int | None:
        """How many of the watched checkpoints themselves are the baseline; ``None`` if not so."""
        return self.baseline_window if self.baseline is None else None

    def check(self, candidate: str, **more: Any) -> CheckRequest:
        """The check of a candidate.

        Args:
            candidate: As ``evalsuite check`` takes it.
            more: Fields of the request that differ from those of this one.

        Raises:
            UsageError: If the policy is not there or not valid.
        """
        shared = {
            name: getattr(self, name) for name in CheckRequest.model_fields if hasattr(self, name)
        }
        return CheckRequest.model_validate({**shared, "candidate": candidate, **more})

    def run(self, suite: str, checkpoint: str, **more: Any) -> RunRequest:
        """The run of a checkpoint; see :meth:`check`."""
        shared = {name: getattr(self, name) for name in Request.model_fields}
        given = {**shared, "checkpoints": (checkpoint,), "suite": suite, **more}
        return RunRequest.model_validate(given)
