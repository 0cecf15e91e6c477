"""How fast texts are embedded, beside ``SentenceTransformer.encode`` on the same model.

On a GPU: a body in the shape of Mistral 7B in bfloat16, and one in the shape of MiniLM. Both sides
are measured in turn, in the same process. Memory is what torch had given out at most.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from evalsuite.checkpoint import resolve
from evalsuite.engines.cuda.settings import settle_torch
from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Encoder
from evalsuite.engines.transformers.encoder import NO_WINDOW, TransformersEncoder
from gpu_stages import models
from gpu_stages.lengths import REAL
from gpu_stages.stage import Check, Numbers, Place, require

FASTER, FASTER_SHORT, OF_PEAK = 1.5, 3.0, 0.55
"""Goals: over sentence-transformers on real lengths and on short texts; share of the peak."""
LONG: Final = 512
SAME: Final = 0.1
"""Largest distance of two vectors of length 1 of one text, in bfloat16, by both sides: what
rounding may make of other batches in 32 layers."""
Sides = dict[str, Callable[[], Any]]


def checks(place: Place) -> Iterator[Check]:
    """The peak first: the share is of it."""
    peak: Numbers = {}
    yield "peak", partial(products, place, peak)
    yield "7b", partial(seven_billion, place, peak)
    yield "minilm", partial(minilm, place)


def products(place: Place, peak: Numbers) -> Numbers:
    """The most TFLOP/s of a product of matrices in bfloat16."""
    import torch

    sizes = [(8192, 8192, 8192), (16384, 4096, 14336), (16384, 14336, 4096), (16384, 4096, 4096)]
    best = 0.0
    for rows, inner, outer in sizes if place.goals else [(256, 256, 256)]:
        left = torch.randn(rows, inner, device=place.device, dtype=torch.bfloat16)
        right = torch.randn(inner, outer, device=place.device, dtype=torch.bfloat16)
        multiply = partial(torch.mm, left, right)
        for _ in range(3):
            multiply()
        seconds = clocked(place, lambda work=multiply: [work() for _ in range(20)])
        best = max(best, 20 * 2 * rows * inner * outer / seconds / 1e12)
    peak["tflops"] = round(best, 3)
    return dict(peak)


class MadeEncoder(TransformersEncoder):
    """An encoder on a model that was made on the device: 14 GB are not written to a disk first."""

    shape: models.Shape

    @property
    def body(self) -> Any:
        """The model."""
        return self._model

    def _load(self, checkpoint: Any) -> Any:  # noqa: ARG002 - of the base class
        model = models.made("mistral", self.shape, self._device, "bfloat16", head=False)
        model.config.is_causal = model.config.use_cache = False
        model.config.sliding_window = NO_WINDOW
        return model


def seven_billion(place: Place, peak: Numbers) -> Numbers:
    """Real lengths beside sentence-transformers; long texts beside the peak."""
    settle_torch("bfloat16")
    shape = models.SEVEN_BILLION if place.goals else models.TINY
    small = models.saved(place.scratch / "small", "mistral", models.TINY, place)
    checkpoint = models.decoder(small)
    assert checkpoint.embedding is not None
    MadeEncoder.shape = shape
    encoder = MadeEncoder(
        checkpoint, checkpoint.embedding, device=place.device, dtype="bfloat16", weights=True
    )
    peer = beside(small, encoder, place)
    real = real_texts(2048 if place.goals else 32)
    long = [models.words(LONG - 1, seed) for seed in range(256 if place.goals else 4)]
    encoder.encode(real[:64])
    peer.encode(real[:64], show_progress_bar=False)

    numbers, found = in_turn(place, encoder, peer, real, 2)
    lengths = [min(LONG, len(ids)) for ids in models.tokenizer()(long)["input_ids"]]
    seconds, mib = measured(place, lambda: encoder.encode(long))
    numbers["long_tokens_s"] = round(sum(lengths) / seconds)
    numbers["of_peak"] = round(shape.flop(lengths) / seconds / 1e12 / float(peak["tflops"]), 3)
    _, peer_mib = measured(place, lambda: peer.encode(long, show_progress_bar=False))
    numbers |= {"long_mib": mib, "long_mib_st": peer_mib}
    encoder.close()

    require(apart(*found) <= SAME, f"the vectors differ by {apart(*found):.1e}", numbers)
    if place.goals:
        require(float(numbers["faster"]) >= FASTER, f"less than {FASTER} × as fast", numbers)
        require(float(numbers["of_peak"]) >= OF_PEAK, f"below {OF_PEAK} of the peak", numbers)
        more = mib > peer_mib or int(numbers["mib"]) > int(numbers["mib_st"])
        require(not more, "more memory than sentence-transformers", numbers)
    return numbers


def minilm(place: Place) -> Numbers:
    """Short texts with a small encoder, both sides in bfloat16."""
    import torch
    from sentence_transformers import SentenceTransformer

    shape = models.MINILM if place.goals else models.TINY
    folder = models.saved_sentence_transformer(place.scratch / "minilm", shape, place)
    encoder = load_encoder(resolve(str(folder)), device=place.device, dtype="bfloat16")
    peer = SentenceTransformer(
        str(folder), device=place.device, model_kwargs={"dtype": torch.bfloat16}
    )
    chance = random.Random(1)
    count = 16_384 if place.goals else 64
    texts = [models.words(chance.randint(5, 25), seed) for seed in range(count)]
    encoder.encode(texts[: count // 4])
    peer.encode(texts[: count // 4], show_progress_bar=False)
    numbers, found = in_turn(place, encoder, peer, texts, 3)
    encoder.close()
    require(apart(*found) <= SAME, f"the vectors differ by {apart(*found):.1e}", numbers)
    slow = place.goals and float(numbers["faster"]) < FASTER_SHORT
    require(not slow, f"less than {FASTER_SHORT} × as fast", numbers)
    return numbers


def beside(small: Path, encoder: MadeEncoder, place: Place) -> Any:
    """``SentenceTransformer`` on the weights of an encoder: mean pooling, no prompt."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    body = Transformer(str(small), max_seq_length=LONG)
    body.model = encoder.body
    modules = [body, Pooling(encoder.dimension)]
    return SentenceTransformer(modules=modules, device=place.device)


