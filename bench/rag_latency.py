"""Time retrieval-augmented generation from caches against plain RAG, in turn, in one run.

Sample A of the GRIT paper's Table 7: a question of one token, a document of 4,000; sample B: the
inverse. Document caching is timed against document-then-query RAG on A, query caching against
query-then-document RAG on B. The latter twice: with the whole question embedded, where caching
saves one of two passes over it and so less than half of the time, and with the question embedded
up to 512 tokens, as the authors' scripts do. Run as

    python bench/rag_latency.py [--ckpt demo:smollm2] [--length 4000] [--repetitions 12]

on a machine with nothing else to do. Writes ``reports/bench/rag_latency.{json,md}``; exits with 1
if a time saved has a goal and its interval begins below it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import REPORTS, machine_line, write_json
from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_unified
from evalsuite.kinds.rag.data import load_world
from evalsuite.kinds.rag.latency import WORDS
from evalsuite.kinds.rag.prompts import prompts_for, whole
from evalsuite.kinds.rag.task import Latency, Method
from evalsuite.kinds.rag.timing import PHASES, Bench, Timed, TimedSetting, saving, summarise
from evalsuite.registry.load import Registry

GOAL = 0.60
AUTHORS_LENGTH = 512


@dataclass(frozen=True)
class Pair:
    """A method and what it is compared with."""

    what: str
    method: Method
    baseline: Method
    long_query: bool
    goal: float | None


FULL = (
    Pair("document caching, sample A", "doc-cache", "doc-query", False, GOAL),
    Pair("query caching, sample B", "query-cache", "query-doc", True, None),
)
CUT = (
    Pair(
        f"query caching, sample B, embedded up to {AUTHORS_LENGTH} tokens",
        "query-cache",
        "query-doc",
        True,
        GOAL,
    ),
)


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ckpt", default="demo:smollm2")
    parser.add_argument("--length", type=int, default=4000)
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--note", default="", help="Said in the report, such as what else ran.")
    parser.add_argument("--quick", action="store_true", help="short texts: not for quoting")
    options = parser.parse_args()
    if options.quick:
        options.length, options.repetitions = 500, 2
        options.note = f"{options.note} A quick try, no figure to quote.".strip()
    load = os.getloadavg()[0]
    checkpoint = resolve(options.ckpt)
    about: dict[str, Any] = {
        "checkpoint": checkpoint.name,
        "length": options.length,
        "load_average_before": load,
        "note": options.note,
    }
    rows: list[dict[str, Any]] = []
    savings: list[dict[str, Any]] = []
    for pairs, cut in ((FULL, None), (CUT, AUTHORS_LENGTH)):
        timed, saved, facts = measure(checkpoint, pairs, cut, options)
        about |= facts
        rows += [{"embed_length": cut, **one.result().model_dump(mode="json")} for one in timed]
        savings += saved
    text = markdown(about, rows, savings)
    print(text)
    write_json(REPORTS / "rag_latency.json", {**about, "savings": savings, "cells": rows})
    (REPORTS / "rag_latency.md").write_text(text + "\n", encoding="utf-8")
    return 0 if all(saved["met"] is not False for saved in savings) else 1


def measure(
    checkpoint: Checkpoint, pairs: tuple[Pair, ...], cut: int | None, options: argparse.Namespace
) -> tuple[list[Timed], list[dict[str, Any]], dict[str, Any]]:
    """Time pairs of methods in turn."""
    count = options.repetitions
    settings = Latency(lengths=(options.length,), least=count, most=count, seconds=10**6)
    task = Registry.load().task("rag-latency")
    model = load_unified(checkpoint, dtype=options.dtype, embed_length=cut)
    words = " ".join(map(whole, load_world(task, None, None).documents))[:WORDS]
    sides = {
        pair: (options.length, 1) if pair.long_query else (1, options.length) for pair in pairs
    }
    cells = [TimedSetting(m, *sides[pair]) for pair in pairs for m in (pair.method, pair.baseline)]
    with tempfile.TemporaryDirectory() as folder:
        prompts = prompts_for(task, checkpoint, model.texts)
        bench = Bench(model, prompts, words, settings, Path(folder))
        bench.prepare(cells)
        repetitions = bench.run(cells, lambda *_: None, seed=0)
    found = []
    for pair in pairs:
        pair_cells = [TimedSetting(m, *sides[pair]) for m in (pair.method, pair.baseline)]
        saved = saving(repetitions, *pair_cells)
        assert saved is not None
        found.append(
            {
                "what": pair.what,
                "against": pair.baseline,
                "saved": saved.value,
                "low": saved.interval.low,
                "high": saved.interval.high,
                "level": saved.interval.level,
                "rounds": saved.n,
                "goal": pair.goal,
                "met": None if pair.goal is None else saved.interval.low >= pair.goal,
            }
        )
    facts = {
        "dtype": model.dtype,
        "device": model.device,
        "new_tokens": settings.new_tokens,
        "bytes_per_token": model.bytes_per_token,
        "cache_read_from_disk": bench.from_disk,
    }
    return summarise(repetitions), found, facts


def markdown(
    about: dict[str, Any], rows: list[dict[str, Any]], savings: list[dict[str, Any]]
) -> str:
    """The figures as a page."""
    lines = [
        "# Time saved by caching",
        "",
        f"{machine_line()}. {about['checkpoint']} in {about['dtype']} on {about['device']}, "
        f"{about['new_tokens']} new tokens, lengths 1 and {about['length']}, methods in turn in "
        "one run, the first round discarded. The question is embedded and searched for in every "
        "row, and the document's cache is read from the disk. Load of the machine before: "
        f"{about['load_average_before']:.1f}. {about['note']}".rstrip(),
        "",
        "| | saved | 95 % interval | rounds | goal |",
        "|---|---:|---:|---:|---|",
    ]
    words = {None: "none", True: f"{GOAL:.0%}: met", False: f"{GOAL:.0%}: missed"}
    lines += [
        f"| {s['what']}, against {s['against']} | {s['saved']:.1%} | {s['low']:.1%} to "
        f"{s['high']:.1%} | {s['rounds']} | {words[s['met']]} |"
        for s in savings
    ]
    lines += [
        "",
        (
            "Query caching has no goal where the whole question is embedded: plain RAG then reads "
            "it twice, query caching once, so that at most half can be saved."
        ),
        "",
        f"| median seconds | embedded | {' | '.join(PHASES)} | total | interval |",
        "|---|---:|" + "---:|" * (len(PHASES) + 2),
    ]
    for one in rows:
        phases = " | ".join(f"{one['phases'][name]['median']:.3f}" for name in PHASES)
        lines.append(
            f"| {one['method']} {one['query']}-{one['document']} | {one['embed_length'] or 'all'} "
            f"| {phases} | {one['median']:.2f} | {one['low']:.2f} to {one['high']:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
