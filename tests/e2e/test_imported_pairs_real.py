"""A measured score and the one that stock lm-eval gives of the same model are paired by sample.

lm-eval's own command line evaluates a tiny model with its ``hf`` model and logs its samples; the
result file is imported beside evalsuite's own record of the same task files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.results.compare.pair import compare
from evalsuite.results.scores import stored_samples
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.tiny_lm import make_tiny_lm

pytestmark = pytest.mark.e2e

DATA = "dataset_path: json\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\n"
TASKS = {
    "own_pick": (
        "output_type: multiple_choice\ndoc_to_text: 'Q: {{q}}'\ndoc_to_choice: o\n"
        "doc_to_target: t\nmetric_list: [{metric: acc, higher_is_better: true}]\n"
    ),
    "own_says": (
        "output_type: generate_until\ndoc_to_text: 'Say {{q}}'\ndoc_to_target: '{{q}}'\n"
        "generation_kwargs: {until: ['x'], max_gen_toks: 8, do_sample: false}\n"
        "metric_list: [{metric: exact_match, higher_is_better: true}]\n"
    ),
    "own_text": (
        "output_type: loglikelihood\ndoc_to_text: '{{q}}'\ndoc_to_target: ' {{o[0]}}'\n"
        "metric_list: [{metric: acc, higher_is_better: true}]\n"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, task files, and a store with the scores of both sides."""
    made = tmp_path_factory.mktemp("pairs")
    make_tiny_lm(made / "tiny")
    home = made / "tasks" / "lm_eval"
    home.mkdir(parents=True)
    words = ["river", "stone", "cloud", "market", "engine", "violin", "harbour", "pepper"]
    rows = [
        {"q": f"{word} {n}", "o": [word, words[n - 1], words[n - 2]], "t": n % 3}
        for n, word in enumerate(words)
    ]
    (home / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, text in TASKS.items():
        (home / f"{name}.yaml").write_text(f"task: {name}\n{DATA}{text}")
    return made


def run(command: list[str], cwd: Path) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True, text=True, check=False, timeout=600, cwd=cwd, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def records(folder: Path) -> dict[tuple[str, bool], Record]:
    """Task, and whether the record is imported → the record."""
    run(
        ["lm_eval", "--model", "hf", "--model_args", "pretrained=../../tiny,dtype=float32",
         "--tasks", ",".join(TASKS), "--include_path", ".", "--device", "cpu",
         "--batch_size", "4", "--log_samples", "--output_path", str(folder / "theirs")],
        folder / "tasks" / "lm_eval",
    )  # fmt: skip
    [results] = (folder / "theirs").rglob("results_*.json")
    names = ",".join(f"lm_eval:{name}" for name in TASKS)
    run(
        ["evalsuite.cli", "run", "--ckpt", "tiny", "--tasks", names, "--tasks-dir", "tasks",
         "--engine", "transformers", "--device", "cpu", "--dtype", "float32"],
        folder,
    )  # fmt: skip
    run(["evalsuite.cli", "import", "lm-eval", str(results), "--name", "theirs"], folder)
    found = {
        (record.signature.task.removeprefix("lm_eval:"), record.origin is not None): record
        for record in Store(folder / "results").records()
    }
    assert len(found) == 2 * len(TASKS)
    return found


@pytest.mark.parametrize("task", TASKS)
def test_samples_are_paired_and_alike(
    task: str, folder: Path, records: dict[tuple[str, bool], Record]
) -> None:
    load = stored_samples(Store(folder / "results"))
    mine, theirs = records[task, False], records[task, True]
    found = compare(mine, theirs, (load(mine), load(theirs)))
    assert found.note == ""
    assert (found.samples, found.won, found.lost, found.delta) == (8, 0, 0, 0.0)


def test_the_command_pairs_them(folder: Path, records: object) -> None:
    del records
    shown = run(["evalsuite.cli", "compare", "tiny", "theirs"], folder)
    assert "not paired" not in shown
    assert all(name in shown for name in TASKS)
