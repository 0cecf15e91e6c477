"""The command line as a person meets it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import evalsuite
from evalsuite.cli.app import COMMANDS, application
from evalsuite.errors import ExitCode
from evalsuite.registry.load import Registry
from evalsuite.store import Store
from helpers.command_line import command
from helpers.records import suite_records

HEAVY = ("torch", "transformers", "mteb", "lm_eval", "vllm", "pandas", "numpy", "matplotlib")


@pytest.mark.parametrize("arguments", [["--help"], ["tasks", "list"]])
def test_answers_at_once_without_heavy_libraries(arguments: list[str]) -> None:
    code = (
        "import sys; from evalsuite.cli import main\n"
        f"sys.argv = ['evalsuite', *{arguments!r}]\n"
        "try: main()\n"
        f"finally: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    assert "smoke" in done.stdout or "Usage" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--help", "run"], ["--debug", "--help"]])
def test_help_names_all_commands(arguments: list[str]) -> None:
    commands = command(*arguments).stdout.partition("Commands:\n")[2].splitlines()
    assert sorted(line.split()[0] for line in commands) == sorted(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "evalsuite run --ckpt demo:minilm"),
        (["tasks"], "List suites and tasks"),
        (["results"], "Remove stored scores with their samples"),
    ],
)
def test_a_command_alone_prints_help_that_can_be_read(arguments: list[str], words: str) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stderr) == (ExitCode.USAGE, "")
    assert words in done.stdout
    assert len(done.stdout.splitlines()) > 6


def words_of(command_: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The command line as typed of a command and of all below it."""
    yield before
    for name, inner in getattr(command_, "commands", {}).items():
        yield from words_of(inner, (*before, name))


ALL_COMMANDS = list(words_of(typer.main.get_command(application())))


@pytest.mark.parametrize("words", ALL_COMMANDS, ids=" ".join)
def test_every_help_is_there_and_shows_no_type_of_python(words: tuple[str, ...]) -> None:
    short, long = command(*words, "-h"), command(*words, "--help")
    assert (short.returncode, short.stdout) == (0, long.stdout)
    found = re.findall(
        r"<(?:list\[|str|int|float|path|bool|tuple|file|directory)[^>]*>", long.stdout
    )
    assert found == []


