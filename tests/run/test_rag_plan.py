"""Tasks of kind ``rag`` in a plan: an engine of their own, and what their signature says."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.errors import UsageError
from evalsuite.registry.load import Registry
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.store import Store
from helpers.planned import CHECKPOINT

REGISTRY = Registry.load()


def jobs(tmp_path: Path, checkpoint: Checkpoint = CHECKPOINT, **options: object):  # type: ignore[no-untyped-def]
    tasks = [REGISTRY.task(name) for name in ("smoke-reading", "rag-doc-cache", "rag-none")]
    chosen = RunOptions(device="cpu", engine="transformers", **options)  # type: ignore[arg-type]
    return make_plan([checkpoint], tasks, chosen, REGISTRY, Store(tmp_path))


def test_rag_has_a_group_of_its_own(tmp_path: Path) -> None:
    groups = jobs(tmp_path).groups
    assert [(g.needs, [j.task.name for j in g.jobs]) for g in groups] == [
        ("generator", ["smoke-reading"]),
        ("unified", ["rag-doc-cache", "rag-none"]),
    ]


def test_the_signature_says_how_texts_are_embedded(tmp_path: Path) -> None:
    signature = jobs(tmp_path).jobs[1].signature
    assert signature.engine.startswith("transformers-cached ")
    assert (signature.attention, signature.pooling) == ("bidirectional", "mean")
    assert signature.normalize is True
    assert signature.max_length == 256, "all positions, whatever the protocol for MTEB says"
    other = CHECKPOINT.model_copy(update={"name": "finder", "fingerprint": "2" * 64})
    keys = {signature.plan_key}
    for options in ({"embed_length": 100}, {"retriever": other}):
        changed = jobs(tmp_path, **options).jobs[1].signature
        keys.add(changed.plan_key)
    assert len(keys) == 3
    assert changed.retriever is not None
    assert changed.retriever.startswith("finder#22222222")


def test_an_embed_length_beyond_the_positions_is_refused(tmp_path: Path) -> None:
    assert jobs(tmp_path, embed_length=256).jobs[1].signature.max_length == 256
    with pytest.raises(UsageError, match="--embed-length 257 is beyond the 256 positions of tiny"):
        jobs(tmp_path, embed_length=257)
    protocol = EmbeddingProtocol(engine="sentence-transformers", pooling="model")
    cannot = CHECKPOINT.model_copy(update={"embedding": protocol})
    assert jobs(tmp_path, cannot, embed_length=257).jobs[1].skip, "nothing would be embedded"


@pytest.mark.parametrize(
    "update",
    [
        {"embedding": None, "cannot": {"embedding": "it has no weights for that"}},
        {"embedding": EmbeddingProtocol(engine="sentence-transformers", pooling="model")},
    ],
)
def test_what_cannot_be_cached_is_skipped(tmp_path: Path, update: dict[str, object]) -> None:
    reading, *rag = jobs(tmp_path, CHECKPOINT.model_copy(update=update)).jobs
    assert reading.skip is None
    assert all(job.skip for job in rag)
