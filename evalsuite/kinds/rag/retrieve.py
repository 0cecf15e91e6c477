"""Which document is found for each question."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.engines.protocols import Vectors
from evalsuite.engines.transformers.cached import CachedModel
from evalsuite.kinds.base import Context
from evalsuite.kinds.rag.data import World
from evalsuite.kinds.rag.index import Index
from evalsuite.kinds.rag.prompts import whole


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found for one question.

    Attributes:
        row: Which document of the corpus.
        score: Its inner product with the question.
    """

    row: int
    score: float


def retrieve(world: World, model: CachedModel, context: Context) -> list[Retrieved]:
    """Find the best document for each question, by exact inner product.

    Neither side has an instruction (GRIT paper, section 4). Questions are embedded together here;
    where a method keeps a question's cache, its pass is run once more on its own.

    Args:
        world: Corpus and questions.
        model: Embeds, unless ``context.retriever`` is another checkpoint.
        context: Says who embeds, and how long texts may be.
    """
    texts = [whole(document) for document in world.documents]
    questions = [question.text for question in world.questions]
    total = len(texts)

    def done(count: int) -> None:
        context.progress(count, total, "documents")

    if context.retriever is None:
        who = (model.version, model.dtype, model.device, model.texts.protocol)
        index = _index(texts, context.checkpoint, who, lambda rows: own(model, rows), done)
        vectors = own(model, questions)
    else:
        index, vectors = _by_other(texts, questions, context.retriever, model, done)
    found = index.search(vectors)
    pairs = zip(found.rows.tolist(), found.scores.tolist(), strict=True)
    return [Retrieved(row, score) for row, score in pairs]


def own(model: CachedModel, texts: Sequence[str]) -> Vectors:
    """Vectors by the model that answers, shape ``(n, d)``."""
    rows = [model.texts.embedding_ids(text) for text in texts]
    return model.embed_many(rows, model.texts.pooled_from, lambda _: None)


def _by_other(
    texts: Sequence[str],
    questions: Sequence[str],
    retriever: Checkpoint,
    model: CachedModel,
    done: Callable[[int], None],
) -> tuple[Index, Vectors]:
    """Index and questions' vectors by another checkpoint, which is loaded for it."""
    from evalsuite.engines.encoders import load_encoder

    assert retriever.embedding is not None
    encoder = load_encoder(retriever, device=model.device)
    protocol = retriever.embedding
    prefix = protocol.prefix("")
    of_query, of_text = (protocol.routed_prefix(side, prefix) for side in ("query", "document"))
    who = (encoder.version, "auto", model.device, protocol)
    try:
        index = _index(texts, retriever, who, lambda rows: encoder.encode(rows, of_text), done)
        return index, encoder.encode(questions, of_query)
    finally:
        encoder.close()


def _index(
    texts: Sequence[str],
    checkpoint: Checkpoint,
    who: tuple[str, str, str, EmbeddingProtocol],
    embed: Callable[[Sequence[str]], Vectors],
    done: Callable[[int], None],
) -> Index:
    hasher = hashlib.sha256()
    for text in texts:
        hasher.update(len(text).to_bytes(8, "big") + text.encode("utf-8", "surrogatepass"))
    *engine, protocol = who
    identity = [checkpoint.fingerprint, *engine, protocol.model_dump(mode="json")]
    return Index.build(texts, embed, [*identity, hasher.hexdigest()], done)