@pytest.mark.parametrize("before", [[], ["--debug"]])
def test_only_the_wanted_command_is_built(before: list[str]) -> None:
    for words, built in ((["tasks", "list"], 1), (["taks"], len(COMMANDS))):
        app = application([*before, *words])
        assert len(app.registered_commands) + len(app.registered_groups) == built


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run"], ExitCode.USAGE, "--ckpt"),
        (["run", "--ckpt", "demo:minilmm"], ExitCode.CHECKPOINT, "did you mean demo:minilm"),
        (["run", "--ckpt", "no-such"], ExitCode.CHECKPOINT, "neither a folder"),
        (["run", "--ckpt", "x", "--suite", "smok"], ExitCode.USAGE, "did you mean smoke?"),
        (["run", "--ckpt", "x", "--tasks", "smoke-st"], ExitCode.USAGE, "smoke-sts"),
        (["run", "--ckpt", "x", "--tasks", "foo:bar"], ExitCode.USAGE, "mteb:NAME"),
        (["run", "--ckpt", "x", "--tasks", "mteb:"], ExitCode.USAGE, "mteb:STSBenchmark"),
        (["run", "--ckpt", "x", "--tasks", ","], ExitCode.USAGE, "names no task"),
        (["run", "--ckpt", "x", "--tasks", "smoke"], ExitCode.USAGE, "--suite smoke"),
        (["run", "--ckpt", "x", "--tasks", "smok-*"], ExitCode.USAGE, "did you mean smoke-"),
        (["run", "--ckpt", "runs/a", "runs/b"], ExitCode.USAGE, "quote a pattern: --ckpt 'runs/*'"),
        (["run", "--ckpt", "runs/*"], ExitCode.CHECKPOINT, "there is no folder runs"),
        (
            ["run", "--ckpt", "demo:minilm", "--base", "x", "--tasks", "smoke-sts"],
            ExitCode.USAGE,
            "--base changes nothing: demo:minilm is a full model",
        ),
        (
            ["check", "--candidate", "demo:minilm", "--baseline", "no-such"],
            ExitCode.USAGE,
            "'no-such' is neither a baseline in baselines",
        ),
        (["run", "--ckpt", "x", "--limit", "0"], ExitCode.USAGE, "--limit"),
        (["run", "--ckpt", "x", "--dtype", "fp8"], ExitCode.USAGE, "bfloat16"),
        (["run", "--ckpt", "x", "--suite", "smoke", "--tasks", "a"], ExitCode.USAGE, "exclude"),
        (["run", "--ckpt", "x", "--data", "no-such"], ExitCode.USAGE, "--data"),
        (["run", "--ckpt", "x", "--tasks-dir", "no-such"], ExitCode.USAGE, "not a folder"),
        (["tasks", "show", "smok"], ExitCode.USAGE, "did you mean smoke"),
        (["tasks", "validate", "no-such"], ExitCode.USAGE, "not a folder"),
        (["table", "--out", "no-such"], ExitCode.STORE, "evalsuite run --ckpt"),
        (["tabel"], ExitCode.USAGE, "table"),
        (["table", "--layout", "table9"], ExitCode.USAGE, "'--layout': 'table9' is not one of"),
    ],
)
def test_what_is_wrong_is_one_line_with_a_next_step(
    arguments: list[str], code: ExitCode, words: str, tmp_path: Path
) -> None:
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("evalsuite: ")
    assert words in line
    assert ".;" not in line
    assert not list(tmp_path.iterdir()), "nothing is left behind"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for record in suite_records():
        store.put(record)
    return store.root


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("markdown", "| left "),
        ("latex", r"\toprule"),
        ("html", "<table"),
        ("csv", "left"),
        ("terminal", "left"),
    ],
)
def test_tables_come_from_the_store_alone(results: Path, form: str, words: str) -> None:
    done = command("table", "--suite", "smoke", "--out", str(results), "--format", form)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    assert "right" in done.stdout


def test_a_figure_is_drawn(results: Path, tmp_path: Path) -> None:
    done = command("plot", str(tmp_path / "f.svg"), "--out", str(results))
    assert done.returncode == 0, done.stderr
    assert ">left<" in (tmp_path / "f.svg").read_text()


def test_from_python_the_same(results: Path, tmp_path: Path) -> None:
    frame = evalsuite.load_records(results)
    assert set(frame["checkpoint"]) == {"left", "right"}
    text = evalsuite.table(frame[frame["checkpoint"] == "left"], suite="smoke")
    assert "left" in text
    assert "right" not in text
    assert evalsuite.plot(frame, tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(evalsuite.EvalsuiteError, match="no suite is called"):
        evalsuite.table(frame, suite="smok")


def test_built_in_tasks_and_their_data_are_valid() -> None:
    done = command("tasks", "validate")
    assert done.returncode == 0, done.stderr
    registry = Registry.load()
    assert f"{len(registry.tasks)} tasks, {len(registry.suites)} suites" in done.stdout


@pytest.mark.parametrize("layout", ["table1", "table2", "table3", "table7", "per-dataset"])
def test_a_layout_without_scores_says_what_to_run(results: Path, layout: str) -> None:
    done = command("table", "--layout", layout, "--out", results)
    assert (done.returncode, done.stdout) == (ExitCode.STORE, "")
    assert "no scores of the suite grit" in done.stderr
    assert "run: evalsuite run --ckpt CHECKPOINT --suite grit" in done.stderr


def test_a_table_of_some_checkpoints_best_first_without_notes(results: Path) -> None:
    some = ("--suite", "smoke", "--sort", "Embedding/Avg", "--no-notes", "--format", "markdown")
    shown = command("table", *some, "--out", results).stdout
    assert shown.index("| left") < shown.index("| right")
    assert "signature" not in shown
    assert "right" not in command("table", *some, "--ckpt", "l*", "--out", results).stdout
    refused = command("table", "--tasks", "smoke-*", "--suite", "smoke", "--out", results)
    assert "--tasks is instead of a suite or layout" in refused.stderr
