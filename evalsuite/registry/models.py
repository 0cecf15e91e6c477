"""What a task and a suite are: frozen data, read from YAML."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from evalsuite.kinds.rag.settings import Rag
from evalsuite.kinds.rerank.settings import Rerank
from evalsuite.layouts import Convention, LayoutName
from evalsuite.schema import Frozen, World, digest

Kind = Literal["mteb", "lm_eval", "alpaca_eval", "rerank", "rag"]
EmbeddingType = Literal[
    "classification",
    "clustering",
    "pair_classification",
    "reranking",
    "retrieval",
    "sts",
    "summarization",
]
GenerativeType = Literal["multiple_choice", "generate", "code"]
Extract = Literal["all", "first_line", "last_number", "code"]

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+:(),-]*$", max_length=120)
]
"""Readable names; no path separators, since records are filed under them."""

FILES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "classification": (frozenset({"train", "test"}), frozenset()),
    "clustering": (frozenset({"test"}), frozenset()),
    "pair_classification": (frozenset({"test"}), frozenset()),
    "reranking": (frozenset({"test"}), frozenset()),
    "retrieval": (frozenset({"corpus", "queries", "qrels"}), frozenset()),
    "sts": (frozenset({"test"}), frozenset()),
    "summarization": (frozenset({"test"}), frozenset()),
    "multiple_choice": (frozenset({"test"}), frozenset({"shots"})),
    "generate": (frozenset({"test"}), frozenset({"shots"})),
    "code": (frozenset({"test"}), frozenset({"shots"})),
}
"""Required and optional files under ``data`` for each type of own-data task."""

COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "classification": {"train": ("text", "label"), "test": ("text", "label")},
    "clustering": {"test": ("texts", "labels")},
    "pair_classification": {"test": ("sentence1", "sentence2", "label")},
    "reranking": {"test": ("query", "positive", "negative")},
    "retrieval": {
        "corpus": ("id", "text"),
        "queries": ("id", "text"),
        "qrels": ("query-id", "corpus-id", "score"),
    },
    "sts": {"test": ("sentence1", "sentence2", "score")},
    "summarization": {"test": ("text", "human_summaries", "machine_summaries", "relevance")},
    "multiple_choice": {},
    "generate": {},
    "code": {"test": ("prompt", "tests", "entry_point")},
    "rag": {"corpus": ("id", "text"), "questions": ("question", "answers")},
}
"""Columns that each file of a type (or of kind ``rag``) must have; a task file's ``columns`` maps
them to other names."""

MAIN_METRIC: dict[str, str] = {
    "classification": "accuracy",
    "clustering": "v_measure",
    "pair_classification": "cosine_ap",
    "reranking": "map",
    "retrieval": "ndcg_at_10",
    "sts": "cosine_spearman",
    "summarization": "cosine_spearman",
    "multiple_choice": "acc",
    "generate": "exact_match",
    "code": "pass@1",
}
"""Main metric of own-data tasks unless the task file names another."""


DatasetName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")
]
"""``org/name`` on the hub."""
Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A commit of a hub repository."""


class Instruction(Frozen):
    """Instruction of an embedding task; the two sides differ only for retrieval."""

    query: str = ""
    document: str = ""

    @property
    def text(self) -> str:
        """Both sides in one line, for signatures."""
        return self.query if self.query == self.document else f"{self.query} ⏎ {self.document}"


class Generation(Frozen):
    """Decoding settings of a generative task; greedy unless ``temperature`` is above 0."""

    max_tokens: int = Field(default=256, ge=1)
    stop: tuple[str, ...] = ()
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    samples: int = Field(default=1, ge=1)
    """Answers drawn per test item."""


