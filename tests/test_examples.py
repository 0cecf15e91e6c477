"""The examples of docs/tasks.md lie in examples/tasks and run; ``tasks new`` writes them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from evalsuite.commands.requests import RunRequest
from evalsuite.commands.run import run_command
from evalsuite.commands.tasks_new import EXAMPLES, new_task
from evalsuite.errors import ExitCode, UsageError
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.mteb.task import COLUMNS
from evalsuite.registry.load import Registry
from evalsuite.run.options import RunOptions
from evalsuite.sandbox.sandbox import why_unavailable
from evalsuite.store import Store
from helpers.tiny_lm import make_tiny_lm

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "tasks"
PAGE = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")


def test_the_page_shows_the_examples_as_they_are() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    files = {path.name: path.read_text("utf-8") for path in FOLDER.rglob("*.yaml")}
    shown = {name for name, text in files.items() if any(block.endswith(text) for block in blocks)}
    assert shown == files.keys()


def test_the_rows_that_the_page_shows_are_in_the_data() -> None:
    lines = [
        line
        for path in FOLDER.rglob("*.jsonl")
        for line in map(json.loads, path.read_text("utf-8").splitlines())
    ]
    rows = re.findall(r'^(?:`|\w+ +)(\{".*\})`?', PAGE, re.MULTILINE)
    assert len(rows) > 5
    for row in rows:
        assert json.loads(row) in lines, row


def test_every_type_has_an_example() -> None:
    own = {"multiple_choice", "generate", "code"}
    assert {*COLUMNS, *own} <= EXAMPLES.keys()
    registry = Registry.load([FOLDER])
    for type_, name in EXAMPLES.items():
        task = registry.task(name)
        if type_ not in ("beir", "lm_eval"):
            assert task.model_dump()["type"] == type_
        path = FOLDER / f"{name}.yaml"
        assert not path.exists() or len(path.read_text().splitlines()) <= 14


def test_the_short_forms_take_ten_lines_at_most() -> None:
    for name in ("help-search", "ticket-duplicates", "lm_eval/manual"):
        assert len((FOLDER / f"{name}.yaml").read_text().splitlines()) <= 10


@pytest.mark.parametrize("type_", EXAMPLES)
def test_a_new_task_is_complete_by_itself(type_: str, tmp_path: Path) -> None:
    from evalsuite.commands.tasks import validate

    said = new_task(type_, tmp_path / "mine")
    assert f"--tasks-dir {tmp_path / 'mine'} --tasks {EXAMPLES[type_]}" in said
    validate(tmp_path / "mine")
    task = Registry.load([tmp_path / "mine"]).task(EXAMPLES[type_])
    assert isinstance(task, LmEvalTask) == ("demo:smollm2" in said)
    written = [Path(line) for line in said.splitlines()[:-1]]
    assert {path for path in (tmp_path / "mine").rglob("*") if path.is_file()} == set(written)
    before = {path: path.read_bytes() for path in written}
    with pytest.raises(UsageError, match="is there already"):
        new_task(type_, tmp_path / "mine")
    assert {path: path.read_bytes() for path in written} == before


def test_an_unknown_type_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        new_task("retreival", tmp_path)
    assert "did you mean retrieval" in str(raised.value.hint)


@pytest.mark.e2e
def test_all_examples_run(tmp_path: Path) -> None:
    make_tiny_lm(tmp_path / "model", chat=True)
    names = list(EXAMPLES.values())
    if why_unavailable():
        names.remove(EXAMPLES["code"])
    shown = io.StringIO()
    request = RunRequest(
        checkpoints=(str(tmp_path / "model"),),
        suite=None,
        tasks=tuple(names),
        tasks_dirs=(FOLDER,),
        options=RunOptions(device="cpu", engine="transformers"),
        results=tmp_path / "results",
    )
    console = Console(file=shown, width=400)
    code = run_command(request, console, tmp_path / "reports")
    records = {record.signature.task: record for record in Store(tmp_path / "results").records()}
    failed = {name: record.reason for name, record in records.items() if record.score is None}
    assert not failed
    assert records.keys() == set(names)
    # Random weights may answer nothing at all, which makes a score suspect.
    assert code in (ExitCode.OK, ExitCode.SUSPECT), shown.getvalue()


def test_the_suite_of_the_page_is_complete() -> None:
    suite = yaml.safe_load((FOLDER / "suites/mine.yaml").read_text())
    assert set(suite["tasks"]) <= set(EXAMPLES.values())
