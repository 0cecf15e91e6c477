"""Embeddings of padded batches beside the paper's formulas, computed one text at a time.

The formulas are written out here: the whole sequence is given to transformers with an explicit
mask and without padding; instruction, format and BOS are left out of the mean. Two decoders:
SmolLM2-135M-Instruct (Llama type, real weights) and a small random Mistral type with a sliding
window shorter than the texts. Run as ``python bench/pooling.py ../shared/data``; exits with 1 if
a cosine is below 0.9999.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, MistralConfig, MistralModel

from common import REPORTS, machine_line, write_json
from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.models import CheckpointOptions
from evalsuite.data import read_rows
from evalsuite.engines.load import load_encoder

GOAL = 0.9999
INSTRUCTION = "Given a scientific claim, retrieve documents that support or refute the claim"
POOLINGS = ("mean", "weighted_mean", "last", "cls")
LENGTH = 512


@dataclass(frozen=True, slots=True)
class Figure:
    """Agreement of one decoder under one protocol."""

    decoder: str
    attention: str
    pooling: str
    texts: int
    least_cosine: float

    @property
    def met(self) -> bool:
        """Whether all texts agree."""
        return self.least_cosine >= GOAL


def main() -> int:
    """Measure, print, write; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with hub/")
    parser.add_argument("--texts", type=int, default=24, metavar="N", help="of each kind")
    options = parser.parse_args()
    texts = real_texts(options.data / "hub" / "mteb", options.texts)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch:
        smollm2 = resolve("demo:smollm2", CheckpointOptions()).path
        mistral = random_mistral(Path(scratch) / "mistral", smollm2)
        for name, path in (("SmolLM2-135M (Llama)", smollm2), ("random Mistral", mistral)):
            for attention in ("bidirectional", "causal"):
                figures.extend(agreement(name, path, attention, texts))
    text = markdown(figures)
    print(text)
    write_json(
        REPORTS / "pooling.json", {"figures": [{**asdict(f), "met": f.met} for f in figures]}
    )
    (REPORTS / "pooling.md").write_text(text + "\n", encoding="utf-8")
    return 0 if all(figure.met for figure in figures) else 1


def real_texts(hub: Path, count: int) -> list[str]:
    """Short sentences and abstracts, mixed: a batch of them has much padding."""
    short = read_rows(next((hub / "stsbenchmark-sts").rglob("*test*.parquet")))
    long = read_rows(next((hub / "scifact").rglob("*corpus*.parquet")))
    mixed = zip(short[:count], long[:count], strict=True)
    return [text for s, c in mixed for text in (s["sentence1"], c["text"])]


def random_mistral(folder: Path, tokenizer: Path) -> Path:
    """Random weights; a window of 32 tokens, which bidirectional attention has to switch off."""
    torch.manual_seed(0)
    vocabulary = AutoConfig.from_pretrained(tokenizer).vocab_size
    config = MistralConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=32,
        initializer_range=0.2,
        architectures=["MistralForCausalLM"],
    )
    MistralModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder)
    return folder


def agreement(name: str, path: Path, attention: str, texts: list[str]) -> list[Figure]:
    """Least cosine between our batches and the formulas, by pooling."""
    prefix = f"<|user|>\n{INSTRUCTION}\n<|embed|>\n"
    hidden = [hidden_states(path, prefix, text, attention) for text in texts]
    found = []
    for pooling in POOLINGS:
        options = CheckpointOptions(kind="grit", attention=attention, pooling=pooling)
        encoder = load_encoder(resolve(str(path), options), device="cpu", dtype="float32")
        ours = encoder.encode(texts, prefix).astype(np.float64)
        theirs = np.stack([pooled(states, start, pooling) for states, start in hidden])
        cosine = (ours * theirs).sum(axis=1) / (
            np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        )
        found.append(Figure(name, attention, pooling, len(texts), float(cosine.min())))
    return found


_LOADED: dict[Path, tuple[object, object]] = {}


def hidden_states(path: Path, prefix: str, text: str, attention: str) -> tuple[np.ndarray, int]:
    """Last hidden states of one text, shape ``(t, d)``, and where the text begins."""
    if path not in _LOADED:
        model = AutoModel.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
        _LOADED[path] = (AutoTokenizer.from_pretrained(path), model.eval())
    tokenizer, model = _LOADED[path]
    ids = tokenizer(prefix + text, truncation=True, max_length=LENGTH).input_ids
    start = len(tokenizer(prefix).input_ids)
    mask = torch.zeros(1, 1, len(ids), len(ids)) if attention == "bidirectional" else None
    with torch.no_grad():
        states = model(torch.tensor([ids]), attention_mask=mask).last_hidden_state[0]
    return states.double().numpy(), start


def pooled(states: np.ndarray, start: int, pooling: str) -> np.ndarray:
    """Section 3 of the paper (mean) and SGPT (weighted mean), over the text's tokens."""
    kept = states[start:]
    weights = np.arange(1, len(kept) + 1) if pooling == "weighted_mean" else np.ones(len(kept))
    if pooling == "cls":
        return states[0]
    return states[-1] if pooling == "last" else (weights[:, None] * kept).sum(0) / weights.sum()


def markdown(figures: list[Figure]) -> str:
    """The figures as a table under a line about the machine."""
    lines = [
        f"{machine_line()}; float32, {figures[0].texts} texts",
        "",
        f"Least cosine between a padded batch and the formula on one text; goal {GOAL}.",
        "",
        "| decoder | attention | " + " | ".join(POOLINGS) + " |",
        "|---|---|" + "---|" * len(POOLINGS),
    ]
    for start in range(0, len(figures), len(POOLINGS)):
        row = figures[start : start + len(POOLINGS)]
        cells = " | ".join(f"{figure.least_cosine:.7f}" for figure in row)
        lines.append(f"| {row[0].decoder} | {row[0].attention} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
