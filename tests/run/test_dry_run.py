"""What is said, and with which exit code, before anything runs."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from evalsuite.checkpoint.models import CheckpointOptions
from evalsuite.cli.app import application
from evalsuite.commands.requests import RunRequest
from evalsuite.commands.run import prepare, run_command
from evalsuite.errors import ExitCode, UsageError
from evalsuite.judging.judge import Judge
from evalsuite.run.options import RunOptions
from helpers.tiny_lm import make_tiny_lm


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny_lm(folder)
    return str(folder)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """``beir`` has a corpus whose ids are called ``_id``; ``mapped`` says so."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "c.jsonl").write_text(json.dumps({"_id": "a", "title": "", "text": "b"}) + "\n")
    (folder / "q.jsonl").write_text(json.dumps({"question": "c?", "answers": ["b"]}) + "\n")
    plain = "kind: rag\nrag: {method: none}\ndata: {corpus: c.jsonl, questions: q.jsonl}\n"
    (folder / "beir.yaml").write_text(f"name: beir\n{plain}")
    (folder / "mapped.yaml").write_text(f"name: mapped\n{plain}columns: {{id: _id}}\n")
    return folder


def dry_run(model: str, *names: str, **further: Any) -> tuple[ExitCode, str]:
    shown = io.StringIO()
    request = RunRequest(checkpoints=(model,), suite=None, tasks=names, **further)
    code = run_command(request, Console(file=shown, width=400), dry_run=True)
    return code, shown.getvalue()


CPU = RunOptions(device="cpu", engine="transformers")


def test_a_dry_run_that_cannot_show_a_task_fails(model: str, tasks: Path) -> None:
    code, text = dry_run(model, "beir", "mapped", tasks_dirs=(tasks,), options=CPU)
    assert code is ExitCode.DATA
    assert text.count("cannot be shown: ") == 1
    assert "column 'id' is missing" in text
    assert "c?" in text, "the other task is shown all the same"


def test_a_dry_run_that_shows_all_is_fine(model: str, tasks: Path) -> None:
    code, text = dry_run(model, "mapped", tasks_dirs=(tasks,), options=CPU)
    assert (code, "cannot be shown" in text) == (ExitCode.OK, False)
    assert text.count("taken as causal (architecture LlamaForCausalLM") == 1


def test_a_dry_run_says_by_its_code_that_data_is_missing(model: str, tmp_path: Path) -> None:
    options = CPU.model_copy(update={"data_root": tmp_path})
    code, text = dry_run(model, "STS12", options=options)
    assert code is ExitCode.DATA
    assert "skipped: no data" in text


def test_tasks_that_the_set_lacks_are_named_in_one_line(model: str) -> None:
    chosen = CheckpointOptions(instructions="e5", wrapper="gritlm", kind="causal")
    code, text = dry_run(model, "smoke-sts", options=CPU, checkpoint_options=chosen)
    assert code is ExitCode.OK
    line = "instruction set e5 lacks 1 task, run with their own text: smoke-sts"
    assert text.count(line) == 1
    assert "|instr:e5(task)|" in text


@pytest.mark.parametrize(
    ("options", "quick", "task", "option"),
    [
        ({"embed_length": 64}, False, "smoke-sts", "--embed-length"),
        ({"judge": Judge(model="m")}, False, "smoke-sts", "--judge"),
        ({"shots": 1}, False, "smoke-arithmetic", "--shots"),
        ({}, True, "smoke-sts", "--quick"),
    ],
)
def test_an_option_that_no_task_uses_is_refused(
    options: dict[str, Any], quick: bool, task: str, option: str
) -> None:
    request = RunRequest(
        checkpoints=("not looked at",),
        suite=None,
        tasks=(task,),
        quick=quick,
        options=RunOptions(**options),
    )
    with pytest.raises(UsageError, match=f"^{option} changes nothing: none of the tasks"):
        prepare(request)


def test_an_order_without_a_judge_is_refused() -> None:
    with pytest.raises(UsageError, match="--judge-order without --judge"):
        application()(["run", "--ckpt", "x", "--judge-order", "both"], standalone_mode=False)


@pytest.mark.parametrize(
    ("command", "target"),
    [
        (["run", "--ckpt", "x"], "run.run_command"),
        (["check", "--candidate", "x", "--baseline", "y"], "check.check_command"),
    ],
)
@pytest.mark.parametrize("seed", [None, 7])
def test_the_seed_reaches_the_run(
    monkeypatch: pytest.MonkeyPatch, command: list[str], target: str, seed: int | None
) -> None:
    requests: list[Any] = []

    def heard(request: Any, *rest: Any, **more: Any) -> ExitCode:
        requests.append(request)
        return ExitCode.OK

    monkeypatch.setattr(f"evalsuite.commands.{target}", heard)
    given = ["--seed", str(seed)] if seed else []
    with suppress(typer.Exit):
        application()([*command, *given], standalone_mode=False)
    [request] = requests
    assert request.options.seed == (seed or 42)
