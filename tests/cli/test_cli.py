"""Corners of the command line: files that are wrong, options that are wrong, debugging."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from evalsuite.errors import ExitCode
from evalsuite.store import Store
from helpers.command_line import command
from helpers.records import suite_records


def refused(code: ExitCode, *arguments: str, cwd: Path | None = None) -> str:
    """The one line on standard error."""
    done = command(*arguments, cwd=cwd)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("evalsuite: ")
    return line.removeprefix("evalsuite: ")


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = [{"sentence1": "a", "sentence2": "b", "score": score} for score in (1.5, 2)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "mine.yaml").write_text(
        "name: mine\nkind: mteb\ntype: sts\ndata: {test: rows.jsonl}\n"
    )
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for record in suite_records():
        store.put(record)
    return store.root


def test_the_version() -> None:
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"evalsuite {version('evalsuite')}\n")


def test_a_folder_of_good_tasks(tasks: Path) -> None:
    done = command("tasks", "validate", str(tasks))
    assert done.returncode == 0
    counts = "1 task, 0 suites, 0 instruction sets, 2 rows"
    assert done.stdout == f"{tasks.resolve()}: {counts}\n"


def test_a_folder_with_a_bad_task_names_file_and_line(tasks: Path) -> None:
    (tasks / "bad.yaml").write_text("name: bad\nkind: mteb\nsoruce: STS12\n")
    line = refused(ExitCode.USAGE, "tasks", "validate", str(tasks))
    assert line == f"{tasks}/bad.yaml:3: soruce: is not a known key; did you mean source?"
    assert refused(ExitCode.USAGE, "tasks", "list", "--tasks-dir", str(tasks)) == line


def test_a_folder_with_bad_data_names_file_and_line(tasks: Path) -> None:
    with (tasks / "rows.jsonl").open("a") as stream:
        stream.write("{broken\n")
    line = refused(ExitCode.DATA, "tasks", "validate", str(tasks))
    assert line.startswith(f"{(tasks / 'rows.jsonl').resolve()}:3: not valid JSON")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--ckpt"], "--ckpt"),
        (["run", "--ckpt", "x", "--max-length", "3"], "--max-length"),
        (["run", "--ckpt", "x", "--as", "bert"], "sentence-transformers"),
        (["table", "--format", "pdf"], "markdown"),
        (["table", "--decimals", "x"], "--decimals"),
        (["plot"], "FIGURE"),
        (["tasks", "show"], "NAME"),
        (["--verbose"], "--verbose"),
    ],
)
def test_options_that_are_wrong(arguments: list[str], words: str, tmp_path: Path) -> None:
    assert words.lower() in refused(ExitCode.USAGE, *arguments, cwd=tmp_path).lower()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--wrapper", "gritml", "did you mean gritlm?"),
        ("--instructions", "e5", "needs a wrapper"),
        ("--instructions", "medi3", "no instruction set is called 'medi3'; did you mean medi2"),
        ("--chat-template", "no-such.jinja", "not a readable file"),
    ],
)
def test_protocols_that_cannot_be(option: str, value: str, words: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    header = json.dumps({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + b"\0"
    (folder / "model.safetensors").write_bytes(weights)
    line = refused(ExitCode.USAGE, "run", "--ckpt", "model", option, value, cwd=tmp_path)
    assert words in line
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "nothing was written"


def test_a_figure_of_no_known_form(results: Path, tmp_path: Path) -> None:
    figure = str(tmp_path / "figure.docx")
    line = refused(ExitCode.USAGE, "plot", figure, "--out", str(results))
    assert ".svg" in line


def test_a_table_never_leaves_a_broken_record_out_silently(results: Path) -> None:
    path = next(results.rglob("*.r1.json"))
    path.write_text("{")
    line = refused(ExitCode.STORE, "table", "--out", str(results))
    assert line.startswith(f"{path}: is not a record (not valid JSON)")


def test_a_table_goes_through_a_pipe(results: Path) -> None:
    done = command("table", "--suite", "smoke", "--out", str(results), "--format", "csv")
    head, *rows = done.stdout.splitlines()
    assert head.split(",")[0].lower() == "checkpoint"
    assert len(rows) == 2
    assert done.stderr == ""


def test_debug_shows_where(tmp_path: Path) -> None:
    done = command("--debug", "table", "--out", "no-such", cwd=tmp_path)
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert "StoreError" in done.stderr
