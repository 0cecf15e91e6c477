"""Generative tasks on files of one's own, built as lm-eval tasks and run by the same path."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict
from jinja2 import TemplateError
from lm_eval.api.task import ConfigurableTask
from lm_eval.utils import apply_template

from evalsuite.data import files_info, groups_of, read_rows, require_columns
from evalsuite.errors import DataError, EngineError, UsageError
from evalsuite.harness import answers
from evalsuite.harness.grit_tasks.rows import GROUP
from evalsuite.harness.lm_eval_tasks import LoadedTasks
from evalsuite.harness.sandbox import Sandbox, require_sandbox
from evalsuite.registry.expressions import check_expressions, read_as
from evalsuite.registry.models import COLUMNS, Task

Row = Mapping[str, Any]

MEAN_METRICS = {
    "generate": ("exact_match", "f1", "unparsed"),
    "code": ("pass@1", "timeouts"),
}


def load_own(task: Task, *, chat: bool, shots: int | None, seed: int) -> LoadedTasks:
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
    # lm-eval renders templates without a sandbox: what it is given was seen to do no harm.
    check_expressions(task, tables["test"], tables.get("shots", ()))
    config = _config(task, chat)
    config["num_fewshot"] = count
    if "shots" in tables:
        config["fewshot_split"] = "shots"
        config["fewshot_config"] = {"sampler": "first_n", **_shots(task)}
    built = _build(task, config, tables)
    built.set_fewshot_seed(seed)
    return LoadedTasks(
        name=task.name,
        tasks={"tasks": {task.name: built}, "groups": {}, "group_map": {}},
        data=files_info(task.data),
        multiturn=False,
    )


def _rows(task: Task, role: str, path: Path) -> list[dict[str, Any]]:
    """Rows of one file, with the standard column names added."""
    rows = read_rows(path)
    columns = COLUMNS.get(task.type or "", {}).get(role, ())
    require_columns(rows, columns, task.columns, path)
    named = read_as(task, rows)
    if role == "test" and (groups := groups_of(rows, task.columns, path)):
        named = [row | {GROUP: group} for row, group in zip(named, groups, strict=True)]
    return named


class RowsTask(ConfigurableTask):  # type: ignore[misc]
    """An lm-eval task on rows that are already there.

    Args:
        config: As in an lm-eval YAML file.
        tables: Split → rows, all with the same keys.
    """

    def __init__(
        self, config: dict[str, Any], tables: Mapping[str, Sequence[dict[str, Any]]]
    ) -> None:
        self._tables = tables
        super().__init__(config=config)

    def download(
        self,
        dataset_kwargs: dict[str, Any] | None = None,  # noqa: ARG002 - lm-eval's signature
        **kwargs: Any,  # noqa: ARG002 - lm-eval's signature
    ) -> None:
        """Take the rows; there is nothing to download."""
        self.dataset = DatasetDict(
            {role: Dataset.from_list(list(rows)) for role, rows in self._tables.items()}
        )


def _build(
    task: Task, config: dict[str, Any], tables: Mapping[str, list[dict[str, Any]]]
) -> RowsTask:
    try:
        return RowsTask(config, tables)
    except TemplateError as error:
        raise UsageError(
            f"task {task.name}: a template does not fit the rows: {error.message}",
            "check the column names in 'prompt', 'target' and 'choices'",
        ) from error
    except (ValueError, SyntaxError, TypeError) as error:
        raise UsageError(f"task {task.name}: {error}", "check the task file") from error


def _config(task: Task, chat: bool) -> dict[str, Any]:
    common = {"task": task.name, "test_split": "test", "fewshot_delimiter": "\n\n"}
    if task.type == "multiple_choice":
        return common | _multiple_choice(task, chat)
    if task.type == "code":
        return common | _code(task, chat)
    return common | _generate(task)


def _multiple_choice(task: Task, chat: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {"doc_to_text": task.prompt, "gen_prefix": task.answer_prefix}
    if task.answer_prefix and not chat:
        # lm-eval joins the two by the delimiter that choices need, a space.
        asked = {"doc_to_text": f"{task.prompt}\n{task.answer_prefix}"}
    choices = list(task.choices) if isinstance(task.choices, tuple) else task.choices
    return {
        "output_type": "multiple_choice",
        **asked,
        "doc_to_choice": choices,
        "doc_to_target": task.target,
        "target_delimiter": " ",
        "metric_list": [_mean("acc"), _mean("acc_norm")],
    }


def _generate(task: Task) -> dict[str, Any]:
    assert task.target is not None
    return {
        "output_type": "generate_until",
        "doc_to_text": task.prompt,
        # Not the template itself: lm-eval would turn a list or number into a Python value.
        "doc_to_target": _Rendered(task.target),
        # "Question: …⏎Answer: …", as in the prompts of the GRIT paper.
        "target_delimiter": "\n" if task.answer_prefix else " ",
        "gen_prefix": task.answer_prefix,
        "process_results": GenerationScorer(task),
        **_decoding(task, task.generation.stop),
    }


def _code(task: Task, chat: bool) -> dict[str, Any]:
    """A chat model is asked, and made to begin with the header; a base model goes on from it."""
    header = _stripped_prompt
    asked = {"doc_to_text": task.prompt or _instruction, "gen_prefix": "{{prompt | trim}}"}
    form = asked if chat else {"doc_to_text": header}
    return {
        "output_type": "generate_until",
        **form,
        "doc_to_target": "{{tests}}",
        "target_delimiter": "",
        "process_results": CodeScorer(require_sandbox()),
        **_decoding(task, (*answers.CODE_STOP, *task.generation.stop)),
    }


def _stripped_prompt(row: Row) -> str:
    return str(row["prompt"]).strip()


def _instruction(row: Row) -> str:
    return str(row.get("instruction") or row["prompt"])


def _decoding(task: Task, stop: Sequence[str]) -> dict[str, Any]:
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


def _shots(task: Task) -> dict[str, Any]:
    """How the answers of few-shot examples are shown."""
    if task.shot_target is not None:
        return {"doc_to_target": _Rendered(task.shot_target)}
    if task.type == "generate" and task.target is not None:
        return {"doc_to_target": _FirstReference(task.target)}
    if task.type == "code":
        return {"doc_to_target": "{{canonical_solution}}"}
    return {}


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A template as a function, so that the result stays text."""

    template: str

    def __call__(self, row: Row) -> str:
        return str(apply_template(self.template, dict(row)))


@dataclass(frozen=True, slots=True)
class _FirstReference:
    """The first of the right answers, for few-shot examples."""

    template: str

    def __call__(self, row: Row) -> str:
        return answers.references(_Rendered(self.template)(row))[0]


@dataclass(frozen=True, slots=True)
class GenerationScorer:
    """Scores the answers to one item; the mean where several were drawn.

    Attributes:
        task: Says how the answer is found and what the right ones are.
    """

    task: Task

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
        right = answers.references(_Rendered(self.task.target)(row))
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
            EngineError: If the sandbox itself fails; that is nobody's wrong answer.
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
