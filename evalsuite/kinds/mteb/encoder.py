"""An engine's encoder in the form that mteb expects, and the instruction of each side."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from mteb.models.abs_encoder import AbsEncoder, get_prompt_name
from mteb.models.model_meta import ModelMeta
from mteb.types import PromptType

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.engines.protocols import Encoder, Vectors
from evalsuite.engines.vectors.forms import Rounding, rounded
from evalsuite.errors import CheckpointError
from evalsuite.kinds.task import Instruction
from evalsuite.suspicions import refused

_ALIKE = 1e-6
"""Vectors count as equal below this difference, relative to their largest entry."""

LOADER_BATCH = 1024
"""Texts that mteb's data loader hands over at a time; the engine makes its own batches."""

SUMMARIZATION = "Summarization"
"""mteb's name for the type."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What precedes the texts of one side."""

    instruction: str
    """The bare instruction; empty for none."""
    prefix: str
    """The exact text before each text."""


def side_of(prompt_type: PromptType | None) -> str:
    """``query``, ``document``, or ``text`` for tasks whose texts are all of one kind."""
    return "text" if prompt_type is None else str(prompt_type.value)


def resolve_prompt(
    protocol: EmbeddingProtocol,
    instruction: Instruction | None,
    metadata: Any,
    fallback: str,
    prompt_type: PromptType | None,
) -> Prompt:
    """Find what precedes the texts of one side of a task.

    * ``instructions == "model"``: the model's own prompt, in mteb's documented order: task name
      with side, task name, task type with side, task type, side. Texts of no side that none of
      these is for get the model's default prompt.
    * ``instruction`` given: its query text, or its document text for documents.
    * Otherwise, where the protocol has a wrapper, mteb's: the prompt of the task (for the
      side), or the default of its type. The documents of a retrieval task get only what is
      meant for documents; mteb would give them the query's default (seen with CQADupstack).

    With ``queries_only``, documents get no instruction in any task.

    The summaries of a summarization task are of two kinds, which mteb does not distinguish: those
    by people take the query's instruction, those by machines the document's (paper, Table 34).

    Args:
        protocol: Of the checkpoint.
        instruction: Of the run; ``None`` for mteb's own.
        metadata: mteb's ``TaskMetadata`` (``name``, ``type`` and ``prompt`` are read).
        fallback: mteb's default instruction for the type of task.
        prompt_type: The side; ``None`` where all texts are of one kind.

    Returns:
        The instruction and the exact prefix.
    """
    if protocol.instructions == "model":
        prompt_type = None if metadata.type == SUMMARIZATION else prompt_type
        name = get_prompt_name(protocol.prompts, metadata, prompt_type)
        if name is None and prompt_type is None:
            # The library's encode has a default prompt; those of queries and documents have none.
            name = protocol.default_prompt
        prompt = protocol.prompts[name] if name else ""
        return Prompt(prompt, _prefix(protocol, prompt, prompt_type))
    if protocol.wrapper is None:
        return Prompt("", _prefix(protocol, "", prompt_type))
    if protocol.queries_only and _is_document(metadata, prompt_type):
        text = ""
    elif instruction is None:
        text = _mteb_instruction(metadata, fallback, prompt_type)
    else:
        text = instruction.document if prompt_type == PromptType.document else instruction.query
    return Prompt(text, _prefix(protocol, protocol.prefix(text), prompt_type))


def _prefix(protocol: EmbeddingProtocol, prefix: str, prompt_type: PromptType | None) -> str:
    """The prefix, with the way that the text is to go through the model's router, if it has one."""
    if prompt_type is None:
        return prefix
    return protocol.routed_prefix(
        "query" if prompt_type == PromptType.query else "document", prefix
    )


def _is_document(metadata: Any, prompt_type: PromptType | None) -> bool:
    """Whether mteb, too, says that a text is a document: it gives summaries no side."""
    return bool(prompt_type == PromptType.document and metadata.type != SUMMARIZATION)


def _mteb_instruction(metadata: Any, fallback: str, prompt_type: PromptType | None) -> str:
    prompt = metadata.prompt
    document = prompt_type == PromptType.document
    if isinstance(prompt, dict):
        return str(prompt.get("document" if document else "query", ""))
    if document and metadata.type == "Retrieval":
        return ""
    return str(prompt or fallback)


