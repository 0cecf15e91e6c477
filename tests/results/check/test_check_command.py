"""``evalsuite check`` and ``baseline`` over stored scores: verdict, exit code, files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from evalsuite.registry.load import Registry
from evalsuite.schema import CheckpointRef, digest
from evalsuite.store import Store
from helpers.command_line import command
from helpers.records import record, scored

REGISTRY = Registry.load()
TASKS = REGISTRY.suite("smoke").tasks
HOSTILE = "b<ad>|\x1b[31m\ufffe"


def values(shift: float = 0.0, seed: int = 5) -> dict[str, np.ndarray]:
    """Scores of 400 samples a task; ``shift`` lowers them in the third one."""
    rng = np.random.default_rng(seed)
    made = {task: rng.random(400) * 0.5 + 0.3 for task in TASKS}
    made[TASKS[2]] = made[TASKS[2]] - shift
    return made


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    store = Store(folder)
    store.prepare()
    noise = np.random.default_rng(6)
    for name, scores in {
        "good": values(),
        "same": values(),
        "worse": values(0.05),
        HOSTILE: values(0.05),
        "part": {task: v for task, v in values().items() if task != TASKS[0]},
        "noisy": {task: v + 0.2 * noise.normal(size=400) for task, v in values().items()},
    }.items():
        for task, column in scores.items():
            known = REGISTRY.task(task)
            made = record(known, float(column.mean()), checkpoint=name, n=400)
            store.put(made, scored(column))
    return folder


def evalsuite(
    *arguments: object, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return command(*arguments, cwd=cwd, **{"COLUMNS": "200", **environment})


def check(results: Path, cwd: Path, candidate: str, *more: object, **environment: str):  # type: ignore[no-untyped-def]
    return evalsuite(
        *("check", "--baseline", "good", "--candidate", candidate, "--out", results, *more),
        cwd=cwd,
        **environment,
    )


def test_the_same_scores_pass(results: Path, tmp_path: Path) -> None:
    done = check(results, tmp_path, "same")
    assert done.returncode == 0, done.stderr
    assert "PASS: 11 of 11 tasks pass" in done.stdout
    assert json.loads((tmp_path / "reports/check/check.json").read_text())["green"] is True


def test_a_drop_is_named_everywhere(results: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = check(results, tmp_path, "worse", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 10
    assert f"REGRESSION: 10 of 11 tasks pass; 1 regression ({TASKS[2]})" in done.stdout
    found = json.loads((tmp_path / "reports/check/check.json").read_text())
    assert (found["verdict"], found["exit_code"], found["green"]) == ("regression", 10, False)
    [line] = [task for task in found["tasks"] if task["verdict"] == "regression"]
    assert line["task"] == TASKS[2]
    assert line["delta"] == pytest.approx(-5, abs=1e-6)
    assert line["samples"] == 400
    markdown = (tmp_path / "reports/check/check.md").read_text()
    assert summary.read_text() == f"before\n{markdown}"
    assert markdown.startswith("## ❌ REGRESSION")
    suite = ET.parse(tmp_path / "reports/check/check.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("11", "1", "0")
    [failed] = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == TASKS[2]


def test_a_missing_required_task_is_never_green(results: Path, tmp_path: Path) -> None:
    done = check(results, tmp_path, "part")
    assert done.returncode == 12
    assert f"1 missing ({TASKS[0]})" in done.stdout
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"required: [{TASKS[1]}]\n")
    assert check(results, tmp_path, "part", "--policy", policy).returncode == 0
    policy.write_text(f"required: [{TASKS[0]}]\nmissing: allow\n")
    assert check(results, tmp_path, "part", "--policy", policy).returncode == 12
    suite = ET.parse(tmp_path / "reports/check/check.xml").getroot()[0]
    assert suite.get("errors") == "1"


def test_inconclusive_is_what_the_policy_says(results: Path, tmp_path: Path) -> None:
    assert check(results, tmp_path, "noisy").returncode == 0
    policy = tmp_path / "policy.yaml"
    policy.write_text("inconclusive: fail\n")
    done = check(results, tmp_path, "noisy", "--policy", policy)
    assert done.returncode == 11
    assert "INCONCLUSIVE: " in done.stdout


def test_a_hostile_name_stays_text(results: Path, tmp_path: Path) -> None:
    done = check(results, tmp_path, HOSTILE)
    assert done.returncode == 10
    assert "\x1b[31m" not in done.stdout
    ET.parse(tmp_path / "reports/check/check.xml")
    assert "<ad>" not in (tmp_path / "reports/check/check.md").read_text()


def test_a_baseline_outlives_its_store(results: Path, tmp_path: Path) -> None:
    set_ = evalsuite("baseline", "set", "main", "good", "--out", results, cwd=tmp_path)
    assert set_.returncode == 0, set_.stderr
    assert "11 scores of good" in set_.stdout
    assert "main  good  all tasks  11 scores" in evalsuite("baseline", "list", cwd=tmp_path).stdout
    shown = evalsuite("baseline", "show", "main", cwd=tmp_path)
    assert shown.stdout.count("task:smoke-") == 11
    other = tmp_path / "other"
    store = Store(other)
    store.prepare()
    for task, column in values(0.05).items():
        known = REGISTRY.task(task)
        made = record(known, float(column.mean()), checkpoint="new", n=400)
        store.put(made, scored(column))
    done = evalsuite(
        "check", "--baseline", "main", "--candidate", other, "--out", "nowhere", cwd=tmp_path
    )
    assert done.returncode == 10, done.stderr
    assert "new against good (main)" in done.stdout
    again = evalsuite("baseline", "set", "main", other, "--suite", "smoke", cwd=tmp_path)
    assert "11 scores of new" in again.stdout
    assert sorted(path.name for path in (tmp_path / "baselines").iterdir()) == ["main"]


def test_a_baseline_that_was_changed_is_refused(results: Path, tmp_path: Path) -> None:
    evalsuite("baseline", "set", "main", "good", "--out", results, cwd=tmp_path)
    changed = next((tmp_path / "baselines/main").glob("*/*.r1.json"))
    changed.write_text(changed.read_text().replace('"score": 0.', '"score": 0.0'))
    done = check(results, tmp_path, "same", "--baseline", "main")
    assert done.returncode == 6
    assert f"{changed.name} has changed; set it again" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("check", "--baseline", "good"), 2, "--candidate"),
        (("check", "--baseline", "good", "--candidate", "wrose"), 2, "did you mean worse?"),
        (("check", "--baseline", "good", "--candidate", "demo:smol"), 3, "demo:smollm2"),
        (
            ("check", "--baseline", "good", "--candidate", "same", "--policy", "no.yaml"),
            2,
            "no.yaml",
        ),
        (
            ("check", "--baseline", "good", "--candidate", "same", "--suite", "smok"),
            2,
            "did you mean smoke",
        ),
        (("baseline", "set", "../x", "good"), 2, "is not a valid name of a baseline"),
        (("baseline", "set", "x", "nobody"), 2, "no scores of 'nobody' are stored here"),
        (("baseline", "show", "x"), 2, "no baseline is called 'x'"),
    ],
)
def test_what_is_wrong_is_one_line(
    results: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    more = () if arguments[:2] == ("baseline", "show") else ("--out", str(results))
    done = evalsuite(*arguments, *more, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_option_of_a_checkpoint_is_refused_where_both_are_stored(
    results: Path, tmp_path: Path
) -> None:
    done = check(results, tmp_path, "same", "--max-length", 64, "--normalize")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--normalize changes nothing: the scores of both sides are stored" in done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run whose checkpoints differ by chance by about 0.03, on the same items."""
    folder = tmp_path_factory.mktemp("run")
    store = Store(folder)
    store.prepare()
    rng = np.random.default_rng(9)
    levels = {100: 0.02, 200: -0.03, 300: 0.03, 400: -0.02, 500: 0.03, 600: -0.04, 700: -0.3}
    base = values()
    for step, level in levels.items():
        for task in TASKS:
            column = base[task] + level + 0.01 * rng.normal(size=400)
            name = f"run/checkpoint-{step}"
            ref = CheckpointRef(
                name=name, fingerprint=digest(name), source=name, kind="grit", step=step
            )
            made = record(REGISTRY.task(task), float(column.mean()), checkpoint=ref, n=400)
            store.put(made, scored(column))
    return folder