class Task(Frozen):
    """One thing that is evaluated and gives one score.

    Either ``source`` names a task of the harness (``STSBenchmark``, ``gsm8k_cot``), or ``type``
    and ``data`` describe a task on files of one's own. Paths in ``data`` are relative to the
    YAML file.
    """

    name: Name
    kind: Kind
    source: str | None = None
    """Name of the task inside the harness."""
    version: str = "1"
    category: str | None = None
    """What the task counts towards in tables, for example ``STS``."""
    description: str = ""
    split: str | None = None
    subsets: tuple[str, ...] = ()
    """Subsets (languages) of the harness task; empty for the harness's own choice."""
    datasets: dict[DatasetName, Revision] = Field(default_factory=dict)
    """Hub datasets that the harness task reads → the commit that is read. With it, missing data
    is found before a model is loaded, and ``evalsuite data fetch`` knows what to get."""
    base_source: str | None = None
    """Name of the lm-eval task for checkpoints without a chat template, where it differs."""
    runs_code: bool = False
    """Whether the harness task runs generated programs, which is only done in the sandbox."""
    instruction: Instruction | None = None
    """For embedding tasks; a plain string in YAML means the same text on both sides, except
    for retrieval, where documents get none."""
    shots: int | None = Field(default=None, ge=0)
    limit: int | None = Field(default=None, ge=1)
    main_metric: str | None = None

    type: EmbeddingType | GenerativeType | None = None
    data: dict[str, Path] | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    """Standard column name → name in the files."""
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
    rerank: Rerank | None = None
    """Kind ``rerank``: what is reordered, and how; ``prompt`` is a Jinja template over ``query``
    and ``documents`` (listwise) or ``document`` (pointwise)."""

    rag: Rag | None = None
    """Kind ``rag``: the method, or what is timed. ``answer_prefix`` begins each answer."""
    quick: dict[str, Any] = Field(default_factory=dict)
    """Keys of this task, and their values for ``--quick``."""

    def quickened(self) -> Task:
        """The task as ``--quick`` runs it: another definition, and so another score."""
        plain = self.model_dump(exclude_defaults=True, exclude={"quick"})
        return Task.model_validate(plain | self.quick) if self.quick else self

    @property
    def world(self) -> World:
        """Whether the task needs an encoder or a generator."""
        return "embedding" if self.kind == "mteb" else "generative"

    @property
    def judged(self) -> bool:
        """Whether a judge compares the answers."""
        return self.kind == "alpaca_eval"

    @property
    def retrieves(self) -> bool:
        """Whether the checkpoint first embeds and searches, before it generates."""
        return self.kind == "rerank"

    @property
    def cached(self) -> bool:
        """Whether one model embeds and generates from the caches of its embedding passes."""
        return self.kind == "rag"

    @property
    def own_data(self) -> bool:
        """Whether the task runs on files named by the task file."""
        return self.data is not None

    def definition(self) -> dict[str, Any]:
        """The task as plain data, without what does not influence the score."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        for key in ("category", "description", "instruction", "quick"):
            plain.pop(key, None)
        if "data" in plain:
            plain["data"] = {key: Path(path).name for key, path in plain["data"].items()}
        return plain

    @property
    def hash(self) -> str:
        """Hash of :meth:`definition`."""
        return digest(self.definition())

    @model_validator(mode="before")
    @classmethod
    def _instruction_from_text(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(text := raw.get("instruction"), str):
            one_sided = raw.get("type") == "retrieval"
            sides = {"query": text, "document": "" if one_sided else text}
            return {**raw, "instruction": sides}
        return raw

    @model_validator(mode="after")
    def _quick_is_a_task_too(self) -> Task:
        if unknown := self.quick.keys() - type(self).model_fields.keys():
            raise ValueError(f"'quick' has unknown {', '.join(map(repr, sorted(unknown)))}")
        self.quickened()
        return self

    @model_validator(mode="after")
    def _complete(self) -> Task:
        self._check_settings()
        if self.cached:
            return self._checked_rag()
        if self.judged and (self.source != "alpaca_eval" or len(self.datasets) != 1):
            raise ValueError(
                "kind 'alpaca_eval' needs 'source: alpaca_eval' and its data set under 'datasets'"
            )
        if self.source is not None:
            own = [
                key
                for key in OWN_DATA_KEYS
                if getattr(self, key) != _default(key) and key not in GENERATING_KEYS[self.kind]
            ]
            if own:
                raise ValueError(f"'source' names a harness task, so {own[0]!r} has no meaning")
            return self
        if self.datasets or self.base_source or self.runs_code:
            alone = "'datasets', 'base_source' and 'runs_code'"
            raise ValueError(f"{alone} belong to a task with 'source'")
        if self.type is None or self.data is None:
            raise ValueError("needs either 'source' or both 'type' and 'data'")
        self._check_type_and_files()
        if self.type in ("multiple_choice", "generate"):
            needed = ("prompt", "target") + (("choices",) if self.type != "generate" else ())
            missing = [key for key in needed if getattr(self, key) is None]
            if missing:
                raise ValueError(f"type {self.type!r} needs {', '.join(map(repr, missing))}")
        if self.shots and "shots" not in self.data:
            raise ValueError("'shots' above 0 needs a file 'shots' under 'data'")
        return self

    def _check_type_and_files(self) -> None:
        assert self.type is not None
        assert self.data is not None
        embedding = self.type in EmbeddingType.__args__  # type: ignore[attr-defined]
        kinds: tuple[str, ...] = ("mteb",) if embedding else ("lm_eval",)
        if self.type in ("retrieval", "reranking"):
            kinds = ("mteb", "rerank")
        if self.kind not in kinds:
            wanted = " or ".join(map(repr, kinds))
            raise ValueError(f"type {self.type!r} belongs to kind {wanted}, not {self.kind!r}")
        required, optional = FILES[self.type]
        given = frozenset(self.data)
        if missing := required - given:
            raise ValueError(f"'data' of type {self.type!r} needs {', '.join(sorted(missing))}")
        if unknown := given - required - optional:
            allowed = ", ".join(sorted(required | optional))
            raise ValueError(f"'data' has unknown {', '.join(sorted(unknown))}; allowed: {allowed}")

    def _checked_rag(self) -> Task:
        needed = {"corpus", "questions"}
        if self.data is None:
            if self.source != "nq" or len(self.datasets) != 2:
                raise ValueError(
                    "kind 'rag' needs 'corpus' and 'questions' under 'data', or 'source: nq' with "
                    "its two data sets under 'datasets'"
                )
        elif self.source or set(self.data) != needed:
            raise ValueError("'data' of kind 'rag' has 'corpus' and 'questions', and no 'source'")
        if self.generation.temperature > 0 or self.generation.samples > 1 or self.generation.stop:
            raise ValueError("kind 'rag' generates greedily: of 'generation' only 'max_tokens'")
        return self

    def _check_settings(self) -> None:
        for kind, settings in (("rag", self.rag), ("rerank", self.rerank)):
            if (self.kind == kind) != (settings is not None):
                raise ValueError(f"kind {kind!r} needs {kind!r}, which no other kind has")
        if self.retrieves and not self.prompt:
            raise ValueError("kind 'rerank' needs 'prompt'")


def _default(key: str) -> object:
    return Task.model_fields[key].get_default(call_default_factory=True)


OWN_DATA_KEYS = (
    "type",
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
"""Keys of a task file that only have a meaning for own-data tasks."""

GENERATING_KEYS: defaultdict[str, tuple[str, ...]] = defaultdict(
    tuple, alpaca_eval=("generation",), rerank=("prompt", "answer_prefix", "generation")
)
"""Kind → those of them that its tasks of a harness have, too."""


class Column(Frozen):
    """One column of a table: the mean over some tasks of the suite."""

    label: str
    tasks: tuple[str, ...] = ()
    category: str | None = None
    """All tasks of the suite with this category."""

    @model_validator(mode="after")
    def _one_source(self) -> Column:
        if bool(self.tasks) == (self.category is not None):
            raise ValueError("needs either 'tasks' or 'category'")
        return self


class Section(Frozen):
    """Neighbouring columns with an average of their own."""

    world: World
    title: str
    columns: tuple[Column, ...]
    average: Literal["tasks", "columns"] = "columns"
    """Mean over all tasks of the section (Table 1 of the GRIT paper), or mean over its columns
    (Table 2)."""


class SubtaskMean(Frozen):
    """A task of the suite whose score is the mean over others, as CQADupstack over its 12."""

    name: Name
    mean_of: tuple[str, ...] = Field(min_length=1)
    category: str | None = None


class Suite(Frozen):
    """Tasks that are run together, and how their scores become a table."""

    name: Name
    description: str = ""
    tasks: tuple[str, ...] = Field(min_length=1)
    """Names of registry tasks, or ``mteb:NAME`` and ``lm_eval:NAME``."""
    convention: Convention = "paper"
    layout: LayoutName | None = None
    """How its table looks, where not one row a checkpoint."""
    subtask_means: tuple[SubtaskMean, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def members(self) -> frozenset[str]:
        """All tasks whose records the suite is about: its own, and means with their parts."""
        means = self.subtask_means
        parts = (part for mean in means for part in mean.mean_of)
        return frozenset((*self.tasks, *(mean.name for mean in means), *parts))
