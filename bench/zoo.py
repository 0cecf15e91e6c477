"""What a kind of folder in the zoo is, and how evalsuite is compared with the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evalsuite.checkpoint import Checkpoint, CheckpointOptions, resolve
from evalsuite.engines.load import load_encoder
from evalsuite.errors import EvalsuiteError
from zoo_parts import TEXTS

Side = Literal["text", "query", "document"]
SIDES: tuple[Side, ...] = ("text", "query", "document")
Vectors = NDArray[Any]
LEAST_COSINE = 0.9999
"""Of a vector in float32 and the library's."""
MOST_APART = 1e-3
"""Of numbers (similarities, logits) relative to the largest one."""


@dataclass(frozen=True)
class Equal:
    """What the model's own library gives.

    Attributes:
        vectors: Texts and side → vectors; ``None`` where only logits are compared.
        similarity: Two sets of vectors → their similarities.
        logits: Token ids of texts and logits at all positions, of the first few texts.
        options: What evalsuite is told besides the path.
    """

    vectors: Callable[[list[str], Side], Vectors] | None = None
    similarity: Callable[[Vectors, Vectors], Vectors] | None = None
    logits: Callable[[str], tuple[list[int], Vectors]] | None = None
    options: CheckpointOptions = field(default_factory=CheckpointOptions)
    source: Path | None = None
    """What is evaluated, where it is not the folder itself."""


@dataclass(frozen=True)
class Refused:
    """Part of the line that evalsuite has to refuse it with."""

    line: str
    options: CheckpointOptions = field(default_factory=CheckpointOptions)
    source: Path | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    Attributes:
        group: What it is about.
        name: What it is.
        build: Writes it, and tells what is right.
    """

    group: str
    name: str
    build: Callable[[Path], Equal | Refused]


@dataclass(frozen=True)
class Outcome:
    """What came of one kind.

    Attributes:
        right: Whether evalsuite gave what the library gives, or refused what it had to.
        what: The least cosine, the largest difference, or the line of the refusal.
    """

    right: bool
    what: str
    cosine: float | None = None


def tried(kind: Kind, folder: Path, cache: Path) -> Outcome:
    """Build a kind, and compare."""
    expected: Equal | Refused | None = None
    try:
        expected = kind.build(folder)
        source = str(expected.source or folder)
        checkpoint = resolve(source, expected.options, cache=cache)
        if isinstance(expected, Refused):
            load_encoder(checkpoint, device="cpu", dtype="float32").close()
            return Outcome(False, "is not refused")
        return _compared(checkpoint, expected)
    except EvalsuiteError as error:
        asked = isinstance(expected, Refused) and expected.line in error.line
        return Outcome(asked, f"refused: {error.line}".replace(f"{folder.parent}/", ""))
    except Exception as error:  # noqa: BLE001 - whatever a library raises stands in the table
        return Outcome(False, f"{type(error).__name__}: {error}")


def _compared(checkpoint: Checkpoint, expected: Equal) -> Outcome:
    cosine, apart = 1.0, 0.0
    if expected.vectors is not None:
        ours, theirs = {}, {}
        encoder = load_encoder(checkpoint, device="cpu", dtype="float32")
        for side in SIDES:
            ours[side] = encoder.encode(TEXTS, prefix(checkpoint, side))
            theirs[side] = np.asarray(expected.vectors(TEXTS, side), dtype=np.float32)
            cosine = min(cosine, least_cosine(ours[side], theirs[side]))
        encoder.close()
        if expected.similarity is not None:
            apart = _similarities_apart(checkpoint, expected, ours, theirs)
    if expected.logits is not None:
        apart = max(apart, _logits_apart(checkpoint, expected))
    right = cosine >= LEAST_COSINE and apart <= MOST_APART
    return Outcome(right, f"cosine {cosine:.6f}, apart {apart:.1e}", cosine)


def prefix(checkpoint: Checkpoint, side: Side) -> str:
    """What evalsuite puts before the texts of a side of a task that no prompt is made for."""
    from mteb.types import PromptType

    from evalsuite.kinds.mteb.encoder import protocol_of, resolve_prompt

    metadata = SimpleNamespace(name="Unnamed", type="STS", prompt=None)
    kind = None if side == "text" else PromptType(side)
    return resolve_prompt(protocol_of(checkpoint), None, metadata, "", kind).prefix


def least_cosine(ours: Vectors, theirs: Vectors) -> float:
    """The least cosine of two vectors in the same row; two zero vectors are alike."""
    if ours.shape != theirs.shape:
        return -1.0
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    products = (ours * theirs).sum(axis=1)
    alike = np.where(
        lengths > 0, products / np.where(lengths > 0, lengths, 1), (ours == theirs).all(1)
    )
    return float(alike.min())


def _similarities_apart(
    checkpoint: Checkpoint, expected: Equal, ours: dict[Side, Vectors], theirs: dict[Side, Vectors]
) -> float:
    from evalsuite.search.similarity import compared, readied

    assert checkpoint.embedding is not None
    assert expected.similarity is not None
    how = checkpoint.embedding.similarity
    sides = (readied(ours[side], how) for side in ("query", "document"))
    found = compared(*sides, how)
    right = expected.similarity(theirs["query"], theirs["document"])
    return float(np.abs(found - right).max() / np.abs(right).max())


def _logits_apart(checkpoint: Checkpoint, expected: Equal) -> float:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert expected.logits is not None
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.tokenizer_path)
    model = AutoModelForCausalLM.from_pretrained(checkpoint.path, dtype=torch.float32).eval()
    apart = 0.0
    for text in TEXTS[:3]:
        ids, right = expected.logits(text)
        if tokenizer(text)["input_ids"] != ids:
            return float("inf")
        with torch.inference_mode():
            found = model(torch.tensor([ids])).logits[0].numpy()
        apart = max(apart, float(np.abs(found - right).max() / np.abs(right).max()))
    return apart
