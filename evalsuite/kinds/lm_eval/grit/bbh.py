"""BIG-Bench Hard, 3-shot chain of thought (open-instruct, ``eval/bbh/run_eval.py``)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from evalsuite.errors import DataError
from evalsuite.kinds.lm_eval.grit.rows import GROUP, Row, generator, named, shots_of, table
from evalsuite.kinds.lm_eval.grit.scoring import ExactMatch

SAMPLE = 40

SIZES = {
    "boolean_expressions": 250,
    "causal_judgement": 187,
    "date_understanding": 250,
    "disambiguation_qa": 250,
    "dyck_languages": 250,
    "formal_fallacies": 250,
    "geometric_shapes": 250,
    "hyperbaton": 250,
    "logical_deduction_five_objects": 250,
    "logical_deduction_seven_objects": 250,
    "logical_deduction_three_objects": 250,
    "movie_recommendation": 250,
    "multistep_arithmetic_two": 250,
    "navigate": 250,
    "object_counting": 250,
    "penguins_in_a_table": 146,
    "reasoning_about_colored_objects": 250,
    "ruin_names": 250,
    "salient_translation_error_detection": 250,
    "snarks": 178,
    "sports_understanding": 250,
    "temporal_sequences": 250,
    "tracking_shuffled_objects_five_objects": 250,
    "tracking_shuffled_objects_seven_objects": 250,
    "tracking_shuffled_objects_three_objects": 250,
    "web_of_lies": 250,
    "word_sorting": 250,
}
"""Tasks in the order in which samples are drawn, and their numbers of items."""

SAME_LINE = frozenset({"sports_understanding"})
"""Tasks whose worked examples go on behind "step by step." without a new line. lm-eval's task
files put a new line there."""

_ANSWER = re.compile(r"[t|T]he answer is (.*?)\.")


@cache
def picks() -> dict[str, tuple[int, ...]]:
    """The 40 rows of each task.

    The authors draw with one generator for all tasks, in the order in which their file system
    lists them. Here that order is alphabetical.
    """
    rng = generator()
    return {task: tuple(rng.sample(range(size), SAMPLE)) for task, size in SIZES.items()}


def sampled(dataset: Any) -> Any:
    """The sample of one task; its configuration name says which."""
    return _rows(dataset, picks()[_task(dataset)])


def full(dataset: Any) -> Any:
    """All items of one task."""
    return _rows(dataset, range(SIZES[_task(dataset)]))


def _task(dataset: Any) -> str:
    task = str(dataset.config_name)
    if task not in SIZES or len(dataset) != SIZES[task]:
        wanted = SIZES.get(task, "no")
        raise DataError(
            f"BBH has {wanted} rows of {task}, not {len(dataset)}", "check the data set"
        )
    return task


def _rows(dataset: Any, numbers: Iterable[int]) -> Any:
    task = _task(dataset)
    chosen = ((number, dataset[number]) for number in numbers)
    return table(
        named({"input": row["input"], "target": row["target"]}, "bbh", number, task)
        for number, row in chosen
    )


@cache
def prompt(task: str) -> str:
    """The task's instruction with three worked examples."""
    description, shots = shots_of(f"bbh/cot_fewshot/{task}.yaml")
    gap = " " if task in SAME_LINE else "\n"
    worked = (
        f"Q: {shot['input']}\nA: Let's think step by step.{gap}{shot['target']}" for shot in shots
    )
    return "\n\n".join((description.strip(), *worked)).strip()


def chat_prompt(row: Row) -> str:
    """What the user says; the answer is made to begin with ``A:``."""
    return f"{prompt(row[GROUP])}\n\nQ: {row['input']}"


def base_prompt(row: Row) -> str:
    """The text that a base model continues."""
    return f"{chat_prompt(row)}\nA:"


def find_answer(output: str) -> str | None:
    """What stands between the first "the answer is" and the next full stop of its line."""
    found = _ANSWER.search(output)
    return (found.group(1).strip() or None) if found else None


score = ExactMatch(find_answer)
