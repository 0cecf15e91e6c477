"""Which document is found for each question: exact search by inner product."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import TypeAdapter, ValidationError

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.device import resolve_dtype
from evalsuite.engines.protocols import Encoder, Vectors
from evalsuite.engines.transformers.unified_model import UnifiedModel
from evalsuite.engines.vectors.cached_encoder import CachedEncoder
from evalsuite.engines.vectors.shared import shared_vectors
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.errors import UsageError
from evalsuite.files import write_atomically
from evalsuite.kinds.base import Context
from evalsuite.kinds.rag.data import QuestionSet
from evalsuite.kinds.rag.encoder import OwnEncoder
from evalsuite.kinds.rag.prompts import whole
from evalsuite.search.exact import search
from evalsuite.search.texts import TextCorpus

if TYPE_CHECKING:
    from evalsuite.run.options import Resolved


class Retrieved(NamedTuple):
    """What was found for one question."""

    row: int
    """Which document of the corpus."""
    score: float
    """Its inner product with the question."""


_FILE = TypeAdapter(list[Retrieved])


def retrieve(world: QuestionSet, model: UnifiedModel, context: Context) -> list[Retrieved]:
    """Find the best document for each question, of equal ones the first.

    Neither side has an instruction (GRIT paper, section 4). Where a method keeps a question's
    cache, the pass over the question is run once more on its own.

    Args:
        world: Corpus and questions.
        model: Embeds, unless ``context.options.retriever`` is another checkpoint.
        context: Says who embeds.

    Returns:
        One for each question.
    """
    total = len(world.documents)

    def report(done: int) -> None:
        context.progress(done, total, "documents")

    options = context.options
    if options.retriever is not None:
        return _by_other(world, options.retriever, options, report)
    protocol = model.texts.protocol
    files = shared_vectors(
        context.checkpoint.fingerprint,
        protocol.facts | context.checkpoint.changes,
        engine=model.version,
        device=options.hardware,
        precision=model.dtype,
        read=not options.fresh,
    )
    return find(world, OwnEncoder(model), protocol.prefix(""), files, report)


def find(
    world: QuestionSet,
    encoder: Encoder,
    prefix: str,
    files: VectorFiles,
    report: Callable[[int], None],
) -> list[Retrieved]:
    """Search with the vectors of an encoder.

    What was found is kept beside the vectors: the methods of a suite have the same questions, and
    a large corpus has more vectors than the files may hold.

    Args:
        world: Corpus and questions.
        encoder: Embeds both.
        prefix: Put before each text.
        files: For the encoder's vectors.
        report: Called with the number of documents that are embedded.

    Returns:
        One for each question.
    """
    texts = [whole(document) for document in world.documents]
    questions = [question.text for question in world.questions]
    kept = files.folder / f"found-{_hash(prefix, texts, questions)}.json"
    found = _read(kept) if files.read else None
    if found is None:
        cached, done = CachedEncoder(encoder, files), 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            report(done)

        def embed(block: list[str]) -> Vectors:
            return cached.encode(block, prefix, progress)

        asked = cached.encode(questions, prefix)
        hits = search(TextCorpus(texts), asked, embed, k=1, similarity="dot")
        found = [Retrieved(int(hit.rows[0]), float(hit.scores[0])) for hit in hits]
        _write(kept, found)
    report(len(texts))
    return found


def _by_other(
    world: QuestionSet,
    retriever: Checkpoint,
    options: Resolved,
    report: Callable[[int], None],
) -> list[Retrieved]:
    """Search with another checkpoint, which is loaded for it beside the model that answers."""
    from evalsuite.engines.load import load_encoder

    protocol = retriever.embedding
    assert protocol is not None
    if protocol.routed:
        raise UsageError(
            f"--retriever {retriever.name} sends queries and documents through different modules "
            "(Router), which rag does not distinguish",
            "choose another retriever",
        )
    precision = resolve_dtype("auto", options.device, "embedding", options.gpu)
    encoder = load_encoder(retriever, device=options.device, dtype=precision)
    files = shared_vectors(
        retriever.fingerprint,
        protocol.facts | retriever.changes,
        engine=encoder.version,
        device=options.hardware,
        precision=precision,
        read=not options.fresh,
    )
    try:
        return find(world, encoder, protocol.prefix(""), files, report)
    finally:
        encoder.close()


def _read(path: Path) -> list[Retrieved] | None:
    try:
        return _FILE.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(path: Path, found: Sequence[Retrieved]) -> None:
    """Keep what was found; where that is not possible, the next method searches again."""
    with contextlib.suppress(OSError):
        write_atomically(path, _FILE.dump_json(list(found)))


def _hash(prefix: str, *lists: Iterable[str]) -> str:
    """SHA-256 over texts with their lengths: two different inputs never look alike."""
    state = hashlib.sha256()
    for texts in ([prefix], *lists):
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(8, "big") + data)
        state.update(b"\xff" * 8)  # the end of a list: no text is that long
    return state.hexdigest()
