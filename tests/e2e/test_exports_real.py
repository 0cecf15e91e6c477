"""Exports that mteb's and lm-eval's own readers read back to the same scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalsuite.commands.export import export_command
from evalsuite.importers.mteb import read_mteb
from evalsuite.importers.storing import put_new
from evalsuite.registry.load import Registry
from evalsuite.store import Store
from tests.helpers.records import record

pytestmark = pytest.mark.e2e


def export(name: str, store: Store, folder: Path) -> list[str]:
    lines: list[str] = []
    export_command(
        name,
        folder,
        store.root,
        Registry(),
        suite=None,
        checkpoints=(),
        tasks=(),
        card=None,
        say=lines.append,
    )
    return lines


@pytest.mark.realdata
def test_mteb_loads_and_aggregates_the_export(shared_data: Path, tmp_path: Path) -> None:
    from mteb.cache import ResultCache
    from mteb.models import ModelMeta

    source = next(p for p in sorted((shared_data / "mteb-results").iterdir()) if p.is_dir())
    store = Store(tmp_path / "results")
    put_new(store, read_mteb(source, Registry()))
    export("mteb", store, tmp_path / "cache")
    (meta,) = (tmp_path / "cache").rglob("model_meta.json")
    content = ModelMeta.model_validate_json(meta.read_text())
    ours = {r.signature.task.removeprefix("mteb:"): r for r in store.records()}
    wanted = {task: one for task, one in ours.items() if one.main_metric == one.leaderboard_metric}
    tasks = [path.stem for path in meta.parent.glob("*.json") if path.stem in wanted][:8]
    assert len(tasks) > 4
    loaded = ResultCache(tmp_path / "cache").load_results(models=[str(content.name)], tasks=tasks)
    (model,) = loaded.model_results
    assert model.model_name == content.name
    found = {result.task_name: result.get_score() for result in model.task_results}
    assert found == pytest.approx({task: wanted[task].score for task in tasks}, abs=1e-5)


def test_lm_eval_makes_its_table_of_the_export(tmp_path: Path) -> None:
    from lm_eval.utils import (
        get_file_datetime,
        get_results_filenames,
        get_sample_results_filenames,
        make_table,
    )

    store = Store(tmp_path / "results")
    results = {"quiz": {"alias": "quiz", "acc,none": 0.5, "acc_stderr,none": 0.25}}
    raw = {"results": results, "versions": {"quiz": 1}, "n-shot": {"quiz": 3}}
    more = {"world": "generative", "direction": "higher", "estimator": "mean", "n": 2}
    sample = {"group": "", "prompt": "Q", "target": "A", "response": "", "parsed": True}
    rows = [{"sample": f"quiz/{n}", "score": float(n), "extracted": "", **sample} for n in range(2)]
    store.put(record("lm_eval:quiz", 0.5, metric="acc", raw=raw, **more), rows)
    export("lm-eval", store, tmp_path / "out")
    names = [str(path) for path in (tmp_path / "out").rglob("*.json*")]
    (file,), (samples,) = get_results_filenames(names), get_sample_results_filenames(names)
    assert get_file_datetime(file).removesuffix(".json") == get_file_datetime(samples)
    table = make_table(json.loads(Path(file).read_text()))
    (row,) = (line for line in table.splitlines() if line.startswith("|quiz"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:5] == ["quiz", "1", "none", "3", "acc"]
    assert (float(cells[6]), float(cells[8])) == (0.5, 0.25)