class MtebEncoder(AbsEncoder):  # type: ignore[misc]  # mteb is untyped here
    """Gives mteb the vectors of an engine, and the similarity that the model states."""

    def __init__(
        self,
        encoder: Encoder,
        checkpoint: Checkpoint,
        prompt: Callable[[PromptType | None], Prompt],
        report: Callable[[int, int], None],
        rounding: Rounding | None = None,
    ) -> None:
        self._encoder = encoder
        self._rounding = rounding
        self._prompt = prompt
        self._report = report
        self._done = 0
        self._total = 0
        self._calls = 0
        self.mteb_model_meta = model_meta(checkpoint)
        self._similarity = protocol_of(checkpoint).similarity

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Of each vector of the one and each of the other, shape ``(n, m)``."""
        if self._similarity == "cosine":
            return super().similarity(embeddings1, embeddings2)
        from sentence_transformers import SimilarityFunction

        return SimilarityFunction.to_similarity_fn(self._similarity)(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Of the vectors at the same place in both, shape ``(n,)``."""
        if self._similarity == "cosine":
            return super().similarity_pairwise(embeddings1, embeddings2)
        from sentence_transformers import SimilarityFunction

        compare = SimilarityFunction.to_similarity_pairwise_fn(self._similarity)
        return compare(embeddings1, embeddings2)

    def encode(
        self,
        inputs: Any,
        *,
        task_metadata: Any,
        hf_split: str,  # noqa: ARG002 - mteb's signature
        hf_subset: str,  # noqa: ARG002
        prompt_type: PromptType | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> Vectors:
        """Encode all texts of a data loader; titles are already joined to the texts.

        Raises:
            EngineError: If many different texts get one and the same vector.
        """
        texts = [text for batch in inputs for text in batch["text"]]
        self._total += len(texts)
        if task_metadata.type == SUMMARIZATION:
            # mteb encodes the summaries by people, then those by machines, and names no side.
            prompt_type = (PromptType.query, PromptType.document)[self._calls % 2]
        self._calls += 1
        prefix = self._prompt(prompt_type).prefix
        vectors = self._encoder.encode(texts, prefix, self._advance)
        check_not_collapsed(texts, vectors)
        return rounded(vectors, self._rounding)

    def _advance(self, count: int) -> None:
        self._done += count
        self._report(self._done, self._total)


def model_meta(checkpoint: Checkpoint) -> Any:
    """What mteb knows of a model."""
    named = {"name": f"evalsuite/{checkpoint.name}", "revision": checkpoint.fingerprint}
    return ModelMeta.create_empty(overwrites=named)


def check_not_collapsed(texts: list[str], vectors: Vectors) -> None:
    """Refuse embeddings that carry no information.

    Raises:
        EngineError: If at least four different texts all have the same vector.
    """
    different = len(set(texts))
    if different < 4:
        return
    spread = float(np.ptp(vectors, axis=0).max())
    if spread <= _ALIKE * float(np.abs(vectors).max()):
        raise refused(
            "collapsed-embeddings",
            f"all {different} different texts got the same vector",
            "check the checkpoint's weights and its pooling (--pooling)",
        )


def protocol_of(checkpoint: Checkpoint) -> EmbeddingProtocol:
    """The embedding protocol of a checkpoint.

    Raises:
        CheckpointError: If it has none.
    """
    if checkpoint.embedding is None:
        raise CheckpointError(
            f"{checkpoint.name} has no embedding protocol", "choose one with --protocol"
        )
    return checkpoint.embedding


@contextlib.contextmanager
def quiet() -> Iterator[TextIO]:
    """Keep the bars, warnings and log lines of mteb and datasets off the terminal.

    Yields:
        The real standard error, for what has to be shown meanwhile.
    """
    import datasets
    from datasets.utils import logging as datasets_logging

    log = logging.getLogger("mteb")
    level, verbosity = log.level, datasets_logging.get_verbosity()
    bars = not datasets.are_progress_bars_disabled()
    real = sys.stderr
    log.setLevel(logging.CRITICAL)
    datasets_logging.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        # The bars of mteb's evaluators cannot be switched off by an argument.
        with (
            warnings.catch_warnings(),
            Path(os.devnull).open("w") as null,
            contextlib.redirect_stderr(null),
        ):
            warnings.simplefilter("ignore")
            yield real
    finally:
        log.setLevel(level)
        datasets_logging.set_verbosity(verbosity)
        if bars:
            datasets.enable_progress_bars()
