"""Generative tasks on files of one's own, built as lm-eval tasks and run by the same path."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict
from lm_eval.api.task import ConfigurableTask

from evalsuite.data import files_info, groups_of, read_rows, require_columns
from evalsuite.errors import DataError, EngineError, UsageError
from evalsuite.kinds.lm_eval.expressions import RenderedTexts, read_as, render_all
from evalsuite.kinds.lm_eval.grit.rows import GROUP
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.lm_eval.tasks import LoadedTasks
from evalsuite.kinds.shared import answers
from evalsuite.sandbox.sandbox import Sandbox, require_sandbox

Row = Mapping[str, Any]

HEADER = "{{prompt | trim}}"
"""What a chat model's program is made to begin with."""

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
        DataError: If a file is missing or a row lacks something.
        TaskSkipped: If the task runs code and there is no sandbox.
        UsageError: If a template of the task file is wrong.
    """
    assert task.data is not None
    count = task.shots or 0 if shots is None else shots
    if count and "shots" not in task.data:
        raise UsageError(f"task {task.name} has no few-shot examples", "add 'shots' to 'data'")
    tables = {role: _rows(task, role, path) for role, path in task.data.items()}
    if count > len(tables.get("shots", ())) and count:
        raise DataError(
            f"{task.data['shots']}: {len(tables['shots'])} examples, but {count} are asked for"
        )
    sets = {role: _data_set(task, rows) for role, rows in tables.items()}
    shown = list(sets.get("shots", ()))
    # lm-eval would render templates without a sandbox and without an end: it gets the texts.
    texts = render_all(task, list(sets["test"]), shown, _more(task))
    config = _config(task, chat, texts)
    config["num_fewshot"] = count
    if "shots" in tables:
        config["fewshot_split"] = "shots"
        config["fewshot_config"] = {"sampler": "first_n", **_shots(task, texts)}
    built = _build(task, config, sets, texts)
    built.set_fewshot_seed(seed)
    return LoadedTasks(
        name=task.name,
        tasks={"tasks": {task.name: built}, "groups": {}, "group_map": {}},
        data=files_info(task.data),
        multiturn=False,
    )


def _rows(task: LmEvalTask, role: str, path: Path) -> list[dict[str, Any]]:
    """Rows of one file, with the standard column names added."""
    rows = read_rows(path)
    require_columns(rows, task.required_columns(role), task.columns, path)
    named = read_as(task, rows)
    if role == "test" and (groups := groups_of(rows, task.columns, path)):
        named = [row | {GROUP: group} for row, group in zip(named, groups, strict=True)]
    return named


class RowsTask(ConfigurableTask):  # type: ignore[misc]
    """An lm-eval task on rows that are already there, and whose templates are already rendered.

    Args:
        config: As in an lm-eval YAML file.
        sets: Split → rows.
        texts: What the templates in ``config`` make of the rows.
    """

    def __init__(
        self, config: dict[str, Any], sets: Mapping[str, Dataset], texts: RenderedTexts
    ) -> None:
        self._sets = sets
        self._texts = texts
        super().__init__(config=config)

    def download(
        self,
        dataset_kwargs: dict[str, Any] | None = None,  # noqa: ARG002 - lm-eval's signature
        **kwargs: Any,  # noqa: ARG002 - lm-eval's signature
    ) -> None:
        """Take the rows; there is nothing to download."""
        self.dataset = DatasetDict(self._sets)

    def doc_to_text(self, doc: Row, doc_to_text: Any = None) -> Any:
        """The prompt."""
        field = self.config.doc_to_text if doc_to_text is None else doc_to_text
        return super().doc_to_text(*self._ready(doc, field))

    def doc_to_target(self, doc: Row, doc_to_target: Any = None) -> Any:
        """What is right."""
        field = self.config.doc_to_target if doc_to_target is None else doc_to_target
        return super().doc_to_target(*self._ready(doc, field))

    def doc_to_choice(self, doc: Row, doc_to_choice: Any = None) -> Any:
        """What is chosen from."""
        field = self.config.doc_to_choice if doc_to_choice is None else doc_to_choice
        return super().doc_to_choice(*self._ready(doc, field))

    def doc_to_prefix(self, doc: Row) -> str | None:
        """What the answer is made to begin with."""
        return self.resolve_field(doc, self.config.gen_prefix)

    def resolve_field(self, doc: Row, field: str | None = None) -> str | None:
        """A column, or what a template made of the row."""
        if not field:
            return field
        return str(doc[field]) if field in doc else self._texts.text(field, doc)

    def _ready(self, doc: Row, field: Any) -> tuple[Row, Any]:
        """A row and a template that say what the given ones were seen to say.

        So what lm-eval makes of a text (a number, a list) stays its own doing.
        """
        if not isinstance(field, str) or field in self.features:
            return doc, field
        return {"ready": self._texts.text(field, doc)}, "{{ ready }}"


def _data_set(task: LmEvalTask, rows: Sequence[dict[str, Any]]) -> Dataset:
    try:
        return Dataset.from_list(list(rows))
    except (ValueError, TypeError) as error:
        raise UsageError(f"task {task.name}: {error}", "check the task file") from error


def _build(
    task: LmEvalTask, config: dict[str, Any], sets: Mapping[str, Dataset], texts: RenderedTexts
) -> RowsTask:
    try:
        return RowsTask(config, sets, texts)
    except (ValueError, SyntaxError, TypeError) as error:
        raise UsageError(f"task {task.name}: {error}", "check the task file") from error


def _config(task: LmEvalTask, chat: bool, texts: RenderedTexts) -> dict[str, Any]:
    common = {"task": task.name, "test_split": "test", "fewshot_delimiter": "\n\n"}
    if task.type == "multiple_choice":
        return common | _multiple_choice(task, chat)
    if task.type == "code":
        return common | _code(task, chat)
    return common | _generate(task, texts)


def _multiple_choice(task: LmEvalTask, chat: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {"doc_to_text": task.prompt, "gen_prefix": task.answer_prefix}
    if task.answer_prefix and not chat:
        # lm-eval joins the two by the delimiter that choices need, a space.
        asked = {"doc_to_text": _more(task)["prompt, answer_prefix"]}
    choices = list(task.choices) if isinstance(task.choices, tuple) else task.choices
    return {
        "output_type": "multiple_choice",
        **asked,
        "doc_to_choice": choices,
        "doc_to_target": task.target,
        "target_delimiter": " ",
        "metric_list": [_mean("acc"), _mean("acc_norm")],
    }


def _more(task: LmEvalTask) -> dict[str, str]:
    """Templates that are not in the task file as they are."""
    if task.type == "code":
        return {"header": HEADER}
    if task.type == "multiple_choice" and task.answer_prefix:
        return {"prompt, answer_prefix": f"{task.prompt}\n{task.answer_prefix}"}
    return {}


def _generate(task: LmEvalTask, texts: RenderedTexts) -> dict[str, Any]:
    assert task.target is not None
    return {
        "output_type": "generate_until",
        "doc_to_text": task.prompt,
        # Not the template itself: lm-eval would turn a list or number into a Python value.
        "doc_to_target": _Rendered(task.target, texts),
        # "Question: …⏎Answer: …", as in the prompts of the GRIT paper.
        "target_delimiter": "\n" if task.answer_prefix else " ",
        "gen_prefix": task.answer_prefix,
        "process_results": GenerationScorer(task, texts),
        **_decoding(task, task.generation.stop),
    }


def _code(task: LmEvalTask, chat: bool) -> dict[str, Any]:
    """A chat model is asked, and made to begin with the header; a base model goes on from it."""
    header = _stripped_prompt
    asked = {"doc_to_text": task.prompt or _instruction, "gen_prefix": HEADER}
    form = asked if chat else {"doc_to_text": header}
    return {
        "output_type": "generate_until",
        **form,
        "doc_to_target": _tests_column,
        "target_delimiter": "",
        "process_results": CodeScorer(require_sandbox()),
        **_decoding(task, (*answers.CODE_STOP, *task.generation.stop)),
    }


def _stripped_prompt(row: Row) -> str:
    return str(row["prompt"]).strip()


def _tests_column(row: Row) -> str:
    return str(row["tests"])


def _solution(row: Row) -> str:
    if "canonical_solution" not in row:
        raise DataError("an example has no 'canonical_solution'", "add it to the file of 'shots'")
    return str(row["canonical_solution"])


def _instruction(row: Row) -> str:
    return str(row.get("instruction") or row["prompt"])


def _decoding(task: LmEvalTask, stop: Sequence[str]) -> dict[str, Any]:
    decoding = task.generation
    metrics = MEAN_METRICS[task.type or ""]
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
        "metric_list": [_mean(metric) for metric in metrics],
    }


def _mean(metric: str) -> dict[str, Any]:
    better = metric not in ("unparsed", "timeouts")
    return {"metric": metric, "aggregation": "mean", "higher_is_better": better}


def _shots(task: LmEvalTask, texts: RenderedTexts) -> dict[str, Any]:
    """How the answers of few-shot examples are shown."""
    if task.shot_target is not None:
        return {"doc_to_target": _Rendered(task.shot_target, texts)}
    if task.type == "generate" and task.target is not None:
        return {"doc_to_target": _FirstReference(task.target, texts)}
    if task.type == "code":
        return {"doc_to_target": _solution}
    return {}


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A template as a function, so that the result stays text."""

    template: str
    texts: RenderedTexts

    def __call__(self, row: Row) -> str:
        return self.texts.text(self.template, row)