def real_texts(count: int) -> list[str]:
    """Texts as long as those of MTEB's data sets, as many of each."""
    chance = random.Random(0)
    texts = []
    for number in range(count):
        quantiles = REAL[number % len(REAL)]
        at = chance.random() * (len(quantiles) - 1)
        low, high = quantiles[int(at)], quantiles[int(at) + 1]
        texts.append(models.words(max(1, round(low + (at % 1) * (high - low))), number))
    return texts


def in_turn(
    place: Place, encoder: Encoder, peer: Any, texts: Sequence[str], turns: int
) -> tuple[Numbers, list[Any]]:
    """Both sides, one after the other; how many times faster, by the medians."""
    sides: Sides = {
        "": lambda: encoder.encode(texts),
        "_st": lambda: peer.encode(list(texts), show_progress_bar=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    numbers: Numbers = {"texts": len(texts)}
    vectors: dict[str, Any] = {}
    for _ in range(turns):
        for name, work in sides.items():
            took, mib = measured(place, lambda work=work, name=name: vectors.update({name: work()}))
            seconds[name].append(took)
            numbers[f"mib{name}"] = max(mib, int(numbers.get(f"mib{name}", 0)))
    mine, theirs = (float(np.median(seconds[name])) for name in sides)
    numbers |= {
        "texts_s": round(len(texts) / mine, 1),
        "texts_s_st": round(len(texts) / theirs, 1),
        "faster": round(theirs / mine, 2),
    }
    return numbers, list(vectors.values())


def measured(place: Place, work: Callable[[], Any]) -> tuple[float, int]:
    """Seconds, and MiB of the GPU that were in use at most."""
    if place.device == "cpu":
        return clocked(place, work), 0
    import torch

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    seconds = clocked(place, work)
    return seconds, torch.cuda.max_memory_allocated() >> 20


def clocked(place: Place, work: Callable[[], Any]) -> float:
    """Seconds until the device has done it."""
    import torch

    def wait() -> None:
        if place.device == "cuda":
            torch.cuda.synchronize()

    wait()
    started = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - started


def apart(mine: Any, theirs: Any) -> float:
    """Largest distance of the vectors of a text, each divided by its length."""
    one, other = (
        np.asarray(side, dtype=np.float64) / np.linalg.norm(side, axis=1, keepdims=True)
        for side in (mine, theirs)
    )
    return float(np.linalg.norm(one - other, axis=1).max())
