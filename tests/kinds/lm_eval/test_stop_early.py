"""Tasks that end early, and random limits, through the real harness with a scripted generator."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.shared.item_order import random_choice, random_order
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from evalsuite.stopping.rules import EARLY_LOOKS, Stopping, StopRule
from helpers.contexts import make_context, with_options
from helpers.scripted import Scripted
from helpers.tiny_lm import make_tiny_lm

N = 120


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def sums(tmp_path: Path) -> Task:
    path = tmp_path / "test.jsonl"
    rows = [{"q": f"{index} + 1 =", "a": index + 1} for index in range(N)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return make_task(
        name="sums", kind="lm_eval", type="generate", data={"test": path},
        prompt="{{q}}", target="{{a}}", extract="last_number",
    )  # fmt: skip


def right(prompt: str, _: int) -> str:
    return str(number(prompt) + 1)


def number(prompt: str) -> int:
    return int(re.findall(r"\d+", prompt)[-2])


def wrong(_: str, __: int) -> str:
    return "-5"


def run(
    task: Task, checkpoint: Checkpoint, work: Path, answer: Callable[[str, int], str], **given: Any
) -> tuple[Evaluation, list[str]]:
    from transformers import AutoTokenizer

    assert isinstance(task, LmEvalTask)
    work.mkdir(parents=True, exist_ok=True)
    scripted = Scripted(AutoTokenizer.from_pretrained(checkpoint.path), answer)
    context = make_context(checkpoint=checkpoint, workdir=work, **given)
    if context.limit is not None:
        context = with_options(context, limit=context.limit)
    return LmEvalHarness().evaluate(task, scripted, context), scripted.prompts


def stopping(task: Task, baseline: Evaluation, **changes: Any) -> Stopping:
    count = len(baseline.samples)
    rule = StopRule(
        task_hash=task.hash, data=baseline.data.hash, metric="exact_match", sign=1, tolerance=0.03,
        significance=0.05, tests=1, required=True, groups=None, weights=(1.0,) * count,
        samples=tuple(row["sample"] for row in baseline.samples),
        scores=tuple(row["score"] for row in baseline.samples),
    ).model_copy(update=changes)  # fmt: skip
    return Stopping(rules={task.name: rule}, seconds={}, red=None)


def test_a_broken_checkpoint_ends_early_and_is_continued_without_asking_twice(
    sums: Task, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    baseline, _ = run(sums, checkpoint, tmp_path / "base", right)
    rules = stopping(sums, baseline)
    part, asked = run(sums, checkpoint, tmp_path / "work", wrong, stopping=rules)
    ended = part.stopped
    assert ended is not None
    assert (ended.verdict, ended.total, ended.score, ended.baseline) == ("regression", N, 0.0, 1.0)
    assert len(asked) == len(part.samples) == ended.n == ended.lost < N / 3
    assert ended.low == 0.0

    whole, rest = run(sums, checkpoint, tmp_path / "work", wrong)
    assert whole.stopped is None
    assert whole.score == 0.0
    assert sorted(asked + rest) == sorted(run(sums, checkpoint, tmp_path / "again", wrong)[1])


def test_what_is_not_decided_runs_to_its_end_with_the_usual_score(
    sums: Task, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    def some(prompt: str, seed: int) -> str:
        return wrong(prompt, seed) if number(prompt) % 11 == 0 else right(prompt, seed)

    baseline, _ = run(sums, checkpoint, tmp_path / "base", right)
    rules = stopping(sums, baseline, tolerance=0.12)
    looked, asked = run(sums, checkpoint, tmp_path / "work", some, stopping=rules)
    plain, _ = run(sums, checkpoint, tmp_path / "plain", some)
    assert looked.stopped is None
    assert len(asked) == N
    assert looked.score == plain.score == pytest.approx(1 - 11 / N)
    assert looked.samples == plain.samples
    assert looked.details[EARLY_LOOKS]["rule"] == rules.rules["sums"].key
    assert 0 < looked.details[EARLY_LOOKS]["p"] < 0.05


def test_a_baseline_with_other_samples_stops_nothing_and_says_so(
    sums: Task, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    baseline, _ = run(sums, checkpoint, tmp_path / "base", right)
    names = tuple(f"other/{index}" for index in range(N))
    rules = stopping(sums, baseline, samples=names)
    found, _ = run(sums, checkpoint, tmp_path / "work", wrong, stopping=rules)
    assert (found.stopped, found.score) == (None, 0.0)
    assert found.warnings == ("not stopped early: the baseline has other samples",)


def test_another_tasks_regression_ends_a_task_without_a_verdict(
    sums: Task, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    baseline, _ = run(sums, checkpoint, tmp_path / "base", right)
    red = tmp_path / "red"
    red.write_text("other")
    rules = stopping(sums, baseline).model_copy(update={"red": red})
    found, _ = run(sums, checkpoint, tmp_path / "work", right, stopping=rules)
    assert found.stopped is not None
    assert (found.stopped.verdict, found.stopped.n) == (None, 16)


def test_a_limit_chooses_at_random_and_the_old_way_keeps_the_first(
    sums: Task, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    found, asked = run(sums, checkpoint, tmp_path / "a", right, limit=9)
    first, _ = run(sums, checkpoint, tmp_path / "b", right, limit=9, limit_first=True)
    order = random_choice(N, 9, found.data.hash, 42, "sums")
    assert [row["sample"] for row in found.samples] == [f"sums/{index}" for index in order]
    assert (found.n, found.score, len(asked)) == (9, 1.0, 9)
    assert [row["sample"] for row in first.samples] == [f"sums/{index}" for index in range(9)]


def test_the_order_is_of_the_data_and_the_seed() -> None:
    one = random_order(50, "data", 42)
    assert sorted(one) == list(range(50)) != one
    assert one == random_order(50, "data", 42)
    assert one != random_order(50, "other", 42) != random_order(50, "data", 43)
    assert set(random_choice(50, 5, "data", 42)) < set(random_choice(50, 10, "data", 42))
