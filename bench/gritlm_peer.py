"""Time ``GritLM.encode`` of the GRIT authors' package and our encoder in turn, on the same texts.

The package is no dependency; put it into a folder of its own and name that folder:

    pip install --no-deps --target FOLDER gritlm==1.0.2
    python bench/gritlm_peer.py ../shared/data/hub --gritlm FOLDER [--repeats 3]

Both: SmolLM2 in float32, causal attention (the package's ``cccc``: newer releases of transformers
do not take the argument by which it asks for another), the GRIT format around one instruction, mean
over the text's tokens, normalised, at most 512 tokens. The package has its own defaults for the
rest: batches of 256 texts in the order given. The texts are drawn with a seed from SciFact
(abstracts), Banking77 and STSBenchmark (sentences) and shuffled. Each side is a process of its own;
its clock starts when the model is loaded and has embedded one text. No shim is needed for
transformers 5. Writes ``reports/bench/gritlm_peer.{json,md}``; exits with 1 if the goal is missed
or a vector differs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    Goal,
    Spread,
    environment,
    facts,
    goal_lines,
    heading,
    in_turn,
    options_of,
    publish,
    timed,
    verdict,
    versions,
)
from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.models import CheckpointOptions
from evalsuite.data import read_rows

GOAL = 3.0
COSINE = 0.9999
INSTRUCTION = "Given a scientific claim, retrieve documents that support or refute the claim"
PREFIX = f"<|user|>\n{INSTRUCTION}\n<|embed|>\n"
SOURCES = {
    "SciFact": ("scifact/corpus/*.parquet", ("title", "text")),
    "Banking77": ("banking77/data/test*.parquet", ("text",)),
    "STSBenchmark": ("stsbenchmark-sts/data/test*.parquet", ("sentence1",)),
}
SEED = 42
PEER, OURS = "gritlm", "evalsuite"
Encode = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One process."""

    seconds: float
    """Embedding alone."""
    process: float
    """From its start to its end."""
    vectors: Any


