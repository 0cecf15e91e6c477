"""Every text task of mteb on made-up data: evalsuite's score against ``mteb.evaluate``'s.

Each task is read by its own loader from data in its layout (``made_up_mteb``), or, where the
loader cannot be followed, given the data in the form that it leaves. Both sides use the same small
encoder. Of tasks with many subsets the first few are scored, and mteb's experiments (draws of
training texts, clusterings) are fewer, on both sides. Writes
``reports/bench/mteb_tasks.{md,json}``::

    python bench/mteb_tasks.py
    python bench/mteb_tasks.py --only 'STSB|BUCC'
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import re
import tempfile
import time
import warnings
import zlib
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":  # before a library reads them; not for tests that import this module
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads wait for each other on a busy machine
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ["HF_HUB_OFFLINE"] = "1"

from common import REPORTS, write_json
from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.engines.protocols import Progress, Rendered, Vectors
from evalsuite.errors import EvalsuiteError
from evalsuite.kinds.base import Context
from evalsuite.kinds.table import make_task

SUBSETS = 3
"""Subsets that are scored at most."""
SAME = 1e-5
DIMENSIONS = 64
ATTEMPTS = 40


def embed(text: str) -> np.ndarray:
    """Counts of hashed words and letter pairs, and a little of the length."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    for word in text.lower().split():
        vector[zlib.crc32(word.encode()) % DIMENSIONS] += 1
        vector[zlib.crc32(word[:2].encode()) % DIMENSIONS] += 0.25
    vector[0] += 0.01 * (1 + len(text))
    return vector


