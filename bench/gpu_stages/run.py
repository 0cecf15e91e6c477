"""A whole run: what records say, another device computes anew, a kill frees all memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from evalsuite.engines.cuda.survey import gpu_here
from evalsuite.engines.load import load_encoder
from gpu_stages import models, runs
from gpu_stages.stage import Check, Numbers, Place, SkippedError, require

TASKS = ("smoke-sts", "smoke-multiple-choice")
CLOSE = 0.01
"""Points of a score × 100 between a GPU and a CPU, in float32."""
FREED, FREED_SECONDS = 256 << 20, 2.0
"""Bytes near which free memory is back, and how soon, once an engine's process was killed."""


def checks(place: Place) -> Iterator[Check]:
    """One after the other on the same store."""
    yield "first", partial(first, place)
    yield "again", partial(again, place)
    yield "float32", partial(float32, place)
    yield "killed", partial(killed, place)


def folders(place: Place) -> list[Path]:
    """A sentence-transformers model and a language model."""
    whole, made = place.scratch / "st" / "whole", place.scratch / "llama"
    if not whole.exists():
        models.saved_sentence_transformer(place.scratch / "st", models.TINY, place)
    if not made.exists():
        models.saved(made, "llama", models.TINY, place)
    return [whole, made]


def first(place: Place) -> Numbers:
    """Exit code 0, and records that name the device."""
    runs.need_harnesses()
    limit = () if place.goals else ("--limit", "12")
    runs.evaluate(place, folders(place), TASKS, "--device", place.device, *limit)
    gpu = gpu_here(place.device)
    found = runs.records(place)
    scored = [record for record in found if record.status == "scored"]
    require(len(scored) == 3, f"{len(scored)} of 3 jobs are scored")
    for record in found:
        named = record.environment["gpu"]
        require(named == (gpu and gpu.name), f"a record says gpu: {named}")
        require(record.signature.device == place.device, f"dev:{record.signature.device}")
    dtypes = {record.signature.dtype for record in scored}
    if gpu is not None and gpu.has_bfloat16:
        require(dtypes == {"bfloat16"}, f"precision {dtypes}")
    return {
        "scored": len(scored),
        "dtype": ",".join(sorted(dtypes)),
        "gpu": gpu.name if gpu else "",
    }


def again(place: Place) -> Numbers:
    """``auto`` is the same device: nothing is left to do."""
    runs.need_harnesses()
    limit = () if place.goals else ("--limit", "12")
    said = runs.evaluate(place, folders(place), TASKS, *limit)
    require("0 to run" in said, "auto evaluated again what was stored")
    return {}


def float32(place: Place) -> Numbers:
    """The same scores as on the CPU, from vectors of its own."""
    runs.need_harnesses()
    if place.device == "cpu":
        raise SkippedError("there is no other device")
    cache = Path(os.environ["EVALSUITE_CACHE"]) / "vectors"
    task, (encoder, _) = ("smoke-sts",), folders(place)
    runs.evaluate(place, [encoder], task, "--device", "cuda", "--dtype", "float32")
    before = len(list(cache.iterdir()))
    runs.evaluate(place, [encoder], task, "--device", "cpu", "--dtype", "float32")
    require(len(list(cache.iterdir())) > before, "the CPU took the vectors of the GPU")
    scores = {
        record.signature.device: 100 * record.score
        for record in runs.records(place)
        if record.signature.dtype == "float32" and record.score is not None
    }
    off = abs(scores["cuda"] - scores["cpu"])
    numbers: Numbers = {"cuda": scores["cuda"], "cpu": scores["cpu"], "off": f"{off:.1e}"}
    require(off <= CLOSE, "the scores differ", numbers)
    return numbers


def killed(place: Place) -> Numbers:
    """The memory of an engine's process is free soon after ``kill -9``."""
    if place.device == "cpu":
        raise SkippedError("the memory of a GPU is looked at")
    import torch

    free = torch.cuda.mem_get_info()[0]
    code = f"from gpu_stages.run import hold; hold({str(folders(place)[1])!r})"
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert holder.stdout is not None
    require(any(line == b"ready\n" for line in holder.stdout), "it did not load")
    held = free - torch.cuda.mem_get_info()[0]
    os.kill(holder.pid, signal.SIGKILL)
    started = time.perf_counter()
    while free - torch.cuda.mem_get_info()[0] > FREED:
        late = time.perf_counter() - started
        require(late < FREED_SECONDS, f"still held after {late:.1f} s", {"mib_held": held >> 20})
        time.sleep(0.02)
    holder.wait()
    after = time.perf_counter() - started
    require(held > FREED, "it held nothing", {"mib_held": held >> 20})
    return {"mib_held": held >> 20, "free_after_s": round(after, 2)}


def hold(folder: str) -> None:
    """Load, say so, and stay."""
    import torch

    encoder = load_encoder(models.decoder(Path(folder)), device="cuda", dtype="bfloat16")
    encoder.encode(["a"])
    kept = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    os.write(1, b"ready\n")
    time.sleep(600)
    del kept
