"""Task files of kind ``lm_eval``: tasks of lm-eval by name, and generation on one's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from evalsuite.kinds.task import Generation, Task, check_files, check_source_or_files
from evalsuite.schema import Frozen

GenerativeType = Literal["multiple_choice", "generate", "code"]
Extract = Literal["all", "first_line", "last_number", "code"]

COLUMNS: Final[dict[GenerativeType, dict[str, tuple[str, ...]]]] = {
    "multiple_choice": {},
    "generate": {},
    "code": {"test": ("prompt", "tests", "entry_point")},
}
"""Type of a task on one's own files → role of a file → columns of that file that must be there;
prompts and answers are made of any columns by templates."""

MAIN_METRIC: Final[dict[GenerativeType, str]] = {
    "multiple_choice": "acc",
    "generate": "exact_match",
    "code": "pass@1",
}
"""Main metric of each type, unless the task file names another."""

NEEDED: Final[dict[GenerativeType, tuple[str, ...]]] = {
    "multiple_choice": ("prompt", "target", "choices"),
    "generate": ("prompt", "target"),
    "code": (),
}
"""Keys without which a task of a type cannot be asked or scored."""

TextMetric = Literal["bleu", "chrf", "rouge"]
"""``rouge`` stands for ``rouge1``, ``rouge2`` and ``rougeL``."""

OWN_KEYS: Final = (
    "type",
    "metrics",
    "data",
    "columns",
    "prompt",
    "answer_prefix",
    "choices",
    "target",
    "shot_target",
    "extract",
    "generation",
)
"""Keys that only have a meaning for a task on one's own files."""


SOURCE_KEYS: Final = (
    "base_source",
    "runs_code",
    "fewshot_seed",
    "split",
    "parts",
    "decoding",
)
"""Keys that only have a meaning for a task of the harness."""


class Decoding(Frozen):
    """Generation settings that take the place of the harness task's; ``None`` for the task's."""

    max_tokens: int | None = Field(default=None, ge=1)
    stop: tuple[str, ...] | None = None
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1)


SETTINGS: Final = (
    "shots",
    "fewshot_seed",
    "split",
    "parts",
    "metric",
    "filter",
    *Decoding.model_fields,
)
"""What may be set in the name of a task."""


class LmEvalTask(Task, defer_build=False):
    """A task of kind ``lm_eval``."""

    kind: Literal["lm_eval"]
    base_source: str | None = None
    """Name of the lm-eval task for checkpoints without a chat template, where it differs."""
    runs_code: bool = False
    """Whether the harness task runs generated programs, which is only done in the sandbox."""
    shots: int | None = Field(default=None, ge=0)
    fewshot_seed: int | None = Field(default=None, ge=0)
    """By which examples of the harness task are drawn; ``None``: see
    :mod:`evalsuite.kinds.lm_eval.drawing`."""
    split: str | None = None
    """The split of the harness task's data that is scored, if another than lm-eval's."""
    parts: tuple[str, ...] = ()
    """Of a group or tag: names of the tasks and groups inside it that are evaluated, or patterns;
    empty for all."""
    decoding: Decoding | None = None
    """Generation settings that differ from the harness task's."""
    folder: Path | None = None
    """A person's own folder of files in lm-eval's format that defines ``source``; task files do not
    name it: it is found beside them."""
    type: GenerativeType | None = None
    prompt: str | None = None
    """Jinja template over a row: what the user says."""
    answer_prefix: str | None = None
    """Jinja template: text that the answer is made to begin with."""
    choices: str | tuple[str, ...] | None = None
    """Multiple choice: the candidate answers, as a list or a Jinja expression giving one."""
    target: str | None = None
    """Jinja template: the right answer (multiple choice: its index)."""
    shot_target: str | None = None
    """Jinja template: the answer shown in few-shot examples; ``target`` if absent."""
    extract: Extract | str = "all"
    """How the answer is found in the output: a name, or a regular expression with one group."""
    generation: Generation = Generation()
    metrics: tuple[TextMetric, ...] = ()
    """Type ``generate``: further metrics of the answers."""

    def required_columns(self, role: str) -> tuple[str, ...]:
        return COLUMNS[self.type].get(role, ()) if self.type else ()

    @property
    def about(self) -> str:
        return self.type or str(self.source)

    @property
    def scorer(self) -> Path | None:
        """The Python file whose function scores answers to own data."""
        return (self.data or {}).get("scorer")

    @property
    def own_metric(self) -> str | None:
        """The main metric of a task on own data, where its file names none."""
        if self.type is None:
            return None
        return "score" if self.scorer else MAIN_METRIC[self.type]

    @property
    def passes(self) -> int | None:
        """The ``k`` of ``pass@k``, where that is the score of a task of type ``code``."""
        number = (self.main_metric or "").removeprefix("pass@")
        named = self.type == "code" and number != self.main_metric and number.isdecimal()
        return max(int(number), 1) if named else None

    @model_validator(mode="after")
    def _has_source_or_files(self) -> Self:
        if not check_source_or_files(self, OWN_KEYS):
            return self
        assert self.type is not None
        for key in SOURCE_KEYS:
            if getattr(self, key):
                raise ValueError(f"{key!r} belongs to a task with 'source'")
        optional = {"shots", "scorer"} if self.type == "generate" else {"shots"}
        check_files(self, f"type {self.type!r}", frozenset({"test"}), frozenset(optional))
        if self.scorer and self.scorer.suffix != ".py":
            raise ValueError("'scorer' under 'data' is a Python file")
        missing = [key for key in NEEDED[self.type] if getattr(self, key) is None]
        if missing:
            raise ValueError(f"type {self.type!r} needs {', '.join(map(repr, missing))}")
        if self.metrics and self.type != "generate":
            raise ValueError("'metrics' belongs to type 'generate'")
        if (drawn := self.passes) is not None and drawn > self.generation.samples:
            raise ValueError(
                f"main_metric 'pass@{drawn}' needs 'samples: {drawn}' or more under 'generation'"
            )
        if self.shots and "shots" not in (self.data or {}):
            raise ValueError("'shots' above 0 needs a file 'shots' under 'data'")
        return self
