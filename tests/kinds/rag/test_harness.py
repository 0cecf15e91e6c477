"""Kind ``rag`` on a tiny model: retrieval, answers, latency, and data in other layouts."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol, Wrapper
from evalsuite.engines.transformers.unified_model import UnifiedModel
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.errors import DataError
from evalsuite.kinds.base import Context
from evalsuite.kinds.rag.data import Passage, Question, QuestionSet, load_world
from evalsuite.kinds.rag.harness import RagHarness
from evalsuite.kinds.rag.latency import grid
from evalsuite.kinds.rag.retrieve import find, retrieve
from evalsuite.kinds.rag.timing import PHASES, Repetition, TimedSetting, saving
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from evalsuite.metrics import Metric
from evalsuite.registry.load import Registry
from evalsuite.schema import DataInfo
from evalsuite.stats.medians import median
from helpers.bag_of_words import BagOfWords, embed
from helpers.contexts import make_context, with_options
from helpers.gpus import FAKE
from helpers.tiny_lm import make_tiny_lm

DOCUMENTS = [
    {"id": "a", "title": "Ossel", "text": "The Ossel flows to the Bay of Lorn."},
    {"id": "b", "title": "", "text": "Pell has a clock tower."},
    {"id": "c", "title": "Sarn", "text": "Sarn is an island of slate."},
]
QUESTIONS = [
    {"id": "q1", "question": "Where does the Ossel flow?", "answers": ["Lorn"], "document": "a"},
    {"id": "q2", "question": "What has Pell?", "answers": ["tower"], "document": "b"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> UnifiedModel:
    return UnifiedModel(
        checkpoint_at(tmp_path_factory.mktemp("rag")), dtype="float32", device="cpu"
    )


def checkpoint_at(path: Path) -> Checkpoint:
    protocol = EmbeddingProtocol(
        engine="transformers", wrapper=Wrapper(template="{instruction}"), attention="causal"
    )
    made = make_tiny_lm(path, positions=1024)
    return made.model_copy(update={"embedding": protocol, "kind": "grit"})


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    return make_context(checkpoint=checkpoint_at(tmp_path / "model"), workdir=tmp_path / "work")


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("asked again")


def world_of(documents: list[str], questions: list[str]) -> QuestionSet:
    return QuestionSet(
        tuple(Passage(str(i), "", text) for i, text in enumerate(documents)),
        tuple(Question(str(i), text, ()) for i, text in enumerate(questions)),
        DataInfo(hash="0" * 64, source="built-in"),
    )


def task(tmp_path: Path, **rag: Any) -> Task:
    data = {
        "corpus": write(tmp_path / "corpus.jsonl", DOCUMENTS),
        "questions": write(tmp_path / "questions.jsonl", QUESTIONS),
    }
    generation = {"max_tokens": 6}
    return make_task(name="t", kind="rag", data=data, rag=rag, generation=generation)  # type: ignore[arg-type]


def test_a_causal_cache_answers_as_the_same_tokens_without_a_cache(
    model: UnifiedModel, context: Context, tmp_path: Path
) -> None:
    found = {}
    for number, method in enumerate(
        ("doc-cache", "doc-query-embed", "query-cache", "query-doc-embed")
    ):
        workdir = tmp_path / str(number)
        workdir.mkdir()
        evaluation = RagHarness().evaluate(
            task(tmp_path, method=method), model, replace(context, workdir=workdir)
        )
        found[method] = [row["response"] for row in evaluation.samples]
    assert found["doc-cache"] == found["doc-query-embed"]
    assert found["query-cache"] == found["query-doc-embed"]


def test_one_row_a_question_and_nothing_is_asked_twice(
    model: UnifiedModel, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = task(tmp_path, method="doc-cache")
    first = RagHarness().evaluate(made, model, context)
    assert [row["sample"] for row in first.samples] == ["q1", "q2"]
    assert first.score == first.metrics["match"] == np.mean([r["match"] for r in first.samples])
    vectors = model.embed_many(
        [model.texts.embedding_ids(t) for t in (
            "Ossel The Ossel flows to the Bay of Lorn.",
            "Pell has a clock tower.",
            "Sarn Sarn is an island of slate.",
            *(q["question"] for q in QUESTIONS),
        )], model.texts.pooled_from, lambda _: None,
    )  # fmt: skip
    best = (vectors[3:] @ vectors[:3].T).argmax(axis=1)
    assert [row["document"] for row in first.samples] == ["abc"[at] for at in best]

    monkeypatch.setattr(model, "generate", refuse)
    again = RagHarness().evaluate(made, model, context)
    assert again.samples == first.samples


def test_the_documents_found_are_those_of_brute_force(
    model: UnifiedModel, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several blocks, with equal documents: the first of them is found."""
    monkeypatch.setattr("evalsuite.search.exact.DOCUMENT_BLOCK", 7)
    rng = np.random.default_rng(1)
    words = ["river", "tower", "clock", "slate", "island", "bay", "harbour", "mill"]
    said = [" ".join(rng.choice(words, 5)) for _ in range(30)]
    world = world_of(said + said[::-1], [" ".join(rng.choice(words, 3)) for _ in range(12)])
    found = retrieve(world, model, context)
    documents, questions = (
        model.embed_many(
            [model.texts.embedding_ids(text) for text in texts],
            model.texts.pooled_from,
            lambda _: None,
        )
        for texts in (said, [question.text for question in world.questions])
    )
    products = questions @ documents.T
    assert [one.row for one in found] == products.argmax(axis=1).tolist()
    np.testing.assert_allclose([one.score for one in found], products.max(axis=1), rtol=1e-5)
    assert retrieve(world, model, context) == found, "what is kept is what was found"


