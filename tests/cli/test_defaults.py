"""Settings of the environment and the project file, as the real command line takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.cli.completion import checkpoint_names, suite_names, task_names
from evalsuite.doctor.project import project_findings
from evalsuite.errors import ExitCode, UsageError
from evalsuite.project.file import find_project
from evalsuite.project.settings import expanded, given
from evalsuite.registry.load import Registry
from evalsuite.store import Store
from helpers.command_line import command
from helpers.page_store import fill, make_records


def project(folder: Path, text: str) -> Path:
    path = folder / "evalsuite.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    for name in ("typed", "variable", "file", "results"):
        fill(Store(folder / name), make_records((name,)))
    return folder


def shown(stores: Path, *arguments: object, **environment: str) -> str:
    """The only checkpoint of the store that a command reads: each is named as its store."""
    done = command("results", "ls", *arguments, "--json", cwd=stores, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    (name,) = {line["checkpoint"] for line in found["records"]}
    return str(name)


def test_the_command_line_goes_before_the_variable_and_the_file(stores: Path) -> None:
    assert shown(stores) == "results"
    path = project(stores, 'store = "file"\n')
    try:
        assert shown(stores) == "file"
        assert shown(stores, EVALSUITE_STORE="variable") == "variable"
        assert shown(stores, "--out", "typed", EVALSUITE_STORE="variable") == "typed"
        below = stores / "file"
        done = command("results", "ls", cwd=below)  # relative to the file's folder
        assert done.stdout.startswith("file ")
    finally:
        path.unlink()


def test_a_suite_of_the_project_gives_way_to_tasks(stores: Path, tmp_path: Path) -> None:
    project(tmp_path, f'suite = "smoke"\nstore = "{stores / "results"}"\n')
    whole = json.loads(command("table", "--json", cwd=tmp_path).stdout)
    assert whole["title"] == "smoke"
    some = json.loads(command("table", "--json", "--tasks", "smoke-sts", cwd=tmp_path).stdout)
    assert [column["label"] for column in some["columns"]] == ["smoke-sts"]
    done = command("claims", "results", cwd=tmp_path)  # the paper's claims keep their suite
    assert "no scores of 'results' are stored here" in done.stderr  # none of the suite grit


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('\nsuit = "smoke"\n', ":2: unknown key 'suit'; did you mean suite?"),
        ('store = "a"\n\n[checkpoint]\na = ["b"]\n', ":3: unknown key 'checkpoint'"),
        ('store = "a"\nsuite = 3\n', ":2: suite: Input should be a valid string"),
        ('suite = "a\n', "is not valid TOML"),
        ('suite = "a"\nsuite = "b"\n', "is not valid TOML"),
        ('[checkpoints]\na = "b"\n', ":2: checkpoints.a: "),
    ],
)
def test_a_wrong_file_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    path = project(tmp_path, text)
    inner = tmp_path / "deep" / "er"
    inner.mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        find_project(inner)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
    done = command("tasks", "list", "--json", cwd=inner)
    assert done.returncode == ExitCode.USAGE
    assert json.loads(done.stdout)["kind"] == "usage"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 100_000, b"x" * 600_000])
def test_no_content_of_a_file_is_a_traceback(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evalsuite.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"evalsuite\.toml"):
        find_project(tmp_path)


def test_lists_of_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    project(tmp_path, '[checkpoints]\nnight = ["model", "runs/*", "org/name"]\n')
    here = str(tmp_path)
    wanted = (f"{here}/model", f"{here}/runs/*", "org/name")
    assert expanded(("@night",), tmp_path) == wanted
    assert expanded(("a", "@night"), tmp_path) == ("a", *wanted)
    with pytest.raises(UsageError, match="did you mean night"):
        expanded(("@nigth",), tmp_path)
    done = command("run", "--ckpt", "@night", cwd=tmp_path)
    assert done.returncode == ExitCode.CHECKPOINT
    assert str(tmp_path / "runs") in done.stderr


def test_several_values(tmp_path: Path) -> None:
    project(tmp_path, 'tasks-dir = ["a", "/b"]\nlog = ["wandb:x"]\npolicy = "p.yaml"\n')
    found = given({}, find_project(tmp_path))
    assert found["tasks-dir"].value == (str(tmp_path / "a"), "/b")
    assert found["policy"].value == str(tmp_path / "p.yaml")
    other = {
        "EVALSUITE_TASKS_DIR": "x:y",
        "EVALSUITE_LOG": "mlflow, trackio:p",
        "EVALSUITE_DATA": "",
    }
    found = given(other, find_project(tmp_path))
    assert found["tasks-dir"].value == ("x", "y")
    assert found["log"].value == ("mlflow", "trackio:p")
    assert "data" not in found


def test_the_doctor_says_what_comes_from_where(tmp_path: Path) -> None:
    path = project(tmp_path, 'suite = "team"\nstore = "s"\n')
    environment = {"EVALSUITE_STORE": "/v", "EVALSUITE_SUIT": "x", "EVALSUITE_PATIENCE": "5"}
    lines = [one.line for one in project_findings(find_project(tmp_path), environment)]
    assert f"ok    settings: suite = team ({path})" in lines
    assert "ok    settings: store = /v (EVALSUITE_STORE)" in lines
    (warning,) = [line for line in lines if line.startswith("warn")]
    assert "EVALSUITE_SUIT is set and nothing reads it" in warning
    assert "EVALSUITE_SUITE" in warning


def test_names_that_are_offered_are_those_that_exist(stores: Path) -> None:
    registry = Registry.load()
    assert sorted(task_names()) == sorted(registry.tasks)
    assert sorted(suite_names()) == sorted(registry.suites)
    assert checkpoint_names(stores / "file") == ["file"]
    assert checkpoint_names(stores / "nothing") == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("evalsuite ta", ["table", "tasks"]),
        ("evalsuite table --sui", ["--suite"]),
        ("evalsuite table --suite smoke-g", ["smoke-generative"]),
        ("evalsuite tasks show smoke-st", ["smoke-sts"]),
        ("evalsuite run --tasks smoke-sts,smoke-cod", ["smoke-sts,smoke-code"]),
        ("evalsuite run --ckpt demo:m", ["demo:minilm"]),
        ("evalsuite compare fi", ["file"]),
    ],
)
def test_tab_offers(stores: Path, line: str, offered: list[str]) -> None:
    asked = {"_EVALSUITE_COMPLETE": "complete_bash", "COMP_WORDS": line}
    place = str(len(line.split()) - 1)
    done = command(cwd=stores, EVALSUITE_STORE="file", COMP_CWORD=place, **asked)
    assert done.stdout.split() == offered
    zsh = {"_EVALSUITE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line}
    done = command(cwd=stores, EVALSUITE_STORE="file", **zsh)
    assert all(name.replace(":", "\\\\:") in done.stdout for name in offered), done.stdout


def test_a_script_for_the_shell_is_shown() -> None:
    done = command("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_EVALSUITE_COMPLETE=complete_bash" in done.stdout
