"""Time and peak memory of a retrieval task against the size of its corpus.

A synthetic task on files of its own, through the real ``evalsuite run``: short documents of random
words, drawn with a seed; each query is half the words of one document, which is its only relevant
one. The encoder is one BERT layer with random weights and the 384 dimensions of all-MiniLM-L6-v2:
the vectors have a usual size, the model costs next to nothing. Memory is that of the whole process
tree, looked at ten times a second: *resident* counts what each process holds in memory, files that
are mapped into it too; *private* leaves those files out, since the system takes their memory back
when it is short. Run as

    python bench/retrieval_scale.py [--repeats 3] [--sizes 100000 1000000]

on a machine with nothing else to do. Writes ``reports/bench/retrieval_scale.{json,md}``; exits
with 1 if a goal is missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from common import (
    EVALSUITE,
    ROOT,
    Goal,
    Spread,
    environment,
    facts,
    goal_lines,
    heading,
    in_turn,
    options_of,
    publish,
    records,
    timed,
    versions,
)

SIZES = (100_000, 1_000_000)
QUICK = (2_000, 20_000)
QUERIES = 200
VOCABULARY, WORDS = 20_000, 12
DIMENSIONS = 384
SEED = 0
TASK = "synthetic-retrieval"
MEMORY, GIB = 1.3, 2**30
LOOK_EVERY = 0.1
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Run:
    """One command."""

    seconds: float
    task_seconds: float
    """Without loading the engine."""
    resident: int
    """Peak, in bytes."""
    private: int
    score: float


class Watch(threading.Thread):
    """Notes the peak memory of all descendants of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.resident = self.private = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            held = [memory(process) for process in descendants(os.getpid())]
            self.resident = max(self.resident, sum(one for one, _ in held))
            self.private = max(self.private, sum(one for _, one in held))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = options_of(__doc__, repeats=3)
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES, metavar="DOCUMENTS")
    options = parser.parse_args()
    sizes = QUICK if options.quick else tuple(options.sizes)
    about = facts(
        sizes=sizes,
        queries=QUERIES,
        dimensions=DIMENSIONS,
        quick=options.quick,
        versions=versions("mteb", "transformers", "torch"),
    )
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        # In a process of its own: this one stays small, and is not counted.
        subprocess.run([sys.executable, __file__, "make", folder, *map(str, sizes)], check=True)
        sides = {str(size): lambda work, size=size: run(scratch, size, work) for size in sizes}
        status = 1
        for found in in_turn(options.repeats, sides, scratch):
            status = report(about, found, sizes, options.reports)
    return status


def report(
    about: dict[str, Any], found: list[dict[str, Run]], sizes: tuple[int, int], folder: Path
) -> int:
    """Print and write what is measured so far; 1 if a goal is missed."""
    goals = list(goals_of(found, *sizes))
    about["repeats"] = len(found)
    about["repetitions"] = [{name: asdict(one[name]) for name in one} for one in found]
    publish("retrieval_scale", about, goals, page(about, found, goals), folder)
    return 0 if all(goal.met for goal in goals) else 1


def run(scratch: Path, size: int, work: Path) -> Run:
    """``evalsuite run`` on one corpus."""
    store = work / "store"
    command = [*EVALSUITE, "run", "--ckpt", str(scratch / "encoder"), "--tasks", TASK]
    command += ["--tasks-dir", str(scratch / str(size)), "--as", "encoder", "--pooling", "mean"]
    command += ["--out", str(store), "--reports", str(work / "reports")]
    with Watch() as watch:
        done = timed(command, environment(work), ROOT)
    record = records(store)[TASK]
    return Run(
        seconds=done.seconds,
        task_seconds=record["timings"]["total"],
        resident=watch.resident,
        private=watch.private,
        score=record["score"],
    )