def test_retrieval_is_by_inner_product_not_by_cosine(tmp_path: Path) -> None:
    """A bag of words gives vectors of any length: "clock" is nearest to itself by cosine."""
    world = world_of(["clock", "clock tower clock tower"], ["clock"])
    files = VectorFiles(tmp_path / "vectors", "scope")
    (found,) = find(world, BagOfWords(), "", files, lambda _: None)
    assert found.row == 1
    assert found.score == pytest.approx(embed("clock tower clock tower") @ embed("clock"))


def kept(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "changed", ["code", "torch", "precision", "device", "engine", "corpus", "fresh"]
)
def test_vectors_and_finds_of_something_else_are_not_used(
    model: UnifiedModel, context: Context, tmp_path: Path, changed: str
) -> None:
    """What a run left is used again by an equal one, and by none that differs or is ``fresh``."""
    world = world_of(["clock tower", "slate"], ["clock"])
    retrieve(world, model, context)
    first = kept(tmp_path / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "embed_many", refuse)
        retrieve(world, model, context)
    assert kept(tmp_path / "cache") == first
    with pytest.MonkeyPatch.context() as patch:
        if changed == "code":
            patch.setattr("evalsuite.engines.vectors.shared.CODE_VERSION", 99)
        elif changed == "torch":
            patch.setattr("evalsuite.engines.vectors.shared.metadata.version", lambda _: "0.0")
        elif changed == "precision":
            patch.setattr(model, "dtype", "bfloat16")
        elif changed == "device":
            context = with_options(context, device="cuda", gpu=FAKE)
        elif changed == "engine":
            patch.setattr(UnifiedModel, "version", "another 1.0")
        elif changed == "corpus":
            world = world_of(["clock tower", "slates"], ["clock"])
        else:
            context = with_options(context, fresh=True)
        patch.setattr(model, "embed_many", refuse)
        with pytest.raises(AssertionError, match="asked again"):
            retrieve(world, model, context)


