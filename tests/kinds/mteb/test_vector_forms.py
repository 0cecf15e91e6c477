"""Cut and rounded vectors: the scores are those of mteb's own wrapper around the same vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from mteb.models import CompressionWrapper
from mteb.models.search_wrappers import SearchEncoderWrapper
from mteb.types import OutputDType

import evalsuite.kinds.mteb.retrieval as module
from evalsuite.engines.protocols import Progress, Vectors
from evalsuite.engines.vectors.forms import CutEncoder, Rounding, VectorForm, rounded
from evalsuite.errors import UsageError
from evalsuite.kinds.mteb.encoder import MtebEncoder, Prompt
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.mteb.retrieval import MtebSearch
from evalsuite.kinds.mteb.tasks import prepare
from evalsuite.kinds.task import Task
from helpers.bag_of_words import DIMENSIONS, BagOfWords, checkpoint
from helpers.contexts import make_context

DTYPES = {"int8": OutputDType.INT8, "binary": OutputDType.BINARY}
FORMS = [
    VectorForm(dims=dims, rounding=rounding)
    for dims in (None, 12)
    for rounding in (None, "int8", "binary")
    if dims or rounding
]


class Mixed(BagOfWords):
    """Numbers of both signs, none the same in all texts: where one is, mteb divides by zero."""

    _mixing = np.random.default_rng(7).normal(size=(DIMENSIONS, 24)).astype(np.float32)

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        # Row by row: a product of matrices rounds a text by its neighbours, and a step may be near.
        return np.stack([row @ self._mixing for row in super().encode(texts, prefix, progress)])


def mteb_model(form: VectorForm) -> Any:
    """The same vectors as mteb would compress them."""
    encoder = CutEncoder(Mixed(), form.dims, normalize=False) if form.dims else Mixed()
    model = MtebEncoder(encoder, checkpoint(), lambda _: Prompt("", ""), lambda *_: None)
    return CompressionWrapper(model, DTYPES[form.rounding]) if form.rounding else model


@pytest.mark.filterwarnings("ignore:Estimating quantization")
@pytest.mark.parametrize(
    ("name", "form"),
    [
        # Logistic regression takes seconds; on bytes it does not converge, and the last bit counts.
        ("classification", VectorForm(dims=12)),
        *product(("pairs", "retrieval"), FORMS),
    ],
    ids=str,
)
def test_scores_are_those_of_mtebs_own_wrapper(
    name: str, form: VectorForm, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    found = request.getfixturevalue(name)
    task: Task = found if isinstance(found, Task) else found[0]
    context = make_context(checkpoint=checkpoint(), workdir=tmp_path, form=form)
    ours = MtebHarness().evaluate(task, Mixed(), context)

    prepared: Any = prepare(task, None, None, 42)
    result = prepared.task.evaluate(
        mteb_model(form),
        "test",
        encode_kwargs={"batch_size": 1024, "show_progress_bar": False},
        prediction_folder=None,
    )
    [theirs] = result.values()
    assert ours.score == pytest.approx(theirs[ours.main_metric], abs=1e-5)
    whole = MtebHarness().evaluate(
        task, Mixed(), make_context(checkpoint=checkpoint(), workdir=tmp_path)
    )
    assert whole.score != ours.score, "the form must matter for the test to see anything"


@pytest.mark.filterwarnings("ignore:Estimating quantization")
@pytest.mark.parametrize("rounding", ["int8", "binary"])
def test_a_corpus_of_several_blocks_has_one_range(
    rounding: Rounding, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    words = ["river", "stone", "cloud", "market", "engine", "violin", "harbour"]
    texts = [" ".join(rng.choice(words, 4)) + f" {i}" for i in range(60)]
    corpus = Dataset.from_dict({"id": [f"d{i}" for i in range(60)], "text": texts})
    queries = Dataset.from_dict({"id": ["a", "b", "c"], "text": texts[:3]})
    asked: dict[str, Any] = {
        "task_metadata": _Metadata(),
        "hf_split": "test",
        "hf_subset": "default",
        "encode_kwargs": {"show_progress_bar": False},
        "num_proc": None,
    }
    monkeypatch.setattr(module, "DOCUMENT_BLOCK", 16)
    theirs: Any = SearchEncoderWrapper(mteb_model(VectorForm(rounding=rounding)))
    ours: Any = MtebSearch(
        Mixed(), checkpoint(), lambda _: Prompt("", ""), lambda *_: None, rounding
    )
    both = []
    for engine in (theirs, ours):
        engine.index(corpus, **asked)
        both.append(engine.search(queries, top_k=60, **asked))
    for query, scores in both[0].items():
        assert both[1][query] == pytest.approx(scores, abs=1e-6)


class _Metadata:
    type = "Retrieval"
    modalities = ("text",)

    def get_modalities(self, side: object) -> list[str]:
        del side
        return ["text"]


def test_a_number_that_is_the_same_in_all_texts_takes_the_lowest_step() -> None:
    vectors = np.array([[1, 0.0], [1, 1.0], [1, 0.5]], dtype=np.float32)
    assert rounded(vectors, "int8").tolist() == [[-128, -128], [-128, 126], [-128, -1]]


@pytest.mark.parametrize("normalize", [False, True])
def test_shorter_vectors_have_length_one_where_the_protocol_says_so(*, normalize: bool) -> None:
    whole = Mixed().encode(["river stone", "market"])
    cut = CutEncoder(Mixed(), 5, normalize=normalize).encode(["river stone", "market"])
    lengths = np.linalg.norm(whole[:, :5], axis=1, keepdims=True) if normalize else 1
    assert cut == pytest.approx(whole[:, :5] / lengths)


def test_more_dimensions_than_there_are_is_refused(tmp_path: Path, pairs: Any) -> None:
    context = make_context(checkpoint=checkpoint(), workdir=tmp_path, form=VectorForm(dims=25))
    with pytest.raises(UsageError, match="--dims 25: the vectors have 24 dimensions"):
        MtebHarness().evaluate(pairs[0], Mixed(), context)
