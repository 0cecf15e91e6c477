"""Our encoders' useful FLOP/s beside the machine's own peak for products of matrices.

*Useful* is what the texts need, padding not counted: 2 FLOP for each parameter (without embedding
matrices and pooler) and token, and for each text of ``t`` tokens and each layer of width ``d``
4 t² d for attention, half of it where attention is causal. The time is that of ``Encoder.encode``,
tokenising included. The peak is the best of several shapes through ``torch.mm`` and through
oneDNN's linear layer with packed weights, measured beside each embedding: the two in turn. Texts
are random short words, drawn with a seed, all different. How much faster batches are that run side
by side is measured too: the same embedding with all cores for one batch after the other, in turn
with the rest. A profile, taken after the repetitions,
says which operators the time went to, and what share of the peak the linear layers and attention
reach by themselves: no encoder made of these linear layers comes above theirs. Run as

    python bench/encoder_flops.py [--repeats 5]

on a machine with nothing else to do. Writes ``reports/bench/encoder_flops.{json,md}``; exits with
1 if a goal is missed.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel

from common import (
    Goal,
    Spread,
    facts,
    goal_lines,
    heading,
    in_turn,
    options_of,
    publish,
    versions,
)
from encoder_operators import Operators, one_at_a_time, operators
from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.models import Checkpoint, CheckpointOptions
from evalsuite.engines.batched_encoder import BatchedEncoder
from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Encoder
from evalsuite.engines.transformers.packed_linear import PackedLinear, can_pack

GOAL = 0.75
MODELS = {"SmolLM2": "demo:smollm2", "MiniLM": "demo:minilm"}
DTYPES = ("float32", "bfloat16")
LENGTHS = {"short": 16, "long": 512}
"""Tokens of a text, about; no text is cut."""
SHAPES = ((1024, 576, 1536), (1024, 1536, 576), (1024, 384, 1536), (2048, 2048, 2048))
"""Rows, inner and outer width: the layers of the two models in our batches, and a large square."""
WORK, QUICK = 3e12, 5e10
"""FLOP of one measurement."""
SECONDS = 0.3
"""For each shape and way, at least."""
WORDS = [
    f"{onset}{rhyme}" for onset in ("b", "f", "m", "r", "st") for rhyme in ("an", "ill", "one")
]
SEED = 0


@dataclass(frozen=True, slots=True)
class Size:
    """What counts of a model."""

    parameters: int
    layers: int
    width: int
    """All heads together."""
    causal: bool

    def linear(self, lengths: list[int]) -> float:
        """FLOP of the linear layers for texts with so many tokens."""
        return 2.0 * self.parameters * sum(lengths)

    def attention(self, lengths: list[int]) -> float:
        """FLOP of attention."""
        each = (2 if self.causal else 4) * self.layers * self.width
        return float(each * sum(t**2 for t in lengths))

    def flop(self, lengths: list[int]) -> float:
        """All of it."""
        return self.linear(lengths) + self.attention(lengths)


@dataclass(frozen=True, slots=True)
class Figure:
    """One model, precision and length."""

    model: str
    dtype: str
    length: str
    tokens: float
    """Of a text, on average."""
    texts: int
    useful: Spread
    """FLOP/s."""
    peak: Spread
    share: Spread
    """Repetition by repetition."""
    gain: Spread
    """How many times faster than one batch at a time."""
    time: Operators
    """What the time of one embedding went to."""
    linear: float
    """Share of the peak that the linear layers reach while they run."""
    attention: float
    """Likewise for attention."""


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    options = options_of(__doc__, repeats=5).parse_args()
    about = facts(
        threads=torch.get_num_threads(),
        shapes=SHAPES,
        repeats=options.repeats,
        quick=options.quick,
        versions=versions("torch", "transformers", "sentence-transformers"),
    )
    work = QUICK if options.quick else WORK
    figures = [
        figure
        for model in MODELS
        for dtype in DTYPES
        for figure in measure(model, dtype, work, options.repeats)
    ]
    goals = [
        Goal(
            6,
            f"share of the GEMM peak, {f.model}, long texts, {f.dtype}",
            GOAL,
            f.share,
            "%",
            "higher",
        )
        for f in figures
        if f.length == "long"
    ]
    about["figures"] = [asdict(figure) for figure in figures]
    publish("encoder_flops", about, goals, page(about, figures, goals), options.reports)
    return 0 if all(goal.met for goal in goals) else 1


def measure(model: str, dtype: str, work: float, repeats: int) -> Iterator[Figure]:
    """Both lengths with one loaded encoder."""
    checkpoint = resolve(MODELS[model], CheckpointOptions(max_length=512))
    encoder = load_encoder(checkpoint, device="cpu", dtype=dtype)  # type: ignore[arg-type]
    assert isinstance(encoder, BatchedEncoder)
    size = size_of(checkpoint)
    for length, tokens in LENGTHS.items():
        texts = make_texts(encoder, tokens, max(8, int(work / size.flop([tokens]))))
        lengths = [len(encoder.render(text).token_ids) for text in texts]
        encoder.encode(texts[:2])
        sides: dict[str, Callable[[Path], float]] = {
            "peak": lambda _: peak(dtype),
            "useful": partial(rate_of, encoder, texts, size.flop(lengths)),
            "shared": partial(shared_rate_of, encoder, texts, size.flop(lengths)),
        }
        with tempfile.TemporaryDirectory() as scratch:
            *_, found = in_turn(repeats, sides, Path(scratch), told=lambda _: None)
        useful = Spread.of(one["useful"] for one in found)
        best = Spread.of(one["peak"] for one in found)
        whole = operators(encoder, texts)
        # What the peak could do in the time of the median, not of the embedding that was profiled.
        possible = size.flop(lengths) / useful.median * best.median
        yield Figure(
            model=model,
            dtype=dtype,
            length=length,
            tokens=sum(lengths) / len(lengths),
            texts=len(texts),
            useful=useful,
            peak=best,
            share=Spread.of(one["useful"] / one["peak"] for one in found),
            gain=Spread.of(one["useful"] / one["shared"] for one in found),
            time=whole,
            linear=size.linear(lengths) / (whole.linear * possible),
            attention=size.attention(lengths) / (whole.attention * possible),
        )
    encoder.close()


def size_of(checkpoint: Checkpoint) -> Size:
    """Of the model as its config describes it; no weights are loaded."""
    config = AutoConfig.from_pretrained(checkpoint.path)
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    left_out = ("embeddings", "embed_tokens", "pooler")
    counted = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if not any(part in left_out for part in name.split("."))
    )
    assert checkpoint.embedding is not None
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Size(
        parameters=counted,
        layers=config.num_hidden_layers,
        width=head * config.num_attention_heads,
        causal=checkpoint.embedding.attention == "causal",
    )


def make_texts(encoder: Encoder, tokens: int, count: int) -> list[str]:
    """Different texts of about so many tokens, special ones included, none of them cut."""
    chance = random.Random(SEED)
    many = " ".join(WORDS)
    words = int(0.97 * tokens * len(WORDS) / len(encoder.render(many).token_ids))
    texts: set[str] = set()
    while len(texts) < count:
        texts.add(" ".join(chance.choices(WORDS, k=words)))
    return sorted(texts)


def rate_of(encoder: Encoder, texts: list[str], flop: float, _: Path) -> float:
    """FLOP/s of embedding texts that need so many."""
    started = time.perf_counter()
    encoder.encode(texts)
    return flop / (time.perf_counter() - started)


def shared_rate_of(encoder: BatchedEncoder, texts: list[str], flop: float, _: Path) -> float:
    """Likewise, with all threads for one batch after the other."""
    with one_at_a_time(encoder, torch.get_num_threads()):
        return rate_of(encoder, texts, flop, _)


def peak(dtype: str) -> float:
    """Best FLOP/s of a product of matrices in a precision."""
    kind = getattr(torch, dtype)
    best = 0.0
    with torch.inference_mode():
        for rows, inner, outer in SHAPES:
            left = torch.randn(rows, inner, dtype=kind)
            layer = torch.nn.Linear(inner, outer, bias=False, dtype=kind)
            right = layer.weight.detach().t().contiguous()
            best = max(best, rate(lambda a=left, b=right: torch.mm(a, b), rows * inner * outer))
            if can_pack():
                packed = PackedLinear(layer)
                best = max(best, rate(lambda f=packed, a=left: f(a), rows * inner * outer))
    return best


def rate(product: Any, multiplications: int) -> float:
    """FLOP/s of the fastest of many calls, after one that warms up."""
    product()
    fastest, over = float("inf"), time.perf_counter() + SECONDS
    while (started := time.perf_counter()) < over:
        product()
        fastest = min(fastest, time.perf_counter() - started)
    return 2 * multiplications / fastest


def page(about: dict[str, Any], figures: list[Figure], goals: list[Goal]) -> list[str]:
    """The figures as Markdown."""
    lines = [
        *heading("Useful FLOP/s of our encoders", about),
        f"{about['threads']} threads. Peak: the best product of matrices, beside each embedding.",
        "",
        *goal_lines(goals),
        "",
        (
            "| | precision | texts | tokens each | useful GFLOP/s | peak GFLOP/s | share "
            "| over one batch at a time |"
        ),
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in figures:
        cells = (
            f"{one.model}, {one.length}",
            one.dtype,
            str(one.texts),
            f"{one.tokens:.0f}",
            one.useful.text(0, 1e-9),
            one.peak.text(0, 1e-9),
            f"{one.share.text(1, 100)} %",
            f"{one.gain.text(2)} ×",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "## Where the time goes, and what the limit is",
        "",
        (
            "Shares of the time of one embedding by torch's profile, one batch at a time on one "
            "core as in a stream, and the share of the peak that linear layers and attention reach "
            "in that part of the time above. The rest: norms, activations, "
            "rotary positions, copies, tokenising, pooling. Were all but the linear layers free, "
            "an encoder would reach their share of the peak: that is its limit with these kernels."
        ),
        "",
        "| | precision | linear layers | of the peak | attention | of the peak | rest |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for one in figures:
        parts = (one.time.linear, one.linear, one.time.attention, one.attention, one.time.rest)
        shares = " | ".join(f"{100 * part:.0f} %" for part in parts)
        lines.append(f"| {one.model}, {one.length} | {one.dtype} | {shares} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
