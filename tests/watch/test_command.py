"""``evalsuite watch`` with real checkpoints of a tiny model; their scores are made up."""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evalsuite.checkpoint import resolve
from evalsuite.commands import check, watch_checkpoint
from evalsuite.commands.requests import RunRequest, WatchRequest
from evalsuite.commands.run import prepare
from evalsuite.commands.watch import watch_command
from evalsuite.errors import CheckpointError, ExitCode, StoreError, UsageError
from evalsuite.options import from_options
from evalsuite.run.run import RunResult
from evalsuite.store import Store
from helpers.records import record
from helpers.tiny_lm import make_tiny_lm
from helpers.training import ScriptedClock, write_checkpoint
from watch.conftest import PACE

TASK = "smoke-arithmetic"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    make_tiny_lm(path)
    return path


@pytest.fixture(scope="module")
def other_model(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with one layer."""
    from transformers import LlamaForCausalLM

    path = tmp_path_factory.mktemp("models") / "other"
    shutil.copytree(model, path)
    LlamaForCausalLM.from_pretrained(model, num_hidden_layers=1).save_pretrained(path)
    return path


class Command:
    """A call of the command; evaluations store a score without an engine."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.runs, self.results = root, root / "run", root / "results"
        self.runs.mkdir()
        self.clock = ScriptedClock(time.time())
        self.printed = ""
        self.while_evaluating: Callable[[], object] = lambda: None
        patch.setenv("EVALSUITE_CACHE", str(root / "cache"))
        for module in (watch_checkpoint, check):
            patch.setattr(module, "evaluate_request", self.evaluate)
        self.scores: dict[int | None, float] = {}
        """Step → score, where it is not 0.5."""
        (root / "suites").mkdir()
        (root / "suites" / "one.yaml").write_text(f"name: one\ntasks: [{TASK}]\n")
        self.policy = root / "policies" / "one.yaml"
        self.policy.parent.mkdir()
        self.policy.write_text("suite: one\ntolerance: {default: 3.0}\nrequired: baseline\n")

    def evaluate(self, request: RunRequest, console: Console) -> RunResult:
        found = prepare(request)
        (checkpoint,) = found.checkpoints
        score = self.scores.get(checkpoint.step, 0.5)
        made = record(found.tasks[0], score, checkpoint=checkpoint.ref, stderr=0.01, n=1000)
        Store(request.results).put(made)
        self.while_evaluating()
        return RunResult((made,))

    def save(self, model: Path, step: int, change: int = 0) -> Path:
        """Save a model as a checkpoint; ``change`` makes its bytes differ."""
        path = self.runs / f"checkpoint-{step}"
        shutil.copytree(model, path)
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps({**config, "note": change}))
        (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        return path

    def __call__(self, folder: Path | None = None, **options: Any) -> ExitCode:
        given = {"suite": "one", "tasks_dirs": [self.root], "results": self.results}
        request = from_options(WatchRequest, {**given, "reports": self.root / "rep", **options})
        console = Console(file=io.StringIO(), width=200)
        try:
            return watch_command(folder or self.runs, request, console, self.clock, PACE)
        finally:
            assert isinstance(console.file, io.StringIO)
            self.printed = console.file.getvalue()

    @property
    def stored(self) -> dict[str, int | None]:
        """Name → step of the checkpoints with a record."""
        found = Store(self.results).records()
        return {one.checkpoint.name: one.checkpoint.step for one in found}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(tmp_path, monkeypatch)


def test_records_table_and_curve_name_the_original(command: Command, model: Path) -> None:
    for step in (5, 10):
        command.save(model, step, change=step)
    assert command(once=True) is ExitCode.OK
    assert command.stored == {"run-checkpoint-5": 5, "run-checkpoint-10": 10}
    found = {one.checkpoint.source: one.checkpoint for one in Store(command.results).records()}
    assert found.keys() == {str(command.runs / f"checkpoint-{step}") for step in (5, 10)}
    for source, stored in found.items():  # as evaluated without a watch
        itself = resolve(source)
        assert (itself.fingerprint, itself.name) == (stored.fingerprint, stored.name)
    reports = command.root / "rep" / "watch" / "run"
    assert "run-checkpoint-10" in (reports / "table.md").read_text()
    assert (reports / "steps.svg").is_file()


def test_one_that_cannot_be_loaded_is_told_and_the_next_one_evaluated(
    command: Command, model: Path, tmp_path: Path
) -> None:
    path = command.save(model, 5, change=5)
    (path / "tokenizer.json").unlink()
    command.save(model, 10)
    told = tmp_path / "told"
    options = {"once": True, "hook": [f"cat >> {told}; echo >> {told}"]}
    assert command(**options) is ExitCode.CHECKPOINT
    events = [json.loads(line) for line in told.read_text().splitlines()]
    assert [(one["step"], one["result"]) for one in events] == [(5, "refused"), (10, "evaluated")]
    assert str(path) in events[0]["line"]
    assert events[1]["scores"] == {TASK: 0.5}
    # The next call tries it again, and does not repeat what it has told.
    assert command(**options) is ExitCode.CHECKPOINT
    assert len(told.read_text().splitlines()) == 2
    shutil.copyfile(model / "tokenizer.json", path / "tokenizer.json")
    assert command(**options) is ExitCode.OK
    assert command.stored["run-checkpoint-5"] == 5
    assert command(until=10) is ExitCode.OK


def test_another_model_in_between_is_left_out(
    command: Command, model: Path, other_model: Path
) -> None:
    command.save(model, 5)
    command.save(other_model, 10)
    command.save(model, 15, change=15)
    assert command(once=True) is ExitCode.OK
    assert command.stored == {"run-checkpoint-5": 5, "run-checkpoint-15": 15}
    assert "left out: it is LlamaForCausalLM with 1 layers" in command.printed


def test_the_same_bytes_again(command: Command, model: Path) -> None:
    command.save(model, 5)
    command.save(model, 10)
    assert command(once=True) is ExitCode.OK
    assert command.stored == {"run-checkpoint-5": 5}
    assert "the same bytes as run-checkpoint-5" in command.printed


def test_a_checkpoint_that_is_written_anew_while_it_is_read(command: Command, model: Path) -> None:
    path = command.save(model, 5)
    content = json.loads((path / "config.json").read_text())

    def write_anew() -> None:
        command.while_evaluating = lambda: None
        (path / "config.json").write_text(json.dumps({**content, "note": "longer"}))

    command.while_evaluating = write_anew
    assert command(once=True) is ExitCode.OK
    (kept,) = Store(command.results).records()  # that of the second reading
    assert "written anew" in command.printed
    assert kept.checkpoint.name == "run-checkpoint-5"


def test_a_checkpoint_beyond_its_budget(command: Command, model: Path) -> None:
    command.save(model, 5)
    command.while_evaluating = partial(time.sleep, 30)
    assert command(once=True, budget=1.5) is ExitCode.MISSING
    assert "1 of 1 tasks scored within the budget" in command.printed


def test_a_failing_hook_ends_nothing(command: Command, model: Path) -> None:
    command.save(model, 5)
    assert command(once=True, hook=["exit 9"]) is ExitCode.OK
    assert "exit code 9; the watch goes on" in command.printed


def test_a_baseline_in_the_watched_folder_may_be_deleted(command: Command, model: Path) -> None:
    asked = {"once": True, "baseline": str(command.runs / "checkpoint-5")}
    command.save(model, 5)
    assert command(once=True) is ExitCode.OK
    shutil.rmtree(command.runs / "checkpoint-5")
    command.save(model, 10, change=10)
    command.evaluate(  # what the check's own evaluation would store
        RunRequest(
            checkpoints=(str(command.runs / "checkpoint-10"),),
            suite="one",
            tasks_dirs=(command.root,),
            results=command.results,
        ),
        Console(quiet=True),
    )
    shutil.rmtree(command.runs / "checkpoint-10")
    assert command(**asked) is ExitCode.OK


def test_the_last_good_checkpoints_are_the_baseline(command: Command, model: Path) -> None:
    """A red one is compared and left out of the window of the next."""
    command.scores = {10: 0.51, 15: 0.49, 20: 0.2, 25: 0.505, 30: 0.25}
    for step in range(5, 35, 5):
        command.save(model, step, change=step)
    told = command.root / "told"
    options = {"once": True, "baseline_window": 3, "policy": str(command.policy)}
    assert command(**options, hook=[f"cat >> {told}; echo >> {told}"]) is ExitCode.REGRESSION
    events = {one["step"]: one for one in map(json.loads, told.read_text().splitlines())}
    assert [events[step]["verdict"] for step in (5, 10, 15)] == [None] * 3
    assert "no verdict before 3 good checkpoints: 2 so far" in events[15]["line"]
    red = {step for step, one in events.items() if one["exit_code"] == ExitCode.REGRESSION}
    assert red == {20, 30}
    written = command.root / "rep" / "watch" / "run"
    baselines = {
        step: json.loads((written / events[step]["name"] / "check.json").read_text())["baseline"]
        for step in (20, 25, 30)
    }
    assert baselines[20] == baselines[25] == "mean of 3 checkpoints up to run-checkpoint-15"
    assert baselines[30] == "mean of 3 checkpoints up to run-checkpoint-25"


def test_no_checkpoint_comes(command: Command) -> None:
    with pytest.raises(CheckpointError, match="nothing new for 30 s"):
        command(timeout=30.0)
    write_checkpoint(command.runs, 7, state=False)
    with pytest.raises(CheckpointError, match=r"has no trainer_state\.json yet"):
        command(timeout=100.0)
    assert command(once=True) is ExitCode.OK


def test_no_folder(command: Command) -> None:
    missing = command.root / "missing"
    with pytest.raises(UsageError, match="is not there"):
        command(missing)
    with pytest.raises(CheckpointError, match="nothing new for 5 s"):
        command(missing, timeout=5.0)
    with pytest.raises(UsageError, match="is a file"):
        command(command.root / "suites" / "one.yaml")


def test_a_folder_that_comes_later(command: Command, model: Path) -> None:
    command.runs.rmdir()
    command.clock.at(20, partial(command.save, model, 5))
    assert command(timeout=60.0, until=5) is ExitCode.OK
    assert command.stored == {"run-checkpoint-5": 5}


def test_a_store_of_a_later_version(command: Command) -> None:
    folder = command.results / "m-00000000"
    folder.mkdir(parents=True)
    (folder / "t.00000000.r1.json").write_text('{"schema_version": 999}')
    with pytest.raises(StoreError, match="schema 999"):
        command(once=True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"policy": "smoke"}, "--policy changes nothing"),
        ({"stop_early": True}, "--stop-early needs --baseline"),
        ({"stop_early": True, "baseline_window": 3}, "--baseline-window has several"),
        ({"baseline_window": 2}, "greater than or equal to 3"),
        ({"suite": "smok"}, "did you mean smoke"),
        ({"webhook": ["example.org"]}, "http"),
        ({"baseline": "nothing"}, "neither a baseline"),
        ({"baseline": "main", "policy": "nothing.yaml"}, "nothing.yaml"),
        ({"every": 0}, "every"),
    ],
)
def test_wrong_options(options: dict[str, Any], why: str, command: Command) -> None:
    with pytest.raises(UsageError, match=why):
        command(once=True, **options)
