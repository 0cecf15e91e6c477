"""HumanEvalSynthesize: programs run in the sandbox, or the task does not run at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.errors import EngineError, TaskSkipped
from evalsuite.kinds.lm_eval.grit import humaneval
from evalsuite.kinds.table import kind_of
from evalsuite.registry.load import Registry
from evalsuite.sandbox import sandbox
from evalsuite.sandbox.sandbox import RunResult, Sandbox, why_unavailable
from helpers.grit_world import checkpoint, hub_dataset, run

needs_sandbox = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

ONE: dict[str, Any] = {
    "task_id": "Python/7",
    "prompt": '\n\ndef one() -> int:\n    """ One. """\n',
    "instruction": "Write one.\n",
    "canonical_solution": "    return 1\n",
    "test": "\ndef check(one):\n    assert one() == 1\n\ncheck(one)",
    "entry_point": "one",
}


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return checkpoint(tmp_path_factory.mktemp("chat"), chat=True)


def one_problem(root: Path) -> Path:
    hub_dataset(root, "bigcode/humanevalpack", {("python", "test"): [ONE]})
    return root


@needs_sandbox
def test_a_right_program_passes_and_a_wrong_one_fails() -> None:
    found = humaneval.score(ONE, [["\n    return 1", "\n    return 2", "\n    return", "return 1"]])
    assert found == {"pass@1": 0.25, "timeouts": 0.0}


@needs_sandbox
def test_pass_at_1_is_the_share_of_programs_that_pass(chat: Checkpoint, tmp_path: Path) -> None:
    def answer(_: str, seed: int) -> str:
        return "\n    return 1\n\nprint(one())" if seed % 2 else "\n    return 2\n"

    data = one_problem(tmp_path)
    evaluation, prompts = run("HumanEvalSynthesize", chat, tmp_path / "w", data, answer)
    header = '\n\ndef one() -> int:\n    """ One. """'
    # The blank lines before the function are part of the header, as in the authors' code.
    assert prompts == [f"<s><|user|>\nWrite one.\n<|assistant|>\n{header}"] * 20
    (row,) = evaluation.samples
    assert row["sample"] == "humaneval/7"
    assert row["response"].count("return 1") == round(20 * evaluation.score)
    assert 0 < evaluation.score < 1
    assert evaluation.metrics["timeouts"] == 0
    settings = evaluation.details["generation"]
    assert (settings["temperature"], settings["top_p"], settings["max_tokens"]) == (0.2, 0.95, 1024)
    assert settings["stop"][:7] == list(humaneval.STOP[:7])


@needs_sandbox
def test_quick_draws_the_first_five(chat: Checkpoint, tmp_path: Path) -> None:
    data = one_problem(tmp_path)
    seeds: list[int] = []

    def answer(_: str, seed: int) -> str:
        seeds.append(seed)
        return "\n    return 1\n"

    run("HumanEvalSynthesize", chat, tmp_path / "full", data, answer)
    full = set(seeds)
    seeds.clear()
    evaluation, _ = run("HumanEvalSynthesize-quick", chat, tmp_path / "quick", data, answer)
    assert evaluation.score == 1
    assert len(full) == 20
    assert len(seeds) == 5
    assert set(seeds) < full


def test_timeouts_and_errors_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = RunResult("timeout")

    class Slow(Sandbox):
        def run(self, program: str, tests: str, **more: str) -> RunResult:
            return outcome

    monkeypatch.setattr(sandbox, "probe", lambda: Slow("bwrap"))
    assert humaneval.score(ONE, [["a", "b"]]) == {"pass@1": 0.0, "timeouts": 1.0}
    outcome = RunResult("error", "bwrap: no namespaces")
    with pytest.raises(EngineError, match="the sandbox failed: bwrap: no namespaces"):
        humaneval.score(ONE, [["a"]])


def test_without_a_sandbox_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "probe", lambda: "no bubblewrap here")
    registry = Registry.load()
    for name in ("HumanEvalSynthesize", "HumanEvalSynthesize-quick"):
        task = registry.task(name)
        assert kind_of(task).blocker(task) == "no bubblewrap here"
    task = registry.task("GSM8K")
    assert kind_of(task).blocker(task) is None
    with pytest.raises(TaskSkipped, match="no bubblewrap here"):
        humaneval.rows([ONE])