def descendants(process: int) -> Iterator[int]:
    """Children, their children and so on."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(c) for t in tasks for c in (t / "children").read_text().split()]
    except OSError:  # ended meanwhile
        return
    for child in children:
        yield child
        yield from descendants(child)


def memory(process: int) -> tuple[int, int]:
    """Resident bytes of a process: all, and without mapped files."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    kib = {
        line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(("Vm", "Rs"))
    }
    private = int(kib.get("RssAnon", 0)) + int(kib.get("RssShmem", 0))
    return 1024 * int(kib.get("VmRSS", 0)), 1024 * private


def goals_of(found: list[dict[str, Run]], small: int, large: int) -> Iterator[Goal]:
    """Growth from the smaller to the larger corpus."""

    def growth(field: str) -> Spread:
        pairs = ((asdict(one[str(large)])[field], asdict(one[str(small)])[field]) for one in found)
        return Spread.of(big / little for big, little in pairs)

    of = f"{large:,} documents against {small:,}"
    yield Goal(5, f"peak private memory, {of}", MEMORY, growth("private"), "×", "lower")
    yield Goal(5, f"time, {of}", large / small, growth("seconds"), "×", "lower")


def page(about: dict[str, Any], found: list[dict[str, Run]], goals: list[Goal]) -> list[str]:
    """The figures as Markdown."""
    lines = [
        *heading("Retrieval against the size of the corpus", about),
        (
            f"{about['queries']} queries, documents of {WORDS} words, {DIMENSIONS} dimensions, one "
            "layer with random weights, through `evalsuite run`."
        ),
        "",
        *goal_lines(goals),
        "",
        "| documents | seconds | of the task | documents a second | peak GiB | private | nDCG@10 |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for size in about["sizes"]:
        runs = [one[str(size)] for one in found]
        seconds, task = (
            Spread.of(getattr(r, f) for r in runs) for f in ("seconds", "task_seconds")
        )
        peaks = (Spread.of(getattr(r, f) for r in runs) for f in ("resident", "private"))
        cells = [f"{size:,}", seconds.text(), task.text(), f"{size / task.median:,.0f}"]
        cells += [*(peak.text(2, 1 / GIB) for peak in peaks), f"{100 * runs[0].score:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def make(folder: Path, sizes: list[int]) -> None:
    """Write the encoder and the tasks."""
    words = [f"w{number}" for number in range(VOCABULARY)]
    make_encoder(folder / "encoder", words)
    for size in sizes:
        chance = np.random.default_rng(SEED)
        home = folder / str(size)
        home.mkdir()
        drawn = chance.integers(VOCABULARY, size=(size, WORDS))
        asked = chance.choice(size, QUERIES, replace=False)
        texts = (" ".join(words[word] for word in row) for row in drawn)
        queries = (" ".join(words[word] for word in drawn[i, : WORDS // 2]) for i in asked)
        write(home / "corpus.jsonl", ({"id": f"d{i}", "text": t} for i, t in enumerate(texts)))
        write(home / "queries.jsonl", ({"id": f"q{i}", "text": t} for i, t in enumerate(queries)))
        judged = ({"query-id": f"q{i}", "corpus-id": f"d{d}"} for i, d in enumerate(asked))
        write(home / "qrels.jsonl", ({**one, "score": 1} for one in judged))
        (home / f"{TASK}.yaml").write_text(
            f"name: {TASK}\nkind: mteb\ntype: retrieval\ncategory: Retrieval\n"
            "data: {corpus: corpus.jsonl, queries: queries.jsonl, qrels: qrels.jsonl}\n"
        )


def write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """As JSON lines."""
    with path.open("w") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


def make_encoder(folder: Path, words: list[str]) -> None:
    """One layer of BERT that knows the words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {token: index for index, token in enumerate([*special, *words])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", model_max_length=128
    ).save_pretrained(folder)
    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=DIMENSIONS,
        intermediate_size=DIMENSIONS,
        num_hidden_layers=1,
        num_attention_heads=6,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(Path(sys.argv[2]), [int(size) for size in sys.argv[3:]])
    else:
        sys.exit(main())