def windowed(run: Path, cwd: Path, step: int, *more: object):  # type: ignore[no-untyped-def]
    return evalsuite(
        *("check", "--baseline", "run/checkpoint-500", "--candidate", f"run/checkpoint-{step}"),
        *("--out", run, *more),
        cwd=cwd,
    )


def test_a_dip_within_the_noise_of_a_run_is_no_regression_against_its_last_checkpoints(
    run: Path, tmp_path: Path
) -> None:
    assert windowed(run, tmp_path, 600).returncode == 10  # on the same items, all fell by 0.07
    done = windowed(run, tmp_path, 600, "--baseline-window", 5)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mean of 5 checkpoints up to run/checkpoint-500" in done.stdout
    found = json.loads((tmp_path / "reports/check/check.json").read_text())
    first = found["tasks"][0]
    expected = np.mean(
        [values()[first["task"]].mean() + x for x in (0.02, -0.03, 0.03, -0.02, 0.03)]
    )
    assert first["baseline"] == pytest.approx(100 * expected, abs=0.2)
    assert first["verdict"] == "inconclusive"


def test_a_broken_checkpoint_is_a_regression_against_the_last_ones_too(
    run: Path, tmp_path: Path
) -> None:
    assert windowed(run, tmp_path, 700, "--baseline-window", 5).returncode == 10


def test_a_window_without_a_run_is_refused(run: Path, results: Path, tmp_path: Path) -> None:
    few = windowed(run, tmp_path, 600, "--baseline-window", 6)
    assert few.returncode == 2
    assert "5 checkpoints of its training run up to it are stored" in few.stderr
    early = windowed(run, tmp_path, 600, "--baseline-window", 5, "--stop-early")
    assert early.returncode == 2
    assert "--baseline-window has several" in early.stderr
    alone = check(results, tmp_path, "same", "--baseline-window", 3)
    assert alone.returncode == 2
    assert "no run is stored" in alone.stderr
    named = evalsuite("baseline", "set", "main", "good", "--out", results, cwd=tmp_path)
    assert named.returncode == 0, named.stderr
    done = evalsuite(
        *("check", "--baseline", "main", "--candidate", "same", "--out", results),
        *("--baseline-window", 3),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "'main' is one checkpoint" in done.stderr
