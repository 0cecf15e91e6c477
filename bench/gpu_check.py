"""Checks evalsuite on the GPU of this machine in minutes; needs no network and no checkpoint.

Models have random weights and are made on the device; the tokenizer is trained on the spot. Each
stage runs in a process of its own with a time limit. A stage that fails, crashes or hangs is said,
and the others go on. Prints a line a check, ``PASS|FAIL|SKIP name seconds numbers``, and writes the
same as JSON. Run as

    python bench/gpu_check.py [--device cpu --tiny] [--stage NAME …] [--out FILE]

``--tiny`` takes small models only and sets no goals of speed, for a machine without a GPU. Exits
with 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from common import write_json
from gpu_stages.inside import run_stage
from gpu_stages.stage import Place

LIMITS: Final = {
    "environment": 60,
    "encode": 80,
    "oom": 40,
    "shapes": 60,
    "generate": 60,
    "run": 130,
    "sticky": 80,
    "speed": 150,
    "vllm": 120,
    "vllm_embed": 120,
}
"""Stage → seconds that it may take on a GPU."""
WHOLE: Final = 360
"""Seconds of all stages together."""
LEAST: Final = 5
"""Seconds below which a stage is not begun."""
LAST: Final = 3
"""Lines of the log of a stage that ended early which are shown."""


def main() -> int:
    """Run the stages; 1 if a check fails."""
    options = parser().parse_args()
    if options.inside:
        inside(options)
        return 0
    begun = time.monotonic()

    def told(stage: str) -> list[dict[str, Any]]:
        seconds = min(slower * LIMITS[stage], options.seconds - (time.monotonic() - begun))
        found = []
        for one in outcomes(stage, options, Path(scratch) / stage, seconds):
            found.append(one)
            print(line(one), flush=True)
        return found

    # A GPU's memory and time belong to one stage; on a CPU they share nothing but its cores.
    side_by_side, slower = (1, 1) if options.device == "cuda" else (2, 4)
    with (
        tempfile.TemporaryDirectory(prefix="gpu-check-") as scratch,
        ThreadPoolExecutor(side_by_side) as pool,
    ):
        found = [one for stage in pool.map(told, options.stage or LIMITS) for one in stage]
    counts = {state: sum(one["state"] == state for one in found) for state in ("PASS", "FAIL")}
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    about = {
        "device": options.device,
        "tiny": options.tiny,
        "seconds": round(time.monotonic() - begun, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
    }
    write_json(options.out, {**about, "checks": found})
    return min(1, counts["FAIL"])


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    made.add_argument("--tiny", action="store_true", help="small models, no goals of speed")
    made.add_argument("--stage", choices=tuple(LIMITS), action="append", help="only this one")
    made.add_argument("--out", type=Path, default=Path("gpu_check.json"), help="JSON to write")
    made.add_argument("--seconds", type=float, default=WHOLE, help="of all stages together")
    made.add_argument("--inside", help=argparse.SUPPRESS)
    made.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    return made


def inside(options: argparse.Namespace) -> None:
    """The process of one stage: outcomes to standard output, what libraries print to the log."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    place = Place(options.device, options.tiny, options.scratch)
    run_stage(options.inside, place, answers)
    answers.close()
    sys.stderr.flush()
    os._exit(0)  # engines leave threads behind whose teardown can hang


def outcomes(
    stage: str, options: argparse.Namespace, scratch: Path, seconds: float
) -> Iterator[dict[str, Any]]:
    """What the process of a stage says, and how it ended where it ended early."""
    if seconds < LEAST:
        yield whole(stage, "SKIP", 0.0, "no time is left; run it by itself with --stage")
        return
    scratch.mkdir(parents=True)
    log, begun = scratch / "log", time.monotonic()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command(stage, options, scratch),
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(options.device, scratch),
            start_new_session=True,
        )
        try:
            ended = yield from read(process, begun + seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    took = time.monotonic() - begun
    if not ended:
        yield whole(stage, "FAIL", took, f"no end within {seconds:.0f} s; {last(log)}")
    elif code != 0:
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"
        yield whole(stage, "FAIL", took, f"its process ended {how}; {last(log)}")


def command(stage: str, options: argparse.Namespace, scratch: Path) -> list[str]:
    """Of the process of a stage."""
    tiny = ["--tiny"] if options.tiny else []
    here = [sys.executable, str(Path(__file__).resolve()), "--device", options.device, *tiny]
    return [*here, "--inside", stage, "--scratch", str(scratch)]


def environment(device: str, scratch: Path) -> dict[str, str]:
    """No network, caches of its own, and no GPU where the CPU is asked for."""
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    return {
        **os.environ,
        **hidden,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "true",
        "EVALSUITE_CACHE": str(scratch / "cache"),
        "HF_HOME": str(scratch / "hub"),
    }


def read(process: subprocess.Popen[bytes], until: float) -> Generator[dict[str, Any], None, bool]:
    """Outcomes, line by line; returns whether the process closed its end in time."""
    assert process.stdout is not None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=LEAST)
                return True
            *lines, rest = (rest + chunk).split(b"\n")
            yield from map(json.loads, lines)
    return False


def whole(stage: str, state: str, seconds: float, why: str) -> dict[str, Any]:
    """An outcome of a stage as a whole."""
    return {
        "name": stage,
        "state": state,
        "seconds": round(seconds, 2),
        "numbers": {},
        "why": why,
    }


def last(log: Path) -> str:
    """The last words of a stage."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " / ".join(one.strip() for one in lines[-LAST:]) or "it said nothing"


def line(one: dict[str, Any]) -> str:
    """An outcome as it is printed."""
    numbers = " ".join(f"{name}={_short(value)}" for name, value in one["numbers"].items())
    said = " ".join(part for part in (numbers, one["why"]) if part)
    return f"{one['state']} {one['name']} {one['seconds']:.1f}s {said}".rstrip()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace(" ", "_")


if __name__ == "__main__":
    sys.exit(main())