def main() -> int:
    """Measure, print, write; 1 if the goal is missed."""
    parser = options_of(__doc__, repeats=3)
    parser.add_argument("data", type=Path, help="data sets, in hub layout")
    parser.add_argument("--gritlm", type=Path, help="folder that holds the package")
    parser.add_argument("--texts", type=int, default=300, help="in all, a third of each data set")
    parser.add_argument("--side", choices=(PEER, OURS), help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side(options)
        return 0
    if options.gritlm is None or not (options.gritlm / "gritlm").is_dir():
        parser.error("--gritlm: pip install --no-deps --target FOLDER gritlm==1.0.2")
    count = 30 if options.quick else options.texts
    texts = mixed(options.data / "mteb", count // len(SOURCES))
    about = facts(
        checkpoint="demo:smollm2",
        dtype="float32",
        attention="causal",
        texts=len(texts),
        quick=options.quick,
        versions={"gritlm": "1.0.2", **versions("transformers", "torch")},
    )
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "texts.json").write_text(json.dumps(texts))
        checkpoint = resolve("demo:smollm2").path
        (scratch / "checkpoint").symlink_to(checkpoint)
        sides = {
            name: lambda work, name=name: start(name, scratch, work, options)
            for name in (PEER, OURS)
        }
        status = 1
        for found in in_turn(options.repeats, sides, scratch):
            status = report(about, found, options.reports)
    return status


def report(about: dict[str, Any], found: list[dict[str, Run]], folder: Path) -> int:
    """Print and write what is measured so far; 1 if the goal is missed."""
    least = min(float(cosine(one[OURS].vectors, one[PEER].vectors).min()) for one in found)
    ratio = Spread.of(one[PEER].seconds / one[OURS].seconds for one in found)
    what = f"`GritLM.encode`, {about['texts']} texts of mixed lengths, float32"
    goal = Goal(2, what, GOAL, ratio, "×", "higher")
    about |= {
        "repeats": len(found),
        "least_cosine": least,
        "vectors_agree": least >= COSINE,
        "repetitions": [
            {name: {"seconds": run.seconds, "process": run.process} for name, run in one.items()}
            for one in found
        ],
    }
    publish("gritlm_peer", about, [goal], page(about, found, goal, least), folder)
    return 0 if goal.met and least >= COSINE else 1


def mixed(data: Path, each: int) -> list[str]:
    """Texts of all sources, shuffled: a batch in this order has much padding."""
    drawn: list[str] = []
    chance = random.Random(SEED)
    for pattern, columns in SOURCES.values():
        rows = read_rows(next(data.glob(pattern)))
        texts = [" ".join(str(row[column]) for column in columns) for row in rows]
        drawn += chance.sample(texts, each)
    chance.shuffle(drawn)
    return drawn


def start(name: str, scratch: Path, work: Path, options: argparse.Namespace) -> Run:
    """Run one side in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), str(options.data.resolve())]
    command += ["--side", name, "--work", str(work), "--gritlm", str(options.gritlm.resolve())]
    (work / "texts.json").symlink_to(scratch / "texts.json")
    (work / "checkpoint").symlink_to(scratch / "checkpoint")
    done = timed(command, environment(work))
    return Run(
        seconds=json.loads((work / "seconds.json").read_text()),
        process=done.seconds,
        vectors=np.load(work / "vectors.npy"),
    )


def side(options: argparse.Namespace) -> None:
    """Load a model, embed, and leave seconds and vectors behind."""
    texts = json.loads((options.work / "texts.json").read_text())
    if options.side == PEER:
        sys.path.insert(0, str(options.gritlm))
    encode = {PEER: theirs, OURS: ours}[options.side](options.work / "checkpoint")
    encode(["warm"])
    started = time.perf_counter()
    vectors = encode(texts)
    seconds = time.perf_counter() - started
    np.save(options.work / "vectors.npy", vectors)
    (options.work / "seconds.json").write_text(json.dumps(seconds))


def theirs(checkpoint: Path) -> Encode:
    """The package, with its defaults but for attention and precision."""
    import torch
    from gritlm import GritLM  # type: ignore[import-not-found]

    model = GritLM(str(checkpoint), attn="cccc", torch_dtype=torch.float32)
    return lambda texts: model.encode(list(texts), instruction=PREFIX)


def ours(checkpoint: Path) -> Encode:
    """The transformers engine, under the same protocol."""
    from evalsuite.engines.load import load_encoder

    protocol = CheckpointOptions(
        kind="grit", attention="causal", pooling="mean", normalize=True, max_length=512
    )
    encoder = load_encoder(resolve(str(checkpoint), protocol), dtype="float32")
    return lambda texts: encoder.encode(texts, PREFIX)


def cosine(one: Any, other: Any) -> Any:
    """Of each pair of rows."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one.astype(np.float64) * other).sum(axis=1) / lengths


def page(about: dict[str, Any], found: list[dict[str, Run]], goal: Goal, least: float) -> list[str]:
    """The figures as Markdown."""
    agree = least >= COSINE
    seconds = {name: Spread.of(one[name].seconds for one in found) for name in (PEER, OURS)}
    return [
        *heading("`GritLM.encode` and our transformers engine", about),
        (
            f"SmolLM2, float32, causal, {about['texts']} texts from {', '.join(SOURCES)} in equal "
            "parts, shuffled. The package as it is: batches of 256 in the order given. Model "
            "loading is not counted."
        ),
        "",
        *goal_lines([goal]),
        "",
        "| | seconds | texts a second |",
        "|---|---:|---:|",
        *(
            f"| {name} | {spread.text()} | {about['texts'] / spread.median:.1f} |"
            for name, spread in seconds.items()
        ),
        "",
        f"Least cosine of a text's two vectors: {least:.7f}; goal {COSINE}: {verdict(agree)}.",
    ]


if __name__ == "__main__":
    sys.exit(main())
