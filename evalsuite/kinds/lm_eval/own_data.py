"""Generative tasks on files of one's own, built as lm-eval tasks and run by the same path.

lm-eval is given no rows and no templates: its rows hold the key of an item, and every text of an
item was rendered from the row as it was read. So no library changes ``3`` to ``3.0``, and no
template is rendered without a sandbox and without an end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset, DatasetDict
from lm_eval.api.task import ConfigurableTask

from evalsuite.data import files_info, read_rows, require_columns
from evalsuite.errors import UsageError
from evalsuite.kinds.lm_eval import text_metrics
from evalsuite.kinds.lm_eval.grit.rows import GROUP
from evalsuite.kinds.lm_eval.own_function import FUNCTION, load_function
from evalsuite.kinds.lm_eval.own_items import (
    HEADER,
    OwnItem,
    OwnItems,
    joined_prompt,
    read_items,
)
from evalsuite.kinds.lm_eval.own_scores import CodeScorer, Doc, GenerationScorer
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.lm_eval.tasks import LoadedTasks
from evalsuite.kinds.shared import answers
from evalsuite.sandbox.sandbox import require_sandbox

MEAN_METRICS = {
    "generate": ("exact_match", "f1", "unparsed"),
    "code": ("pass@1", "timeouts"),
}


def load_own(task: LmEvalTask, *, chat: bool, shots: int | None, seed: int) -> LoadedTasks:
    """Build the lm-eval task of an own-data task.

    Args:
        task: The task; paths in ``data`` are absolute.
        chat: Whether the checkpoint is talked to through a chat template.
        shots: Few-shot examples, the first ones of the file; ``None`` for the task's number.
        seed: Unused by the examples, which have a fixed order; kept for lm-eval.

    Raises:
        DataError: If a file is missing or a row lacks something or cannot be scored.
        TaskSkipped: If the task runs code and there is no sandbox.
        UsageError: If a template of the task file is wrong.
    """
    assert task.data is not None
    count = task.shots or 0 if shots is None else shots
    if count and "shots" not in task.data:
        raise UsageError(f"task {task.name} has no few-shot examples", "add 'shots' to 'data'")
    tables = {}
    for role, path in task.tables.items():
        tables[role] = read_rows(path)
        require_columns(tables[role], task.required_columns(role), task.columns, path)
    items = read_items(task, tables)
    config = _config(task, chat, items)
    config["num_fewshot"] = count
    if "shots" in tables:
        config["fewshot_split"] = "shots"
        config["fewshot_config"] = {"sampler": "first_n", **_shots(task, items)}
    built = _build(task, config, items)
    built.set_fewshot_seed(seed)
    return LoadedTasks(
        name=task.name,
        tasks={"tasks": {task.name: built}, "groups": {}, "group_map": {}},
        data=files_info(task.data),
        multiturn=False,
    )


class ItemsTask(ConfigurableTask):  # type: ignore[misc]
    """An lm-eval task on items that are there, and whose templates are rendered.

    Args:
        config: As in an lm-eval YAML file.
        items: What its rows stand for.
    """

    def __init__(self, config: dict[str, Any], items: OwnItems) -> None:
        self._items = items
        super().__init__(config=config)
        # lm-eval looks at the first item alone.
        self.multiple_target = max(len(item.right) for item in items.roles["test"]) - 1

    def download(
        self,
        dataset_kwargs: dict[str, Any] | None = None,  # noqa: ARG002 - lm-eval's signature
        **kwargs: Any,  # noqa: ARG002 - lm-eval's signature
    ) -> None:
        """Take the keys of the items; there is nothing to download."""
        self.dataset = DatasetDict(
            {role: Dataset.from_dict(_rows(items)) for role, items in self._items.roles.items()}
        )

    def doc_to_text(self, doc: Doc, doc_to_text: Any = None) -> Any:
        """The prompt."""
        return self._text(doc, self.config.doc_to_text if doc_to_text is None else doc_to_text)

    def doc_to_target(self, doc: Doc, doc_to_target: Any = None) -> Any:
        """What is right: a text, or an index of a choice or several."""
        asked = self.config.doc_to_target if doc_to_target is None else doc_to_target
        return self._text(doc, asked)

    def doc_to_choice(self, doc: Doc, doc_to_choice: Any = None) -> list[str]:  # noqa: ARG002
        """What is chosen from."""
        return list(self._items.of(doc).choices)

    def doc_to_prefix(self, doc: Doc) -> str | None:
        """What the answer is made to begin with."""
        return self.resolve_field(doc, self.config.gen_prefix)

    def resolve_field(self, doc: Doc, field: str | None = None) -> str | None:
        """What a template made of the row."""
        return self._items.of(doc).texts[field] if field else field

    def _text(self, doc: Doc, asked: str | Callable[[Doc], Any]) -> Any:
        return self._items.of(doc).texts[asked] if isinstance(asked, str) else asked(doc)


def _rows(items: Sequence[OwnItem]) -> dict[str, list[str]]:
    columns = {"item": [item.key for item in items]}
    groups = [item.group for item in items if item.group is not None]
    return columns | ({GROUP: groups} if groups else {})


def _build(task: LmEvalTask, config: dict[str, Any], items: OwnItems) -> ItemsTask:
    try:
        return ItemsTask(config, items)
    except (ValueError, SyntaxError, TypeError) as error:
        raise UsageError(f"task {task.name}: {error}", "check the task file") from error


def _config(task: LmEvalTask, chat: bool, items: OwnItems) -> dict[str, Any]:
    common = {"task": task.name, "test_split": "test", "fewshot_delimiter": "\n\n"}
    if task.type == "multiple_choice":
        return common | _multiple_choice(task, chat, items)
    if task.type == "code":
        return common | _code(task, chat, items)
    return common | _generate(task, items)


def _multiple_choice(task: LmEvalTask, chat: bool, items: OwnItems) -> dict[str, Any]:
    asked: dict[str, Any] = {"doc_to_text": task.prompt, "gen_prefix": task.answer_prefix}
    if task.answer_prefix and not chat:
        # lm-eval joins the two by the delimiter that choices need, a space.
        asked = {"doc_to_text": joined_prompt(task)}
    several = any(len(item.right) > 1 for item in items.roles["test"])
    return {
        "output_type": "multiple_choice",
        **asked,
        "doc_to_choice": task.choices,
        "doc_to_target": _Right(items, several),
        "target_delimiter": " ",
        "metric_list": [_mean("acc"), _mean("acc_norm")],
    }


def _generate(task: LmEvalTask, items: OwnItems) -> dict[str, Any]:
    return {
        "output_type": "generate_until",
        "doc_to_text": task.prompt,
        "doc_to_target": task.target,
        # "Question: …⏎Answer: …", as in the prompts of the GRIT paper.
        "target_delimiter": "\n" if task.answer_prefix else " ",
        "gen_prefix": task.answer_prefix,
        "process_results": GenerationScorer(
            task, items, load_function(task.scorer) if task.scorer else None
        ),
        **_decoding(task, task.generation.stop),
    }


def _code(task: LmEvalTask, chat: bool, items: OwnItems) -> dict[str, Any]:
    """A chat model is asked, and made to begin with the header; a base model goes on from it.

    A base model is stopped behind the function. A chat model says itself when it has ended: its
    answer may hold blocks of code, and the function may be in any of them.
    """
    stop = () if chat else answers.CODE_STOP
    asked = {"doc_to_text": task.prompt or _Instruction(items), "gen_prefix": HEADER}
    form = asked if chat else {"doc_to_text": _Column(items, "prompt")}
    return {
        "output_type": "generate_until",
        **form,
        "doc_to_target": _Column(items, "tests", strip=False),
        "target_delimiter": "",
        "process_results": CodeScorer(require_sandbox(), items, _passes(task)),
        **_decoding(task, (*stop, *task.generation.stop)),
    }


def _decoding(task: LmEvalTask, stop: Sequence[str]) -> dict[str, Any]:
    decoding = task.generation
    metrics = [*MEAN_METRICS[task.type or ""], *(f"pass@{k}" for k in _passes(task))]
    return {
        "generation_kwargs": {
            "until": list(stop),
            "max_gen_toks": decoding.max_tokens,
            "do_sample": decoding.temperature > 0,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
        },
        "repeats": decoding.samples,
        "filter_list": [
            {
                "name": "none",
                "filter": [{"function": "take_first_k", "k": decoding.samples}],
            }
        ],
        "metric_list": [*map(_mean, metrics), *map(text_metrics.config_of, _added(task))],
    }


def _passes(task: LmEvalTask) -> tuple[int, ...]:
    """Each ``k`` above 1 for which ``pass@k`` is reported: as many as are drawn, and usual ones."""
    if task.type != "code":
        return ()
    usual = {5, 10, 100, task.generation.samples, task.passes or 1}
    return tuple(sorted(k for k in usual if 1 < k <= task.generation.samples))


def _added(task: LmEvalTask) -> list[str]:
    """The metrics that the task file adds, by their names in records."""
    named = ((one,) if one != "rouge" else text_metrics.ROUGE for one in task.metrics)
    return [metric for metrics in named for metric in metrics] + ([FUNCTION] if task.scorer else [])


def _mean(metric: str) -> dict[str, Any]:
    better = metric not in ("unparsed", "timeouts")
    return {"metric": metric, "aggregation": "mean", "higher_is_better": better}


def _shots(task: LmEvalTask, items: OwnItems) -> dict[str, Any]:
    """How the answers of few-shot examples are shown."""
    if task.shot_target is not None:
        return {"doc_to_target": task.shot_target}
    if task.type == "code":
        return {"doc_to_target": _Column(items, "canonical_solution", strip=False)}
    if task.type == "multiple_choice":
        return {"doc_to_target": _Right(items, several=False)}
    assert task.target is not None
    return {"doc_to_target": _FirstReference(items, task.target)}


@dataclass(frozen=True, slots=True)
class _Right:
    """Index of the right choice; a list of all where items have several."""

    items: OwnItems = field(repr=False)
    several: bool

    def __call__(self, doc: Doc) -> int | list[int]:
        right = self.items.of(doc).right
        return list(right) if self.several else right[0]


@dataclass(frozen=True, slots=True)
class _FirstReference:
    """The first of the right answers, for few-shot examples."""

    items: OwnItems = field(repr=False)
    template: str

    def __call__(self, doc: Doc) -> str:
        return answers.references(self.items.of(doc).texts[self.template])[0]


@dataclass(frozen=True, slots=True)
class _Column:
    """The text of a column."""

    items: OwnItems = field(repr=False)
    name: str
    strip: bool = True

    def __call__(self, doc: Doc) -> str:
        text = str(self.items.of(doc).row[self.name])
        return text.strip() if self.strip else text


@dataclass(frozen=True, slots=True)
class _Instruction:
    """What a chat checkpoint is told: the column ``instruction``, else the code."""

    items: OwnItems = field(repr=False)

    def __call__(self, doc: Mapping[str, Any]) -> str:
        row = self.items.of(doc).row
        return str(row.get("instruction") or row["prompt"])
