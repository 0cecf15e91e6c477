"""Scores that an earlier version stored are found again: nothing is evaluated anew.

The commit before kinds of task had folders of their own wrote ``earlier_store/`` and
``earlier_plan_keys.json``, with the versions of libraries that ``requirements/cpu.lock`` pins.

Of generative tasks on own data, answers are found and compared in another way since: their
signatures say so, and what was stored before is not found again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.models import ChatProtocol, Checkpoint, EmbeddingProtocol
from evalsuite.data import files_info
from evalsuite.judging.judge import Judge
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.run.job import Job
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.planned import GRIT

HERE = Path(__file__).parent
EARLIER = json.loads((HERE / "earlier_plan_keys.json").read_text("utf-8"))
REGISTRY = Registry.load()
TASKS = (
    "smoke-sts",
    "smoke-retrieval",
    "smoke-multiple-choice",
    "smoke-arithmetic",
    "rag-doc-cache",
    "smoke-rerank",
)

pytestmark = pytest.mark.skipif(
    any(metadata.version(name) != version for name, version in EARLIER["versions"].items()),
    reason="other versions of libraries are another score: install requirements/cpu.lock",
)


def test_stored_scores_are_found_again(tmp_path: Path) -> None:
    root = shutil.copytree(HERE / "earlier_store", tmp_path / "results")
    checkpoints = [resolve("demo:minilm"), resolve("demo:smollm2")]
    tasks = [REGISTRY.task(name) for name in TASKS]
    options = RunOptions(
        device="cpu",
        dtype="float32",
        engine="transformers",
        limit=4,
        limit_first=True,
        **EARLIER_DEFAULTS,
    )
    plan = make_plan(checkpoints, tasks, options, REGISTRY, Store(root))
    found = {(job.checkpoint.name, job.task.name) for job in plan.jobs if job.record}
    alone = {("minilm", "smoke-sts"), ("minilm", "smoke-retrieval")}
    kept = [task.name for task in tasks if not scored_anew(task)]
    assert found == alone | {("smollm2", name) for name in kept}
    assert {job.task.name for job in plan.jobs if job.todo} == {
        "smoke-multiple-choice",
        "smoke-arithmetic",
    }


def scored_anew(task: Task) -> bool:
    """Whether answers are scored in another way than by the version that wrote the files here."""
    return task.kind == "lm_eval" and task.data is not None


def earlier_key(job: Job) -> str:
    """The plan key that the version which wrote the files here gave a job."""
    signature = job.signature.before_libraries
    if scored_anew(job.task):
        harness = f"lm-eval {metadata.version('lm-eval')}"
        assert signature.harness == f"{harness}+own-data-3"
        signature = signature.model_copy(update={"harness": harness})
    return signature.plan_key


def _checkpoints() -> list[Checkpoint]:
    grit = Checkpoint(
        name="grit",
        source="grit",
        path=Path("grit"),
        fingerprint="1" * 64,
        kind="grit",
        evidence=(),
        embedding=GRIT,
        chat=ChatProtocol(template="{{ messages }}", template_hash="12345678"),
        max_positions=256,
    )
    sentences = grit.model_copy(
        update={
            "name": "sent",
            "fingerprint": "2" * 64,
            "kind": "sentence-transformers",
            "embedding": EmbeddingProtocol(
                engine="sentence-transformers", pooling="model", instructions="none"
            ),
            "chat": None,
            "cannot": {"generative": "no head"},
            "max_positions": 128,
        }
    )
    causal = grit.model_copy(
        update={
            "name": "causal",
            "fingerprint": "3" * 64,
            "kind": "causal",
            "embedding": EmbeddingProtocol(
                engine="transformers",
                attention="causal",
                pooling="last",
                instructions="e5",
                max_length=512,
                normalize=False,
            ),
            "chat": ChatProtocol(template=None, template_hash="none"),
            "max_positions": 2048,
        }
    )
    return [grit, sentences, causal]


CHECKPOINTS = {checkpoint.name: checkpoint for checkpoint in _checkpoints()}
JUDGE = Judge(model="gpt-4", url="https://api.example.com/v1", order="both")
EARLIER_DEFAULTS: Any = {"prefix_caching": False}
"""What a run did at that time unless it was asked for something else."""
OPTIONS = {
    "plain": RunOptions(device="cpu", dtype="bfloat16", **EARLIER_DEFAULTS),
    "plain quick": RunOptions(device="cpu", dtype="bfloat16", **EARLIER_DEFAULTS),
    "transformers limit": RunOptions(
        device="cpu",
        dtype="float32",
        engine="transformers",
        limit=5,
        limit_first=True,
        seed=7,
        **EARLIER_DEFAULTS,
    ),
    "shots": RunOptions(device="cpu", dtype="float32", shots=1, **EARLIER_DEFAULTS),
    "judge": RunOptions(device="cpu", dtype="bfloat16", judge=JUDGE, **EARLIER_DEFAULTS),
    "rag": RunOptions(
        device="cpu",
        dtype="bfloat16",
        embed_length=64,
        retriever=CHECKPOINTS["sent"],
        **EARLIER_DEFAULTS,
    ),
    "prefix": RunOptions(device="cpu", dtype="bfloat16", prefix_caching=True),
}


def _tasks(label: str) -> list[Task]:
    tasks = [REGISTRY.task(name) for name in sorted(REGISTRY.tasks)]
    if not label.endswith("quick"):
        return tasks
    return [task.quickened() for task in tasks if task.quick]


@pytest.mark.parametrize("group", EARLIER["keys"])
def test_plan_keys_are_those_of_before(group: str, tmp_path: Path) -> None:
    """Of all shipped tasks: by its plan key a score is found again.

    What was stored before signatures named libraries is told apart by the environment it holds.
    """
    label, name = group.split("/")
    plan = make_plan([CHECKPOINTS[name]], _tasks(label), OPTIONS[label], REGISTRY, Store(tmp_path))
    keys = {job.task.name: earlier_key(job)[:16] for job in plan.jobs}
    canonical = json.dumps(keys, sort_keys=True).encode()
    assert hashlib.sha256(canonical).hexdigest()[:16] == EARLIER["keys"][group]


@pytest.mark.parametrize("library", ["scikit-learn", "scipy", "tokenizers"])
def test_an_earlier_score_made_with_another_library_is_another_score(
    tmp_path: Path, library: str
) -> None:
    """scikit-learn 1.9 moves clustering by points; versions are read from the record."""
    store = Store(tmp_path)
    task = REGISTRY.task("smoke-classification")

    def plan() -> Job:
        return make_plan([CHECKPOINTS["sent"]], [task], OPTIONS["plain"], REGISTRY, store).jobs[0]

    job = plan()
    assert library in (job.signature.libraries or "")
    packages = dict(part.split() for part in (job.signature.libraries or "").split(", "))
    earlier = Record.model_validate(
        {
            "status": "scored",
            "checkpoint": CHECKPOINTS["sent"].ref,
            "task": {},
            "signature": job.signature.before_libraries,
            "score": 0.5,
            "data": files_info(task.data or {}),
            "environment": {"packages": packages | {library: "0.1"}},
            "created": "2026-01-01T00:00:00Z",
        }
    )
    store.put(earlier)
    assert plan().todo
    again = earlier.model_copy(update={"environment": {"packages": packages}, "score": 0.6})
    store.put(again)
    assert plan().record == again