def test_vectors_of_another_retriever_belong_to_the_precision_it_ran_in(
    model: UnifiedModel, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``auto`` is bfloat16 on a machine that multiplies it and float32 on another one."""
    world = world_of(["clock tower", "slate"], ["clock"])
    other = with_options(context, retriever=checkpoint_at(tmp_path / "other"))
    folders = []
    for capable in (False, True):
        monkeypatch.setattr(
            "evalsuite.engines.device.cpu_multiplies_bfloat16", lambda capable=capable: capable
        )
        retrieve(world, model, other)
        folders.append({path.parent.name for path in kept(tmp_path / "cache/vectors")})
    assert len(folders[0]) == 1
    assert len(folders[1]) == 2


@pytest.mark.parametrize("layout", ["jsonl", "jsonl.gz", "parquet"])
def test_natural_questions_in_a_mirror(tmp_path: Path, layout: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    corpus = [{"_id": d["id"], "title": d["title"], "text": d["text"]} for d in DOCUMENTS]
    nq, nq_open = tmp_path / "mteb/nq", tmp_path / "google-research-datasets/nq_open/nq_open"
    if layout == "jsonl":
        write(nq / "corpus.jsonl", corpus)
    elif layout == "jsonl.gz":
        nq.mkdir(parents=True)
        lines = "".join(json.dumps(row) + "\n" for row in corpus)
        (nq / "corpus.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    else:
        (nq / "corpus").mkdir(parents=True)
        parquet.write_table(pa.Table.from_pylist(corpus), nq / "corpus/test-0-of-1.parquet")
    write(nq / "queries.jsonl", [{"_id": "x", "text": "not read"}])
    nq_open.mkdir(parents=True)
    rows = [{"question": q["question"], "answer": q["answers"]} for q in QUESTIONS]
    parquet.write_table(pa.Table.from_pylist(rows), nq_open / "validation-00000-of-00001.parquet")
    parquet.write_table(pa.Table.from_pylist(rows * 2), nq_open / "train-00000-of-00001.parquet")
    world = load_world(Registry.load().task("nq-doc-cache"), tmp_path, None)
    assert [d.id for d in world.documents] == ["a", "b", "c"]
    assert [(q.text, q.answers) for q in world.questions] == [
        ("Where does the Ossel flow?", ("Lorn",)),
        ("What has Pell?", ("tower",)),
    ]
    assert world.data.source == "local"
    (nq_open / "validation-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match="no file called validation"):
        load_world(Registry.load().task("nq-doc-cache"), tmp_path, None)


def test_a_gzipped_corpus_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    nq, nq_open = tmp_path / "mteb/nq", tmp_path / "google-research-datasets/nq_open"
    nq.mkdir(parents=True)
    write(nq_open / "validation.jsonl", [])
    whole = gzip.compress(b'{"_id": "a", "title": "t", "text": "x"}\n' * 99)
    (nq / "corpus.jsonl.gz").write_bytes(whole[:-12])
    with pytest.raises(DataError, match=r"corpus\.jsonl\.gz: not readable gzipped JSON lines"):
        load_world(Registry.load().task("nq-doc-cache"), tmp_path, None)


def test_an_own_corpus_in_beirs_layout_maps_its_id(tmp_path: Path) -> None:
    made = task(tmp_path, method="none")
    rows = [{"_id": d["id"], "title": d["title"], "text": d["text"]} for d in DOCUMENTS]
    write(tmp_path / "corpus.jsonl", rows)
    with pytest.raises(DataError, match="column 'id' is missing"):
        load_world(made, None, None)
    mapped = made.model_copy(update={"columns": {"id": "_id"}})
    assert [d.id for d in load_world(mapped, None, None).documents] == ["a", "b", "c"]


def test_two_documents_of_one_id_are_refused(tmp_path: Path) -> None:
    made = task(tmp_path, method="none")
    write(tmp_path / "corpus.jsonl", [*DOCUMENTS, DOCUMENTS[0]])
    with pytest.raises(DataError, match="occurs twice"):
        load_world(made, None, None)


def test_latency_times_every_phase_of_every_cell(
    model: UnifiedModel, context: Context, tmp_path: Path
) -> None:
    latency = {"lengths": [20, 60, 5000], "least": 2, "most": 2, "new_tokens": 3, "searched": 10}
    found = RagHarness().evaluate(task(tmp_path, latency=latency), model, context)
    assert found.raw["lengths"] == [20, 60]
    assert "5000" in found.warnings[0]
    cells = {(c["method"], c["query"], c["document"]): c for c in found.raw["cells"]}
    assert set(cells) == {(c.method, c.query, c.document) for c in grid([20, 60])}
    assert all(cell["n"] == 2 for cell in cells.values()), "the first round is discarded"
    for row in found.samples:
        phases = [row[f"{phase}_seconds"] for phase in PHASES]
        assert sum(phases) == pytest.approx(row["seconds"])
        assert all(value >= 0 for value in phases)
        assert (row["embed_seconds"] > 0) == (row["method"] != "none")
    loads: dict[bool, list[float]] = {True: [], False: []}
    for row in found.samples:
        from_file = row["method"] in ("doc-cache", "query-doc-cache", "doc-query-cache")
        loads[from_file].append(row["load_seconds"])
    assert min(loads[True]) > 5 * min(loads[False]), "reading a cache is timed"
    assert found.score == cells["doc-cache", 1, 60]["median"]
    assert found.metric == Metric(name=found.main_metric, direction="lower", unit="other")
    stored = found.raw["storage"]
    # 2 layers, keys and values, 1 key-value head of 16, float32.
    assert stored["bytes_per_token"] == 2 * 2 * 16 * 4
    assert stored["caches_bytes"] == 2_681_468 * 100 * 256
    assert stored["index_bytes"] == 2_681_468 * 32 * 4
    assert not any(context.workdir.iterdir()), "caches are removed"


def test_saving_pairs_the_rounds() -> None:
    fast, slow = TimedSetting("doc-cache", 1, 9), TimedSetting("doc-query", 1, 9)
    times = {fast: [1.0, 3.0, 2.0], slow: [2.0, 4.0, 10.0]}
    rows = [
        Repetition(cell, number, {"decode": value})
        for cell, values in times.items()
        for number, value in enumerate(values)
    ]
    found = saving([*rows, Repetition(fast, 7, {"decode": 9.0})], fast, slow)
    assert found is not None
    assert found.value == pytest.approx(0.5)  # of 0.5, 0.25 and 0.8
    assert found.n == 3


def test_interval_of_a_median() -> None:
    # n = 6: P(all on one side) = 2/64, so smallest to largest covers 96.9 %; n = 5: 93.75 %.
    six = median([6, 1, 5, 2, 4, 3])
    assert (six.value, six.interval.low, six.interval.high) == (3.5, 1, 6)
    assert six.interval.level == pytest.approx(1 - 2 / 64)
    assert median([1, 2, 3, 4, 5]).interval.level == pytest.approx(1 - 2 / 32)
    # n = 20: the 6th smallest to the 6th largest covers 95.86 % (tables of the sign test).
    twenty = median(list(range(1, 21)))
    assert (twenty.interval.low, twenty.interval.high) == (6, 15)
    assert twenty.interval.level == pytest.approx(0.9586, abs=1e-4)
    assert median([2.0]).interval.level == 0
