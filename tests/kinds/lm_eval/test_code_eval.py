"""Code tasks of lm-eval in the sandbox: scores of made-up HumanEval and MBPP items."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import TaskSkipped
from evalsuite.kinds.lm_eval.code_eval import CodeEval, why_not
from evalsuite.kinds.lm_eval.kind import harness_version
from evalsuite.kinds.lm_eval.tasks import load_source
from evalsuite.kinds.table import make_task
from evalsuite.sandbox.sandbox import require_sandbox, why_unavailable
from evalsuite.stats.passes import pass_at

needs_sandbox = pytest.mark.skipif(why_unavailable() is not None, reason="no sandbox here")

HUMANEVAL = [
    {
        "task_id": f"H/{name}",
        "prompt": f'def {name}(n):\n    """{name} n."""\n',
        "canonical_solution": f"    return {right}\n",
        "test": f"def check(candidate):\n    assert candidate(4) == {result}\n",
        "entry_point": name,
    }
    for name, right, result in (
        ("double", "2 * n", 8),
        ("square", "n * n", 16),
        ("half", "n / 2", 2),
    )
]
MBPP = [
    {
        "task_id": number,
        "text": "Write a class Pair and a function first that gives its first item.",
        "code": "class Pair: ...",
        "test_list": ["assert first(Pair(1, 2)) == 1", "assert first(Pair('a', 'b')) == 'a'", ""],
    }
    for number in range(2)
]
PAIR = "class Pair:\n    def __init__(self, a, b):\n        self.a = a\n"


def _mirror(root: Path, name: str, rows: list[dict[str, Any]], config: str) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "README.md").write_text(
        f"---\nconfigs:\n- config_name: {config}\n  data_files:\n"
        "  - {split: test, path: test.jsonl}\n---\n"
    )


def _scores(root: Path, name: str, answers: list[str]) -> list[dict[str, Any]]:
    """What lm-eval's own code makes of answers: its filters, then its metric."""
    loaded = load_source(name, tokenizer=root, data_root=root, shots=None, seed=1234)
    task = loaded.leaves[name]
    task.build_all_requests()
    for instance, answer in zip(task.instances, answers, strict=True):
        instance.resps.append(answer)
    task.apply_filters()
    key = next(iter(task.instances[0].filtered_resps))
    return [task.process_results(one.doc, [one.filtered_resps[key]]) for one in task.instances]


@needs_sandbox
def test_humaneval_scores_programs_as_code_eval_does(tmp_path: Path) -> None:
    _mirror(tmp_path, "openai/openai_humaneval", HUMANEVAL, "openai_humaneval")
    answers = ["    return n + n\n", "    return n\n", "    raise SystemExit(0)\n"]
    found = _scores(tmp_path, "humaneval", answers)
    assert [one["pass@1"] for one in found] == [1.0, 0.0, 0.0]


@needs_sandbox
def test_mbpp_tests_may_use_classes_of_the_program(tmp_path: Path) -> None:
    _mirror(tmp_path, "google-research-datasets/mbpp", MBPP, "full")
    answers = [f"{PAIR}def first(p):\n    return p.a\n", f"{PAIR}def first(p):\n    return 1\n"]
    found = _scores(tmp_path, "mbpp", answers)
    assert [one["pass_at_1"] for one in found] == [1.0, 0.0]


@needs_sandbox
def test_a_program_without_end_and_one_that_writes_files_fail() -> None:
    metric = CodeEval(require_sandbox())
    programs = ["while True: pass", "open('/etc/evalsuite', 'w')", "x = 1"]
    scores, outcomes = metric.compute([programs], ["assert True"], k=[1, 2, 4])
    assert outcomes[0] == ["timeout", "failed", "passed"]
    assert scores == {"pass@1": pytest.approx(1 / 3), "pass@2": pytest.approx(2 / 3)}


@pytest.mark.parametrize(("n", "right"), [(1, 0), (1, 1), (5, 2), (6, 6), (7, 0)])
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(n: int, right: int) -> None:
    for k in range(1, n + 1):
        draws = list(combinations(range(n), k))
        share = math.fsum(any(one < right for one in draw) for draw in draws) / len(draws)
        assert pass_at(k, n, right) == pytest.approx(share, abs=1e-12)


def test_pass_at_more_than_were_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="pass@2 needs 2 programs, not 1"):
        pass_at(2, 1, 1)


def test_tasks_that_run_programs_in_their_own_way_are_skipped(tmp_path: Path) -> None:
    name = "cruxeval_input"
    assert why_not(name) == "lm_eval:cruxeval_input runs generated code outside a sandbox"
    with pytest.raises(TaskSkipped, match="outside a sandbox"):
        load_source(name, tokenizer=tmp_path, data_root=tmp_path, shots=None, seed=1)
    assert why_not("gsm8k") is None


def test_the_signature_says_that_programs_ran_in_the_sandbox() -> None:
    task = make_task(name="h", kind="lm_eval", source="humaneval")
    assert harness_version(task).endswith("+sandbox-1")  # type: ignore[arg-type]
    other = make_task(name="g", kind="lm_eval", source="gsm8k")
    assert "+" not in harness_version(other)  # type: ignore[arg-type]