class Words:
    """An engine's encoder."""

    version = "words 1"

    def encode(
        self, texts: list[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        """Embed all texts."""
        if progress is not None:
            progress(len(texts))
        return np.stack([embed(prefix + text) for text in texts])

    def render(self, text: str, prefix: str = "") -> Rendered:
        """The text as it is."""
        return Rendered(prefix + text, (1,), len(prefix))

    def close(self) -> None:
        """Nothing to do."""


def reference_model() -> Any:
    """The same encoder as mteb's own users write one."""
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ModelMeta

    class Reference(AbsEncoder):
        mteb_model_meta = ModelMeta.create_empty(overwrites={"name": "a/b", "revision": "1"})

        def encode(self, inputs: Any, **_: Any) -> np.ndarray:
            return np.stack([embed(text) for batch in inputs for text in batch["text"]])

    return Reference()


def mteb_score(task: Any) -> float:
    """What ``mteb.evaluate`` gives."""
    import mteb

    found = mteb.evaluate(
        reference_model(),
        task,
        cache=None,
        co2_tracker=False,
        encode_kwargs={"batch_size": 64, "show_progress_bar": False},
        show_progress_bar=False,
    )
    return float(found.task_results[0].get_score())


def our_score(name: str, subsets: tuple[str, ...]) -> tuple[float, int, str]:
    """What evalsuite gives: score, number of sample rows, and the main metric."""
    from evalsuite.kinds.mteb.harness import MtebHarness

    checkpoint = Checkpoint(
        name="words",
        source="words",
        path=Path("words"),
        fingerprint="0" * 64,
        kind="encoder",
        evidence=(),
        embedding=EmbeddingProtocol(engine="transformers"),
        chat=None,
    )
    task = make_task(name=f"mteb:{name}", kind="mteb", source=name, subsets=subsets)
    with tempfile.TemporaryDirectory() as work:
        context = Context(checkpoint=checkpoint, workdir=Path(work))
        found = MtebHarness().evaluate(task, Words(), context)
    return found.score, len(found.samples), found.main_metric


def compare(kind: type[Any]) -> dict[str, Any]:
    """Both scores of one task; how its data came in; what went wrong."""
    from made_up_mteb import Hub, loads, served

    name = kind.metadata.name
    chosen = _subsets(kind)
    about = {
        "task": name,
        "type": kind.metadata.type,
        "splits": list(kind.metadata.eval_splits),
        "subsets": f"{len(chosen or kind.metadata.hf_subsets)} of {len(kind.metadata.hf_subsets)}",
    }
    hub = Hub(_fresh(kind, chosen))
    with served(hub):
        expected, why = _through_the_loader(kind, chosen, hub)
        if expected is not None:
            return {**about, "data": "loader", **_ours(name, chosen, expected)}
    with loads(kind):
        try:
            expected = mteb_score(_fresh(kind, chosen))
        except Exception as error:  # noqa: BLE001 - whatever mteb's code raises
            return {**about, "data": "none", "why": f"{why} | {_line(error)}"}
        return {**about, "data": "as loaded", "loader": why, **_ours(name, chosen, expected)}


def _through_the_loader(
    kind: type[Any], chosen: tuple[str, ...], hub: Any
) -> tuple[float | None, str]:
    why = ""
    for _ in range(ATTEMPTS):
        try:
            return mteb_score(_fresh(kind, chosen)), ""
        except Exception as error:  # noqa: BLE001 - whatever a loader raises
            why = _line(error)
            if not hub.learn(error):
                return None, why
    return None, why


def _subsets(kind: type[Any]) -> tuple[str, ...]:
    known = tuple(kind.metadata.hf_subsets)
    return known[:SUBSETS] if len(known) > SUBSETS else ()


def _fresh(kind: type[Any], chosen: tuple[str, ...]) -> Any:
    task = kind(seed=42)
    if chosen:
        task.hf_subsets = list(chosen)
    return task


def _ours(name: str, chosen: tuple[str, ...], expected: float) -> dict[str, Any]:
    try:
        score, rows, metric = our_score(name, chosen)
    except EvalsuiteError as error:
        ours: dict[str, Any] = {"ours": None, "refused": error.line}
        same = math.isnan(expected) and "is not a number" in error.line
    except Exception as error:  # noqa: BLE001 - it is shown in the report
        ours, same = {"ours": None, "failed": _line(error)}, False
    else:
        ours = {"ours": score, "rows": rows, "metric": metric}
        same = abs(score - expected) <= SAME
    return {"mteb": None if math.isnan(expected) else expected, **ours, "same": same}


def _line(error: Exception) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}"[:200]


def page(found: list[dict[str, Any]]) -> str:
    """The report as Markdown."""
    equal = [one for one in found if one.get("same")]
    other = [one for one in found if "same" in one and not one["same"]]
    unread = [one for one in found if one["data"] == "none"]
    ways = Counter(one["data"] for one in equal)
    several = sum(len(one["splits"]) > 1 for one in equal)
    lines = [
        "# Text tasks of mteb on made-up data",
        "",
        (
            f"mteb {version('mteb')}, scikit-learn {version('scikit-learn')}; one encoder on both "
            f"sides; at most {SUBSETS} subsets a task. Written by `bench/mteb_tasks.py`."
        ),
        "",
        (
            f"- {len(found)} text tasks; **{len(equal)} equal to `mteb.evaluate`** (≤ {SAME:g}): "
            f"{ways['loader']} read by their own loader, {ways['as loaded']} given as loaded; "
            f"{several} of them with several splits."
        ),
        f"- {len(other)} differ or fail; {len(unread)} could not be given data on either side.",
        "",
        "| type | tasks | equal | differ or fail | no data |",
        "|---|---|---|---|---|",
    ]
    for kind in sorted({one["type"] for one in found}):
        of = [one for one in found if one["type"] == kind]
        counts = [len(of), *(sum(one in part for one in of) for part in (equal, other, unread))]
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} |")
    for title, part in (("Differ or fail", other), ("Without data", unread)):
        if part:
            lines += ["", f"## {title}", ""]
            lines += [
                f"- {one['task']} ({one['type']}): mteb {one.get('mteb')}, evalsuite "
                f"{one.get('ours')} {one.get('refused', one.get('failed', one.get('why', '')))}"
                for one in part
            ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compare, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a pattern that names of tasks must match")
    parser.add_argument("--out", type=Path, default=REPORTS / "mteb_tasks")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    import datasets
    from mteb.abstasks.classification import AbsTaskClassification
    from mteb.abstasks.clustering import AbsTaskClustering
    from mteb.get_tasks import TASK_LIST

    datasets.disable_progress_bars()
    # Fewer and smaller experiments, on both sides.
    AbsTaskClassification.n_experiments = 3
    AbsTaskClustering.n_clusters = 2
    AbsTaskClustering.max_documents_per_cluster = 256

    kinds = [
        kind
        for kind in TASK_LIST
        if list(kind.metadata.modalities) == ["text"]
        and not hasattr(kind.metadata, "tasks")
        and re.search(options.only, kind.metadata.name)
    ]
    found: list[dict[str, Any]] = []
    for number, kind in enumerate(kinds, start=1):
        started = time.monotonic()
        one = compare(kind)
        found.append(one)
        state = "same" if one.get("same") else json.dumps(one)
        seconds = time.monotonic() - started
        print(f"{number}/{len(kinds)} {one['task']} {seconds:.1f} s {state}", flush=True)
    write_json(options.out.with_suffix(".json"), {"tasks": found})
    options.out.with_suffix(".md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
