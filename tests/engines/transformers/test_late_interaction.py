"""The late-interaction encoder and its search give what sentence-transformers and mteb give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mteb.models.sentence_transformer_wrapper import MultiVectorWrapper
from sentence_transformers import MultiVectorEncoder

from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.checkpoint.modules import CONFIG
from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Encoder
from evalsuite.engines.token_vectors import TokenVectors
from evalsuite.engines.vectors.cached_token_encoder import CachedTokenEncoder
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.errors import CheckpointError
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.mteb.tasks import prepare
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from helpers.contexts import make_context
from helpers.own_tasks import WORDS, sentence, write
from helpers.tiny_encoders import save_model

TEXTS = ["a cat", "the sun is a star, the moon is not", "...", "Füße", "word " * 60]


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("body"), "bert", template="<s> $A </s>")


@pytest.fixture(scope="module")
def folder(body: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that extends queries to 16 tokens and leaves punctuation of documents out."""
    made = tmp_path_factory.mktemp("late")
    MultiVectorEncoder(str(body), device="cpu", prompts={"query": "[Q] ", "document": "[D] "}).save(
        str(made)
    )
    return made


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Checkpoint:
    return resolve(str(folder))


@pytest.fixture(scope="module")
def encoder(checkpoint: Checkpoint) -> Encoder:
    return load_encoder(checkpoint, device="cpu", dtype="float32")


def prefix_of(checkpoint: Checkpoint, side: str) -> str:
    assert checkpoint.embedding is not None
    route: Any = side
    return checkpoint.embedding.routed_prefix(route, checkpoint.embedding.prompts.get(side, ""))


@pytest.mark.parametrize("side", ["query", "document"])
def test_vectors_are_those_of_the_library(
    side: str, folder: Path, checkpoint: Checkpoint, encoder: Encoder
) -> None:
    library = MultiVectorEncoder(str(folder), device="cpu")
    expected = getattr(library, f"encode_{side}")(TEXTS, convert_to_numpy=True)
    found: Any = encoder.encode(TEXTS, prefix_of(checkpoint, side))
    assert isinstance(found, TokenVectors)
    assert [len(one) for one in found] == [len(one) for one in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_what_was_embedded_is_found_again(
    checkpoint: Checkpoint, encoder: Any, tmp_path: Path
) -> None:
    files = VectorFiles(tmp_path, "scope")
    first = CachedTokenEncoder(encoder, files)
    once = first.encode(TEXTS, prefix_of(checkpoint, "document"))
    seen: list[int] = []
    second = CachedTokenEncoder(encoder, VectorFiles(tmp_path, "scope"))
    again = second.encode(TEXTS, prefix_of(checkpoint, "document"), seen.append)
    assert (again.rows == once.rows).all()
    assert again.counts.tolist() == once.counts.tolist()
    assert seen == [len(TEXTS)]
    assert (first.seconds > 0, second.seconds) == (True, 0)
    for path in tmp_path.glob("*/*-tokens.npy"):
        np.save(path, once.rows[:-1])
    assert len(CachedTokenEncoder(encoder, files).encode(TEXTS, "").rows), "a damaged file is none"


@pytest.mark.parametrize("kind", ["retrieval", "reranking"])
def test_scores_are_those_of_mtebs_own_wrapper(
    kind: str,
    folder: Path,
    checkpoint: Checkpoint,
    encoder: Encoder,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    task: Task = request.getfixturevalue(f"late_{kind}")
    context = make_context(checkpoint=checkpoint, workdir=tmp_path / "work")
    ours = MtebHarness().evaluate(task, encoder, context)
    prepared: Any = prepare(task, None, None, 42)
    library = MultiVectorEncoder(str(folder), device="cpu")
    [theirs] = prepared.task.evaluate(
        MultiVectorWrapper(library),
        "test",
        encode_kwargs={"batch_size": 8, "show_progress_bar": False},
        prediction_folder=None,
    ).values()
    assert ours.score == pytest.approx(theirs[ours.main_metric], abs=1e-4)
    assert 0 < ours.score < 1


@pytest.fixture
def late_retrieval(tmp_path: Path) -> Task:
    rng = np.random.default_rng(5)
    corpus = [{"id": f"d{i}", "text": f"{sentence(rng, 2 + i % 7)} {i}"} for i in range(40)]
    queries = [{"id": f"q{i}", "text": corpus[i]["text"][:9]} for i in range(10)]
    qrels = [{"query-id": f"q{i}", "corpus-id": f"d{i + 10 * j}", "score": 1}
             for i in range(10) for j in range(2)]  # fmt: skip
    files = {"corpus": corpus, "queries": queries, "qrels": qrels}
    data = {name: write(tmp_path / f"{name}.jsonl", rows) for name, rows in files.items()}
    return make_task(name="own", kind="mteb", type="retrieval", data=data)


@pytest.fixture
def late_reranking(tmp_path: Path) -> Task:
    rng = np.random.default_rng(6)
    rows = [
        {
            "query": f"{WORDS[i]} {WORDS[i + 1]}",
            "positive": [f"{WORDS[i]} {sentence(rng, 3)}"],
            "negative": [sentence(rng, 4) for _ in range(6)],
        }
        for i in range(8)
    ]
    data = {"test": write(tmp_path / "r.jsonl", rows)}
    return make_task(name="own", kind="mteb", type="reranking", data=data)


def test_what_the_files_say(folder: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    protocol = checkpoint.embedding
    assert protocol is not None
    assert (protocol.similarity, protocol.routed) == ("maxsim", True)
    assert protocol.prompts == {"query": "[Q] ", "document": "[D] "}

    def changed(**config: Any) -> Path:
        made = tmp_path / str(len(list(tmp_path.iterdir())))
        made.mkdir()
        for path in folder.rglob("*"):
            target = made / path.relative_to(folder)
            if path.is_dir():
                target.mkdir()
            else:
                target.write_bytes(path.read_bytes())
        stored = json.loads((made / CONFIG).read_text())
        (made / CONFIG).write_text(json.dumps(stored | config))
        return made

    pylate = {"model_type": "ColBERT", "prompts": {}, "query_prefix": "[q] "}
    read = resolve(str(changed(**pylate, similarity_fn_name="MaxSim"))).embedding
    assert read is not None
    assert (read.similarity, read.prompts) == ("maxsim", {"query": "[q] "})
    mean = resolve(str(changed(similarity_fn_name="meanmaxsim"))).embedding
    assert mean is not None
    assert mean.similarity == "meanmaxsim"
    with pytest.raises(CheckpointError, match="'cosine', which does not compare"):
        resolve(str(changed(similarity_fn_name="cosine")))