@dataclass(frozen=True, slots=True)
class _FirstReference:
    """The first of the right answers, for few-shot examples."""

    template: str
    texts: RenderedTexts

    def __call__(self, row: Row) -> str:
        return answers.references(self.texts.text(self.template, row))[0]


@dataclass(frozen=True, slots=True)
class GenerationScorer:
    """Scores the answers to one item; the mean where several were drawn.

    Attributes:
        task: Says how the answer is found and what the right ones are.
        texts: What its templates make of its rows.
    """

    task: LmEvalTask
    texts: RenderedTexts

    def extract(self, response: str) -> str | None:
        """The answer in a response."""
        return answers.extract(response, self.task.extract)

    def __call__(self, row: Row, results: Sequence[Sequence[str]]) -> dict[str, float]:
        """Metrics of one item.

        Args:
            row: The item.
            results: One request's responses.
        """
        assert self.task.target is not None
        right = answers.references(self.texts.text(self.task.target, row))
        found = [self.extract(response) for response in results[0]]
        return {
            "exact_match": _average([answers.exact_match(answer, right) for answer in found]),
            "f1": _average([answers.token_f1(answer, right) for answer in found]),
            "unparsed": _average([float(answer is None) for answer in found]),
        }


@dataclass(frozen=True, slots=True)
class CodeScorer:
    """Scores the programs written for one item: pass@1 is the share that pass the tests.

    Attributes:
        sandbox: Where they are run.
    """

    sandbox: Sandbox

    def extract(self, response: str) -> str | None:
        """What is taken of a response: a fenced block, or the function's body."""
        return answers.code_block(response) or answers.cut_code(response)

    def __call__(self, row: Row, results: Sequence[Sequence[str]]) -> dict[str, float]:
        """Metrics of one item.

        Raises:
            EngineError: If the sandbox itself fails, which says nothing about the answer.
        """
        outcomes = []
        for response in results[0]:
            source = answers.program(_stripped_prompt(row), response, str(row["entry_point"]))
            done = self.sandbox.run(
                answers.IMPORTS + source,
                _tests(row),
                entry=str(row["entry_point"]),
                given=answers.given(str(row["prompt"])),
            )
            if done.outcome == "error":
                raise EngineError(f"the sandbox failed: {done.detail}")
            outcomes.append(done.outcome)
        return {
            "pass@1": _average([float(outcome == "passed") for outcome in outcomes]),
            "timeouts": _average([float(outcome == "timeout") for outcome in outcomes]),
        }


def _tests(row: Row) -> str:
    """The tests, with the call that HumanEval's ``check`` function leaves to the harness."""
    tests = str(row["tests"])
    uncalled = "def check(" in tests and not re.search(r"^check\(", tests, re.MULTILINE)
    return f"{tests}\ncheck({row['entry_point']})\n" if uncalled else tests


def _average(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
